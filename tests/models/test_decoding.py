import itertools
import math
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
import torch

from stillseek.errors import UsageError
from stillseek.models import decoding
from stillseek.models.decoding import boundary_probabilities, check_decoding, decode
from stillseek.models.head_outputs import clip_scores_output, scores_of
from stillseek.scores import Proposals, Scores
from stillseek.tensors import LocalizerOutput, SegmentScores
from stillseek.timeline import Segment


def scores(start: list[list[float]], end: list[list[float]]) -> Scores:
    """Scores with these probabilities."""
    return Scores(start_logits=np.log(start), end_logits=np.log(end))


def scored(
    segments: list[list[list[float]]],
    logits: list[list[float]],
    dtype: torch.dtype = torch.float32,
) -> Scores:
    """Scores of a model that scores segments; only the last stage counts."""
    stage = SegmentScores(
        segments=torch.tensor(segments, dtype=dtype), logits=torch.tensor(logits, dtype=dtype)
    )
    first = SegmentScores(segments=torch.tensor([[[0.0, 1.0]]]), logits=torch.tensor([[9.0]]))
    steps = torch.zeros(len(logits), 11)
    return scores_of(LocalizerOutput(start_logits=steps, end_logits=steps, stages=(first, stage)))


def softmax(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("method", ["joint", "independent"])
def test_one_clip(method):
    found = decode(scores([[1.0]], [[1.0]]), method=method)

    assert found.segments.tolist() == [[[0, 1]]]
    assert found.scores.tolist() == [[1.0]]


def test_independent_may_reverse_and_joint_does_not():
    given = scores([[0.1, 0.2, 0.7]], [[0.5, 0.3, 0.2]])

    independent, joint = decode(given, method="independent"), decode(given)

    assert independent.segments.tolist() == [[[2, 1]]]
    np.testing.assert_allclose(independent.scores, [[0.35]])
    assert joint.segments.tolist() == [[[2, 3]]]  # 0.14, then 0.06, 0.05
    np.testing.assert_allclose(joint.scores, [[0.14]])


def random_scores(batch: int, clips: int, dtype: type = np.float64) -> Scores:
    random = np.random.default_rng(0)
    start, end = 3 * random.standard_normal((2, batch, clips))
    return Scores(start_logits=start.astype(dtype), end_logits=end.astype(dtype))


def brute_force(
    start: list[float], end: list[float], top: int, max_overlap: float
) -> list[tuple[float, int, int]]:
    """Greedy suppression over the list of all pairs."""
    pairs = [
        (start[i] * end[j], i, j + 1)
        for i, j in itertools.combinations_with_replacement(range(len(start)), 2)
    ]
    chosen: list[tuple[float, int, int]] = []
    for pair in sorted(pairs, key=lambda pair: -pair[0]):
        shared = [max(0, min(pair[2], e) - max(pair[1], s)) for _, s, e in chosen]
        lengths = [pair[2] - pair[1] + e - s for _, s, e in chosen]
        nested = any((pair[1] - s) * (pair[2] - e) <= 0 for _, s, e in chosen)
        apart = all(o / (n - o) <= max_overlap for o, n in zip(shared, lengths, strict=True))
        if apart and not nested:
            chosen.append(pair)
    return chosen[:top]


@pytest.mark.parametrize("pairs_at_a_time", [1, 40, 2**21])
@pytest.mark.parametrize("max_overlap", [0.0, 0.3, 0.5])
def test_several_moments_equal_brute_force(monkeypatch, max_overlap, pairs_at_a_time):
    monkeypatch.setattr(decoding, "_MAX_PAIRS", pairs_at_a_time)
    logits = random_scores(23, 13)

    found = decode(logits, top=5, max_overlap=max_overlap)

    one = decode(logits)
    np.testing.assert_array_equal(found.segments[:, :1], one.segments)
    np.testing.assert_array_equal(found.scores[:, :1], one.scores)
    for row in range(23):
        start, end = (
            softmax(values[row]).tolist() for values in (logits.start_logits, logits.end_logits)
        )
        expected = brute_force(start, end, 5, max_overlap)
        assert found.segments[row, : len(expected)].tolist() == [list(e[1:]) for e in expected]
        assert found.scores[row, : len(expected)].tolist() == pytest.approx(
            [e[0] for e in expected]
        )
        assert np.isnan(found.segments[row, len(expected) :]).all()
        assert (found.scores[row, len(expected) :] == 0).all()


def test_an_hour_of_clips_needs_bounded_memory():
    # 13,500 clips have 91 million pairs: one table of them in float64 would be 1,458 MB.
    logits = random_scores(1, 13_500, np.float32)
    tracemalloc.start()
    try:
        found = decode(logits, top=5)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert found.scores.min() > 0
    # Scores, the overlap and its parts are there at once.
    assert most <= 6 * 8 * 2**21


@pytest.mark.parametrize("top", [1, 3])
def test_the_first_of_equals_wins(top):
    logits = np.zeros((2, 11))

    found = decode(Scores(start_logits=logits, end_logits=logits), top=top)

    # Whatever else starts with the first clip holds [0, 1).
    expected = [[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]]
    assert found.segments.tolist() == [expected[:top]] * 2
    np.testing.assert_allclose(found.scores, np.full((2, top), 1 / 121))


def test_a_video_with_fewer_moments_is_filled_up():
    found = decode(scores([[0.5, 0.5]], [[0.5, 0.5]]), top=4)

    assert found.segments[0, :2].tolist() == [[0, 1], [1, 2]]
    assert np.isnan(found.segments[0, 2:]).all()
    np.testing.assert_allclose(found.scores, [[0.25, 0.25, 0, 0]])


@pytest.mark.parametrize("options", [{"method": "independent"}, {}, {"top": 3}])
def test_padding_is_never_chosen(options):
    logits = np.full((2, 5), -np.inf, dtype=np.float32)
    logits[:, :2] = -1000.0  # far below zero, still the only real clips

    found = decode(Scores(start_logits=logits, end_logits=logits), **options)

    assert (np.nan_to_num(found.segments, nan=0.0) <= 2).all()
    assert np.isfinite(found.segments[:, 0]).all()


@pytest.mark.parametrize("top", [1, 2])
def test_joint_tells_pairs_apart_that_underflow_as_products(top):
    # The best pair with start <= end has probability exp(-815); float64 ends at exp(-745).
    logits = Scores(
        start_logits=np.array([[-820.0, -810.0, 0.0]]), end_logits=np.array([[0.0, -5.0, -830.0]])
    )

    found = decode(logits, top=top)

    assert found.segments[0, 0].tolist() == [1, 2]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_score_is_a_probability_in_every_precision(dtype):
    logits = torch.zeros(3, 7, dtype=dtype)
    logits[:, 2] = 30.0

    found = decode(scores_of(LocalizerOutput(start_logits=logits, end_logits=logits))).scores

    assert ((found >= 0) & (found <= 1)).all()
    # A confident model gets a score near 1: log-probabilities are taken in float64.
    np.testing.assert_allclose(found, np.ones_like(found))
    assert found.dtype == np.float64


def test_boundary_probabilities_of_clip_scores_are_shares_of_all_pairs():
    clips = torch.tensor([[-1.0, 2.0, 3.0, -4.0, 1.0], [0.5, -3.0, 0.0, 0.0, 0.0]])
    mask = torch.tensor([[True] * 5, [True] * 2 + [False] * 3])

    starts, ends = boundary_probabilities(scores_of(clip_scores_output(clips, mask)))

    for row, num_clips in enumerate((5, 2)):
        shares = {
            (i, j): math.exp(clips[row, i : j + 1].sum().item())
            for i, j in itertools.combinations_with_replacement(range(num_clips), 2)
        }
        total = sum(shares.values())
        for clip in range(5):
            start, end = (
                sum(share for pair, share in shares.items() if pair[side] == clip) / total
                for side in (0, 1)
            )
            assert starts[row, clip].item() == pytest.approx(start, rel=1e-5)
            assert ends[row, clip].item() == pytest.approx(end, rel=1e-5)


def test_boundary_probabilities_are_the_papers_softmaxes():
    given = scores([[0.1, 0.2, 0.7]], [[0.5, 0.3, 0.2]])

    starts, ends = boundary_probabilities(given)

    np.testing.assert_allclose(starts, [[0.1, 0.2, 0.7]])
    np.testing.assert_allclose(ends, [[0.5, 0.3, 0.2]])


def test_the_last_stage_is_the_answer():
    segments = [[[0.5, 2.25], [3.0, 4.5], [1.0, 8.0]], [[0.0, 1.0], [2.0, 3.0], [0.0, 0.0]]]
    found = decode(scored(segments, [[-1.0, 2.0, 1.0], [3.0, 3.0, -math.inf]]))

    assert found.segments.tolist() == [[[3.0, 4.5]], [[0.0, 1.0]]]
    np.testing.assert_allclose(found.scores, [[1 / (1 + math.exp(-2))], [1 / (1 + math.exp(-3))]])


def test_segments_are_suppressed_one_after_the_other():
    random = np.random.default_rng(0)
    start, length = 19 * random.random((7, 31)), 7 * random.random((7, 31)) + 0.1
    logits = 40 * random.standard_normal((7, 31))  # many confidences round to 1
    logits[:, 29:] = -np.inf
    segments = np.stack([start, start + length], axis=-1)
    proposals = Proposals(segments=segments, logits=logits)
    steps = np.zeros((7, 29))

    found = decode(Scores(start_logits=steps, end_logits=steps, proposals=proposals), top=11)

    for row in range(7):
        kept: list[int] = []
        for place in (-logits[row, :29]).argsort(kind="stable").tolist():
            one = Segment(*segments[row, place].tolist())
            others = [Segment(*segments[row, other].tolist()) for other in kept]
            nested = any(
                (one.start_seconds - other.start_seconds) * (one.end_seconds - other.end_seconds)
                <= 0
                for other in others
            )
            if not nested and all(one.iou(other) <= 0.3 for other in others):
                kept.append(place)
        kept = kept[:11]
        np.testing.assert_array_equal(found.segments[row, : len(kept)], segments[row, kept])
        confidences = 1 / (1 + np.exp(-logits[row, kept]))
        np.testing.assert_allclose(found.scores[row, : len(kept)], confidences)
        assert np.isnan(found.segments[row, len(kept) :]).all()
        assert (found.scores[row, len(kept) :] == 0).all()


def test_an_overlap_on_the_limit_is_kept():
    # 3 of 10 steps are shared: 0.3 in real numbers, a little more or less in some precisions.
    found = decode(scored([[[0.0, 6.5], [3.5, 10.0], [3.0, 10.0]]], [[2.0, 0.0, 1.0]]), top=3)

    assert found.segments[0, :2].tolist() == [[0.0, 6.5], [3.5, 10.0]]
    assert np.isnan(found.segments[0, 2]).all()


def test_what_is_no_segment_is_no_moment():
    # Of no length, inside and outside of what is found: an overlap of 0 / 0.
    with_none = scored([[[0.0, 0.0], [2.0, 4.0], [3.0, 3.0]]], [[-math.inf, 1.0, -math.inf]])

    found = decode(with_none, top=3)

    assert found.segments[0, 0].tolist() == [2.0, 4.0]
    assert np.isnan(found.segments[0, 1:]).all()
    assert found.scores[0, 1:].tolist() == [0, 0]


def test_bfloat16_segments_are_decoded_in_float64():
    found = decode(scored([[[1.0, 3.0]]], [[0.0]], torch.bfloat16))

    assert found.segments.tolist() == [[[1.0, 3.0]]]
    assert found.segments.dtype == found.scores.dtype == np.float64


def clips_scored() -> Scores:
    steps = np.zeros((1, 3))
    return Scores(start_logits=steps, end_logits=steps, clip_logits=steps)


@pytest.mark.parametrize("make", [clips_scored, lambda: scored([[[0.0, 1.0]]], [[1.0]])])
def test_only_boundary_scores_are_decoded_independently(make: Callable[[], Scores]):
    with pytest.raises(UsageError, match="has no 'independent' decoding: it scores whole clips"):
        decode(make(), method="independent")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top": 0}, "top must be at least 1, got 0"),
        ({"top": 2, "method": "independent"}, "'independent' decoding gives one moment, not 2"),
        ({"max_overlap": 1.0}, r"max_overlap must be in \[0, 1\), got 1.0"),
        ({"max_overlap": math.nan}, "max_overlap"),
    ],
)
def test_what_cannot_be_decoded_is_refused(options, message):
    with pytest.raises(UsageError, match=message):
        decode(scores([[1.0]], [[1.0]]), **options)


