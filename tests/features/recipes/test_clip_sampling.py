from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torchvision.transforms import functional

from stillseek.errors import UsageError
from stillseek.features.recipes.clip_sampling import CentreCrop, ClipSampling

OVERLAPPING = ClipSampling(num_frames=5, stride_frames=3, frame_rate=7.5)


def frames(num: int) -> list[np.ndarray]:
    return [np.full((2, 3, 3), k, np.uint8) for k in range(num)]


def numbers(sampling: ClipSampling, num: int) -> list[list[int]]:
    return [clip[:, 0, 0, 0].tolist() for clip in sampling.clips(frames(num))]


def test_no_frame_no_clip():
    assert numbers(OVERLAPPING, 0) == []


def test_clips_overlap_and_the_last_are_filled_up():
    assert numbers(OVERLAPPING, 1) == [[0, 0, 0, 0, 0]]
    assert numbers(OVERLAPPING, 7) == [[0, 1, 2, 3, 4], [3, 4, 5, 6, 6], [6, 6, 6, 6, 6]]


def test_clips_side_by_side():
    side_by_side = ClipSampling(num_frames=3, stride_frames=3, frame_rate=15.0)
    assert numbers(side_by_side, 6) == [[0, 1, 2], [3, 4, 5]]
    assert numbers(side_by_side, 7) == [[0, 1, 2], [3, 4, 5], [6, 6, 6]]


def test_a_clip_asks_for_no_frame_after_it():
    def endless() -> Iterator[np.ndarray]:
        yield from frames(5)
        raise AssertionError("a sixth frame was asked for")

    assert next(OVERLAPPING.clips(endless())).shape == (5, 2, 3, 3)


@pytest.mark.parametrize("num_frames", [1, 2, 3, 4, 5, 6, 7, 15, 16])
def test_there_is_a_clip_a_step_of_the_grid(num_frames: int):
    grid = OVERLAPPING.grid(num_frames / 7.5)
    assert grid.num_clips == len(numbers(OVERLAPPING, num_frames))
    assert (grid.stride_seconds, grid.length_seconds) == pytest.approx((0.4, 5 / 7.5))


@pytest.mark.parametrize(
    "wrong", [{"num_frames": 2}, {"stride_frames": 0}, {"frame_rate": 0.0}, {"num_frames": 0}]
)
def test_sampling_is_checked(wrong: dict):
    with pytest.raises(UsageError, match="0 < stride_frames <= num_frames"):
        ClipSampling(**{"num_frames": 5, "stride_frames": 3, "frame_rate": 7.5, **wrong})


@pytest.mark.parametrize(("width", "height"), [(320, 180), (180, 320), (257, 255), (1, 97)])
def test_frames_are_scaled_and_cut_as_in_torchvision(width: int, height: int):
    crop = CentreCrop(resize=(31,), crop=(29, 23))
    size = crop.resized(width=width, height=height)
    whole = functional.resize(torch.zeros(3, height, width), [31], antialias=False)
    assert size == (whole.shape[2], whole.shape[1])
    frame = np.arange(size[0] * size[1] * 3, dtype=np.uint32).astype(np.uint8)
    frame = frame.reshape(size[1], size[0], 3)
    expected = functional.center_crop(torch.from_numpy(frame).permute(2, 0, 1), [29, 23])
    np.testing.assert_array_equal(crop.cut(frame), expected.permute(1, 2, 0))


def test_frames_are_squashed_where_both_sides_are_given():
    crop = CentreCrop(resize=(18, 23), crop=(17, 19))
    assert crop.resized(width=320, height=180) == (23, 18)
    assert crop.cut(np.zeros((18, 23, 3), np.uint8)).shape == (17, 19, 3)


@pytest.mark.parametrize("resize", [(), (16,), (17, 18), (17, 19, 23)])
def test_crop_must_lie_in_the_frame(resize: tuple[int, ...]):
    with pytest.raises(UsageError, match="at least those of the crop"):
        CentreCrop(resize=resize, crop=(17, 19))
