"""Throwing, jumping and combat of the rendered world."""

from stillseek.synthetic.rendered.activity import Activity
from stillseek.synthetic.rendered.poses import (
    HALF_SQUAT,
    LUNGE,
    RUN_A,
    RUN_B,
    SQUAT,
    STANDING,
    STRIDE_A,
    WIDE,
    both,
    pose,
)
from stillseek.synthetic.rendered.props import Disc, Line, Prop, ball, box, oval, stick

THROWS = (
    Activity(
        "javelin throw",
        "throwing",
        (
            pose((-100, -130), (80, 90), RUN_A, torso=-14),
            pose((-120, -150), (84, 92), RUN_B, torso=-16),
            pose((150, 120), (-20, 10), LUNGE, torso=18),
        ),
        1.8,
        (Prop(shape=stick(0.5, 0.016, "accent", 0.38), angle=106),),
    ),
    Activity(
        "discus throw",
        "throwing",
        (
            pose((-86, -90), (60, 80), HALF_SQUAT, torso=16),
            pose((10, 20), (-60, -50), LUNGE, torso=20),
            pose((104, 110), (-86, -70), WIDE, torso=-6),
        ),
        1.5,
        (
            Prop(shape=(oval(0, 0, 0.08, 0.035, "darkwood"), oval(0, 0, 0.04, 0.016, "metal"))),
            Prop(
                shape=tuple(
                    Line((u, 0), (u, 1.2), 0.012, "green")
                    for u in (-0.75, -0.6, -0.45, 0.7, 0.85, 1.0)
                ),
                at="ground",
                layer="back",
            ),
        ),
    ),
    Activity(
        "shot put",
        "throwing",
        (
            pose((40, 200), (70, 80), SQUAT, torso=-26),
            pose((70, 190), (30, 40), HALF_SQUAT, torso=0),
            pose((130, 134), (-60, -40), WIDE, torso=10),
        ),
        1.8,
        (
            Prop(shape=ball(0.058, "steel"), offset=(0.01, 0.04)),
            Prop(shape=(box(0.36, 0, 0.5, 0.07, "white"),), at="ground"),
        ),
    ),
    Activity(
        "hammer throw",
        "throwing",
        (
            both((92, 92), HALF_SQUAT, torso=-20),
            both((150, 150), WIDE, torso=-14),
            both((-92, -96), HALF_SQUAT, torso=12),
            both((40, 40), HALF_SQUAT, torso=-6),
        ),
        1.2,
        (
            Prop(
                shape=(Line((0, 0), (0.42, 0), 0.01, "black"), Disc((0.46, 0), 0.062, "steel")),
                grip="forearm",
                angle=0,
            ),
        ),
    ),
)

