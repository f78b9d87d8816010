"""Untrimmed rendered videos: which activities happen when, and the pictures of any instant."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from stillseek.data.annotations import Activity as AnnotatedActivity
from stillseek.data.sample import Split
from stillseek.synthetic.rendered.activities import ACTIVITIES
from stillseek.synthetic.rendered.activity import Activity
from stillseek.synthetic.rendered.look import draw_look
from stillseek.synthetic.rendered.scene import Shot, draw_shot
from stillseek.timeline import Segment

GROUPS: tuple[str, ...] = tuple(dict.fromkeys(activity.group for activity in ACTIVITIES))

# ActivityNet-like proportions (Table 1): a video of about a minute, a target of about a third.
_MEAN_SECONDS, _SPREAD_SECONDS = 62.0, 14.0
_SHORTEST_VIDEO, _LONGEST_VIDEO = 32.0, 110.0
_SHORTEST_SEGMENT, _LONGEST_SEGMENT = 7.0, 50.0
_SEGMENTS, _SEGMENT_WEIGHTS = (1, 2, 3), (0.1, 0.5, 0.4)
_GRID_SECONDS = 0.1  # one frame at 10 frames a second


def class_split(
    seed: int, *, validation_groups: int = 4, test_groups: int = 5
) -> dict[Split, tuple[Activity, ...]]:
    """Which classes each split may show; whole groups are held out, so no sibling was trained on.

    Those of `validation` are for every choice (checkpoints, settings), those of `test` for final
    reports only.
    """
    order = [GROUPS[k] for k in np.random.default_rng((seed, 1)).permutation(len(GROUPS))]
    test = set(order[:test_groups])
    validation = set(order[test_groups : test_groups + validation_groups])
    train = tuple(a for a in ACTIVITIES if a.group not in test | validation)
    return {
        "train": train,
        "seen": train,
        "validation": tuple(a for a in ACTIVITIES if a.group in validation),
        "test": tuple(a for a in ACTIVITIES if a.group in test),
    }


@dataclass(frozen=True, slots=True)
class Scene:
    """A stretch of a stream: one activity, or idle time.

    Attributes:
        segment: When, in seconds of the video.
        activity: What; None is idle.
    """

    segment: Segment
    activity: Activity | None


@dataclass(frozen=True, slots=True)
class Stream:
    """The script of one untrimmed video; its pictures follow from the seed.

    Attributes:
        video_id: Name.
        seed: Seed of looks and cameras.
        duration_seconds: Length.
        scenes: In order, without gaps.
        targets: Indices of the scenes that are asked for, the main one first.
    """

    video_id: str
    seed: tuple[int, ...]
    duration_seconds: float
    scenes: tuple[Scene, ...]
    targets: tuple[int, ...]

    @property
    def activities(self) -> tuple[AnnotatedActivity, ...]:
        """What happens when, idle time aside."""
        return tuple(
            AnnotatedActivity(segment=scene.segment, label=scene.activity.name)
            for scene in self.scenes
            if scene.activity is not None
        )

    def shots(self) -> list[tuple[Segment, Shot]]:
        """The camera shots of the video; long scenes are cut into several."""
        rng = np.random.default_rng((*self.seed, 2))
        look = draw_look(rng)
        shots = []
        for scene in self.scenes:
            cuts = [scene.segment.start_seconds]
            while scene.segment.end_seconds - cuts[-1] > 9 and rng.random() < 0.75:
                room = scene.segment.end_seconds - cuts[-1]
                cuts.append(cuts[-1] + _snap(rng.uniform(4, min(16, room - 4))))
            ends = [*cuts[1:], scene.segment.end_seconds]
            shots += [
                (Segment(a, b), draw_shot(rng, look, scene.activity))
                for a, b in zip(cuts, ends, strict=True)
            ]
        return shots

    def frames(self, frames_per_second: int) -> Iterator[np.ndarray]:
        """Every frame in order, uint8 RGB, height x width x 3."""
        shots = iter(self.shots())
        span, shot = next(shots)
        for index in range(round(self.duration_seconds * frames_per_second)):
            seconds = index / frames_per_second
            while seconds >= span.end_seconds - 1e-6:
                span, shot = next(shots)
            yield shot.draw(seconds - span.start_seconds)


def _snap(seconds: float) -> float:
    return round(round(seconds / _GRID_SECONDS) * _GRID_SECONDS, 3)


def _segment_lengths(rng: np.random.Generator, duration: float, count: int) -> np.ndarray:
    """Lengths of the activities of one video, exchangeable, so that no length betrays the target.

    One activity covers at most three quarters of the video, all together at most 86%.
    """
    share = rng.uniform(0.62, 0.86) if count > 1 else rng.uniform(0.3, 0.75)
    parts = rng.dirichlet(np.full(count, 6.0)) * duration * share
    return np.clip(parts, _SHORTEST_SEGMENT, min(_LONGEST_SEGMENT, 0.75 * duration))


def draw_stream(
    video_id: str,
    seed: tuple[int, ...],
    target: Activity,
    others: tuple[Activity, ...],
    *,
    two_targets: bool,
    look_alikes: tuple[Activity, ...] = (),
) -> Stream:
    """Writes the script of one video.

    Args:
        video_id: Name.
        seed: Seed of this video.
        target: The activity that is asked for.
        others: Activities that may happen beside it: other classes of the target's own split.
        two_targets: Whether a second activity of the video is asked for too.
        look_alikes: Those of them of which one must happen; none must where there is none.
    """
    rng = np.random.default_rng((*seed, 1))
    duration = _snap(
        np.clip(rng.normal(_MEAN_SECONDS, _SPREAD_SECONDS), _SHORTEST_VIDEO, _LONGEST_VIDEO)
    )
    count = int(rng.choice(_SEGMENTS, p=_SEGMENT_WEIGHTS))
    if two_targets or look_alikes:
        count = max(2, count)
    count = min(count, int(duration // 14))
    lengths = _segment_lengths(rng, duration, count)
    slack = max(0.0, duration - lengths.sum())
    gaps = rng.dirichlet(np.full(count + 1, 1.2)) * slack
    place = int(rng.integers(count))
    companions = [others[k] for k in rng.choice(len(others), size=count - 1, replace=False)]
    if look_alikes and not any(activity in look_alikes for activity in companions):
        companions[int(rng.integers(count - 1))] = look_alikes[rng.integers(len(look_alikes))]
    activities = [*companions[:place], target, *companions[place:]]

    scenes: list[Scene] = []
    targets: dict[int, int] = {}
    now = 0.0
    for k in range(count + 1):
        gap_end = duration if k == count else _snap(now + gaps[k])
        if gap_end - now >= 1.0 or (k == count and gap_end > now):
            scenes.append(Scene(Segment(now, gap_end), None))
            now = gap_end
        if k < count:
            end = min(duration, _snap(now + lengths[k]))
            targets[k] = len(scenes)
            scenes.append(Scene(Segment(now, end), activities[k]))
            now = end
    wanted = [place]
    if two_targets:
        wanted.append(int(rng.choice([k for k in range(count) if k != place])))
    return Stream(video_id, seed, duration, tuple(scenes), tuple(targets[k] for k in wanted))
