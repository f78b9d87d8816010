"""An articulated figure: pose in degrees, joints in body heights, drawn with OpenCV."""

import math
from dataclasses import dataclass, fields
from typing import Any, Literal

import cv2
import numpy as np

_SHIFT = 4  # OpenCV's fixed-point drawing: 4 fractional bits give 1/16 pixel positions

# Limb lengths in body heights; thigh + shin + torso + neck and head add up to about 1.
_THIGH, _SHIN, _TORSO, _UPPER_ARM, _FOREARM, _FOOT = 0.25, 0.25, 0.3, 0.165, 0.155, 0.075
_HEAD_UP, _HEAD_RADIUS = 0.115, 0.068

# Whole numbers are spelled without a point in the tables of poses and shapes.
Number = float | int
Point = tuple[Number, Number]
Limb = tuple[Number, Number]
Colour = tuple[int, int, int]
Side = Literal["near", "far"]


@dataclass(frozen=True, slots=True)
class Pose:
    """Absolute limb angles in degrees, of a figure that faces right.

    A limb at 0 hangs down, at 90 points forward, at 180 up, at -90 back. The torso leans forward
    by ``torso`` and the head by ``torso + head``.

    Attributes:
        torso: Lean of the torso.
        head: Lean of the head against the torso.
        near_arm: Upper arm and forearm on the viewer's side.
        far_arm: Upper arm and forearm on the other side.
        near_leg: Thigh and shin on the viewer's side.
        far_leg: Thigh and shin on the other side.
        lift: Height of the lowest joint above the ground, in body heights.
        shift: Forward displacement, in body heights.
    """

    torso: Number = 0.0
    head: Number = 0.0
    near_arm: Limb = (8.0, 12.0)
    far_arm: Limb = (-8.0, 2.0)
    near_leg: Limb = (5.0, 0.0)
    far_leg: Limb = (-7.0, -9.0)
    lift: Number = 0.0
    shift: Number = 0.0

    def blend(self, other: "Pose", weight: Number) -> "Pose":
        """Pose between this one (weight 0) and another (weight 1)."""

        def mix(a: Any, b: Any) -> Any:
            if isinstance(a, tuple):
                return mix(a[0], b[0]), mix(a[1], b[1])
            return a + (b - a) * weight

        names = (field.name for field in fields(Pose))
        return Pose(**{name: mix(getattr(self, name), getattr(other, name)) for name in names})


def pose_at(keys: tuple[Pose, ...], phase: float) -> Pose:
    """Pose at a phase of a cycle (1.0 is one round) through equally spaced key poses."""
    position = (phase % 1.0) * len(keys)
    index = int(position) % len(keys)
    weight = 0.5 - 0.5 * math.cos(math.pi * (position - int(position)))
    return keys[index].blend(keys[(index + 1) % len(keys)], weight)


def _step(point: Point, angle: Number, length: Number) -> Point:
    radians = math.radians(angle)
    return point[0] + length * math.sin(radians), point[1] - length * math.cos(radians)


def joints(pose: Pose) -> dict[str, Point]:
    """Joint positions in body heights; the ground is y = 0, y points up."""
    hip = (pose.shift, 0.0)
    neck = _step(hip, 180 - pose.torso, _TORSO)
    points = {
        "hip": hip,
        "neck": neck,
        "head": _step(neck, 180 - pose.torso - pose.head, _HEAD_UP),
        "chest": _step(hip, 180 - pose.torso, 0.7 * _TORSO),
    }
    shoulder = _step(hip, 180 - pose.torso, 0.92 * _TORSO)
    for side, arm, leg in (
        ("near", pose.near_arm, pose.near_leg),
        ("far", pose.far_arm, pose.far_leg),
    ):
        points[f"{side}_shoulder"] = shoulder
        points[f"{side}_elbow"] = _step(shoulder, arm[0], _UPPER_ARM)
        points[f"{side}_hand"] = _step(points[f"{side}_elbow"], arm[1], _FOREARM)
        points[f"{side}_knee"] = _step(hip, leg[0], _THIGH)
        points[f"{side}_foot"] = _step(points[f"{side}_knee"], leg[1], _SHIN)
    rise = pose.lift - min(y for _, y in points.values()) + 0.02
    return {name: (x, y + rise) for name, (x, y) in points.items()}


@dataclass(frozen=True, slots=True)
class Body:
    """How one person looks.

    Attributes:
        skin: Colour of head, hands and bare limbs.
        hair: Colour of the hair.
        shirt: Colour of the torso and the sleeves.
        trousers: Colour of the legs.
        shoes: Colour of the shoes.
        girth: Limb thickness, 1 is average.
        long_sleeves: Whether the forearms are covered.
        long_trousers: Whether the shins are covered.
        long_hair: Whether the hair falls to the neck.
        hat: Colour of a cap, or None.
    """

    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour
    shoes: Colour
    girth: float
    long_sleeves: bool
    long_trousers: bool
    long_hair: bool
    hat: Colour | None


