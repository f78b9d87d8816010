import math

import pytest
import torch

from stillseek.models import additive_attention as pairs
from stillseek.models.additive_attention import additive_context, pair_engine
from stillseek.models.plain import masked_softmax, order_visibility

DIRECTIONS = ["forward", "backward"]
# Around the 64 rows of a block: one row short, full, one row in the next, and two blocks more.
LENGTHS = [[1], [63], [64], [65], [131, 1, 70]]


def draw(num_clips: list[int], *, scale: float = 1.0, dtype: torch.dtype = torch.float64):
    """Anchors, others, weight and states that want gradients, and the mask."""
    random = torch.Generator().manual_seed(0)
    batch, clips, hidden, dim = len(num_clips), max(num_clips), 17, 13

    def normal(*shape: int, size: float = 1.0) -> torch.Tensor:
        values = size * torch.randn(*shape, generator=random, dtype=torch.float64)
        return values.to(dtype).requires_grad_()

    mask = torch.arange(clips) < torch.tensor(num_clips)[:, None]
    return (
        normal(batch, clips, hidden, size=scale),
        normal(batch, clips, hidden, size=scale),
        normal(hidden),
        normal(batch, clips, dim),
    ), mask


def printed(tensors, mask: torch.Tensor, direction) -> torch.Tensor:
    anchors, others, weight, states = tensors
    scores = torch.tanh(anchors[:, :, None] + others[:, None]) @ weight
    return masked_softmax(scores, order_visibility(mask, direction)) @ states


def with_gradients(call, tensors, mask: torch.Tensor) -> tuple[torch.Tensor, tuple]:
    """The context of real clips, and the gradients of a loss that depends on each number."""
    context = call()[mask]
    weights = torch.linspace(1, 2, context.numel(), dtype=torch.float64).reshape(context.shape)
    return context, torch.autograd.grad((weights * context.double().sin()).sum(), tensors)


def check(num_clips: list[int], scale: float, direction, engine) -> None:
    tensors, mask = draw(num_clips, scale=scale)
    with pair_engine(engine):
        context, gradients = with_gradients(
            lambda: additive_context(*tensors, mask, direction), tensors, mask
        )
    expected, expected_gradients = with_gradients(
        lambda: printed(tensors, mask, direction), tensors, mask
    )
    # Rounding of sums in another order, and of an exponential more.
    torch.testing.assert_close(context, expected, rtol=0, atol=1e-12)
    for ours, theirs in zip(gradients, expected_gradients, strict=True):
        # One clip attends to itself whatever the scores: a gradient of 0 but for rounding.
        assert (ours - theirs).norm() <= 1e-10 * theirs.norm().clamp(min=1e-3)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("num_clips", LENGTHS, ids=str)
# 12: exponents of up to 45, past the 20 up to which reciprocals are used.
@pytest.mark.parametrize("scale", [1.0, 12.0])
def test_equals_the_printed_formula(num_clips, scale, direction):
    check(num_clips, scale, direction, "eager")


def test_memory_for_the_backward_pass_is_linear_in_the_clips():
    def saved(num_clips: int) -> int:
        tensors, mask = draw([num_clips])
        sizes = []
        saving = torch.autograd.graph.saved_tensors_hooks(
            lambda tensor: sizes.append(tensor.numel()) or tensor, lambda tensor: tensor
        )
        # So many pairs would be compiled where there is a compiler, whatever it is worth.
        with pair_engine("eager"), saving:
            additive_context(*tensors, mask, "forward")
        return sum(sizes)

    # Beyond 1024 clips attention weights are not kept.
    assert saved(4200) < 2.1 * saved(2100)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_attention_made_again_equals_attention_kept(direction, monkeypatch):
    monkeypatch.setattr(pairs, "_KEPT_WEIGHTS", 0)
    check([131, 1, 70], 1.0, direction, "eager")


