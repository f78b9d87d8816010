"""Aiming, and games with bats and clubs of the rendered world."""

from functools import partial

from stillseek.synthetic.rendered.activity import activity
from stillseek.synthetic.rendered.poses import KNEELING, LUNGE, STRIDE_A, WIDE, both, pose
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
    stick,
)

_aiming = partial(activity, "aiming")
AIMING = (
    _aiming(
        "archery",
        2.2,
        (pose((88, 250), (92, 92), WIDE, torso=-2), pose((70, 110), (92, 92), WIDE)),
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
    _aiming(
        "darts",
        1.2,
        (pose((100, 200), (-8, 0), STRIDE_A), pose((96, 100), (-8, 0), STRIDE_A, torso=8)),
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
    _aiming(
        "rifle shooting",
        1.8,
        (
            pose((60, 120), (84, 96), KNEELING, torso=6, head=8),
            pose((56, 118), (84, 98), KNEELING, torso=0, head=6),
        ),
        held(
            Line((-0.1, 0.0), (0.42, 0.03), 0.02, "black"),
            Polygon(((-0.22, -0.06), (-0.2, 0.03), (-0.02, 0.02), (-0.02, -0.02)), "wood"),
            Line((0.08, 0.05), (0.18, 0.055), 0.02, "steel"),
            offset=(0.02, 0.02),
        ),
    ),
    _aiming(
        "billiards",
        1.4,
        (
            pose((-30, 40), (70, 80), STRIDE_A, torso=58, head=-30),
            pose((-10, 64), (70, 80), STRIDE_A, torso=58, head=-30),
        ),
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

_club_game = partial(activity, "bat and club games")
CLUBS = (
    _club_game(
        "golf",
        2.2,
        (
            both((-150, -190), WIDE, torso=14),
            both((-40, -20), WIDE, torso=24),
            both((14, 20), WIDE, torso=28, head=10),
            both((130, 190), WIDE, torso=0),
        ),
        held(*_CLUB, grip="forearm", angle=0),
        ground(*ball(0.024, "white"), offset=(0.32, 0.03)),
        backdrop(
            Line((0, 0), (0, 0.6), 0.014, "white"),
            Polygon(((0, 0.6), (0.16, 0.54), (0, 0.46)), "red"),
            offset=(0.9, 0),
        ),
    ),
    _club_game(
        "baseball",
        1.4,
        (
            both((-130, -190), WIDE, torso=-6),
            both((60, 80), LUNGE, torso=8),
            both((120, 150), WIDE, torso=0),
        ),
        held(*_BAT, grip="forearm", angle=-20),
        ground(*ball(0.03, "white", "red"), path=((1.3, 0.75), (0.7, 0.6), (1.2, 0.95))),
        ground(
            Polygon(((-0.1, 0), (0.1, 0), (0.14, 0.03), (-0.06, 0.03)), "white"), offset=(0.25, 0)
        ),
    ),
    _club_game(
        "croquet",
        1.6,
        (both((-36, -30), WIDE, torso=34, head=16), both((20, 24), WIDE, torso=30, head=20)),
        held(
            Line((-0.05, 0), (0.36, 0), 0.02, "wood"),
            box(0.34, -0.1, 0.42, 0.1, "darkwood"),
            grip="forearm",
            angle=0,
        ),
        ground(*ball(0.045, "blue"), offset=(0.4, 0.05)),
        ground(Disc((0, 0.02), 0.12, "white", 0.018), offset=(0.8, 0)),
    ),
    _club_game(
        "grass hockey",
        1.1,
        (
            pose((-10, 0), (24, 30), LUNGE, torso=46, head=-20),
            pose((30, 34), (46, 50), STRIDE_A, torso=44, head=-18),
            pose((12, 16), (34, 40), LUNGE, torso=48, head=-20),
        ),
        held(*_HOCKEY, grip="forearm", angle=0),
        ground(*ball(0.04, "orange"), path=((0.5, 0.04), (0.7, 0.04))),
        backdrop(box(-0.6, -0.02, 1.2, 0.02, "green")),
    ),
)
