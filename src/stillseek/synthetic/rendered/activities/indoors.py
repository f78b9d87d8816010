"""Kitchen and personal care of the rendered world."""

from functools import partial

from stillseek.synthetic.rendered.activity import activity
from stillseek.synthetic.rendered.poses import STANDING, both, pose
from stillseek.synthetic.rendered.props import (
    Disc,
    Line,
    Polygon,
    Shape,
    backdrop,
    box,
    ground,
    held,
    oval,
    stick,
)

_COUNTER: Shape = (
    box(0.14, 0.38, 0.95, 0.43, "white"),
    box(0.17, 0.0, 0.92, 0.38, "tan"),
    Line((0.54, 0.02), (0.54, 0.36), 0.012, "brown"),
)

_KITCHEN = ground(*_COUNTER)

_cooking = partial(activity, "kitchen")
COOKING = (
    _cooking(
        "chopping vegetables",
        0.5,
        (pose((30, 100), (40, 76), torso=12), pose((36, 70), (40, 76), torso=14)),
        _KITCHEN,
        ground(
            box(0.24, 0.43, 0.62, 0.46, "wood"),
            Disc((0.5, 0.5), 0.04, "red"),
            Disc((0.57, 0.49), 0.03, "green"),
        ),
        held(
            Line((-0.03, 0), (0.03, 0), 0.024, "black"),
            Polygon(((0.03, 0.012), (0.18, 0.01), (0.2, -0.045), (0.03, -0.045)), "metal"),
            angle=94,
        ),
    ),
    _cooking(
        "stirring a pot",
        1.0,
        (
            pose((60, 90), (-8, 4), torso=6),
            pose((76, 84), (-8, 4), torso=8),
            pose((66, 66), (-8, 4), torso=8),
        ),
        _KITCHEN,
        ground(
            box(0.34, 0.44, 0.66, 0.62, "steel"),
            Line((0.3, 0.57), (0.7, 0.57), 0.03, "black"),
            Disc((0.42, 0.76), 0.045, "white"),
            Disc((0.54, 0.85), 0.06, "white"),
        ),
        held(*stick(0.22, 0.02, "wood", 0.05), angle=24, layer="middle"),
    ),
    _cooking(
        "rolling dough",
        1.0,
        (both((24, 70), STANDING, torso=16), both((52, 74), STANDING, torso=26)),
        _KITCHEN,
        ground(oval(0.46, 0.45, 0.26, 0.024, "yellow")),
        held(Disc((0.03, -0.02), 0.055, "wood"), Disc((0.03, -0.02), 0.018, "red")),
    ),
    _cooking(
        "washing dishes",
        0.9,
        (pose((36, 70), (44, 96), torso=14), pose((46, 92), (36, 74), torso=16)),
        _KITCHEN,
        ground(
            box(0.3, 0.42, 0.72, 0.45, "water"),
            Line((0.74, 0.43), (0.74, 0.66), 0.026, "metal"),
            Line((0.74, 0.66), (0.6, 0.66), 0.026, "metal"),
            *(Disc((0.34 + 0.06 * k, 0.46 + 0.012 * (k % 2)), 0.03, "ice") for k in range(6)),
        ),
        held(
            Disc((0, 0), 0.095, "white"),
            Disc((0, 0), 0.06, "accent", 0.012),
            at="far_hand",
            offset=(0.02, 0.02),
        ),
    ),
)

_MIRROR = backdrop(
    oval(0, 0.95, 0.17, 0.24, "wood"),
    oval(0, 0.95, 0.14, 0.21, "ice"),
    box(-0.18, 0.42, 0.18, 0.5, "white"),
    box(-0.04, 0, 0.04, 0.42, "white"),
    offset=(0.5, 0),
)

_personal_care = partial(activity, "personal care")
CARE = (
    _personal_care(
        "brushing teeth",
        0.4,
        (pose((50, 160), torso=6, head=6), pose((56, 148), torso=6, head=6)),
        _MIRROR,
        held(
            Line((-0.14, 0), (0.08, 0), 0.022, "blue"), box(-0.16, 0, -0.1, 0.04, "white"), angle=84
        ),
        held(Disc((0.06, -0.035), 0.024, "white"), at="head"),
    ),
    _personal_care(
        "hair drying",
        1.0,
        (pose((80, 186), (120, 220), head=10), pose((100, 200), (130, 230), head=-6)),
        _MIRROR,
        held(
            Line((-0.13, 0.03), (0.03, 0.03), 0.075, "pink"),
            Line((0.0, 0.02), (0.02, -0.1), 0.034, "black"),
            *(
                Line((-0.18, 0.01 + 0.03 * k), (-0.28, 0.0 + 0.05 * k), 0.008, "white")
                for k in range(3)
            ),
            angle=96,
        ),
    ),
    _personal_care(
        "shaving",
        1.0,
        (
            pose((46, 166), (30, 150), torso=10, head=-10),
            pose((40, 158), (30, 150), torso=10, head=-14),
        ),
        _MIRROR,
        held(oval(0.035, -0.045, 0.05, 0.032, "white"), at="head"),
        held(
            Line((-0.01, 0), (0.09, 0), 0.016, "metal"),
            Line((0.09, -0.03), (0.09, 0.03), 0.022, "black"),
            angle=176,
        ),
    ),
)