@dataclass(frozen=True, slots=True)
class Placement:
    """Where body heights land in the picture.

    Attributes:
        x: Pixel column of the figure's origin.
        y: Pixel row of the ground under it.
        scale: Pixels a body height.
        facing: 1 faces right, -1 faces left.
    """

    x: Number
    y: Number
    scale: Number
    facing: int

    def pixel(self, point: Point) -> tuple[int, int]:
        """Fixed-point pixel position of a point in body heights."""
        factor = 1 << _SHIFT
        return (
            round((self.x + self.facing * self.scale * point[0]) * factor),
            round((self.y - self.scale * point[1]) * factor),
        )

    def width(self, thickness: Number) -> int:
        """Line width in whole pixels, at least 1."""
        return max(1, round(self.scale * thickness))


def draw_line(
    image: np.ndarray, at: Placement, a: Point, b: Point, thickness: Number, colour: Colour
) -> None:
    """Draws a line with round ends; positions and thickness in body heights."""
    width = at.width(thickness)
    cv2.line(image, at.pixel(a), at.pixel(b), colour, width, cv2.LINE_AA, _SHIFT)


def draw_disc(
    image: np.ndarray,
    at: Placement,
    centre: Point,
    radius: Number,
    colour: Colour,
    ring: Number | None = None,
) -> None:
    """Draws a filled circle, or a ring of the given thickness."""
    pixels = round(max(1.0, radius * at.scale) * (1 << _SHIFT))
    width = cv2.FILLED if ring is None else at.width(ring)
    cv2.circle(image, at.pixel(centre), pixels, colour, width, cv2.LINE_AA, _SHIFT)


def draw_polygon(image: np.ndarray, at: Placement, points: list[Point], colour: Colour) -> None:
    """Draws a filled polygon."""
    corners = np.array([at.pixel(p) for p in points], np.int32)
    cv2.fillPoly(image, [corners], colour, cv2.LINE_AA, _SHIFT)


def _darker(colour: Colour, factor: float) -> Colour:
    return int(colour[0] * factor), int(colour[1] * factor), int(colour[2] * factor)


def _draw_leg(image: np.ndarray, at: Placement, where: dict[str, Point], body: Body, side: Side):
    shade = 1.0 if side == "near" else 0.78
    knee, foot = where[f"{side}_knee"], where[f"{side}_foot"]
    shin = body.trousers if body.long_trousers else body.skin
    draw_line(image, at, knee, foot, 0.062 * body.girth, _darker(shin, shade))
    draw_line(image, at, where["hip"], knee, 0.085 * body.girth, _darker(body.trousers, shade))
    angle = math.degrees(math.atan2(foot[0] - knee[0], knee[1] - foot[1]))
    toe = _step(foot, angle + 80, _FOOT)
    draw_line(image, at, foot, toe, 0.045 * body.girth, _darker(body.shoes, shade))


def draw_arm(
    image: np.ndarray, at: Placement, where: dict[str, Point], body: Body, side: Side
) -> None:
    """Draws an arm."""
    shade = 1.0 if side == "near" else 0.78
    elbow, hand = where[f"{side}_elbow"], where[f"{side}_hand"]
    sleeve = body.shirt if body.long_sleeves else body.skin
    draw_line(image, at, elbow, hand, 0.045 * body.girth, _darker(sleeve, 0.97 * shade))
    upper = _darker(body.shirt, 0.9 * shade)
    draw_line(image, at, where[f"{side}_shoulder"], elbow, 0.06 * body.girth, upper)
    draw_disc(image, at, hand, 0.027, _darker(body.skin, shade))


def draw_far_limbs(image: np.ndarray, at: Placement, where: dict[str, Point], body: Body) -> None:
    """Draws the arm and leg away from the viewer."""
    draw_arm(image, at, where, body, "far")
    _draw_leg(image, at, where, body, "far")


def draw_trunk(image: np.ndarray, at: Placement, where: dict[str, Point], body: Body) -> None:
    """Draws the near leg, the torso and the head."""
    _draw_leg(image, at, where, body, "near")
    hip, neck, head = where["hip"], where["neck"], where["head"]
    draw_line(image, at, neck, head, 0.05, body.skin)
    chest = where["chest"]
    draw_line(image, at, hip, chest, 0.115 * body.girth, body.shirt)
    draw_line(image, at, chest, neck, 0.125 * body.girth, body.shirt)
    if body.long_hair:
        back = (head[0] - 0.045, head[1] - 0.05)
        draw_line(image, at, (head[0] - 0.02, head[1] + 0.02), back, 0.075, body.hair)
    draw_disc(image, at, (head[0] - 0.012, head[1] + 0.018), _HEAD_RADIUS, body.hair)
    draw_disc(image, at, (head[0] + 0.012, head[1] - 0.008), _HEAD_RADIUS * 0.86, body.skin)
    if body.hat is not None:
        top = (head[0], head[1] + 0.05)
        draw_line(image, at, (top[0] - 0.045, top[1]), (top[0] + 0.03, top[1]), 0.055, body.hat)
        draw_line(image, at, top, (top[0] + 0.1, top[1] - 0.015), 0.018, body.hat)
