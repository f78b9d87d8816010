"""Building and shows of the rendered world."""

from functools import partial

from stillseek.synthetic.rendered.activity import activity
from stillseek.synthetic.rendered.poses import LUNGE, STANDING, STRIDE_A, both, pose, sway
from stillseek.synthetic.rendered.props import (
    Disc,
    Line,
    Polygon,
    backdrop,
    ball,
    box,
    ground,
    held,
)

_building = partial(activity, "building")
REPAIR = (
    _building(
        "painting a wall",
        1.4,
        (pose((150, 168), (-8, 4)), pose((80, 110), (-8, 4), torso=4)),
        backdrop(
            box(0.42, 0.1, 0.9, 1.3, "white"),
            box(0.42, 0.62, 0.7, 1.3, "accent"),
            box(0.42, 0.4, 0.56, 0.7, "accent"),
        ),
        held(
            Line((0, 0), (0.14, 0), 0.016, "steel"),
            Line((0.14, -0.07), (0.14, 0.07), 0.06, "accent"),
            angle=120,
        ),
        ground(
            box(-0.09, 0, 0.09, 0.16, "steel"),
            Line((-0.09, 0.16), (0.09, 0.16), 0.03, "accent"),
            offset=(-0.3, 0),
        ),
    ),
    _building(
        "hammering",
        0.7,
        (pose((100, 200), (50, 76), torso=14), pose((50, 76), (50, 76), torso=20)),
        ground(
            box(0.2, 0.34, 0.85, 0.4, "wood"),
            Line((0.28, 0), (0.28, 0.34), 0.04, "wood"),
            Line((0.78, 0), (0.78, 0.34), 0.04, "wood"),
            Line((0.5, 0.4), (0.5, 0.46), 0.014, "metal"),
        ),
        held(
            Line((-0.03, 0), (0.15, 0), 0.024, "tan"),
            Line((0.15, -0.06), (0.15, 0.05), 0.045, "steel"),
            grip="forearm",
            angle=30,
        ),
    ),
    _building(
        "sawing",
        0.8,
        (pose((-10, 60), (50, 70), LUNGE, torso=34), pose((36, 74), (50, 70), LUNGE, torso=40)),
        ground(
            Line((0.3, 0), (0.5, 0.34), 0.03, "wood"),
            Line((0.5, 0), (0.3, 0.34), 0.03, "wood"),
            Line((0.1, 0.35), (1.0, 0.35), 0.09, "brown"),
            Disc((1.0, 0.35), 0.045, "tan"),
        ),
        held(
            Polygon(((0.02, 0.03), (0.44, 0.0), (0.44, -0.03), (0.02, -0.06)), "metal"),
            Disc((0, -0.01), 0.045, "orange", 0.022),
            angle=74,
        ),
    ),
    _building(
        "drilling",
        0.3,
        sway(pose((76, 92), (66, 100), LUNGE, torso=6), torso=5, arm=4),
        backdrop(
            box(0.0, 0.1, 0.12, 1.4, "tan"),
            *(Line((0.0, 0.1 + 0.2 * k), (0.12, 0.1 + 0.2 * k), 0.012, "brown") for k in range(7)),
            offset=(0.66, 0),
        ),
        held(
            Line((-0.05, 0.03), (0.1, 0.03), 0.07, "yellow"),
            Line((-0.02, 0.02), (-0.03, -0.09), 0.04, "black"),
            Line((0.1, 0.03), (0.22, 0.03), 0.018, "steel"),
        ),
    ),
)

_show = partial(activity, "shows")
SHOWS = (
    _show(
        "hula hoop",
        0.8,
        (
            both((100, 110), STANDING, torso=-5, shift=-0.03),
            both((104, 114), STANDING, torso=6, shift=0.04),
        ),
        held(
            Line((-0.3, 0.05), (-0.2, 0.0), 0.022, "accent"),
            Line((-0.2, 0.0), (0.2, 0.0), 0.026, "accent"),
            Line((0.2, 0.0), (0.3, 0.05), 0.022, "accent"),
            Line((0.3, 0.05), (0.2, 0.09), 0.016, "accent"),
            Line((-0.3, 0.05), (-0.2, 0.09), 0.016, "accent"),
            at="hip",
            path=((-0.07, 0.0), (0.07, 0.04), (0.05, -0.01), (-0.06, 0.03)),
        ),
    ),
    _show(
        "juggling",
        0.9,
        (pose((20, 96), (30, 80), head=-14), pose((30, 80), (20, 96), head=-16)),
        *(
            ground(
                *ball(0.045, colour),
                path=tuple(
                    (
                        (0.1, 0.68),
                        (0.16, 1.05),
                        (0.25, 1.25),
                        (0.34, 1.05),
                        (0.38, 0.68),
                        (0.24, 0.62),
                    )[(k + shift) % 6]
                    for k in range(6)
                ),
            )
            for shift, colour in ((0, "red"), (2, "yellow"), (4, "blue"))
        ),
    ),
    _show(
        "ribbon gymnastics",
        1.6,
        (
            pose((150, 160), (-90, -90), ((70, 60), (0, 0)), torso=-6),
            pose((90, 80), (-100, -90), LUNGE, torso=4),
            pose((170, 190), (90, 90), STRIDE_A, torso=-10),
        ),
        held(
            Line((0, 0), (0.14, 0), 0.012, "white"),
            *(
                Line(
                    (0.14 + 0.08 * k, 0.07 * (-1) ** k),
                    (0.22 + 0.08 * k, -0.07 * (-1) ** k),
                    0.026,
                    "accent",
                )
                for k in range(7)
            ),
            grip="forearm",
            angle=10,
        ),
    ),
    _show(
        "unicycling",
        0.8,
        (
            pose((100, 110), (-90, -100), ((60, -4), (26, -30)), lift=0.12),
            pose((84, 90), (-104, -110), ((26, -30), (60, -4)), lift=0.12, torso=6),
        ),
        ground(
            Disc((0.03, 0.2), 0.19, "black", 0.028),
            *(
                Line((0.03, 0.2), (0.03 + x, 0.2 + y), 0.008, "metal")
                for x, y in ((0.18, 0), (-0.18, 0), (0, 0.18), (0, -0.18))
            ),
            Line((0.03, 0.2), (0.0, 0.52), 0.026, "accent"),
            Line((-0.07, 0.54), (0.08, 0.54), 0.04, "black"),
            layer="middle",
        ),
    ),
)
