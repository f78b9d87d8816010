"""What a rendered picture shows: the place, the people, the camera, and one activity."""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from stillseek.synthetic.rendered.activity import Activity
from stillseek.synthetic.rendered.figure import (
    Body,
    Colour,
    Placement,
    Pose,
    draw_arm,
    draw_far_limbs,
    draw_trunk,
    joints,
    pose_at,
)
from stillseek.synthetic.rendered.look import HEIGHT, MARGIN, WIDTH, Look
from stillseek.synthetic.rendered.poses import IDLE
from stillseek.synthetic.rendered.props import Prop, draw_prop


@dataclass(frozen=True, slots=True)
class Performer:
    """One person in a shot.

    Attributes:
        body: Looks.
        at: Place on the painted background.
        keys: Key poses of the motion.
        period_seconds: Length of the motion cycle.
        phase: Offset of the cycle.
        props: Objects of the activity; none while idle.
        drift: Horizontal speed in pixels a second, for people who walk by.
        limp: Degrees by which this person's limbs differ from the key poses.
    """

    body: Body
    at: Placement
    keys: tuple[Pose, ...]
    period_seconds: float
    phase: float
    props: tuple[Prop, ...]
    drift: float
    limp: float

    def draw(self, image: np.ndarray, seconds: float, palette: dict[str, Colour]) -> None:
        """Draws the person and the objects at a time of the shot."""
        phase = seconds / self.period_seconds + self.phase
        pose = pose_at(self.keys, phase)
        wobble = self.limp * math.sin(2 * math.pi * (0.37 * phase + self.phase))
        pose = replace(
            pose,
            torso=pose.torso + wobble,
            head=pose.head - wobble,
            near_arm=(pose.near_arm[0] + self.limp, pose.near_arm[1] - wobble),
            far_arm=(pose.far_arm[0] - wobble, pose.far_arm[1] + self.limp),
            near_leg=(pose.near_leg[0] + wobble / 2, pose.near_leg[1]),
            far_leg=(pose.far_leg[0] - wobble / 2, pose.far_leg[1]),
        )
        at = self.at
        if self.drift:
            span = image.shape[1] + 80
            at = replace(at, x=(at.x + self.drift * seconds + 40) % span - 40)
        where = joints(pose)
        for layer in ("back", "middle", "front"):
            if layer == "middle":
                draw_far_limbs(image, at, where, self.body)
            if layer == "front":
                draw_trunk(image, at, where, self.body)
            for prop in self.props:
                if prop.layer == layer:
                    draw_prop(image, at, prop, where, phase, palette)
        draw_arm(image, at, where, self.body, "near")


@dataclass(frozen=True, slots=True)
class Shot:
    """A stretch of video with one place, one camera and one set of people.

    Attributes:
        place: Background, larger than the picture.
        performers: In drawing order; whoever does the activity is in front.
        palette: Object colours.
        pan: Camera drift in pixels a second, x and y.
        shake: Amplitude of the hand-held camera in pixels.
        zoom: Zoom at the start, and its change a second.
        gain: Brightness factor.
    """

    place: np.ndarray
    performers: tuple[Performer, ...]
    palette: dict[str, Colour]
    pan: tuple[float, float]
    shake: float
    zoom: tuple[float, float]
    gain: float

    def draw(self, seconds: float) -> np.ndarray:
        """The picture at a time of the shot, uint8 RGB of HEIGHT x WIDTH."""
        canvas = self.place.copy()
        for performer in self.performers:
            performer.draw(canvas, seconds, self.palette)
        # The camera swings back and forth, so that long shots stay in the place.
        reach = MARGIN * 0.6
        dx = reach * math.sin(self.pan[0] * seconds / reach)
        dx += self.shake * math.sin(7.3 * seconds)
        dy = reach * 0.4 * math.sin(self.pan[1] * seconds / reach)
        dy += self.shake * math.sin(9.1 * seconds + 1)
        zoom = self.zoom[0] * (1 + 0.12 * math.sin(self.zoom[1] * seconds))
        centre = (canvas.shape[1] / 2 + dx, canvas.shape[0] / 2 + dy)
        shift = WIDTH / 2 - zoom * centre[0], HEIGHT / 2 - zoom * centre[1]
        matrix = np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]])
        picture = cv2.warpAffine(
            canvas, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        return cv2.convertScaleAbs(picture, alpha=self.gain)


def _placement(rng: np.random.Generator, scale: float, x: float | None = None) -> Placement:
    return Placement(
        x=MARGIN + WIDTH * (rng.uniform(0.34, 0.66) if x is None else x),
        y=MARGIN + HEIGHT * float(np.clip(0.56 + scale / 560 + rng.normal(0, 0.04), 0.6, 0.97)),
        scale=scale,
        facing=1 if rng.random() < 0.5 else -1,
    )


def _bystander(rng: np.random.Generator, body: Body, scale: float) -> Performer:
    name = ("stand", "walk", "talk", "arms crossed", "look at phone")[rng.integers(5)]
    at = _placement(rng, scale, float(rng.uniform(0.02, 0.98)))
    walks = name == "walk"
    period = float(rng.uniform(0.9, 1.2) if walks else rng.uniform(2, 5))
    drift = at.facing * scale * float(rng.uniform(0.5, 0.8)) if walks else 0.0
    return Performer(body, at, IDLE[name], period, float(rng.random()), (), drift, 3.0)


def draw_shot(rng: np.random.Generator, look: Look, activity: Activity | None) -> Shot:
    """A shot of an activity, or of idle people when it is None.

    Args:
        rng: Source of everything that varies.
        look: Cast and places of the video.
        activity: What the main person does.
    """
    crowd = [
        _bystander(rng, look.bodies[1 + k], float(rng.uniform(60, 120)))
        for k in range(int(rng.choice(4, p=(0.5, 0.28, 0.15, 0.07))))
    ]
    if activity is None:
        if rng.random() < 0.85:
            crowd.append(_bystander(rng, look.bodies[0], float(rng.uniform(90, 175))))
        people = sorted(crowd, key=lambda p: p.at.y)
    else:
        pace = activity.period_seconds * float(rng.uniform(0.75, 1.35))
        scale = float(rng.uniform(88, 150))
        doubled = rng.random() < 0.18
        leads = []
        for k in range(1 + int(doubled)):
            at = (
                _placement(rng, 0.8 * scale, (0.27, 0.68)[k]) if doubled else _placement(rng, scale)
            )
            phase, limp = float(rng.random()), float(rng.normal(0, 5))
            body, keys, props = look.bodies[-k], activity.keys, activity.props
            leads.append(Performer(body, at, keys, pace, phase, props, 0.0, limp))
        people = crowd + leads
    return Shot(
        place=look.places[rng.integers(len(look.places))],
        performers=tuple(people),
        palette=look.palette,
        pan=(float(rng.normal(0, 4)), float(rng.normal(0, 2))),
        shake=float(rng.exponential(0.8)),
        zoom=(float(rng.uniform(0.88, 1.2)), float(rng.normal(0, 0.12))),
        gain=look.gain * float(rng.uniform(0.95, 1.05)),
    )
