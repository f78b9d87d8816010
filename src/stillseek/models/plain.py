"""The formulas of section 3 and 4 as they are printed: what the fast ones are tested against.

Every function takes the module that holds the weights, so both ways share them, and nothing else:
a mistake in a fast formula is not repeated here. They are also what the benchmarks compare with
and, but for the region encoder, what is exported; nothing else uses them: they need memory for
``clip x clip x hidden`` and ``region x region x d_r`` numbers.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from stillseek.models.additive_attention import Direction
from stillseek.models.attention import AdditiveAttention, MultiHead
from stillseek.models.inputs import check_inputs
from stillseek.models.local_transformer import Fusion, LocalTransformer, LocalTransformerLayer
from stillseek.models.order_sensitive_localizer import BoundaryScorer, OrderSensitiveLocalizer
from stillseek.models.region_encoder import RegionEncoder, RegionSelfAttention
from stillseek.models.sail import Sail
from stillseek.tensors import LocalizerInput, LocalizerOutput


def masked_softmax(
    scores: Float[Tensor, "*batch query key"], visible: Bool[Tensor, "*visible #query key"]
) -> Float[Tensor, "*batch query key"]:
    """Softmax over the visible keys of every query; each query must see at least one.

    ``visible`` broadcasts to the scores.
    """
    return scores.masked_fill(~visible, -torch.inf).softmax(dim=-1)


def dot_attention(
    queries: Float[Tensor, "*batch query dim"],
    keys: Float[Tensor, "*batch key dim"],
    values: Float[Tensor, "*batch key value_dim"],
    visible: Bool[Tensor, "*visible #query key"],
) -> Float[Tensor, "*batch query value_dim"]:
    """Scaled dot-product attention (section 3).

    ``DotAtten(Q, K, V) = Softmax(Q^T K / sqrt(d_1)) V^T``; ``dim`` is ``d_1``, ``value_dim`` is
    ``d_2``, and ``visible`` says which keys a query may attend to.
    """
    scores = queries @ keys.mT / math.sqrt(queries.shape[-1])
    return masked_softmax(scores, visible) @ values


def window_visibility(
    clip_mask: Bool[Tensor, "batch clip"], window: int | None
) -> Bool[Tensor, "batch clip clip"]:
    """Which clips each clip sees in local self-attention (section 4.3).

    Clip ``i`` sees the real clips of ``i - w .. i + w``, cut at the ends of the video; ``None``
    as the window shows every real clip (ablation w/o LS).
    """
    offset = _offsets(clip_mask)
    near = torch.ones_like(offset, dtype=torch.bool) if window is None else offset.abs() <= window
    return _visible_pairs(near, clip_mask)


def order_visibility(
    clip_mask: Bool[Tensor, "batch clip"], direction: Direction
) -> Bool[Tensor, "batch clip clip"]:
    """Which clips each clip sees in the localizer (section 4.4).

    Forward context: the real clips ``t >= i``; backward context: ``t <= i``.
    """
    offset = _offsets(clip_mask)
    return _visible_pairs(offset >= 0 if direction == "forward" else offset <= 0, clip_mask)


def _offsets(clip_mask: Bool[Tensor, "batch clip"]) -> Tensor:
    """Entry ``[i, t]`` is ``t - i``."""
    steps = torch.arange(clip_mask.shape[1], device=clip_mask.device)
    return steps - steps[:, None]


def _visible_pairs(
    pairs: Bool[Tensor, "clip clip"], clip_mask: Bool[Tensor, "batch clip"]
) -> Bool[Tensor, "batch clip clip"]:
    # A padded clip sees itself: a row without any key would put NaN into the gradients. Real
    # clips see themselves anyway, and what padding computes is masked at the output.
    itself = torch.eye(clip_mask.shape[1], dtype=torch.bool, device=clip_mask.device)
    return (pairs & clip_mask[:, None, :]) | itself


def multi_head(
    module: MultiHead,
    queries: Float[Tensor, "batch query query_dim"],
    context: Float[Tensor, "batch key context_dim"],
    visible: Bool[Tensor, " batch #query key"],
) -> Float[Tensor, "batch query query_dim"]:
    """Multi-head attention (section 3), local with a window in ``visible``."""

    def split(stacked: Tensor) -> Tensor:
        return stacked.unflatten(-1, (module.num_heads, -1)).transpose(1, 2)  # (B, H, T, D)

    heads = dot_attention(
        split(module.query(queries)),
        split(module.key(context)),
        split(module.value(context)),
        visible[:, None],
    )
    return module.output(heads.transpose(1, 2).flatten(2))  # (B, H, T, D) -> (B, T, H * D)


def relative_positions(
    boxes: Float[Tensor, "batch region 4"],
) -> Float[Tensor, "batch region region 4"]:
    """``p_ij^r = ((x_i - x_j) / w_j, (y_i - y_j) / h_j, log(w_i / w_j), log(h_i / h_j))``."""
    x, y, w, h = (side[:, :, None] for side in boxes.unbind(dim=-1))
    return torch.stack(
        [(x - x.mT) / w.mT, (y - y.mT) / h.mT, (w / w.mT).log(), (h / h.mT).log()], dim=-1
    )


def region_self_attention(
    module: RegionSelfAttention,
    regions: Float[Tensor, "batch region dim"],
    boxes: Float[Tensor, "batch region 4"],
    region_mask: Bool[Tensor, "batch region"],
) -> Float[Tensor, "batch region dim"]:
    """``h~_i^r = Softmax(r_i^T (R + P~_i) / sqrt(d_r)) (R + P~_i)^T`` (section 4.2)."""
    positions = relative_positions(boxes.where(region_mask[..., None], torch.ones_like(boxes)))
    shifted = regions[:, None] + module.position(positions)  # (B, i, j, d_r): R + P~_i
    scores = (regions[:, :, None] * shifted).sum(dim=-1) / math.sqrt(regions.shape[-1])
    weights = masked_softmax(scores, region_mask[:, None])
    return (weights[..., None] * shifted).sum(dim=2)


def region_encoder(
    module: RegionEncoder,
    regions: Float[Tensor, "batch region region_dim"],
    boxes: Float[Tensor, "batch region 4"],
    region_mask: Bool[Tensor, "batch region"],
    global_feature: Float[Tensor, "batch global_dim"],
) -> Float[Tensor, "batch region region_dim"]:
    """``h_i^r = LayerNorm(h~_i^r + r_i + W_g f^g)`` (section 4.2)."""
    hidden = regions + module.global_feature(global_feature)[:, None]
    if module.attention is not None:
        hidden = region_self_attention(module.attention, regions, boxes, region_mask) + hidden
    return module.norm(hidden)


def temporal_encoding(
    num_clips: int | torch.SymInt, dim: int, *, like: Float[Tensor, "..."]
) -> Float[Tensor, "num_clips dim"]:
    """``PE(i, 2k) = sin(i / 10000^(2k / dim))``, ``PE(i, 2k + 1) = cos(i / 10000^(2k / dim))``."""
    dtype = torch.promote_types(like.dtype, torch.float32)
    column = torch.arange(dim, device=like.device)
    wavelengths = 1e4 ** ((column - column % 2).to(dtype) / dim)
    angles = torch.arange(num_clips, device=like.device)[:, None] / wavelengths
    return torch.where(column % 2 == 0, angles.sin(), angles.cos()).to(like.dtype)


def fusion(
    module: Fusion, clips: Float[Tensor, "batch clip dim"], image: Float[Tensor, "batch clip dim"]
) -> Float[Tensor, "batch clip dim"]:
    """``tanh(W_f [f; f~; f * f~; f - f~] + b_f)`` (section 4.3)."""
    return torch.tanh(
        module.combine(torch.cat([clips, image, clips * image, clips - image], dim=-1))
    )


def layer(
    module: LocalTransformerLayer,
    clips: Float[Tensor, "batch clip dim"],
    clip_visibility: Bool[Tensor, "batch clip clip"],
    regions: Float[Tensor, "batch region region_dim"],
    region_mask: Bool[Tensor, "batch region"],
) -> Float[Tensor, "batch clip dim"]:
    """One layer of the local transformer encoder (section 4.3)."""
    attended = multi_head(module.self_attention, clips, clips, clip_visibility)
    clips = module.self_norm(module.dropout(attended) + clips)
    if module.image_attention is not None:
        image = multi_head(module.image_attention, clips, regions, region_mask[:, None])
        clips = module.image_norm(fusion(module.fusion, clips, module.dropout(image)))
    mixed = module.contract(torch.relu(module.expand(clips)))
    return module.ffn_norm(clips + module.dropout(mixed))


def local_transformer(
    module: LocalTransformer,
    clips: Float[Tensor, "batch clip dim"],
    clip_mask: Bool[Tensor, "batch clip"],
    regions: Float[Tensor, "batch region region_dim"],
    region_mask: Bool[Tensor, "batch region"],
) -> Float[Tensor, "batch clip dim"]:
    """``H^v`` (section 4.3)."""
    visibility = window_visibility(clip_mask, module.window)
    clips = clips + temporal_encoding(clips.shape[1], clips.shape[2], like=clips)
    for each in module.layers:
        assert isinstance(each, LocalTransformerLayer)
        clips = layer(each, clips, visibility, regions, region_mask)
    return clips


def additive_weights(
    module: AdditiveAttention,
    states: Float[Tensor, "batch clip dim"],
    clip_mask: Bool[Tensor, "batch clip"],
) -> Float[Tensor, "batch clip clip"]:
    """``alpha^fw`` or ``alpha^bw`` (section 4.4)."""
    hidden = torch.tanh(module.anchor(states)[:, :, None] + module.other(states)[:, None])
    scores = module.score(hidden).squeeze(-1)  # (B, i, t)
    return masked_softmax(scores, order_visibility(clip_mask, module.direction))


def additive_attention(
    module: AdditiveAttention,
    states: Float[Tensor, "batch clip dim"],
    clip_mask: Bool[Tensor, "batch clip"],
) -> Float[Tensor, "batch clip dim"]:
    """``h^fw`` or ``h^bw`` (section 4.4)."""
    return additive_weights(module, states, clip_mask) @ states


def boundary_scores(
    module: BoundaryScorer, context: Float[Tensor, "batch clip dim"]
) -> Float[Tensor, "batch clip"]:
    """``w_s^T tanh(W_s h_i + b_s)`` (section 4.4)."""
    return module.score(torch.tanh(module.hidden(context))).squeeze(-1)


def localizer(
    module: OrderSensitiveLocalizer,
    states: Float[Tensor, "batch clip dim"],
    clip_mask: Bool[Tensor, "batch clip"],
) -> LocalizerOutput:
    """Start and end scores (section 4.4)."""
    after = before = states
    if module.bidirectional:
        after = additive_attention(module.forward_context, states, clip_mask)
        before = additive_attention(module.backward_context, states, clip_mask)
    return LocalizerOutput(
        start_logits=boundary_scores(module.start, after).masked_fill(~clip_mask, -torch.inf),
        end_logits=boundary_scores(module.end, before).masked_fill(~clip_mask, -torch.inf),
    )


def sail(model: Sail, inputs: LocalizerInput) -> LocalizerOutput:
    """SAIL (section 4), the same function as ``model(inputs)``."""
    check_inputs(inputs, model.config)
    regions = region_encoder(
        model.region_encoder,
        inputs.regions,
        inputs.boxes,
        inputs.region_mask,
        inputs.global_feature,
    )
    states = local_transformer(
        model.local_transformer, inputs.clips, inputs.clip_mask, regions, inputs.region_mask
    )
    return localizer(model.localizer, states, inputs.clip_mask)
