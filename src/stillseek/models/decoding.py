"""From what a model scores to the best moments, in steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Int

from stillseek.errors import UsageError
from stillseek.scores import Proposals, Scores, log_softmax, log_sum_exp

DecodeMethod = Literal["joint", "independent"]

# Pairs looked at in one go: 16 MiB a temporary in float64, whatever the number of clips.
_MAX_PAIRS = 2**21
# Clips between two moments of scored clips, as many as the smoothing of evidence reaches: those
# beside a moment look like it because of the moment.
GAP_CLIPS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """The best moments of every video of a batch, best first.

    Attributes:
        segments: Start and end in steps as real numbers, half-open: clip ``i`` alone is
            ``[i, i + 1)``. The end is at or before the start only where "independent" decoding
            reversed them; NaN where a video has fewer moments.
        scores: In [0, 1]: ``p^s_start * p^e_end``; where clips are scored, the segment's share
            among all segments; where segments are scored, its confidence. 0 where a video has
            fewer moments.
    """

    segments: Float[np.ndarray, "batch top 2"]
    scores: Float[np.ndarray, "batch top"]


def check_decoding(methods: Sequence[DecodeMethod], method: DecodeMethod, *, top: int = 1) -> None:
    """Refuses what cannot be decoded.

    Args:
        methods: What the model can be decoded by.
        method: What is asked for.
        top: How many moments are asked for.

    Raises:
        UsageError: The model has no such method, or "independent" decoding should give more than
            the one moment that it has.
    """
    if top < 1:
        raise UsageError(f"top must be at least 1, got {top}")
    if method not in get_args(DecodeMethod):
        known = ", ".join(map(repr, get_args(DecodeMethod)))
        raise UsageError(f"there is no decoding {method!r}; use one of {known}")
    if method not in methods:
        raise UsageError(
            f"this model has no {method!r} decoding: it scores whole clips or segments, not a "
            "start and an end apart; use 'joint'"
        )
    if method == "independent" and top > 1:
        raise UsageError(
            f"'independent' decoding gives one moment, not {top}; use 'joint', or top 1"
        )


def decode(
    scores: Scores,
    *,
    method: DecodeMethod = "joint",
    top: int = 1,
    max_overlap: float | None = None,
) -> Decoded:
    """Chooses the best moments; the first maximum wins ties.

    "joint": segments where the model scores segments, else pairs with
    ``start <= end`` by ``p^s_start * p^e_end``; exact. The best comes first, then greedily the
    best of those that overlap no chosen one by more than ``max_overlap`` (non-maximum
    suppression), lie in none and hold none; where clips are scored, of those that are at least
    `GAP_CLIPS` away from a chosen one, as the next best would be its pieces and edges, and whose
    clips are inside rather than outside. One moment takes time linear
    in the number of clips, and so does each more where clips are scored. "independent": the
    paper's two argmaxes (section 4.4).

    Deviation: the paper only has "independent", whose end may lie before its start.

    Args:
        scores: What the model says.
        method: How boundaries are chosen.
        top: How many moments.
        max_overlap: Largest tIoU of two moments of one video, in steps; 0.3 where None. There is
            none to choose where clips are scored.

    Raises:
        UsageError: The scores cannot be decoded in this way (see `check_decoding`), or
            ``max_overlap`` is not in [0, 1), or given where clips are scored.
    """
    paired = scores.clip_logits is None and scores.proposals is None
    check_decoding(("joint", "independent") if paired else ("joint",), method, top=top)
    if max_overlap is not None and scores.clip_logits is not None:
        raise UsageError("moments of scored clips never overlap; leave max_overlap out")
    max_overlap = 0.3 if max_overlap is None else max_overlap
    if not 0 <= max_overlap < 1:
        raise UsageError(f"max_overlap must be in [0, 1), got {max_overlap}")
    if scores.proposals is not None:
        return _best_segments(scores.proposals, top, max_overlap)
    # Sums of logs: products of two small probabilities could underflow into ties.
    log_start = log_softmax(scores.start_logits)
    log_end = log_softmax(scores.end_logits)
    if method == "independent":
        return _argmaxes(log_start, log_end)
    if scores.clip_logits is not None:
        # Ends before their starts, which running sums score too, are no segments.
        log_start -= log_sum_exp(log_end + np.logaddexp.accumulate(log_start, axis=1))
        nothing = log_start[:, 0] - scores.start_logits[:, 0]
        nothing += log_end[:, 0] - scores.end_logits[:, 0]
        return _best_runs(log_start, log_end, nothing, top)
    return (
        _best_pair(log_start, log_end)
        if top == 1
        else _best_pairs(log_start, log_end, top, max_overlap)
    )


def boundary_probabilities(
    scores: Scores,
) -> tuple[Float[np.ndarray, "batch clip"], Float[np.ndarray, "batch clip"]]:
    """Probabilities of every clip as start and as end: ``p^s`` and ``p^e`` of section 4.4.

    Where clips are scored there is one probability for every segment, and these are its sums over
    the segments that start, or end, in a clip.
    """
    log_start = log_softmax(scores.start_logits)
    log_end = log_softmax(scores.end_logits)
    if scores.clip_logits is not None:
        later_ends = np.logaddexp.accumulate(log_end[:, ::-1], axis=1)[:, ::-1]
        earlier_starts = np.logaddexp.accumulate(log_start, axis=1)
        log_start = log_softmax(log_start + later_ends)
        log_end = log_softmax(log_end + earlier_starts)
    return _probability(log_start), _probability(log_end)


def _argmaxes(
    log_start: Float[np.ndarray, "batch clip"], log_end: Float[np.ndarray, "batch clip"]
) -> Decoded:
    start, end = log_start.argmax(axis=1), log_end.argmax(axis=1)
    return _pairs(start, end, log_start.max(axis=1) + log_end.max(axis=1))


def _best_pair(
    log_start: Float[np.ndarray, "batch clip"], log_end: Float[np.ndarray, "batch clip"]
) -> Decoded:
    log_scores = log_start + _best_from_here(log_end)
    start = log_scores.argmax(axis=1)
    too_early = np.arange(log_end.shape[1]) < start[:, None]
    end = np.where(too_early, -np.inf, log_end).argmax(axis=1)
    return _pairs(start, end, log_scores.max(axis=1))


def _best_from_here(log_end: Float[np.ndarray, "batch clip"]) -> Float[np.ndarray, "batch clip"]:
    """For each start the best end from there on: the running maximum from the back."""
    return np.maximum.accumulate(log_end[:, ::-1], axis=1)[:, ::-1]


def _best_runs(
    log_start: Float[np.ndarray, "batch clip"],
    log_end: Float[np.ndarray, "batch clip"],
    nothing: Float[np.ndarray, " batch"],
    top: int,
) -> Decoded:
    """The best pairs that are apart: after each, the best of what is left on its two sides.

    After the first, only those whose clips belong inside rather than outside: better than
    ``nothing``, the score of no clips at all.
    """
    best = _best_pair(log_start, log_end)
    if top == 1:
        return best
    segments = np.full((len(log_start), top, 2), np.nan)
    log_scores = np.full((len(log_start), top), -np.inf)
    for row in range(len(log_start)):
        free = [(0, log_start.shape[1])]
        pieces: list[tuple[float, int, int, int, int]] = []
        for place in range(top):
            for first, last in free:
                part = slice(first, last)
                found = _best_pair(log_start[row : row + 1, part], log_end[row : row + 1, part])
                start, end = found.segments[0, 0].tolist()
                log_score = log_start[row, first + int(start)] + log_end[row, first + int(end) - 1]
                pieces.append((float(log_score), first + int(start), first + int(end), first, last))
            # The earliest of equals wins.
            pieces.sort(key=lambda piece: (-piece[0], piece[1]))
            least = nothing[row] if place else -np.inf
            if not pieces or pieces[0][0] <= least:
                break
            log_score, start, end, first, last = pieces.pop(0)
            segments[row, place], log_scores[row, place] = (start, end), log_score
            sides = (first, start - GAP_CLIPS), (end + GAP_CLIPS, last)
            free = [(a, b) for a, b in sides if a < b]
    return Decoded(segments=segments, scores=_probability(log_scores))


def _best_pairs(
    log_start: Float[np.ndarray, "batch clip"],
    log_end: Float[np.ndarray, "batch clip"],
    top: int,
    max_overlap: float,
) -> Decoded:
    batch = len(log_start)
    segments = np.full((batch, top, 2), np.nan)
    log_scores = np.full((batch, top), -np.inf)
    for row in range(batch):
        for place in range(top):
            chosen = segments[row, :place]
            pair = _best_free_pair(log_start[row], log_end[row], chosen, max_overlap)
            if pair is None:
                break
            segments[row, place], log_scores[row, place] = pair
    return Decoded(segments=segments, scores=_probability(log_scores))


def _best_free_pair(
    log_start: Float[np.ndarray, " clip"],
    log_end: Float[np.ndarray, " clip"],
    chosen: Float[np.ndarray, "chosen 2"],
    max_overlap: float,
) -> tuple[tuple[int, int], float] | None:
    """The best pair that overlaps no chosen one too much; None where there is none.

    Looks at all ends of some starts at a time, those starts first that could give the best pair,
    and stops where no other start could.
    """
    # A start's best pair, were none chosen yet.
    bounds = log_start + _best_from_here(log_end[None])[0]
    most_promising = (-bounds).argsort(kind="stable")
    ends = np.arange(1.0, len(log_end) + 1)
    best, best_log_score = None, -np.inf
    block = max(1, _MAX_PAIRS // len(log_end))
    for first in range(0, len(bounds), block):
        starts = most_promising[first : first + block]
        if bounds[starts[0]] <= best_log_score:
            break
        starts = np.sort(starts)  # the first of equals wins
        begins = starts[:, None].astype(np.float64)
        log_scores = log_start[starts, None] + log_end
        log_scores[ends <= begins] = -np.inf
        for start, end in chosen:
            log_scores[_clash(begins, ends, start, end, max_overlap)] = -np.inf
        row, column = np.unravel_index(log_scores.argmax(), log_scores.shape)
        if log_scores[row, column] > best_log_score:
            best, best_log_score = (int(starts[row]), int(column) + 1), log_scores[row, column]
    return None if best is None else (best, float(best_log_score))


def _best_segments(proposals: Proposals, top: int, max_overlap: float) -> Decoded:
    segments = proposals.segments.astype(np.float64)
    start, end = segments[..., 0], segments[..., 1]
    # Ranked by logits: confidences near 1 round to ties.
    logits = proposals.logits.astype(np.float64)
    found, best_logits = np.empty((len(logits), top, 2)), np.empty((len(logits), top))
    for place in range(top):
        best = logits.argmax(axis=1)[:, None]
        best_start, best_end = (np.take_along_axis(bound, best, axis=1) for bound in (start, end))
        best_logit = np.take_along_axis(logits, best, axis=1)
        pair = np.concatenate([best_start, best_end], axis=1)
        found[:, place] = np.where(best_logit == -np.inf, np.nan, pair)
        best_logits[:, place] = best_logit[:, 0]
        logits[_clash(start, end, best_start, best_end, max_overlap)] = -np.inf
    return Decoded(segments=found, scores=np.exp(-np.logaddexp(0.0, -best_logits)))


def _clash(
    start: Float[np.ndarray, "#row #segment"],
    end: Float[np.ndarray, "*#end"],
    other_start: Float[np.ndarray, "#row 1"] | float,
    other_end: Float[np.ndarray, "#row 1"] | float,
    max_overlap: float,
) -> Bool[np.ndarray, "row segment"]:
    """Whether segments overlap others by a tIoU of more than the most, lie in them or hold them.

    The bounds are in steps, and broadcast. A short segment in a long one has a small tIoU.
    """
    shared = np.minimum(end, other_end) - np.maximum(start, other_start)
    np.maximum(shared, 0.0, out=shared)
    # Where there is no segment, nothing may be shared of no length.
    with np.errstate(divide="ignore", invalid="ignore"):
        overlap = shared / ((end - start) + (other_end - other_start) - shared)
    inside = (other_start <= start) & (end <= other_end)
    around = (start <= other_start) & (other_end <= end)
    return (overlap > max_overlap) | inside | around


def _pairs(
    start: Int[np.ndarray, " batch"],
    end: Int[np.ndarray, " batch"],
    log_score: Float[np.ndarray, " batch"],
) -> Decoded:
    segments = np.stack([start, end + 1], axis=1).astype(np.float64)
    return Decoded(segments=segments[:, None], scores=_probability(log_score)[:, None])


def _probability(log_score: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Rounding may leave a probability a hair above 1."""
    return np.minimum(np.exp(log_score), 1.0)
