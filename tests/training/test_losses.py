import math
from dataclasses import replace

import pytest
import torch
from heads import make_head, make_inputs, row_of

from stillseek.errors import UsageError
from stillseek.models.decoding import decode
from stillseek.models.head_outputs import clip_scores_output, scores_of
from stillseek.models.segments import segment_iou
from stillseek.tensors import LocalizerInput, LocalizerOutput
from stillseek.training.losses import boundary_nll, clip_bce, joint_pair_loss, loss_for

INF = math.inf
SIZES = {
    "flp": {"hidden_dim": 23},
    "sst": {"hidden_dim": 23, "num_proposals": 11},
    "tal": {"hidden_dim": 23, "anchor_scales": (1, 3, 7), "num_proposals": 19},
}
TARGETS = [(3, 8, 11), (1, 2, 5), (0, 0, 1)]
START, END, _ = torch.tensor(TARGETS).T


@pytest.fixture(params=["sail", "flp", "sst", "tal", "similarity"])
def trained(request):
    return make_head(request.param, **SIZES.get(request.param, {}))


def batch_for(model, dtype=torch.float32) -> LocalizerInput:
    """Videos of 11, 5 and 1 steps, whose truths are `TARGETS`."""
    return make_inputs([11, 5, 1], [3, 1, 2], config=model.config, dtype=dtype)


def test_hand_computed_value():
    # p^s = (1/4, 3/4) with one padded clip; p^e uniform over 2.
    output = LocalizerOutput(
        start_logits=torch.tensor([[0.0, math.log(3.0), -INF]]),
        end_logits=torch.tensor([[1.0, 1.0, -INF]]),
    )
    loss = boundary_nll(output, torch.tensor([1]), torch.tensor([0]))
    assert loss.item() == pytest.approx(-math.log(3 / 4) - math.log(1 / 2), rel=1e-6)


def test_padding_has_no_gradient_and_no_nan():
    logits = torch.randn(2, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    padded = torch.cat([logits, torch.full((2, 2), -INF)], dim=1)
    output = LocalizerOutput(start_logits=padded, end_logits=padded)
    steps = torch.tensor([0, 2])
    boundary_nll(output, steps, steps).backward()
    gradient = logits.grad
    assert gradient is not None
    assert gradient.isfinite().all()
    assert gradient.sum(dim=1).abs().max() < 1e-6  # a softmax's gradient sums to zero


def test_bfloat16_logits_are_summed_in_float32():
    logits = torch.randn(2, 13, generator=torch.Generator().manual_seed(0)).bfloat16()
    output = LocalizerOutput(start_logits=logits, end_logits=logits)
    wide = LocalizerOutput(start_logits=logits.float(), end_logits=logits.float())
    steps = torch.tensor([3, 5])
    loss = boundary_nll(output, steps, steps)
    assert loss.dtype == torch.float32
    assert loss == boundary_nll(wide, steps, steps)


def test_the_joint_loss_is_that_of_a_softmax_over_all_ordered_pairs():
    random = torch.Generator().manual_seed(0)
    clip_mask = torch.arange(7) < torch.tensor([[7], [5], [1]])
    start, end = torch.randn(2, 3, 7, generator=random, dtype=torch.float64).requires_grad_()
    steps = torch.tensor([2, 0, 0]), torch.tensor([5, 4, 0])
    # A model that scores segments has no start before its first one.
    first = torch.arange(7) == torch.tensor([[0], [9], [9]])
    output = LocalizerOutput(start_logits=start.masked_fill(first, -INF), end_logits=end)

    loss = joint_pair_loss(output, clip_mask, *steps)
    gradients = torch.autograd.grad(loss, (start, end))

    expected = start.new_zeros(())
    for row, (s, e) in enumerate(zip(*steps, strict=True)):
        n = int(clip_mask[row].sum())
        pairs = [(i, j) for i in range(int(row == 0), n) for j in range(i, n)]
        scores = torch.stack([start[row, i] + end[row, j] for i, j in pairs])
        expected = expected - scores.log_softmax(0)[pairs.index((int(s), int(e)))] / 3
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(gradients, torch.autograd.grad(expected, (start, end)))


def test_the_joint_loss_of_bfloat16_and_of_large_scores_is_finite():
    scores = torch.tensor([[900.0, -900.0, 3.0, -INF]]).bfloat16().requires_grad_()
    output = LocalizerOutput(start_logits=scores, end_logits=scores)
    step, mask = torch.tensor([2]), torch.tensor([[True, True, True, False]])

    loss = joint_pair_loss(output, mask, step, step)
    loss.backward()

    # The pair (0, 0) has all the weight.
    assert loss.dtype == torch.float32
    assert loss.item() == 2 * 900.0 - 2 * 3.0
    assert scores.grad is not None
    torch.testing.assert_close(scores.grad, torch.tensor([[2.0, 0.0, -2.0, 0.0]]).bfloat16())


@pytest.mark.parametrize("joint", [False, True])
def test_a_soft_target_is_a_normal_distribution_over_the_real_clips(joint):
    random = torch.Generator().manual_seed(0)
    start, end = torch.randn(2, 1, 7, generator=random, dtype=torch.float64)
    mask = torch.arange(7)[None] < 5
    start, end = start.masked_fill(~mask, -INF), end.masked_fill(~mask, -INF)
    output = LocalizerOutput(start_logits=start, end_logits=end)
    s, e, softness = torch.tensor([1]), torch.tensor([4]), 0.8
    model = make_head("sail")
    loss = loss_for(model, [], joint=joint, softness=softness)(output, mask, s, e)

    expected = 0.0
    heights = [[math.exp(-(((i - k) / softness) ** 2) / 2) for i in range(5)] for k in (1, 4)]
    for i in range(5):
        for j in range(5):
            share = heights[0][i] / sum(heights[0]) * heights[1][j] / sum(heights[1])
            exact = loss_for(model, [], joint=joint)
            if joint and i > j:  # the score of a pair without a probability
                pair = start[0, i] + end[0, j]
                one = exact(output, mask, s, e) + start[0, 1] + end[0, 4] - pair
            else:
                one = exact(output, mask, torch.tensor([i]), torch.tensor([j]))
            expected += share * one.item()
    assert loss.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("options", [{"joint": True}, {"softness": 0.5}])
@pytest.mark.parametrize("name", ["flp", "sst", "tal"])
def test_options_of_the_boundaries_are_refused_by_models_that_have_none(name, options):
    with pytest.raises(UsageError, match="joint_loss and boundary_softness change the loss of S"):
        loss_for(make_head(name), TARGETS, **options)


@pytest.mark.parametrize("options", [{"joint": True}, {"softness": 0.5}])
def test_every_other_loss_of_sail_has_finite_gradients(options):
    model = make_head("sail")
    inputs = batch_for(model)
    loss = loss_for(model, TARGETS, **options)(model(inputs), inputs.clip_mask, START, END)
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_clip_bce_by_hand():
    output = clip_scores_output(
        torch.tensor([[0.0, math.log(3.0), 0.0], [math.log(3.0), 7.0, 7.0]]),
        torch.tensor([[True, True, True], [True, False, False]]),
    )
    mask = torch.tensor([[True, True, True], [True, False, False]])
    loss = clip_bce(output, mask, torch.tensor([1, 0]), torch.tensor([2, 0]))
    first = (math.log(2) + math.log(4 / 3) + math.log(2)) / 3
    assert loss.item() == pytest.approx((first + math.log(4 / 3)) / 2, rel=1e-6)


def test_bfloat16_autocast_has_a_float32_loss_and_finite_gradients(trained):
    inputs = batch_for(trained)
    loss = loss_for(trained, TARGETS)
    with torch.autocast("cpu", torch.bfloat16):
        output = trained(inputs)
        inside = loss(output, inputs.clip_mask, START, END)
    outside = loss(output, inputs.clip_mask, START, END)
    assert inside.dtype == outside.dtype == torch.float32
    torch.testing.assert_close(inside, outside)
    for stage in output.stages:
        assert stage.segments.dtype == stage.logits.dtype == torch.float32
    outside.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in trained.parameters())


