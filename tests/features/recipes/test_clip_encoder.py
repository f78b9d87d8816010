import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models import get_model

from stillseek.errors import FeatureError
from stillseek.features.recipes.clip_encoder import (
    ARCHITECTURES,
    build_clip_encoder,
    clip_pixels,
    clip_weights,
    fold_norms,
    load_published,
)

SMALL = {"s3d"}
EACH = [
    pytest.param(name, marks=() if name in SMALL else pytest.mark.slow) for name in ARCHITECTURES
]


def random_clips(name: str, num: int = 1) -> Tensor:
    shape = (num, ARCHITECTURES[name].sampling.num_frames, *clip_pixels(name).crop, 3)
    return torch.randint(256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


def published(name: str, folder: Path) -> tuple[nn.Module, Path]:
    """A network as torchvision builds it, and a file of its weights as torchvision saves them."""
    torch.manual_seed(7)
    network = get_model(name, weights=None).eval()
    path = folder / f"{name}.pth"
    torch.save(network.state_dict(), path)
    return network, path


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_sampling_is_that_of_torchvisions_documentation(name: str):
    text = clip_weights(name).meta["_docs"]
    sampling = ARCHITECTURES[name].sampling
    assert sampling.frame_rate == float(re.search(r"frame_rate=([\d.]+)", text)[1])
    documented = int(re.search(r"clip_len=(\d+)", text)[1])
    assert sampling.num_frames == (16 if name == "s3d" else documented)
    assert sampling.num_frames >= clip_weights(name).meta.get("min_temporal_size", 1)
    assert sampling.stride_seconds == pytest.approx(16 / 15)


def test_pixels_are_those_of_torchvisions_presets():
    assert clip_pixels("r3d_18").resize == (128, 171)
    assert clip_pixels("r3d_18").crop == (112, 112)
    assert clip_pixels("swin3d_t").resize == (256,)


@pytest.mark.parametrize("name", EACH)
def test_embedding_is_what_torchvisions_classifier_gets(name: str, tmp_path: Path):
    network, path = published(name, tmp_path)
    encoder = build_clip_encoder(name, path=path)
    clips = random_clips(name)
    # the preset resizes and crops too: only its last steps are wanted here
    preset = clip_weights(name).transforms(
        resize_size=list(clip_pixels(name).crop), crop_size=list(clip_pixels(name).crop)
    )
    with torch.inference_mode():
        expected = network(torch.stack([preset(c.permute(0, 3, 1, 2)) for c in clips]))
        embedded = encoder(clips)
        assert embedded.shape == (1, ARCHITECTURES[name].dim)
        classifier = getattr(network, ARCHITECTURES[name].classifier)
        if name == "s3d":
            embedded = embedded[:, :, None, None, None]
        logits = classifier(embedded).flatten(1)
    # the mean and standard deviation are applied in another order
    scale = float(expected.abs().max())
    np.testing.assert_allclose(logits, expected, atol=1e-4 * scale)


@pytest.mark.parametrize("name", EACH)
def test_features_of_a_clip_do_not_depend_on_its_batch(name: str):
    torch.manual_seed(5)
    encoder = build_clip_encoder(name).to(memory_format=torch.channels_last_3d)
    clips = random_clips(name, num=2)
    if name in SMALL:
        # Where bfloat16 is emulated, whole frames take minutes.
        clips = clips[:, :, :64, :64]
    # kernels may sum in another order for another batch size
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.bfloat16, 2e-2)):
        encoder.to(dtype)
        with torch.inference_mode():
            both, alone = encoder(clips), encoder(clips[1:])
        assert both.dtype == torch.float32
        assert not torch.equal(both[0], both[1])
        np.testing.assert_allclose(both[1:], alone, atol=tolerance * float(alone.abs().max()))


@pytest.mark.parametrize("name", [n for n in ARCHITECTURES if n not in ("mvit_v2_s", "swin3d_t")])
def test_folded_norms_change_no_embedding(name: str):
    torch.manual_seed(11)
    network = build_clip_encoder(name).network
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm3d)]
    for norm in norms:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.3, 3)
        norm.weight.uniform_(0.3, 3)
        norm.bias.normal_()
    clips = torch.randn(1, 3, 16, 32, 32)
    with torch.inference_mode():
        expected = network(clips)
        fold_norms(network)
        folded = network(clips)
    assert len(norms) > 15
    assert not any(isinstance(module, nn.BatchNorm3d) for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    # rounding of single precision through up to 77 layers; a norm left out changes all of it
    np.testing.assert_allclose(folded, expected, atol=1e-4 * float(expected.abs().max()))


def test_weights_of_another_network_are_refused(tmp_path: Path):
    _, path = published("s3d", tmp_path)
    with pytest.raises(FeatureError, match=r"s3d\.pth does not fit VideoResNet") as failure:
        load_published(get_model("mc3_18", weights=None), path)
    assert "\n" not in str(failure.value)
    assert len(str(failure.value)) < 500
