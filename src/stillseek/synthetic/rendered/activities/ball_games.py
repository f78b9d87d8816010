"""Hand and kick ball games of the rendered world."""

from functools import partial

from stillseek.synthetic.rendered.activity import activity
from stillseek.synthetic.rendered.poses import HALF_SQUAT, LUNGE, STANDING, STRIDE_A, both, pose
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
    oval,
)

_HOOP: Shape = (
    Line((0.12, 0), (0.12, 1.35), 0.045, "steel"),
    box(0.04, 1.12, 0.08, 1.5, "white"),
    Line((-0.2, 1.2), (0.04, 1.2), 0.025, "orange"),
    Polygon(((-0.19, 1.19), (0.02, 1.19), (-0.03, 1.03), (-0.13, 1.03)), "white"),
)

_PINS: Shape = tuple(
    part
    for u in (0.0, 0.09, 0.18, 0.27)
    for part in (
        oval(u, 0.09, 0.032, 0.09, "white"),
        oval(u, 0.19, 0.018, 0.04, "white"),
        Line((u - 0.02, 0.15), (u + 0.02, 0.15), 0.014, "red"),
    )
)

_hand_ball_game = partial(activity, "hand ball games")
HAND_BALLS = (
    _hand_ball_game(
        "basketball",
        0.7,
        (
            pose((30, 60), (30, 80), HALF_SQUAT, torso=16),
            pose((20, 20), (36, 90), STRIDE_A, torso=20),
            pose((30, 62), (30, 80), HALF_SQUAT, torso=16),
        ),
        backdrop(*_HOOP, offset=(0.9, 0)),
        ground(
            *ball(0.085, "orange", "darkwood"),
            path=((0.34, 0.42), (0.34, 0.09), (0.34, 0.42)),
            spins=1,
        ),
    ),
    _hand_ball_game(
        "volleyball",
        1.2,
        (
            both((120, 160), HALF_SQUAT, torso=-2, head=-16),
            both((155, 178), STANDING, torso=-4, head=-20, lift=0.04),
            both((130, 150), HALF_SQUAT, head=-14),
        ),
        backdrop(
            Line((0, 0), (0, 1.15), 0.03, "steel"),
            box(-0.06, 0.78, 0.08, 1.12, "yellow"),
            Line((-0.06, 0.95), (0.08, 0.95), 0.015, "black"),
            offset=(0.8, 0),
        ),
        ground(
            *ball(0.08, "white", "blue"), path=((0.12, 1.08), (0.25, 1.4), (0.14, 1.1)), spins=1
        ),
    ),
    _hand_ball_game(
        "bowling",
        2.0,
        (
            pose((-62, -50), (40, 50), STRIDE_A, torso=24),
            pose((4, 6), (-50, -40), LUNGE, torso=42),
            pose((95, 120), (-60, -40), LUNGE, torso=30),
        ),
        backdrop(*_PINS, offset=(0.85, 0)),
        backdrop(box(-0.5, -0.02, 1.3, 0.015, "tan")),
        held(
            *ball(0.075, "black"),
            Disc((0.02, 0.02), 0.014, "white"),
            grip="forearm",
            offset=(0.0, -0.05),
            angle=0,
        ),
    ),
)

_KICK = (
    pose((-40, -20), (50, 70), ((-48, -100), (10, 0)), torso=10),
    pose((20, 40), (-20, 0), ((30, 10), (0, -4)), torso=4),
    pose((50, 70), (-50, -30), ((84, 78), (-4, -8)), torso=-12),
)

_kick_ball_game = partial(activity, "kick ball games")
KICK_BALLS = (
    _kick_ball_game(
        "soccer",
        1.4,
        _KICK,
        backdrop(
            Line((0, 0), (0, 0.72), 0.03, "white"),
            Line((0.5, 0), (0.5, 0.72), 0.03, "white"),
            Line((0, 0.72), (0.5, 0.72), 0.03, "white"),
            *(Line((0.1 * k, 0), (0.1 * k, 0.72), 0.008, "grey") for k in range(1, 5)),
            *(Line((0, 0.15 * k), (0.5, 0.15 * k), 0.008, "grey") for k in range(1, 5)),
            offset=(0.75, 0),
        ),
        ground(
            *ball(0.07, "white"),
            Disc((0, 0), 0.026, "black"),
            path=((0.22, 0.07), (0.26, 0.07), (0.62, 0.2)),
            spins=1,
        ),
    ),
    _kick_ball_game(
        "rugby kick",
        1.7,
        _KICK,
        backdrop(
            Line((0, 0), (0, 1.5), 0.035, "white"),
            Line((0.42, 0), (0.42, 1.5), 0.035, "white"),
            Line((0, 0.7), (0.42, 0.7), 0.03, "white"),
            offset=(0.8, 0),
        ),
        ground(
            oval(0, 0, 0.1, 0.055, "brown"),
            Line((-0.05, 0), (0.05, 0), 0.012, "white"),
            path=((0.24, 0.12), (0.28, 0.13), (0.66, 0.5)),
            spins=1,
        ),
    ),
    _kick_ball_game(
        "footbag",
        0.8,
        (
            pose((40, 60), (-40, -50), ((60, -58), (0, -4)), torso=2, head=18),
            pose((20, 40), (-20, -20), ((92, -50), (2, -6)), torso=6, head=24),
        ),
        ground(*ball(0.045, "accent", "accent2"), path=((0.2, 0.85), (0.16, 0.4)), spins=1),
    ),
)
