"""Pictures out: figures and images as files that say who made them."""

from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from stillseek.files import MADE_BY, replacing

_XMP = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><!-- {MADE_BY} --></x:xmpmeta>'.encode()


def save_figure(figure: Any, path: Path, *, dpi: int) -> None:
    """Writes a figure of matplotlib whole or not at all.

    Args:
        figure: The figure.
        path: Where to; its suffix, one of `FIGURE_SUFFIXES`, chooses the format.
        dpi: Pixels an inch.

    Raises:
        OSError: It cannot be written.
    """
    metadata: dict[str, Any] = {}
    match path.suffix.lower():
        case ".png":
            metadata["metadata"] = {"Comment": MADE_BY}
        case ".svg" | ".pdf":
            metadata["metadata"] = {"Creator": MADE_BY}
        case _:
            metadata["pil_kwargs"] = {"xmp": _XMP}
    with replacing(path) as place:
        figure.savefig(
            place, format=path.suffix[1:].lower(), dpi=dpi, facecolor="white", **metadata
        )


def save_image(image: Image.Image, path: Path) -> None:
    """Writes an image whole or not at all.

    Args:
        image: The image.
        path: Where to; its suffix, one of `IMAGE_SUFFIXES`, chooses the format.

    Raises:
        OSError: It cannot be written.
    """
    comment = PngInfo()
    comment.add_text("Comment", MADE_BY)
    with replacing(path) as place:
        # Each format takes what it has a place for.
        image.save(place, pnginfo=comment, software=MADE_BY, xmp=_XMP)
