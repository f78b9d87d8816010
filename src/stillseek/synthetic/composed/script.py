"""The script of a composed video: which photographs of which classes are shown when."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from stillseek.data.annotations import Activity
from stillseek.synthetic.composed.lengths import draw_lengths
from stillseek.timeline import Segment

# As few other activities as ActivityNet's videos have, so that they last about as long as targets.
_OTHER_SECONDS, _SHORTEST_OTHER = 20.0, 3.0
_SHORTEST_SHOT, _LONGEST_SHOT = 1.8, 9.0
_LONGEST_FADE = 1.0
_DIGITS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A stretch of a video that shows one photograph.

    Attributes:
        photograph: Path below the folder of photographs.
        start: First frame.
        end: First frame after it.
        fade: Frames around the start in which the shot before fades into this one; 0 is a cut.
    """

    photograph: str
    start: int
    end: int
    fade: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of a video in which one activity happens.

    Attributes:
        label: The activity.
        shots: In order, without gaps.
    """

    label: str
    shots: tuple[Shot, ...]

    @property
    def start(self) -> int:
        """First frame; a fade is half over there."""
        return self.shots[0].start

    @property
    def end(self) -> int:
        """First frame after it."""
        return self.shots[-1].end


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One untrimmed video.

    Attributes:
        video_id: Name.
        seed: Seed of everything about the video; the camera follows from it, too.
        frames_per_second: Frame rate.
        parts: In order, without gaps; every class happens once at most.
        targets: Indices of the parts that are asked for, the main one first.
    """

    video_id: str
    seed: tuple[int, ...]
    frames_per_second: int
    parts: tuple[Part, ...]
    targets: tuple[int, ...]

    @property
    def num_frames(self) -> int:
        """Frames of the video."""
        return self.parts[-1].end

    @property
    def duration_seconds(self) -> float:
        """Length of the video."""
        return self._seconds(self.num_frames)

    @property
    def activities(self) -> tuple[Activity, ...]:
        """What happens when, a part each."""
        return tuple(
            Activity(
                segment=Segment(self._seconds(part.start), self._seconds(part.end)),
                label=part.label,
            )
            for part in self.parts
        )

    @property
    def shots(self) -> tuple[Shot, ...]:
        """The shots of all parts."""
        return tuple(shot for part in self.parts for shot in part.shots)

    def _seconds(self, frame: int) -> float:
        return round(frame / self.frames_per_second, _DIGITS)


def draw_script(
    video_id: str,
    seed: tuple[int, ...],
    target: str,
    others: Sequence[str],
    photographs: Callable[[str], Sequence[str]],
    *,
    frames_per_second: int,
    two_targets: bool,
    look_alikes: Sequence[str] = (),
) -> Script:
    """Writes the script of one video.

    Args:
        video_id: Name.
        seed: Seed of this video.
        target: The activity that is asked for.
        others: Activities that may happen beside it, at least one, in any order.
        photographs: What may be shown of an activity.
        frames_per_second: Frame rate.
        two_targets: Whether a second activity of the video is asked for too.
        look_alikes: Activities of which one must happen, too; none must where there is none.
    """
    rng = np.random.default_rng((*seed, 1))
    video_seconds, target_seconds = draw_lengths(rng)
    rest = video_seconds - target_seconds
    number = int(np.clip(round(rest / _OTHER_SECONDS * rng.uniform(0.6, 1.6)), 1, len(others)))
    number = min(number, max(1, int(rest / _SHORTEST_OTHER)))
    lengths = _SHORTEST_OTHER + rng.dirichlet(np.full(number, 3.0)) * max(
        0.0, rest - number * _SHORTEST_OTHER
    )
    labels: list[str] = [others[int(k)] for k in rng.permutation(len(others))[:number]]
    if look_alikes and not any(label in look_alikes for label in labels):
        labels[int(rng.integers(number))] = look_alikes[int(rng.integers(len(look_alikes)))]
    place = int(rng.integers(number + 1))
    labels.insert(place, target)
    seconds = np.insert(lengths, place, target_seconds)
    ends = np.rint(np.cumsum(seconds) * frames_per_second).astype(int).tolist()
    fade_share = float(rng.choice((0.0, 0.25, 0.6)))
    parts = []
    for label, start, end in zip(labels, [0, *ends], ends, strict=False):
        shots = _draw_shots(rng, photographs(label), start, end, frames_per_second, fade_share)
        parts.append(Part(label=label, shots=shots))
    targets = [place]
    if two_targets:
        targets.append(int(rng.choice([k for k in range(number + 1) if k != place])))
    return Script(
        video_id=video_id,
        seed=seed,
        frames_per_second=frames_per_second,
        parts=tuple(parts),
        targets=tuple(targets),
    )


def _draw_shots(
    rng: np.random.Generator,
    photographs: Sequence[str],
    start: int,
    end: int,
    frames_per_second: int,
    fade_share: float,
) -> tuple[Shot, ...]:
    """Shots of one part: each another photograph, until the class has no more."""
    shortest = max(1, round(_SHORTEST_SHOT * frames_per_second))
    cuts = [start]
    while end - cuts[-1] >= 2 * shortest:
        length = np.exp(rng.uniform(np.log(_SHORTEST_SHOT), np.log(_LONGEST_SHOT)))
        cut = cuts[-1] + max(shortest, round(length * frames_per_second))
        if end - cut < shortest:
            break
        cuts.append(cut)
    order: list[int] = []
    while len(order) < len(cuts):
        order.extend(rng.permutation(len(photographs)).tolist())
    shots = []
    for first, last, index in zip(cuts, [*cuts[1:], end], order, strict=False):
        fades = first > 0 and rng.random() < fade_share
        seconds = rng.uniform(0.3, _LONGEST_FADE)
        fade = max(2, round(seconds * frames_per_second)) if fades else 0
        shots.append(Shot(photograph=photographs[index], start=first, end=last, fade=fade))
    return tuple(shots)
