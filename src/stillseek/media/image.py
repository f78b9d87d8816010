"""Still images as upright 8-bit RGB arrays."""

import ctypes
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError, _imaging
from PIL.ExifTags import Base
from PIL.Image import Transpose

from stillseek.errors import MediaError
from stillseek.media import faults
from stillseek.media.container import MAX_PIXELS

# Grey of more than 8 bits; Pillow's own conversion would clip it at 255.
_DEEP_MODES = frozenset({"F", "I", "I;16", "I;16B", "I;16L", "I;16N"})
# White, where integers have 8 to 16 bits; cameras and microscopes store 10, 12 and 14 in 16.
_INTEGER_WHITES = tuple(2**bits - 1 for bits in (8, 10, 12, 14, 16))
_FLOAT_WHITES = (1, 255, 65535)
_TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}


def read_image(path: str | Path) -> UInt8[np.ndarray, "height width 3"]:
    """A picture as people see it: upright (EXIF), RGB, transparency over white, first frame.

    Palette, grey, CMYK, 16-bit and float pictures are converted; colour profiles are ignored. White
    of deep grey is the least usual value that holds all of the picture: 1 or 255 for floats, that
    of 8, 10, 12, 14 or 16 bits for integers.

    Raises:
        MediaError: The file is missing, not an image, cut off, or has too many pixels.
    """
    path = Path(path)
    faults.check_file(path, "image")
    # Pillow's remarks on size, metadata and palettes help nobody here; errors are told below.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    with _told_of(path):
        try:
            image = Image.open(path)
        except UnidentifiedImageError as error:
            raise faults.unknown_image(path) from error
        with image:
            return rgb_of(image, path)


def rgb_of(image: Image.Image, name: str | Path) -> UInt8[np.ndarray, "height width 3"]:
    """An image of Pillow as `read_image` would read its file.

    Args:
        image: The image; where it is not loaded yet, it is now.
        name: What messages call it.

    Raises:
        MediaError: It is closed, broken, or has too many pixels.
    """
    with _told_of(name):
        if image.width * image.height > MAX_PIXELS:
            raise faults.too_many_pixels(name, MAX_PIXELS)
        if image.format == "TIFF":
            _silence_libtiff()
        return np.array(_to_rgb(_upright(image)))


@contextmanager
def _told_of(name: str | Path) -> Iterator[None]:
    """Says in one line what Pillow says of an image."""
    try:
        yield
    except MediaError:
        raise
    except Image.DecompressionBombError as error:
        raise faults.too_many_pixels(name, MAX_PIXELS) from error
    # Each of Pillow's decoders raises something else on broken data: RuntimeError for AVIF,
    # SyntaxError for PNG, struct.error, IndexError, ...
    except Exception as error:
        raise faults.not_an_image(name, faults.one_line(error)) from error


@lru_cache(maxsize=1)
def _silence_libtiff() -> None:
    """Keeps libtiff from writing to the stderr of the process, for which Pillow has no switch.

    What it says is lost anyway in the error that Pillow raises.
    """
    # A Pillow that is linked otherwise only stays as loud as it is.
    with suppress(AttributeError, OSError):
        set_handler = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
        set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
        set_handler(None)


def _upright(image: Image.Image) -> Image.Image:
    image.load()
    try:
        turn = _TURNS.get(image.getexif().get(Base.Orientation, 1))
    # Not ImageOps.exif_transpose: it writes all the other tags again, and fails at an odd one.
    except Exception:
        # Metadata that cannot be read says nothing about the picture.
        return image
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in _DEEP_MODES:
        image = Image.fromarray(_to_8_bits(np.asarray(image).astype(np.float64)))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _to_8_bits(grey: np.ndarray) -> np.ndarray:
    is_integer = bool((grey == np.rint(grey)).all()) and grey.max(initial=0.0) > 1
    grey = np.nan_to_num(grey, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = grey.min(initial=0.0), grey.max(initial=0.0)
    whites = _INTEGER_WHITES if is_integer else _FLOAT_WHITES
    white = next((white for white in whites if high <= white), high)
    if low < 0 or high > whites[-1]:
        # Measurements rather than light: all of their range is shown.
        grey, white = grey - low, high - low
    return np.rint(255 * grey / max(white, np.finfo(np.float64).tiny)).astype(np.uint8)
