"""Photographs that are the same picture: resized, compressed again, brightened or mirrored."""

import cv2
import numpy as np
from jaxtyping import Int, UInt8, UInt64

# Copies that are smaller, compressed again and brighter nearly all stay within it. Of the pairs
# that are further apart most are two pictures: a wider net loses more than it finds.
MAX_DISTANCE = 8

_SIDE, _KEPT = 32, 8
# Pairs that are compared at a time: 64 MB.
_PAIRS = 2**24


def perceptual_hash(pixels: UInt8[np.ndarray, "height width 3"]) -> tuple[int, int]:
    """64 bits that hardly change with size, compression and brightness.

    The signs of the lowest 8 x 8 frequencies of the grey picture, against their median.

    Returns:
        The hash of the picture, and of its mirror image.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    frequencies = cv2.dct(small)[:_KEPT, :_KEPT]
    # A mirror changes the sign of the odd horizontal frequencies.
    signs = np.where(np.arange(_KEPT) % 2, -1, 1)
    return _bits(frequencies), _bits(frequencies * signs)


def near_duplicates(
    hashes: UInt64[np.ndarray, " photograph"],
    mirrored: UInt64[np.ndarray, " photograph"],
    *,
    max_distance: int = MAX_DISTANCE,
) -> Int[np.ndarray, " photograph"]:
    """The group of every photograph: the lowest index that a chain of near-duplicates leads to.

    Args:
        hashes: What `perceptual_hash` gives.
        mirrored: The hashes of the mirror images.
        max_distance: Most bits that differ between two near-duplicates.
    """
    number = len(hashes)
    groups = np.arange(number)
    # The bits of two hashes as -1 and 1: their product is 64 less twice the bits that differ. One
    # matrix product is faster than counting bits.
    signs, others = _signs(hashes), (_signs(hashes), _signs(mirrored))
    rows = max(1, _PAIRS // max(1, number))
    for start in range(0, number, rows):
        for other in others:
            near = signs[start : start + rows] @ other.T >= 64 - 2 * max_distance
            for row, column in zip(*np.nonzero(near), strict=True):
                _join(groups, start + int(row), int(column))
    return np.array([_find(groups, index) for index in range(number)], dtype=np.int64)


def _bits(frequencies: np.ndarray) -> int:
    values = frequencies.ravel()
    # The first one is the brightness of the whole picture.
    bits = values > np.median(values[1:])
    return int(np.packbits(bits).view(np.uint64)[0])


def _signs(hashes: np.ndarray) -> np.ndarray:
    bits = np.unpackbits(hashes.view(np.uint8)).reshape(-1, 64)
    return np.where(bits, 1, -1).astype(np.float32)


def _find(groups: np.ndarray, index: int) -> int:
    while groups[index] != index:
        groups[index] = groups[groups[index]]
        index = int(groups[index])
    return index


def _join(groups: np.ndarray, first: int, second: int) -> None:
    first, second = _find(groups, first), _find(groups, second)
    groups[max(first, second)] = min(first, second)
