"""What holds for every baseline."""

from dataclasses import replace

import pytest
import torch

from stillseek.errors import UsageError
from stillseek.models.flp import Flp, FlpConfig
from stillseek.models.matching import Matching, MatchingConfig
from stillseek.models.sst import Sst, SstConfig
from stillseek.models.tal import Tal, TalConfig
from stillseek.tensors import LocalizerInput, LocalizerOutput

WIDTHS = {"clip_dim": 13, "region_dim": 17, "global_dim": 7}
SMALL = {
    "flp": (Flp, FlpConfig(**WIDTHS, hidden_dim=11)),
    "sst": (Sst, SstConfig(**WIDTHS, hidden_dim=11, num_proposals=5)),
    "tal": (
        Tal,
        TalConfig(
            **WIDTHS,
            hidden_dim=11,
            num_heads=3,
            projection_dim=5,
            anchor_scales=(1, 2, 5, 19),
            num_proposals=23,
        ),
    ),
    "matching": (Matching, MatchingConfig(**WIDTHS | {"global_dim": 13})),
}
LEARNED = ("flp", "sst", "tal")


@pytest.fixture
def make_model():
    def build(name: str) -> torch.nn.Module:
        torch.manual_seed(0)
        kind, config = SMALL[name]
        return kind(config).double().eval()

    return build


@pytest.fixture
def make_batch(make_inputs):
    """A batch that fits the named model: matching has one space for clips and pictures."""

    def build(name: str, num_clips: list[int], num_regions: list[int], seed=0) -> LocalizerInput:
        inputs = make_inputs(num_clips, num_regions, seed)
        if name != "matching":
            return inputs
        random = torch.Generator().manual_seed(seed)
        image = torch.randn(len(num_clips), 13, generator=random, dtype=torch.float64)
        return replace(inputs, global_feature=image)

    return build


def row_of(inputs: LocalizerInput, row: int) -> LocalizerInput:
    clips, regions = int(inputs.clip_mask[row].sum()), int(inputs.region_mask[row].sum())
    return LocalizerInput(
        clips=inputs.clips[row : row + 1, :clips],
        clip_mask=inputs.clip_mask[row : row + 1, :clips],
        regions=inputs.regions[row : row + 1, :regions],
        boxes=inputs.boxes[row : row + 1, :regions],
        region_mask=inputs.region_mask[row : row + 1, :regions],
        global_feature=inputs.global_feature[row : row + 1],
    )


def assert_row_equals(output: LocalizerOutput, row: int, alone: LocalizerOutput) -> None:
    """All of ``alone`` is what ``output`` begins with; the rest of its row is nothing."""
    pairs = [
        (output.start_logits, alone.start_logits, -torch.inf),
        (output.end_logits, alone.end_logits, -torch.inf),
    ]
    if output.clip_logits is not None:
        assert alone.clip_logits is not None
        pairs.append((output.clip_logits, alone.clip_logits, 0.0))
    assert len(output.stages) == len(alone.stages)
    for stage, other in zip(output.stages, alone.stages, strict=True):
        pairs.append((stage.logits, other.logits, -torch.inf))
        exists = other.logits[0] > -torch.inf
        count = len(exists)
        for tensor, single in (
            (stage.segments, other.segments),
            (stage.anchors, other.anchors),
            (stage.offsets, other.offsets),
        ):
            assert (tensor is None) == (single is None)
            if tensor is not None and single is not None:
                torch.testing.assert_close(tensor[row, :count][exists], single[0][exists])
    for tensor, single, nothing in pairs:
        count = single.shape[1]
        torch.testing.assert_close(tensor[row, :count], single[0])
        assert (tensor[row, count:] == nothing).all()


@pytest.mark.parametrize("name", SMALL)
def test_one_clip_and_one_region(name, make_model, make_batch):
    output = make_model(name)(make_batch(name, [1], [1]))

    assert output.start_logits.shape == output.end_logits.shape == (1, 1)
    assert output.start_logits.isfinite().all()
    assert output.end_logits.isfinite().all()
    assert output.start_logits.dtype == torch.float64
    if output.stages:
        best = output.stages[-1].logits.argmax()
        assert output.stages[-1].segments[0, best].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("name", SMALL)
def test_batch_equals_one_by_one(name, make_model, make_batch):
    model, inputs = make_model(name), make_batch(name, [5, 11, 1, 29], [3, 1, 7, 2])

    output = model(inputs)

    for row in range(4):
        assert_row_equals(output, row, model(row_of(inputs, row)))


