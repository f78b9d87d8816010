"""What may be given as a query image: a file, a paused frame, or a picture that is in memory."""

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from stillseek.errors import MediaError, UnusableFeaturesError, UsageError
from stillseek.features import FeatureStore, QueryFeatures, Recipe
from stillseek.features.store.feature_store import as_stored
from stillseek.files import as_path, refuse_url
from stillseek.media import frame_at, read_image, rgb_of
from stillseek.media.container import MAX_PIXELS
from stillseek.media.faults import holds_same


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """A paused frame of a video, as a query image.

    Attributes:
        path: The video file.
        seconds: Time from its start, finite, at least 0; the frame is the one that is displayed
            then.

    Raises:
        UsageError: The path is no path, or the time no such number.
    """

    path: Path | str
    seconds: float

    def __post_init__(self) -> None:
        """Refuses what is no place in a video."""
        if not isinstance(self.path, Path | str):
            raise UsageError(f"path must be a path, got {type(self.path).__name__}")
        is_number = isinstance(self.seconds, Real) and not isinstance(self.seconds, bool)
        if not is_number or not 0 <= self.seconds < math.inf:
            raise UsageError(f"seconds must be a finite number, at least 0, got {self.seconds!r}")

    def __str__(self) -> str:
        """As the command line has it, such as ``match.mp4@12.5``."""
        return f"{self.path}@{self.seconds}"

    @property
    def name(self) -> str:
        """The same without folders."""
        return f"{Path(self.path).name}@{self.seconds}"


Picture = Path | str | VideoFrame | bytes | Image.Image | np.ndarray
"""A file; a frame of a video; an encoded picture; Pillow's image; or RGB of uint8."""

Box = tuple[int, int, int, int]
"""Left, top, width, height in pixels, after EXIF rotation."""

QueryImage = Path | VideoFrame | UInt8[np.ndarray, "height width 3"]
"""A file or frame, which is read where it is needed; or the pixels of a picture that is none."""


class _Opened(np.ndarray):
    """Pixels of an image that Pillow opened from a file, which no output may replace."""

    source: Path | None = None


def query_images(pictures: object, name: str = "images") -> tuple[QueryImage, ...]:
    """One picture or several, as the ways to read them.

    Args:
        pictures: A `Picture`, or a sequence of them.
        name: What messages call them.

    Raises:
        UsageError: There is none, or one is no picture; the message says which and what is.
        MediaError: An encoded picture cannot be decoded.
    """
    if isinstance(pictures, Picture):
        return (_query_image(pictures, name),)
    # Bytes that may change are sequences, too, of numbers.
    if not isinstance(pictures, Sequence) or isinstance(pictures, bytearray | memoryview):
        raise _no_picture(pictures, name, "; or a sequence of these")
    if not pictures:
        raise UsageError(f"{name} holds no picture; give at least one")
    return tuple(_query_image(each, f"{name}[{place}]") for place, each in enumerate(pictures))


def pixels_of(image: QueryImage) -> UInt8[np.ndarray, "height width 3"]:
    """The picture as people see it.

    Raises:
        MediaError: The file cannot be read.
        UsageError: The video has no frame at this time.
    """
    match image:
        case VideoFrame():
            return frame_at(image.path, image.seconds)
        case Path():
            return read_image(image)
        case _:
            return image


def mirrored(image: QueryImage, box: Box | None) -> tuple[QueryImage, Box | None]:
    """A picture and the part of it that is meant, seen in a mirror."""
    pixels = np.ascontiguousarray(pixels_of(image)[:, ::-1])
    if box is None:
        return pixels, None
    left, top, width, height = box
    return pixels, (pixels.shape[1] - left - width, top, width, height)


def file_of(image: QueryImage) -> Path | None:
    """The file that a query image is read from; None for a picture in memory."""
    match image:
        case VideoFrame():
            return Path(image.path)
        case Path():
            return image
        case _:
            return None


def source_of(image: QueryImage) -> Path | None:
    """The file that a query image comes from, also where its pixels are in memory by now."""
    return image.source if isinstance(image, _Opened) else file_of(image)


def name_of(images: Sequence[QueryImage], place: int, name: str) -> str:
    """What messages call one of several pictures: its file, or ``NAME[PLACE]`` where in memory."""
    image = images[place]
    return f"{name}[{place}]" if isinstance(image, np.ndarray) else str(image)


