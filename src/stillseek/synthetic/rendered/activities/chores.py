"""Housework, kitchen, personal care and building of the rendered world."""

from stillseek.synthetic.rendered.activity import activity
from stillseek.synthetic.rendered.poses import LUNGE, STANDING, STRIDE_A, WIDE, both, pose, sway
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
    posts,
    stick,
    swung,
)

_SWEEP = (pose((10, 50), (50, 70), STRIDE_A, torso=24), pose((40, 80), (80, 96), LUNGE, torso=34))

CLEANING = (
    activity("cleaning", "mopping", 1.3)(
        *_SWEEP,
        held(
            Line((-0.34, 0), (0.42, 0), 0.018, "blue"),
            *(Line((0.42, 0), (0.52, -0.09 + 0.045 * k), 0.03, "white") for k in range(5)),
            angle=46,
        ),
        backdrop(
            Polygon(((-0.1, 0), (0.1, 0), (0.13, 0.2), (-0.13, 0.2)), "yellow"),
            Line((-0.12, 0.2), (0.12, 0.2), 0.02, "steel"),
            offset=(-0.4, 0),
        ),
    ),
    activity("cleaning", "vacuuming", 1.5)(
        pose((10, 30), (-10, 10), STRIDE_A, torso=22),
        pose((50, 62), (-20, 0), LUNGE, torso=28),
        held(
            Line((-0.05, 0), (0.44, 0), 0.024, "metal"),
            Line((0.44, -0.1), (0.44, 0.08), 0.06, "black"),
            angle=48,
        ),
        backdrop(
            oval(0, 0.1, 0.17, 0.1, "red"),
            Disc((-0.1, 0.04), 0.045, "black"),
            Disc((0.1, 0.04), 0.045, "black"),
            Line((0.1, 0.16), (0.3, 0.36), 0.026, "black"),
            offset=(-0.42, 0),
        ),
    ),
    activity("cleaning", "window cleaning", 1.2)(
        pose((130, 150), (-8, 4)),
        pose((100, 120), (-8, 4), torso=3),
        pose((120, 92), (-8, 4), torso=5),
        backdrop(
            box(0, 0.4, 0.6, 1.35, "ice"),
            *(
                Line(a, b, 0.034, "white")
                for a, b in (
                    ((0, 0.4), (0, 1.35)),
                    ((0.6, 0.4), (0.6, 1.35)),
                    ((0, 0.4), (0.6, 0.4)),
                    ((0, 1.35), (0.6, 1.35)),
                    ((0.3, 0.4), (0.3, 1.35)),
                )
            ),
            offset=(0.24, 0),
        ),
        held(
            Line((0, 0), (0.08, 0), 0.02, "black"),
            Line((0.08, -0.09), (0.08, 0.09), 0.026, "green"),
            angle=120,
        ),
    ),
    activity("cleaning", "ironing", 1.5)(
        pose((20, 70), (40, 60), torso=14),
        pose((56, 74), (40, 60), torso=20),
        ground(
            Polygon(
                ((0.06, 0.42), (0.84, 0.42), (0.98, 0.45), (0.84, 0.48), (0.06, 0.48)), "accent"
            ),
            Line((0.24, 0.0), (0.66, 0.42), 0.022, "metal"),
            Line((0.66, 0.0), (0.24, 0.42), 0.022, "metal"),
            offset=(0.1, 0),
        ),
        held(
            Polygon(((-0.08, -0.05), (0.13, -0.05), (0.05, 0.02), (-0.08, 0.03)), "blue"),
            offset=(0.03, 0.0),
        ),
    ),
)

