"""Evidence that the activity of a picture is in a video at all, comparable between videos."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import conv1d

from stillseek.tensors import ClipEvidence

# Standard deviation in clips of the smoothing of evidence.
_SMOOTHING = 1.5
# Background vectors, those most like the picture, that say how common it looks.
_COHORT = 100


class Evidence(nn.Module):
    """How like the picture every clip is, and how like it pictures are in general.

    Features are compared in a space in which photographs of one class lie close together (whitened
    within class: Hatch et al. 2006), and the similarity is judged by how like the picture the
    background is (cohort normalisation, as for speakers: Auckenthaler et al. 2000):

    | ``w(x) = M^T (x / |x| - mu)``, of length 1
    | ``e_i`` = ``w(v_i) w(f^g)``, smoothed
    | ``t`` = mean of the 100 largest ``b w(f^g)`` over the background ``b``

    Args:
        dim: Width of clips and picture.
        num_background: Vectors of the background.

    Attributes:
        centre: ``mu``.
        metric: ``M``.
        background: The background in the space of ``w``, of length 1.
    """

    centre: Tensor
    metric: Tensor
    background: Tensor

    def __init__(self, *, dim: int, num_background: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(dim))
        # Not torch.eye: without storage, as checkpoints are opened, it imports a compiler.
        self.register_buffer("metric", torch.zeros(dim, dim).fill_diagonal_(1.0))
        self.register_buffer("background", torch.zeros(num_background, dim))

    def forward(
        self,
        clips: Float[Tensor, "batch clip dim"],
        image: Float[Tensor, "batch 1 dim"],
        is_shown: Bool[Tensor, "batch clip"],
    ) -> ClipEvidence:
        """``e_i`` and ``t``.

        Args:
            clips: Clips of length 1, 0 where a clip shows nothing.
            image: The picture, of length 1.
            is_shown: Clips that show something.
        """
        whitened = self.whiten(clips) * is_shown[..., None]
        picture = self.whiten(image)
        similarity, _ = smooth((whitened * picture).sum(dim=-1), is_shown, _SMOOTHING)
        background = self.background.to(picture.dtype)
        likeness = (picture @ background.T).squeeze(1)
        cohort = likeness.topk(min(_COHORT, len(background)), dim=-1).values.mean(dim=-1)
        return ClipEvidence(
            similarity=similarity.masked_fill(~is_shown, -torch.inf), background=cohort
        )

    def whiten(
        self, vectors: Float[Tensor, "batch row dim"], power: float = 1.0
    ) -> Float[Tensor, "batch row dim"]:
        """``w`` of vectors of length 1, also part of the way: ``M_k |M_k|^(p - 1)`` for columns.

        Args:
            vectors: Of length 1. One that is 0 does not stay 0: mask it afterwards.
            power: ``p``: 1 is all the way, 0 stretches no direction of a metric whose columns are
                orthogonal.
        """
        metric = self.metric.to(vectors.dtype)
        metric = metric * metric.norm(dim=0).clamp(min=1e-12) ** (power - 1)
        return unit((vectors - self.centre.to(vectors.dtype)) @ metric)


def unit(vectors: Float[Tensor, "*batch dim"], *, least: float = 1e-12) -> Tensor:
    """Vectors of length 1; shorter than ``least`` they are divided by it, and zero stays zero."""
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp(min=least)


def smooth(
    values: Float[Tensor, "batch clip"], is_shown: Bool[Tensor, "batch clip"], sigma: float
) -> tuple[Float[Tensor, "batch clip"], Bool[Tensor, "batch clip"]]:
    """Means over the clips that show something, weighted by a Gaussian of their distance.

    Args:
        values: One value a clip.
        is_shown: Clips that count.
        sigma: Standard deviation in clips; the Gaussian ends at three of them. 0 leaves values.

    Returns:
        The means, 0 where no clip that counts is within reach, and where one is.
    """
    real = is_shown.to(values.dtype)
    reach = round(3 * sigma)
    if reach == 0:
        return values * real, is_shown
    distance = torch.arange(-reach, reach + 1, dtype=values.dtype, device=values.device)
    kernel = (-(distance**2) / (2 * sigma**2)).exp()[None, None]
    sums = conv1d((values * real)[:, None], kernel, padding=reach).squeeze(1)
    weights = conv1d(real[:, None], kernel, padding=reach).squeeze(1)
    return sums / weights.clamp(min=kernel.min() / 2), weights > 0
