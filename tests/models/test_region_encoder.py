import math

import pytest
import torch

from stillseek.models.region_encoder import RegionEncoder, RegionSelfAttention, relative_positions


def draw(batch: int, regions: int, dim: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    features = torch.randn(batch, regions, dim, dtype=torch.float64)
    boxes = 0.1 + 0.8 * torch.rand(batch, regions, 4, dtype=torch.float64)
    return features, boxes, torch.ones(batch, regions, dtype=torch.bool)


def encoder(*, self_attention: bool = True) -> RegionEncoder:
    torch.manual_seed(1)
    return RegionEncoder(region_dim=11, global_dim=7, self_attention=self_attention).double()


def test_relative_positions_by_hand():
    boxes = torch.tensor([[[0.5, 0.5, 0.5, 0.5], [0.25, 0.75, 0.25, 1.0]]])

    positions = relative_positions(boxes)

    log2 = math.log(2)
    expected = [
        [[0, 0, 0, 0], [0.25 / 0.25, -0.25 / 1.0, log2, -log2]],
        [[-0.25 / 0.5, 0.25 / 0.5, -log2, log2], [0, 0, 0, 0]],
    ]
    torch.testing.assert_close(positions, torch.tensor([expected]))


def test_one_region_gives_itself():
    regions, boxes, mask = draw(2, 1, 11)

    result = RegionSelfAttention(dim=11).double()(regions, boxes, mask)

    torch.testing.assert_close(result, regions)


def test_region_attention_by_hand():
    # d_r = 1 and r = (0, 2), W^r = (1, 0, 0, 0), boxes as above: p_12 -> 1, p_21 -> -1/2.
    # i = 1: r_1 = 0, equal weights: (0 + (2 + 1)) / 2.
    # i = 2: scores 2 * (0 - 1/2) = -1 and 2 * 2 = 4.
    attention = RegionSelfAttention(dim=1)
    with torch.no_grad():
        attention.position.weight.copy_(torch.tensor([[1.0, 0.0, 0.0, 0.0]]))
    boxes = torch.tensor([[[0.5, 0.5, 0.5, 0.5], [0.25, 0.75, 0.25, 1.0]]])

    result = attention(torch.tensor([[[0.0], [2.0]]]), boxes, torch.ones(1, 2, dtype=torch.bool))

    first = math.exp(-1) / (math.exp(-1) + math.exp(4))
    torch.testing.assert_close(result, torch.tensor([[[1.5], [first * -0.5 + (1 - first) * 2.0]]]))


def test_region_attention_equals_the_printed_formula():
    regions, boxes, mask = draw(2, 5, 11)
    attention = RegionSelfAttention(dim=11).double()
    # The literal m x m x d_r tensor R + P~_i.
    with_position = regions[:, None] + relative_positions(boxes) @ attention.position.weight.mT
    scores = torch.einsum("bid,bijd->bij", regions, with_position) / math.sqrt(11)
    expected = torch.einsum("bij,bijd->bid", scores.softmax(-1), with_position)

    result = attention(regions, boxes, mask)

    # The factored sums only round differently.
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-12)


def test_encoder_adds_residual_and_global_feature_and_normalises():
    regions, boxes, mask = draw(2, 5, 11)
    global_feature = torch.randn(2, 7, dtype=torch.float64)
    model = encoder()
    assert model.attention is not None

    result = model(regions, boxes, mask, global_feature)

    hidden = regions + (global_feature @ model.global_feature.weight.mT)[:, None]
    hidden = hidden + model.attention(regions, boxes, mask)
    expected = (hidden - hidden.mean(-1, keepdim=True)) / torch.sqrt(
        hidden.var(-1, keepdim=True, correction=0) + 1e-5
    )
    torch.testing.assert_close(result, expected)


def test_without_self_attention_the_other_terms_stay():
    regions, boxes, mask = draw(2, 5, 11)
    global_feature = torch.randn(2, 7, dtype=torch.float64)
    model = encoder(self_attention=False)

    result = model(regions, boxes, mask, global_feature)

    hidden = regions + (global_feature @ model.global_feature.weight.mT)[:, None]
    torch.testing.assert_close(result, model.norm(hidden))
    assert {name for name, _ in model.named_parameters()} == {
        "global_feature.weight",
        "norm.weight",
        "norm.bias",
    }


def test_permuting_regions_with_their_boxes_permutes_the_output():
    regions, boxes, mask = draw(2, 5, 11)
    global_feature = torch.randn(2, 7, dtype=torch.float64)
    order = torch.tensor([3, 0, 4, 1, 2])
    model = encoder()

    result = model(regions[:, order], boxes[:, order], mask, global_feature)

    expected = model(regions, boxes, mask, global_feature)
    torch.testing.assert_close(result, expected[:, order])
    # The boxes matter: permuting the features alone gives something else.
    alone = model(regions[:, order], boxes, mask, global_feature)
    assert (alone - expected[:, order]).abs().max() > 1e-3


@pytest.mark.parametrize("garbage", [0.0, 100.0])
def test_padding_changes_nothing_and_has_finite_gradients(garbage):
    regions, boxes, mask = draw(2, 5, 11)
    global_feature = torch.randn(2, 7, dtype=torch.float64)
    mask[:, 3:] = False
    padding = torch.where(mask[..., None], 1.0, 0.0).double()
    regions = (regions * padding + garbage * (1 - padding)).requires_grad_()
    model = encoder()

    result = model(regions, boxes * padding, mask, global_feature)
    result[:, :3].square().sum().backward()

    expected = model(regions[:, :3], boxes[:, :3], mask[:, :3], global_feature)
    torch.testing.assert_close(result[:, :3], expected)
    for tensor in (regions, *model.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()
