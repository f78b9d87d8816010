"""What holds for every head."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from heads import ABLATIONS, make_exact, make_head, make_inputs, row_of

from stillseek.errors import UsageError
from stillseek.models.catalog import MODELS, model_name
from stillseek.models.flp import FlpConfig
from stillseek.models.inputs import blind_query
from stillseek.models.matching import MatchingConfig
from stillseek.models.sst import SstConfig
from stillseek.models.tal import TalConfig
from stillseek.tensors import LocalizerInput, LocalizerOutput
from stillseek.training.losses import loss_for

HEADS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in MODELS},
    **{ablation: ("sail", change) for ablation, change in ABLATIONS.items()},
}


@pytest.fixture(params=HEADS)
def head(request: pytest.FixtureRequest) -> Any:
    name, change = HEADS[request.param]
    return make_exact(name, **change)


def batch_for(head: Any, num_clips: list[int], num_regions: list[int], seed=0) -> LocalizerInput:
    return make_inputs(num_clips, num_regions, seed, config=head.config)


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


def test_one_clip_and_one_region(head):
    output = head(batch_for(head, [1], [1]))

    assert output.start_logits.shape == output.end_logits.shape == (1, 1)
    assert output.start_logits.isfinite().all()
    assert output.end_logits.isfinite().all()
    if not output.stages:
        assert output.start_logits.dtype == torch.float64
    else:
        best = output.stages[-1].logits.argmax()
        assert output.stages[-1].segments[0, best].tolist() == [0.0, 1.0]


def test_batch_equals_one_by_one(head):
    inputs = batch_for(head, [5, 11, 1, 29], [3, 1, 7, 2])

    output = head(inputs)

    for row in range(4):
        assert_row_equals(output, row, head(row_of(inputs, row)))


def test_what_padding_holds_changes_nothing(head):
    inputs = batch_for(head, [5, 11], [3, 7])
    garbage = replace(
        inputs,
        clips=inputs.clips.masked_fill(~inputs.clip_mask[..., None], 9.0),
        regions=inputs.regions.masked_fill(~inputs.region_mask[..., None], 9.0),
        boxes=inputs.boxes.masked_fill(~inputs.region_mask[..., None], -9.0),
    )

    clean, dirty = head(inputs), head(garbage)

    torch.testing.assert_close(clean.start_logits, dirty.start_logits)
    torch.testing.assert_close(clean.end_logits, dirty.end_logits)
    for stage, other in zip(clean.stages, dirty.stages, strict=True):
        torch.testing.assert_close(stage.logits, other.logits)
        torch.testing.assert_close(stage.segments, other.segments)


def test_segments_lie_inside_the_real_clips_and_boundary_scores_allow_an_answer(head):
    inputs = batch_for(head, [5, 11, 1], [3, 1, 7])

    output = head(inputs)

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


def test_query_matters_unless_blinded(head):
    first = batch_for(head, [7], [3])
    second = replace(batch_for(head, [7], [5], seed=1), clips=first.clips)

    def answer(inputs: LocalizerInput) -> torch.Tensor:
        output = head(inputs)
        return output.stages[-1].logits if output.stages else output.start_logits

    before, after = answer(first), answer(second)
    finite = before > -torch.inf
    assert (before - after)[finite].abs().max() > 1e-3
    assert torch.equal(answer(blind_query(first)), answer(blind_query(second)))


def test_a_batch_of_other_features_is_refused(head):
    inputs = batch_for(head, [3], [2])
    wide = head.config.region_dim
    message = f"region features are {wide - 1} wide but the model expects {wide};"
    with pytest.raises(UsageError, match=message):
        head(replace(inputs, regions=inputs.regions[..., 1:]))


def test_only_sail_chooses_boundaries_apart(head):
    apart = ("joint", "independent") if model_name(head) == "sail" else ("joint",)
    assert head.decode_methods == apart


@pytest.mark.parametrize("head", sorted(HEADS.keys() - {"matching"}), indirect=True)
def test_every_weight_gets_a_finite_gradient_in_a_padded_batch(head):
    inputs = batch_for(head, [11, 5, 7, 11], [3, 7, 1, 2])
    start, end = torch.tensor([[0, 10], [0, 4], [2, 3], [4, 4]]).T  # one for each tower of TAL+

    loss_for(head, [(0, 4, 5), (2, 3, 7)])(head(inputs), inputs.clip_mask, start, end).backward()

    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("name", ["flp", "sst", "tal"])
def test_one_place_initialises_every_weight(name):
    model = make_head(name)
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


def test_without_training_there_are_no_weights():
    assert not list(make_head("matching").parameters())
    assert not make_head("matching").state_dict()


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
