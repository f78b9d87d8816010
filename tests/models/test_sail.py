from dataclasses import asdict, replace

import pytest
import torch
from heads import ABLATIONS, make_head, make_inputs, make_sail

from stillseek.errors import UsageError
from stillseek.models.sail import Sail, SailConfig


@pytest.fixture(params=[{}, *ABLATIONS.values()], ids=["full", *ABLATIONS])
def variant(request) -> Sail:
    return make_sail(**request.param)


def names(model: Sail) -> set[str]:
    return {name for name, _ in model.named_parameters()}


def test_order_of_regions_changes_nothing(variant):
    inputs = make_inputs([5, 11], [5, 5])
    order = torch.tensor([3, 0, 4, 1, 2])
    permuted = replace(inputs, regions=inputs.regions[:, order], boxes=inputs.boxes[:, order])

    torch.testing.assert_close(variant(permuted).start_logits, variant(inputs).start_logits)
    torch.testing.assert_close(variant(permuted).end_logits, variant(inputs).end_logits)


def test_order_of_clips_matters(variant):
    inputs = make_inputs([7], [3])
    reversed_output = variant(replace(inputs, clips=inputs.clips.flip(1)))

    assert (reversed_output.start_logits.flip(1) - variant(inputs).start_logits).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("ablation", "part", "gone"),
    [
        ("w/o RS", "region_encoder", ["attention"]),
        ("w/o ML", "local_transformer.layers.0", ["image_attention", "fusion", "image_norm"]),
        ("w/o LS", "local_transformer", []),
        ("w/o BA", "localizer", ["forward_context", "backward_context"]),
    ],
)
def test_ablation_removes_its_weights_and_only_those(ablation, part, gone):
    full, ablated = make_sail(), make_sail(**ABLATIONS[ablation])
    inputs = make_inputs([11], [5])

    assert names(ablated) <= names(full)
    removed = names(full) - names(ablated)
    assert {name.removeprefix(f"{part}.").partition(".")[0] for name in removed} == set(gone)
    # With the same remaining weights the ablation still changes the answer.
    kept = {name: full.state_dict()[name] for name in ablated.state_dict()}
    ablated.load_state_dict(kept)
    assert (ablated(inputs).start_logits - full(inputs).start_logits).abs().max() > 1e-3
    assert (ablated(inputs).end_logits - full(inputs).end_logits).abs().max() > 1e-3


def test_without_local_self_attention_equals_a_window_over_the_whole_video():
    inputs = make_inputs([11, 7], [5, 3])

    everything = make_sail(local_self_attention=False)(inputs)

    widest = make_sail(window=10)(inputs)
    torch.testing.assert_close(everything.start_logits, widest.start_logits)
    torch.testing.assert_close(everything.end_logits, widest.end_logits)


def test_one_place_initialises_every_weight():
    model = make_head("sail")
    fresh = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(123.0)

    model.init_weights()

    for name, tensor in model.state_dict().items():
        assert not (tensor == 123.0).any(), name
        if "norm" in name or name.endswith("bias"):
            assert torch.equal(tensor, fresh[name]), name
            assert torch.equal(tensor, torch.full_like(tensor, float(name.endswith("weight"))))
        elif name.startswith("region_encoder."):  # regions and whole picture differ in width
            assert not tensor.any(), name
        else:
            bound = (6 / sum(tensor.shape)) ** 0.5  # Xavier uniform
            assert 0.5 * bound < tensor.abs().max() <= bound, name


def test_the_whole_picture_starts_beside_its_regions_as_it_is():
    sail = make_head("sail", region_dim=7, region_self_attention=False)
    encoder = sail.region_encoder.double()
    inputs = make_inputs([1], [3])
    regions = inputs.regions[..., :7]

    encoded = encoder(regions, inputs.boxes, inputs.region_mask, inputs.global_feature)

    expected = torch.nn.functional.layer_norm(regions + inputs.global_feature[:, None], [7])
    torch.testing.assert_close(encoded, expected)


def test_what_a_clip_sees_of_the_image_starts_in_the_clips_own_space():
    model = make_sail(
        clip_dim=6, region_dim=6, global_dim=6, num_heads=2, projection_dim=3, window=1
    )
    layer = model.local_transformer.layers[0]
    clips, region = torch.randn(2, 5, 6).double(), torch.randn(2, 1, 6).double()

    keys_values = layer.image_attention.keys_values(region)
    seen = layer.image_attention(clips, *keys_values, torch.ones(2, 1, 1, dtype=torch.bool))

    # All attention falls on the only region.
    torch.testing.assert_close(seen, region.expand_as(clips))


