"""Additive attention in linear memory: the kernel of the order-sensitive localizer (section 4.4).

The plain formula evaluates ``tanh`` for every pair of clips and every hidden unit, and keeps them
all for the backward pass. Here, with ``E = exp(2a)`` and ``G = exp(2b)``::

    sum_k w_k tanh(a_ik + b_tk) = sum_k w_k - 2 sum_k w_k r_itk,    r = 1 / (1 + E_ik G_tk)

so that a pair costs a reciprocal in place of a ``tanh``, and the softmax drops the constant. Rows
of the attention are made in blocks, on their side of the diagonal only; from a million weights on
they are made again for the backward pass, so that memory is linear in the number of clips. There,
with
``g = dL/da_it``::

    da_ik = 4 w_k sum_t g_it (E_ik G_tk r_itk) r_itk        dw_k = -2 sum_it g_it r_itk

``db`` is like ``da``, summed over ``i``; ``dw`` holds because the gradient of a softmax sums to
zero over ``t``. Where an exponent is too large for that, the kernel computes ``tanh`` itself.
"""

import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

Direction = Literal["forward", "backward"]
Engine = Literal["auto", "eager", "compiled"]

# exp(2 * 20) twice over still fits float32.
_LARGEST_EXPONENT = 20.0
# Rows a block: wider blocks waste pairs beyond the diagonal, narrower ones waste calls.
_BLOCK_ROWS = 64
# Attention weights in a call up to which they are kept for the backward pass.
_KEPT_WEIGHTS = 2**20
# Pairs x hidden units in a call from which a training run is faster with the compiler's seconds.
_COMPILE_FROM = 2**24
# Pairs x hidden units in a tile of the eager kernel: on the CPU its temporaries stay in the cache.
_EAGER_TILE = {"cpu": 2**18, "cuda": 2**26}

_engine: Engine = "auto"
_can_compile = shutil.which(os.environ.get("CXX", "g++")) is not None


@contextmanager
def pair_engine(engine: Engine) -> Iterator[None]:
    """Chooses how pairs are computed inside the block, for the whole process.

    "auto" compiles where gradients are wanted, a compiler is found and there is enough to compute;
    "eager" never compiles; "compiled" always does.
    """
    global _engine
    before, _engine = _engine, engine
    try:
        yield
    finally:
        _engine = before


def additive_context(
    anchors: Float[Tensor, "batch clip hidden"],
    others: Float[Tensor, "batch clip hidden"],
    weight: Float[Tensor, " hidden"],
    states: Float[Tensor, "batch clip dim"],
    clip_mask: Bool[Tensor, "batch clip"],
    direction: Direction,
) -> Float[Tensor, "batch clip dim"]:
    """Additive attention over the clips on one side; differentiable once.

    ``h_i = sum_t alpha_it states_t`` where ``alpha_it`` is the softmax of
    ``weight . tanh(anchors_i + others_t)`` over the real clips ``t >= i`` (forward) or ``t <= i``
    (backward). A padded clip sees itself too, so that no row is empty. Computed in float32 or
    wider, whatever autocast says.
    """
    # Inside of forward, gradients always are off.
    training = torch.is_grad_enabled()
    context = _AdditiveContext.apply(
        anchors, others, weight, states, clip_mask, direction, training
    )
    assert isinstance(context, Tensor)
    return context


