"""What is handed off: parts of videos, found or chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stillseek.localize.localization import Localization
from stillseek.localize.query_image import source_of
from stillseek.timeline import Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A part of a video to hand off.

    Attributes:
        video: The file.
        segment: The part.
        score: Probability in [0, 1] that it shows what was asked for; None where nobody knows.
        name: What people call it; None where it has no name.
    """

    video: Path
    segment: Segment
    score: float | None = None
    name: str | None = None


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
