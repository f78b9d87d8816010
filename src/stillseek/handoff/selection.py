"""What is handed off: parts of videos, found or chosen, and the frames that they come to."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stillseek.errors import UsageError
from stillseek.files import shown_name
from stillseek.handoff.footage import Footage, footage_of
from stillseek.localize.arguments import check_type
from stillseek.localize.localization import Localization, format_score
from stillseek.localize.query_image import source_of
from stillseek.timeline import Segment

# Of a reel's name in CMX 3600, and those that mean something there.
_REEL_LENGTH = 8
_RESERVED_REELS = frozenset({"AX", "BL", "BLACK", "BARS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A part of a video to hand off.

    Attributes:
        video: The file.
        segment: The part.
        score: Probability in [0, 1] that it shows what was asked for; None where nobody knows.
        name: What people call it; None where it has no name.

    Raises:
        UsageError: A value is of the wrong type.
    """

    video: Path
    segment: Segment
    score: float | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        """Refuses what would only be noticed in the middle of writing."""
        check_type("video", self.video, Path, "a Path")
        check_type("segment", self.segment, Segment, "a Segment")
        check_type("score", self.score, float | int | None, "a number, or None")
        check_type("name", self.name, str | None, "a text, or None")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A selection in frames.

    Attributes:
        footage: How its video is counted.
        frames: Its frames, from 0 at the beginning of the file.
        label: Its name, number and score, as text in one line.
        name: Its name, if it has one.
        score: Its score, if it has one.
        reel: Name of the source, of at most 8 letters and digits.
    """

    footage: Footage
    frames: range
    label: str
    name: str | None
    score: float | None
    reel: str

    @property
    def clip_name(self) -> str:
        """The name of the file, as text in one line."""
        return shown_name(self.footage.video.name)

    @property
    def source(self) -> range:
        """Numbers of its frames in source time code."""
        first = self.footage.first_number
        return range(self.frames.start + first, self.frames.stop + first)

    @property
    def timecodes(self) -> tuple[str, str]:
        """Source time code of the first frame, and of the first one after it."""
        return self.footage.timecode(self.source.start), self.footage.timecode(self.source.stop)

    @property
    def bounds_seconds(self) -> tuple[float, float]:
        """Start of the first frame in the file's own time, and of the first one after it."""
        footage = self.footage
        return footage.seconds_of(self.frames.start), footage.seconds_of(self.frames.stop)


def check_selections(selections: Sequence[Selection]) -> None:
    """Refuses what is no sequence of selections."""
    check_type("selections", selections, Sequence, "a sequence of Selection")
    for selection in selections:
        check_type("a selection", selection, Selection, "a Selection")


def selections_of(results: Sequence[Localization]) -> list[Selection]:
    """The moments that were found, named after the picture that was asked with."""
    selections = []
    for found in results:
        picture = source_of(found.images[0])
        selections += [
            Selection(
                video=found.video,
                segment=moment.segment,
                score=moment.score,
                name=None if picture is None else picture.stem,
            )
            for moment in found.moments
        ]
    return selections


def padded(segment: Segment, pad_seconds: float, duration_seconds: float) -> Segment:
    """A segment with handles, as far as the video has them."""
    if not pad_seconds:
        return segment
    start = max(0.0, segment.start_seconds - pad_seconds)
    return Segment(
        start, max(segment.end_seconds, min(segment.end_seconds + pad_seconds, duration_seconds))
    )


def edits_of(
    selections: Sequence[Selection], *, pad_seconds: float, start_at_zero: bool, reel: str | None
) -> list[Edit]:
    """Selections in frames; every video is looked at once.

    Raises:
        UsageError: One reel is named for several videos, or a selection starts after its video.
        MediaError: A video can't be read.
    """
    videos = list(dict.fromkeys(selection.video for selection in selections))
    footages = {video: footage_of(video, start_at_zero=start_at_zero) for video in videos}
    reels = _reels(videos, reel)
    edits = []
    for number, selection in enumerate(selections, start=1):
        footage = footages[selection.video]
        if selection.segment.start_seconds >= footage.duration_seconds:
            raise UsageError(
                f"{selection.video} ends at {footage.duration_seconds:g} s, before the segment "
                f"starts at {selection.segment.start_seconds:g} s; choose an earlier one"
            )
        score = "" if selection.score is None else f" ({format_score(selection.score)})"
        segment = padded(selection.segment, pad_seconds, footage.duration_seconds)
        edits.append(
            Edit(
                footage=footage,
                frames=footage.frames(segment),
                label=f"{shown_name(selection.name or 'moment')} {number}{score}",
                name=None if selection.name is None else shown_name(selection.name),
                score=selection.score,
                reel=reels[selection.video],
            )
        )
    return edits


def check_reel(reel: str) -> None:
    """Refuses what is no name of a reel in CMX 3600.

    Raises:
        UsageError: It is longer than 8 letters and digits, has others, or means something else.
    """
    if not re.fullmatch(rf"[A-Za-z0-9_]{{1,{_REEL_LENGTH}}}", reel) or _is_reserved(reel):
        raise UsageError(
            f"reel {reel!r} is no name of a reel; expected 1 to {_REEL_LENGTH} letters, digits or "
            f"underscores, and none of {', '.join(sorted(_RESERVED_REELS))}"
        )


def _is_reserved(reel: str) -> bool:
    return reel.upper() in _RESERVED_REELS


def _reels(videos: Sequence[Path], given: str | None) -> dict[Path, str]:
    """A name for every video, which no two share."""
    if given is not None:
        if len(videos) > 1:
            raise UsageError(
                f"one reel name for {len(videos)} videos would make them one source; leave it "
                "out: each is named after its file"
            )
        return dict.fromkeys(videos, given)
    reels: dict[Path, str] = {}
    for number, video in enumerate(videos, start=1):
        reel = re.sub(r"[^A-Z0-9]", "", video.stem.upper())[:_REEL_LENGTH]
        if not reel or _is_reserved(reel) or reel in reels.values():
            ending = f"{number:02d}"
            while (reel := reel[: _REEL_LENGTH - len(ending)] + ending) in reels.values():
                ending = f"{int(ending) + len(videos):02d}"
        reels[video] = reel
    return reels