def test_a_fusion_starts_with_the_clip_and_its_likeness_to_the_image():
    one_space = {"clip_dim": 6, "region_dim": 6, "num_heads": 2, "projection_dim": 3}
    clips, image = torch.randn(2, 3, 5, 6).double()
    for layer in make_head("sail", **one_space).double().local_transformer.layers:
        likeness = 1.5 * (clips * image).mean(dim=-1, keepdim=True)
        signs = torch.tensor([1.0, -1.0] * 3)

        expected = torch.tanh(clips + signs * likeness)

        torch.testing.assert_close(layer.fusion(clips, image), expected)


@pytest.mark.parametrize(
    ("projection_dim", "expected"),
    # 256 a head as printed: 70.3 million, 47 of them keys and values of the 4096-wide regions in
    # five layers. 256 over four heads: 27.4 million, the size that the paper suggests elsewhere.
    [(256, 70_339_424), (64, 27_362_144)],
)
def test_number_of_parameters_of_the_papers_sizes(projection_dim, expected):
    with torch.device("meta"):
        model = Sail(SailConfig(projection_dim=projection_dim))

    # The same count from the equations.
    d_f, d_r, d_g, ffn, hidden, heads = 500, 4096, 512, 1024, 256, 4 * projection_dim
    region = 4 * d_r + d_g * d_r + 2 * d_r
    local = 4 * d_f * heads
    image = 2 * d_f * heads + 2 * d_r * heads + 4 * d_f * d_f + d_f
    feed_forward = 2 * d_f * ffn + ffn + d_f
    layer = local + image + feed_forward + 3 * 2 * d_f
    localizer = 2 * (2 * d_f * hidden + hidden) + 2 * (d_f * hidden + hidden + hidden)
    assert region + 5 * layer + localizer == expected
    assert sum(parameter.numel() for parameter in model.parameters()) == expected


def test_defaults_are_the_papers_sizes():
    assert asdict(SailConfig()) == {
        "clip_dim": 500,
        "region_dim": 4096,
        "global_dim": 512,
        "num_layers": 5,
        "num_heads": 4,
        "projection_dim": 256,
        "window": 8,
        "ffn_dim": 1024,
        "hidden_dim": 256,
        "dropout": 0.1,
        "region_self_attention": True,
        "multi_level_interaction": True,
        "local_self_attention": True,
        "bidirectional_aggregation": True,
    }


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"num_heads": 0}, "num_heads must be at least 1, got 0"),
        ({"window": -1}, "window must be at least 1, got -1"),
        ({"window": 2**16 + 1}, "window must be at most 65536, got 65537"),
        ({"num_layers": 1001}, "num_layers must be at most 1000, got 1001"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"dropout": float("nan")}, r"dropout must be in \[0, 1\), got nan"),
        ({"num_layers": 1, "multi_level_interaction": False}, "has no effect with num_layers=1"),
    ],
)
def test_config_refuses_what_makes_no_model(override, message):
    with pytest.raises(UsageError, match=message):
        SailConfig(**override)


def test_refuses_a_query_without_regions():
    inputs = make_inputs([3], [2])

    with pytest.raises(UsageError, match="no real regions"):
        make_sail()(replace(inputs, region_mask=torch.zeros_like(inputs.region_mask)))


def test_a_query_or_video_of_padding_is_refused_by_its_part():
    model, inputs = make_sail(), make_inputs([5], [3])
    query = (inputs.regions, inputs.boxes, inputs.region_mask, inputs.global_feature)
    image = model.encode_query(*query)

    with pytest.raises(UsageError, match="no real regions"):
        model.encode_query(query[0], query[1], torch.zeros_like(query[2]), query[3])
    with pytest.raises(UsageError, match="no real clips"):
        model.score_clips(inputs.clips, torch.zeros_like(inputs.clip_mask), image)
    with pytest.raises(UsageError, match="clip features are 17 wide but the model expects 13"):
        model.score_clips(torch.zeros(1, 5, 17).double(), inputs.clip_mask, image)
