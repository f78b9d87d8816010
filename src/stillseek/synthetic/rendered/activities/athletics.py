"""Throwing, jumping and combat of the rendered world."""

from functools import partial

from stillseek.synthetic.rendered.activity import activity
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
from stillseek.synthetic.rendered.props import (
    Disc,
    Line,
    backdrop,
    ball,
    box,
    ground,
    held,
    oval,
    stick,
)

_throwing = partial(activity, "throwing")
THROWS = (
    _throwing(
        "javelin throw",
        1.8,
        (
            pose((-100, -130), (80, 90), RUN_A, torso=-14),
            pose((-120, -150), (84, 92), RUN_B, torso=-16),
            pose((150, 120), (-20, 10), LUNGE, torso=18),
        ),
        held(*stick(0.5, 0.016, "accent", 0.38), angle=106),
    ),
    _throwing(
        "discus throw",
        1.5,
        (
            pose((-86, -90), (60, 80), HALF_SQUAT, torso=16),
            pose((10, 20), (-60, -50), LUNGE, torso=20),
            pose((104, 110), (-86, -70), WIDE, torso=-6),
        ),
        held(oval(0, 0, 0.08, 0.035, "darkwood"), oval(0, 0, 0.04, 0.016, "metal")),
        backdrop(
            *(Line((u, 0), (u, 1.2), 0.012, "green") for u in (-0.75, -0.6, -0.45, 0.7, 0.85, 1.0))
        ),
    ),
    _throwing(
        "shot put",
        1.8,
        (
            pose((40, 200), (70, 80), SQUAT, torso=-26),
            pose((70, 190), (30, 40), HALF_SQUAT, torso=0),
            pose((130, 134), (-60, -40), WIDE, torso=10),
        ),
        held(*ball(0.058, "steel"), offset=(0.01, 0.04)),
        ground(box(0.36, 0, 0.5, 0.07, "white")),
    ),
    _throwing(
        "hammer throw",
        1.2,
        (
            both((92, 92), HALF_SQUAT, torso=-20),
            both((150, 150), WIDE, torso=-14),
            both((-92, -96), HALF_SQUAT, torso=12),
            both((40, 40), HALF_SQUAT, torso=-6),
        ),
        held(
            Line((0, 0), (0.42, 0), 0.01, "black"),
            Disc((0.46, 0), 0.062, "steel"),
            grip="forearm",
            angle=0,
        ),
    ),
)

_jumping = partial(activity, "jumping")
JUMPS = (
    _jumping(
        "hurdles",
        1.2,
        (
            pose((70, 120), (-50, -20), RUN_B, torso=14),
            pose((80, 100), (-40, 0), ((96, 84), (-70, -140)), torso=34, lift=0.3),
            pose((-50, -20), (70, 120), RUN_A, torso=12),
        ),
        ground(
            Line((0, 0), (0, 0.4), 0.03, "black"),
            Line((0.34, 0), (0.34, 0.4), 0.03, "black"),
            box(-0.04, 0.34, 0.38, 0.44, "white"),
            box(0.08, 0.34, 0.14, 0.44, "red"),
            box(0.22, 0.34, 0.28, 0.44, "red"),
            offset=(0.05, 0),
        ),
    ),
    _jumping(
        "high jump",
        2.2,
        (
            pose((150, 160), (-40, -20), RUN_A, torso=-10, lift=0.02, shift=-0.3),
            pose((-160, -170), (-150, -160), ((40, -40), (46, -34)), torso=-100, lift=0.72),
            pose((150, 170), (160, 180), ((70, 60), (76, 66)), torso=-96, lift=0.42, shift=0.36),
        ),
        backdrop(
            Line((-0.1, 0), (-0.1, 0.95), 0.03, "steel"),
            Line((0.24, 0), (0.24, 0.95), 0.03, "steel"),
            Line((-0.1, 0.74), (0.24, 0.74), 0.024, "red"),
            box(0.2, 0, 1.0, 0.24, "blue"),
        ),
    ),
    _jumping(
        "pole vault",
        2.4,
        (
            pose((120, 160), (80, 110), RUN_A, shift=-0.25),
            pose((175, 185), (120, 150), ((80, 20), (-10, -20)), torso=-24, lift=0.4),
            pose((150, 160), (100, 120), ((150, 160), (140, 150)), torso=-120, lift=0.75),
        ),
        held(*stick(0.5, 0.02, "yellow", 0.85), grip="hands", angle=180),
        backdrop(
            Line((0.3, 0), (0.3, 1.5), 0.03, "steel"),
            Line((0.15, 1.32), (0.65, 1.32), 0.022, "red"),
            box(0.35, 0, 1.1, 0.24, "green"),
        ),
    ),
    _jumping(
        "rope skipping",
        0.55,
        (pose((30, 70), (-30, -70), STANDING, lift=0.0), pose((34, 80), (-34, -80), lift=0.14)),
        ground(
            *(
                Line(a, b, 0.014, "accent")
                for a, b in (
                    ((-0.3, 0.5), (-0.44, 0.15)),
                    ((-0.44, 0.15), (-0.25, -0.1)),
                    ((-0.25, -0.1), (0.25, -0.1)),
                    ((0.25, -0.1), (0.44, 0.15)),
                    ((0.44, 0.15), (0.3, 0.5)),
                )
            ),
            path=((0, 0.1), (0, 0.1), (0, 0.62), (0, 0.62)),
        ),
    ),
)

_combat = partial(activity, "combat")
COMBAT = (
    _combat(
        "boxing",
        0.7,
        (
            pose((50, 150), (88, 92), STRIDE_A, torso=8),
            pose((90, 92), (46, 150), STRIDE_A, torso=16),
        ),
        held(*ball(0.058, "red")),
        held(*ball(0.055, "red"), at="far_hand", layer="back"),
        backdrop(
            Line((0, 1.05), (0, 1.8), 0.014, "steel"),
            Line((0, 0.5), (0, 1.0), 0.17, "darkwood"),
            offset=(0.52, 0),
        ),
    ),
    _combat(
        "fencing",
        1.3,
        (
            pose((60, 110), (-120, -170), HALF_SQUAT, torso=0),
            pose((90, 92), (-80, -80), ((78, 4), (-40, -52)), torso=12),
        ),
        held(
            Disc((0.03, 0), 0.036, "metal"),
            Line((0, 0), (0.48, 0), 0.012, "white"),
            grip="forearm",
            angle=0,
        ),
        held(Disc((0.012, 0), 0.064, "black"), at="head"),
    ),
    _combat(
        "karate",
        1.1,
        (
            pose((30, 130), (50, 140), ((98, -20), (-4, -8)), torso=-8),
            pose((0, 60), (40, 130), ((112, 114), (-8, -12)), torso=-34),
        ),
        held(box(-0.025, -0.065, 0.02, 0.065, "black"), at="hip", grip="torso", angle=0),
    ),
    _combat(
        "kendo",
        1.0,
        (both((160, 210), STRIDE_A), both((92, 98), LUNGE, torso=12)),
        held(*stick(0.5, 0.026, "tan", 0.08), grip="forearm", angle=0),
        held(
            Disc((0, 0), 0.075, "blue"), Line((0.03, -0.04), (0.03, 0.05), 0.03, "metal"), at="head"
        ),
        held(box(-0.1, -0.07, 0.16, 0.07, "blue"), at="hip", grip="torso", angle=0),
    ),
)
