from dataclasses import replace

import pytest
import torch
from heads import make_exact, make_inputs

from stillseek.models.inputs import blind_query
from stillseek.models.segments import segment_iou
from stillseek.models.tal import AnchorTower, Tal, TalConfig


def make_tal(num_proposals=19) -> Tal:
    return make_exact("tal", anchor_scales=(1, 2, 5), num_proposals=num_proposals)


def test_anchors_are_centred_on_clips():
    first, _ = make_tal()(make_inputs([4], [1])).stages
    anchors = first.anchors.unflatten(1, (4, 3))[0]
    assert anchors[2].tolist() == [[2.0, 3.0], [1.5, 3.5], [0.0, 5.0]]
    assert anchors[0].tolist() == [[0.0, 1.0], [-0.5, 1.5], [-2.0, 3.0]]


@pytest.mark.parametrize(
    ("scale", "dilations", "window"),
    [(1, (1, 1), 1), (3, (1, 2), 1), (6, (2, 4), 1), (32, (11, 21), 5), (128, (43, 85), 21)],
)
def test_a_tower_sees_the_anchor_and_half_its_length_on_both_sides(scale, dilations, window):
    tower = AnchorTower(dim=2, scale=scale).double()
    assert (tower.near.dilation, tower.far.dilation) == tuple((d,) for d in dilations)
    assert tower.window == window
    with torch.no_grad():
        for parameter in tower.parameters():
            parameter.fill_(1.0)

    def logit_with_a_peak_at(clip: int) -> float:
        clips = torch.zeros(1, 601, 2, dtype=torch.float64)
        clips[0, clip] = 1.0
        return tower(clips, torch.ones(1, 601, dtype=torch.bool))[0][0, 300].item()

    # All weights are positive, so whatever is in sight counts.
    nothing, reach = logit_with_a_peak_at(0), sum(dilations) + window // 2
    assert logit_with_a_peak_at(300 - reach) > nothing
    assert logit_with_a_peak_at(300 + reach) > nothing
    assert logit_with_a_peak_at(299 - reach) == nothing
    assert logit_with_a_peak_at(301 + reach) == nothing
    # The anchor reaches s/2 to each side and its context as far again, but for rounding and for
    # the maximum.
    assert abs(sum(dilations) - scale) <= 1


def test_proposals_do_not_know_the_query():
    model, inputs = make_tal(), make_inputs([11], [3])

    seeing, blind = model(inputs).stages, model(blind_query(inputs)).stages

    assert torch.equal(seeing[0].logits, blind[0].logits)
    assert torch.equal(seeing[1].anchors, blind[1].anchors)
    assert not torch.equal(seeing[1].logits, blind[1].logits)


def test_regions_and_global_feature_each_matter():
    model, inputs = make_tal(), make_inputs([11], [3])
    answer = model(inputs).stages[1]
    for other in (
        replace(inputs, regions=inputs.regions.flip(2)),
        replace(inputs, global_feature=-inputs.global_feature),
    ):
        changed = model(other).stages[1].logits
        real = answer.logits > -torch.inf
        assert (answer.logits - changed)[real].abs().max() > 1e-3


def test_order_of_regions_changes_nothing():
    model, inputs = make_tal(), make_inputs([11], [5])
    order = torch.tensor([3, 0, 4, 1, 2])
    permuted = replace(inputs, regions=inputs.regions[:, order], boxes=inputs.boxes[:, order])
    torch.testing.assert_close(model(inputs).stages[1].logits, model(permuted).stages[1].logits)


def test_proposals_are_the_best_that_overlap_no_better_one():
    model = make_tal()
    first, second = model(make_inputs([11], [3])).stages

    chosen = second.anchors[0][second.logits[0] > -torch.inf]

    # Greedy suppression, one by one.
    order = first.logits[0].argsort(descending=True)
    expected = []
    for segment in first.segments[0][order]:
        kept = torch.stack(expected)[None] if expected else segment.new_zeros(1, 0, 2)
        if not (segment_iou(kept, segment[None]) > 0.7).any():
            expected.append(segment)
    assert 1 < len(expected[:19]) < len(order)
    torch.testing.assert_close(chosen, torch.stack(expected[:19]))


def test_fewer_proposals_than_allowed_and_no_more_than_allowed():
    inputs = make_inputs([1, 11], [3, 3])
    logits = make_tal().forward(inputs).stages[1].logits
    assert (logits[0] > -torch.inf).tolist() == [True] + [False] * 18
    logits = make_tal(num_proposals=2).forward(inputs).stages[1].logits
    assert logits.shape == (2, 2)
    assert (logits[1] > -torch.inf).all()


def test_stage_two_sends_no_gradient_into_the_anchors():
    model = make_tal()
    second = model(make_inputs([11], [3])).stages[1]
    (second.segments.sum() + second.logits[second.logits > -torch.inf].sum()).backward()
    assert all(parameter.grad is None for parameter in model.towers.parameters())
    assert model.project.weight.grad is not None


def test_number_of_parameters_at_the_papers_widths():
    with torch.device("meta"):
        model = Tal(TalConfig())
    towers = 14 * (2 * (3 * 256 + 1) * 256 + 3 * 257)
    attention = 2 * 256 * 256 + 2 * 4096 * 256
    scorer = (7 * 256 + 1) * 256 + attention + 512 * 256 + (4 * 256 + 1) * 256 + 2 * 257 * 256
    expected = 501 * 256 + towers + scorer + 3 * 257
    assert sum(p.numel() for p in model.parameters()) == expected
