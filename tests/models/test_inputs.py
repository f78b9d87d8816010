from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from heads import make_inputs

from stillseek.errors import UsageError
from stillseek.models.inputs import blind_query, check_inputs

WIDTHS = SimpleNamespace(clip_dim=13, region_dim=17, global_dim=7)


def test_accepts_one_clip_and_one_region():
    check_inputs(make_inputs([1], [1]), WIDTHS)


def test_accepts_padding():
    check_inputs(make_inputs([3, 5], [2, 1]), WIDTHS)


@pytest.mark.parametrize("kind", ["clip", "region", "global"])
def test_refuses_other_widths(kind):
    with pytest.raises(UsageError, match=rf"^{kind} features are \d+ wide but the model expects 3"):
        check_inputs(make_inputs([3], [2]), SimpleNamespace(**(vars(WIDTHS) | {f"{kind}_dim": 3})))


@pytest.mark.parametrize("kind", ["clip", "region"])
def test_refuses_rows_without_a_real_entry(kind):
    inputs = make_inputs([3, 5], [4, 2])
    mask = getattr(inputs, f"{kind}_mask").clone()
    mask[1] = False

    with pytest.raises(UsageError, match=rf"^row 1 of the batch has no real {kind}s"):
        check_inputs(replace(inputs, **{f"{kind}_mask": mask}), WIDTHS)


def test_refuses_a_batch_without_regions():
    inputs = make_inputs([3], [2])
    empty = replace(
        inputs,
        regions=inputs.regions[:, :0],
        boxes=inputs.boxes[:, :0],
        region_mask=inputs.region_mask[:, :0],
    )

    with pytest.raises(UsageError, match=r"^row 0 of the batch has no real regions"):
        check_inputs(empty, WIDTHS)


def test_refuses_padding_in_front():
    inputs = make_inputs([3], [2])
    late = torch.tensor([[False, True, True]])

    with pytest.raises(UsageError, match=r"^clip_mask has padding before a real entry"):
        check_inputs(replace(inputs, clip_mask=late), WIDTHS)


@pytest.mark.parametrize("size", [0.0, -0.1, float("nan")])
@pytest.mark.parametrize("side", [2, 3])
def test_refuses_regions_without_area(side, size):
    inputs = make_inputs([3, 3], [2, 4])
    boxes = inputs.boxes.clone()
    boxes[1, 3, side] = size

    with pytest.raises(UsageError, match=r"^region 3 of query 1 has box .* must be positive"):
        check_inputs(replace(inputs, boxes=boxes), WIDTHS)


def test_blind_query_keeps_the_video_and_nothing_of_the_query():
    inputs = make_inputs([3, 5], [2, 4])

    blind = blind_query(inputs)

    assert torch.equal(blind.clips, inputs.clips)
    assert torch.equal(blind.clip_mask, inputs.clip_mask)
    other = blind_query(replace(make_inputs([3, 5], [6, 1], seed=1), clips=inputs.clips))
    for name in ("regions", "boxes", "region_mask", "global_feature"):
        assert torch.equal(getattr(blind, name), getattr(other, name))
    check_inputs(blind, WIDTHS)
