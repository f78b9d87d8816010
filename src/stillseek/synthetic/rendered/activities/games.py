"""Games with rackets, balls, bats and clubs, and aiming, of the rendered world."""

from stillseek.synthetic.rendered.activity import activity
from stillseek.synthetic.rendered.poses import (
    HALF_SQUAT,
    KNEELING,
    LUNGE,
    STANDING,
    STRIDE_A,
    WIDE,
    both,
    pose,
)
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
    posts,
    stick,
    swung,
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
    *posts(0.33, 0.03, "steel", 0.08, 1.0),
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

RACKETS = (
    activity("racket sports", "tennis", 1.5)(
        *_SWING,
        swung(*_RACKET),
        backdrop(*_NET, offset=(0.85, 0)),
        ground(*ball(0.035, "yellow"), path=((1.5, 0.8), (0.9, 0.65), (0.42, 0.55), (1.1, 0.85))),
    ),
    activity("racket sports", "badminton", 1.3)(
        *_SMASH,
        swung(*_THIN_RACKET),
        backdrop(
            Line((0, 0), (0, 0.75), 0.02, "wood"),
            box(-0.05, 0.48, 0.05, 0.74, "white"),
            Line((-0.05, 0.6), (0.05, 0.6), 0.01, "steel"),
            offset=(0.85, 0),
        ),
        ground(*_SHUTTLE, path=((1.2, 1.1), (0.4, 1.2), (1.1, 0.9)), angle=-60),
    ),
    activity("racket sports", "table tennis", 0.8)(
        pose((-10, 60), (20, 70), HALF_SQUAT, torso=20),
        pose((50, 95), (20, 80), HALF_SQUAT, torso=28),
        pose((70, 140), (10, 70), HALF_SQUAT, torso=18),
        swung(*_PADDLE_BAT),
        ground(*_TABLE_TENNIS, offset=(0.36, 0)),
        ground(*ball(0.022, "white"), path=((1.4, 0.55), (0.6, 0.42), (0.4, 0.5), (1.1, 0.6))),
    ),
    activity("racket sports", "squash", 1.2)(
        pose((-70, -100), (60, 70), LUNGE, torso=18),
        pose((10, 20), (40, 40), LUNGE, torso=34),
        pose((70, 100), (-30, -10), LUNGE, torso=26),
        swung(*_RACKET),
        backdrop(
            box(0, 0, 0.12, 1.3, "white"),
            box(0, 0.85, 0.12, 0.89, "red"),
            box(0, 0.2, 0.12, 0.24, "red"),
            offset=(0.95, 0),
        ),
        ground(*ball(0.026, "black"), path=((0.95, 0.7), (0.5, 0.3), (0.45, 0.2), (0.7, 0.5))),
    ),
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

HAND_BALLS = (
    activity("hand ball games", "basketball", 0.7)(
        pose((30, 60), (30, 80), HALF_SQUAT, torso=16),
        pose((20, 20), (36, 90), STRIDE_A, torso=20),
        pose((30, 62), (30, 80), HALF_SQUAT, torso=16),
        backdrop(*_HOOP, offset=(0.9, 0)),
        ground(
            *ball(0.085, "orange", "darkwood"),
            path=((0.34, 0.42), (0.34, 0.09), (0.34, 0.42)),
            spins=1,
        ),
    ),
    activity("hand ball games", "volleyball", 1.2)(
        both((120, 160), HALF_SQUAT, torso=-2, head=-16),
        both((155, 178), STANDING, torso=-4, head=-20, lift=0.04),
        both((130, 150), HALF_SQUAT, head=-14),
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
    activity("hand ball games", "bowling", 2.0)(
        pose((-62, -50), (40, 50), STRIDE_A, torso=24),
        pose((4, 6), (-50, -40), LUNGE, torso=42),
        pose((95, 120), (-60, -40), LUNGE, torso=30),
        backdrop(*_PINS, offset=(0.85, 0)),
        backdrop(box(-0.5, -0.02, 1.3, 0.015, "tan")),
        swung(*ball(0.075, "black"), Disc((0.02, 0.02), 0.014, "white"), offset=(0.0, -0.05)),
    ),
)

_KICK = (
    pose((-40, -20), (50, 70), ((-48, -100), (10, 0)), torso=10),
    pose((20, 40), (-20, 0), ((30, 10), (0, -4)), torso=4),
    pose((50, 70), (-50, -30), ((84, 78), (-4, -8)), torso=-12),
)

KICK_BALLS = (
    activity("kick ball games", "soccer", 1.4)(
        *_KICK,
        backdrop(
            *posts(0.72, 0.03, "white", 0, 0.5),
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
    activity("kick ball games", "rugby kick", 1.7)(
        *_KICK,
        backdrop(
            *posts(1.5, 0.035, "white", 0, 0.42),
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
    activity("kick ball games", "footbag", 0.8)(
        pose((40, 60), (-40, -50), ((60, -58), (0, -4)), torso=2, head=18),
        pose((20, 40), (-20, -20), ((92, -50), (2, -6)), torso=6, head=24),
        ground(*ball(0.045, "accent", "accent2"), path=((0.2, 0.85), (0.16, 0.4)), spins=1),
    ),
)

AIMING = (
    activity("aiming", "archery", 2.2)(
        pose((88, 250), (92, 92), WIDE, torso=-2),
        pose((70, 110), (92, 92), WIDE),
        held(
            Line((0, 0.0), (-0.04, 0.2), 0.022, "darkwood"),
            Line((-0.04, 0.2), (-0.12, 0.32), 0.018, "darkwood"),
            Line((0, 0.0), (-0.04, -0.2), 0.022, "darkwood"),
            Line((-0.04, -0.2), (-0.12, -0.32), 0.018, "darkwood"),
            Line((-0.12, 0.32), (-0.12, -0.32), 0.008, "white"),
            Line((-0.2, 0), (0.1, 0), 0.012, "yellow"),
            at="far_hand",
        ),
        backdrop(
            Disc((0, 0), 0.17, "white"),
            Disc((0, 0), 0.12, "blue"),
            Disc((0, 0), 0.075, "red"),
            Disc((0, 0), 0.03, "yellow"),
            offset=(1.0, 0.7),
        ),
    ),
    activity("aiming", "darts", 1.2)(
        pose((100, 200), (-8, 0), STRIDE_A),
        pose((96, 100), (-8, 0), STRIDE_A, torso=8),
        held(
            Line((-0.03, 0), (0.08, 0), 0.014, "metal"),
            Polygon(((-0.07, 0.03), (-0.02, 0), (-0.07, -0.03)), "red"),
        ),
        backdrop(
            Disc((0, 0), 0.15, "black"),
            Disc((0, 0), 0.11, "tan"),
            Disc((0, 0), 0.07, "green", 0.02),
            Disc((0, 0), 0.022, "red"),
            offset=(0.85, 0.88),
        ),
    ),
    activity("aiming", "rifle shooting", 1.8)(
        pose((60, 120), (84, 96), KNEELING, torso=6, head=8),
        pose((56, 118), (84, 98), KNEELING, torso=0, head=6),
        held(
            Line((-0.1, 0.0), (0.42, 0.03), 0.02, "black"),
            Polygon(((-0.22, -0.06), (-0.2, 0.03), (-0.02, 0.02), (-0.02, -0.02)), "wood"),
            Line((0.08, 0.05), (0.18, 0.055), 0.02, "steel"),
            offset=(0.02, 0.02),
        ),
    ),
    activity("aiming", "billiards", 1.4)(
        pose((-30, 40), (70, 80), STRIDE_A, torso=58, head=-30),
        pose((-10, 64), (70, 80), STRIDE_A, torso=58, head=-30),
        ground(
            box(0.0, 0.34, 1.1, 0.44, "darkwood"),
            box(0.04, 0.42, 1.06, 0.45, "green"),
            box(0.1, 0, 0.18, 0.34, "darkwood"),
            box(0.9, 0, 0.98, 0.34, "darkwood"),
            Disc((0.5, 0.47), 0.028, "white"),
            Disc((0.72, 0.47), 0.028, "red"),
            Disc((0.8, 0.47), 0.028, "yellow"),
            offset=(0.26, 0),
        ),
        held(*stick(0.55, 0.016, "tan", 0.14), grip="hands", angle=0),
    ),
)

_CLUB: Shape = (
    Line((0, 0), (0.42, 0), 0.014, "metal"),
    Polygon(((0.4, -0.015), (0.46, -0.015), (0.46, 0.09), (0.41, 0.07)), "black"),
)

_BAT: Shape = (
    Line((-0.04, 0), (0.14, 0), 0.028, "black"),
    Line((0.12, 0), (0.42, 0), 0.055, "tan"),
)

_HOCKEY: Shape = (
    Line((-0.06, 0), (0.46, 0), 0.024, "wood"),
    Line((0.45, 0), (0.48, 0.09), 0.034, "wood"),
)

CLUBS = (
    activity("bat and club games", "golf", 2.2)(
        both((-150, -190), WIDE, torso=14),
        both((-40, -20), WIDE, torso=24),
        both((14, 20), WIDE, torso=28, head=10),
        both((130, 190), WIDE, torso=0),
        swung(*_CLUB),
        ground(*ball(0.024, "white"), offset=(0.32, 0.03)),
        backdrop(
            Line((0, 0), (0, 0.6), 0.014, "white"),
            Polygon(((0, 0.6), (0.16, 0.54), (0, 0.46)), "red"),
            offset=(0.9, 0),
        ),
    ),
    activity("bat and club games", "baseball", 1.4)(
        both((-130, -190), WIDE, torso=-6),
        both((60, 80), LUNGE, torso=8),
        both((120, 150), WIDE, torso=0),
        swung(*_BAT, angle=-20),
        ground(*ball(0.03, "white", "red"), path=((1.3, 0.75), (0.7, 0.6), (1.2, 0.95))),
        ground(
            Polygon(((-0.1, 0), (0.1, 0), (0.14, 0.03), (-0.06, 0.03)), "white"), offset=(0.25, 0)
        ),
    ),
    activity("bat and club games", "croquet", 1.6)(
        both((-36, -30), WIDE, torso=34, head=16),
        both((20, 24), WIDE, torso=30, head=20),
        swung(Line((-0.05, 0), (0.36, 0), 0.02, "wood"), box(0.34, -0.1, 0.42, 0.1, "darkwood")),
        ground(*ball(0.045, "blue"), offset=(0.4, 0.05)),
        ground(Disc((0, 0.02), 0.12, "white", 0.018), offset=(0.8, 0)),
    ),
    activity("bat and club games", "grass hockey", 1.1)(
        pose((-10, 0), (24, 30), LUNGE, torso=46, head=-20),
        pose((30, 34), (46, 50), STRIDE_A, torso=44, head=-18),
        pose((12, 16), (34, 40), LUNGE, torso=48, head=-20),
        swung(*_HOCKEY),
        ground(*ball(0.04, "orange"), path=((0.5, 0.04), (0.7, 0.04))),
        backdrop(box(-0.6, -0.02, 1.2, 0.02, "green")),
    ),
)
