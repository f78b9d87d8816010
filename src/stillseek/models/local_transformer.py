"""Local transformer encoder: reads the clips with the query image in view (section 4.3)."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from stillseek.models.attention import MultiHead, Sight

# Videos from this length on are trained with one layer's activations at a time: each layer is
# computed once more, for a fraction of the memory.
_RECOMPUTED_CLIPS = 8192

KeysValues = tuple[
    Float[Tensor, "#batch head region projection"], Float[Tensor, "#batch head region projection"]
]


@dataclass(frozen=True, slots=True)
class ImageMemory:
    """The query image as the local transformer reads it: made once, used with any video.

    Attributes:
        layers: Keys and values of the image attention of every layer; None where a layer has none.
        region_mask: True where a region is real.
    """

    layers: tuple[KeysValues | None, ...]
    region_mask: Bool[Tensor, "batch region"]


def temporal_encoding(
    num_clips: int | torch.SymInt, dim: int, *, like: Float[Tensor, "..."]
) -> Float[Tensor, "num_clips dim"]:
    """Sinusoidal position encoding of Vaswani et al. 2017.

    ``PE(i, 2k) = sin(i / 10000^(2k / dim))`` and ``PE(i, 2k + 1) = cos(i / 10000^(2k / dim))``,
    with the type and device of ``like``, and in its precision, but at least that of float32. The
    last sine of an odd width has no cosine.
    """
    dtype = torch.promote_types(like.dtype, torch.float32)
    rates = torch.exp(
        torch.arange(0, dim, 2, device=like.device, dtype=dtype) * (-math.log(1e4) / dim)
    )
    angles = torch.arange(num_clips, device=like.device)[:, None] * rates
    encoding = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
    return encoding[:, :dim].to(like.dtype)


class Fusion(nn.Module):
    """Fusion of a clip with the image as the clip sees it (section 4.3).

    ``Fusion(f, f~) = tanh(W_f [f; f~; f * f~; f - f~] + b_f)``; ``combine`` is ``W_f, b_f``. With
    ``W_f = [W_1 W_2 W_3 W_4]`` that is ``(W_1 + W_4) f + (W_2 - W_4) f~ + W_3 (f * f~) + b_f``:
    three products in place of four, and no concatenation.
    """

    def __init__(self, *, dim: int) -> None:
        super().__init__()
        self.combine = nn.Linear(4 * dim, dim)

    def start_comparing(self) -> None:
        """Makes it let the clip pass and add how like the image the clip is.

        ``W_f = [I 0 S 0]``: a row of ``S`` is 1.5 times the mean of ``f * f~``, added and
        subtracted by turns, so that the norm that follows does not take it away.
        """
        dim = self.combine.out_features
        signs = torch.ones(dim, 1)
        signs[1::2] = -1
        none = torch.zeros(dim, dim)
        start = torch.cat([torch.eye(dim), none, 1.5 / dim * signs.expand(dim, dim), none], dim=1)
        with torch.no_grad():
            self.combine.weight.copy_(start)

    def forward(
        self, clips: Float[Tensor, "batch clip dim"], image: Float[Tensor, "batch clip dim"]
    ) -> Float[Tensor, "batch clip dim"]:
        """The fused clips, in (-1, 1)."""
        of_clip, of_image, of_both, of_difference = self.combine.weight.chunk(4, dim=1)
        fused = F.linear(clips, of_clip + of_difference, self.combine.bias)
        fused = fused + F.linear(image, of_image - of_difference)
        return torch.tanh(fused + F.linear(clips * image, of_both))


class LocalTransformerLayer(nn.Module):
    """One layer of the local transformer encoder (section 4.3).

    | ``F^1 = LayerNorm(LocalMultiHead(F, F, F) + F)``
    | ``F~^1 = MultiHead(F^1, H^r, H^r)``, ``F^2 = LayerNorm(Fusion(F^1, F~^1))``
    | ``F~^2 = W^2 ReLU(W^1 F^2 + b^1) + b^2``, ``F^3 = LayerNorm(F^2 + F~^2)``

    ================================ ===========================================
    ours                             paper, layer 1
    ================================ ===========================================
    ``self_attention``               ``LocalMultiHead``
    ``image_attention``, ``fusion``  ``MultiHead``, ``Fusion``
    ``expand``, ``contract``         ``W_13^1, b_13^1`` and ``W_13^2, b_13^2``
    ``self_norm`` etc.               the three ``LayerNorm``
    ================================ ===========================================

    Without ``image_attention`` (ablation w/o ML, all layers but the last) the second sublayer is
    absent with its fusion and norm. Dropout falls on what each sublayer adds, as in Vaswani et
    al.: both attention outputs and the feed-forward output (the paper is silent).
    """

    def __init__(
        self,
        *,
        dim: int,
        region_dim: int,
        num_heads: int,
        projection_dim: int,
        ffn_dim: int,
        dropout: float,
        image_attention: bool,
    ) -> None:
        super().__init__()
        self.self_attention = MultiHead(
            query_dim=dim, context_dim=dim, num_heads=num_heads, projection_dim=projection_dim
        )
        self.self_norm = nn.LayerNorm(dim)
        if image_attention:
            self.image_attention = MultiHead(
                query_dim=dim,
                context_dim=region_dim,
                num_heads=num_heads,
                projection_dim=projection_dim,
            )
            self.fusion = Fusion(dim=dim)
            self.image_norm = nn.LayerNorm(dim)
        else:
            self.image_attention = None
        self.expand = nn.Linear(dim, ffn_dim)
        self.contract = nn.Linear(ffn_dim, dim)
        self.ffn_norm = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)

    def keys_values(self, regions: Float[Tensor, "batch region region_dim"]) -> KeysValues | None:
        """What the image attention makes of ``H^r``; None without image attention."""
        return None if self.image_attention is None else self.image_attention.keys_values(regions)

    def forward(
        self,
        clips: Float[Tensor, "batch clip dim"],
        sight: Sight,
        image: KeysValues | None,
        region_mask: Bool[Tensor, "#batch region"],
    ) -> Float[Tensor, "batch clip dim"]:
        """The next layer's ``F``; ``image`` are `keys_values`."""
        attended = self.dropout(self.self_attention.within(clips, sight))
        clips = self.self_norm(attended + clips)
        if self.image_attention is not None:
            assert image is not None
            seen = self.image_attention(clips, *image, region_mask[:, None])
            clips = self.image_norm(self.fusion(clips, self.dropout(seen)))
        mixed = self.dropout(self.contract(torch.relu(self.expand(clips))))
        return self.ffn_norm(clips + mixed)


