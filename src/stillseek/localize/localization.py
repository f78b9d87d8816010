"""What a search in one video gives back."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from stillseek.localize.query_image import QueryImage, source_of
from stillseek.timeline import ClipGrid, Moment, Segment


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Similarity:
    """How much a video looks like the query over time: the curve that people see.

    Attributes:
        times_seconds: Middle of each clip, in order.
        values: In [0, 1], one a clip; 0 where a clip shows nothing. Calibrated, it is the
            probability that the activity is in the video as this clip alone has it, and the
            highest is the presence. Otherwise it compares inside one video only: from 0.5 on a
            clip is like the query.
        threshold: Value from which the activity is said to be there; None where not calibrated.
    """

    times_seconds: Float[np.ndarray, " clip"]
    values: Float[np.ndarray, " clip"]
    threshold: float | None


def middles_seconds(grid: ClipGrid) -> Float[np.ndarray, " step"]:
    """Middle of each step of a grid in seconds, in order."""
    edges = np.array(grid.edges_seconds())
    return (edges[:-1] + edges[1:]) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Localization:
    """Where the activity of the query images happens in one video.

    Attributes:
        video: The video file.
        images: The query images, one or more: files, frames of videos, or the pixels of pictures
            that are neither.
        boxes: The part of each image that was asked for, as left, top, width, height in pixels
            after EXIF rotation; None is the whole image.
        unlike: Pictures of what the activity is not.
        recipe: Recipe that made the features.
        fingerprint: Fingerprint of that recipe.
        model: Head that found the moments; with ", places by matching" where likeness said where
            to look and gave the moments their order.
        duration_seconds: Length of the video, up to where it can be decoded.
        presence: Calibrated probability in [0, 1] that the activity is in the video at all; None
            where the recipe is not calibrated.
        threshold: Presence from which the activity is said to be in the video; None likewise.
        uncalibrated: Why presence, or the moments' scores, are None; None where they are not.
        similarity: How much the video looks like the query over time; None where the recipe
            encodes clips and pictures with different networks.
        moments: What was found, best first; nothing only where independent decoding put the end
            before the start.
        steps: Time that each step of the model covers, in order.
        start_probabilities: ``p^s`` (section 4.4): probability that the activity starts in a step
            (see `boundary_probabilities` for heads that score clips).
        end_probabilities: ``p^e``: probability that it ends in a step.
        looked_closer: Whether the moments come from closer looks at a long video than the
            probabilities, which are of one look at all of it.
        centre: What all clips share, which `explain` takes away before it compares (``m`` of
            `Matching`, not whitened); None where there is no similarity.
    """

    video: Path
    images: tuple[QueryImage, ...]
    boxes: tuple[tuple[int, int, int, int] | None, ...]
    recipe: str
    fingerprint: str
    model: str
    duration_seconds: float
    presence: float | None
    threshold: float | None = None
    uncalibrated: str | None = None
    similarity: Similarity | None = None
    moments: tuple[Moment, ...]
    steps: tuple[Segment, ...]
    start_probabilities: Float[np.ndarray, " step"]
    end_probabilities: Float[np.ndarray, " step"]
    looked_closer: bool = False
    centre: Float[np.ndarray, " clip_dim"] | None = None
    unlike: tuple[QueryImage, ...] = ()

    @property
    def best(self) -> Segment | None:
        """The best moment's segment; None where there is no moment."""
        return self.moments[0].segment if self.moments else None

    @property
    def found(self) -> bool | None:
        """Whether the activity is in the video, by the threshold; None where not calibrated."""
        if self.presence is None or self.threshold is None:
            return None
        return self.presence >= self.threshold

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that were read: the video, and those of query images."""
        return self.video, *(
            file for image in (*self.images, *self.unlike) if (file := source_of(image)) is not None
        )

    def to_json_dict(self) -> dict[str, object]:
        """The result as ``stillseek locate --json`` prints it; the keys are a public contract."""
        return {
            "video": str(self.video),
            "image": _names(self.images),
            "unlike": _names(self.unlike),
            "recipe": self.recipe,
            "model": self.model,
            "duration_seconds": self.duration_seconds,
            "presence": self.presence,
            "found": self.found,
            "uncalibrated": self.uncalibrated,
            "moments": [asdict(moment) for moment in self.moments],
            "similarity": None if self.similarity is None else _curve(self.similarity),
        }


def _names(images: Sequence[QueryImage]) -> list[str | None]:
    """Files by their path, frames as ``PATH@SECONDS``, and null for a picture that is neither."""
    return [None if isinstance(image, np.ndarray) else str(image) for image in images]


def _curve(similarity: Similarity) -> dict[str, object]:
    """Rounded, as two hours have 14,400 of them: milliseconds, and four digits."""
    return {
        "times_seconds": np.round(similarity.times_seconds, 3).tolist(),
        "values": np.round(similarity.values, 4).tolist(),
        "threshold": similarity.threshold,
    }


def format_time(seconds: float, *, decimals: int = 0) -> str:
    """Seconds as people read them: ``m:ss``, with hours where there are any.

    Args:
        seconds: Time since the start of the video, at least 0.
        decimals: Digits after the decimal point of the seconds.
    """
    # Rounding comes first, or 59.96 s would print as 0:60.
    ticks = round(seconds * 10**decimals)
    whole, fraction = divmod(ticks, 10**decimals)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
    return f"{clock}.{fraction:0{decimals}d}" if decimals else clock


def format_score(score: float | None) -> str:
    """A probability as people read it, such as ``87%``; a dash where there is none."""
    return "-" if score is None else f"{100 * score:.0f}%"


def presence_in_words(localization: Localization) -> str:
    """Whether the activity is in the video, as people say it, or why nobody knows."""
    if localization.presence is None:
        return f"no probability: {localization.uncalibrated}"
    if localization.found is False:
        return f"probably not in this video ({format_score(localization.presence)})"
    return f"in this video with probability {format_score(localization.presence)}"


def format_span(segment: Segment) -> str:
    """Start and end of a segment as people read them, e.g. ``0:13.5 to 0:20.0``."""
    ends = segment.start_seconds, segment.end_seconds
    return " to ".join(format_time(seconds, decimals=1) for seconds in ends)