GARDEN = (
    activity("gardening", "raking leaves", 1.4)(
        pose((30, 60), (60, 84), WIDE, torso=22),
        pose((0, 30), (30, 60), WIDE, torso=12),
        held(
            Line((-0.3, 0), (0.5, 0), 0.018, "tan"),
            *(Line((0.48, 0), (0.6, -0.12 + 0.06 * k), 0.012, "green") for k in range(5)),
            angle=54,
        ),
        ground(
            *(
                oval(
                    0.09 * (k % 7),
                    0.02 + 0.04 * (k % 3),
                    0.05,
                    0.028,
                    ("orange", "red", "yellow", "brown")[k % 4],
                )
                for k in range(14)
            ),
            offset=(0.45, 0),
        ),
    ),
    activity("gardening", "mowing the lawn", 1.0)(
        both((52, 74), STRIDE_A, torso=16),
        both((52, 74), STANDING, torso=18),
        ground(
            Line((0.22, 0.55), (0.52, 0.16), 0.022, "black"),
            box(0.46, 0.06, 0.84, 0.2, "red"),
            box(0.56, 0.2, 0.72, 0.28, "black"),
            Disc((0.5, 0.06), 0.06, "black"),
            Disc((0.82, 0.06), 0.06, "black"),
            *(
                Line((-0.4 + 0.09 * k, 0), (-0.42 + 0.09 * k, 0.06), 0.014, "green")
                for k in range(20)
            ),
            offset=(0.06, 0),
        ),
    ),
    activity("gardening", "watering plants", 1.6)(
        pose((50, 80), (-8, 4), torso=10),
        pose((60, 96), (-8, 4), torso=14),
        held(
            box(-0.06, -0.13, 0.1, 0.03, "green"),
            Line((0.1, -0.08), (0.24, 0.03), 0.026, "green"),
            Disc((0.25, 0.03), 0.03, "green"),
            *(
                Line((0.27 + 0.03 * k, 0.0), (0.32 + 0.05 * k, -0.3), 0.01, "water")
                for k in range(3)
            ),
            angle=80,
        ),
        ground(
            Polygon(((-0.1, 0), (0.1, 0), (0.14, 0.18), (-0.14, 0.18)), "orange"),
            *(Line((0, 0.18), (x, 0.4), 0.026, "green") for x in (-0.14, -0.04, 0.06, 0.15)),
            Disc((-0.14, 0.4), 0.04, "pink"),
            Disc((0.06, 0.41), 0.04, "pink"),
            offset=(0.62, 0),
        ),
    ),
    activity("gardening", "digging", 1.5)(
        pose((20, 40), (60, 80), LUNGE, torso=34),
        pose((60, 110), (90, 120), WIDE, torso=10),
        held(
            Line((-0.28, 0), (0.3, 0), 0.022, "wood"),
            Polygon(((0.28, -0.07), (0.44, -0.06), (0.5, 0), (0.44, 0.06), (0.28, 0.07)), "steel"),
            grip="hands",
            angle=180,
        ),
        ground(
            Polygon(((-0.25, 0), (-0.08, 0.2), (0.06, 0.24), (0.25, 0)), "brown"), offset=(0.75, 0)
        ),
    ),
)

_COUNTER: Shape = (
    box(0.14, 0.38, 0.95, 0.43, "white"),
    box(0.17, 0.0, 0.92, 0.38, "tan"),
    Line((0.54, 0.02), (0.54, 0.36), 0.012, "brown"),
)

_KITCHEN = ground(*_COUNTER)

