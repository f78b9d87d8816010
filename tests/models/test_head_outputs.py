import math

import pytest
import torch

from stillseek.models.decoding import decode
from stillseek.models.head_outputs import clip_scores_output, segment_scores_output
from stillseek.tensors import SegmentScores

INF = math.inf


def best_by_the_printed_product(logits: torch.Tensor) -> tuple[tuple[int, int], float]:
    """Section 6.2's p_ij, term by term; the largest and how far the second is behind."""
    p = logits.sigmoid().tolist()
    n = len(p)
    scores = {}
    for i in range(n):
        for j in range(i, n):
            inside = math.prod(p[i : j + 1])
            outside = math.prod(1 - q for q in p[:i] + p[j + 1 :])
            scores[i, j] = inside * outside
    ranked = sorted(scores, key=scores.__getitem__, reverse=True)
    gap = scores[ranked[0]] / scores[ranked[1]] - 1 if n > 1 else INF
    return ranked[0], gap


@pytest.mark.parametrize("shift", [0.0, -5.0, 5.0], ids=["mixed", "all negative", "all positive"])
@pytest.mark.parametrize("num_clips", [1, 2, 7, 13])
def test_the_best_pair_has_the_largest_product(num_clips, shift):
    random = torch.Generator().manual_seed(num_clips)
    logits = 1.5 * torch.randn(50, num_clips, generator=random, dtype=torch.float64) + shift
    # Padding, holding something, changes nothing.
    padded = torch.cat([logits, torch.full((50, 3), 9.0, dtype=torch.float64)], dim=1)
    mask = torch.arange(num_clips + 3).expand(50, -1) < num_clips

    output = clip_scores_output(padded, mask)

    pairs = output.start_logits[:, :, None] + output.end_logits[:, None]
    pairs = pairs.masked_fill(~torch.ones_like(pairs, dtype=torch.bool).triu(), -INF)
    best = pairs.flatten(1).argmax(dim=1)
    for row in range(50):
        expected, gap = best_by_the_printed_product(logits[row])
        assert gap > 1e-9  # no tie, so that the answer is unique
        assert divmod(int(best[row]), num_clips + 3) == expected


def test_scores_are_sums_over_the_segment_by_hand():
    output = clip_scores_output(
        torch.tensor([[1.0, -2.0, 4.0, 8.0]]), torch.tensor([[True, True, True, False]])
    )
    assert output.start_logits.tolist() == [[0.0, -1.0, 1.0, -INF]]
    assert output.end_logits.tolist() == [[1.0, -1.0, 3.0, -INF]]
    assert output.clip_logits is not None
    assert output.clip_logits.tolist() == [[1.0, -2.0, 4.0, 0.0]]
    assert not output.stages
    assert decode(output).segments[0, 0].tolist() == [2, 3]


def test_boundary_scores_sum_the_confidence_of_segments_by_hand():
    stage = SegmentScores(
        # The first two start in clip 0; the first and the last have their last instant in clip 1.
        segments=torch.tensor([[[0.0, 2.0], [0.9, 3.0], [1.5, 1.6], [2.0, 3.0]]]),
        logits=torch.tensor([[0.0, math.log(3.0), -math.log(3.0), -INF]]),
    )
    output = segment_scores_output((stage,), torch.tensor([[True, True, True]]))
    expected_start = torch.tensor([[0.5 + 0.75, 0.25, 0.0]]).log()
    expected_end = torch.tensor([[0.0, 0.5 + 0.25, 0.75]]).log()
    torch.testing.assert_close(output.start_logits, expected_start)
    torch.testing.assert_close(output.end_logits, expected_end)
    assert output.stages == (stage,)
    assert output.clip_logits is None


def test_very_unlikely_segments_keep_finite_scores_and_gradients():
    logits = torch.tensor([[-300.0, -301.0, -INF]], requires_grad=True)
    stage = SegmentScores(
        segments=torch.tensor([[[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]]]), logits=logits
    )
    output = segment_scores_output((stage,), torch.ones(1, 3, dtype=torch.bool))
    torch.testing.assert_close(output.start_logits, torch.tensor([[-300.0, -301.0, -INF]]))

    output.start_logits.softmax(dim=1)[0, 0].backward()

    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert logits.grad[0, 0] > 0.1


def test_bfloat16_is_summed_in_float32():
    logits = torch.full((1, 300), 1.0, dtype=torch.bfloat16)
    output = clip_scores_output(logits, torch.ones(1, 300, dtype=torch.bool))
    assert output.end_logits[0, -1] == 300.0  # bfloat16 would stop at 256
