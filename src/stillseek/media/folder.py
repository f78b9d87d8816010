"""Video files in folders: which files count, and how a name without suffix finds its file."""

from collections import deque
from collections.abc import Sequence
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path

from stillseek.errors import MediaError, UsageError
from stillseek.files import LEFT_OVER, refuse_url
from stillseek.media.faults import entries_of

VIDEO_SUFFIXES = frozenset(
    {".3g2", ".3gp", ".asf", ".avi", ".divx", ".f4v", ".flv", ".gif", ".m2ts", ".m2v", ".m4v"}
    | {".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogg", ".ogm", ".ogv", ".qt"}
    | {".ts", ".vob", ".webm", ".wmv"}
)


def find_videos(places: Sequence[Path]) -> list[Path]:
    """The files given, and the video files below the folders given, in order of name; each once.

    Folders below that may not be looked into are among them: whoever tries to read one as a video
    tells of it.

    Raises:
        UsageError: A folder has no video file in it, or a place is a URL.
        MediaError: A folder given may not be looked into.
    """
    found = []
    for place in places:
        refuse_url(place, "video")
        if not place.is_dir():
            found.append(place)
            continue
        entries_of(place)
        videos, locked = look_below(place)
        if not videos and not locked:
            raise UsageError(f"there is no video file in {place}; give files or another folder")
        found += sorted([*videos, *locked])
    return list(dict.fromkeys(found))


def videos_below(folder: Path) -> list[Path]:
    """The video files in a folder and below it, in order of name, as far as it may be read."""
    return look_below(folder)[0]


def look_below(folder: Path) -> tuple[list[Path], list[Path]]:
    """The video files in a folder and below it, and what may not be looked into; in order of name.

    Linked folders count as well; one that is reached in several ways counts once, by the way that
    has no link in it.
    """
    videos, locked = list[Path](), list[Path]()
    seen: set[tuple[int, int]] = set()
    real, linked = deque([folder]), deque[Path]()
    while real or linked:
        here = real.popleft() if real else linked.popleft()
        if not here.is_dir():
            continue
        state = here.stat()
        if (state.st_dev, state.st_ino) in seen:
            continue
        seen.add((state.st_dev, state.st_ino))
        try:
            inside = entries_of(here)
        except MediaError:
            locked.append(here)
            continue
        for path in inside:
            try:
                if path.is_dir():
                    (linked if path.is_symlink() else real).append(path)
                elif is_video_name(path) and path.is_file():
                    videos.append(path)
            except PermissionError:  # of a link to elsewhere
                locked.append(path)
    return sorted(videos), sorted(locked)


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
    videos = (path for path in folder.iterdir() if is_video_name(path))
    return {path.stem: path for path in sorted(videos, reverse=True)}


def is_video_name(path: Path) -> bool:
    """Whether a file is called as videos are."""
    # What macOS puts beside a file on foreign disks has its name, and nothing to see; what a writer
    # that was killed left is half a file.
    is_none = path.name.startswith("._") or fnmatch(path.name, LEFT_OVER)
    return path.suffix.lower() in VIDEO_SUFFIXES and not is_none
