"""From what clients call a file to the file: only inside of what they may name."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from stillseek.files import shown_name
from stillseek.media.folder import is_video_name
from stillseek.web.library_views import Catalogue
from stillseek.web.refusals import RefusedError
from stillseek.web.uploads import PICTURE_SUFFIXES, Uploads

_EXPECTED = (
    "a source is upload:ID, folder:NAME/path of a file in an allowed folder, or library:VIDEO"
)


class Sources:
    """The files that clients may name.

    Args:
        uploads: What they have sent.
        folders: Folders that they may look into, by name; their links are resolved.
        catalogue: Names of the videos of the library.
        shown_as: What messages say in the place of other paths.
    """

    def __init__(
        self,
        uploads: Uploads,
        folders: Mapping[str, Path],
        catalogue: Catalogue,
        shown_as: Mapping[Path, str],
    ) -> None:
        self._uploads = uploads
        self._folders = folders
        self._catalogue = catalogue
        places = {**shown_as, **{root: name for name, root in folders.items()}}
        # The deepest first: one may lie in another.
        self._shown_as = sorted(
            ((place, name) for place, name in places.items() if len(place.parts) > 1),
            key=lambda each: -len(each[0].parts),
        )

    def path(self, source: str) -> Path:
        """The file of a source, links resolved.

        Raises:
            RefusedError: There is no such file, or it lies outside of what may be named.
        """
        kind, _, name = source.partition(":")
        match kind:
            case "upload":
                return self._uploads.path(name)
            case "folder":
                folder, _, below = name.partition("/")
                return self._checked(self.inside(folder, below), source)
            case "library":
                root, path = self._catalogue.find(name)
                return self._checked(_resolved(root.resolve(), path, source), source)
            case _:
                raise RefusedError("usage", f"{shown_name(source)!r} is no source; {_EXPECTED}")

    def kind(self, source: str) -> str:
        """What a source is, ``video`` or ``image``: of an upload by content, else by its name.

        Raises:
            RefusedError: There is no such file, or it lies outside of what may be named.
        """
        kind, _, name = source.partition(":")
        if kind == "upload":
            return self._uploads.find(name).kind
        return kind_by_name(self.path(source)) or "video"

    def name(self, source: str) -> str:
        """What people call a source."""
        kind, _, name = source.partition(":")
        return self._uploads.name(name) if kind == "upload" else PurePosixPath(name).name

    def below(self, source: str) -> str:
        """The way to a source from the folder that holds it and others; of an upload its name."""
        kind, _, name = source.partition(":")
        return self._uploads.name(name) if kind == "upload" else name.partition("/")[2]

    def inside(self, folder: str, below: str) -> Path:
        """A file or folder inside an allowed folder, links resolved.

        Raises:
            RefusedError: There is no such place, or it lies outside.
        """
        root = self._folders.get(folder)
        if root is None:
            names = ", ".join(map(shown_name, self._folders))
            advice = f"those are {names}" if names else "start the service with --folder DIR"
            message = f"there is no allowed folder {shown_name(folder)!r}; {advice}"
            raise RefusedError("not_found", message)
        parts = PurePosixPath(below).parts
        # Before the disk is asked: what is outside must not even be known to be there.
        if "\0" in below or "\\" in below or ".." in parts or below.startswith("/"):
            raise _outside(f"folder:{folder}/{below}")
        return _resolved(root, root.joinpath(*parts), f"folder:{folder}/{below}")

    def is_inside(self, folder: str, path: Path) -> bool:
        """Whether a file lies inside an allowed folder, links resolved."""
        try:
            return path.resolve(strict=True).is_relative_to(self._folders[folder])
        except (OSError, RuntimeError):
            return False

    def entries(self, folder: str, below: str) -> list[dict[str, object]]:
        """What is right in an allowed folder: folders, videos and pictures, in order of name.

        Raises:
            RefusedError: There is no such folder.
        """
        place = self.inside(folder, below)
        if not place.is_dir():
            raise RefusedError("not_found", f"{shown_name(below)!r} is no folder; name one")
        prefix = "/".join((folder, *PurePosixPath(below).parts))
        found: list[dict[str, object]] = []
        for path in sorted(place.iterdir()):
            kind = self._kind(path)
            if kind is None or path.name.startswith("."):
                continue
            is_file = kind != "folder"
            found.append(
                {
                    "name": path.name,
                    "kind": kind,
                    "source": f"folder:{prefix}/{path.name}" if is_file else None,
                    "size_bytes": path.stat().st_size if is_file else None,
                }
            )
        return found

    def hidden(self, text: str) -> str:
        """A message without places: of uploads their names, of others what is below."""
        text = re.sub(
            rf"{re.escape(str(self._uploads.folder))}/([0-9a-f]{{32}})(\.\w+)?",
            lambda match: self._uploads.name(match[1], default="the upload"),
            text,
        )
        for place, name in self._shown_as:
            text = re.sub(rf"{re.escape(str(place))}(?![\w.-])", lambda _, name=name: name, text)
        return text

    def _kind(self, path: Path) -> str | None:
        """What a file in a folder is to clients, None where they may not see it."""
        try:
            real = path.resolve(strict=True)
            path.name.encode()
        except (OSError, RuntimeError, UnicodeEncodeError):
            return None
        if not any(real.is_relative_to(root) for root in self._folders.values()):
            return None
        return "folder" if real.is_dir() else kind_by_name(real) if real.is_file() else None

    def _checked(self, path: Path, source: str) -> Path:
        if not path.is_file():
            raise _missing(source)
        if kind_by_name(path) is None:
            raise RefusedError(
                "unsupported_type", f"{shown_name(source)!r} is neither a video nor a picture"
            )
        return path


def kind_by_name(path: Path) -> str | None:
    """``video`` or ``image`` by a file's name; None where it is called like neither."""
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return "image"
    return "video" if is_video_name(path) else None


def _resolved(root: Path, path: Path, source: str) -> Path:
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise _missing(source) from error
    if not real.is_relative_to(root):
        raise _outside(source)
    return real


def _missing(source: str) -> RefusedError:
    return RefusedError("not_found", f"there is no file {shown_name(source)!r}; check its name")


def _outside(source: str) -> RefusedError:
    return RefusedError(
        "forbidden",
        f"{shown_name(source)!r} leads out of the folder; name a file inside, without .. and links "
        "to elsewhere",
    )
