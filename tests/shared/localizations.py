"""Results of searches: a test says what it is about, and the rest is as good as anything."""

from pathlib import Path
from typing import Any

import numpy as np

from stillseek.localize.localization import Localization, Similarity
from stillseek.timeline import Moment, Segment


def make_localization(**values: Any) -> Localization:
    """What ``lite`` says to a video of 9 s, with these values in place of its own.

    The moment is from 2 s to 5 s, and presence is above its threshold.
    """
    filled = {
        "video": Path("v.mp4"),
        "images": (Path("q.png"),),
        "recipe": "lite",
        "fingerprint": "0123456789abcdef" * 4,
        "model": "similarity:lite",
        "duration_seconds": 9.0,
        "presence": 0.875,
        "threshold": 0.5,
        "uncalibrated": None,
        "moments": (Moment(2.0, 5.0, 0.5),),
        "steps": tuple(Segment(float(k), k + 1.0) for k in range(9)),
        "start_probabilities": np.eye(9)[2],
        "end_probabilities": np.eye(9)[4],
    } | values
    alike = Similarity(
        times_seconds=np.arange(9) + 0.5, values=np.arange(9) / 10, threshold=filled["threshold"]
    )
    boxes = (None,) * len(filled["images"])
    return Localization(**{"boxes": boxes, "similarity": alike} | filled)
