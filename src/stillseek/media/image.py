"""Still images as upright 8-bit RGB arrays."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from stillseek.media import faults

# What Pillow itself refuses: twice the size that it warns about.
MAX_IMAGE_PIXELS = 178_956_970
# PNG and TIFF give 16-bit grey in one of these; Pillow's own conversion would clip it at 255.
_16_BIT_MODES = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})


def read_image(path: str | Path) -> UInt8[np.ndarray, "height width 3"]:
    """A picture as people see it: upright (EXIF), RGB, transparency over white, first frame.

    Palette, grey, CMYK and 16-bit pictures are converted; colour profiles are ignored.

    Raises:
        MediaError: The file is missing, not an image, cut off, or has too many pixels.
    """
    path = Path(path)
    faults.check_file(path, "image")
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_IMAGE_PIXELS:
                raise faults.image_too_large(path, MAX_IMAGE_PIXELS)
            return np.array(_to_rgb(ImageOps.exif_transpose(image)))
    except Image.DecompressionBombError as error:
        raise faults.image_too_large(path, MAX_IMAGE_PIXELS) from error
    except UnidentifiedImageError as error:
        raise faults.not_an_image(path, "no known format") from error
    # Pillow's decoders raise each of these on broken data.
    except (OSError, ValueError, SyntaxError, EOFError, RuntimeError) as error:
        raise faults.not_an_image(path, str(error)) from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in _16_BIT_MODES:
        deep = np.asarray(image).astype(np.int64).clip(0, 65535)
        image = Image.fromarray(np.rint(deep / 257).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")