class _AdditiveContext(torch.autograd.Function):
    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any,
        anchors: Tensor,
        others: Tensor,
        weight: Tensor,
        states: Tensor,
        clip_mask: Tensor,
        direction: Direction,
        training: bool,
    ) -> Tensor:
        ctx.dtypes = [tensor.dtype for tensor in (anchors, others, weight, states)]
        anchors, others, weight, states = map(_widen, (anchors, others, weight, states))
        context = torch.empty_like(states)
        kept: list[Tensor] = []
        keeps = training and states.shape[0] * states.shape[1] ** 2 <= _KEPT_WEIGHTS
        with torch.autocast(states.device.type, enabled=False):
            pairs = _Pairs.of(anchors, others, weight, training=training)
            for rows, keys in _blocks(states.shape[1], direction):
                attention = _attention(pairs, clip_mask, direction, rows, keys)
                context[:, rows] = attention @ states[:, keys]
                if keeps:
                    kept.append(attention)
        ctx.save_for_backward(anchors, others, weight, states, clip_mask, context, *kept)
        ctx.direction = direction
        return context.to(ctx.dtypes[3])

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, ...]:
        anchors, others, weight, states, clip_mask, context, *kept = ctx.saved_tensors
        gradient = gradient.to(states.dtype)
        d_anchors, d_others, d_states = map(torch.zeros_like, (anchors, others, states))
        d_weight = torch.zeros_like(weight)
        with torch.autocast(states.device.type, enabled=False):
            pairs = _Pairs.of(anchors, others, weight, training=True)
            # The softmax's own term, sum_t alpha_it dL/dalpha_it, one number a row.
            shared = (gradient * context).sum(dim=-1, keepdim=True)
            for block, (rows, keys) in enumerate(_blocks(states.shape[1], ctx.direction)):
                attention = (
                    kept[block] if kept else _attention(pairs, clip_mask, ctx.direction, rows, keys)
                )
                d_states[:, keys] += attention.mT @ gradient[:, rows]
                d_scores = gradient[:, rows] @ states[:, keys].mT
                d_scores.sub_(shared[:, rows]).mul_(attention)
                of_rows, of_keys, of_weight = pairs.gradients(d_scores, rows, keys)
                d_anchors[:, rows] = of_rows
                d_others[:, keys] += of_keys
                d_weight += of_weight
            d_anchors *= pairs.slope * weight
            d_others *= pairs.slope * weight
        tensors = (d_anchors, d_others, d_weight, d_states)
        wanted = (t.to(dtype) for t, dtype in zip(tensors, ctx.dtypes, strict=True))
        return *wanted, None, None, None


def _widen(tensor: Tensor) -> Tensor:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def _blocks(num_clips: int, direction: Direction) -> Iterator[tuple[slice, slice]]:
    """Rows of the attention, and the keys that any of them may see."""
    for first in range(0, num_clips, _BLOCK_ROWS):
        last = min(first + _BLOCK_ROWS, num_clips)
        keys = slice(first, num_clips) if direction == "forward" else slice(0, last)
        yield slice(first, last), keys


