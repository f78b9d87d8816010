"""Aiming, and games with bats and clubs of the rendered world."""

from stillseek.synthetic.rendered.activity import Activity
from stillseek.synthetic.rendered.poses import KNEELING, LUNGE, STRIDE_A, WIDE, both, pose
from stillseek.synthetic.rendered.props import Disc, Line, Polygon, Prop, Shape, ball, box, stick

AIMING = (
    Activity(
        "archery",
        "aiming",
        (pose((88, 250), (92, 92), WIDE, torso=-2), pose((70, 110), (92, 92), WIDE)),
        2.2,
        (
            Prop(
                shape=(
                    Line((0, 0.0), (-0.04, 0.2), 0.022, "darkwood"),
                    Line((-0.04, 0.2), (-0.12, 0.32), 0.018, "darkwood"),
                    Line((0, 0.0), (-0.04, -0.2), 0.022, "darkwood"),
                    Line((-0.04, -0.2), (-0.12, -0.32), 0.018, "darkwood"),
                    Line((-0.12, 0.32), (-0.12, -0.32), 0.008, "white"),
                    Line((-0.2, 0), (0.1, 0), 0.012, "yellow"),
                ),
                at="far_hand",
            ),
            Prop(
                shape=(
                    Disc((0, 0), 0.17, "white"),
                    Disc((0, 0), 0.12, "blue"),
                    Disc((0, 0), 0.075, "red"),
                    Disc((0, 0), 0.03, "yellow"),
                ),
                at="ground",
                offset=(1.0, 0.7),
                layer="back",
            ),
        ),
    ),
    Activity(
        "darts",
        "aiming",
        (pose((100, 200), (-8, 0), STRIDE_A), pose((96, 100), (-8, 0), STRIDE_A, torso=8)),
        1.2,
        (
            Prop(
                shape=(
                    Line((-0.03, 0), (0.08, 0), 0.014, "metal"),
                    Polygon(((-0.07, 0.03), (-0.02, 0), (-0.07, -0.03)), "red"),
                ),
                at="near_hand",
            ),
            Prop(
                shape=(
                    Disc((0, 0), 0.15, "black"),
                    Disc((0, 0), 0.11, "tan"),
                    Disc((0, 0), 0.07, "green", 0.02),
                    Disc((0, 0), 0.022, "red"),
                ),
                at="ground",
                offset=(0.85, 0.88),
                layer="back",
            ),
        ),
    ),
    Activity(
        "rifle shooting",
        "aiming",
        (
            pose((60, 120), (84, 96), KNEELING, torso=6, head=8),
            pose((56, 118), (84, 98), KNEELING, torso=0, head=6),
        ),
        1.8,
        (
            Prop(
                shape=(
                    Line((-0.1, 0.0), (0.42, 0.03), 0.02, "black"),
                    Polygon(((-0.22, -0.06), (-0.2, 0.03), (-0.02, 0.02), (-0.02, -0.02)), "wood"),
                    Line((0.08, 0.05), (0.18, 0.055), 0.02, "steel"),
                ),
                at="near_hand",
                offset=(0.02, 0.02),
            ),
        ),
    ),
    Activity(
        "billiards",
        "aiming",
        (
            pose((-30, 40), (70, 80), STRIDE_A, torso=58, head=-30),
            pose((-10, 64), (70, 80), STRIDE_A, torso=58, head=-30),
        ),
        1.4,
        (
            Prop(
                shape=(
                    box(0.0, 0.34, 1.1, 0.44, "darkwood"),
                    box(0.04, 0.42, 1.06, 0.45, "green"),
                    box(0.1, 0, 0.18, 0.34, "darkwood"),
                    box(0.9, 0, 0.98, 0.34, "darkwood"),
                    Disc((0.5, 0.47), 0.028, "white"),
                    Disc((0.72, 0.47), 0.028, "red"),
                    Disc((0.8, 0.47), 0.028, "yellow"),
                ),
                at="ground",
                offset=(0.26, 0),
            ),
            Prop(shape=stick(0.55, 0.016, "tan", 0.14), at="near_hand", grip="hands", angle=0),
        ),
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
    Activity(
        "golf",
        "bat and club games",
        (
            both((-150, -190), WIDE, torso=14),
            both((-40, -20), WIDE, torso=24),
            both((14, 20), WIDE, torso=28, head=10),
            both((130, 190), WIDE, torso=0),
        ),
        2.2,
        (
            Prop(shape=_CLUB, grip="forearm", angle=0),
            Prop(shape=ball(0.024, "white"), at="ground", offset=(0.32, 0.03)),
            Prop(
                shape=(
                    Line((0, 0), (0, 0.6), 0.014, "white"),
                    Polygon(((0, 0.6), (0.16, 0.54), (0, 0.46)), "red"),
                ),
                at="ground",
                offset=(0.9, 0),
                layer="back",
            ),
        ),
    ),
    Activity(
        "baseball",
        "bat and club games",
        (
            both((-130, -190), WIDE, torso=-6),
            both((60, 80), LUNGE, torso=8),
            both((120, 150), WIDE, torso=0),
        ),
        1.4,
        (
            Prop(shape=_BAT, grip="forearm", angle=-20),
            Prop(
                shape=ball(0.03, "white", "red"),
                at="ground",
                path=((1.3, 0.75), (0.7, 0.6), (1.2, 0.95)),
            ),
            Prop(
                shape=(Polygon(((-0.1, 0), (0.1, 0), (0.14, 0.03), (-0.06, 0.03)), "white"),),
                at="ground",
                offset=(0.25, 0),
            ),
        ),
    ),
    Activity(
        "croquet",
        "bat and club games",
        (both((-36, -30), WIDE, torso=34, head=16), both((20, 24), WIDE, torso=30, head=20)),
        1.6,
        (
            Prop(
                shape=(
                    Line((-0.05, 0), (0.36, 0), 0.02, "wood"),
                    box(0.34, -0.1, 0.42, 0.1, "darkwood"),
                ),
                grip="forearm",
                angle=0,
            ),
            Prop(shape=ball(0.045, "blue"), at="ground", offset=(0.4, 0.05)),
            Prop(shape=(Disc((0, 0.02), 0.12, "white", 0.018),), at="ground", offset=(0.8, 0)),
        ),
    ),
    Activity(
        "grass hockey",
        "bat and club games",
        (
            pose((-10, 0), (24, 30), LUNGE, torso=46, head=-20),
            pose((30, 34), (46, 50), STRIDE_A, torso=44, head=-18),
            pose((12, 16), (34, 40), LUNGE, torso=48, head=-20),
        ),
        1.1,
        (
            Prop(shape=_HOCKEY, grip="forearm", angle=0),
            Prop(shape=ball(0.04, "orange"), at="ground", path=((0.5, 0.04), (0.7, 0.04))),
            Prop(shape=(box(-0.6, -0.02, 1.2, 0.02, "green"),), at="ground", layer="back"),
        ),
    ),
)