def test_the_loss_of_a_batch_is_the_mean_of_its_samples(trained):
    loss, model = loss_for(trained, TARGETS), trained.eval().double()
    inputs = batch_for(model, torch.float64)
    whole = loss(model(inputs), inputs.clip_mask, START, END)
    single = []
    for row in range(3):
        alone, place = row_of(inputs, row), slice(row, row + 1)
        single.append(loss(model(alone), alone.clip_mask, START[place], END[place]))
    assert whole.dtype == torch.float64
    torch.testing.assert_close(whole, torch.stack(single).mean())


@pytest.mark.parametrize(
    ("name", "num_steps", "least"),
    # To SST+ all proposals with tIoU above 0.5 are equally right; TAL+ regresses.
    [
        ("sail", 60, 0.999),
        ("flp", 150, 0.999),
        ("sst", 150, 0.5),
        ("tal", 150, 0.7),
        ("similarity", 150, 0.999),
    ],
)
def test_one_batch_can_be_overfit(name, num_steps, least):
    model = make_head(name, **SIZES.get(name, {})).eval()
    # Rows 0 and 1 show one video with two queries: only the query tells their segments apart.
    inputs = make_inputs([11, 11, 5, 1], [3, 5, 1, 2], config=model.config, dtype=torch.float32)
    inputs = replace(inputs, clips=inputs.clips[[0, 0, 2, 3]])
    start, end, _ = torch.tensor(targets := [(3, 8, 11), (1, 2, 11), (1, 2, 5), (0, 0, 1)]).T
    loss = loss_for(model, targets)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    # At a constant rate TAL+ swings to the end, and rounding decides where it stops.
    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=num_steps)
    for _ in range(num_steps):
        optimizer.zero_grad()
        loss(model(inputs), inputs.clip_mask, start, end).backward()
        optimizer.step()
        decay.step()
    found = torch.from_numpy(decode(scores_of(model(inputs))).segments[:, :1])
    truth = torch.stack([start, end + 1], dim=1).double()
    assert (segment_iou(found, truth) > least).all()
