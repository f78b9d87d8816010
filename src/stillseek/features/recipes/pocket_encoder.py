"""The small convolutional encoder of the ``pocket`` recipe: one space for regions and frames."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from stillseek.errors import FeatureError, UsageError
from stillseek.features.weights.whole_file import write_whole
from stillseek.records import parse_record

# Of RoIAlign, along each side of a box.
_SAMPLES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PocketConfig:
    """Sizes of the encoder.

    The defaults are 1.2M parameters and 135 M multiply-adds for a frame of 128 x 128.

    Attributes:
        widths: Channels of the stem (stride 2) and of the four blocks (strides 4, 8, 16, 16).
        embedding_dim: Width of region and frame features.

    Raises:
        UsageError: A size is not positive, or there are not five widths.
    """

    widths: tuple[int, ...] = (24, 48, 96, 160, 192)
    embedding_dim: int = 128

    def __post_init__(self) -> None:
        if len(self.widths) != 5 or min(*self.widths, self.embedding_dim) < 1:
            raise UsageError(
                "the pocket encoder needs five positive widths and a positive embedding_dim, got "
                f"{self.widths} and {self.embedding_dim}"
            )


class PocketEncoder(nn.Module):
    """Frames to a map of stride 16, and any pooled part of the map to a feature.

    A ResNet of plain 3 x 3 convolutions (He et al. 2016) with averaging shortcuts. Everything is
    pooled by its mean, a box by RoIAlign (He et al. 2017) and a frame over the whole map, and
    goes through one head; so a region that covers the image has the image's feature, and regions
    and clips can be compared directly. Features have the length ``sqrt(embedding_dim)``: unit
    variance an element, which the models expect.
    """

    def __init__(self, config: PocketConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or PocketConfig()
        stem, *widths = config.widths
        self.stem = nn.Sequential(_conv(3, stem, 3, stride=2), nn.ReLU(inplace=True))
        inputs = (stem, *widths[:-1])
        self.blocks = nn.Sequential(
            *(
                _Block(*pair, stride=stride)
                for *pair, stride in zip(inputs, widths, (2, 2, 2, 1), strict=True)
            )
        )
        self.head = nn.Sequential(
            nn.LayerNorm(widths[-1]), nn.Linear(widths[-1], config.embedding_dim)
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def features(
        self,
        images: UInt8[Tensor, "batch 3 height width"] | Float[Tensor, "batch 3 height width"],
    ) -> Float[Tensor, "batch channel rows columns"]:
        """Map of stride 16: 8 x 8 for images of 128 x 128.

        Args:
            images: RGB, as bytes or as floats in [0, 1].
        """
        if not images.is_floating_point():
            images = images.float() / 255
        # Fixed, not of a data set: about zero mean and unit variance.
        return self.blocks(self.stem((images - 0.5) * 4))

    def embed(
        self, pooled: Float[Tensor, "*batch channel"]
    ) -> Float[Tensor, "*batch embedding_dim"]:
        """Features of pooled parts of the map, of length ``sqrt(embedding_dim)``."""
        return F.normalize(self.head(pooled).float(), dim=-1) * math.sqrt(self.config.embedding_dim)

    def embed_frames(
        self, maps: Float[Tensor, "batch channel rows columns"]
    ) -> Float[Tensor, "batch embedding_dim"]:
        """Features of whole frames."""
        return self.embed(maps.mean((2, 3)))

    def embed_regions(
        self,
        maps: Float[Tensor, "batch channel rows columns"],
        boxes: Float[Tensor, "region 4"],
    ) -> Float[Tensor, "batch region embedding_dim"]:
        """Features of the same boxes in every frame.

        Args:
            maps: From `features`.
            boxes: Centre x, centre y, width, height, in fractions of the image.
        """
        rows, columns = maps.shape[2:]
        x, y, width, height = boxes.float().unbind(dim=-1)
        down, across = _cell_shares(y, height, rows), _cell_shares(x, width, columns)
        shares = (down[:, :, None] * across[:, None]).flatten(1)  # (m, rows * columns)
        pooled = shares @ maps.float().flatten(2).mT  # (B, m, C)
        return self.embed(pooled.to(maps.dtype))

    def save(self, path: Path) -> None:
        """Writes sizes and weights as safetensors, in half precision.

        Raises:
            FeatureError: The file cannot be written.
        """
        tensors = {
            name: (value.half() if value.is_floating_point() else value).cpu().contiguous()
            for name, value in self.state_dict().items()
        }
        content = save(tensors, metadata={"config": json.dumps(asdict(self.config))})
        write_whole(path, content)

    @classmethod
    def load(cls, path: Path) -> "PocketEncoder":
        """Reads what `save` wrote, in single precision.

        Raises:
            FeatureError: The file is missing, or holds something else.
        """
        if not path.is_file():
            raise FeatureError(
                f"the weights of the pocket encoder are not at {path}; install stillseek again, or "
                "train the encoder and save it there"
            )
        try:
            with safe_open(path, framework="pt") as file:
                config = json.loads(file.metadata()["config"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            encoder = cls(parse_record(PocketConfig, config, str(path), error=FeatureError))
            encoder.load_state_dict(tensors)
        except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise FeatureError(
                f"{path} does not hold the weights of a pocket encoder ({error}); install "
                "stillseek again, or train the encoder again"
            ) from error
        return encoder


class _Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut that averages where they stride."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.first = _conv(inputs, outputs, 3, stride=stride)
        self.second = _conv(outputs, outputs, 3)
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity(),
            _conv(inputs, outputs, 1),
        )

    def forward(
        self, maps: Float[Tensor, "batch inputs height width"]
    ) -> Float[Tensor, "batch outputs rows columns"]:
        return F.relu(self.second(F.relu(self.first(maps))) + self.shortcut(maps))


def _cell_shares(
    centres: Float[Tensor, " region"], sizes: Float[Tensor, " region"], num_cells: int
) -> Float[Tensor, "region cell"]:
    """Share of each cell in the mean of RoIAlign's samples, along one side of the map.

    RoIAlign with one bin samples a box at even distances in both directions, linear between the
    centres of the cells: it is a product of one such matrix a side. On a map of 8 x 8 a box over
    everything is exactly the mean.
    """
    places = (torch.arange(_SAMPLES, device=sizes.device) + 0.5) / _SAMPLES - 0.5
    samples = (centres[:, None] + sizes[:, None] * places) * num_cells - 0.5
    cells = torch.arange(num_cells, device=sizes.device)
    distances = samples.clamp(0, num_cells - 1)[:, :, None] - cells
    return (1 - distances.abs()).clamp(min=0).mean(dim=1)


def _conv(inputs: int, outputs: int, kernel: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    )
