"""HDR light becomes SDR pixels by a curve that is known in closed form."""

import numpy as np
import pytest
from av.video.reformatter import ColorTrc

from stillseek.media.hdr import to_sdr


# Signals of known light: PQ from SMPTE ST 2084 (100 nits is 0.5081), HLG from ITU-R BT.2100 with
# the system gamma of 1.2 (signal 0.5 is 1/12 of scene light, so 1000 * (1/12) ** 1.2 nits).
@pytest.mark.parametrize(
    ("curve", "signal", "nits"),
    [
        (ColorTrc.SMPTE2084, 0.0, 0.0),
        (ColorTrc.SMPTE2084, 0.5081, 100.0),
        (ColorTrc.SMPTE2084, 0.5807, 203.0),
        (ColorTrc.SMPTE2084, 1.0, 10000.0),
        (ColorTrc.ARIB_STD_B67, 0.5, 50.7),
        (ColorTrc.ARIB_STD_B67, 0.75, 203.0),
        (ColorTrc.ARIB_STD_B67, 1.0, 1000.0),
    ],
)
def test_grey_follows_the_curve(curve, signal, nits):
    light = nits / 203
    excess = max(light - 0.5, 0) / 0.5
    shown = min(light, 0.5) + 0.5 * excess / (1 + excess)
    found = to_sdr(np.full((3, 5, 3), round(65535 * signal), np.uint16), curve)
    # The printed signals have four digits, and the matrix rows sum to one within 1e-4.
    np.testing.assert_allclose(found, 255 * shown ** (1 / 2.4), atol=1)


def test_brighter_is_never_darker_and_hues_stay():
    ramp = np.zeros((1, 997, 3), np.uint16)
    ramp[0, :, 0] = np.linspace(0, 65535, 997)
    ramp[0, :, 1] = ramp[0, :, 0] // 2
    found = to_sdr(ramp, ColorTrc.SMPTE2084).astype(int)
    assert (np.diff(found[0, :, 0]) >= 0).all()
    assert (found[..., 0] >= found[..., 1]).all()
