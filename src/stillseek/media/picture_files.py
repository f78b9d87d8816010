"""Pictures out: figures and images as files that say who made them."""

from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from stillseek.files import MADE_BY, replacing

_XMP = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><!-- {MADE_BY} --></x:xmpmeta>'.encode()


def save_figure(figure: Any, path: Path, *, dpi: int) -> None:
    """Writes a figure of matplotlib whole or not at all, at `dpi` pixels an inch.

    The suffix of the path, one of `FIGURE_SUFFIXES`, chooses the format.

    Raises:
        OSError: It cannot be written.
    """
    match form := path.suffix[1:].lower():
        case "png":
            metadata = {"metadata": {"Comment": MADE_BY}}
        case "svg" | "pdf":
            metadata = {"metadata": {"Creator": MADE_BY}}
        case _:
            metadata = {"pil_kwargs": {"xmp": _XMP}}
    with replacing(path) as place:
        figure.savefig(place, format=form, dpi=dpi, facecolor="white", **metadata)


def save_image(image: Image.Image, path: Path) -> None:
    """Writes an image whole or not at all; a suffix of `IMAGE_SUFFIXES` chooses the format.

    Raises:
        OSError: It cannot be written.
    """
    comment = PngInfo()
    comment.add_text("Comment", MADE_BY)
    with replacing(path) as place:
        # Each format takes what it has a place for.
        image.save(place, pnginfo=comment, software=MADE_BY, xmp=_XMP)
