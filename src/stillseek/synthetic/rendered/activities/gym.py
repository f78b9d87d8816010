"""Weights, floor exercises and apparatus of the rendered world."""

from stillseek.synthetic.rendered.activity import Activity
from stillseek.synthetic.rendered.poses import (
    HALF_SQUAT,
    HANGING,
    SQUAT,
    STANDING,
    WIDE,
    both,
    pose,
)
from stillseek.synthetic.rendered.props import Disc, Line, Prop, Shape, box

_PLATE = (Disc((0, 0), 0.13, "black"), Disc((0, 0), 0.045, "red"), Disc((0, 0), 0.018, "metal"))

_BARBELL: Shape = (
    Line((-0.16, 0), (0.16, 0), 0.022, "metal"),
    box(-0.2, -0.13, -0.15, 0.13, "black"),
    box(0.15, -0.13, 0.2, 0.13, "black"),
)

_DUMBBELL: Shape = (
    Line((-0.07, 0), (0.07, 0), 0.022, "metal"),
    box(-0.1, -0.045, -0.05, 0.045, "black"),
    box(0.05, -0.045, 0.1, 0.045, "black"),
)
_BENCH: Shape = (
    box(-0.36, 0.2, 0.34, 0.26, "black"),
    Line((-0.28, 0), (-0.28, 0.2), 0.03, "steel"),
    Line((0.26, 0), (0.26, 0.2), 0.03, "steel"),
)

WEIGHTS = (
    Activity(
        "weightlifting",
        "weights",
        (
            both((30, 12), SQUAT, torso=42),
            both((60, 150), HALF_SQUAT, torso=6),
            both((160, 182), STANDING, torso=0),
            both((165, 180), WIDE, torso=0),
        ),
        3.0,
        (Prop(shape=_PLATE, layer="front"), Prop(shape=_BARBELL, layer="middle")),
    ),
    Activity(
        "dumbbell curls",
        "weights",
        (pose((6, 10), (0, 150)), pose((10, 150), (-4, 8), torso=-3)),
        1.6,
        (
            Prop(shape=_DUMBBELL, at="near_hand"),
            Prop(shape=_DUMBBELL, at="far_hand", layer="back"),
        ),
    ),
    Activity(
        "bench press",
        "weights",
        (
            both((150, 185), ((95, 5), (85, 0)), torso=-90, lift=0.02),
            both((178, 180), ((95, 5), (85, 0)), torso=-90, lift=0.02),
        ),
        2.0,
        (
            Prop(shape=_BENCH, at="ground", offset=(-0.18, -0.02), layer="back"),
            Prop(shape=_PLATE, layer="front"),
        ),
    ),
    Activity(
        "kettlebell swing",
        "weights",
        (both((-20, -40), SQUAT, torso=52), both((92, 94), STANDING, torso=-6)),
        1.3,
        (
            Prop(
                shape=(Disc((0.05, 0), 0.04, "steel", 0.02), Disc((0.12, 0), 0.068, "accent")),
                grip="forearm",
                angle=0,
            ),
        ),
    ),
)

FLOOR = (
    Activity(
        "push-ups",
        "floor exercises",
        (
            both((4, 0), ((-76, -78), (-80, -82)), torso=74, head=-30),
            both((-50, 40), ((-86, -88), (-88, -90)), torso=86, head=-20),
        ),
        1.4,
        (Prop(shape=(box(-0.75, -0.01, 0.55, 0.015, "accent"),), at="ground", layer="back"),),
    ),
    Activity(
        "sit-ups",
        "floor exercises",
        (
            pose((-170, -60), (-165, -55), ((128, 30), (124, 28)), torso=-84, head=10),
            pose((140, 230), (146, 236), ((128, 30), (124, 28)), torso=14, head=20),
        ),
        1.7,
        (Prop(shape=(box(-0.6, -0.01, 0.5, 0.015, "accent"),), at="ground", layer="back"),),
    ),
    Activity(
        "headstand",
        "floor exercises",
        (
            both((30, -50), ((178, 180), (184, 186)), torso=178, head=2),
            both((30, -50), ((206, 200), (150, 140)), torso=182, head=2),
        ),
        3.0,
        (Prop(shape=(box(-0.4, -0.01, 0.4, 0.02, "accent"),), at="ground", layer="back"),),
    ),
)

_UPRIGHT_BAR: Shape = (
    Line((-0.34, 0), (-0.34, 1.35), 0.03, "steel"),
    Line((0.34, 0), (0.34, 1.35), 0.03, "steel"),
    Line((-0.34, 1.35), (0.34, 1.35), 0.026, "steel"),
)

APPARATUS = (
    Activity(
        "pull-ups",
        "apparatus",
        (
            both((176, 182), HANGING, lift=0.22),
            both((120, 220), ((30, -40), (20, -50)), lift=0.42),
        ),
        1.8,
        (Prop(shape=_UPRIGHT_BAR, at="ground", layer="back"),),
    ),
    Activity(
        "rings",
        "apparatus",
        (
            pose((95, 92), (-95, -92), HANGING, lift=0.5),
            pose((60, 62), (-60, -62), ((82, 84), (78, 80)), lift=0.5),
        ),
        2.4,
        tuple(
            Prop(
                shape=(
                    Disc((0, 0), 0.055, "wood", 0.022),
                    Line((0, 0.05), (0, 1.0), 0.014, "white"),
                ),
                at=hand,
                layer="back",
            )
            for hand in ("near_hand", "far_hand")
        ),
    ),
    Activity(
        "parallel bars",
        "apparatus",
        (
            both((-8, 4), ((70, 72), (66, 68)), torso=-24, lift=0.4),
            both((-2, 2), ((-50, -60), (-54, -64)), torso=34, lift=0.42),
        ),
        1.6,
        (
            Prop(
                shape=(
                    Line((-0.6, 0.6), (0.6, 0.6), 0.034, "wood"),
                    Line((-0.42, 0), (-0.42, 0.6), 0.03, "steel"),
                    Line((0.42, 0), (0.42, 0.6), 0.03, "steel"),
                ),
                at="ground",
            ),
        ),
    ),
    Activity(
        "balance beam",
        "apparatus",
        (
            pose((92, 88), (-92, -88), ((60, 40), (0, 0)), lift=0.34),
            pose((100, 96), (-84, -80), ((-2, 0), (-70, -60)), torso=16, lift=0.34),
        ),
        2.4,
        (
            Prop(
                shape=(
                    box(-0.75, 0.26, 0.75, 0.34, "tan"),
                    Line((-0.5, 0), (-0.5, 0.27), 0.05, "blue"),
                    Line((0.5, 0), (0.5, 0.27), 0.05, "blue"),
                ),
                at="ground",
                layer="back",
            ),
        ),
    ),
)
