"""Which frame of an activity asks the question: the middle, a typical one, or one by hand.

The paper's authors chose "the most informative frame" by hand (section 5). A list of such choices
can be given; where the videos are at hand, the frame nearest the mean of its activity stands in.
"""

import csv
import json
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

import numpy as np

from stillseek.data.windows import Window
from stillseek.errors import DatasetError
from stillseek.features import Recipe
from stillseek.media import frames_at, probe
from stillseek.records import iterate_objects, parse_record, read_text, write_text_atomic

# The time of the query frame in the activity of a window, in seconds of its video.
FrameChoice = Callable[[Window], float]

# What ActivityNet's files have before a video's id.
_PREFIX = "v_"

# Enough to find a typical one, and few enough to be decoded for thousands of activities.
_NUM_CANDIDATES = 16


def middle_of(window: Window) -> float:
    """The middle of an activity, in seconds of its video."""
    segment = window.activity.segment
    return round((segment.start_seconds + segment.end_seconds) / 2, 3)


class ChosenFrames:
    """Frames chosen by hand; other activities ask with another frame.

    Args:
        path: CSV file with a header and the columns ``video``, with or without ``v_`` before its
            id, and ``seconds``: a time inside the activity that it stands for.
        other: The frame of an activity that no row chooses.

    Raises:
        DatasetError: The file cannot be read or is broken; the message names the line.
    """

    def __init__(self, path: Path, other: FrameChoice) -> None:
        self._path, self._other = path, other
        self._rows: dict[str, list[tuple[float, int]]] = {}
        rows = csv.DictReader(read_text(path).splitlines())
        missing = {"video", "seconds"} - set(rows.fieldnames or ())
        if missing:
            raise DatasetError(
                f"{path}: the first line must name the columns video and seconds; "
                f"{sorted(missing)[0]} is missing"
            )
        for row in rows:
            where = f"{path}, line {rows.line_num}"
            try:
                seconds = float(row["seconds"] or "")
            except ValueError:
                seconds = math.nan
            if not 0 <= seconds < math.inf:
                raise DatasetError(f"{where}: seconds must be a time, got {row['seconds']!r}")
            name = row["video"].removeprefix(_PREFIX)
            self._rows.setdefault(name, []).append((seconds, rows.line_num))

    def check(self, windows: Iterable[Window]) -> None:
        """Refuses a choice that lies in no activity, and a second one in the same activity.

        Args:
            windows: Those of all annotated videos, whether their files are there or not.

        Raises:
            DatasetError: It names the line.
        """
        chosen: dict[int, Window] = {}
        for window in windows:
            lines = [line for seconds, line in self._inside(window)]
            if len(lines) > 1:
                raise DatasetError(
                    f"{self._path}, line {lines[1]}: line {lines[0]} chose a frame of the same "
                    f"activity of video {window.video_id!r}; keep one of them"
                )
            chosen |= dict.fromkeys(lines, window)
        for name, rows in self._rows.items():
            for seconds, line in rows:
                if line not in chosen:
                    raise DatasetError(
                        f"{self._path}, line {line}: {seconds} s lies in no activity of video "
                        f"{name!r}; give a time inside one"
                    )

    def __call__(self, window: Window) -> float:
        """The time of the frame that was chosen for an activity, in seconds of its video."""
        inside = self._inside(window)
        return inside[0][0] if inside else self._other(window)

    def _inside(self, window: Window) -> list[tuple[float, int]]:
        """Times and lines of the choices in the activity of a window."""
        rows = self._rows.get(window.video_id.removeprefix(_PREFIX), ())
        return [(seconds, line) for seconds, line in rows if _holds(window, seconds)]


_Activity = tuple[str, float, float, str]


@dataclass(frozen=True, slots=True)
class _Choice:
    """A line of the file of choices."""

    video: str
    start: float
    end: float
    fingerprint: str
    seconds: float


class TypicalFrames:
    """The frame of an activity whose global feature is nearest to the activity's mean.

    Choices are kept in a file as they are made, so a build that was stopped goes on.

    Args:
        recipe: How frames become features.
        find: Where the file of a video is.
        cache: JSON Lines file that keeps the choices.

    Raises:
        DatasetError: The file of choices is broken.
    """

    def __init__(self, recipe: Recipe, find: Callable[[str], Path], cache: Path) -> None:
        self._recipe, self._find, self._cache = recipe, find, cache
        self._known: dict[_Activity, float] = {}
        if cache.exists():
            text = read_text(cache)
            whole = text[: text.rfind("\n") + 1]
            for where, row in iterate_objects(whole, cache):
                *activity, seconds = astuple(parse_record(_Choice, row, where))
                self._known[tuple(activity)] = seconds
            if whole != text:  # a kill cut off the last line
                write_text_atomic(cache, whole)

    def __call__(self, window: Window) -> float:
        """The time of the typical frame of an activity, in seconds of its video.

        Raises:
            MediaError: The video cannot be read.
            DatasetError: The video ends before the activity begins.
        """
        segment = window.activity.segment
        fingerprint = self._recipe.fingerprint
        activity = (window.video_id, segment.start_seconds, segment.end_seconds, fingerprint)
        if activity not in self._known:
            seconds = self._known[activity] = self._choose(window)
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            with self._cache.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(_Choice(*activity, seconds))) + "\n")
        return self._known[activity]

    def _choose(self, window: Window) -> float:
        path = self._find(window.video_id)
        segment, duration_seconds = window.activity.segment, probe(path).duration_seconds
        shares = (np.arange(_NUM_CANDIDATES) + 0.5) / _NUM_CANDIDATES
        times = [
            round(float(segment.start_seconds + share * segment.duration_seconds), 3)
            for share in shares
        ]
        times = [time for time in times if time < duration_seconds]
        if not times:
            raise DatasetError(
                f"{path} ends at {duration_seconds:.1f} s, before the activity at "
                f"{segment.start_seconds:.1f} s begins: it is not the annotated video; remove it"
            )
        frames = frames_at(path, times)
        features = np.stack([self._recipe.encode_pixels(frame).global_feature for frame in frames])
        distances = np.linalg.norm(features - features.mean(axis=0), axis=1)
        return times[int(distances.argmin())]


def _holds(window: Window, seconds: float) -> bool:
    segment = window.activity.segment
    return segment.start_seconds <= seconds < segment.end_seconds