def encode_picture(
    recipe: Recipe,
    images: Sequence[QueryImage],
    place: int,
    name: str,
    *,
    box: Box | None = None,
    store: FeatureStore | None = None,
) -> QueryFeatures:
    """Features of one of several pictures, from the store where it is a file.

    Args:
        recipe: How pixels become features.
        images: The pictures.
        place: Which of them.
        name: What messages call them all.
        box: The part of it that is meant; None is the whole picture.
        store: Where features are kept and looked up.

    Raises:
        UsageError: The box lies outside the picture, or the frame outside the video.
        MediaError: The picture cannot be read.
        UnusableFeaturesError: It shows nothing.
    """
    image = images[place]
    file = file_of(image)
    try:
        if store is not None and file is not None:
            seconds = image.seconds if isinstance(image, VideoFrame) else None
            return store.get_or_encode_query(recipe, file, frame_seconds=seconds, box=box)
        features = recipe.encode_image(pixels_of(image), box=box)
        return as_stored(features, name_of(images, place, name))
    except UnusableFeaturesError as error:
        part = "" if box is None else f", box {','.join(map(str, box))}"
        raise UnusableFeaturesError(f"{name_of(images, place, name)}{part}: {error}") from error


def refuse_contradiction(
    images: Sequence[QueryImage], boxes: Sequence[object], unlike: Sequence[QueryImage]
) -> None:
    """Refuses a whole picture that shows what the activity is and is not.

    Raises:
        UsageError: A picture of ``unlike`` is one of ``images``, by file, bytes or pixels.
    """
    for number, other in enumerate(unlike):
        for place, (image, box) in enumerate(zip(images, boxes, strict=True)):
            if box is None and _is_same(image, other):
                raise UsageError(
                    f"unlike[{number}] is the same picture as images[{place}]; give pictures of "
                    "what the activity is not, or leave unlike out"
                )


def _is_same(one: QueryImage, other: QueryImage) -> bool:
    match one, other:
        case Path(), Path():
            return holds_same(one, other)
        case VideoFrame(), VideoFrame():
            return one.seconds == other.seconds and holds_same(Path(one.path), Path(other.path))
        case np.ndarray(), np.ndarray():
            return np.array_equal(one, other)
        case _:
            return False


def _query_image(picture: object, name: str) -> QueryImage:
    match picture:
        case str() | Path():
            path = as_path(picture, name)
            refuse_url(path, name)
            return path
        case VideoFrame():
            path = as_path(picture.path, name)
            refuse_url(path, name)
            return VideoFrame(path, float(picture.seconds))
        case bytes():
            return _decoded(picture, name)
        case Image.Image():
            return _from_pillow(picture, name)
        case np.ndarray():
            return _checked(picture, name)
        case _:
            raise _no_picture(picture, name)


def _no_picture(value: object, name: str, more: str = "") -> UsageError:
    return UsageError(
        f"{name} must be a path, a VideoFrame(path, seconds), the bytes of an encoded picture, an "
        f"image of Pillow, or an array (height, width, 3) of uint8{more}; got "
        f"{type(value).__name__}"
    )


def _checked(array: np.ndarray, name: str) -> UInt8[np.ndarray, "height width 3"]:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise UsageError(
            f"{name} must be an array (height, width, 3) of uint8, RGB, got "
            f"{array.shape} of {array.dtype}; convert it first"
        )
    _check_size(name, width=array.shape[1], height=array.shape[0])
    # A copy: what the caller does with its own later changes no result.
    return np.array(array, order="C")


def _check_size(name: str, *, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise UsageError(
            f"{name} has {width} x {height} pixels; expected at most {MAX_PIXELS} in all: scale it "
            "down first"
        )


def _decoded(content: bytes, name: str) -> UInt8[np.ndarray, "height width 3"]:
    """The pixels of an encoded picture, by the one reader that there is of pictures."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        path.write_bytes(content)
        try:
            return read_image(path)
        except MediaError as error:
            raise MediaError(str(error).replace(str(path), f"{name} (bytes)")) from error


def _from_pillow(image: Image.Image, name: str) -> UInt8[np.ndarray, "height width 3"]:
    if 0 in image.size:
        raise UsageError(f"{name} is an image without pixels; expected at least one")
    _check_size(name, width=image.width, height=image.height)
    pixels = rgb_of(image, f"{name} (an image of Pillow)")
    opened = getattr(image, "filename", "")
    if not isinstance(opened, str | Path) or opened in ("", Path()):
        return pixels
    pixels = pixels.view(_Opened)
    pixels.source = Path(opened).absolute()
    return pixels
