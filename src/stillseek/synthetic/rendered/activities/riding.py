"""Riding and boats of the rendered world."""

from stillseek.synthetic.rendered.activity import Activity
from stillseek.synthetic.rendered.poses import HALF_SQUAT, both, pose, sway
from stillseek.synthetic.rendered.props import Disc, Line, Polygon, Prop, Shape, box, oval

_HORSE_LEGS = ((-0.3, -0.32), (-0.18, -0.14), (0.2, 0.16), (0.3, 0.36))

RIDING = (
    Activity(
        "horse riding",
        "riding",
        sway(both((40, 70), ((70, 0), (64, -6)), lift=0.3, torso=4), torso=10, arm=10),
        0.8,
        (
            Prop(
                shape=(
                    *(Line((a, 0.32), (b, 0.0), 0.05, "brown") for a, b in _HORSE_LEGS),
                    oval(0, 0.44, 0.38, 0.14, "brown"),
                    Line((0.28, 0.5), (0.46, 0.76), 0.13, "brown"),
                    Line((0.46, 0.77), (0.62, 0.68), 0.09, "brown"),
                    Line((0.26, 0.6), (0.4, 0.82), 0.045, "black"),
                    Line((-0.37, 0.5), (-0.48, 0.22), 0.05, "black"),
                ),
                at="ground",
                layer="middle",
            ),
        ),
    ),
    Activity(
        "camel riding",
        "riding",
        sway(both((30, 60), ((80, 10), (74, 4)), lift=0.5, torso=2), torso=16, arm=10),
        1.4,
        (
            Prop(
                shape=(
                    *(Line((a, 0.4), (b, 0.0), 0.042, "tan") for a, b in _HORSE_LEGS),
                    oval(0, 0.52, 0.36, 0.13, "tan"),
                    oval(-0.17, 0.68, 0.1, 0.12, "tan"),
                    oval(0.17, 0.67, 0.09, 0.11, "tan"),
                    Line((0.32, 0.52), (0.48, 0.5), 0.09, "tan"),
                    Line((0.48, 0.5), (0.52, 0.86), 0.07, "tan"),
                    Line((0.52, 0.86), (0.66, 0.82), 0.075, "tan"),
                ),
                at="ground",
                layer="middle",
            ),
        ),
    ),
    Activity(
        "cycling",
        "riding",
        (
            both((62, 58), ((92, -10), (40, -30)), torso=34, head=-14, lift=0.1),
            both((62, 58), ((40, -30), (92, -10)), torso=36, head=-14, lift=0.1),
        ),
        0.8,
        (
            Prop(
                shape=(
                    Disc((-0.26, 0.17), 0.165, "black", 0.026),
                    Disc((0.34, 0.17), 0.165, "black", 0.026),
                    Line((-0.26, 0.17), (-0.06, 0.46), 0.026, "accent"),
                    Line((-0.06, 0.46), (0.26, 0.48), 0.026, "accent"),
                    Line((0.05, 0.15), (-0.06, 0.5), 0.026, "accent"),
                    Line((0.05, 0.15), (0.26, 0.48), 0.026, "accent"),
                    Line((0.34, 0.17), (0.25, 0.56), 0.026, "steel"),
                    Line((0.25, 0.56), (0.34, 0.58), 0.024, "black"),
                    Line((-0.12, 0.51), (0.0, 0.51), 0.034, "black"),
                ),
                at="ground",
                layer="middle",
            ),
        ),
    ),
    Activity(
        "motorcycling",
        "riding",
        sway(both((66, 76), ((84, -20), (80, -24)), torso=22, lift=0.14), torso=6, arm=4),
        1.0,
        (
            Prop(
                shape=(
                    Disc((-0.3, 0.16), 0.13, "black", 0.06),
                    Disc((0.4, 0.16), 0.13, "black", 0.06),
                    Polygon(
                        ((-0.3, 0.34), (0.0, 0.3), (0.24, 0.46), (0.1, 0.5), (-0.36, 0.44)),
                        "accent",
                    ),
                    box(-0.12, 0.12, 0.16, 0.3, "steel"),
                    Line((0.4, 0.16), (0.24, 0.56), 0.04, "metal"),
                    Line((-0.36, 0.12), (0.0, 0.12), 0.04, "metal"),
                ),
                at="ground",
                layer="middle",
            ),
            Prop(
                shape=(Disc((0, 0.01), 0.085, "accent2"), box(0.02, -0.03, 0.09, 0.03, "black")),
                at="head",
            ),
        ),
    ),
)

_WAVES: Shape = (
    box(-4, -0.6, 4, 0.03, "water"),
    *(Line((-3.2 + 0.4 * k, 0.03), (-3.05 + 0.4 * k, 0.03), 0.02, "ice") for k in range(17)),
)

_HULL: Shape = (
    Polygon(((-0.7, 0.16), (0.8, 0.16), (0.6, 0.0), (-0.55, 0.0)), "accent"),
    Line((-0.7, 0.16), (0.8, 0.16), 0.02, "white"),
)

_WATER = Prop(shape=_WAVES, at="ground", layer="front", offset=(0, 0.0))

_SEATED = ((76, 60), (70, 54))

BOATS = (
    Activity(
        "rowing",
        "boats",
        (
            both((70, 84), ((120, 40), (116, 36)), torso=26, lift=0.02),
            both((10, 70), ((84, 76), (80, 72)), torso=-22, lift=0.02, shift=-0.06),
        ),
        1.8,
        (
            Prop(shape=_HULL, at="ground", layer="front"),
            Prop(
                shape=(
                    Line((0, 0), (0.6, -0.18), 0.02, "tan"),
                    Line((0.56, -0.17), (0.74, -0.22), 0.055, "white"),
                ),
                at="near_hand",
            ),
            _WATER,
        ),
    ),
    Activity(
        "kayaking",
        "boats",
        (
            pose((40, 60), (110, 150), _SEATED, torso=6),
            pose((96, 140), (40, 60), _SEATED, torso=2),
        ),
        1.2,
        (
            Prop(
                shape=(
                    Polygon(
                        (
                            (-0.9, 0.08),
                            (-0.2, 0.14),
                            (0.3, 0.14),
                            (1.0, 0.09),
                            (0.3, 0.0),
                            (-0.3, 0.0),
                        ),
                        "accent",
                    ),
                ),
                at="ground",
            ),
            Prop(
                shape=(
                    Line((-0.35, 0), (0.6, 0), 0.018, "black"),
                    oval(-0.4, 0, 0.1, 0.04, "yellow"),
                    oval(0.65, 0, 0.1, 0.04, "yellow"),
                ),
                grip="hands",
                angle=0,
            ),
            _WATER,
        ),
    ),
    Activity(
        "stand-up paddling",
        "boats",
        (
            pose((60, 50), (130, 140), HALF_SQUAT, torso=20, lift=0.06),
            pose((0, 10), (80, 90), HALF_SQUAT, torso=26, lift=0.06),
        ),
        1.7,
        (
            Prop(shape=(box(-0.6, 0.0, 0.65, 0.06, "white"),), at="ground"),
            Prop(
                shape=(Line((-0.1, 0), (0.5, 0), 0.018, "tan"), oval(0.56, 0, 0.1, 0.04, "accent")),
                at="near_hand",
                angle=16,
            ),
            _WATER,
        ),
    ),
)
