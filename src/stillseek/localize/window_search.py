"""Moments of a video of any length: one look, a coarse look and closer ones, or every window."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from stillseek.errors import FeatureError, UsageError
from stillseek.localize.arguments import check_choice, check_type, check_whole
from stillseek.models.decoding import GAP_CLIPS, DecodeMethod, check_decoding, decode
from stillseek.scores import Scores, pool_steps
from stillseek.timeline import MAX_STEPS, ClipGrid, Moment, Segment

SearchMethod = Literal["refined", "exhaustive", "pooled"]
"""How a video of more clips than the head was trained with, 200 where nothing else was said.

- "refined": where clips look like the picture, and then a closer look of the head at each place.
  Where it is known how sure each clip is, places are the surest clips.
- "exhaustive": the head looks at every window of so many clips, each half over the next one.
- "pooled": one look at the whole video, downsampled to so many steps (section 6.1).
"""

Scorer = Callable[
    [Float[np.ndarray, "window step clip_dim"], Bool[np.ndarray, "window step"]], Scores
]

# Moments that are looked for in a closer look.
_LOOKS = 4
# Places that are looked at for each moment that is asked for: some show the same one.
_PLACES_OF_MOMENT = 4
# What of a candidate a closer look must hold to be about the same moment.
_SAME_MOMENT = 0.2
# Videos of about this length are what heads are trained on (Table 1).
_TRAINED_SECONDS = 60.0
# Windows scored at a time: memory stays bounded, and more would not be faster.
_BATCH_WINDOWS = 16
_MAX_OVERLAP = 0.3


@dataclass(frozen=True, slots=True)
class _Found:
    """A moment in positions of clips: clip ``i`` alone is ``[i, i + 1)``."""

    segment: Segment
    score: float


def find_moments(
    score: Scorer,
    clips: Float[np.ndarray, "clip clip_dim"],
    grid: ClipGrid,
    *,
    similar: Scorer | None = None,
    certainty: Float[np.ndarray, " clip"] | None = None,
    search: SearchMethod = "refined",
    method: DecodeMethod = "joint",
    top: int = 1,
    max_steps: int = MAX_STEPS,
) -> tuple[Scores, tuple[Moment, ...]]:
    """Searches one video.

    Args:
        score: The head with the query in it; gives one row a window.
        clips: Features of all clips.
        grid: Their time.
        similar: A head that scores clips by their likeness to the query, to find the places of a
            refined search; None takes them from the head's look at the whole video.
        certainty: How sure it is of each clip that it shows the activity, comparable all over the
            video; ``-inf`` where it shows nothing. None where that is not known.
        search: How, where there are more than ``max_steps`` clips.
        method: How boundaries are chosen.
        top: Most moments; none overlaps a better one by a tIoU of more than 0.3, or at all where
            the head scores clips, and none lies in another.
        max_steps: Most steps that the head was trained with.

    Raises:
        FeatureError: A feature is not finite.

    Returns:
        What the head says to the whole video, on at most ``max_steps`` steps, and the moments,
        best first.
    """
    if not np.isfinite(clips).all():
        clip = int(np.flatnonzero(~np.isfinite(clips).all(axis=1))[0])
        raise FeatureError(
            f"the feature of clip {clip} is not a number; extract the video's features again"
        )
    whole = range(len(clips))
    scores = _score(score, clips, [whole], max_steps)
    if len(clips) <= max_steps or search == "pooled":
        found = _decode(scores, [whole], method, top, max_steps)[0]
    elif search == "exhaustive":
        found = _scan(score, clips, top, max_steps)
    elif scores.clip_logits is not None and certainty is not None:
        found = _near_peaks(score, clips, certainty, _shortest(clips, grid, max_steps), top)
        found = found or _places(score, clips, whole, top)  # nothing is shown at all
    elif scores.clip_logits is not None:
        found = _places(score, clips, whole, top)  # such a head looks at each clip as it is
    else:
        if similar is None:
            candidates = _decode(scores, [whole], method, top, max_steps)[0]
        else:
            candidates = _places(similar, clips, whole, top)
        found = _look_closer(score, clips, candidates, _shortest(clips, grid, max_steps), max_steps)
    moments = []
    for each in found:
        time = grid.segment_between(each.segment.start_seconds, each.segment.end_seconds)
        moments.append(Moment(time.start_seconds, time.end_seconds, each.score))
    return scores, tuple(_distinct(moments, top))


def checked_search(
    methods: Sequence[DecodeMethod],
    top: int,
    decode: DecodeMethod,
    search: SearchMethod | None,
    on_progress: object,
) -> SearchMethod:
    """How to search, where that was left open."""
    check_whole("top", top)
    if on_progress is not None:
        check_type("on_progress", on_progress, Callable, "a function")
    check_decoding(methods, decode, top=top)
    check_choice("search", search, SearchMethod)
    if search is None:
        return "pooled" if decode == "independent" else "refined"
    if decode == "independent" and search != "pooled":
        raise UsageError(
            f"'independent' decoding looks at the whole video once; leave out search {search!r}"
        )
    return search


def look_at_all(score: Scorer, clips: Float[np.ndarray, "clip clip_dim"]) -> Scores:
    """What a head says to one window of all the clips."""
    return score(clips[None], np.ones((1, len(clips)), dtype=np.bool_))


def _places(
    score: Scorer, clips: Float[np.ndarray, "clip clip_dim"], window: range, top: int
) -> list[_Found]:
    """Moments of a head that scores clips, at full resolution."""
    scores = look_at_all(score, clips[window.start : window.stop])
    return _decode(scores, [window], "joint", top, max_steps=None)[0]


def _look_closer(
    score: Scorer,
    clips: Float[np.ndarray, "clip clip_dim"],
    candidates: list[_Found],
    shortest: int,
    max_steps: int,
) -> list[_Found]:
    """Each candidate as the head sees it from nearby; its place in the order stays.

    Heads say where in a window the activity is, not whether it is there: their scores in different
    windows do not compare, so those of the candidates are kept. So is the candidate itself where
    the head sees nothing of it.
    """
    found = []
    for each in candidates:
        window = _around(each.segment, shortest, len(clips))
        scores = _score(score, clips, [window], max_steps)
        looks = _decode(scores, [window], "joint", _LOOKS, max_steps)[0]
        nearest = max(looks, key=lambda look: look.segment.iou(each.segment))
        same = nearest.segment.iou(each.segment) > _SAME_MOMENT
        found.append(_Found(nearest.segment, each.score) if same else each)
    return found


def _near_peaks(
    score: Scorer,
    clips: Float[np.ndarray, "clip clip_dim"],
    certainty: Float[np.ndarray, " clip"],
    shortest: int,
    top: int,
) -> list[_Found]:
    """Moments around the surest clips, as a head that scores clips sees them from nearby.

    What a head takes a clip for depends on the clips beside it: over an hour they are all kinds of
    things, nearby they are what the moment is cut out of.
    """
    left = certainty.copy()
    found = []
    for _ in range(_PLACES_OF_MOMENT * top):
        peak = int(left.argmax())
        if left[peak] == -np.inf:
            break
        window, moment = range(0), _clip(peak)
        while len(window) < len(clips) and 2 * moment.duration_seconds > len(window):
            window = _around(moment, shortest, len(clips))
            moment = _moment_at(peak, score, clips, window)
        found.append(_Found(moment, float(certainty[peak])))
        first, end = int(moment.start_seconds), math.ceil(moment.end_seconds)
        left[max(0, min(first, peak) - GAP_CLIPS) : max(end, peak + 1) + GAP_CLIPS] = -np.inf
    return found


def _moment_at(
    peak: int, score: Scorer, clips: Float[np.ndarray, "clip clip_dim"], window: range
) -> Segment:
    """The moment in a window that holds the peak; the best one where none does."""
    looks = _places(score, clips, window, _LOOKS)
    holding = (s.segment for s in looks if s.segment.start_seconds <= peak < s.segment.end_seconds)
    return next(holding, looks[0].segment if looks else _clip(peak))


def _clip(index: int) -> Segment:
    return Segment(float(index), index + 1.0)


def _shortest(clips: Float[np.ndarray, "clip clip_dim"], grid: ClipGrid, max_steps: int) -> int:
    """Clips of the shortest window of a closer look."""
    return min(max_steps, math.ceil(_TRAINED_SECONDS / grid.stride_seconds), len(clips))


def _around(segment: Segment, shortest: int, num_clips: int) -> range:
    """A window with the segment in its middle, at least twice as long."""
    middle = (segment.start_seconds + segment.end_seconds) / 2
    length = min(num_clips, max(shortest, round(2 * segment.duration_seconds)))
    first = min(max(0, round(middle - length / 2)), num_clips - length)
    return range(first, first + length)


def _scan(
    score: Scorer, clips: Float[np.ndarray, "clip clip_dim"], top: int, max_steps: int
) -> list[_Found]:
    last = len(clips) - max_steps
    firsts = [*range(0, last, max(1, max_steps // 2)), last]
    windows = [range(first, first + max_steps) for first in firsts]
    found = []
    for first in range(0, len(windows), _BATCH_WINDOWS):
        batch = windows[first : first + _BATCH_WINDOWS]
        scores = _score(score, clips, batch, max_steps)
        for row in _decode(scores, batch, "joint", top, max_steps):
            found += row
    return found


def _score(
    score: Scorer,
    clips: Float[np.ndarray, "clip clip_dim"],
    windows: Sequence[range],
    max_steps: int,
) -> Scores:
    """All windows are equally long."""
    steps = [pool_steps(clips[w.start : w.stop], _positions(w, max_steps)) for w in windows]
    batch = np.stack(steps)
    return score(batch, np.ones(batch.shape[:2], dtype=np.bool_))


def _decode(
    scores: Scores,
    windows: Sequence[range],
    method: DecodeMethod,
    top: int,
    max_steps: int | None,
) -> list[list[_Found]]:
    # No two distinct moments start in one step: more are not there to be found.
    most = scores.start_logits.shape[1]
    decoded = decode(scores, method=method, top=min(top, most))
    found: list[list[_Found]] = []
    for window, segments, confidences in zip(
        windows, decoded.segments.tolist(), decoded.scores.tolist(), strict=True
    ):
        found.append([])
        for (start, end), confidence in zip(segments, confidences, strict=True):
            if start < end:  # neither reversed nor the NaN of a moment that is not there
                inside = _positions(window, max_steps).segment_between(start, end)
                moved = Segment(
                    inside.start_seconds + window.start, inside.end_seconds + window.start
                )
                found[-1].append(_Found(moved, confidence))
    return found


def _positions(window: range, max_steps: int | None) -> ClipGrid:
    """The window's steps on an axis whose unit is the clip, not the second."""
    return ClipGrid(
        stride_seconds=1.0,
        length_seconds=1.0,
        duration_seconds=float(len(window)),
        max_steps=max_steps,
    )


def _distinct(found: list[Moment], top: int) -> list[Moment]:
    """The best ones, none of which overlaps a better one too much, lies in it or holds it.

    Clips overlap, and are cut at the end of the video: what is apart in clips need not be in time.
    """
    kept: list[Moment] = []
    for each in sorted(found, key=lambda one: -(one.score or 0.0)):
        if len(kept) < top and not any(_clash(each.segment, other.segment) for other in kept):
            kept.append(each)
    return kept


def _clash(one: Segment, other: Segment) -> bool:
    shared = one.overlap_seconds(other)
    shorter = min(one.duration_seconds, other.duration_seconds)
    return one.iou(other) > _MAX_OVERLAP or shared >= shorter
