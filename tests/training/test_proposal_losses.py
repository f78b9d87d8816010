import math

import pytest
import torch

from stillseek.errors import UsageError
from stillseek.models.segments import segment_iou
from stillseek.tensors import LocalizerOutput, SegmentScores
from stillseek.training.proposal_losses import (
    WeightedProposalLoss,
    count_proposals,
    two_stage_loss,
)

INF = math.inf


def loss_of(loss, *stages: SegmentScores, num_clips: int, start: int, end: int) -> torch.Tensor:
    nothing = torch.zeros(1, 1)
    output = LocalizerOutput(start_logits=nothing, end_logits=nothing, stages=stages)
    mask = torch.ones(1, num_clips, dtype=torch.bool)
    return loss(output, mask, torch.tensor([start]), torch.tensor([end]))


def test_counts_equal_brute_force():
    random = torch.Generator().manual_seed(0)
    targets = [(0, 0, 1), (0, 12, 13), (3, 3, 7)]
    for _ in range(40):
        steps = int(torch.randint(1, 14, (), generator=random))
        start, end = torch.randint(0, steps, (2,), generator=random).sort().values.tolist()
        targets.append((start, end, steps))

    right, proposals = count_proposals(targets, num_proposals=11)

    for length in range(1, 12):
        found = total = 0
        for start, end, steps in targets:
            segments = torch.tensor(
                [[p, p + length] for p in range(steps - length + 1)], dtype=torch.float64
            ).reshape(1, -1, 2)
            truth = torch.tensor([[start, end + 1]], dtype=torch.float64)
            found += int((segment_iou(segments, truth) > 0.5).sum())
            total += segments.shape[1]
        assert (int(right[length - 1]), int(proposals[length - 1])) == (found, total)


def test_weights_make_right_and_wrong_proposals_equal_in_each_scale():
    # Truth [0, 4) of 6 steps: right are [0, 3) and [1, 4) of length 3; [0, 4) and [1, 5) of
    # length 4 (tIoU 3/5); [0, 5) and [1, 6) of length 5 (4/5 and 1/2, which is not above); of
    # length 2 none (tIoU 1/2); of length 6 [0, 6) (2/3), and no other exists.
    loss = WeightedProposalLoss.of([(0, 3, 6)], num_proposals=7)
    expected = [1 / 4, 1 / 4, 2 / 4, 2 / 3, 1 / 2, 1.0, 1 / 4]
    # [2, 5) of length 3 has 2/5; scales without a right one take the least share, 1/2.
    expected[0] = expected[1] = expected[6] = 1 / 2
    torch.testing.assert_close(loss.positive_share, torch.tensor(expected, dtype=torch.float64))


def test_weighted_loss_by_hand():
    # Two steps, two lengths, truth [1, 2): of length 1 [0, 1) is wrong and [1, 2) right; of
    # length 2 [0, 2) has tIoU 1/2 and is wrong, the other does not exist.
    stage = SegmentScores(
        segments=torch.tensor([[[0.0, 1.0], [0.0, 1.0], [1.0, 2.0], [0.0, 2.0]]]),
        logits=torch.tensor([[0.0, -INF, math.log(3.0), -math.log(3.0)]], requires_grad=True),
    )
    loss = WeightedProposalLoss(positive_share=torch.tensor([0.2, 0.3]))
    value = loss_of(loss, stage, num_clips=2, start=1, end=1)
    # -log(1 - 1/2), -log 3/4 and -log(1 - 1/4), over 2 steps.
    expected = (0.2 * math.log(2) + 0.8 * math.log(4 / 3) + 0.3 * math.log(4 / 3)) / 2
    assert value.item() == pytest.approx(expected, rel=1e-6)
    value.backward()
    assert stage.logits.grad is not None
    assert stage.logits.grad[0, 1] == 0


def test_a_scale_that_is_never_right_still_learns_to_be_wrong():
    loss = WeightedProposalLoss.of([(0, 3, 4)], num_proposals=4)
    assert (loss.positive_share > 0).all()


def test_too_few_proposals_for_any_truth_are_refused():
    for targets in ([(0, 9, 10)], []):
        with pytest.raises(UsageError, match="raise num_proposals towards their length"):
            WeightedProposalLoss.of(targets, num_proposals=5)


def stage_of(anchors: list, logits: list, offsets: list) -> SegmentScores:
    segments = torch.tensor([anchors])
    return SegmentScores(
        segments=segments,
        logits=torch.tensor([logits]),
        anchors=segments,
        offsets=torch.tensor([offsets]),
    )


def test_two_stages_by_hand():
    third = math.log(3.0)
    # Truth [2, 6). tIoU of stage 1: 1, 3/5 (left out), 1/4 and 0 (wrong), 1 (not there).
    first = stage_of(
        [[2.0, 6.0], [3.0, 7.0], [5.0, 6.0], [7.0, 9.0], [2.0, 6.0]],
        [0.0, 9.0, third, -third, -INF],
        [[0.0, 0.5], [9.0, 9.0], [9.0, 9.0], [9.0, 9.0], [9.0, 9.0]],
    )
    # tIoU of stage 2: 3/5 (right), 1/2 (wrong), 2/4 (wrong).
    second = stage_of(
        [[3.0, 7.0], [2.0, 4.0], [4.0, 6.0]],
        [third, 0.0, 0.0],
        [[-0.25, 2.0], [9.0, 9.0], [9.0, 9.0]],
    )
    loss = loss_of(two_stage_loss, first, second, num_clips=9, start=2, end=5)
    stage_1 = 0.5 * math.log(2) + 0.5 * (math.log(4) + math.log(4 / 3)) / 2 + 0.5 * 0.5**2
    stage_2 = 0.25 * math.log(4 / 3) + 0.75 * math.log(2) + (2.0 - 0.5)
    assert loss.item() == pytest.approx(stage_1 + stage_2, rel=1e-6)


def test_the_best_segment_is_right_however_little_it_overlaps():
    # Best tIoU 1/4 in both stages, and nothing wrong: half and a quarter of -log 1/2.
    stage = stage_of([[1.0, 2.0]], [0.0], [[0.5, math.log(4.0)]])
    loss = loss_of(two_stage_loss, stage, stage, num_clips=4, start=0, end=3)
    assert loss.item() == pytest.approx(0.75 * math.log(2), rel=1e-6)


def test_no_overlap_at_all_leaves_wrong_segments_only():
    stage = stage_of([[4.0, 5.0], [5.0, 7.0]], [0.0, -INF], [[9.0, 9.0], [9.0, 9.0]])
    stage.logits.requires_grad_()
    loss = loss_of(two_stage_loss, stage, stage, num_clips=7, start=0, end=1)
    assert loss.item() == pytest.approx(1.25 * math.log(2), rel=1e-6)
    loss.backward()
    assert stage.logits.grad is not None
    assert stage.logits.grad.isfinite().all()
