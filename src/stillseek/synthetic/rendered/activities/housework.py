"""Cleaning and gardening of the rendered world."""

from functools import partial

from stillseek.synthetic.rendered.activity import activity
from stillseek.synthetic.rendered.poses import LUNGE, STANDING, STRIDE_A, WIDE, both, pose
from stillseek.synthetic.rendered.props import (
    Disc,
    Line,
    Polygon,
    backdrop,
    box,
    ground,
    held,
    oval,
)

_SWEEP = (pose((10, 50), (50, 70), STRIDE_A, torso=24), pose((40, 80), (80, 96), LUNGE, torso=34))

_cleaning = partial(activity, "cleaning")
CLEANING = (
    _cleaning(
        "mopping",
        1.3,
        _SWEEP,
        held(
            Line((-0.34, 0), (0.42, 0), 0.018, "blue"),
            *(Line((0.42, 0), (0.52, -0.09 + 0.045 * k), 0.03, "white") for k in range(5)),
            angle=46,
        ),
        backdrop(
            Polygon(((-0.1, 0), (0.1, 0), (0.13, 0.2), (-0.13, 0.2)), "yellow"),
            Line((-0.12, 0.2), (0.12, 0.2), 0.02, "steel"),
            offset=(-0.4, 0),
        ),
    ),
    _cleaning(
        "vacuuming",
        1.5,
        (pose((10, 30), (-10, 10), STRIDE_A, torso=22), pose((50, 62), (-20, 0), LUNGE, torso=28)),
        held(
            Line((-0.05, 0), (0.44, 0), 0.024, "metal"),
            Line((0.44, -0.1), (0.44, 0.08), 0.06, "black"),
            angle=48,
        ),
        backdrop(
            oval(0, 0.1, 0.17, 0.1, "red"),
            Disc((-0.1, 0.04), 0.045, "black"),
            Disc((0.1, 0.04), 0.045, "black"),
            Line((0.1, 0.16), (0.3, 0.36), 0.026, "black"),
            offset=(-0.42, 0),
        ),
    ),
    _cleaning(
        "window cleaning",
        1.2,
        (
            pose((130, 150), (-8, 4)),
            pose((100, 120), (-8, 4), torso=3),
            pose((120, 92), (-8, 4), torso=5),
        ),
        backdrop(
            box(0, 0.4, 0.6, 1.35, "ice"),
            *(
                Line(a, b, 0.034, "white")
                for a, b in (
                    ((0, 0.4), (0, 1.35)),
                    ((0.6, 0.4), (0.6, 1.35)),
                    ((0, 0.4), (0.6, 0.4)),
                    ((0, 1.35), (0.6, 1.35)),
                    ((0.3, 0.4), (0.3, 1.35)),
                )
            ),
            offset=(0.24, 0),
        ),
        held(
            Line((0, 0), (0.08, 0), 0.02, "black"),
            Line((0.08, -0.09), (0.08, 0.09), 0.026, "green"),
            angle=120,
        ),
    ),
    _cleaning(
        "ironing",
        1.5,
        (pose((20, 70), (40, 60), torso=14), pose((56, 74), (40, 60), torso=20)),
        ground(
            Polygon(
                ((0.06, 0.42), (0.84, 0.42), (0.98, 0.45), (0.84, 0.48), (0.06, 0.48)), "accent"
            ),
            Line((0.24, 0.0), (0.66, 0.42), 0.022, "metal"),
            Line((0.66, 0.0), (0.24, 0.42), 0.022, "metal"),
            offset=(0.1, 0),
        ),
        held(
            Polygon(((-0.08, -0.05), (0.13, -0.05), (0.05, 0.02), (-0.08, 0.03)), "blue"),
            offset=(0.03, 0.0),
        ),
    ),
)

_gardening = partial(activity, "gardening")
GARDEN = (
    _gardening(
        "raking leaves",
        1.4,
        (pose((30, 60), (60, 84), WIDE, torso=22), pose((0, 30), (30, 60), WIDE, torso=12)),
        held(
            Line((-0.3, 0), (0.5, 0), 0.018, "tan"),
            *(Line((0.48, 0), (0.6, -0.12 + 0.06 * k), 0.012, "green") for k in range(5)),
            angle=54,
        ),
        ground(
            *(
                oval(
                    0.09 * (k % 7),
                    0.02 + 0.04 * (k % 3),
                    0.05,
                    0.028,
                    ("orange", "red", "yellow", "brown")[k % 4],
                )
                for k in range(14)
            ),
            offset=(0.45, 0),
        ),
    ),
    _gardening(
        "mowing the lawn",
        1.0,
        (both((52, 74), STRIDE_A, torso=16), both((52, 74), STANDING, torso=18)),
        ground(
            Line((0.22, 0.55), (0.52, 0.16), 0.022, "black"),
            box(0.46, 0.06, 0.84, 0.2, "red"),
            box(0.56, 0.2, 0.72, 0.28, "black"),
            Disc((0.5, 0.06), 0.06, "black"),
            Disc((0.82, 0.06), 0.06, "black"),
            *(
                Line((-0.4 + 0.09 * k, 0), (-0.42 + 0.09 * k, 0.06), 0.014, "green")
                for k in range(20)
            ),
            offset=(0.06, 0),
        ),
    ),
    _gardening(
        "watering plants",
        1.6,
        (pose((50, 80), (-8, 4), torso=10), pose((60, 96), (-8, 4), torso=14)),
        held(
            box(-0.06, -0.13, 0.1, 0.03, "green"),
            Line((0.1, -0.08), (0.24, 0.03), 0.026, "green"),
            Disc((0.25, 0.03), 0.03, "green"),
            *(
                Line((0.27 + 0.03 * k, 0.0), (0.32 + 0.05 * k, -0.3), 0.01, "water")
                for k in range(3)
            ),
            angle=80,
        ),
        ground(
            Polygon(((-0.1, 0), (0.1, 0), (0.14, 0.18), (-0.14, 0.18)), "orange"),
            *(Line((0, 0.18), (x, 0.4), 0.026, "green") for x in (-0.14, -0.04, 0.06, 0.15)),
            Disc((-0.14, 0.4), 0.04, "pink"),
            Disc((0.06, 0.41), 0.04, "pink"),
            offset=(0.62, 0),
        ),
    ),
    _gardening(
        "digging",
        1.5,
        (pose((20, 40), (60, 80), LUNGE, torso=34), pose((60, 110), (90, 120), WIDE, torso=10)),
        held(
            Line((-0.28, 0), (0.3, 0), 0.022, "wood"),
            Polygon(((0.28, -0.07), (0.44, -0.06), (0.5, 0), (0.44, 0.06), (0.28, 0.07)), "steel"),
            grip="hands",
            angle=180,
        ),
        ground(
            Polygon(((-0.25, 0), (-0.08, 0.2), (0.06, 0.24), (0.25, 0)), "brown"), offset=(0.75, 0)
        ),
    ),
)
