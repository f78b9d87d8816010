"""Riding and boats of the rendered world."""

from functools import partial

from stillseek.synthetic.rendered.activity import activity
from stillseek.synthetic.rendered.poses import HALF_SQUAT, both, pose, sway
from stillseek.synthetic.rendered.props import (
    WATER,
    Disc,
    Line,
    Polygon,
    Shape,
    box,
    ground,
    held,
    oval,
)

_HORSE_LEGS = ((-0.3, -0.32), (-0.18, -0.14), (0.2, 0.16), (0.3, 0.36))

_riding = partial(activity, "riding")
RIDING = (
    _riding(
        "horse riding",
        0.8,
        sway(both((40, 70), ((70, 0), (64, -6)), lift=0.3, torso=4), torso=10, arm=10),
        ground(
            *(Line((a, 0.32), (b, 0.0), 0.05, "brown") for a, b in _HORSE_LEGS),
            oval(0, 0.44, 0.38, 0.14, "brown"),
            Line((0.28, 0.5), (0.46, 0.76), 0.13, "brown"),
            Line((0.46, 0.77), (0.62, 0.68), 0.09, "brown"),
            Line((0.26, 0.6), (0.4, 0.82), 0.045, "black"),
            Line((-0.37, 0.5), (-0.48, 0.22), 0.05, "black"),
            layer="middle",
        ),
    ),
    _riding(
        "camel riding",
        1.4,
        sway(both((30, 60), ((80, 10), (74, 4)), lift=0.5, torso=2), torso=16, arm=10),
        ground(
            *(Line((a, 0.4), (b, 0.0), 0.042, "tan") for a, b in _HORSE_LEGS),
            oval(0, 0.52, 0.36, 0.13, "tan"),
            oval(-0.17, 0.68, 0.1, 0.12, "tan"),
            oval(0.17, 0.67, 0.09, 0.11, "tan"),
            Line((0.32, 0.52), (0.48, 0.5), 0.09, "tan"),
            Line((0.48, 0.5), (0.52, 0.86), 0.07, "tan"),
            Line((0.52, 0.86), (0.66, 0.82), 0.075, "tan"),
            layer="middle",
        ),
    ),
    _riding(
        "cycling",
        0.8,
        (
            both((62, 58), ((92, -10), (40, -30)), torso=34, head=-14, lift=0.1),
            both((62, 58), ((40, -30), (92, -10)), torso=36, head=-14, lift=0.1),
        ),
        ground(
            Disc((-0.26, 0.17), 0.165, "black", 0.026),
            Disc((0.34, 0.17), 0.165, "black", 0.026),
            Line((-0.26, 0.17), (-0.06, 0.46), 0.026, "accent"),
            Line((-0.06, 0.46), (0.26, 0.48), 0.026, "accent"),
            Line((0.05, 0.15), (-0.06, 0.5), 0.026, "accent"),
            Line((0.05, 0.15), (0.26, 0.48), 0.026, "accent"),
            Line((0.34, 0.17), (0.25, 0.56), 0.026, "steel"),
            Line((0.25, 0.56), (0.34, 0.58), 0.024, "black"),
            Line((-0.12, 0.51), (0.0, 0.51), 0.034, "black"),
            layer="middle",
        ),
    ),
    _riding(
        "motorcycling",
        1.0,
        sway(both((66, 76), ((84, -20), (80, -24)), torso=22, lift=0.14), torso=6, arm=4),
        ground(
            Disc((-0.3, 0.16), 0.13, "black", 0.06),
            Disc((0.4, 0.16), 0.13, "black", 0.06),
            Polygon(((-0.3, 0.34), (0.0, 0.3), (0.24, 0.46), (0.1, 0.5), (-0.36, 0.44)), "accent"),
            box(-0.12, 0.12, 0.16, 0.3, "steel"),
            Line((0.4, 0.16), (0.24, 0.56), 0.04, "metal"),
            Line((-0.36, 0.12), (0.0, 0.12), 0.04, "metal"),
            layer="middle",
        ),
        held(Disc((0, 0.01), 0.085, "accent2"), box(0.02, -0.03, 0.09, 0.03, "black"), at="head"),
    ),
)

_HULL: Shape = (
    Polygon(((-0.7, 0.16), (0.8, 0.16), (0.6, 0.0), (-0.55, 0.0)), "accent"),
    Line((-0.7, 0.16), (0.8, 0.16), 0.02, "white"),
)

_SEATED = ((76, 60), (70, 54))

_boating = partial(activity, "boats")
BOATS = (
    _boating(
        "rowing",
        1.8,
        (
            both((70, 84), ((120, 40), (116, 36)), torso=26, lift=0.02),
            both((10, 70), ((84, 76), (80, 72)), torso=-22, lift=0.02, shift=-0.06),
        ),
        ground(*_HULL),
        held(
            Line((0, 0), (0.6, -0.18), 0.02, "tan"),
            Line((0.56, -0.17), (0.74, -0.22), 0.055, "white"),
        ),
        WATER,
    ),
    _boating(
        "kayaking",
        1.2,
        (pose((40, 60), (110, 150), _SEATED, torso=6), pose((96, 140), (40, 60), _SEATED, torso=2)),
        ground(
            Polygon(
                ((-0.9, 0.08), (-0.2, 0.14), (0.3, 0.14), (1.0, 0.09), (0.3, 0.0), (-0.3, 0.0)),
                "accent",
            )
        ),
        held(
            Line((-0.35, 0), (0.6, 0), 0.018, "black"),
            oval(-0.4, 0, 0.1, 0.04, "yellow"),
            oval(0.65, 0, 0.1, 0.04, "yellow"),
            grip="hands",
            angle=0,
        ),
        WATER,
    ),
    _boating(
        "stand-up paddling",
        1.7,
        (
            pose((60, 50), (130, 140), HALF_SQUAT, torso=20, lift=0.06),
            pose((0, 10), (80, 90), HALF_SQUAT, torso=26, lift=0.06),
        ),
        ground(box(-0.6, 0.0, 0.65, 0.06, "white")),
        held(Line((-0.1, 0), (0.5, 0), 0.018, "tan"), oval(0.56, 0, 0.1, 0.04, "accent"), angle=16),
        WATER,
    ),
)
