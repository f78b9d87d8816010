"""High dynamic range to standard dynamic range."""

from functools import cache

import numpy as np
from av.video.reformatter import ColorTrc
from jaxtyping import Float, UInt8, UInt16

# ITU-R BT.2408: the white of paper in an HDR picture, and the display that HLG is made for.
_REFERENCE_WHITE_NITS = 203.0
_HLG_PEAK_NITS, _HLG_SYSTEM_GAMMA = 1000.0, 1.2
# Linear light up to here, as a share of reference white, is kept as it is.
_KNEE = 0.5
# Light to signal of an SDR display, ITU-R BT.1886.
_SDR_GAMMA = 2.4
# ITU-R BT.2087: linear BT.2020 to linear BT.709.
_BT2020_TO_BT709 = np.array(
    [
        [1.6605, -0.5876, -0.0728],
        [-0.1246, 1.1329, -0.0083],
        [-0.0182, -0.1006, 1.1187],
    ],
    dtype=np.float32,
)
HDR_CURVES = frozenset({ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67})


def to_sdr(
    signal: UInt16[np.ndarray, "height width 3"], curve: ColorTrc
) -> UInt8[np.ndarray, "height width 3"]:
    """SDR picture of an HDR one.

    Linear light ``L`` in units of reference white (203 nits) is taken from BT.2020 to BT.709
    colours. Its brightest channel ``m`` is kept up to ``k = 0.5`` and rolls off above, towards 1:
    ``m' = k + (1 - k) x / (1 + x)`` with ``x = (m - k) / (1 - k)``; all channels are scaled by
    ``m' / m``, which keeps the hue. White of 203 nits becomes 226 of 255.

    Args:
        signal: Non-linear BT.2020 RGB of full range.
        curve: ``SMPTE2084`` (PQ) or ``ARIB_STD_B67`` (HLG).
    """
    light = np.maximum(_light_of_signal(curve)[signal] @ _BT2020_TO_BT709.T, 0)
    brightest = light.max(axis=-1, keepdims=True)
    excess = np.maximum(brightest - _KNEE, 0) / (1 - _KNEE)
    rolled = np.minimum(brightest, _KNEE) + (1 - _KNEE) * excess / (1 + excess)
    light *= rolled / np.maximum(brightest, np.finfo(np.float32).tiny)
    return np.rint(255 * light ** (1 / _SDR_GAMMA)).astype(np.uint8)


@cache
def _light_of_signal(curve: ColorTrc) -> Float[np.ndarray, " 65536"]:
    signal = np.arange(65536) / 65535
    if curve == ColorTrc.SMPTE2084:
        root = signal ** (1 / 78.84375)
        ratio = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
        nits = 10000 * ratio ** (1 / 0.1593017578125)
    else:
        low, high = signal**2 / 3, (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12
        nits = _HLG_PEAK_NITS * np.where(signal <= 0.5, low, high) ** _HLG_SYSTEM_GAMMA
    return (nits / _REFERENCE_WHITE_NITS).astype(np.float32)
