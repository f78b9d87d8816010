from pathlib import Path

import numpy as np
import pytest

from stillseek.synthetic.composed.lengths import LEVELS, TARGET_PERCENT, VIDEO_SECONDS, draw_lengths

_PAGE = Path(__file__).parents[3] / "docs" / "reproduce.md"


def test_lengths_are_those_of_training_windows():
    rng = np.random.default_rng(3)
    videos, targets = np.array([draw_lengths(rng) for _ in range(30_011)]).T

    assert videos.min() >= 11.5
    assert videos.max() <= 483.4
    assert targets.min() >= 8.5
    assert targets.max() <= 50
    assert np.all(targets <= 0.781 * videos)
    # The windows' own means, with four standard errors of the draw (0.24 s and 0.07 s) and what
    # straight lines between quantiles add.
    assert videos.mean() == pytest.approx(63.8, abs=4 * 0.24 + 0.35)
    assert targets.mean() == pytest.approx(22.5, abs=4 * 0.07 + 0.12)


def test_the_quantiles_are_those_that_the_benchmark_printed():
    _, _, table = _PAGE.read_text(encoding="utf-8").partition("### Lengths")
    lines = [line.strip("| ") for line in table.splitlines() if line.startswith("|")]
    head, _, *rows = ([cell.strip() for cell in line.split("|")] for line in lines)

    assert [float(cell.removesuffix("%")) / 100 for cell in head] == pytest.approx(LEVELS)
    assert len(rows) == 1 + len(TARGET_PERCENT)
    for (_, *cells), quantiles in zip(rows, (VIDEO_SECONDS, *TARGET_PERCENT), strict=True):
        assert tuple(float(cell) for cell in cells) == quantiles
