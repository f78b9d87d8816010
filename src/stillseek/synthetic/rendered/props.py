"""Objects: shapes made of lines, discs and polygons, and how they hang on a figure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stillseek.synthetic.rendered.figure import (
    Colour,
    Number,
    Placement,
    Point,
    draw_disc,
    draw_line,
    draw_polygon,
)

# Natural colours, RGB. "accent" and "accent2" are drawn anew for every look.
COLOURS: dict[str, Colour] = {
    "wood": (150, 98, 52),
    "darkwood": (92, 56, 30),
    "metal": (165, 170, 178),
    "steel": (96, 102, 112),
    "brass": (218, 172, 52),
    "white": (238, 238, 234),
    "black": (34, 32, 36),
    "grey": (128, 128, 130),
    "red": (205, 44, 42),
    "orange": (236, 124, 32),
    "yellow": (236, 212, 48),
    "green": (58, 150, 66),
    "blue": (46, 96, 196),
    "water": (62, 132, 190),
    "ice": (206, 226, 240),
    "brown": (112, 74, 46),
    "tan": (196, 154, 104),
    "pink": (232, 130, 160),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A straight bar from ``a`` to ``b``."""

    a: Point
    b: Point
    width: Number
    colour: str


@dataclass(frozen=True, slots=True)
class Disc:
    """A disc, or a ring when ``ring`` gives its thickness."""

    centre: Point
    radius: Number
    colour: str
    ring: Number | None = None


@dataclass(frozen=True, slots=True)
class Polygon:
    """A filled polygon."""

    points: tuple[Point, ...]
    colour: str


Part = Line | Disc | Polygon
Shape = tuple[Part, ...]
Anchor = Literal["near_hand", "far_hand", "head", "neck", "chest", "hip", "ground"]
Grip = Literal["fixed", "forearm", "hands", "torso"]
Layer = Literal["back", "middle", "front"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prop:
    """An object of an activity.

    Attributes:
        shape: Parts in the object's own frame: u along its axis, v across.
        at: Joint that carries it; ``ground`` is the figure's origin.
        grip: What turns it: a fixed angle, the near forearm, the line between the hands, the torso.
        angle: Degrees added to the grip; with ``fixed``, 90 keeps u forward and v up.
        offset: Displacement from the joint, in body heights.
        layer: Drawn behind the figure, between its far and near limbs, or in front.
        path: Key offsets along one motion cycle, for balls; replaces ``offset``.
        spins: Turns a cycle.
    """

    shape: Shape
    at: Anchor = "near_hand"
    grip: Grip = "fixed"
    angle: Number = 90.0
    offset: Point = (0.0, 0.0)
    layer: Layer = "front"
    path: tuple[Point, ...] = ()
    spins: Number = 0.0


def _axis_degrees(prop: Prop, where: dict[str, Point]) -> Number:
    match prop.grip:
        case "fixed":
            return prop.angle
        case "forearm":
            a, b = where["near_elbow"], where["near_hand"]
        case "hands":
            a, b = where["near_hand"], where["far_hand"]
        case "torso":
            a, b = where["hip"], where["neck"]
    return math.degrees(math.atan2(b[0] - a[0], a[1] - b[1])) + prop.angle


def _path_point(path: Sequence[Point], phase: float) -> Point:
    position = (phase % 1.0) * len(path)
    index, weight = int(position) % len(path), position - int(position)
    (ax, ay), (bx, by) = path[index], path[(index + 1) % len(path)]
    return ax + (bx - ax) * weight, ay + (by - ay) * weight


def draw_prop(
    image: np.ndarray,
    at: Placement,
    prop: Prop,
    where: dict[str, Point],
    phase: float,
    palette: dict[str, Colour],
) -> None:
    """Draws an object on the figure whose joints are ``where``."""
    anchor = (0.0, 0.0) if prop.at == "ground" else where[prop.at]
    offset = _path_point(prop.path, phase) if prop.path else prop.offset
    origin = anchor[0] + offset[0], anchor[1] + offset[1]
    radians = math.radians(_axis_degrees(prop, where) + 360 * prop.spins * phase)
    ux, uy = math.sin(radians), -math.cos(radians)

    def world(point: Point) -> Point:
        u, v = point
        return origin[0] + u * ux - v * uy, origin[1] + u * uy + v * ux

    for part in prop.shape:
        colour = palette[part.colour]
        match part:
            case Line(a, b, width, _):
                draw_line(image, at, world(a), world(b), width, colour)
            case Disc(centre, radius, _, ring):
                draw_disc(image, at, world(centre), radius, colour, ring)
            case Polygon(points, _):
                draw_polygon(image, at, [world(p) for p in points], colour)


def box(u0: Number, v0: Number, u1: Number, v1: Number, colour: str) -> Polygon:
    """A filled rectangle."""
    return Polygon(((u0, v0), (u1, v0), (u1, v1), (u0, v1)), colour)


def oval(u: Number, v: Number, ru: Number, rv: Number, colour: str) -> Polygon:
    """A filled ellipse."""
    turns = [2 * math.pi * k / 20 for k in range(20)]
    return Polygon(tuple((u + ru * math.cos(t), v + rv * math.sin(t)) for t in turns), colour)


def ball(radius: Number, colour: str, mark: str | None = None) -> Shape:
    """A ball, with a stripe if marked."""
    parts: Shape = (Disc((0, 0), radius, colour),)
    if mark:
        parts += (Line((-radius * 0.7, 0), (radius * 0.7, 0), radius * 0.25, mark),)
    return parts


def posts(height: Number, width: Number, colour: str, *places: Number) -> Shape:
    """Bars that stand on the ground."""
    return tuple(Line((u, 0), (u, height), width, colour) for u in places)


def stick(length: Number, width: Number, colour: str, back: Number = 0.0) -> Shape:
    """A straight bar along u."""
    return (Line((-back, 0), (length, 0), width, colour),)


def held(
    *parts: Part,
    at: Anchor = "near_hand",
    grip: Grip = "fixed",
    angle: Number = 90.0,
    offset: Point = (0.0, 0.0),
    path: tuple[Point, ...] = (),
    layer: Layer = "front",
) -> Prop:
    """What a joint carries."""
    return Prop(shape=parts, at=at, grip=grip, angle=angle, offset=offset, path=path, layer=layer)


def swung(*parts: Part, angle: Number = 0, offset: Point = (0.0, 0.0)) -> Prop:
    """What goes on from the near forearm."""
    return held(*parts, grip="forearm", angle=angle, offset=offset)


def ground(
    *parts: Part,
    offset: Point = (0.0, 0.0),
    path: tuple[Point, ...] = (),
    spins: Number = 0.0,
    angle: Number = 90.0,
    layer: Layer = "front",
) -> Prop:
    """What stands on the ground or flies over it."""
    return Prop(
        shape=parts, at="ground", offset=offset, path=path, spins=spins, angle=angle, layer=layer
    )


def backdrop(*parts: Part, offset: Point = (0.0, 0.0)) -> Prop:
    """What stands on the ground behind the figure."""
    return ground(*parts, offset=offset, layer="back")


WATER = ground(
    box(-4, -0.6, 4, 0.03, "water"),
    *(Line((-3.2 + 0.4 * k, 0.03), (-3.05 + 0.4 * k, 0.03), 0.02, "ice") for k in range(17)),
)
"""Water with waves, in front of what floats."""
