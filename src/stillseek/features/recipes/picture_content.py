"""What of a picture is content: without black bars, and not one colour all over."""

import numpy as np
from jaxtyping import UInt8

# Compression leaves noise in black bars; a bar's brightest pixels stay below this.
_DARK = 24
# Dead pixels and channel logos may stand in a bar.
_BRIGHT_SHARE = 0.02
# Thinner bars than this share of a side are borders that do no harm.
_LEAST_BAR = 0.03
# A picture that is nearly all bars is a dark picture.
_LEAST_CONTENT = 0.3
# Grey levels: black frames and fades have less contrast, night scenes have more.
_LEAST_CONTRAST = 4.0


def content_box(
    picture: UInt8[np.ndarray, "height width 3"],
) -> tuple[int, int, int, int]:
    """Left, top, width, height of a picture without its black bars; all of it where it has none.

    Bars come in pairs, above and below (letterbox) or left and right (pillarbox).
    """
    bright = picture.max(axis=2) > _DARK
    top, bottom = _between_bars(bright.mean(axis=1) > _BRIGHT_SHARE)
    left, right = _between_bars(bright[top:bottom].mean(axis=0) > _BRIGHT_SHARE)
    return left, top, right - left, bottom - top


def is_blank(picture: UInt8[np.ndarray, "height width 3"]) -> bool:
    """Whether a picture shows nothing: black, white, or any one colour with a little noise."""
    return float(picture.mean(axis=2, dtype=np.float32).std()) < _LEAST_CONTRAST


def _between_bars(is_content: np.ndarray) -> tuple[int, int]:
    """First line of content and the one after the last; all lines where there are no two bars."""
    lines = np.flatnonzero(is_content)
    size = len(is_content)
    if not len(lines):
        return 0, size
    first, last = int(lines[0]), int(lines[-1]) + 1
    is_pair = min(first, size - last) >= _LEAST_BAR * size
    return (first, last) if is_pair and last - first >= _LEAST_CONTENT * size else (0, size)
