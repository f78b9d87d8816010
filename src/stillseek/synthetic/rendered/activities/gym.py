"""Weights, floor exercises and apparatus of the rendered world."""

from functools import partial

from stillseek.synthetic.rendered.activity import activity
from stillseek.synthetic.rendered.poses import (
    HALF_SQUAT,
    HANGING,
    SQUAT,
    STANDING,
    WIDE,
    both,
    pose,
)
from stillseek.synthetic.rendered.props import Disc, Line, Shape, backdrop, box, ground, held

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

_weights = partial(activity, "weights")
WEIGHTS = (
    _weights(
        "weightlifting",
        3.0,
        (
            both((30, 12), SQUAT, torso=42),
            both((60, 150), HALF_SQUAT, torso=6),
            both((160, 182), STANDING, torso=0),
            both((165, 180), WIDE, torso=0),
        ),
        held(*_PLATE),
        held(*_BARBELL, layer="middle"),
    ),
    _weights(
        "dumbbell curls",
        1.6,
        (pose((6, 10), (0, 150)), pose((10, 150), (-4, 8), torso=-3)),
        held(*_DUMBBELL),
        held(*_DUMBBELL, at="far_hand", layer="back"),
    ),
    _weights(
        "bench press",
        2.0,
        (
            both((150, 185), ((95, 5), (85, 0)), torso=-90, lift=0.02),
            both((178, 180), ((95, 5), (85, 0)), torso=-90, lift=0.02),
        ),
        backdrop(*_BENCH, offset=(-0.18, -0.02)),
        held(*_PLATE),
    ),
    _weights(
        "kettlebell swing",
        1.3,
        (both((-20, -40), SQUAT, torso=52), both((92, 94), STANDING, torso=-6)),
        held(
            Disc((0.05, 0), 0.04, "steel", 0.02),
            Disc((0.12, 0), 0.068, "accent"),
            grip="forearm",
            angle=0,
        ),
    ),
)

_floor_exercise = partial(activity, "floor exercises")
FLOOR = (
    _floor_exercise(
        "push-ups",
        1.4,
        (
            both((4, 0), ((-76, -78), (-80, -82)), torso=74, head=-30),
            both((-50, 40), ((-86, -88), (-88, -90)), torso=86, head=-20),
        ),
        backdrop(box(-0.75, -0.01, 0.55, 0.015, "accent")),
    ),
    _floor_exercise(
        "sit-ups",
        1.7,
        (
            pose((-170, -60), (-165, -55), ((128, 30), (124, 28)), torso=-84, head=10),
            pose((140, 230), (146, 236), ((128, 30), (124, 28)), torso=14, head=20),
        ),
        backdrop(box(-0.6, -0.01, 0.5, 0.015, "accent")),
    ),
    _floor_exercise(
        "headstand",
        3.0,
        (
            both((30, -50), ((178, 180), (184, 186)), torso=178, head=2),
            both((30, -50), ((206, 200), (150, 140)), torso=182, head=2),
        ),
        backdrop(box(-0.4, -0.01, 0.4, 0.02, "accent")),
    ),
)

_UPRIGHT_BAR: Shape = (
    Line((-0.34, 0), (-0.34, 1.35), 0.03, "steel"),
    Line((0.34, 0), (0.34, 1.35), 0.03, "steel"),
    Line((-0.34, 1.35), (0.34, 1.35), 0.026, "steel"),
)

_apparatus = partial(activity, "apparatus")
APPARATUS = (
    _apparatus(
        "pull-ups",
        1.8,
        (both((176, 182), HANGING, lift=0.22), both((120, 220), ((30, -40), (20, -50)), lift=0.42)),
        backdrop(*_UPRIGHT_BAR),
    ),
    _apparatus(
        "rings",
        2.4,
        (
            pose((95, 92), (-95, -92), HANGING, lift=0.5),
            pose((60, 62), (-60, -62), ((82, 84), (78, 80)), lift=0.5),
        ),
        *(
            held(
                Disc((0, 0), 0.055, "wood", 0.022),
                Line((0, 0.05), (0, 1.0), 0.014, "white"),
                at=hand,
                layer="back",
            )
            for hand in ("near_hand", "far_hand")
        ),
    ),
    _apparatus(
        "parallel bars",
        1.6,
        (
            both((-8, 4), ((70, 72), (66, 68)), torso=-24, lift=0.4),
            both((-2, 2), ((-50, -60), (-54, -64)), torso=34, lift=0.42),
        ),
        ground(
            Line((-0.6, 0.6), (0.6, 0.6), 0.034, "wood"),
            Line((-0.42, 0), (-0.42, 0.6), 0.03, "steel"),
            Line((0.42, 0), (0.42, 0.6), 0.03, "steel"),
        ),
    ),
    _apparatus(
        "balance beam",
        2.4,
        (
            pose((92, 88), (-92, -88), ((60, 40), (0, 0)), lift=0.34),
            pose((100, 96), (-84, -80), ((-2, 0), (-70, -60)), torso=16, lift=0.34),
        ),
        backdrop(
            box(-0.75, 0.26, 0.75, 0.34, "tan"),
            Line((-0.5, 0), (-0.5, 0.27), 0.05, "blue"),
            Line((0.5, 0), (0.5, 0.27), 0.05, "blue"),
        ),
    ),
)