@pytest.mark.compiled
@pytest.mark.skipif(not pairs._can_compile, reason="there is no C++ compiler")
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("num_clips", [[65], [131, 1, 70]], ids=str)
@pytest.mark.parametrize("scale", [1.0, 12.0])
def test_compiled_equals_the_printed_formula(num_clips, scale, direction):
    check(num_clips, scale, direction, "compiled")


@pytest.mark.gpu
@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_cuda_equals_the_cpu(direction, engine):
    tensors, mask = draw([131, 1, 70])
    moved = tuple(tensor.detach().cuda().requires_grad_() for tensor in tensors)
    with pair_engine(engine):
        context, gradients = with_gradients(
            lambda: additive_context(*moved, mask.cuda(), direction).cpu(), moved, mask
        )
    expected, expected_gradients = with_gradients(
        lambda: printed(tensors, mask, direction), tensors, mask
    )
    torch.testing.assert_close(context, expected, rtol=0, atol=1e-12)
    for ours, theirs in zip(gradients, expected_gradients, strict=True):
        assert (ours.cpu() - theirs).norm() <= 1e-10 * theirs.norm()


@pytest.mark.parametrize("scale", [1.0, 12.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_low_precision_is_computed_in_float32(dtype, scale):
    tensors, mask = draw([70], scale=scale, dtype=dtype)

    context, gradients = with_gradients(
        lambda: additive_context(*tensors, mask, "forward"), tensors, mask
    )

    wide = tuple(tensor.detach().double().requires_grad_() for tensor in tensors)
    expected, expected_gradients = with_gradients(
        lambda: printed(wide, mask, "forward"), wide, mask
    )
    assert context.dtype == dtype
    # The result is rounded once to its type; what is between is float32.
    precision = torch.finfo(dtype).eps
    torch.testing.assert_close(context.double(), expected, rtol=precision, atol=4e-6)
    for ours, theirs in zip(gradients, expected_gradients, strict=True):
        assert ours.dtype == dtype
        assert (ours.double() - theirs).norm() <= (precision + 1e-5) * theirs.norm()


def test_autocast_changes_nothing():
    tensors, mask = draw([70], dtype=torch.float32)

    plain = additive_context(*tensors, mask, "forward")
    with torch.autocast("cpu", torch.bfloat16):
        cast = additive_context(*tensors, mask, "forward")

    torch.testing.assert_close(cast, plain, rtol=0, atol=0)


def test_by_hand():
    # tanh(0 + b) = 1/2 and 0 where b = atanh(1/2) and 0; w = 2 ln 3: scores ln 3 and 0.
    others = torch.tensor([[[math.atanh(0.5)], [0.0]]])
    states = torch.tensor([[[4.0], [8.0]]])

    context = additive_context(
        torch.zeros(1, 2, 1),
        others,
        torch.tensor([2 * math.log(3)]),
        states,
        torch.ones(1, 2, dtype=torch.bool),
        "forward",
    )

    torch.testing.assert_close(context, torch.tensor([[[5.0], [8.0]]]))


def test_not_a_number_is_handed_on():
    tensors, mask = draw([5])
    with torch.no_grad():
        tensors[0][0, 2, 0] = math.nan

    context = additive_context(*tensors, mask, "forward")

    assert context.isnan().any(dim=-1).tolist() == [[False, False, True, False, False]]


@pytest.mark.compiled
@pytest.mark.skipif(not pairs._can_compile, reason="there is no C++ compiler")
def test_many_sizes_stay_compiled(recwarn):
    """Batches of every size, as in training; past torch's limit there would be a warning."""
    with pair_engine("compiled"):
        for num_clips in ([64] * 3, [200] * 3, [64], [200], [130] * 3, [64] * 13, [128] * 13, [70]):
            tensors, mask = draw(num_clips, dtype=torch.float32)
            with_gradients(lambda: additive_context(*tensors, mask, "forward"), tensors, mask)  # noqa: B023

    assert not [w for w in recwarn if "torch.compile failed" in str(w.message)]