@pytest.mark.parametrize("name", SMALL)
def test_what_padding_holds_changes_nothing(name, make_model, make_batch):
    model, inputs = make_model(name), make_batch(name, [5, 11], [3, 7])
    garbage = replace(
        inputs,
        clips=inputs.clips.masked_fill(~inputs.clip_mask[..., None], 9.0),
        regions=inputs.regions.masked_fill(~inputs.region_mask[..., None], 9.0),
        boxes=inputs.boxes.masked_fill(~inputs.region_mask[..., None], -9.0),
    )

    clean, dirty = model(inputs), model(garbage)

    torch.testing.assert_close(clean.start_logits, dirty.start_logits)
    torch.testing.assert_close(clean.end_logits, dirty.end_logits)
    for stage, other in zip(clean.stages, dirty.stages, strict=True):
        torch.testing.assert_close(stage.logits, other.logits)
        torch.testing.assert_close(stage.segments, other.segments)


@pytest.mark.parametrize("name", SMALL)
def test_segments_lie_inside_the_real_clips_and_boundary_scores_allow_an_answer(
    name, make_model, make_batch
):
    inputs = make_batch(name, [5, 11, 1], [3, 1, 7])

    output = make_model(name)(inputs)

    num_clips = inputs.clip_mask.sum(dim=1)
    for stage in output.stages:
        start, end = stage.segments.unbind(dim=-1)
        assert (start >= 0).all()
        assert (start < end).all()
        assert (end <= num_clips[:, None]).all()
        assert (stage.logits > -torch.inf).any(dim=1).all()
    pairs = output.start_logits[:, :, None] + output.end_logits[:, None]
    assert pairs.triu().flatten(1).amax(dim=1).isfinite().all()
    assert not pairs.isnan().any()


@pytest.mark.parametrize("name", SMALL)
def test_the_query_matters(name, make_model, make_batch):
    model, first = make_model(name), make_batch(name, [7], [3])
    second = replace(make_batch(name, [7], [5], seed=1), clips=first.clips)

    def answer(inputs: LocalizerInput) -> torch.Tensor:
        output = model(inputs)
        return output.stages[-1].logits if output.stages else output.start_logits

    before, after = answer(first), answer(second)
    finite = before > -torch.inf
    assert (before - after)[finite].abs().max() > 1e-3


@pytest.mark.parametrize("name", SMALL)
def test_a_batch_of_other_features_is_refused(name, make_model, make_batch):
    inputs = make_batch(name, [3], [2])
    with pytest.raises(UsageError, match="region features are 16 wide but the model expects 17"):
        make_model(name)(replace(inputs, regions=inputs.regions[..., 1:]))


@pytest.mark.parametrize("name", SMALL)
def test_boundaries_are_chosen_jointly_only(name):
    assert SMALL[name][0].decode_methods == ("joint",)


@pytest.mark.parametrize("name", LEARNED)
def test_one_place_initialises_every_weight(name, make_model):
    model = make_model(name)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(123.0)

    model.init_weights()

    for label, parameter in model.named_parameters():
        assert not (parameter == 123.0).any(), label
        if "bias" in label:
            assert (parameter == 0).all(), label
        else:
            assert parameter.std() > 0.005, label


def test_without_training_there_are_no_weights(make_model):
    assert not list(make_model("matching").parameters())
    assert not make_model("matching").state_dict()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: FlpConfig(hidden_dim=0), "hidden_dim must be at least 1, got 0"),
        (lambda: FlpConfig(dropout=1.0), "dropout must be in"),
        (lambda: SstConfig(num_layers=1), "set dropout=0"),
        (lambda: SstConfig(num_proposals=0), "num_proposals must be at least 1"),
        (lambda: TalConfig(anchor_scales=()), "anchor_scales must be increasing"),
        (lambda: TalConfig(anchor_scales=(0, 2)), "anchor_scales must be lengths of 1 to 65536"),
        (lambda: TalConfig(anchor_scales=(2, 10**9)), "anchor_scales must be lengths of 1 to"),
        (lambda: TalConfig(anchor_scales=(2, 2)), "anchor_scales must be increasing"),
        (lambda: MatchingConfig(smoothing=-1.0), r"smoothing must be in \[0, 14400\] clips"),
        (lambda: MatchingConfig(smoothing=3e9), r"smoothing must be in \[0, 14400\] clips"),
        (lambda: MatchingConfig(scale=0.0), "scale must be above 0"),
        (lambda: MatchingConfig(threshold=1.5), "threshold is a cosine"),
        (lambda: MatchingConfig(clip_dim=500, global_dim=512), "use a recipe whose clips"),
    ],
)
def test_sizes_that_make_no_model_are_refused(build, message):
    with pytest.raises(UsageError, match=message):
        build()
