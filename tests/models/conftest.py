from collections.abc import Callable

import pytest
import torch

from stillseek.models.sail import Sail, SailConfig
from stillseek.tensors import LocalizerInput

# Distinct primes, so that swapped axes cannot pass.
CLIP_DIM, REGION_DIM, GLOBAL_DIM = 13, 17, 7


@pytest.fixture
def small_config() -> Callable[..., SailConfig]:
    """SailConfig of a few thousand weights, with overrides."""

    def build(**overrides) -> SailConfig:
        sizes = {
            "clip_dim": CLIP_DIM,
            "region_dim": REGION_DIM,
            "global_dim": GLOBAL_DIM,
            "num_layers": 2,
            "num_heads": 3,
            "projection_dim": 5,
            "window": 2,
            "ffn_dim": 19,
            "hidden_dim": 11,
        }
        return SailConfig(**(sizes | overrides))

    return build


@pytest.fixture
def make_inputs() -> Callable[..., LocalizerInput]:
    """A random float64 batch; every row has its own number of real clips and regions."""

    def build(num_clips: list[int], num_regions: list[int], seed: int = 0) -> LocalizerInput:
        random = torch.Generator().manual_seed(seed)

        def draw(*shape: int) -> torch.Tensor:
            return torch.randn(*shape, generator=random, dtype=torch.float64)

        batch, clips, regions = len(num_clips), max(num_clips), max(num_regions)
        clip_mask = torch.arange(clips) < torch.tensor(num_clips)[:, None]
        region_mask = torch.arange(regions) < torch.tensor(num_regions)[:, None]
        boxes = 0.1 + 0.8 * torch.rand(batch, regions, 4, generator=random, dtype=torch.float64)
        return LocalizerInput(
            clips=draw(batch, clips, CLIP_DIM) * clip_mask[..., None],
            clip_mask=clip_mask,
            regions=draw(batch, regions, REGION_DIM) * region_mask[..., None],
            boxes=boxes * region_mask[..., None],
            region_mask=region_mask,
            global_feature=draw(batch, GLOBAL_DIM),
        )

    return build


@pytest.fixture
def make_sail(small_config) -> Callable[..., Sail]:
    """A small float64 SAIL in evaluation mode, with config overrides; same weights every time.

    What starts at zero is drawn, too, so that every term of the formulas has a part.
    """

    def build(**overrides) -> Sail:
        torch.manual_seed(0)
        model = Sail(small_config(**overrides))
        for module in model.region_encoder.modules():
            if isinstance(module, torch.nn.Linear):
                torch.nn.init.xavier_uniform_(module.weight)
        return model.double().eval()

    return build


@pytest.fixture(scope="session")
def matching_onnx() -> bytes:
    """Matching as the bytes of an ONNX file: the quickest export there is."""
    from stillseek.models.checkpoint import Checkpoint
    from stillseek.models.matching import Matching, MatchingConfig
    from stillseek.models.onnx_export import onnx_bytes

    config = MatchingConfig(clip_dim=CLIP_DIM, region_dim=REGION_DIM, global_dim=CLIP_DIM)
    return onnx_bytes(
        Checkpoint(
            model=Matching(config),
            recipe_name="pocket",
            recipe_fingerprint="f00d",
            training={"name": "by hand"},
            calibration={"slope": 2.5},
        )
    )
