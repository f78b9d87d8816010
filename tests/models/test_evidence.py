import math

import pytest
import torch

from stillseek.models.evidence import Evidence, smooth, unit


def make_evidence(**buffers) -> Evidence:
    evidence = Evidence(dim=3, num_background=len(buffers["background"]))
    evidence.load_state_dict(evidence.state_dict() | buffers)
    return evidence.double()


def test_smoothing_by_hand():
    values = torch.tensor([[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    near, far = math.exp(-1 / 2), math.exp(-4 / 2)
    whole = 1 + 2 * near + 2 * far + 2 * math.exp(-9 / 2)

    smoothed, is_near = smooth(values, torch.ones(1, 7, dtype=torch.bool), 1.0)

    assert smoothed[0, 3].item() == pytest.approx(1 / whole)
    assert smoothed[0, 2].item() == pytest.approx(near / (whole - math.exp(-9 / 2)))
    assert is_near.all()


def test_clips_that_show_nothing_do_not_count():
    values = torch.tensor([[0.5, 9.0, 0.5] + [9.0] * 8], dtype=torch.float64)
    is_shown = torch.tensor([[True, False, True] + [False] * 8])

    smoothed, is_near = smooth(values, is_shown, 1.0)

    assert smoothed[0, :6].tolist() == pytest.approx([0.5] * 6)
    assert is_near[0].tolist() == [True] * 6 + [False] * 5
    assert smoothed[0, 6:].tolist() == [0.0] * 5


def test_no_smoothing_leaves_values():
    values = torch.tensor([[0.3, 0.7]])
    smoothed, is_near = smooth(values, torch.tensor([[True, False]]), 0.0)
    assert smoothed.tolist() == [[pytest.approx(0.3), 0.0]]
    assert is_near.tolist() == [[True, False]]


def test_evidence_compares_in_the_space_of_the_metric():
    # The metric sees the second direction twice as well, and the third not at all.
    metric = torch.diag(torch.tensor([1.0, 2.0, 0.0]))
    evidence = make_evidence(
        background=torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), metric=metric
    )
    clip = unit(torch.tensor([1.0, 1.0, 5.0], dtype=torch.float64))
    clips = clip.expand(1, 25, 3)
    image = torch.tensor([[[1.0, 0.0, 0.0]]], dtype=torch.float64)

    found = evidence(clips, image, torch.ones(1, 25, dtype=torch.bool))

    assert found.similarity[0].tolist() == pytest.approx([1 / math.sqrt(5)] * 25)
    assert found.background.tolist() == pytest.approx([0.5])  # the mean of 1 and 0


def test_a_power_whitens_part_of_the_way():
    # Directions that are turned, and stretched by 1, 2 and 4.
    turn, _ = torch.linalg.qr(torch.tensor([[1.0, 2.0, 0.5], [0.0, 1.0, 3.0], [2.0, 0.0, 1.0]]))
    evidence = make_evidence(
        background=torch.eye(3),
        metric=turn * torch.tensor([1.0, 2.0, 4.0]),
        centre=torch.tensor([0.1, 0.0, 0.2]),
    )
    vectors = unit(torch.tensor([[[1.0, 0.5, -1.0], [0.2, 2.0, 0.3]]], dtype=torch.float64))
    turned = (vectors - evidence.centre) @ turn.double()

    for power, stretch in ((0.0, (1, 1, 1)), (0.5, (1, 2**0.5, 2)), (1.0, (1, 2, 4))):
        expected = unit(turned * torch.tensor(stretch, dtype=torch.float64))
        torch.testing.assert_close(evidence.whiten(vectors, power), expected, atol=1e-6, rtol=1e-6)


def test_a_black_frame_is_no_evidence():
    evidence = make_evidence(background=torch.eye(3), centre=torch.tensor([0.3, 0.0, 0.0]))
    clips = torch.zeros(1, 7, 3, dtype=torch.float64)
    clips[0, 2] = torch.tensor([0.0, 1.0, 0.0])
    is_shown = clips.abs().amax(dim=-1) > 0
    image = torch.tensor([[[0.0, 1.0, 0.0]]], dtype=torch.float64)

    similarity = evidence(clips, image, is_shown).similarity[0]

    assert similarity[2].item() == pytest.approx(1.0)
    assert similarity.isneginf().tolist() == [True, True, False, True, True, True, True]
