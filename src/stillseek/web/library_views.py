"""The library as clients see it: names in the place of paths."""

import threading
import time
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from stillseek.files import shown_name
from stillseek.library.saved_library import Library
from stillseek.library.settings import Settings
from stillseek.web.refusals import RefusedError

if TYPE_CHECKING:
    from stillseek.library.index_tables import IndexedVideo

# Videos play by many small requests, each of which asks where the file is.
_KNOWN_SECONDS = 2.0


class Catalogue:
    """Names, files and numbers of a library, where there is one; asked from any thread."""

    def __init__(self, library: Library | None) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._videos: dict[str, IndexedVideo] = {}
        self._paths: dict[str, Path] = {}
        self._names: dict[Path, str] = {}

    @property
    def library(self) -> Library:
        """The library.

        Raises:
            RefusedError: There is none.
        """
        if self._library is None:
            raise RefusedError(
                "not_found", "this service has no library; start it with --library FOLDER"
            )
        return self._library

    def find(self, name: str) -> tuple[Path, Path]:
        """The root and the file of a video.

        Raises:
            RefusedError: There is no such video, or no library.
        """
        self._read()
        path = self._paths.get(name)
        if path is None:
            raise RefusedError("not_found", f"the library has no video {shown_name(name)!r}")
        return path.parents[len(PurePosixPath(name).parts) - 2], path

    def name(self, path: Path) -> str:
        """The name of a video by its file."""
        self._read()
        return self._names.get(path, path.name)

    def videos(self, *, contains: str, offset: int, limit: int) -> dict[str, Any]:
        """Some of the videos whose name has a text in it, in order of name; case does not count."""
        self._read()
        wanted = contains.casefold()
        found = [
            video
            for name, video in self._videos.items()
            if not video.error and wanted in name.casefold()
        ]
        return {
            "total": len(found),
            "videos": [
                {
                    "source": f"library:{shown_name(video.name)}",
                    "name": shown_name(video.name),
                    "duration_seconds": video.duration_seconds,
                }
                for video in found[offset : offset + limit]
            ],
        }

    def stats(self) -> dict[str, Any]:
        """How much there is of what."""
        if Settings.read(self.library.folder) is None:
            numbers = ("videos", "failed", "clips", "rows", "index_bytes", "feature_bytes")
            return {
                "recipe": self.library.recipe.name,
                "roots": [],
                "seconds": 0.0,
            } | dict.fromkeys(numbers, 0)
        found = self.library.stats()
        # Of these the schema takes what clients may know.
        return asdict(found) | {"roots": [shown_name(name) for name in found.roots]}

    def forget(self) -> None:
        """Reads everything again when it is asked for: the library has changed."""
        with self._lock:
            self._read_at = float("-inf")

    def _read(self) -> None:
        library = self.library
        with self._lock:
            if time.monotonic() - self._read_at < _KNOWN_SECONDS:
                return
            settings = Settings.read(library.folder)
            if settings is None:
                return  # nobody has added anything
            videos = {video.name: video for video in library.videos()}
            if videos.keys() != self._videos.keys() or not self._paths:
                self._paths = {name: settings.path(name) for name in videos}
                self._names = {path: name for name, path in self._paths.items()}
            self._videos = videos
            self._read_at = time.monotonic()
