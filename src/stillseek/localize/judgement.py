"""How sure an answer is: similarity over time, presence, and the scores of moments."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from stillseek.localize.localization import Similarity
from stillseek.localize.unlike import likeness_logits
from stillseek.localize.window_search import Scorer
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
    unlike: Sequence[Scorer] = (),
) -> Judgement:
    """Looks at every clip of a video of any length.

    Args:
        likeness: How like the query clips are: scores clips, and has evidence where calibrated.
        clips: Features of all clips.
        grid: Their time.
        calibration: From evidence to probabilities; None where there is none.
        unlike: How like each picture of what the query is not clips are; where one is more like
            it than the query, log odds fall by the difference.
    """
    logits = None if calibration is None else _calibrated(likeness, clips, calibration)
    if calibration is None or logits is None:
        shown = likeness_logits(likeness, clips)
        rivals = [likeness_logits(each, clips) for each in unlike]
        shown = shown + penalties(shown, rivals)
    else:
        rivals = [_calibrated(each, clips, calibration) for each in unlike]
        logits = logits + penalties(logits, [each for each in rivals if each is not None])
        shown = logits
    spans = [grid.span(step) for step in range(grid.num_steps)]
    similarity = Similarity(
        times_seconds=np.array([(s.start_seconds + s.end_seconds) / 2 for s in spans]),
        values=sigmoid(shown),
        threshold=None if logits is None or calibration is None else calibration.threshold,
    )
    if logits is None or calibration is None:
        return Judgement(similarity=similarity, presence=None, clip_logits=None)
    return Judgement(
        similarity=similarity, presence=float(calibration.presence(logits)), clip_logits=logits
    )


def _calibrated(
    likeness: Scorer, clips: Float[np.ndarray, "clip clip_dim"], calibration: Calibration
) -> Float[np.ndarray, " clip"] | None:
    """Log odds of presence by clip; None where likeness has no evidence."""
    every = torch.from_numpy(clips)[None]
    output = likeness(every, torch.ones(every.shape[:2], dtype=torch.bool))
    return None if output.evidence is None else calibration.clip_logits(output.evidence)[0]


def scored(
    moments: Sequence[Moment],
    grid: ClipGrid,
    clip_logits: Float[np.ndarray, " clip"] | None,
    calibration: Calibration | None,
) -> tuple[Moment, ...]:
    """The moments with calibrated scores, in their order; None where there is no calibration."""
    found = []
    for moment in moments:
        score = None
        if clip_logits is not None and calibration is not None:
            first = math.floor(moment.start_seconds / grid.stride_seconds + 1e-6)
            last = max(first + 1, math.ceil(moment.end_seconds / grid.stride_seconds - 1e-6))
            score = calibration.score(clip_logits[first:last])
        found.append(replace(moment, score=score))
    return tuple(found)
