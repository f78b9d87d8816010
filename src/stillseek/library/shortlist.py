"""Which videos of an index are worth a closer look, and what is known of them without a head."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from stillseek.features import VideoFeatures
from stillseek.library.index_tables import IndexedVideo, Rows
from stillseek.library.space import ROW_STRIDE, Question, Space
from stillseek.localize.localization import Localization, Similarity, middles_seconds
from stillseek.localize.query_image import Box, QueryImage
from stillseek.models.calibration import penalties
from stillseek.timeline import Moment

MODEL = "shortlist"
"""What answers without a head are found by."""

# Clips beside a moment that its smoothing reaches.
_MARGIN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is searched for.

    Attributes:
        images: The pictures.
        boxes: The part of each that is meant.
        unlike: Pictures of what the activity is not.
        wanted: The pictures in the space.
        unwanted: Each picture of ``unlike`` in the space.
    """

    images: tuple[QueryImage, ...]
    boxes: tuple[Box | None, ...]
    unlike: tuple[QueryImage, ...]
    wanted: Question
    unwanted: tuple[Question, ...]


def best_videos(
    space: Space,
    rows: Rows,
    question: Question,
    lengths: dict[int, int],
    number: int,
) -> list[int]:
    """The videos with the best rows, best first; every row is compared.

    Rows of one video count once, by the best of them: each is the mean of some neighbouring clips.
    Where there is a calibration, the order is about that of presence: as many rows count as have
    the clips that speak for it, and long videos need more.

    Args:
        space: Where rows and pictures are compared.
        rows: The rows.
        question: The pictures.
        lengths: Clips that show something, of each video that may be found.
        number: Most videos.
    """
    if not len(rows.videos):
        return []
    speaking = 1 if space.calibration is None else space.calibration.best_clips
    best = _mean_of_best(
        question.compare(rows.vectors).astype(np.float64), rows.starts, -(-speaking // ROW_STRIDE)
    )
    clips = np.array([lengths.get(video, 0) for video in rows.videos.tolist()])
    if space.calibration is not None:
        weight = space.calibration.length / space.calibration.similarity
        best += weight * np.log2(np.maximum(clips / 120, 1.0))
    best[clips == 0] = -np.inf
    order = np.argsort(-best, kind="stable")[:number]
    return [int(rows.videos[place]) for place in order if best[place] > -np.inf]


def _mean_of_best(
    values: Float[np.ndarray, " row"], starts: Int[np.ndarray, " video"], number: int
) -> Float[np.ndarray, " video"]:
    """Mean of the largest values of each video, or of all where it has fewer."""
    sizes = np.diff(starts, append=len(values))
    video = np.repeat(np.arange(len(starts)), sizes)
    left, sums = values.copy(), np.zeros(len(starts))
    for _ in range(number):
        best = np.maximum.reduceat(left, starts)
        sums += np.where(np.isfinite(best), best, 0.0)
        places = np.flatnonzero(left == best[video])
        # One of equals goes, the first.
        left[places[np.flatnonzero(np.diff(video[places], prepend=-1))]] = -np.inf
    return sums / np.minimum(sizes, number)


def answer(
    space: Space,
    asked: Asked,
    features: VideoFeatures,
    video: IndexedVideo,
    path: Path,
    *,
    recipe: str,
    moments: int,
) -> Localization:
    """Moments of one video by its clips' likeness alone.

    Args:
        space: Where clips and pictures are compared.
        asked: The pictures.
        features: The video's clips.
        video: The video.
        path: Its file.
        recipe: Name of the recipe.
        moments: Most moments.
    """
    calibration, grid = space.calibration, features.grid
    shown = curve(space, asked, features.clips)
    values = np.exp(-np.logaddexp(0.0, -shown)) if calibration else np.clip(shown, 0.0, 1.0)
    found = []
    for first, last in peaks(shown, moments):
        time = grid.segment(first, last)
        # Scores are calibrated for the moments of heads, which are longer.
        found.append(Moment(time.start_seconds, time.end_seconds, None))
    threshold = None if calibration is None else calibration.threshold
    why = f"recipe {recipe} has no calibration; recipe lite has one"
    if calibration is not None:
        why = "moments that are found without a head have no scores"
    return Localization(
        video=path,
        images=asked.images,
        boxes=asked.boxes,
        unlike=asked.unlike,
        recipe=recipe,
        fingerprint=features.fingerprint,
        model=MODEL,
        duration_seconds=video.duration_seconds,
        presence=None if calibration is None else float(calibration.presence(shown)),
        threshold=threshold,
        uncalibrated=why,
        similarity=Similarity(
            times_seconds=middles_seconds(grid),
            values=values,
            threshold=threshold,
        ),
        moments=tuple(found),
        steps=(),
        start_probabilities=np.empty(0),
        end_probabilities=np.empty(0),
    )


def curve(
    space: Space, asked: Asked, clips: Float[np.ndarray, "clip dim"]
) -> Float[np.ndarray, " clip"]:
    """Log odds of presence by clip, or evidence where there is no calibration.

    It falls where a clip is more like a picture of what the activity is not.
    """
    logits = [_logits(space, clips, each) for each in (asked.wanted, *asked.unwanted)]
    return logits[0] + penalties(logits[0], logits[1:])


def without_moment(
    space: Space, asked: Asked, features: VideoFeatures, seconds: float
) -> VideoFeatures:
    """A video in which the moment at a time shows nothing."""
    shown = curve(space, asked, features.clips)
    starts = features.grid.edges_seconds()[:-1]
    clip = max(0, int(np.searchsorted(starts, seconds, side="right")) - 1)
    first, last = _run(shown, clip, _middle(shown))
    clips = features.clips.copy()
    clips[max(0, first - _MARGIN) : last + 1 + _MARGIN] = 0
    return replace(features, clips=clips)


def _logits(
    space: Space, clips: Float[np.ndarray, "clip dim"], question: Question
) -> Float[np.ndarray, " clip"]:
    """Log odds of presence by clip, or evidence where there is no calibration."""
    evidence = space.evidence(clips, question).astype(np.float64)
    if space.calibration is None:
        return evidence
    background = np.array([question.background])
    calibration = space.calibration.for_pictures(question.num_pictures)
    return calibration.log_odds(evidence[None], background)[0]


def peaks(curve: Float[np.ndarray, " clip"], number: int) -> list[tuple[int, int]]:
    """Runs of clips around the highest points of a curve, first and last clip, best first.

    A run goes on as long as the curve is nearer to its highest point than to the middle of the
    whole curve: neighbours are one moment, and found once.
    """
    left: Float[np.ndarray, " clip"] = curve.copy()
    found: list[tuple[int, int]] = []
    while len(found) < number and np.isfinite(left.max()):
        first, last = _run(left, int(left.argmax()), _middle(curve))
        found.append((first, last))
        left[first : last + 1] = -np.inf
    return found


def _middle(curve: Float[np.ndarray, " clip"]) -> float:
    finite = curve[np.isfinite(curve)]
    return float(np.median(finite)) if len(finite) else 0.0


def _run(curve: Float[np.ndarray, " clip"], clip: int, middle: float) -> tuple[int, int]:
    """First and last clip of the run that holds a clip."""
    outside = np.flatnonzero(curve < (curve[clip] + middle) / 2)
    before, after = outside[outside < clip], outside[outside > clip]
    first = int(before[-1]) + 1 if len(before) else 0
    last = int(after[0]) - 1 if len(after) else len(curve) - 1
    return first, last