def test_what_a_model_offers_can_be_decoded():
    check_decoding(("joint", "independent"), "independent")
    check_decoding(("joint",), "joint", top=3)


@pytest.mark.parametrize("seed", range(5))
def test_moments_of_scored_clips_are_apart(seed):
    torch.manual_seed(seed)
    lengths = [23, 17, 2]
    logits = torch.randn(3, 23, dtype=torch.float64)
    mask = torch.arange(23) < torch.tensor(lengths)[:, None]

    found = decode(scores_of(clip_scores_output(logits, mask)), top=4)

    for row, num_clips in enumerate(lengths):
        gains = {
            (start, end): float(logits[row, start:end].sum())
            for start in range(num_clips)
            for end in range(start + 1, num_clips + 1)
        }
        total = sum(math.exp(gain) for gain in gains.values())
        for place in range(4):
            best = max(gains, key=gains.__getitem__, default=None)
            # The better ones took all clips, or what is left is outside rather than inside.
            if best is None or (place > 0 and gains[best] <= 0):
                assert np.isnan(found.segments[row, place]).all()
                assert found.scores[row, place] == 0
                continue
            assert found.segments[row, place].tolist() == list(best)
            assert found.scores[row, place].item() == pytest.approx(math.exp(gains[best]) / total)
            gains = {
                (start, end): gain
                for (start, end), gain in gains.items()
                if end <= best[0] - 4 or start >= best[1] + 4
            }


@pytest.mark.parametrize(
    ("starts", "ends", "number"), [(0, 0, 2), (-2, 0, 1), (0, -2, 1), (9, 9, 2)]
)
def test_what_is_said_of_boundaries_counts_for_further_moments(starts, ends, number):
    clips = torch.tensor([[3.0, *[-30.0] * 5, 1.0]])
    plain = scores_of(clip_scores_output(clips, torch.ones(1, 7, dtype=torch.bool)))
    given = Scores(
        start_logits=plain.start_logits + starts,
        end_logits=plain.end_logits + ends,
        clip_logits=plain.clip_logits,
    )

    found = decode(given, top=3).segments[0]

    # The second gains 1 by its clip: no moment at all would be better where a boundary takes 2.
    assert found[:number].tolist() == [[0, 1], [6, 7]][:number]
    assert np.isnan(found[number:]).all()
