"""What may be given as a query image: a file, a paused frame, or a picture that is in memory."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from stillseek.errors import MediaError, UsageError
from stillseek.files import refuse_url
from stillseek.media import frame_at, read_image


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """A paused frame of a video, as a query image.

    Attributes:
        path: The video file.
        seconds: Time from its start; the frame is the one that is displayed then.
    """

    path: Path | str
    seconds: float

    def __str__(self) -> str:
        """As the command line has it, such as ``match.mp4@12.5``."""
        return f"{self.path}@{self.seconds}"

    @property
    def name(self) -> str:
        """The same without folders."""
        return f"{Path(self.path).name}@{self.seconds}"


Picture = Path | str | VideoFrame | bytes | Image.Image | np.ndarray
"""A file; a frame of a video; an encoded picture; Pillow's image; or RGB of uint8."""

QueryImage = Path | VideoFrame | UInt8[np.ndarray, "height width 3"]
"""A file or frame, which is read where it is needed; or the pixels of a picture that is none."""

# Modes that PNG keeps as they are; TIFF keeps those of measurements and of print.
_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})
_TIFF_MODES = frozenset({"F", "I", "I;16B", "I;16L", "I;16N", "CMYK"})


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
    if not isinstance(pictures, Sequence):
        raise _no_picture(pictures, name, "; or a sequence of these")
    if not pictures:
        raise UsageError("a search needs at least one query image, got none")
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


def file_of(image: QueryImage) -> Path | None:
    """The file that a query image is read from; None for a picture in memory."""
    match image:
        case VideoFrame():
            return Path(image.path)
        case Path():
            return image
        case _:
            return None


def _query_image(picture: object, name: str) -> QueryImage:
    match picture:
        case str() | Path():
            path = Path(picture)
            refuse_url(path, name)
            return path
        case VideoFrame(path=str() | Path(), seconds=float() | int() as seconds):
            refuse_url(Path(picture.path), name)
            return VideoFrame(Path(picture.path), float(seconds))
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
    # A copy: what the caller does with its own later changes no result.
    return array.copy()


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
    try:
        upright = ImageOps.exif_transpose(image)
    # It fails at odd metadata, which says nothing about the picture.
    except Exception:
        upright = image
    if upright.mode == "RGB" and not upright.has_transparency_data:
        return _checked(np.array(upright), name)
    if upright.mode not in _PNG_MODES | _TIFF_MODES:
        upright = upright.convert("RGB")
    content = BytesIO()
    upright.save(content, format="PNG" if upright.mode in _PNG_MODES else "TIFF")
    return _decoded(content.getvalue(), name)
