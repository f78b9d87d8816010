"""What clips, regions and picture have to do with each other, as numbers of any one-space recipe.

A head that sees features learns the classes that it was trained on; one that sees these numbers
learns what a moment looks like beside its picture, whatever the picture shows.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from stillseek.models.evidence import smooth, unit
from stillseek.models.matching import Comparison

# Standard deviations in clips of the smoothed similarities.
_SMOOTHINGS = (1.5, 3.0, 6.0)
# Clips on each side of an edge whose means are compared.
_REACHES = (1, 2, 4, 8)
# Least standard deviation of a channel over a video: below, nothing happens in it.
_LEAST_SPREAD = 1e-3
# Similarities of centred vectors rarely leave [-1/3, 1/3].
_GAIN = 3.0
NUM_CHANNELS = 3 + len(_SMOOTHINGS) + 3 + len(_REACHES)


def similarity_channels(seen: Comparison) -> Float[Tensor, "batch clip channel"]:
    """Channels of every clip; 0 where a clip shows nothing.

    With ``s_i`` and ``d_i`` the similarities of a clip to the picture and to its best regions (see
    `Matching`), and ``a_i`` their mean:

    - ``3 s_i``, ``3 d_i`` and ``3 a_i`` smoothed: how like the picture;
    - ``a_i`` smoothed by three widths, ``s_i``, ``d_i`` and the uncentred similarity,
      standardised over the video: how like it beside the rest of the video;
    - for 1, 2, 4 and 8 clips, twice 1 - cosine between the means of the clips before and after the
      edge in front of the clip: how much the video changes there.
    """
    is_shown, similarity, likeness = seen.is_shown, seen.similarity, seen.likeness
    assert likeness is not None
    uncentred = (seen.clips * seen.image).sum(dim=-1)
    both = (similarity + likeness) / 2
    smoothed = [smooth(both, is_shown, sigma)[0] for sigma in _SMOOTHINGS]
    channels = [_GAIN * similarity, _GAIN * likeness, _GAIN * smoothed[0]]
    for values in (*smoothed, similarity, likeness, uncentred):
        channels.append(_standardised(values, is_shown))
    channels += [2 * _change(seen.centred, reach) for reach in _REACHES]
    return torch.stack(channels, dim=-1) * is_shown[..., None]


def steadiness(seen: Comparison) -> Float[Tensor, " batch"]:
    """Median of ``c_i c_{i+1}`` over neighbours that both show something; 0 where none do."""
    following = torch.nn.functional.pad(seen.centred, (0, 0, 0, 1))[:, 1:]
    both = seen.is_shown & torch.nn.functional.pad(seen.is_shown, (0, 1))[:, 1:]
    cosines = (seen.centred * following).sum(dim=-1).masked_fill(~both, -torch.inf)
    middle = (both.sum(dim=1, keepdim=True) - 1).clamp(min=0) // 2
    median = cosines.sort(dim=1, descending=True).values.gather(1, middle)[:, 0]
    return median.masked_fill(median == -torch.inf, 0.0)


def _standardised(
    values: Float[Tensor, "batch clip"], is_shown: Bool[Tensor, "batch clip"]
) -> Float[Tensor, "batch clip"]:
    real = is_shown.to(values.dtype)
    number = real.sum(dim=1, keepdim=True).clamp(min=1)
    off = values - (values * real).sum(dim=1, keepdim=True) / number
    spread = ((off.square() * real).sum(dim=1, keepdim=True) / number).sqrt()
    return off / spread.clamp(min=_LEAST_SPREAD)


def _change(clips: Float[Tensor, "batch clip dim"], reach: int) -> Float[Tensor, "batch clip"]:
    """1 - cosine between the sums of up to ``reach`` clips before and after each clip's start."""
    num_clips = clips.shape[1]
    sums = torch.nn.functional.pad(clips.cumsum(dim=1), (0, 0, 1, 0))
    index = torch.arange(num_clips, device=clips.device)
    before = sums[:, index] - sums[:, (index - reach).clamp(min=0)]
    after = sums[:, (index + reach).clamp(max=num_clips)] - sums[:, index]
    return 1 - (unit(before) * unit(after)).sum(dim=-1)
