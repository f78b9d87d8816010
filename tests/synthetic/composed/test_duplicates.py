import cv2
import numpy as np
import pytest

from stillseek.synthetic.composed.duplicates import MAX_DISTANCE, near_duplicates, perceptual_hash


def _groups(pictures, **kwargs):
    hashes = [perceptual_hash(picture) for picture in pictures]
    upright, mirrored = np.array(hashes, dtype=np.uint64).reshape(-1, 2).T
    return near_duplicates(
        np.ascontiguousarray(upright), np.ascontiguousarray(mirrored), **kwargs
    ).tolist()


def _encoded_again(picture):
    _, packed = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, 40))
    return cv2.imdecode(packed, cv2.IMREAD_COLOR)


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: cv2.resize(picture, (53, 31), interpolation=cv2.INTER_AREA),
        lambda picture: cv2.resize(picture, (307, 211), interpolation=cv2.INTER_CUBIC),
        _encoded_again,
        lambda picture: cv2.convertScaleAbs(picture, alpha=1.1, beta=13),
        lambda picture: np.ascontiguousarray(picture[:, ::-1]),
    ],
    ids=["smaller", "larger", "encoded again", "brighter", "mirrored"],
)
def test_changed_copies_are_one_group(change, blots):
    pictures = [blots(seed) for seed in range(11)]

    groups = _groups([*pictures, *map(change, pictures)])

    assert groups == [*range(11), *range(11)]


def test_other_pictures_are_groups_of_their_own(blots):
    assert _groups([blots(seed) for seed in range(41)]) == list(range(41))


def test_no_and_one_picture(blots):
    assert _groups([]) == []
    assert _groups([blots(3)]) == [0]


def test_chains_are_one_group_and_the_limit_counts():
    # 0, 8, 16 and 25 bits away from the first.
    hashes = np.array([0, 2**8 - 1, 2**16 - 1, 2**25 - 1], dtype=np.uint64)
    far = np.full(4, 0xF0F0F0F0F0F0F0F0, dtype=np.uint64)

    assert MAX_DISTANCE == 8
    assert near_duplicates(hashes, far).tolist() == [0, 0, 0, 3]
    assert near_duplicates(hashes, far, max_distance=9).tolist() == [0, 0, 0, 0]
    assert near_duplicates(hashes, far, max_distance=7).tolist() == [0, 1, 2, 3]