JUMPS = (
    Activity(
        "hurdles",
        "jumping",
        (
            pose((70, 120), (-50, -20), RUN_B, torso=14),
            pose((80, 100), (-40, 0), ((96, 84), (-70, -140)), torso=34, lift=0.3),
            pose((-50, -20), (70, 120), RUN_A, torso=12),
        ),
        1.2,
        (
            Prop(
                shape=(
                    Line((0, 0), (0, 0.4), 0.03, "black"),
                    Line((0.34, 0), (0.34, 0.4), 0.03, "black"),
                    box(-0.04, 0.34, 0.38, 0.44, "white"),
                    box(0.08, 0.34, 0.14, 0.44, "red"),
                    box(0.22, 0.34, 0.28, 0.44, "red"),
                ),
                at="ground",
                offset=(0.05, 0),
            ),
        ),
    ),
    Activity(
        "high jump",
        "jumping",
        (
            pose((150, 160), (-40, -20), RUN_A, torso=-10, lift=0.02, shift=-0.3),
            pose((-160, -170), (-150, -160), ((40, -40), (46, -34)), torso=-100, lift=0.72),
            pose((150, 170), (160, 180), ((70, 60), (76, 66)), torso=-96, lift=0.42, shift=0.36),
        ),
        2.2,
        (
            Prop(
                shape=(
                    Line((-0.1, 0), (-0.1, 0.95), 0.03, "steel"),
                    Line((0.24, 0), (0.24, 0.95), 0.03, "steel"),
                    Line((-0.1, 0.74), (0.24, 0.74), 0.024, "red"),
                    box(0.2, 0, 1.0, 0.24, "blue"),
                ),
                at="ground",
                layer="back",
            ),
        ),
    ),
    Activity(
        "pole vault",
        "jumping",
        (
            pose((120, 160), (80, 110), RUN_A, shift=-0.25),
            pose((175, 185), (120, 150), ((80, 20), (-10, -20)), torso=-24, lift=0.4),
            pose((150, 160), (100, 120), ((150, 160), (140, 150)), torso=-120, lift=0.75),
        ),
        2.4,
        (
            Prop(shape=stick(0.5, 0.02, "yellow", 0.85), grip="hands", angle=180),
            Prop(
                shape=(
                    Line((0.3, 0), (0.3, 1.5), 0.03, "steel"),
                    Line((0.15, 1.32), (0.65, 1.32), 0.022, "red"),
                    box(0.35, 0, 1.1, 0.24, "green"),
                ),
                at="ground",
                layer="back",
            ),
        ),
    ),
    Activity(
        "rope skipping",
        "jumping",
        (pose((30, 70), (-30, -70), STANDING, lift=0.0), pose((34, 80), (-34, -80), lift=0.14)),
        0.55,
        (
            Prop(
                shape=tuple(
                    Line(a, b, 0.014, "accent")
                    for a, b in (
                        ((-0.3, 0.5), (-0.44, 0.15)),
                        ((-0.44, 0.15), (-0.25, -0.1)),
                        ((-0.25, -0.1), (0.25, -0.1)),
                        ((0.25, -0.1), (0.44, 0.15)),
                        ((0.44, 0.15), (0.3, 0.5)),
                    )
                ),
                at="ground",
                path=((0, 0.1), (0, 0.1), (0, 0.62), (0, 0.62)),
            ),
        ),
    ),
)

COMBAT = (
    Activity(
        "boxing",
        "combat",
        (
            pose((50, 150), (88, 92), STRIDE_A, torso=8),
            pose((90, 92), (46, 150), STRIDE_A, torso=16),
        ),
        0.7,
        (
            Prop(shape=ball(0.058, "red"), at="near_hand"),
            Prop(shape=ball(0.055, "red"), at="far_hand", layer="back"),
            Prop(
                shape=(
                    Line((0, 1.05), (0, 1.8), 0.014, "steel"),
                    Line((0, 0.5), (0, 1.0), 0.17, "darkwood"),
                ),
                at="ground",
                offset=(0.52, 0),
                layer="back",
            ),
        ),
    ),
    Activity(
        "fencing",
        "combat",
        (
            pose((60, 110), (-120, -170), HALF_SQUAT, torso=0),
            pose((90, 92), (-80, -80), ((78, 4), (-40, -52)), torso=12),
        ),
        1.3,
        (
            Prop(
                shape=(Disc((0.03, 0), 0.036, "metal"), Line((0, 0), (0.48, 0), 0.012, "white")),
                grip="forearm",
                angle=0,
            ),
            Prop(shape=(Disc((0.012, 0), 0.064, "black"),), at="head"),
        ),
    ),
    Activity(
        "karate",
        "combat",
        (
            pose((30, 130), (50, 140), ((98, -20), (-4, -8)), torso=-8),
            pose((0, 60), (40, 130), ((112, 114), (-8, -12)), torso=-34),
        ),
        1.1,
        (
            Prop(
                shape=(box(-0.025, -0.065, 0.02, 0.065, "black"),), at="hip", grip="torso", angle=0
            ),
        ),
    ),
    Activity(
        "kendo",
        "combat",
        (both((160, 210), STRIDE_A), both((92, 98), LUNGE, torso=12)),
        1.0,
        (
            Prop(shape=stick(0.5, 0.026, "tan", 0.08), grip="forearm", angle=0),
            Prop(
                shape=(
                    Disc((0, 0), 0.075, "blue"),
                    Line((0.03, -0.04), (0.03, 0.05), 0.03, "metal"),
                ),
                at="head",
            ),
            Prop(
                shape=(box(-0.1, -0.07, 0.16, 0.07, "blue"),),
                at="hip",
                grip="torso",
                angle=0,
                layer="front",
            ),
        ),
    ),
)
