"""What a library's own file says: its recipe, which index answers, and where its videos are."""

import json
import os
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from stillseek.errors import LibraryError, UsageError
from stillseek.features import RecipeOptions
from stillseek.files import MADE_BY, json_text, replacing, shown_name
from stillseek.models.checkpoint_header import options_as_json, options_from_json

FILE, FEATURES = "library.json", "features"
_VERSION = 2
_INDEX = re.compile(r"index-[0-9a-f-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryRecipe:
    """How the pixels of a library become features.

    Attributes:
        name: Name of the recipe.
        options: How it is loaded.
        fingerprint: Of the recipe.
    """

    name: str
    options: RecipeOptions
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The file ``library.json``.

    Attributes:
        folder: The library.
        recipe: How pixels become features.
        index: Name of the folder of the index that answers.
        roots: Folders of videos by name: relative to the library where both are on one disk, so
            that they move together.
        origin: URL at which it was published; empty for a library that is written here.
        source: Folder that it was published from.
    """

    folder: Path
    recipe: LibraryRecipe
    index: str
    roots: dict[str, str] = field(default_factory=dict)
    origin: str = ""
    source: str = ""

    @property
    def features(self) -> Path | str:
        """Where the features of the clips are."""
        return f"{self.origin}/{FEATURES}" if self.origin else self.folder / FEATURES

    @classmethod
    def read(cls, folder: Path) -> "Settings | None":
        """The settings of a library; None where there is none.

        Raises:
            LibraryError: The file is broken, of another version, or of no library.
        """
        file = folder / FILE
        try:
            return cls.parse(file.read_bytes(), folder, file)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise LibraryError(f"cannot read {file} ({error}); copy the library again") from error

    @classmethod
    def parse(cls, content: bytes, folder: Path, file: Path | str) -> "Settings":
        """The settings from the bytes of their file.

        Args:
            content: The bytes.
            folder: The library.
            file: What messages call the file.

        Raises:
            LibraryError: They are broken, of another version, or of no library.
        """
        try:
            values: Any = json.loads(content)
        except ValueError as error:
            raise LibraryError(f"cannot read {file} ({error}); copy the library again") from error
        if not isinstance(values, dict) or values.get("made_by") != MADE_BY:
            raise LibraryError(
                f"{file} is of no library of stillseek; give the folder of one, or an empty one "
                "for a new library"
            )
        version = values.get("version")
        if version != _VERSION:
            raise LibraryError(
                f"{file} has version {version!r}, expected {_VERSION}; use the stillseek version "
                "that wrote it, or make a new library"
            )
        try:
            recipe = values["recipe"]
            if not _INDEX.fullmatch(values["index"]):
                raise ValueError(f"there is no index {values['index']!r}")
            options = options_from_json(Path(file), recipe["options"])
            return cls(
                folder=folder,
                recipe=LibraryRecipe(
                    name=recipe["name"], options=options, fingerprint=recipe["fingerprint"]
                ),
                index=values["index"],
                roots=dict(values["roots"]),
                origin=values.get("origin", ""),
                source=values.get("source", ""),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise LibraryError(f"{file} is broken ({error}); copy the library again") from error

    def to_bytes(self) -> bytes:
        """What `parse` reads."""
        values = {
            "made_by": MADE_BY,
            "version": _VERSION,
            "recipe": asdict(self.recipe) | {"options": options_as_json(self.recipe.options)},
            "index": self.index,
            "roots": self.roots,
        }
        if self.origin:
            values |= {"origin": self.origin, "source": self.source}
        return (json_text(values, indent=1) + "\n").encode()

    def write(self) -> None:
        """Replaces the file in one step."""
        with replacing(self.folder / FILE) as place:
            place.write_bytes(self.to_bytes())

    def root(self, name: str) -> Path:
        """Where a root is now."""
        return Path(os.path.normpath(self.folder.absolute() / self.roots[name]))

    def path(self, name: str) -> Path:
        """Where a video is, from `IndexedVideo.name`."""
        root, _, below = name.partition("/")
        return self.root(root) / below

    def name(self, path: Path) -> str | None:
        """The name of a video, below the deepest root that holds it; None where none does."""
        absolute = _absolute(path)
        holding = [
            (place, root)
            for root in self.roots
            if absolute.is_relative_to(place := self.root(root))
        ]
        if not holding:
            return None
        place, root = max(holding, key=lambda each: len(each[0].parts))
        return f"{root}/{absolute.relative_to(place).as_posix()}"

    def nothing_called(self, pattern: str) -> UsageError:
        """Says that no video has this name, path or pattern."""
        return UsageError(
            f"nothing in the library {self.folder} is called {pattern!r}; stillseek library list "
            "shows the names"
        )

    def beginnings(self, place: str) -> tuple[str, ...]:
        """What the names of all videos of a folder begin with, or a whole name with a / behind it.

        Args:
            place: The path of a folder or video, or how names begin.
        """
        if not place:
            return ()
        there, found = _absolute(Path(place)), [f"{place.rstrip('/')}/"]
        for root in self.roots:
            folder = self.root(root)
            if folder.is_relative_to(there):
                found.append(f"{root}/")
            elif there.is_relative_to(folder):
                found.append(f"{root}/{there.relative_to(folder).as_posix()}/")
        return tuple(found)

    def with_root(self, folder: Path, name: str | None = None) -> "Settings":
        """These settings with one more root, or with another place for the one of this name.

        Args:
            folder: The folder of videos.
            name: What it is called; None takes the folder's name, with a number where it is taken.
        """
        place = _absolute(folder)
        if name is None:
            wanted = shown_name(place.name) or "root"
            count = 1
            name = wanted
            while name in self.roots:
                count += 1
                name = f"{wanted}-{count}"
        here = self.folder.absolute()
        is_near = _device(here) == _device(place)
        text = os.path.relpath(place, here) if is_near else str(place)
        return replace(self, roots=self.roots | {name: text})


def _absolute(path: Path) -> Path:
    return Path(os.path.normpath(path.absolute()))


def _device(path: Path) -> int | None:
    while not path.exists():
        path = path.parent
    return path.stat().st_dev
