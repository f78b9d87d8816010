from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from stillseek.errors import FeatureError, UsageError
from stillseek.features.recipes.pocket_encoder import PocketConfig, PocketEncoder
from stillseek.features.recipes.region_grid import grid_boxes


@pytest.fixture
def encoder(pocket_encoder: PocketEncoder) -> PocketEncoder:
    return pocket_encoder.eval()


def images(count: int, height: int = 128, width: int = 128) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(256, (count, 3, height, width), dtype=torch.uint8, generator=generator)


def test_default_encoder_is_small_enough_to_ship():
    assert sum(p.numel() for p in PocketEncoder().parameters()) <= 2_500_000


@pytest.mark.parametrize(("height", "width"), [(128, 128), (97, 61)])
def test_map_has_stride_16(encoder: PocketEncoder, height: int, width: int):
    maps = encoder.features(images(2, height, width))
    assert maps.shape == (2, 13, -(-height // 16), -(-width // 16))


def test_bytes_and_fractions_are_the_same_image(encoder: PocketEncoder):
    torch.testing.assert_close(
        encoder.features(images(2)), encoder.features(images(2).float() / 255)
    )


def test_features_have_unit_variance_scale(encoder: PocketEncoder):
    features = encoder.embed_frames(encoder.features(images(3)))
    assert features.shape == (3, 17)
    torch.testing.assert_close(features.norm(dim=-1), torch.full((3,), 17**0.5))


def test_alone_or_in_a_batch_is_the_same(encoder: PocketEncoder):
    batch = images(3)
    together = encoder.embed_frames(encoder.features(batch))
    alone = torch.cat([encoder.embed_frames(encoder.features(image[None])) for image in batch])
    # convolution kernels may sum in another order for another batch size
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_whole_box_is_the_whole_frame(encoder: PocketEncoder):
    maps = encoder.features(images(2))
    regions = encoder.embed_regions(maps, torch.from_numpy(grid_boxes((1, 2))))
    assert regions.shape == (2, 5, 17)
    torch.testing.assert_close(regions[:, 0], encoder.embed_frames(maps), rtol=1e-4, atol=1e-4)
    assert (regions[:, 1] - regions[:, 0]).abs().max() > 0.01


def test_regions_are_pooled_by_roi_align(encoder: PocketEncoder, monkeypatch):
    from torchvision.ops import roi_align

    monkeypatch.setattr(encoder, "embed", lambda pooled: pooled)
    generator = torch.Generator().manual_seed(4)
    maps = torch.randn(2, 13, 5, 7, generator=generator)
    corners = torch.rand(11, 2, 2, generator=generator).sort(dim=1).values
    boxes = torch.cat((corners.mean(dim=1), corners[:, 1] - corners[:, 0]), dim=1)

    pooled = encoder.embed_regions(maps, boxes)

    on_map = (corners * torch.tensor([7.0, 5.0])).flatten(1)
    expected = roi_align(maps, [on_map, on_map], output_size=1, sampling_ratio=8, aligned=True)
    # float32 sums of 64 samples in another order
    torch.testing.assert_close(pooled, expected.reshape(2, 11, 13), rtol=1e-5, atol=1e-5)


def test_region_sees_its_own_part_of_the_map(encoder: PocketEncoder):
    boxes = torch.tensor([[0.25, 0.5, 0.5, 1.0], [0.75, 0.5, 0.5, 1.0]])
    maps = torch.randn(2, 13, 8, 8, generator=torch.Generator().manual_seed(3))
    maps[1] = maps[0]
    maps[1, :, :, 6:] *= -3  # the right edge, two samples away from the left box
    left, right = encoder.embed_regions(maps, boxes).unbind(1)
    torch.testing.assert_close(left[0], left[1])
    assert (right[0] - right[1]).abs().max() > 0.01


def test_every_weight_gets_a_gradient(pocket_encoder: PocketEncoder):
    maps = pocket_encoder.features(images(2))
    target = torch.randn(17, generator=torch.Generator().manual_seed(2))
    regions = pocket_encoder.embed_regions(maps, torch.tensor([[0.5, 0.5, 1, 1]]))
    (regions @ target).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in pocket_encoder.parameters())


def test_saved_encoder_comes_back(encoder: PocketEncoder, tmp_path: Path):
    path = tmp_path / "weights.safetensors"
    encoder.save(path)
    loaded = PocketEncoder.load(path).eval()
    assert loaded.config == encoder.config
    assert {v.dtype for v in loaded.state_dict().values()} == {torch.float32, torch.int64}
    features = encoder.embed_frames(encoder.features(images(2)))
    # 2^-11 relative rounding of each weight, over nine layers
    torch.testing.assert_close(
        loaded.embed_frames(loaded.features(images(2))), features, rtol=0.02, atol=0.02
    )


def test_place_that_cannot_be_written_is_named(encoder: PocketEncoder, tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FeatureError, match=r"file.encoder\.safetensors"):
        encoder.save(tmp_path / "file" / "encoder.safetensors")


def test_missing_weights_say_so(tmp_path: Path):
    with pytest.raises(FeatureError, match=r"are not at .*nowhere"):
        PocketEncoder.load(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize("kind", ["bytes", "no header", "other tensors"])
def test_other_files_are_refused(kind: str, tmp_path: Path, encoder: PocketEncoder):
    path = tmp_path / "weights.safetensors"
    if kind == "bytes":
        path.write_bytes(b"not weights")
    elif kind == "no header":
        save_file(encoder.state_dict(), path)
    else:
        config = '{"widths": [3, 5, 7, 11, 13], "embedding_dim": 17}'
        save_file({"a": torch.zeros(2)}, path, metadata={"config": config})
    with pytest.raises(FeatureError, match="does not hold the weights of a pocket encoder"):
        PocketEncoder.load(path)


@pytest.mark.parametrize("widths", [(3, 5, 7, 11), (3, 5, 7, 11, 0)])
def test_sizes_are_checked(widths: tuple[int, ...]):
    with pytest.raises(UsageError, match="five positive widths"):
        PocketConfig(widths=widths)
