"""Boards, snow and ice of the rendered world."""

from stillseek.synthetic.rendered.activity import Activity
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
from stillseek.synthetic.rendered.props import Disc, Line, Polygon, Prop, Shape, box, oval

_WAVES: Shape = (
    box(-4, -0.6, 4, 0.03, "water"),
    *(Line((-3.2 + 0.4 * k, 0.03), (-3.05 + 0.4 * k, 0.03), 0.02, "ice") for k in range(17)),
)

_WATER = Prop(shape=_WAVES, at="ground", layer="front", offset=(0, 0.0))

BOARDS = (
    Activity(
        "skateboarding",
        "boards",
        (
            pose((80, 60), (-80, -60), HALF_SQUAT, torso=14, lift=0.1),
            pose((100, 90), (-100, -90), SQUAT, torso=20, lift=0.26),
            pose((70, 50), (-70, -50), HALF_SQUAT, torso=10, lift=0.1),
        ),
        1.3,
        (
            Prop(
                shape=(
                    Line((-0.17, 0.06), (0.2, 0.06), 0.03, "wood"),
                    Line((0.2, 0.06), (0.27, 0.1), 0.028, "wood"),
                    Line((-0.17, 0.06), (-0.24, 0.1), 0.028, "wood"),
                    Disc((-0.12, 0.025), 0.03, "accent"),
                    Disc((0.15, 0.025), 0.03, "accent"),
                ),
                at="ground",
                path=((0.05, 0), (0.05, 0.14), (0.05, 0)),
                layer="back",
            ),
        ),
    ),
    Activity(
        "surfing",
        "boards",
        sway(pose((96, 70), (-96, -70), ((60, -10), (-10, -40)), torso=16, lift=0.06), torso=16),
        1.6,
        (
            Prop(
                shape=(
                    Polygon(((-0.5, 0.0), (0.55, 0.02), (0.72, 0.1), (-0.5, 0.06)), "white"),
                    Line((-0.4, 0.03), (0.5, 0.05), 0.014, "accent"),
                ),
                at="ground",
                layer="back",
            ),
            Prop(
                shape=(
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
                at="ground",
                layer="back",
            ),
        ),
    ),
    Activity(
        "snowboarding",
        "boards",
        sway(pose((84, 70), (-70, -50), SQUAT, torso=16, lift=0.05), torso=18, arm=30),
        1.4,
        (
            Prop(
                shape=(
                    Line((-0.2, 0.02), (0.34, 0.02), 0.04, "accent"),
                    Line((0.34, 0.02), (0.42, 0.08), 0.036, "accent"),
                ),
                at="ground",
                offset=(0.06, 0),
            ),
            Prop(
                shape=(Polygon(((-4, 0.86), (4, -0.76), (4, -1.2), (-4, -1.2)), "ice"),),
                at="ground",
                layer="back",
            ),
            Prop(shape=(box(0.01, -0.02, 0.08, 0.035, "orange"),), at="head"),
        ),
    ),
    Activity(
        "windsurfing",
        "boards",
        sway(both((80, 96), HALF_SQUAT, torso=-26, lift=0.06), torso=10, arm=8),
        1.8,
        (
            Prop(shape=(box(-0.6, 0.0, 0.7, 0.06, "yellow"),), at="ground"),
            Prop(
                shape=(
                    Polygon(((0.34, 0.1), (0.4, 1.4), (-0.3, 0.42)), "accent"),
                    Line((0.34, 0.06), (0.4, 1.42), 0.024, "black"),
                    Line((-0.28, 0.55), (0.4, 0.6), 0.02, "steel"),
                ),
                at="ground",
                layer="back",
            ),
            _WATER,
        ),
    ),
)

_SNOW = Prop(shape=(box(-4, -0.6, 4, 0.02, "ice"),), at="ground", layer="back")

WINTER = (
    Activity(
        "skiing",
        "snow and ice",
        (
            pose((60, 10), (30, -30), HALF_SQUAT, torso=30),
            pose((20, -40), (70, 20), SQUAT, torso=36),
        ),
        1.2,
        (
            _SNOW,
            Prop(
                shape=(
                    Line((-0.4, 0.015), (0.5, 0.015), 0.024, "red"),
                    Line((0.5, 0.015), (0.58, 0.06), 0.022, "red"),
                ),
                at="ground",
            ),
            Prop(
                shape=(Line((-0.03, 0), (0.44, 0), 0.014, "black"), Disc((0.4, 0), 0.03, "grey")),
                at="near_hand",
                angle=-22,
            ),
            Prop(
                shape=(Line((-0.03, 0), (0.44, 0), 0.014, "black"), Disc((0.4, 0), 0.03, "grey")),
                at="far_hand",
                angle=-26,
                layer="back",
            ),
        ),
    ),
    Activity(
        "ice hockey",
        "snow and ice",
        (
            pose((-10, 10), (30, 44), STRIDE_A, torso=38, head=-16),
            pose((34, 44), (54, 60), LUNGE, torso=40, head=-16),
        ),
        1.0,
        (
            _SNOW,
            Prop(
                shape=(
                    Line((-0.1, 0), (0.46, 0), 0.026, "tan"),
                    Line((0.46, 0), (0.52, 0.13), 0.04, "black"),
                ),
                grip="forearm",
                angle=0,
            ),
            Prop(
                shape=(box(-0.045, -0.015, 0.045, 0.015, "black"),),
                at="ground",
                path=((0.6, 0.03), (0.8, 0.03)),
            ),
            Prop(shape=(Disc((-0.005, 0.02), 0.082, "accent"),), at="head", layer="middle"),
            Prop(shape=(Disc((-0.005, 0.03), 0.075, "accent"),), at="head"),
        ),
    ),
    Activity(
        "curling",
        "snow and ice",
        (
            pose((30, 50), (50, 60), KNEELING, torso=48, head=-30),
            pose((50, 66), (60, 70), KNEELING, torso=50, head=-30),
        ),
        0.8,
        (
            _SNOW,
            Prop(
                shape=(
                    Line((-0.14, 0), (0.32, 0), 0.018, "red"),
                    Line((0.32, -0.08), (0.32, 0.08), 0.045, "yellow"),
                ),
                angle=38,
            ),
            Prop(
                shape=(
                    oval(0, 0.06, 0.12, 0.062, "grey"),
                    Line((-0.03, 0.14), (0.07, 0.14), 0.03, "red"),
                ),
                at="ground",
                offset=(0.78, 0),
            ),
        ),
    ),
    Activity(
        "sledding",
        "snow and ice",
        sway(both((60, 84), ((78, 70), (74, 66)), torso=-14, lift=0.1), torso=10, arm=20),
        0.9,
        (
            _SNOW,
            Prop(
                shape=(
                    Line((-0.34, 0.02), (0.4, 0.02), 0.02, "steel"),
                    Line((0.4, 0.02), (0.5, 0.14), 0.02, "steel"),
                    Line((-0.34, 0.1), (0.44, 0.1), 0.04, "wood"),
                    Line((-0.2, 0.02), (-0.2, 0.1), 0.02, "wood"),
                    Line((0.25, 0.02), (0.25, 0.1), 0.02, "wood"),
                ),
                at="ground",
            ),
        ),
    ),
)