COOKING = (
    activity("kitchen", "chopping vegetables", 0.5)(
        pose((30, 100), (40, 76), torso=12),
        pose((36, 70), (40, 76), torso=14),
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
    activity("kitchen", "stirring a pot", 1.0)(
        pose((60, 90), (-8, 4), torso=6),
        pose((76, 84), (-8, 4), torso=8),
        pose((66, 66), (-8, 4), torso=8),
        _KITCHEN,
        ground(
            box(0.34, 0.44, 0.66, 0.62, "steel"),
            Line((0.3, 0.57), (0.7, 0.57), 0.03, "black"),
            Disc((0.42, 0.76), 0.045, "white"),
            Disc((0.54, 0.85), 0.06, "white"),
        ),
        held(*stick(0.22, 0.02, "wood", 0.05), angle=24, layer="middle"),
    ),
    activity("kitchen", "rolling dough", 1.0)(
        both((24, 70), STANDING, torso=16),
        both((52, 74), STANDING, torso=26),
        _KITCHEN,
        ground(oval(0.46, 0.45, 0.26, 0.024, "yellow")),
        held(Disc((0.03, -0.02), 0.055, "wood"), Disc((0.03, -0.02), 0.018, "red")),
    ),
    activity("kitchen", "washing dishes", 0.9)(
        pose((36, 70), (44, 96), torso=14),
        pose((46, 92), (36, 74), torso=16),
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

CARE = (
    activity("personal care", "brushing teeth", 0.4)(
        pose((50, 160), torso=6, head=6),
        pose((56, 148), torso=6, head=6),
        _MIRROR,
        held(
            Line((-0.14, 0), (0.08, 0), 0.022, "blue"), box(-0.16, 0, -0.1, 0.04, "white"), angle=84
        ),
        held(Disc((0.06, -0.035), 0.024, "white"), at="head"),
    ),
    activity("personal care", "hair drying", 1.0)(
        pose((80, 186), (120, 220), head=10),
        pose((100, 200), (130, 230), head=-6),
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
    activity("personal care", "shaving", 1.0)(
        pose((46, 166), (30, 150), torso=10, head=-10),
        pose((40, 158), (30, 150), torso=10, head=-14),
        _MIRROR,
        held(oval(0.035, -0.045, 0.05, 0.032, "white"), at="head"),
        held(
            Line((-0.01, 0), (0.09, 0), 0.016, "metal"),
            Line((0.09, -0.03), (0.09, 0.03), 0.022, "black"),
            angle=176,
        ),
    ),
)

REPAIR = (
    activity("building", "painting a wall", 1.4)(
        pose((150, 168), (-8, 4)),
        pose((80, 110), (-8, 4), torso=4),
        backdrop(
            box(0.42, 0.1, 0.9, 1.3, "white"),
            box(0.42, 0.62, 0.7, 1.3, "accent"),
            box(0.42, 0.4, 0.56, 0.7, "accent"),
        ),
        held(
            Line((0, 0), (0.14, 0), 0.016, "steel"),
            Line((0.14, -0.07), (0.14, 0.07), 0.06, "accent"),
            angle=120,
        ),
        ground(
            box(-0.09, 0, 0.09, 0.16, "steel"),
            Line((-0.09, 0.16), (0.09, 0.16), 0.03, "accent"),
            offset=(-0.3, 0),
        ),
    ),
    activity("building", "hammering", 0.7)(
        pose((100, 200), (50, 76), torso=14),
        pose((50, 76), (50, 76), torso=20),
        ground(
            box(0.2, 0.34, 0.85, 0.4, "wood"),
            *posts(0.34, 0.04, "wood", 0.28, 0.78),
            Line((0.5, 0.4), (0.5, 0.46), 0.014, "metal"),
        ),
        swung(
            Line((-0.03, 0), (0.15, 0), 0.024, "tan"),
            Line((0.15, -0.06), (0.15, 0.05), 0.045, "steel"),
            angle=30,
        ),
    ),
    activity("building", "sawing", 0.8)(
        pose((-10, 60), (50, 70), LUNGE, torso=34),
        pose((36, 74), (50, 70), LUNGE, torso=40),
        ground(
            Line((0.3, 0), (0.5, 0.34), 0.03, "wood"),
            Line((0.5, 0), (0.3, 0.34), 0.03, "wood"),
            Line((0.1, 0.35), (1.0, 0.35), 0.09, "brown"),
            Disc((1.0, 0.35), 0.045, "tan"),
        ),
        held(
            Polygon(((0.02, 0.03), (0.44, 0.0), (0.44, -0.03), (0.02, -0.06)), "metal"),
            Disc((0, -0.01), 0.045, "orange", 0.022),
            angle=74,
        ),
    ),
    activity("building", "drilling", 0.3)(
        *sway(pose((76, 92), (66, 100), LUNGE, torso=6), torso=5, arm=4),
        backdrop(
            box(0.0, 0.1, 0.12, 1.4, "tan"),
            *(Line((0.0, 0.1 + 0.2 * k), (0.12, 0.1 + 0.2 * k), 0.012, "brown") for k in range(7)),
            offset=(0.66, 0),
        ),
        held(
            Line((-0.05, 0.03), (0.1, 0.03), 0.07, "yellow"),
            Line((-0.02, 0.02), (-0.03, -0.09), 0.04, "black"),
            Line((0.1, 0.03), (0.22, 0.03), 0.018, "steel"),
        ),
    ),
)
