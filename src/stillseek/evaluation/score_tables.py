"""Rows of a results table, with bootstrap intervals, from predictions and the manifest alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from stillseek.data.sample import Sample, Split
from stillseek.errors import DatasetError, UsageError
from stillseek.evaluation.overlap import THRESHOLDS, overlap_seconds, segment_bounds, temporal_iou
from stillseek.evaluation.predictions import Predictions

_NUM_RESAMPLES = 2000
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with the ends of its 95% bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """Scores of a model on one part of a split.

    Attributes:
        model: Name of the model.
        decode: How its boundaries were chosen.
        split: Split of the samples.
        queries: ``all``, ``simple``, ``difficult``, and the difficult ones by whether the
            training split has the class of the image: ``difficult-seen``, ``difficult-unseen``.
        num_samples: Samples in this part.
        num_videos: Source videos in this part.
        num_seeds: Runs that the scores are averaged over.
        miou: Mean IoU, in [0, 1].
        iou_above: Share of samples with an IoU strictly above each threshold of section 6.2.
    """

    model: str
    decode: str
    split: str
    queries: str
    num_samples: int
    num_videos: int
    num_seeds: int
    miou: Estimate
    iou_above: dict[float, Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapAccuracy:
    """Whether each of two images finds its own activity in a video that holds both.

    Attributes:
        num_pairs: Pairs of samples.
        per_query: Share of queries whose answer overlaps their own segment for longer than the
            partner's; a tie is wrong. An answer that ignores the query gets at most 0.5.
        strict: Share of pairs in which both queries are right.
    """

    num_pairs: int
    per_query: Estimate
    strict: Estimate


def score_rows(
    samples: Sequence[Sample], runs: Sequence[Predictions], *, split: Split, seed: int = 0
) -> tuple[ScoreRow, ...]:
    """One row for each kind of query that the split has, averaged over the runs.

    Args:
        samples: All samples of the manifest; the training ones say which classes were seen.
        runs: Predictions of one model, one a seed.
        split: The split to score.
        seed: Seed of the bootstrap.

    Raises:
        DatasetError: The split is empty or a run misses a sample.
        UsageError: The runs are not of one model, or two have the same seed.
    """
    _check_runs(runs)
    chosen = [sample for sample in samples if sample.split == split]
    if not chosen:
        raise DatasetError(f"the manifest has no sample of split {split!r}; choose another split")
    target = segment_bounds(chosen)
    ious = np.stack([temporal_iou(run.bounds_for(chosen), target) for run in runs])
    # Averaged over seeds first: the interval is about videos.
    scores = np.stack([ious, *(ious > r for r in THRESHOLDS)], axis=-1).mean(axis=0)
    seen = {sample.label for sample in samples if sample.split == "train"}
    parts = [_parts(sample, seen) for sample in chosen]
    rows = []
    for queries in ("all", "simple", "difficult", "difficult-seen", "difficult-unseen"):
        members = [i for i, names in enumerate(parts) if queries in names]
        if not members:
            continue
        videos = [chosen[i].source_video_id for i in members]
        miou, *above = bootstrap_means(scores[members], videos, seed=seed)
        rows.append(
            ScoreRow(
                model=runs[0].header.model,
                decode=runs[0].header.decode,
                split=split,
                queries=queries,
                num_samples=len(members),
                num_videos=len(set(videos)),
                num_seeds=len(runs),
                miou=miou,
                iou_above=dict(zip(THRESHOLDS, above, strict=True)),
            )
        )
    return tuple(rows)


def swap_accuracy(
    samples: Sequence[Sample], runs: Sequence[Predictions], *, split: Split, seed: int = 0
) -> SwapAccuracy | None:
    """Scores the swap pairs of a split, averaged over the runs; None where there is no pair.

    Raises:
        DatasetError: A pair is not two samples of one video with different segments, or a run
            misses a sample.
        UsageError: The runs are not of one model, or two have the same seed.
    """
    _check_runs(runs)
    pairs = _swap_pairs([sample for sample in samples if sample.split == split])
    if not pairs:
        return None
    chosen = [sample for pair in pairs for sample in pair]
    own = segment_bounds(chosen)
    partner = own.reshape(-1, 2, 2)[:, ::-1].reshape(-1, 2)
    predicted = np.stack([run.bounds_for(chosen) for run in runs])
    right = overlap_seconds(predicted, np.broadcast_to(own, predicted.shape)) > overlap_seconds(
        predicted, np.broadcast_to(partner, predicted.shape)
    )
    by_pair = right.reshape(len(runs), -1, 2)
    scores = np.stack([by_pair.mean(axis=2), by_pair.all(axis=2)], axis=-1).mean(axis=0)
    videos = [first.source_video_id for first, _ in pairs]
    per_query, strict = bootstrap_means(scores, videos, seed=seed)
    return SwapAccuracy(num_pairs=len(pairs), per_query=per_query, strict=strict)


def paired_difference(
    samples: Sequence[Sample],
    runs: Sequence[Predictions],
    others: Sequence[Predictions],
    *,
    split: Split,
    queries: str = "all",
    seed: int = 0,
) -> Estimate:
    """How much more mIoU one model has than another, on the same samples.

    The interval is of the differences, resampled by source video: what both models find hard
    cancels. Seeds of a model are averaged first.

    Args:
        samples: All samples of the manifest.
        runs: Predictions of the first model, one a seed.
        others: Those of the second.
        split: The split to score.
        queries: Which of them, as in `ScoreRow`.
        seed: Seed of the bootstrap.

    Raises:
        DatasetError: No sample is left, or a run misses one.
        UsageError: Runs of one side are not of one model, or two have the same seed.
    """
    for side in (runs, others):
        _check_runs(side)
    seen = {sample.label for sample in samples if sample.split == "train"}
    chosen = [s for s in samples if s.split == split and queries in _parts(s, seen)]
    if not chosen:
        raise DatasetError(f"the manifest has no sample of split {split!r} with {queries} queries")
    target = segment_bounds(chosen)
    mine, theirs = (
        np.mean([temporal_iou(run.bounds_for(chosen), target) for run in side], axis=0)
        for side in (runs, others)
    )
    videos = [sample.source_video_id for sample in chosen]
    return bootstrap_means((mine - theirs)[:, None], videos, seed=seed)[0]


def resamples(number: int, *, seed: int) -> Int[np.ndarray, "resample video"]:
    """How often each of so many videos is drawn, in every resample of a bootstrap."""
    shares = np.full(number, 1 / number)
    return np.random.default_rng(seed).multinomial(number, shares, size=_NUM_RESAMPLES)


def interval(
    values: Float[np.ndarray, "*value resample"],
) -> tuple[Float[np.ndarray, "*value"], Float[np.ndarray, "*value"]]:
    """The ends of the 95% percentile interval of what resamples gave."""
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail], axis=-1)
    return np.asarray(low), np.asarray(high)


def bootstrap_means(
    scores: Float[np.ndarray, "sample score"], videos: Sequence[str], *, seed: int
) -> list[Estimate]:
    """The mean of each column with a 95% percentile interval, resampled by source video.

    Samples of one video share its difficulty, so whole videos are drawn, not samples.
    """
    names, membership = np.unique(np.array(videos), return_inverse=True)
    sums = np.zeros((len(names), scores.shape[1]))
    np.add.at(sums, membership, scores)
    draws = resamples(len(names), seed=seed)
    means = draws @ sums / (draws @ np.bincount(membership))[:, None]
    low, high = interval(means.T)
    columns = zip(scores.mean(axis=0).tolist(), low.tolist(), high.tolist(), strict=True)
    return [Estimate(*column) for column in columns]


def markdown_table(rows: Sequence[ScoreRow]) -> str:
    """The rows as a Markdown table in percent, intervals in brackets."""
    header = ["model", "decode", "split", "queries", "samples", "videos", "seeds", "mIoU"]
    header += [f"IoU@{threshold:g}" for threshold in THRESHOLDS]
    lines = [header, ["---"] * 4 + ["---:"] * (len(header) - 4)]
    for row in rows:
        estimates = [row.miou, *(row.iou_above[threshold] for threshold in THRESHOLDS)]
        lines.append(
            [
                *(row.model, row.decode, row.split, row.queries),
                *(str(row.num_samples), str(row.num_videos), str(row.num_seeds)),
                *map(_percent, estimates),
            ]
        )
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def swap_table(swaps: Mapping[str, SwapAccuracy]) -> str:
    """Swap accuracy by model as a Markdown table in percent, intervals in brackets."""
    lines = ["| model | pairs | swap accuracy | both right |", "| --- | ---: | ---: | ---: |"]
    for name, swap in swaps.items():
        shares = f"{_percent(swap.per_query)} | {_percent(swap.strict)}"
        lines.append(f"| {name} | {swap.num_pairs} | {shares} |")
    return "\n".join(lines) + "\n"


def _percent(estimate: Estimate) -> str:
    ends = estimate.value, estimate.low, estimate.high
    return "{:.2f} [{:.2f}, {:.2f}]".format(*(100 * share for share in ends))


def _parts(sample: Sample, seen: set[str]) -> tuple[str, ...]:
    if sample.query_kind == "simple":
        return "all", "simple"
    sibling = "seen" if sample.query_label in seen else "unseen"
    return "all", "difficult", f"difficult-{sibling}"


def _swap_pairs(samples: Sequence[Sample]) -> list[tuple[Sample, Sample]]:
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        if sample.pair_id is not None:
            groups.setdefault(sample.pair_id, []).append(sample)
    pairs = []
    for pair_id, group in groups.items():
        same_video = len({sample.video_id for sample in group}) == 1
        if len(group) != 2 or not same_video or group[0].segment == group[1].segment:
            raise DatasetError(
                f"pair_id {pair_id!r} names samples {[s.sample_id for s in group]}; expected two "
                "samples of one video with different segments"
            )
        pairs.append((group[0], group[1]))
    return pairs


def _check_runs(runs: Sequence[Predictions]) -> None:
    kinds = {(run.header.model, run.header.decode) for run in runs}
    seeds = {run.header.seed for run in runs}
    if len(kinds) != 1 or len(seeds) != len(runs):
        raise UsageError(
            "expected runs of one model and decoding with different seeds, got "
            f"{[(run.header.model, run.header.decode, run.header.seed) for run in runs]}"
        )
