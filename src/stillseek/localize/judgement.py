"""How sure an answer is: similarity over time, presence, and the scores of moments."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from stillseek.localize.localization import Similarity, middles_seconds
from stillseek.localize.unlike import likeness_logits
from stillseek.localize.window_search import Scorer, look_at_all
from stillseek.models.calibration import Calibration, penalties, sigmoid
from stillseek.timeline import ClipGrid, Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What likeness says of a video and a query.

    Attributes:
        similarity: How much the video looks like the query over time.
        presence: Probability that the activity is in the video; None where not calibrated.
        clip_logits: Log odds of presence by clip; None where not calibrated.
    """

    similarity: Similarity
    presence: float | None
    clip_logits: Float[np.ndarray, " clip"] | None


def judge(
    likeness: Scorer,
    clips: Float[np.ndarray, "clip clip_dim"],
    grid: ClipGrid,
    calibration: Calibration | None,
    *,
    num_pictures: int = 1,
    unlike: Sequence[Scorer] = (),
) -> Judgement:
    """Looks at every clip of a video of any length.

    Args:
        likeness: How like the query clips are: scores clips, and has evidence where calibrated.
        clips: Features of all clips.
        grid: Their time.
        calibration: From evidence to probabilities; None where there is none.
        num_pictures: How many pictures the query is, taken as one; each of ``unlike`` is one.
        unlike: How like each picture of what the query is not clips are; where one is more like
            it than the query, log odds fall by the difference.
    """
    threshold, presence = None, None
    logits = None
    if calibration is not None:
        logits = _calibrated(likeness, clips, calibration.for_pictures(num_pictures))
    if calibration is None or logits is None:
        shown = likeness_logits(likeness, clips)
        shown = shown + penalties(shown, [likeness_logits(each, clips) for each in unlike])
    else:
        rivals = [_calibrated(each, clips, calibration) for each in unlike]
        logits = logits + penalties(logits, [each for each in rivals if each is not None])
        shown, threshold = logits, calibration.threshold
        presence = float(calibration.presence(logits))
    similarity = Similarity(
        times_seconds=middles_seconds(grid), values=sigmoid(shown), threshold=threshold
    )
    return Judgement(similarity=similarity, presence=presence, clip_logits=logits)


def _calibrated(
    likeness: Scorer, clips: Float[np.ndarray, "clip clip_dim"], calibration: Calibration
) -> Float[np.ndarray, " clip"] | None:
    """Log odds of presence by clip; None where likeness has no evidence."""
    evidence = look_at_all(likeness, clips).evidence
    return None if evidence is None else calibration.clip_logits(evidence)[0]


def scored(
    moments: Sequence[Moment],
    grid: ClipGrid,
    clip_logits: Float[np.ndarray, " clip"] | None,
    calibration: Calibration | None,
) -> tuple[Moment, ...]:
    """The moments with calibrated scores, in their order; None where there is no calibration."""
    if clip_logits is None or calibration is None:
        return tuple(replace(moment, score=None) for moment in moments)
    found = []
    for moment in moments:
        first = math.floor(moment.start_seconds / grid.stride_seconds + 1e-6)
        last = max(first + 1, math.ceil(moment.end_seconds / grid.stride_seconds - 1e-6))
        found.append(replace(moment, score=calibration.score(clip_logits[first:last])))
    return tuple(found)
