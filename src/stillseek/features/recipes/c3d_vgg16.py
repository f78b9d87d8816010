"""The ``c3d-vgg16`` recipe: the features of the paper (section 6.1)."""

import copy
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from stillseek.errors import FeatureError, UsageError
from stillseek.features.recipes.c3d import C3D, CLIP_FRAMES, CLIP_STRIDE_FRAMES, SIDE_PIXELS
from stillseek.features.recipes.clip_recipe import ClipRecipe, weights_of
from stillseek.features.recipes.clip_sampling import ClipSampling
from stillseek.features.recipes.options import RecipeOptions
from stillseek.features.recipes.pca_reduction import Reduction
from stillseek.features.recipes.precision import choose_dtype, find_device
from stillseek.features.recipes.recipe import UnitStream, VideoFeatures, fingerprint_of
from stillseek.features.recipes.region_detector import RegionDetector
from stillseek.features.recipes.vgg_detector import load_vgg_detector
from stillseek.media import probe, sample
from stillseek.timeline import ClipGrid

_CLIP_WEIGHTS = "c3d.pickle"
_CLIP_ADDRESS = "http://imagelab.ing.unimore.it/files/c3d_pytorch/c3d.pickle"
_DETECTOR_PATTERN = "faster_rcnn_*.pth"
_DETECTOR_ADDRESS = "https://github.com/jwyang/faster-rcnn.pytorch"

# Of a file that does not say how many frames a second it has.
_FALLBACK_FRAME_RATE = 25


class C3dVgg16Recipe(ClipRecipe):
    """C3D over 16 frames, every 8 frames; regions of a VGG-16 Faster R-CNN.

    Frames are those displayed at steady instants, at the video's own average rate.

    Deviation: the last clips of a video, which have fewer than 16 frames, are filled up with the
    last one, so that every instant has a clip.

    Args:
        clip_encoder: Encoder of clips, in single precision. It is taken, not copied.
        regions: Encoder of query images, which computes on a device of its own.
        reduction: Reduction of clip features; None leaves them as they are.
        device: Where clips are encoded.
        dtype: Number format of the clip encoder.

    Raises:
        FeatureError: The reduction is for features of another width.
    """

    name = "c3d-vgg16"

    def __init__(
        self,
        clip_encoder: C3D,
        regions: RegionDetector,
        *,
        reduction: Reduction | None = None,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        settings = {
            "engine": "torch",
            "dtype": str(dtype).removeprefix("torch."),
            "feature": "fc7, rectified",
            "frames": [CLIP_FRAMES, CLIP_STRIDE_FRAMES, SIDE_PIXELS],
            "regions": dict(regions.settings),
        }
        self._unreduced = fingerprint_of(self.name, settings, weights_of(clip_encoder, regions))
        super().__init__(clip_encoder, regions, device=device, dtype=dtype)
        self._width = clip_encoder.fc7.out_features
        self._reduce_by(reduction)

    def reduced(self, reduction: Reduction) -> "C3dVgg16Recipe":
        """The same recipe with a reduction; both share their networks.

        Raises:
            FeatureError: It is for features of another width.
        """
        recipe = copy.copy(self)
        recipe._reduce_by(reduction)
        return recipe

    def reduce(self, features: VideoFeatures) -> VideoFeatures:
        """Features of this recipe, from those of the same recipe without its reduction."""
        clips = features.clips if self._reduction is None else self._reduction.apply(features.clips)
        return VideoFeatures(clips=clips, grid=features.grid, fingerprint=self.fingerprint)

    def open_video(self, path: Path) -> UnitStream:
        """Overlapping runs of 16 frames of 112 x 112."""
        info = probe(path)
        frame_rate = info.frame_rate or _FALLBACK_FRAME_RATE
        interval_seconds = float(1 / frame_rate)
        frames = sample(path, interval_seconds=interval_seconds, size=(SIDE_PIXELS, SIDE_PIXELS))
        sampling = ClipSampling(
            num_frames=CLIP_FRAMES, stride_frames=CLIP_STRIDE_FRAMES, frame_rate=float(frame_rate)
        )
        return UnitStream(
            duration_seconds=info.duration_seconds,
            interval_seconds=CLIP_STRIDE_FRAMES * interval_seconds,
            units=sampling.clips(frame.pixels for frame in frames),
        )

    def assemble(
        self, units: Float32[np.ndarray, "clip feature"], stream: UnitStream
    ) -> VideoFeatures:
        """A clip a unit, reduced if the recipe has a reduction."""
        grid = ClipGrid(
            stride_seconds=stream.interval_seconds,
            length_seconds=stream.interval_seconds * CLIP_FRAMES / CLIP_STRIDE_FRAMES,
            duration_seconds=stream.decoded_seconds(len(units)),
        )
        clips = units[: grid.num_clips]
        return self.reduce(VideoFeatures(clips=clips, grid=grid, fingerprint=self._unreduced))

    def _reduce_by(self, reduction: Reduction | None) -> None:
        """Sets the reduction, and the width and fingerprint that follow from it."""
        width = self._width
        if reduction is None:
            self.clip_dim, self.fingerprint = width, self._unreduced
        elif len(reduction.mean) != width:
            raise FeatureError(
                f"the reduction is for features of width {len(reduction.mean)}, those of "
                f"{self.name} have {width}; fit one with stillseek fit-pca"
            )
        else:
            origin = {"unreduced": self._unreduced, "reduction": reduction.fingerprint}
            self.clip_dim = reduction.num_components
            self.fingerprint = fingerprint_of(self.name, origin, {})
        self._reduction = reduction


def load_c3d_vgg16(options: RecipeOptions) -> C3dVgg16Recipe:
    """The recipe with weights that the user got: nobody publishes them with a hash.

    Raises:
        UsageError: The weights are not given, or the device is not here.
        FeatureError: A file is missing, or holds something else.
    """
    device = find_device(options.device)
    reduction = None if options.reduction is None else Reduction.load(options.reduction)
    clip_weights, detector_weights = _find_weights(options)
    return C3dVgg16Recipe(
        C3D.load(clip_weights),
        RegionDetector(load_vgg_detector(detector_weights).to(device)),
        reduction=reduction,
        device=device,
        dtype=choose_dtype(options.precision, device),
    )


def _find_weights(options: RecipeOptions) -> tuple[Path, Path]:
    weights, detector = options.weights, options.detector
    if weights is not None and weights.is_dir():
        beside = sorted(weights.glob(_DETECTOR_PATTERN))
        weights = weights / _CLIP_WEIGHTS
        if detector is None and len(beside) == 1:
            detector = beside[0]
    if weights is None:
        raise UsageError(
            f"recipe 'c3d-vgg16' needs the weights of C3D; get {_CLIP_ADDRESS} and give the file, "
            "or its folder, with --weights"
        )
    if detector is None:
        raise UsageError(
            "recipe 'c3d-vgg16' needs the weights of a VGG-16 Faster R-CNN; get one of "
            f"{_DETECTOR_ADDRESS} and give it with --detector, or put it alone, as "
            f"{_DETECTOR_PATTERN}, beside {_CLIP_WEIGHTS}"
        )
    return weights, detector
