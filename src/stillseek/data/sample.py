"""One question of a data set: where in this video is the activity of this picture?"""

import math
from dataclasses import dataclass
from typing import Literal

from stillseek.errors import UsageError
from stillseek.timeline import Segment

Split = Literal["train", "seen", "validation", "test"]
QueryKind = Literal["simple", "difficult"]

# Durations are probed from containers and segments are annotated by hand: they may disagree by a
# rounding of the last digit that annotations carry.
_DURATION_SLACK_SECONDS = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One question: where in this video is the activity of this picture (section 5)?

    Attributes:
        sample_id: Unique in the manifest.
        video_id: The video file: its path in the folder of videos, without suffix and with ``/``
            between its parts; several samples may ask about it.
        duration_seconds: Length of the window, or of the file where there is no window.
        window: Part of the file that plays the untrimmed video; None for all of it.
        segment: The answer, relative to the start of the window or file.
        label: Class of the activity in the segment.
        split: Where the class belongs; ``seen`` holds other videos of training classes.
        query_kind: ``simple``: the image shows the same class; ``difficult``: a similar one.
        query_label: Class of the query image.
        query_video_id: Video that the query image is a frame of, never ``video_id``; None where
            the query is an image file.
        query_seconds: Time of the query frame in its video; None where there is no such video.
        query_image: Image file, relative to the folder of the manifest or absolute; None where
            the query is a frame of a video.
        source_video_id: The original video; samples of one source are not independent.
        pair_id: Shared by two samples of one video that ask for two different activities.
        taxonomy_distance: Edges between ``label`` and ``query_label`` in the class tree; 0 for
            the same class.

    Raises:
        UsageError: The fields contradict each other.
    """

    sample_id: str
    video_id: str
    duration_seconds: float
    window: Segment | None
    segment: Segment
    label: str
    split: Split
    query_kind: QueryKind
    query_label: str
    query_video_id: str | None
    query_seconds: float | None
    query_image: str | None
    source_video_id: str
    pair_id: str | None
    taxonomy_distance: int

    def __post_init__(self) -> None:
        if not (0 < self.duration_seconds < math.inf):
            raise UsageError(f"duration_seconds must be positive, got {self.duration_seconds}")
        if self.segment.end_seconds > self.duration_seconds + _DURATION_SLACK_SECONDS:
            raise UsageError(
                f"segment ends at {self.segment.end_seconds} s, after the video ends at "
                f"{self.duration_seconds} s; check the annotation"
            )
        if self.window is not None and not math.isclose(
            self.window.duration_seconds, self.duration_seconds, abs_tol=_DURATION_SLACK_SECONDS
        ):
            raise UsageError(
                f"window lasts {self.window.duration_seconds} s but duration_seconds is "
                f"{self.duration_seconds}"
            )
        is_frame = (self.query_video_id is not None, self.query_seconds is not None)
        if is_frame != ((self.query_image is None,) * 2):
            raise UsageError(
                "a query is a frame of a video or an image file: give query_video_id and "
                f"query_seconds, or query_image, got {self.query_video_id!r}, "
                f"{self.query_seconds!r} and {self.query_image!r}"
            )
        if self.query_seconds is not None and not 0 <= self.query_seconds < math.inf:
            raise UsageError(f"query_seconds must be at least 0, got {self.query_seconds}")
        if (self.query_kind == "simple") != (self.query_label == self.label):
            raise UsageError(
                f"a {self.query_kind} query of class {self.query_label!r} contradicts the class "
                f"{self.label!r}: simple means the same class, difficult another one"
            )
        if self.query_video_id == self.video_id:
            raise UsageError(f"the query image comes from the video {self.video_id!r} it searches")
