"""Single rendered pictures with labels: what the pocket encoder learns from."""

from functools import partial

import cv2
import numpy as np
from jaxtyping import Int64, UInt8

from stillseek.data.processes import map_in_processes
from stillseek.synthetic.rendered.activity import Activity
from stillseek.synthetic.rendered.look import draw_look
from stillseek.synthetic.rendered.scene import draw_shot

_PICTURES_A_LOOK = 2
_LOOKS_A_JOB = 100


def _render_job(
    activities: tuple[Activity | None, ...], job: int, *, seed: tuple[int, ...], side_pixels: int
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng((*seed, job))
    pictures, labels = [], []
    for _ in range(_LOOKS_A_JOB):
        look = draw_look(rng)
        for _ in range(_PICTURES_A_LOOK):
            label = int(rng.integers(len(activities)))
            picture = draw_shot(rng, look, activities[label]).draw(float(rng.uniform(0, 8)))
            # The same squash and filter as for query images; see the pocket recipe.
            pictures.append(
                cv2.resize(picture, (side_pixels, side_pixels), interpolation=cv2.INTER_AREA)
            )
            labels.append(label)
    return np.stack(pictures), np.array(labels, dtype=np.int64)


def render_pictures(
    activities: tuple[Activity | None, ...],
    number: int,
    *,
    seed: tuple[int, ...],
    side_pixels: int,
    workers: int | None = None,
) -> tuple[UInt8[np.ndarray, "picture side side 3"], Int64[np.ndarray, " picture"]]:
    """Pictures of activities at random instants, nearly every one with a look of its own.

    Args:
        activities: Classes; None stands for idle people.
        number: At least so many pictures.
        seed: Everything follows from it.
        side_pixels: Width and height of the squashed pictures.
        workers: Processes; None takes one a core.

    Returns:
        The pictures, and the index of each one's class in ``activities``.
    """
    jobs = -(-number // (_LOOKS_A_JOB * _PICTURES_A_LOOK))
    render = partial(_render_job, activities, seed=seed, side_pixels=side_pixels)
    done = list(map_in_processes(render, range(jobs), workers=workers))
    return np.concatenate([d[0] for d in done]), np.concatenate([d[1] for d in done])
