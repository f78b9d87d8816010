"""A hand-held camera that films photographs: what makes stills look like a video."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from stillseek.media import read_image
from stillseek.synthetic.composed.script import Script, Shot

_Pixels = UInt8[np.ndarray, "height width 3"]

# Photographs are scaled once so that this zoom takes their pixels one to one.
_SHARPEST_ZOOM = 1.25
_LEAST_ZOOM = 1.06
# Of a panorama the middle is filmed, so many frames long: no shot lasts long enough to get from one
# end to the other, and before version 5 OpenCV turns no picture with a side of 32,767 pixels.
_LONGEST_IN_FRAMES = 4
_NOISE_MARGIN = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What all shots of one video have in common: the camera, who holds it, the file.

    Attributes:
        shake: Amplitude of the hand's shake in parts of the width; 0 is a tripod.
        still_share: Share of the shots without pan and zoom.
        noise: Standard deviation of the sensor's noise, in levels.
        softness: Standard deviation of the lens's blur, in pixels.
        drift: How far brightness, contrast and colour wander; 1 is far.
        jpeg_quality: Quality of an earlier encoding; None for none.
        crf: Constant rate factor of the file.
    """

    shake: float
    still_share: float
    noise: float
    softness: float
    drift: float
    jpeg_quality: int | None
    crf: int


def draw_look(rng: np.random.Generator) -> Look:
    """A look: some videos are steady and clean, some are not."""
    return Look(
        shake=float(rng.choice((0.0, 1.0), p=(0.3, 0.7)) * rng.uniform(0.001, 0.006)),
        still_share=float(rng.uniform(0.1, 0.5)),
        noise=float(rng.uniform(0.0, 3.5)),
        softness=float(rng.choice((0.0, 1.0), p=(0.75, 0.25)) * rng.uniform(0.4, 0.9)),
        drift=float(rng.uniform(0.1, 1.0)),
        jpeg_quality=int(rng.integers(40, 90)) if rng.random() < 0.3 else None,
        crf=int(rng.integers(23, 33)),
    )


class _Wander:
    """Smooth random curves over time, each within about -1 and 1."""

    def __init__(
        self, rng: np.random.Generator, curves: int, *, slowest_hz: float, fastest_hz: float
    ) -> None:
        self._hz = np.exp(rng.uniform(np.log(slowest_hz), np.log(fastest_hz), (3, curves)))
        self._phase = rng.uniform(0, 2 * np.pi, (3, curves))
        # Fast motion is small.
        weight = 1 / self._hz
        self._weight = weight / weight.sum(axis=0)

    def __call__(self, seconds: float) -> np.ndarray:
        waves = np.sin(2 * np.pi * self._hz * seconds + self._phase)
        return (self._weight * waves).sum(axis=0)


class _ShotCamera:
    """Films one photograph: it fills the frame, cropped, and the camera moves over it."""

    def __init__(
        self,
        rng: np.random.Generator,
        photograph: _Pixels,
        size: tuple[int, int],
        look: Look,
        duration_seconds: float,
    ) -> None:
        self._size = width, height = size
        self._picture = _scaled_to_fill(photograph, size)
        rows, columns = self._picture.shape[:2]
        # Picture pixels a frame pixel at zoom 1.
        self._scale = min(columns / width, rows / height)
        self._duration = duration_seconds
        is_still = rng.random() < look.still_share
        start = rng.uniform(_LEAST_ZOOM, 1.28)
        # At most 2.5% a second, in or out.
        change = 0.0 if is_still else rng.uniform(-1, 1) * min(0.025 * duration_seconds, 0.18)
        self._zoom = np.clip((start, start * np.exp(change)), _LEAST_ZOOM, 1.35)
        room = np.array([columns - width * self._scale, rows - height * self._scale]) / 2
        # The activity is mostly in the middle of its photograph.
        place = np.clip(rng.normal(0, 0.35, 2), -0.8, 0.8)
        reach = 0.04 * width * self._scale * duration_seconds
        move = np.zeros(2) if is_still else rng.uniform(-1, 1, 2) * reach / np.sqrt(2)
        middle = np.array([columns, rows]) / 2
        extra = np.array([width, height]) * self._scale * (1 - 1 / self._zoom.min()) / 2
        limit = np.maximum(0, room + extra - look.shake * width * self._scale)
        self._path = [
            middle + np.clip(offset, -limit, limit)
            for offset in (place * room - move / 2, place * room + move / 2)
        ]
        self._shake = look.shake * width * self._scale
        self._wander = _Wander(rng, 3, slowest_hz=0.15, fastest_hz=2.0)
        # Some shots begin out of focus.
        self._focus_blur = float(rng.uniform(0.8, 2.0)) if rng.random() < 0.08 else 0.0

    def film(self, seconds: float) -> _Pixels:
        """The frame at a time after the start of the shot; fades need times around it, too."""
        width, height = self._size
        part = np.clip(seconds / self._duration, 0, 1)
        part = part * part * (3 - 2 * part)
        zoom = self._zoom[0] + part * (self._zoom[1] - self._zoom[0])
        shift_x, shift_y, turn = self._wander(seconds)
        middle = self._path[0] + part * (self._path[1] - self._path[0])
        middle = middle + self._shake * np.array([shift_x, shift_y])
        angle = turn * min(0.008, 1.5 * self._shake / width)
        scale = self._scale / zoom
        turned = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        offset = middle - turned @ np.array([(width - 1) / 2, (height - 1) / 2])
        frame = cv2.warpAffine(
            self._picture,
            np.column_stack([turned, offset]),
            self._size,
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        blur = self._focus_blur * (1 - max(0.0, seconds) / 0.7)
        return cv2.GaussianBlur(frame, (0, 0), blur) if blur > 0.2 else frame


class _Sensor:
    """What camera and file do to every frame: light, noise, softness, compression."""

    def __init__(self, rng: np.random.Generator, size: tuple[int, int], look: Look) -> None:
        self._rng, self._look, self._size = rng, look, size
        self._light = _Wander(rng, 3, slowest_hz=0.01, fastest_hz=0.2)
        width, height = size
        shape = (height + _NOISE_MARGIN, width + _NOISE_MARGIN, 3)
        grain = rng.normal(0, look.noise, shape[:2])[..., None] + rng.normal(
            0, look.noise / 3, shape
        )
        self._grain = np.rint(grain).astype(np.int16)

    def __call__(self, frame: _Pixels, seconds: float) -> _Pixels:
        look = self._look
        if look.softness:
            frame = cv2.GaussianBlur(frame, (0, 0), look.softness)
        frame = cv2.LUT(frame, self._curves(seconds))
        if look.noise >= 0.5:
            x, y = self._rng.integers(0, _NOISE_MARGIN, 2)
            width, height = self._size
            grain = self._grain[y : y + height, x : x + width]
            frame = cv2.add(frame, grain, dtype=cv2.CV_8U)
        if look.jpeg_quality is not None:
            quality = (cv2.IMWRITE_JPEG_QUALITY, look.jpeg_quality)
            # OpenCV takes blue first; swapped here and back, nothing changes.
            _, packed = cv2.imencode(".jpg", frame[..., ::-1], quality)
            frame = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR_RGB))
        return frame

    def _curves(self, seconds: float) -> np.ndarray:
        """Output levels of the 256 levels of each channel."""
        brightness, contrast, warmth = self._light(seconds) * self._look.drift
        levels = (np.arange(256) - 128) * (1 + 0.12 * contrast) + 128 + 14 * brightness
        gains = np.array([1 + 0.05 * warmth, 1.0, 1 - 0.05 * warmth])
        curves = np.clip(levels[:, None] * gains, 0, 255)
        return np.rint(curves).astype(np.uint8)[None]


