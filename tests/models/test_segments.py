import math

import torch

from stillseek.models.segments import offsets_to, pooling_weights, regress, segment_iou


def test_iou_by_hand():
    segments = torch.tensor([[[0.0, 2.0], [1.0, 3.0], [2.0, 5.0], [-1.0, 7.0]]])
    expected = torch.tensor([[0.0, 1 / 4, 1.0, 3 / 8]])
    torch.testing.assert_close(segment_iou(segments, torch.tensor([[2.0, 5.0]])), expected)


def test_offsets_by_hand_and_back():
    anchors = torch.tensor([[[1.0, 3.0], [-4.0, 12.0]]])
    truth = torch.tensor([[2.0, 6.0]])  # centre 4, length 4
    offsets = offsets_to(truth, anchors)
    expected = torch.tensor([[[1.0, math.log(2)], [0.0, math.log(1 / 4)]]])
    torch.testing.assert_close(offsets, expected)
    moved = regress(anchors, offsets, torch.tensor([7]))
    torch.testing.assert_close(moved, truth[:, None].expand(1, 2, 2))


def test_regression_stays_inside_and_keeps_a_clip():
    anchors = torch.tensor([[[0.0, 2.0]] * 5])
    # Far before, far after, far too short, far too long, and too much for exp.
    offsets = torch.tensor([[[-9.0, 0.0], [9.0, 0.0], [0.0, -9.0], [0.0, 5.0], [0.0, 1e5]]])
    moved = regress(anchors, offsets, torch.tensor([3]))
    tiny = 2 * math.exp(-9) / 2
    expected = [[0, 1], [2, 3], [1 - tiny, 2 - tiny], [0, 3], [0, 3]]
    torch.testing.assert_close(moved, torch.tensor([expected], dtype=torch.float32))


def test_pooling_is_the_mean_over_bins_with_context_by_hand():
    # [2, 5) with context is [0.5, 6.5); three bins of 2 steps each. Clip i holds i + 1.
    clips = torch.arange(1.0, 8.0)
    weights = pooling_weights(torch.tensor([[[2.0, 5.0]]]), num_clips=7, num_bins=3)
    # The first bin, [0.5, 2.5), has half of clip 0, clip 1 and half of clip 2.
    torch.testing.assert_close(weights @ clips, torch.tensor([[[2.0, 4.0, 6.0]]]))


def test_outside_the_video_is_zero():
    weights = pooling_weights(torch.tensor([[[0.0, 2.0]]]), num_clips=2, num_bins=4)
    expected = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    torch.testing.assert_close(weights[0, 0], expected)
