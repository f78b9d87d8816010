"""Videos that browsers play, of those that they do not: made once, kept for a time."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from stillseek.files import remove_left_over
from stillseek.media import cut, probe
from stillseek.timeline import Segment

# Somebody waits for it.
_PRESET = "veryfast"


class Previews:
    """The folder of previews."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        remove_left_over(folder)

    def path(self, video: Path) -> Path:
        """Where the preview of a video is, or will be; a changed file has another one."""
        state = video.stat()
        text = f"{video}\n{state.st_size}\n{state.st_mtime_ns}"
        return self._folder / f"{hashlib.sha256(text.encode(errors='replace')).hexdigest()}.mp4"

    def make(self, video: Path, on_progress: Callable[[float, float], None]) -> None:
        """Makes the preview of a video, where it is not there: H.264 and AAC in MP4.

        `on_progress` is called with the seconds that are done, and the seconds in total.

        Raises:
            MediaError: The video cannot be read.
        """
        out = self.path(video)
        if out.exists():
            return
        seconds = probe(video).duration_seconds
        whole = Segment(0.0, seconds)
        cut(video, whole, out, preset=_PRESET, on_progress=lambda done: on_progress(done, seconds))

    def sweep(self, oldest: float) -> None:
        """Removes those that were made before a time in seconds since 1970."""
        for path in self._folder.iterdir():
            # One that is just made gets its name.
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest:
                    path.unlink()
