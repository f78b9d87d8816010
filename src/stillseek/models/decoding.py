"""From what a model scores to the best moments, in steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from stillseek.errors import UsageError
from stillseek.tensors import LocalizerOutput, SegmentScores

DecodeMethod = Literal["joint", "independent"]

# Pairs looked at in one go: 16 MiB a temporary in float32, whatever the number of clips.
_MAX_PAIRS = 2**22
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

    segments: Float[Tensor, "batch top 2"]
    scores: Float[Tensor, "batch top"]


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
    output: LocalizerOutput,
    *,
    method: DecodeMethod = "joint",
    top: int = 1,
    max_overlap: float | None = None,
) -> Decoded:
    """Chooses the best moments; the first maximum wins ties.

    "joint": segments of the last stage where the model scores segments, else pairs with
    ``start <= end`` by ``p^s_start * p^e_end``; exact. The best comes first, then greedily the
    best of those that overlap no chosen one by more than ``max_overlap`` (non-maximum
    suppression), lie in none and hold none; where clips are scored, of those that are at least
    `GAP_CLIPS` away from a chosen one, as the next best would be its pieces and edges, and whose
    clips are inside rather than outside. One moment takes time linear
    in the number of clips, and so does each more where clips are scored. "independent": the
    paper's two argmaxes (section 4.4).

    Deviation: the paper only has "independent", whose end may lie before its start.

    Args:
        output: What the model says.
        method: How boundaries are chosen.
        top: How many moments.
        max_overlap: Largest tIoU of two moments of one video, in steps; 0.3 where None. There is
            none to choose where clips are scored.

    Raises:
        UsageError: The output cannot be decoded in this way (see `check_decoding`), or
            ``max_overlap`` is not in [0, 1), or given where clips are scored.
    """
    paired = output.clip_logits is None and not output.stages
    check_decoding(("joint", "independent") if paired else ("joint",), method, top=top)
    if max_overlap is not None and output.clip_logits is not None:
        raise UsageError("moments of scored clips never overlap; leave max_overlap out")
    max_overlap = 0.3 if max_overlap is None else max_overlap
    if not 0 <= max_overlap < 1:
        raise UsageError(f"max_overlap must be in [0, 1), got {max_overlap}")
    if output.stages:
        return _best_segments(output.stages[-1], top, max_overlap)
    # Sums of logs: products of two small float32 probabilities would underflow into ties.
    log_start = _log_probabilities(output.start_logits)
    log_end = _log_probabilities(output.end_logits)
    if method == "independent":
        return _argmaxes(log_start, log_end)
    if output.clip_logits is not None:
        # Ends before their starts, which running sums score too, are no segments.
        all_pairs = (log_end + log_start.logcumsumexp(dim=1)).logsumexp(dim=1, keepdim=True)
        log_start = log_start - all_pairs
        nothing = log_start[:, 0] - output.start_logits[:, 0]
        nothing = nothing + log_end[:, 0] - output.end_logits[:, 0]
        return _best_runs(log_start, log_end, nothing, top)
    return (
        _best_pair(log_start, log_end)
        if top == 1
        else _best_pairs(log_start, log_end, top, max_overlap)
    )


def boundary_probabilities(
    output: LocalizerOutput,
) -> tuple[Float[Tensor, "batch clip"], Float[Tensor, "batch clip"]]:
    """Probabilities of every clip as start and as end: ``p^s`` and ``p^e`` of section 4.4.

    Where clips are scored there is one probability for every segment, and these are its sums over
    the segments that start, or end, in a clip.
    """
    log_start = _log_probabilities(output.start_logits)
    log_end = _log_probabilities(output.end_logits)
    if output.clip_logits is None:
        return log_start.exp(), log_end.exp()
    with_later_ends = log_start + log_end.flip(1).logcumsumexp(dim=1).flip(1)
    with_earlier_starts = log_end + log_start.logcumsumexp(dim=1)
    return with_later_ends.softmax(dim=1), with_earlier_starts.softmax(dim=1)


def _log_probabilities(logits: Float[Tensor, "batch clip"]) -> Float[Tensor, "batch clip"]:
    return logits.log_softmax(dim=1, dtype=torch.promote_types(logits.dtype, torch.float32))


def _argmaxes(
    log_start: Float[Tensor, "batch clip"], log_end: Float[Tensor, "batch clip"]
) -> Decoded:
    best_log_start, start = log_start.max(dim=1)
    best_log_end, end = log_end.max(dim=1)
    return _pairs(start, end, best_log_start + best_log_end)


def _best_pair(
    log_start: Float[Tensor, "batch clip"], log_end: Float[Tensor, "batch clip"]
) -> Decoded:
    # For each start the best end from there on: the running maximum from the back, which keeps
    # the latest of equals, so here the first.
    best_log_end, backwards = log_end.flip(1).cummax(dim=1)
    log_score, start = (log_start + best_log_end.flip(1)).max(dim=1)
    end = log_end.shape[1] - 1 - backwards.flip(1).gather(1, start[:, None]).squeeze(1)
    return _pairs(start, end, log_score)


def _best_runs(
    log_start: Float[Tensor, "batch clip"],
    log_end: Float[Tensor, "batch clip"],
    nothing: Float[Tensor, " batch"],
    top: int,
) -> Decoded:
    """The best pairs that are apart: after each, the best of what is left on its two sides.

    After the first, only those whose clips belong inside rather than outside: better than
    ``nothing``, the score of no clips at all.
    """
    best = _best_pair(log_start, log_end)
    if top == 1:
        return best
    segments = log_start.new_full((len(log_start), top, 2), torch.nan)
    scores = log_start.new_zeros(len(log_start), top)
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
            least = nothing[row] if place else -torch.inf
            if not pieces or pieces[0][0] <= least:
                break
            log_score, start, end, first, last = pieces.pop(0)
            segments[row, place] = segments.new_tensor([start, end])
            scores[row, place] = _probability(scores.new_tensor(log_score))
            sides = (first, start - GAP_CLIPS), (end + GAP_CLIPS, last)
            free = [(a, b) for a, b in sides if a < b]
    return Decoded(segments=segments, scores=scores)


def _best_pairs(
    log_start: Float[Tensor, "batch clip"],
    log_end: Float[Tensor, "batch clip"],
    top: int,
    max_overlap: float,
) -> Decoded:
    batch = len(log_start)
    segments = log_start.new_full((batch, top, 2), torch.nan)
    log_scores = log_start.new_full((batch, top), -torch.inf)
    for row in range(batch):
        for place in range(top):
            chosen = segments[row, :place]
            pair = _best_free_pair(log_start[row], log_end[row], chosen, max_overlap)
            if pair is None:
                break
            segments[row, place], log_scores[row, place] = pair
    return Decoded(segments=segments, scores=_probability(log_scores))


def _best_free_pair(
    log_start: Float[Tensor, " clip"],
    log_end: Float[Tensor, " clip"],
    chosen: Float[Tensor, "chosen 2"],
    max_overlap: float,
) -> tuple[Float[Tensor, "2"], Float[Tensor, ""]] | None:
    """The best pair that overlaps no chosen one too much; None where there is none.

    Looks at all ends of some starts at a time, those starts first that could give the best pair,
    and stops where no other start could.
    """
    # A start's best pair, were none chosen yet.
    bounds = log_start + log_end.flip(0).cummax(dim=0).values.flip(0)
    ends = torch.arange(1, len(log_end) + 1, device=log_end.device).to(log_end.dtype)
    best, best_log_score = None, log_start.new_tensor(-torch.inf)
    for starts in bounds.argsort(descending=True, stable=True).split(
        max(1, _MAX_PAIRS // len(log_end))
    ):
        if bounds[starts[0]] <= best_log_score:
            break
        starts, _ = starts.sort()  # the first of equals wins
        begins = starts[:, None].to(log_end.dtype)
        log_scores = (log_start[starts, None] + log_end).masked_fill_(ends <= begins, -torch.inf)
        for segment in chosen:
            clash = _clash(begins, ends, segment[0], segment[1], max_overlap)
            log_scores.masked_fill_(clash, -torch.inf)
        log_score, place = log_scores.flatten().max(dim=0)
        if log_score > best_log_score:
            row, column = place // len(log_end), place % len(log_end)
            best, best_log_score = torch.stack([begins[row, 0], ends[column]]), log_score
    return None if best is None else (best, best_log_score)


def _best_segments(stage: SegmentScores, top: int, max_overlap: float) -> Decoded:
    dtype = torch.promote_types(stage.segments.dtype, torch.float32)
    start, end = stage.segments.to(dtype).unbind(dim=-1)
    # Ranked by logits: confidences near 1 round to ties.
    logits, segments, best_logits = stage.logits.to(dtype), [], []
    for _ in range(top):
        best, place = logits.max(dim=1, keepdim=True)
        best_start, best_end = start.gather(1, place), end.gather(1, place)
        found = torch.cat([best_start, best_end], dim=1)
        segments.append(found.masked_fill(best == -torch.inf, torch.nan))
        best_logits.append(best)
        clash = _clash(start, end, best_start, best_end, max_overlap)
        logits = logits.masked_fill(clash, -torch.inf)
    return Decoded(
        segments=torch.stack(segments, dim=1), scores=torch.cat(best_logits, dim=1).sigmoid()
    )


def _clash(
    start: Tensor, end: Tensor, other_start: Tensor, other_end: Tensor, max_overlap: float
) -> Tensor:
    """Whether segments overlap others by a tIoU of more than the most, lie in them or hold them.

    The bounds are in steps, and broadcast. A short segment in a long one has a small tIoU.
    """
    shared = (torch.minimum(end, other_end) - torch.maximum(start, other_start)).clamp_(min=0)
    overlap = shared / ((end - start) + (other_end - other_start) - shared)
    inside = (other_start <= start) & (end <= other_end)
    around = (start <= other_start) & (other_end <= end)
    return (overlap > max_overlap) | inside | around


def _pairs(
    start: Int[Tensor, " batch"], end: Int[Tensor, " batch"], log_score: Float[Tensor, " batch"]
) -> Decoded:
    segments = torch.stack([start, end + 1], dim=1).to(log_score.dtype)
    return Decoded(segments=segments[:, None], scores=_probability(log_score)[:, None])


def _probability(log_score: Tensor) -> Tensor:
    """Rounding may leave a probability a hair above 1."""
    return log_score.exp().clamp(max=1)
