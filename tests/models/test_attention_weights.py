import pytest
import torch
from heads import make_head, make_inputs

from stillseek.models import plain
from stillseek.models.attention_weights import attention_weights
from stillseek.models.sail import Sail
from stillseek.tensors import LocalizerInput

CLIPS, REGIONS = 11, 5


def make_sail(**switches) -> Sail:
    return make_head("sail", num_heads=2, projection_dim=3, **switches)


@pytest.fixture
def inputs() -> LocalizerInput:
    return make_inputs([CLIPS, 7], [REGIONS, 3], dtype=torch.float32)


def test_weights_are_those_that_the_model_uses(inputs: LocalizerInput) -> None:
    model = make_sail()
    states = []
    hook = model.localizer.register_forward_pre_hook(lambda _, given: states.append(given[0]))

    weights = attention_weights(model, inputs)

    hook.remove()
    assert weights.after is not None
    assert weights.before is not None
    for found, attention in (
        (weights.after, model.localizer.forward_context),
        (weights.before, model.localizer.backward_context),
    ):
        context = plain.additive_attention(attention, states[0], inputs.clip_mask)
        torch.testing.assert_close(found @ states[0], context)
        torch.testing.assert_close(found.sum(dim=-1), torch.ones(2, CLIPS))
    # The start looks forward only, the end back.
    assert weights.after.triu().equal(weights.after)
    assert weights.before.tril().equal(weights.before)
    assert model.training  # as it was


def test_clips_look_at_real_regions(inputs: LocalizerInput) -> None:
    for switches in ({}, {"multi_level_interaction": False}):
        weights = attention_weights(make_sail(**switches), inputs)

        assert weights.regions.shape == (2, CLIPS, REGIONS)
        torch.testing.assert_close(weights.regions.sum(dim=-1), torch.ones(2, CLIPS))
        assert (weights.regions[1, :, 3:] == 0).all()


def test_one_layers_regions_by_hand(inputs: LocalizerInput) -> None:
    model = make_sail(multi_level_interaction=False).eval()
    given = []
    attention = model.local_transformer.layers[1].image_attention
    hook = attention.register_forward_pre_hook(lambda _, arguments: given.append(arguments))
    weights = attention_weights(model, inputs)
    hook.remove()
    queries, keys, values, _ = given[0]

    # Of equal heads the output is that of the mean weights.
    with torch.no_grad():
        for matrix in (attention.query.weight, attention.key.weight):
            matrix[3:] = matrix[:3]
    again = attention_weights(model, inputs).regions
    heads = (queries @ attention.query.weight[:3].T) @ (keys[:, 0].mT) / 3**0.5
    by_hand = heads.masked_fill(~inputs.region_mask[:, None], -torch.inf).softmax(dim=-1)
    torch.testing.assert_close(again, by_hand)
    assert not torch.equal(again, weights.regions)
    assert values.shape == keys.shape


def test_without_aggregation_no_clip_looks_at_others(inputs: LocalizerInput) -> None:
    weights = attention_weights(make_sail(bidirectional_aggregation=False), inputs)

    assert (weights.after, weights.before) == (None, None)
