import math

import numpy as np
import pytest
import torch

from stillseek.models.decoding import decode
from stillseek.models.head_outputs import clip_scores_output, scores_of, segment_scores_output
from stillseek.scores import Scores, proposal_scores
from stillseek.tensors import ClipEvidence, LocalizerOutput, SegmentScores

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
    assert decode(scores_of(output)).segments[0, 0].tolist() == [2, 3]


def test_bfloat16_is_summed_in_float32():
    logits = torch.full((1, 300), 1.0, dtype=torch.bfloat16)
    output = clip_scores_output(logits, torch.ones(1, 300, dtype=torch.bool))
    assert output.end_logits[0, -1] == 300.0  # bfloat16 would stop at 256


def random_stage(dtype: torch.dtype = torch.float32) -> SegmentScores:
    """Of 3 videos of 13 clips, 17 segments each."""
    random = torch.Generator().manual_seed(0)
    start = (12 * torch.rand(3, 17, generator=random)).to(dtype)
    start[:, ::5] = start[:, ::5].floor()
    end = torch.minimum(
        start + (5 * torch.rand(3, 17, generator=random)).to(dtype) + 1, start * 0 + 13
    )
    logits = (4 * torch.randn(3, 17, generator=random)).to(dtype)
    logits[1, 3:11] = logits[2, 1:] = -INF
    return SegmentScores(segments=torch.stack([start, end], dim=-1), logits=logits)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_scores_carry_each_field_in_float32_or_wider(dtype):
    start, end, clips, similarity = torch.randn(4, 3, 13).to(dtype).requires_grad_()
    evidence = ClipEvidence(similarity=similarity, background=torch.arange(3).to(dtype))
    found = scores_of(
        LocalizerOutput(start_logits=start, end_logits=end, clip_logits=clips, evidence=evidence)
    )
    stages = random_stage(), random_stage(dtype)
    proposed = scores_of(segment_scores_output(stages, torch.ones(3, 13, dtype=torch.bool)))

    assert found.evidence is not None
    assert proposed.proposals is not None
    for ours, theirs in (
        (found.start_logits, start),
        (found.end_logits, end),
        (found.clip_logits, clips),
        (proposed.proposals.segments, stages[1].segments),
        (proposed.proposals.logits, stages[1].logits),
        (found.evidence.similarity, similarity),
        (found.evidence.background, evidence.background),
    ):
        assert ours is not None
        assert ours.dtype == (np.float64 if dtype == torch.float64 else np.float32)
        np.testing.assert_array_equal(ours, theirs.detach().double().numpy())
    expected = proposal_scores(proposed.proposals, 13)
    np.testing.assert_array_equal(proposed.start_logits, expected.start_logits)
    np.testing.assert_array_equal(proposed.end_logits, expected.end_logits)


def test_scores_hold_nothing_that_the_output_lacks():
    logits = torch.zeros(2, 5)
    found = scores_of(LocalizerOutput(start_logits=logits, end_logits=logits))
    assert isinstance(found, Scores)
    assert (found.clip_logits, found.proposals, found.evidence) == (None, None, None)
