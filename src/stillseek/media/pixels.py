"""Decoded frames as upright 8-bit RGB arrays."""

from fractions import Fraction

import numpy as np
from av import VideoFrame
from av.video.reformatter import Colorspace, ColorTrc, Interpolation, VideoReformatter
from jaxtyping import UInt8

from stillseek.media.hdr import HDR_CURVES, to_sdr

_UNSPECIFIED = 2
# Swscale widens the bilinear kernel with the reduction, so small outputs are averaged, not picked.
# Its fast paths are up to two levels too dark; the two other flags choose the exact one.
_SCALING = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
# Beyond it a header is broken: the widest lenses squeeze by 2, and test patterns by 4.
_MAX_PIXEL_ASPECT = 8


class PixelConverter:
    """Turns the frames of one video into RGB of one size.

    Colours follow the matrix and range that the frame states; where it states none, players take
    BT.709 for high definition and BT.601 below, and so does this. HDR (PQ and HLG) becomes SDR,
    see :func:`stillseek.media.hdr.to_sdr`. Rotation and mirroring of the display matrix are
    applied, in quarter turns.

    Args:
        size: Width and height of the result in pixels, after rotation; None keeps the size of the
            first frame (a stream that changes its size midway is scaled to it, as players do).
        pixel_aspect: Width of a stored pixel by its height. Where it is not 1, frames of no given
            size grow in one direction until their pixels are square.
    """

    def __init__(self, size: tuple[int, int] | None, pixel_aspect: Fraction) -> None:
        self._size = size
        self._pixel_aspect = pixel_aspect
        self._reformatter = VideoReformatter()
        self._rotation: int | None = None
        self._matrix = np.eye(2, dtype=int)

    def __call__(self, frame: VideoFrame) -> UInt8[np.ndarray, "height width 3"]:
        """The frame as a new, contiguous array."""
        if frame.rotation != self._rotation:
            # Reading side data ties a frame into a reference cycle, which keeps it in memory until
            # the next garbage collection: once a video, not once a frame.
            self._rotation, self._matrix = frame.rotation, display_matrix(frame)
        matrix = self._matrix
        if self._size is None:
            self._size = displayed_size(frame, self._pixel_aspect)
        width, height = self._size if matrix[0, 0] or matrix[1, 1] else self._size[::-1]
        rgb = self._reformatter.reformat(
            frame,
            width,
            height,
            "rgb48le" if is_hdr(frame) else "rgb24",
            src_colorspace=_guessed_colorspace(frame),
            interpolation=_SCALING,
        ).to_ndarray()
        if is_hdr(frame):
            rgb = to_sdr(rgb, ColorTrc(frame.color_trc))
        return np.ascontiguousarray(_turned(rgb, matrix))


def is_hdr(frame: VideoFrame) -> bool:
    """Whether the brightness of a frame follows PQ or HLG."""
    return frame.color_trc in HDR_CURVES


def display_matrix(frame: VideoFrame) -> np.ndarray:
    """The signs of the 2 x 2 part of the display matrix, snapped to quarter turns.

    A stored point ``(x, y)`` is displayed at ``(x, y) @ matrix``.
    """
    stored = stored_matrix(frame)
    if stored is None:
        return np.eye(2, dtype=int)
    values = np.array(stored).reshape(3, 3)[:2, :2]
    upright = np.abs(np.diag(values)).sum() >= np.abs(np.diag(values[:, ::-1])).sum()
    matrix = np.sign(values) * (np.eye(2, dtype=int) if upright else np.eye(2, dtype=int)[::-1])
    # A damaged matrix that turns the picture into a line is no turn at all.
    return matrix if np.abs(matrix).sum() == 2 else np.eye(2, dtype=int)


def stored_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    """The nine numbers of the display matrix, in rows; None where there is none."""
    side_data = frame.side_data.get("DISPLAYMATRIX")
    return None if side_data is None else tuple(np.frombuffer(side_data, np.int32).tolist())


def is_yuv(frame: VideoFrame) -> bool:
    """Whether a frame stores brightness and two differences of colour."""
    return frame.format.name.startswith(("yuv", "nv", "p0"))


def displayed_size(frame: VideoFrame, pixel_aspect: Fraction) -> tuple[int, int]:
    """Width and height after rotation, in square pixels."""
    width, height = frame.width, frame.height
    if 1 < pixel_aspect <= _MAX_PIXEL_ASPECT:
        width = round(width * pixel_aspect)
    elif 1 / _MAX_PIXEL_ASPECT <= pixel_aspect < 1:
        height = round(height / pixel_aspect)
    matrix = display_matrix(frame)
    upright = matrix[0, 0] or matrix[1, 1]
    return (width, height) if upright else (height, width)


def clockwise_degrees(frame: VideoFrame) -> int:
    """Clockwise turn from the stored to the displayed picture: 0, 90, 180 or 270."""
    (a, b), _ = display_matrix(frame)
    return {(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}[int(a), int(b)]


def _turned(pixels: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    (a, b), (c, d) = matrix
    if not (a or d):
        pixels = pixels.transpose(1, 0, 2)
    if a < 0 or c < 0:
        pixels = pixels[:, ::-1]
    if b < 0 or d < 0:
        pixels = pixels[::-1]
    return pixels


def _guessed_colorspace(frame: VideoFrame) -> Colorspace | None:
    if frame.colorspace != _UNSPECIFIED or not is_yuv(frame):
        return None
    if is_hdr(frame):
        return Colorspace.BT2020
    return Colorspace.ITU709 if frame.width >= 1280 or frame.height > 576 else Colorspace.ITU601
