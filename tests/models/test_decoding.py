import itertools
import math
from collections.abc import Callable

import pytest
import torch

from stillseek.errors import UsageError
from stillseek.models import decoding
from stillseek.models.decoding import boundary_probabilities, check_decoding, decode
from stillseek.models.head_outputs import clip_scores_output
from stillseek.tensors import LocalizerOutput, SegmentScores
from stillseek.timeline import Segment


def output(start: list[list[float]], end: list[list[float]]) -> LocalizerOutput:
    """Output with these probabilities."""
    return LocalizerOutput(
        start_logits=torch.tensor(start).log(), end_logits=torch.tensor(end).log()
    )


def scored(segments: list[list[list[float]]], logits: list[list[float]]) -> LocalizerOutput:
    """Output of a model that scores segments; only the last stage counts."""
    stage = SegmentScores(segments=torch.tensor(segments), logits=torch.tensor(logits))
    first = SegmentScores(segments=torch.tensor([[[0.0, 1.0]]]), logits=torch.tensor([[9.0]]))
    steps = torch.zeros(len(logits), 11)
    return LocalizerOutput(start_logits=steps, end_logits=steps, stages=(first, stage))


@pytest.mark.parametrize("method", ["joint", "independent"])
def test_one_clip(method):
    found = decode(output([[1.0]], [[1.0]]), method=method)

    assert found.segments.tolist() == [[[0, 1]]]
    assert found.scores.tolist() == [[1.0]]


def test_independent_may_reverse_and_joint_does_not():
    scores = output([[0.1, 0.2, 0.7]], [[0.5, 0.3, 0.2]])

    independent, joint = decode(scores, method="independent"), decode(scores)

    assert independent.segments.tolist() == [[[2, 1]]]
    torch.testing.assert_close(independent.scores, torch.tensor([[0.35]]))
    assert joint.segments.tolist() == [[[2, 3]]]  # 0.14, then 0.06, 0.05
    torch.testing.assert_close(joint.scores, torch.tensor([[0.14]]))


def random_output(batch: int, clips: int, dtype: torch.dtype = torch.float64) -> LocalizerOutput:
    torch.manual_seed(0)
    return LocalizerOutput(
        start_logits=3 * torch.randn(batch, clips, dtype=dtype),
        end_logits=3 * torch.randn(batch, clips, dtype=dtype),
    )


