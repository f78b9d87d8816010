from dataclasses import replace

import torch
from heads import make_exact, make_inputs

from stillseek.models.sst import Sst, SstConfig


def make_sst(num_proposals=3, **overrides) -> Sst:
    return make_exact("sst", num_proposals=num_proposals, **overrides)


def test_proposals_by_hand():
    (stage,) = make_sst()(make_inputs([2, 4], [1, 1])).stages

    inf = -torch.inf
    exists = (stage.logits > inf).unflatten(1, (4, 3)).tolist()
    short = [[True, False, False], [True, True, False]]
    assert exists[0] == short + [[False] * 3] * 2
    assert exists[1] == short + [[True] * 3] * 2
    segments = stage.segments.unflatten(1, (4, 3))
    assert segments[1, 3].tolist() == [[3.0, 4.0], [2.0, 4.0], [1.0, 4.0]]
    assert segments[1, 1, :2].tolist() == [[1.0, 2.0], [0.0, 2.0]]


def test_a_proposal_is_scored_on_the_clips_up_to_its_end():
    model, inputs = make_sst(), make_inputs([11], [3])
    changed = inputs.clips.clone()
    changed[0, 6] += 1.0

    before = model(inputs).stages[0].logits.unflatten(1, (11, 3))[0]
    after = model(replace(inputs, clips=changed)).stages[0].logits.unflatten(1, (11, 3))[0]

    assert torch.equal(before[:6], after[:6])
    assert (before[6:] != after[6:]).all()


def test_logits_are_the_equations():
    model, inputs = make_sst(), make_inputs([5], [1])
    states, _ = model.gru(inputs.clips)
    image = model.global_feature.weight @ inputs.global_feature[0]
    state = states[0, 4]

    joined = torch.cat([state, image, state * image, state - image])
    fused = (model.fusion.combine.weight @ joined + model.fusion.combine.bias).tanh()

    expected = model.score.weight @ fused + model.score.bias
    torch.testing.assert_close(model(inputs).stages[0].logits[0, -3:], expected)


def test_more_proposals_than_clips():
    (stage,) = make_sst(num_proposals=7)(make_inputs([2], [1])).stages
    assert stage.segments.shape == (1, 14, 2)
    assert int((stage.logits > -torch.inf).sum()) == 3


def test_one_layer_without_dropout():
    output = make_sst(num_layers=1, dropout=0.0)(make_inputs([3], [1]))
    assert output.start_logits.isfinite().all()


def test_number_of_parameters_at_the_papers_widths():
    with torch.device("meta"):
        model = Sst(SstConfig())
    gru = 3 * 512 * (500 + 512 + 2) + 3 * 512 * (512 + 512 + 2)
    expected = gru + 512 * 512 + (4 * 512 + 1) * 512 + 513 * 200
    assert sum(p.numel() for p in model.parameters()) == expected
