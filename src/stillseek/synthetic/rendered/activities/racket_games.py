"""Racket games of the rendered world."""

from functools import partial

from stillseek.synthetic.rendered.activity import activity
from stillseek.synthetic.rendered.poses import HALF_SQUAT, LUNGE, STANDING, STRIDE_A, WIDE, pose
from stillseek.synthetic.rendered.props import (
    Disc,
    Line,
    Polygon,
    Shape,
    backdrop,
    ball,
    box,
    ground,
    held,
)

_NET: Shape = (
    Line((0, 0), (0, 0.42), 0.025, "steel"),
    box(-0.04, 0.2, 0.1, 0.4, "white"),
    Line((-0.04, 0.3), (0.1, 0.3), 0.01, "grey"),
    Line((0.03, 0.2), (0.03, 0.4), 0.01, "grey"),
)

_RACKET: Shape = (
    Line((0, 0), (0.12, 0), 0.026, "black"),
    Disc((0.22, 0), 0.1, "white"),
    Disc((0.22, 0), 0.1, "accent", 0.022),
)

_THIN_RACKET: Shape = (
    Line((0, 0), (0.24, 0), 0.014, "steel"),
    Disc((0.31, 0), 0.07, "ice"),
    Disc((0.31, 0), 0.07, "accent", 0.014),
)

_PADDLE_BAT: Shape = (Line((0, 0), (0.06, 0), 0.03, "wood"), Disc((0.11, 0), 0.062, "red"))

_SHUTTLE: Shape = (
    Polygon(((0, 0), (0.08, 0.035), (0.08, -0.035)), "white"),
    Disc((0, 0), 0.02, "red"),
)

_TABLE_TENNIS: Shape = (
    box(0, 0.33, 1.1, 0.375, "blue"),
    Line((0.08, 0), (0.08, 0.33), 0.03, "steel"),
    Line((1.0, 0), (1.0, 0.33), 0.03, "steel"),
    box(0.54, 0.375, 0.56, 0.46, "white"),
)

_SWING = (
    pose((-58, -30), (40, 60), WIDE, torso=-4),
    pose((-20, 10), (20, 40), LUNGE, torso=6),
    pose((82, 88), (-20, 0), LUNGE, torso=12),
    pose((140, 190), (-10, 20), WIDE, torso=6),
)

_SMASH = (
    pose((200, 250), (120, 130), WIDE, torso=-8),
    pose((176, 186), (80, 60), STANDING, torso=0, lift=0.12),
    pose((96, 70), (20, 20), STRIDE_A, torso=14),
)

_racket_sport = partial(activity, "racket sports")
RACKETS = (
    _racket_sport(
        "tennis",
        1.5,
        _SWING,
        held(*_RACKET, grip="forearm", angle=0),
        backdrop(*_NET, offset=(0.85, 0)),
        ground(*ball(0.035, "yellow"), path=((1.5, 0.8), (0.9, 0.65), (0.42, 0.55), (1.1, 0.85))),
    ),
    _racket_sport(
        "badminton",
        1.3,
        _SMASH,
        held(*_THIN_RACKET, grip="forearm", angle=0),
        backdrop(
            Line((0, 0), (0, 0.75), 0.02, "wood"),
            box(-0.05, 0.48, 0.05, 0.74, "white"),
            Line((-0.05, 0.6), (0.05, 0.6), 0.01, "steel"),
            offset=(0.85, 0),
        ),
        ground(*_SHUTTLE, path=((1.2, 1.1), (0.4, 1.2), (1.1, 0.9)), angle=-60),
    ),
    _racket_sport(
        "table tennis",
        0.8,
        (
            pose((-10, 60), (20, 70), HALF_SQUAT, torso=20),
            pose((50, 95), (20, 80), HALF_SQUAT, torso=28),
            pose((70, 140), (10, 70), HALF_SQUAT, torso=18),
        ),
        held(*_PADDLE_BAT, grip="forearm", angle=0),
        ground(*_TABLE_TENNIS, offset=(0.36, 0)),
        ground(*ball(0.022, "white"), path=((1.4, 0.55), (0.6, 0.42), (0.4, 0.5), (1.1, 0.6))),
    ),
    _racket_sport(
        "squash",
        1.2,
        (
            pose((-70, -100), (60, 70), LUNGE, torso=18),
            pose((10, 20), (40, 40), LUNGE, torso=34),
            pose((70, 100), (-30, -10), LUNGE, torso=26),
        ),
        held(*_RACKET, grip="forearm", angle=0),
        backdrop(
            box(0, 0, 0.12, 1.3, "white"),
            box(0, 0.85, 0.12, 0.89, "red"),
            box(0, 0.2, 0.12, 0.24, "red"),
            offset=(0.95, 0),
        ),
        ground(*ball(0.026, "black"), path=((0.95, 0.7), (0.5, 0.3), (0.45, 0.2), (0.7, 0.5))),
    ),
)
