"""The video networks of torchvision as encoders of clips, without their classifiers."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models import WeightsEnum, get_model, get_model_weights

from stillseek.errors import FeatureError
from stillseek.features.recipes.clip_sampling import CentreCrop, ClipSampling
from stillseek.features.weights.state_dict import read_state_dict


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """What torchvision's tables do not say of a video network.

    Attributes:
        sampling: Its clips. Frames and rate are those that torchvision's documentation gives for
            the weights; strides are 16/15 of a second for all.
        classifier: Name of the layers that are taken off.
        dim: Width of what they got.
    """

    sampling: ClipSampling
    classifier: str
    dim: int


_SIDE_BY_SIDE = ClipSampling(num_frames=16, stride_frames=16, frame_rate=15.0)
_HALF_AS_FAST = ClipSampling(num_frames=16, stride_frames=8, frame_rate=7.5)
_OVERLAPPING = ClipSampling(num_frames=32, stride_frames=16, frame_rate=15.0)
_RESNET = Architecture(sampling=_SIDE_BY_SIDE, classifier="fc", dim=512)
ARCHITECTURES = {
    "r3d_18": _RESNET,
    "mc3_18": _RESNET,
    "r2plus1d_18": _RESNET,
    # Its accuracy is given for 128 frames: 8.5 s tell no boundary. It averages over time, so fewer
    # frames give a feature of the same kind.
    "s3d": Architecture(sampling=_SIDE_BY_SIDE, classifier="classifier", dim=1024),
    "mvit_v2_s": Architecture(sampling=_HALF_AS_FAST, classifier="head", dim=768),
    "swin3d_t": Architecture(sampling=_OVERLAPPING, classifier="head", dim=768),
}


class ClipEncoder(nn.Module):
    """Clips to the embedding that a video network gives to its classifier.

    Args:
        network: The network, ``(B, 3, T, H, W)`` to ``(B, D)``, in the precision to compute in.
        dim: Width D of an embedding.
        mean: Mean of red, green and blue, in 0 to 1.
        std: Their standard deviation.
    """

    def __init__(
        self, network: nn.Module, *, dim: int, mean: Sequence[float], std: Sequence[float]
    ) -> None:
        super().__init__()
        self.network = network
        self.dim = dim
        self.mean, self.std = tuple(mean), tuple(std)

    def forward(
        self, clips: UInt8[Tensor, "batch frame height width 3"]
    ) -> Float32[Tensor, "batch dim"]:
        """Embeddings of RGB clips."""
        mean, std = (clips.new_tensor(v, dtype=torch.float32) for v in (self.mean, self.std))
        x = (clips - 255 * mean) / (255 * std)
        # (B, T, H, W, 3) -> (B, 3, T, H, W), which is channels_last_3d without a copy.
        x = x.permute(0, 4, 1, 2, 3).to(next(self.network.parameters()).dtype)
        embedded: Float[Tensor, "batch dim"] = self.network(x)
        return embedded.float()


def clip_weights(name: str) -> WeightsEnum:
    """The weights that torchvision publishes for a video network, trained on Kinetics-400."""
    return get_model_weights(name)["KINETICS400_V1"]


def clip_pixels(name: str) -> CentreCrop:
    """The part of a frame that a network of torchvision was trained for."""
    preset: Any = clip_weights(name).transforms()
    height, width = preset.crop_size
    return CentreCrop(resize=tuple(preset.resize_size), crop=(height, width))


def build_clip_encoder(name: str, *, path: Path | None = None) -> ClipEncoder:
    """A video network of torchvision without its classifier.

    Args:
        name: One of ``ARCHITECTURES``.
        path: File with its weights as torchvision publishes them; None leaves them random.

    Raises:
        FeatureError: The file is missing, broken, or another network's.
    """
    network: Any = get_model(name, weights=None)
    if path is not None:
        load_published(network, path)
    setattr(network, ARCHITECTURES[name].classifier, nn.Identity())
    if name == "s3d":
        # The same mean; its own average pool has no bfloat16 on the CPU.
        network.avgpool = nn.AdaptiveAvgPool3d(1)
    preset: Any = clip_weights(name).transforms()
    dim = ARCHITECTURES[name].dim
    encoder = ClipEncoder(network, dim=dim, mean=preset.mean, std=preset.std)
    return encoder.eval().requires_grad_(False)


def fold_norms(network: nn.Module) -> None:
    """Multiplies the batch norms of a video network into the convolutions before them, in place.

    Its output stays the same but for rounding: less of it in bfloat16, and sooner (see
    ``benchmarks/encoders.py``).

    Args:
        network: A network of torchvision in evaluation mode; its layers have names in the order in
            which they run.
    """
    leaves = [(name, m) for name, m in network.named_modules() if not list(m.children())]
    for (name, convolution), (next_name, norm) in pairwise(leaves):
        if isinstance(convolution, nn.Conv3d) and isinstance(norm, nn.BatchNorm3d):
            network.set_submodule(name, fuse_conv_bn_eval(convolution, norm))
            network.set_submodule(next_name, nn.Identity())


def load_published(network: nn.Module, path: Path) -> None:
    """Fills a network of torchvision with weights that torchvision published for it.

    Names must fit exactly, but for the step counts of batch norms, which frozen ones do not have.

    Raises:
        FeatureError: The file is missing, broken, or another network's.
    """
    try:
        network.load_state_dict(read_state_dict(path))
    except RuntimeError as error:
        raise FeatureError(
            f"{path} does not fit {type(network).__name__} "
            f"({' '.join(str(error).split())[:200]}); give the file that torchvision publishes"
        ) from error
