from dataclasses import replace

import torch
from heads import make_exact, make_inputs

from stillseek.models.flp import Flp, FlpConfig


def test_a_clip_is_scored_alone():
    model, inputs = make_exact("flp"), make_inputs([11], [3])
    changed = inputs.clips.clone()
    changed[0, 4] += 1.0

    before, after = model(inputs), model(replace(inputs, clips=changed))

    moved = before.clip_logits != after.clip_logits
    assert moved[0].nonzero().flatten().tolist() == [4]


def test_logit_by_hand():
    model, inputs = make_exact("flp"), make_inputs([2], [1])
    first, second, last = (model.mlp[i] for i in (0, 3, 6))
    joined = torch.cat([inputs.clips[0, 1], inputs.global_feature[0]])

    hidden = (first.weight @ joined + first.bias).relu()
    hidden = (second.weight @ hidden + second.bias).relu()

    torch.testing.assert_close(
        model(inputs).clip_logits[0, 1], (last.weight @ hidden + last.bias)[0]
    )


def test_regions_play_no_part():
    model, inputs = make_exact("flp"), make_inputs([5], [3])
    other = replace(inputs, regions=inputs.regions + 1)
    assert torch.equal(model(inputs).clip_logits, model(other).clip_logits)


def test_number_of_parameters_at_the_papers_widths():
    with torch.device("meta"):
        model = Flp(FlpConfig())
    expected = (500 + 512 + 1) * 512 + 513 * 512 + 513
    assert sum(p.numel() for p in model.parameters()) == expected
