"""Boards, snow and ice of the rendered world."""

from functools import partial

from stillseek.synthetic.rendered.activity import activity
from stillseek.synthetic.rendered.poses import (
    HALF_SQUAT,
    KNEELING,
    LUNGE,
    SQUAT,
    STRIDE_A,
    both,
    pose,
    sway,
)
from stillseek.synthetic.rendered.props import (
    WATER,
    Disc,
    Line,
    Polygon,
    backdrop,
    box,
    ground,
    held,
    oval,
)

_boarding = partial(activity, "boards")
BOARDS = (
    _boarding(
        "skateboarding",
        1.3,
        (
            pose((80, 60), (-80, -60), HALF_SQUAT, torso=14, lift=0.1),
            pose((100, 90), (-100, -90), SQUAT, torso=20, lift=0.26),
            pose((70, 50), (-70, -50), HALF_SQUAT, torso=10, lift=0.1),
        ),
        ground(
            Line((-0.17, 0.06), (0.2, 0.06), 0.03, "wood"),
            Line((0.2, 0.06), (0.27, 0.1), 0.028, "wood"),
            Line((-0.17, 0.06), (-0.24, 0.1), 0.028, "wood"),
            Disc((-0.12, 0.025), 0.03, "accent"),
            Disc((0.15, 0.025), 0.03, "accent"),
            path=((0.05, 0), (0.05, 0.14), (0.05, 0)),
            layer="back",
        ),
    ),
    _boarding(
        "surfing",
        1.6,
        sway(pose((96, 70), (-96, -70), ((60, -10), (-10, -40)), torso=16, lift=0.06), torso=16),
        backdrop(
            Polygon(((-0.5, 0.0), (0.55, 0.02), (0.72, 0.1), (-0.5, 0.06)), "white"),
            Line((-0.4, 0.03), (0.5, 0.05), 0.014, "accent"),
        ),
        backdrop(
            Polygon(
                (
                    (-1.4, 0.9),
                    (-1.0, 0.75),
                    (-0.7, 0.3),
                    (-0.3, 0.06),
                    (1.4, -0.05),
                    (1.4, -0.6),
                    (-1.4, -0.6),
                ),
                "water",
            ),
            *(Disc((-1.25 + 0.17 * k, 0.86 - 0.19 * k), 0.1, "ice") for k in range(5)),
        ),
    ),
    _boarding(
        "snowboarding",
        1.4,
        sway(pose((84, 70), (-70, -50), SQUAT, torso=16, lift=0.05), torso=18, arm=30),
        ground(
            Line((-0.2, 0.02), (0.34, 0.02), 0.04, "accent"),
            Line((0.34, 0.02), (0.42, 0.08), 0.036, "accent"),
            offset=(0.06, 0),
        ),
        backdrop(Polygon(((-4, 0.86), (4, -0.76), (4, -1.2), (-4, -1.2)), "ice")),
        held(box(0.01, -0.02, 0.08, 0.035, "orange"), at="head"),
    ),
    _boarding(
        "windsurfing",
        1.8,
        sway(both((80, 96), HALF_SQUAT, torso=-26, lift=0.06), torso=10, arm=8),
        ground(box(-0.6, 0.0, 0.7, 0.06, "yellow")),
        backdrop(
            Polygon(((0.34, 0.1), (0.4, 1.4), (-0.3, 0.42)), "accent"),
            Line((0.34, 0.06), (0.4, 1.42), 0.024, "black"),
            Line((-0.28, 0.55), (0.4, 0.6), 0.02, "steel"),
        ),
        WATER,
    ),
)

_SNOW = backdrop(box(-4, -0.6, 4, 0.02, "ice"))

_winter_sport = partial(activity, "snow and ice")
WINTER = (
    _winter_sport(
        "skiing",
        1.2,
        (
            pose((60, 10), (30, -30), HALF_SQUAT, torso=30),
            pose((20, -40), (70, 20), SQUAT, torso=36),
        ),
        _SNOW,
        ground(
            Line((-0.4, 0.015), (0.5, 0.015), 0.024, "red"),
            Line((0.5, 0.015), (0.58, 0.06), 0.022, "red"),
        ),
        held(Line((-0.03, 0), (0.44, 0), 0.014, "black"), Disc((0.4, 0), 0.03, "grey"), angle=-22),
        held(
            Line((-0.03, 0), (0.44, 0), 0.014, "black"),
            Disc((0.4, 0), 0.03, "grey"),
            at="far_hand",
            angle=-26,
            layer="back",
        ),
    ),
    _winter_sport(
        "ice hockey",
        1.0,
        (
            pose((-10, 10), (30, 44), STRIDE_A, torso=38, head=-16),
            pose((34, 44), (54, 60), LUNGE, torso=40, head=-16),
        ),
        _SNOW,
        held(
            Line((-0.1, 0), (0.46, 0), 0.026, "tan"),
            Line((0.46, 0), (0.52, 0.13), 0.04, "black"),
            grip="forearm",
            angle=0,
        ),
        ground(box(-0.045, -0.015, 0.045, 0.015, "black"), path=((0.6, 0.03), (0.8, 0.03))),
        held(Disc((-0.005, 0.02), 0.082, "accent"), at="head", layer="middle"),
        held(Disc((-0.005, 0.03), 0.075, "accent"), at="head"),
    ),
    _winter_sport(
        "curling",
        0.8,
        (
            pose((30, 50), (50, 60), KNEELING, torso=48, head=-30),
            pose((50, 66), (60, 70), KNEELING, torso=50, head=-30),
        ),
        _SNOW,
        held(
            Line((-0.14, 0), (0.32, 0), 0.018, "red"),
            Line((0.32, -0.08), (0.32, 0.08), 0.045, "yellow"),
            angle=38,
        ),
        ground(
            oval(0, 0.06, 0.12, 0.062, "grey"),
            Line((-0.03, 0.14), (0.07, 0.14), 0.03, "red"),
            offset=(0.78, 0),
        ),
    ),
    _winter_sport(
        "sledding",
        0.9,
        sway(both((60, 84), ((78, 70), (74, 66)), torso=-14, lift=0.1), torso=10, arm=20),
        _SNOW,
        ground(
            Line((-0.34, 0.02), (0.4, 0.02), 0.02, "steel"),
            Line((0.4, 0.02), (0.5, 0.14), 0.02, "steel"),
            Line((-0.34, 0.1), (0.44, 0.1), 0.04, "wood"),
            Line((-0.2, 0.02), (-0.2, 0.1), 0.02, "wood"),
            Line((0.25, 0.02), (0.25, 0.1), 0.02, "wood"),
        ),
    ),
)