def test_joint_equals_brute_force():
    logits = random_output(101, 13)
    start, end = logits.start_logits.softmax(1), logits.end_logits.softmax(1)
    pairs = (start[:, :, None] * end[:, None]).triu()

    found = decode(logits, method="joint")

    best = pairs.flatten(1).argmax(1)
    assert torch.equal(found.segments[:, 0, 0], (best // 13).double())
    assert torch.equal(found.segments[:, 0, 1], (best % 13 + 1).double())
    torch.testing.assert_close(found.scores[:, 0], pairs.flatten(1).amax(1))


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


@pytest.mark.parametrize("pairs_at_a_time", [1, 40, 2**22])
@pytest.mark.parametrize("max_overlap", [0.0, 0.3, 0.5])
def test_several_moments_equal_brute_force(monkeypatch, max_overlap, pairs_at_a_time):
    monkeypatch.setattr(decoding, "_MAX_PAIRS", pairs_at_a_time)
    logits = random_output(23, 13)

    found = decode(logits, top=5, max_overlap=max_overlap)

    one = decode(logits)
    assert torch.equal(found.segments[:, :1], one.segments)
    assert torch.equal(found.scores[:, :1], one.scores)
    for row in range(23):
        start, end = (
            values[row].softmax(0).tolist() for values in (logits.start_logits, logits.end_logits)
        )
        expected = brute_force(start, end, 5, max_overlap)
        assert found.segments[row, : len(expected)].tolist() == [list(e[1:]) for e in expected]
        assert found.scores[row, : len(expected)].tolist() == pytest.approx(
            [e[0] for e in expected]
        )
        assert found.segments[row, len(expected) :].isnan().all()
        assert (found.scores[row, len(expected) :] == 0).all()


def test_an_hour_of_clips_needs_bounded_memory():
    # 13,500 clips have 91 million pairs: one table of them in float32 would be 729 MB.
    biggest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            nonlocal biggest
            result = func(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                biggest = max(biggest, result.untyped_storage().nbytes())
            return result

    logits = random_output(1, 13_500, torch.float32)
    with Watch():
        found = decode(logits, top=5)

    assert found.scores.min() > 0
    assert biggest <= 4 * 2**22


@pytest.mark.parametrize("top", [1, 3])
def test_the_first_of_equals_wins(top):
    logits = torch.zeros(2, 11)

    found = decode(LocalizerOutput(start_logits=logits, end_logits=logits), top=top)

    # Whatever else starts with the first clip holds [0, 1).
    expected = [[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]]
    assert found.segments.tolist() == [expected[:top]] * 2
    torch.testing.assert_close(found.scores, torch.full((2, top), 1 / 121))


def test_a_video_with_fewer_moments_is_filled_up():
    found = decode(output([[0.5, 0.5]], [[0.5, 0.5]]), top=4)

    assert found.segments[0, :2].tolist() == [[0, 1], [1, 2]]
    assert found.segments[0, 2:].isnan().all()
    assert found.scores.tolist() == [[0.25, 0.25, 0, 0]]


@pytest.mark.parametrize("options", [{"method": "independent"}, {}, {"top": 3}])
def test_padding_is_never_chosen(options):
    logits = torch.full((2, 5), -math.inf)
    logits[:, :2] = -1000.0  # far below zero, still the only real clips

    found = decode(LocalizerOutput(start_logits=logits, end_logits=logits), **options)

    assert (found.segments.nan_to_num(0) <= 2).all()
    assert found.segments[:, 0].isfinite().all()


@pytest.mark.parametrize("top", [1, 2])
def test_joint_tells_pairs_apart_that_underflow_as_products(top):
    # The best pair with start <= end has probability exp(-115); float32 ends at exp(-103).
    logits = LocalizerOutput(
        start_logits=torch.tensor([[-120.0, -110.0, 0.0]]),
        end_logits=torch.tensor([[0.0, -5.0, -130.0]]),
    )

    found = decode(logits, top=top)

    assert found.segments[0, 0].tolist() == [1, 2]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_score_is_a_probability_in_every_precision(dtype):
    logits = torch.zeros(3, 7, dtype=dtype)
    logits[:, 2] = 30.0

    scores = decode(LocalizerOutput(start_logits=logits, end_logits=logits)).scores

    assert ((scores >= 0) & (scores <= 1)).all()
    # A confident model gets a score near 1: log-probabilities are taken in float32 or better.
    torch.testing.assert_close(scores, torch.ones_like(scores))
    assert scores.dtype == torch.float32


def test_clip_scores_are_decoded_through_their_running_sums():
    clips = torch.tensor([[-1.0, 2.0, 3.0, -4.0, 1.0], [0.5, -3.0, 0.0, 0.0, 0.0]])
    mask = torch.tensor([[True] * 5, [True] * 2 + [False] * 3])
    scores = clip_scores_output(clips, mask)

    found = decode(scores, top=2)
    starts, ends = boundary_probabilities(scores)

    for row, num_clips in enumerate((5, 2)):
        shares = {
            (i, j): math.exp(clips[row, i : j + 1].sum().item())
            for i, j in itertools.combinations_with_replacement(range(num_clips), 2)
        }
        total = sum(shares.values())
        best = max(shares, key=shares.__getitem__)
        assert found.segments[row, 0].tolist() == [best[0], best[1] + 1]
        assert found.scores[row, 0].item() == pytest.approx(shares[best] / total, rel=1e-5)
        for clip in range(5):
            start, end = (
                sum(share for pair, share in shares.items() if pair[side] == clip) / total
                for side in (0, 1)
            )
            assert starts[row, clip].item() == pytest.approx(start, rel=1e-5)
            assert ends[row, clip].item() == pytest.approx(end, rel=1e-5)
    assert found.segments[:, 0].tolist() == [[1, 3], [0, 1]]


def test_boundary_probabilities_are_the_papers_softmaxes():
    scores = output([[0.1, 0.2, 0.7]], [[0.5, 0.3, 0.2]])

    starts, ends = boundary_probabilities(scores)

    torch.testing.assert_close(starts, torch.tensor([[0.1, 0.2, 0.7]]))
    torch.testing.assert_close(ends, torch.tensor([[0.5, 0.3, 0.2]]))


def test_the_last_stage_is_the_answer():
    segments = [[[0.5, 2.25], [3.0, 4.5], [1.0, 8.0]], [[0.0, 1.0], [2.0, 3.0], [0.0, 0.0]]]
    found = decode(scored(segments, [[-1.0, 2.0, 1.0], [3.0, 3.0, -math.inf]]))

    assert found.segments.tolist() == [[[3.0, 4.5]], [[0.0, 1.0]]]
    torch.testing.assert_close(found.scores, torch.tensor([[2.0], [3.0]]).sigmoid())


def test_segments_are_suppressed_one_after_the_other():
    torch.manual_seed(0)
    start, length = 19 * torch.rand(7, 31), 7 * torch.rand(7, 31) + 0.1
    logits = 20 * torch.randn(7, 31)  # many confidences round to 1
    logits[:, 29:] = -math.inf
    segments = torch.stack([start, start + length], dim=-1)
    stage = SegmentScores(segments=segments, logits=logits)
    steps = torch.zeros(7, 29)

    found = decode(LocalizerOutput(start_logits=steps, end_logits=steps, stages=(stage,)), top=11)

    for row in range(7):
        kept: list[int] = []
        for place in logits[row, :29].argsort(descending=True, stable=True).tolist():
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
        assert torch.equal(found.segments[row, : len(kept)], segments[row, kept])
        torch.testing.assert_close(found.scores[row, : len(kept)], logits[row, kept].sigmoid())
        assert found.segments[row, len(kept) :].isnan().all()
        assert (found.scores[row, len(kept) :] == 0).all()


def test_an_overlap_on_the_limit_is_kept():
    # 3 of 10 steps are shared: 0.3 in real numbers, a little more or less in some precisions.
    found = decode(scored([[[0.0, 6.5], [3.5, 10.0], [3.0, 10.0]]], [[2.0, 0.0, 1.0]]), top=3)

    assert found.segments[0, :2].tolist() == [[0.0, 6.5], [3.5, 10.0]]
    assert found.segments[0, 2].isnan().all()


def test_bfloat16_segments_are_decoded_in_float32():
    stage = SegmentScores(
        segments=torch.tensor([[[1.0, 3.0]]], dtype=torch.bfloat16),
        logits=torch.zeros(1, 1, dtype=torch.bfloat16),
    )
    steps = torch.zeros(1, 3)

    found = decode(LocalizerOutput(start_logits=steps, end_logits=steps, stages=(stage,)))

    assert found.segments.dtype == found.scores.dtype == torch.float32


def clips_scored() -> LocalizerOutput:
    steps = torch.zeros(1, 3)
    return LocalizerOutput(start_logits=steps, end_logits=steps, clip_logits=steps)


@pytest.mark.parametrize("make", [clips_scored, lambda: scored([[[0.0, 1.0]]], [[1.0]])])
def test_only_boundary_scores_are_decoded_independently(make: Callable[[], LocalizerOutput]):
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
        decode(output([[1.0]], [[1.0]]), **options)


def test_what_a_model_offers_can_be_decoded():
    check_decoding(("joint", "independent"), "independent")
    check_decoding(("joint",), "joint", top=3)


@pytest.mark.parametrize("seed", range(5))
def test_moments_of_scored_clips_are_apart(seed):
    torch.manual_seed(seed)
    logits = torch.randn(2, 23, dtype=torch.float64)
    mask = torch.ones(2, 23, dtype=torch.bool)
    mask[1, 17:] = False

    found = decode(clip_scores_output(logits, mask), top=4)

    for row, num_clips in enumerate((23, 17)):
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
                assert found.segments[row, place].isnan().all()
                assert found.scores[row, place] == 0
                continue
            assert found.segments[row, place].tolist() == list(best)
            assert found.scores[row, place].item() == pytest.approx(math.exp(gains[best]) / total)
            gains = {
                (start, end): gain
                for (start, end), gain in gains.items()
                if end <= best[0] - 4 or start >= best[1] + 4
            }


def test_fewer_moments_than_asked_for_where_no_clip_is_left():
    found = decode(clip_scores_output(torch.ones(1, 2), torch.ones(1, 2, dtype=torch.bool)), top=2)

    assert found.segments[0, 0].tolist() == [0, 2]
    assert found.segments[0, 1].isnan().all()
    assert found.scores[0, 1] == 0
