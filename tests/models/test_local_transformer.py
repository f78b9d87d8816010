import math

import pytest
import torch
from heads import make_head

from stillseek.models import local_transformer
from stillseek.models.attention import Sight
from stillseek.models.local_transformer import (
    Fusion,
    LocalTransformer,
    LocalTransformerLayer,
    temporal_encoding,
)


def layer(seed: int = 0, **overrides) -> LocalTransformerLayer:
    torch.manual_seed(seed)
    sizes = {
        "dim": 7,
        "region_dim": 11,
        "num_heads": 3,
        "projection_dim": 5,
        "ffn_dim": 13,
        "dropout": 0.0,
        "image_attention": True,
    }
    return LocalTransformerLayer(**(sizes | overrides)).double()


def run(
    model: LocalTransformerLayer, clips: torch.Tensor, window: int, regions: torch.Tensor
) -> torch.Tensor:
    sight = Sight.of(torch.ones(clips.shape[:2], dtype=torch.bool), window)
    attention = model.image_attention
    image = None if attention is None else attention.keys_values(regions)
    return model(clips, sight, image, torch.ones(regions.shape[:2], dtype=torch.bool))


def run_all(model: LocalTransformer, clips: torch.Tensor, regions: torch.Tensor) -> torch.Tensor:
    image = model.remember(regions, torch.ones(regions.shape[:2], dtype=torch.bool))
    return model(clips, torch.ones(clips.shape[:2], dtype=torch.bool), image)


def draw(batch: int, clips: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Clips, and three regions."""
    torch.manual_seed(1)
    return (
        torch.randn(batch, clips, 7, dtype=torch.float64),
        torch.randn(batch, 3, 11, dtype=torch.float64),
    )


def test_temporal_encoding_by_hand():
    encoding = temporal_encoding(3, 4, like=torch.zeros(1, dtype=torch.float64))

    expected = [[math.sin(i), math.cos(i), math.sin(i / 100), math.cos(i / 100)] for i in range(3)]
    # Angles are float32.
    torch.testing.assert_close(encoding, torch.tensor(expected).double(), rtol=0, atol=1e-6)


def test_temporal_encoding_of_an_odd_width_ends_with_a_sine():
    encoding = temporal_encoding(2, 3, like=torch.zeros(1))

    expected = [0.0, 1.0, 0.0], [math.sin(1), math.cos(1), math.sin(10000 ** (-2 / 3))]
    torch.testing.assert_close(encoding, torch.tensor(expected))


def test_fusion_by_hand():
    fusion = Fusion(dim=1)
    with torch.no_grad():
        fusion.combine.weight.copy_(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
        fusion.combine.bias.fill_(-2.0)

    result = fusion(torch.full((1, 1, 1), 0.5), torch.full((1, 1, 1), 0.25))

    # 1 * 0.5 + 2 * 0.25 + 3 * 0.125 + 4 * 0.25 - 2 = 0.375
    torch.testing.assert_close(result, torch.full((1, 1, 1), math.tanh(0.375)))


def test_layer_equals_the_printed_equations():
    model = layer()
    clips, regions = draw(2, 6)
    sight = Sight.of(torch.ones(2, 6, dtype=torch.bool), 1)
    everything = torch.ones(2, 1, 3, dtype=torch.bool)

    result = run(model, clips, 1, regions)

    f1 = model.self_norm(model.self_attention.within(clips, sight) + clips)
    seen = model.image_attention(f1, *model.image_attention.keys_values(regions), everything)
    f2 = model.image_norm(model.fusion(f1, seen))
    relu = (f2 @ model.expand.weight.mT + model.expand.bias).clamp(min=0)
    f3 = model.ffn_norm(f2 + relu @ model.contract.weight.mT + model.contract.bias)
    torch.testing.assert_close(result, f3)


def test_layer_without_image_attention_skips_that_sublayer_only():
    model = layer(image_attention=False)
    clips, regions = draw(2, 6)
    sight = Sight.of(torch.ones(2, 6, dtype=torch.bool), 1)

    result = run(model, clips, 1, regions)

    f1 = model.self_norm(model.self_attention.within(clips, sight) + clips)
    expected = model.ffn_norm(f1 + model.contract(model.expand(f1).relu()))
    torch.testing.assert_close(result, expected)
    missing = {n for n, _ in layer().named_parameters()} - {n for n, _ in model.named_parameters()}
    assert {name.split(".")[0] for name in missing} == {"image_attention", "fusion", "image_norm"}


@pytest.mark.parametrize("changed", [0, 5, 12])
def test_clip_outside_the_window_cannot_affect_a_layer(changed):
    model = layer()
    clips, regions = draw(1, 13)
    other = clips.clone()
    other[0, changed] += 1.0

    difference = run(model, clips, 2, regions) - run(model, other, 2, regions)

    affected = difference[0].abs().amax(-1) > 0
    assert affected.tolist() == [abs(i - changed) <= 2 for i in range(13)]


def test_dropout_acts_in_training_only():
    model = layer(dropout=0.5)
    clips, regions = draw(1, 5)

    first, second = (run(model, clips, 1, regions) for _ in range(2))
    assert not torch.equal(first, second)

    model.eval()
    torch.testing.assert_close(run(model, clips, 1, regions), run(layer(), clips, 1, regions))


def transformer(**overrides) -> LocalTransformer:
    return LocalTransformer((layer(seed, **overrides) for seed in range(3)), window=2)


def test_transformer_encodes_time_once_and_stacks_layers():
    model = transformer()
    clips, regions = draw(2, 6)

    result = run_all(model, clips, regions)

    expected = clips + temporal_encoding(6, 7, like=clips)
    for each in model.layers:
        expected = run(each, expected, 2, regions)
    torch.testing.assert_close(result, expected)


def test_three_layers_reach_three_windows():
    model = transformer()
    clips, regions = draw(1, 17)
    other = clips.clone()
    other[0, 0] += 1.0

    difference = run_all(model, clips, regions) - run_all(model, other, regions)

    affected = difference[0].abs().amax(-1) > 0
    assert affected.tolist() == [i <= 6 for i in range(17)]


def test_without_multi_level_only_the_last_layer_has_the_image():
    model = make_head("sail", multi_level_interaction=False, num_layers=3).local_transformer

    assert [each.image_attention is not None for each in model.layers] == [False, False, True]


def test_layers_made_again_give_the_same_gradients(monkeypatch):
    model = transformer(dropout=0.5).train()
    clips, regions = draw(2, 11)  # more than the four windows of one block

    def gradients() -> tuple[torch.Tensor, ...]:
        torch.manual_seed(2)
        states = run_all(model, clips, regions)
        return torch.autograd.grad(states.square().sum(), tuple(model.parameters()))

    kept = gradients()
    monkeypatch.setattr(local_transformer, "_RECOMPUTED_CLIPS", 1)

    for ours, theirs in zip(gradients(), kept, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