def film(script: Script, folder: Path, size: tuple[int, int], look: Look) -> Iterator[_Pixels]:
    """Every frame of a composed video, in order.

    Args:
        script: What is shown when.
        folder: Folder of the photographs.
        size: Width and height in pixels.
        look: Camera and file.

    Raises:
        MediaError: A photograph can no longer be read.
    """
    rate = script.frames_per_second
    sensor = _Sensor(np.random.default_rng((*script.seed, 3)), size, look)
    shots = script.shots
    cameras: dict[int, _ShotCamera] = {}

    def camera(index: int) -> _ShotCamera:
        if index not in cameras:
            shot = shots[index]
            pixels = read_image(folder / shot.photograph)
            rng = np.random.default_rng((*script.seed, 4, index))
            seconds = (shot.end - shot.start) / rate
            cameras[index] = _ShotCamera(rng, pixels, size, look, seconds)
        return cameras[index]

    index = 0
    for number in range(script.num_frames):
        if number >= shots[index].end:
            cameras.pop(index - 1, None)
            index += 1
        frame = camera(index).film((number - shots[index].start) / rate)
        for neighbour, weight in _fading(shots, index, number):
            other = camera(neighbour).film((number - shots[neighbour].start) / rate)
            frame = cv2.addWeighted(other, weight, frame, 1 - weight, 0)
        yield sensor(frame, number / rate)


def _fading(shots: Sequence[Shot], index: int, number: int) -> Iterator[tuple[int, float]]:
    """The neighbour that fades in or out around a frame, and its weight below one half."""
    for neighbour, fade, distance in (
        (index - 1, shots[index].fade, number + 0.5 - shots[index].start),
        (
            index + 1,
            shots[index + 1].fade if index + 1 < len(shots) else 0,
            shots[index].end - number - 0.5,
        ),
    ):
        if distance < fade / 2:
            yield neighbour, 0.5 - distance / fade


def _scaled_to_fill(
    photograph: _Pixels, size: tuple[int, int]
) -> UInt8[np.ndarray, "scaled_height scaled_width 3"]:
    """The photograph at the size that a shot needs: scaled once, well, and not in every frame."""
    rows, columns = photograph.shape[:2]
    scale = max(size[0] / columns, size[1] / rows)
    keep_columns, keep_rows = (
        min(have, round(_LONGEST_IN_FRAMES * need / scale))
        for have, need in zip((columns, rows), size, strict=True)
    )
    left, top = (columns - keep_columns) // 2, (rows - keep_rows) // 2
    photograph = photograph[top : top + keep_rows, left : left + keep_columns]
    rows, columns = photograph.shape[:2]
    factor = _SHARPEST_ZOOM * scale
    target = max(1, round(columns * factor)), max(1, round(rows * factor))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(photograph, target, interpolation=way)
