import math

import pytest
import torch
from heads import ABLATIONS, make_inputs, make_sail

from stillseek.models import plain
from stillseek.models.local_transformer import temporal_encoding
from stillseek.models.plain import dot_attention, order_visibility, window_visibility
from stillseek.models.sail import Sail
from stillseek.tensors import LocalizerOutput

# Numbers of clips: one; fewer than a window's blocks; exactly and one more than them; a batch with
# a long and a short row.
LENGTHS = [[1], [3, 2], [8, 8], [9], [37, 5]]


def everything(batch: int, queries: int, keys: int) -> torch.Tensor:
    return torch.ones(batch, queries, keys, dtype=torch.bool)


def test_dot_attention_of_one_key_is_its_value():
    value = torch.randn(2, 1, 5)

    result = dot_attention(torch.randn(2, 3, 7), torch.randn(2, 1, 7), value, everything(2, 3, 1))

    torch.testing.assert_close(result, value.expand(2, 3, 5))


def test_dot_attention_by_hand():
    # d_1 = 4: scores (2 ln 3) / sqrt(4) = ln 3 and 0, weights 3/4 and 1/4.
    queries = torch.tensor([[[2.0, 0.0, 0.0, 0.0]]])
    keys = torch.tensor([[[math.log(3), 0.0, 0.0, 0.0], [0.0, 5.0, 0.0, 0.0]]])
    values = torch.tensor([[[4.0], [8.0]]])

    result = dot_attention(queries, keys, values, everything(1, 1, 2))

    torch.testing.assert_close(result, torch.tensor([[[5.0]]]))


def test_dot_attention_ignores_keys_out_of_sight():
    queries, keys, values = torch.randn(2, 3, 7), torch.randn(2, 5, 7), torch.randn(2, 5, 11)
    visible = everything(2, 3, 5)
    visible[..., 4] = False

    result = dot_attention(queries, keys, values, visible)

    shorter = dot_attention(queries, keys[:, :4], values[:, :4], everything(2, 3, 4))
    torch.testing.assert_close(result, shorter)


@pytest.mark.parametrize("window", [1, 3, None])
def test_one_clip_sees_itself(window):
    visible = window_visibility(torch.ones(1, 1, dtype=torch.bool), window)

    assert visible.tolist() == [[[True]]]


def test_window_is_cut_at_both_ends_and_at_padding():
    clip_mask = torch.tensor([[True, True, True, True, False]])

    visible = window_visibility(clip_mask, 1)

    assert visible.int().tolist() == [
        [
            [1, 1, 0, 0, 0],
            [1, 1, 1, 0, 0],
            [0, 1, 1, 1, 0],
            [0, 0, 1, 1, 0],
            [0, 0, 0, 1, 1],  # padding sees itself besides the real clips in reach
        ]
    ]


def test_no_window_sees_every_real_clip():
    visible = window_visibility(torch.tensor([[True, True, True, False]]), None)

    assert visible[0, :3].int().tolist() == [[1, 1, 1, 0]] * 3


def test_order_looks_one_way_and_at_itself():
    clip_mask = torch.tensor([[True, True, True, False]])

    forward = order_visibility(clip_mask, "forward")[0, :3].int().tolist()
    backward = order_visibility(clip_mask, "backward")[0, :3].int().tolist()

    assert forward == [[1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 1, 0]]
    assert backward == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]]


def scores(output: LocalizerOutput) -> torch.Tensor:
    return torch.stack([output.start_logits, output.end_logits])


def loss_of(output: LocalizerOutput, clip_mask: torch.Tensor) -> torch.Tensor:
    """Depends on every real score, and on each in its own way."""
    weights = torch.linspace(1, 2, int(clip_mask.sum()), dtype=output.start_logits.dtype)
    start, end = output.start_logits[clip_mask], output.end_logits[clip_mask]
    return (weights * start.sin()).sum() + (weights * end).square().sum()


