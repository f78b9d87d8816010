"""Local transformer encoder: reads the clips with the query image in view (section 4.3)."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from stillseek.models.attention import MultiHead, window_visibility


def temporal_encoding(
    num_clips: int, dim: int, *, like: Float[Tensor, "..."]
) -> Float[Tensor, "num_clips dim"]:
    """Sinusoidal position encoding of Vaswani et al. 2017.

    ``PE(i, 2k) = sin(i / 10000^(2k / dim))`` and ``PE(i, 2k + 1) = cos(i / 10000^(2k / dim))``,
    with the type and device of ``like``. The last sine of an odd width has no cosine.
    """
    rates = torch.exp(
        torch.arange(0, dim, 2, device=like.device, dtype=torch.float32) * (-math.log(1e4) / dim)
    )
    angles = torch.arange(num_clips, device=like.device)[:, None] * rates
    encoding = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
    return encoding[:, :dim].to(like.dtype)


class Fusion(nn.Module):
    """Fusion of a clip with the image as the clip sees it (section 4.3).

    ``Fusion(f, f~) = tanh(W_f [f; f~; f * f~; f - f~] + b_f)``; ``combine`` is ``W_f, b_f``.
    """

    def __init__(self, *, dim: int) -> None:
        super().__init__()
        self.combine = nn.Linear(4 * dim, dim)

    def forward(
        self, clips: Float[Tensor, "batch clip dim"], image: Float[Tensor, "batch clip dim"]
    ) -> Float[Tensor, "batch clip dim"]:
        """The fused clips, in (-1, 1)."""
        return torch.tanh(
            self.combine(torch.cat([clips, image, clips * image, clips - image], dim=-1))
        )


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

    def forward(
        self,
        clips: Float[Tensor, "batch clip dim"],
        clip_visibility: Bool[Tensor, "batch clip clip"],
        regions: Float[Tensor, "batch region region_dim"],
        region_mask: Bool[Tensor, "batch region"],
    ) -> Float[Tensor, "batch clip dim"]:
        """The next layer's ``F``."""
        attended = self.dropout(self.self_attention(clips, clips, clip_visibility))
        clips = self.self_norm(attended + clips)
        if self.image_attention is not None:
            image = self.dropout(self.image_attention(clips, regions, region_mask[:, None]))
            clips = self.image_norm(self.fusion(clips, image))
        mixed = self.dropout(self.contract(torch.relu(self.expand(clips))))
        return self.ffn_norm(clips + mixed)


class LocalTransformer(nn.Module):
    """N-layer local transformer encoder: clips and ``H^r`` in, ``H^v`` out (section 4.3).

    The sinusoidal encoding is added to the clip features once, before the first layer.
    ``window`` is the paper's ``w``; ``None`` is full self-attention (ablation w/o LS). Without
    ``multi_level`` (ablation w/o ML) only the last layer sees the image.
    """

    def __init__(
        self,
        *,
        dim: int,
        region_dim: int,
        num_layers: int,
        num_heads: int,
        projection_dim: int,
        window: int | None,
        ffn_dim: int,
        dropout: float,
        multi_level: bool,
    ) -> None:
        super().__init__()
        self.window = window
        self.layers = nn.ModuleList(
            LocalTransformerLayer(
                dim=dim,
                region_dim=region_dim,
                num_heads=num_heads,
                projection_dim=projection_dim,
                ffn_dim=ffn_dim,
                dropout=dropout,
                image_attention=multi_level or layer == num_layers - 1,
            )
            for layer in range(num_layers)
        )

    def forward(
        self,
        clips: Float[Tensor, "batch clip dim"],
        clip_mask: Bool[Tensor, "batch clip"],
        regions: Float[Tensor, "batch region region_dim"],
        region_mask: Bool[Tensor, "batch region"],
    ) -> Float[Tensor, "batch clip dim"]:
        """``H^v``; rows of padding mean nothing."""
        visibility = window_visibility(clip_mask, self.window)
        clips = clips + temporal_encoding(clips.shape[1], clips.shape[2], like=clips)
        for layer in self.layers:
            clips = layer(clips, visibility, regions, region_mask)
        return clips