def _attention(
    pairs: "_Pairs", clip_mask: Tensor, direction: Direction, rows: slice, keys: slice
) -> Tensor:
    """Attention weights of a block of rows, ``(B, rows, keys)``."""
    steps = torch.arange(clip_mask.shape[1], device=clip_mask.device)
    offset = steps[keys] - steps[rows, None]
    side = offset >= 0 if direction == "forward" else offset <= 0
    visible = (side & clip_mask[:, None, keys]) | (offset == 0)
    return pairs.scores(rows, keys).masked_fill_(~visible, -torch.inf).softmax(dim=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    """Scores of pairs of clips, up to a constant, and their gradients.

    Attributes:
        rows: ``exp(2a)``, or ``a`` where that could be too large.
        keys: ``exp(2b)``, or ``b``, likewise.
        weight: ``w``.
        slope: What the gradients of rows and keys lack, but for ``w``.
        kernel: Computes a block.
    """

    rows: Tensor
    keys: Tensor
    weight: Tensor
    slope: float
    kernel: "_Kernel"

    @classmethod
    def of(cls, anchors: Tensor, others: Tensor, weight: Tensor, *, training: bool) -> "_Pairs":
        # `<=` is False for NaN too: tanh hands it on, as the plain formula does.
        fits = bool(torch.maximum(anchors.abs().max(), others.abs().max()) <= _LARGEST_EXPONENT)
        work = anchors.numel() * anchors.shape[1] // 2
        kernel = _RECIPROCAL if fits else _TANH
        if fits:
            anchors, others = (2 * anchors).exp(), (2 * others).exp()
        return cls(
            rows=anchors,
            keys=others,
            weight=weight,
            slope=4.0 if fits else 1.0,
            kernel=_compiled(kernel) if _compiles(work, training) else _tiled(kernel),
        )

    def scores(self, rows: slice, keys: slice) -> Tensor:
        return self.kernel.scores(self.rows[:, rows], self.keys[:, keys], self.weight)

    def gradients(
        self, d_scores: Tensor, rows: slice, keys: slice
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients of rows and keys, up to ``slope * weight``, and of ``w``."""
        return self.kernel.gradients(d_scores, self.rows[:, rows], self.keys[:, keys])


@dataclass(frozen=True, slots=True)
class _Kernel:
    scores: Callable[[Tensor, Tensor, Tensor], Tensor]
    gradients: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]


def _reciprocal_scores(rows: Tensor, keys: Tensor, weight: Tensor) -> Tensor:
    reciprocal = 1 / (1 + rows[:, :, None] * keys[:, None])  # (B, i, t, k)
    return (-2 * weight * reciprocal).sum(dim=-1)


def _reciprocal_gradients(
    d_scores: Tensor, rows: Tensor, keys: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    product = rows[:, :, None] * keys[:, None]
    reciprocal = 1 / (1 + product)
    weighted = d_scores[..., None] * reciprocal
    slope = weighted * (product * reciprocal)
    return slope.sum(dim=2), slope.sum(dim=1), -2 * weighted.sum(dim=2).sum(dim=(0, 1))


def _tanh_scores(rows: Tensor, keys: Tensor, weight: Tensor) -> Tensor:
    return (weight * torch.tanh(rows[:, :, None] + keys[:, None])).sum(dim=-1)


def _tanh_gradients(d_scores: Tensor, rows: Tensor, keys: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    tanh = torch.tanh(rows[:, :, None] + keys[:, None])
    weighted = d_scores[..., None] * tanh
    slope = d_scores[..., None] - weighted * tanh
    return slope.sum(dim=2), slope.sum(dim=1), weighted.sum(dim=2).sum(dim=(0, 1))


_RECIPROCAL = _Kernel(_reciprocal_scores, _reciprocal_gradients)
_TANH = _Kernel(_tanh_scores, _tanh_gradients)


def _tiled(kernel: _Kernel) -> _Kernel:
    """The kernel without a compiler: a tile at a time."""

    def tiles(rows: Tensor, keys: Tensor) -> Iterator[tuple[slice, slice, slice]]:
        size = _EAGER_TILE.get(rows.device.type, _EAGER_TILE["cpu"])
        width = min(keys.shape[1], max(1, size // keys.shape[2]))
        height = max(1, size // (width * keys.shape[2]))
        for row in range(rows.shape[0]):
            for top in range(0, rows.shape[1], height):
                for left in range(0, keys.shape[1], width):
                    yield slice(row, row + 1), slice(top, top + height), slice(left, left + width)

    def scores(rows: Tensor, keys: Tensor, weight: Tensor) -> Tensor:
        result = rows.new_empty(rows.shape[0], rows.shape[1], keys.shape[1])
        for b, i, t in tiles(rows, keys):
            result[b, i, t] = kernel.scores(rows[b, i], keys[b, t], weight)
        return result

    def gradients(d_scores: Tensor, rows: Tensor, keys: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        d_rows, d_keys = torch.zeros_like(rows), torch.zeros_like(keys)
        d_weight = rows.new_zeros(rows.shape[2])
        for b, i, t in tiles(rows, keys):
            of_rows, of_keys, of_weight = kernel.gradients(
                d_scores[b, i, t], rows[b, i], keys[b, t]
            )
            d_rows[b, i] += of_rows
            d_keys[b, t] += of_keys
            d_weight += of_weight
        return d_rows, d_keys, d_weight

    return _Kernel(scores, gradients)


@cache
def _compiled(kernel: _Kernel) -> _Kernel:
    # Takes a second, which only compiling is worth.
    from torch._dynamo import config as dynamo_config
    from torch._dynamo.exc import TorchDynamoException

    tiled = _tiled(kernel)

    def attempt(fast: Callable[..., Any], slow: Callable[..., Any]) -> Callable[..., Any]:
        compiled = torch.compile(fast, dynamic=True)

        def run(*tensors: Tensor) -> Any:
            # A last block of one row would be compiled apart, and so would views of every kind.
            if any(tensor.shape[-2:-1] == (1,) for tensor in tensors):
                return slow(*tensors)
            try:
                # Past the limit, torch would run the loop without compiling and without tiles.
                with dynamo_config.patch(recompile_limit=32, fail_on_recompile_limit_hit=True):
                    return compiled(*(tensor.detach().contiguous() for tensor in tensors))
            except (TorchDynamoException, OSError) as error:
                if _engine == "compiled":
                    raise
                _give_up(error)
                return slow(*tensors)

        return run

    return _Kernel(attempt(kernel.scores, tiled.scores), attempt(kernel.gradients, tiled.gradients))


def _compiles(work: int, training: bool) -> bool:
    if _engine != "auto":
        return _engine == "compiled"
    return training and work >= _COMPILE_FROM and _can_compile


def _give_up(error: Exception) -> None:
    """A compiler that is there may still fail: no headers, no space, no right to write."""
    global _can_compile
    _can_compile = False
    warnings.warn(
        f"torch.compile failed, training goes on without it and is slower: {error}",
        stacklevel=2,
    )