def run(call, model: Sail, clip_mask: torch.Tensor) -> tuple[LocalizerOutput, dict]:
    model.zero_grad()
    output = call()
    loss_of(output, clip_mask).backward()
    return output, {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("num_clips", LENGTHS, ids=str)
@pytest.mark.parametrize("ablation", [{}, *ABLATIONS.values()], ids=["full", *ABLATIONS])
def test_sail_equals_the_printed_formulas_in_float64(ablation, num_clips):
    model = make_sail(**ablation)
    inputs = make_inputs(num_clips, [5, 1][: len(num_clips)])

    fast, fast_gradients = run(lambda: model(inputs), model, inputs.clip_mask)
    printed, gradients = run(lambda: plain.sail(model, inputs), model, inputs.clip_mask)

    # Outputs are of size 1; the rest is rounding of sums in another order.
    torch.testing.assert_close(scores(fast), scores(printed), rtol=0, atol=1e-12)
    assert fast_gradients.keys() == gradients.keys()
    largest = max(gradient.norm() for gradient in gradients.values())
    for name, gradient in gradients.items():
        # Where a gradient is zero but for rounding, its own size is no measure.
        allowed = 1e-10 * max(gradient.norm(), 1e-3 * largest)
        assert (fast_gradients[name] - gradient).norm() <= allowed, name


def test_sail_equals_the_printed_formulas_in_float32():
    model = make_sail().float()
    inputs = make_inputs([37, 5], [5, 1], dtype=torch.float32)

    fast, printed = model(inputs), plain.sail(model, inputs)

    # float32 has 1.2e-7; a few hundred sums of it.
    torch.testing.assert_close(scores(fast), scores(printed), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("num_clips", [1, 37])
def test_one_region_equals_the_printed_formulas(num_clips):
    model, inputs = make_sail(), make_inputs([num_clips], [1])

    fast, printed = model(inputs), plain.sail(model, inputs)

    torch.testing.assert_close(scores(fast), scores(printed), rtol=0, atol=1e-12)


def test_extreme_activations_equal_the_printed_formulas():
    model, inputs = make_sail(), make_inputs([37, 5], [5, 1])
    with torch.no_grad():
        for weight in model.localizer.parameters():
            weight *= 60  # exponents in the hundreds

    fast, printed = model(inputs), plain.sail(model, inputs)

    largest = printed.start_logits[inputs.clip_mask].abs().max()
    assert largest > 100
    ours, theirs = scores(fast)[:, inputs.clip_mask], scores(printed)[:, inputs.clip_mask]
    assert (ours - theirs).abs().max() <= 1e-11 * largest


def test_autocast_keeps_scores_in_float32_and_near_the_printed_formulas():
    model, inputs = make_sail().float(), make_inputs([200], [5], dtype=torch.float32)

    exact = plain.sail(model, inputs).start_logits
    with torch.autocast("cpu", torch.bfloat16):
        fast, printed = model(inputs).start_logits, plain.sail(model, inputs).start_logits

    assert fast.dtype == torch.float32
    # Rounded like the printed formulas, not more; and no clips tie.
    error = (fast - exact).abs().mean()
    assert 0 < error <= 1.5 * (printed - exact).abs().mean()
    assert len(fast.unique()) >= 195


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("dim", [1, 13])
def test_the_temporal_encoding_has_the_precision_of_its_input(dtype, dim):
    expected = [
        [(math.cos if k % 2 else math.sin)(i / 10000 ** ((k - k % 2) / dim)) for k in range(dim)]
        for i in range(1601)
    ]

    for formula in (temporal_encoding, plain.temporal_encoding):
        encoding = formula(1601, dim, like=torch.zeros(1, dtype=dtype))

        assert encoding.dtype == dtype
        # Angles of up to 1600 in the precision of the sines, at least that of float32.
        rounded = 1600 * 4 * min(torch.finfo(dtype).eps, torch.finfo(torch.float32).eps)
        allowed = max(rounded, torch.finfo(dtype).eps)
        wide = torch.tensor(expected, dtype=torch.float64)
        torch.testing.assert_close(encoding.double(), wide, rtol=0, atol=allowed)


def test_region_self_attention_equals_the_printed_formula():
    module = make_sail().region_encoder.attention
    inputs = make_inputs([1, 1], [5, 3])
    arguments = (inputs.regions, inputs.boxes, inputs.region_mask)

    torch.testing.assert_close(
        module(*arguments)[inputs.region_mask],
        plain.region_self_attention(module, *arguments)[inputs.region_mask],
        rtol=0,
        atol=1e-12,
    )