class LocalTransformer(nn.Module):
    """N-layer local transformer encoder: clips and ``H^r`` in, ``H^v`` out (section 4.3).

    The sinusoidal encoding is added to the clip features once, before the first layer.
    ``window`` is the paper's ``w``; ``None`` is full self-attention (ablation w/o LS).
    """

    def __init__(self, layers: Iterable[LocalTransformerLayer], *, window: int | None) -> None:
        super().__init__()
        self.window = window
        self.layers = nn.ModuleList(layers)

    def remember(
        self,
        regions: Float[Tensor, "batch region region_dim"],
        region_mask: Bool[Tensor, "batch region"],
    ) -> ImageMemory:
        """What every layer attends to of the image; ``regions`` is ``H^r``."""
        layers: list[KeysValues | None] = []
        for layer in self.layers:
            assert isinstance(layer, LocalTransformerLayer)
            layers.append(layer.keys_values(regions))
        return ImageMemory(tuple(layers), region_mask)

    def forward(
        self,
        clips: Float[Tensor, "batch clip dim"],
        clip_mask: Bool[Tensor, "batch clip"],
        image: ImageMemory,
    ) -> Float[Tensor, "batch clip dim"]:
        """``H^v``; rows of padding mean nothing. One image may serve a batch of videos."""
        sight = Sight.of(clip_mask, self.window)
        clips = clips + temporal_encoding(clips.shape[1], clips.shape[2], like=clips)
        for layer, keys_values in zip(self.layers, image.layers, strict=True):
            arguments = (clips, sight, keys_values, image.region_mask)
            if clips.shape[1] >= _RECOMPUTED_CLIPS and torch.is_grad_enabled():
                clips = checkpoint(layer, *arguments, use_reentrant=False)
            else:
                clips = layer(*arguments)
        return clips
