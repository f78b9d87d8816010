"""Video files in folders: which files count, and how a name without suffix finds its file."""

from functools import lru_cache
from pathlib import Path

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts"}
    | {".ogv", ".ts", ".webm", ".wmv"}
)


def videos_below(folder: Path) -> list[Path]:
    """The video files in a folder and below it, in order of name."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()
    )


def find_video(folder: Path, name: str) -> Path:
    """The file of a video that is named by its path below a folder, without suffix.

    Args:
        folder: Where videos are.
        name: Relative path without suffix, with ``/`` between its parts.

    Returns:
        The file with any video suffix, ``.mp4`` before all others; ``NAME.mp4`` where there is
        none, so that whoever opens it can say what is missing.
    """
    expected = folder / f"{name}.mp4"
    if expected.is_file():
        return expected
    try:
        changed = expected.parent.stat().st_mtime_ns
    except OSError:
        return expected
    return _by_stem(expected.parent, changed).get(expected.name.removesuffix(".mp4"), expected)


@lru_cache(maxsize=256)
def _by_stem(folder: Path, changed_ns: int) -> dict[str, Path]:
    """The videos of one folder; listed again when the folder changes."""
    videos = (path for path in folder.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES)
    return {path.stem: path for path in sorted(videos, reverse=True)}
