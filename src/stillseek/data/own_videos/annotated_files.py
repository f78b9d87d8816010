"""The files behind annotations: which video a name means, and the pictures of a class."""

import os
import unicodedata
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote, urlsplit

from stillseek.errors import DatasetError, MediaError, UsageError
from stillseek.media import probe
from stillseek.media.faults import entries_of
from stillseek.media.folder import VIDEO_SUFFIXES, videos_below


class VideoFolder:
    """The videos below a folder, found by the names that annotations give them.

    Args:
        folder: Where the videos are, in subfolders too.

    Raises:
        DatasetError: There is no video file.
        MediaError: The folder may not be looked into.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, list[Path]] = {}
        self._by_path: dict[str, set[str]] = {}
        self._by_name: dict[str, set[str]] = {}
        self._frame_rates: dict[Path, Fraction | None] = {}
        if folder.is_dir():
            entries_of(folder)
        for path in videos_below(folder):
            name = path.relative_to(folder).as_posix()
            video_id = name.removesuffix(path.suffix)
            self._files.setdefault(video_id, []).append(path)
            for ids, keys in (
                (self._by_path, (name, video_id)),
                (self._by_name, (path.name, path.stem)),
            ):
                for key in keys:
                    ids.setdefault(_normal(key), set()).add(video_id)
        if not self._files:
            raise DatasetError(
                f"there is no video file in {folder}; expected files that end in "
                f"{', '.join(sorted(VIDEO_SUFFIXES))}"
            )

    def find(self, name: str, *, prefix: str = "", elsewhere: bool = False) -> str:
        r"""The id of a video: its path below the folder, without suffix.

        Args:
            name: Path below the folder, or the name of a file that only one subfolder has; with
                suffix or without, and with ``/`` or ``\`` between its parts.
            prefix: What the files may have before their name and the name may have before theirs.
            elsewhere: Whether the path begins where an annotator had the videos: its first folders
                need not be here.

        Raises:
            UsageError: There is no such video, or more than one.
        """
        names = [name, name.replace("\\", "/")]
        if elsewhere:
            folders = names[-1].split("/")
            names += ["/".join(folders[place:]) for place in range(1, len(folders))]
        for written in dict.fromkeys(names):
            plain = _normal(written.removeprefix("./"))
            for key in (plain, prefix + plain, plain.removeprefix(prefix)):
                if found := self._by_path.get(key) or self._by_name.get(key):
                    return self._only(name, found)
        raise UsageError(
            f"there is no video {name!r} in {self._folder}; expected a path below it, with or "
            "without suffix"
        )

    def path(self, video_id: str) -> Path:
        """The file of a video that `find` gave."""
        return self._files[video_id][0]

    def frame_rate(self, name: str) -> Fraction:
        """Frames a second of the video that an annotation of another machine names.

        Raises:
            UsageError: There is no such video, or more than one, or its file tells no rate.
        """
        path = self.path(self.find(name, elsewhere=True))
        if path not in self._frame_rates:
            try:
                self._frame_rates[path] = probe(path).frame_rate
            except MediaError as error:
                raise UsageError(str(error)) from error
        if (rate := self._frame_rates[path]) is None:
            raise UsageError(
                f"{path} tells no frame rate, so frames have no time; convert the video, or export "
                "annotations in seconds"
            )
        return rate

    def _only(self, name: str, found: set[str]) -> str:
        files = [path for video_id in sorted(found) for path in self._files[video_id]]
        if len(files) == 1:
            return min(found)
        listed = " and ".join(str(path.relative_to(self._folder)) for path in files)
        if len(found) == 1:
            raise UsageError(
                f"video {name!r} may be {listed}, and a data set names videos without suffix; "
                "rename one of them"
            )
        raise UsageError(f"video {name!r} may be {listed}; write the path of the one that is meant")


def images_of_labels(folder: Path, labels: Iterable[str]) -> dict[str, tuple[Path, ...]]:
    """The files in subfolders that are called like a class, in order of name.

    Raises:
        DatasetError: No subfolder is called like a class, or one that is holds no file.
    """
    folders = {_normal(path.name): path for path in sorted(folder.glob("*/"))}
    found = {}
    for label in sorted(labels):
        if (place := folders.get(_normal(label))) is None:
            continue
        files = (path for path in place.iterdir() if path.is_file())
        found[label] = tuple(sorted(path for path in files if not path.name.startswith(".")))
        if not found[label]:
            raise DatasetError(f"{place} holds no image; add one or remove the folder")
    if not found:
        raise DatasetError(
            f"no folder in {folder} is called like a label; expected FOLDER/LABEL/image.jpg"
        )
    return found


def file_name(source: str) -> str:
    """An address or absolute path says where the annotator had the file: only its name is kept."""
    if "://" in source or source.startswith("file:"):
        return unquote(urlsplit(source).path).rpartition("/")[2]
    is_absolute = source.startswith(("/", "\\")) or source[1:2] == ":"
    return source.replace("\\", "/").rpartition("/")[2] if is_absolute else source


def relative_path(path: Path, start: Path) -> str:
    """The way from one folder to a file or folder; absolute where they share no drive."""
    # A link on the way would make ".." lead elsewhere; the file itself may be one.
    path = path.parent.resolve() / path.name
    try:
        return Path(os.path.relpath(path, start.resolve())).as_posix()
    except ValueError:
        return path.as_posix()


def _normal(name: str) -> str:
    """Some file systems store an accent as a character of its own."""
    return unicodedata.normalize("NFC", name)
