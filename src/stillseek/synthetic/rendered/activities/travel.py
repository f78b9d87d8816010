"""Riding, boats, boards, snow and ice of the rendered world."""

from stillseek.synthetic.rendered.activity import activity
from stillseek.synthetic.rendered.poses import (
    HALF_SQUAT,
    KNEELING,
    LUNGE,
    SQUAT,
    STRIDE_A,
    both,
    pose,
    sway,
)
from stillseek.synthetic.rendered.props import (
    WATER,
    Disc,
    Line,
    Polygon,
    Shape,
    backdrop,
    box,
    ground,
    held,
    oval,
    swung,
)

_HORSE_LEGS = ((-0.3, -0.32), (-0.18, -0.14), (0.2, 0.16), (0.3, 0.36))

RIDING = (
    activity("riding", "horse riding", 0.8)(
        *sway(both((40, 70), ((70, 0), (64, -6)), lift=0.3, torso=4), torso=10, arm=10),
        ground(
            *(Line((a, 0.32), (b, 0.0), 0.05, "brown") for a, b in _HORSE_LEGS),
            oval(0, 0.44, 0.38, 0.14, "brown"),
            Line((0.28, 0.5), (0.46, 0.76), 0.13, "brown"),
            Line((0.46, 0.77), (0.62, 0.68), 0.09, "brown"),
            Line((0.26, 0.6), (0.4, 0.82), 0.045, "black"),
            Line((-0.37, 0.5), (-0.48, 0.22), 0.05, "black"),
            layer="middle",
        ),
    ),
    activity("riding", "camel riding", 1.4)(
        *sway(both((30, 60), ((80, 10), (74, 4)), lift=0.5, torso=2), torso=16, arm=10),
        ground(
            *(Line((a, 0.4), (b, 0.0), 0.042, "tan") for a, b in _HORSE_LEGS),
            oval(0, 0.52, 0.36, 0.13, "tan"),
            oval(-0.17, 0.68, 0.1, 0.12, "tan"),
            oval(0.17, 0.67, 0.09, 0.11, "tan"),
            Line((0.32, 0.52), (0.48, 0.5), 0.09, "tan"),
            Line((0.48, 0.5), (0.52, 0.86), 0.07, "tan"),
            Line((0.52, 0.86), (0.66, 0.82), 0.075, "tan"),
            layer="middle",
        ),
    ),
    activity("riding", "cycling", 0.8)(
        both((62, 58), ((92, -10), (40, -30)), torso=34, head=-14, lift=0.1),
        both((62, 58), ((40, -30), (92, -10)), torso=36, head=-14, lift=0.1),
        ground(
            Disc((-0.26, 0.17), 0.165, "black", 0.026),
            Disc((0.34, 0.17), 0.165, "black", 0.026),
            Line((-0.26, 0.17), (-0.06, 0.46), 0.026, "accent"),
            Line((-0.06, 0.46), (0.26, 0.48), 0.026, "accent"),
            Line((0.05, 0.15), (-0.06, 0.5), 0.026, "accent"),
            Line((0.05, 0.15), (0.26, 0.48), 0.026, "accent"),
            Line((0.34, 0.17), (0.25, 0.56), 0.026, "steel"),
            Line((0.25, 0.56), (0.34, 0.58), 0.024, "black"),
            Line((-0.12, 0.51), (0.0, 0.51), 0.034, "black"),
            layer="middle",
        ),
    ),
    activity("riding", "motorcycling", 1.0)(
        *sway(both((66, 76), ((84, -20), (80, -24)), torso=22, lift=0.14), torso=6, arm=4),
        ground(
            Disc((-0.3, 0.16), 0.13, "black", 0.06),
            Disc((0.4, 0.16), 0.13, "black", 0.06),
            Polygon(((-0.3, 0.34), (0.0, 0.3), (0.24, 0.46), (0.1, 0.5), (-0.36, 0.44)), "accent"),
            box(-0.12, 0.12, 0.16, 0.3, "steel"),
            Line((0.4, 0.16), (0.24, 0.56), 0.04, "metal"),
            Line((-0.36, 0.12), (0.0, 0.12), 0.04, "metal"),
            layer="middle",
        ),
        held(Disc((0, 0.01), 0.085, "accent2"), box(0.02, -0.03, 0.09, 0.03, "black"), at="head"),
    ),
)

_HULL: Shape = (
    Polygon(((-0.7, 0.16), (0.8, 0.16), (0.6, 0.0), (-0.55, 0.0)), "accent"),
    Line((-0.7, 0.16), (0.8, 0.16), 0.02, "white"),
)

_SEATED = ((76, 60), (70, 54))

BOATS = (
    activity("boats", "rowing", 1.8)(
        both((70, 84), ((120, 40), (116, 36)), torso=26, lift=0.02),
        both((10, 70), ((84, 76), (80, 72)), torso=-22, lift=0.02, shift=-0.06),
        ground(*_HULL),
        held(
            Line((0, 0), (0.6, -0.18), 0.02, "tan"),
            Line((0.56, -0.17), (0.74, -0.22), 0.055, "white"),
        ),
        WATER,
    ),
    activity("boats", "kayaking", 1.2)(
        pose((40, 60), (110, 150), _SEATED, torso=6),
        pose((96, 140), (40, 60), _SEATED, torso=2),
        ground(
            Polygon(
                ((-0.9, 0.08), (-0.2, 0.14), (0.3, 0.14), (1.0, 0.09), (0.3, 0.0), (-0.3, 0.0)),
                "accent",
            )
        ),
        held(
            Line((-0.35, 0), (0.6, 0), 0.018, "black"),
            oval(-0.4, 0, 0.1, 0.04, "yellow"),
            oval(0.65, 0, 0.1, 0.04, "yellow"),
            grip="hands",
            angle=0,
        ),
        WATER,
    ),
    activity("boats", "stand-up paddling", 1.7)(
        pose((60, 50), (130, 140), HALF_SQUAT, torso=20, lift=0.06),
        pose((0, 10), (80, 90), HALF_SQUAT, torso=26, lift=0.06),
        ground(box(-0.6, 0.0, 0.65, 0.06, "white")),
        held(Line((-0.1, 0), (0.5, 0), 0.018, "tan"), oval(0.56, 0, 0.1, 0.04, "accent"), angle=16),
        WATER,
    ),
)

BOARDS = (
    activity("boards", "skateboarding", 1.3)(
        pose((80, 60), (-80, -60), HALF_SQUAT, torso=14, lift=0.1),
        pose((100, 90), (-100, -90), SQUAT, torso=20, lift=0.26),
        pose((70, 50), (-70, -50), HALF_SQUAT, torso=10, lift=0.1),
        ground(
            Line((-0.17, 0.06), (0.2, 0.06), 0.03, "wood"),
            Line((0.2, 0.06), (0.27, 0.1), 0.028, "wood"),
            Line((-0.17, 0.06), (-0.24, 0.1), 0.028, "wood"),
            Disc((-0.12, 0.025), 0.03, "accent"),
            Disc((0.15, 0.025), 0.03, "accent"),
            path=((0.05, 0), (0.05, 0.14), (0.05, 0)),
            layer="back",
        ),
    ),
    activity("boards", "surfing", 1.6)(
        *sway(pose((96, 70), (-96, -70), ((60, -10), (-10, -40)), torso=16, lift=0.06), torso=16),
        backdrop(
            Polygon(((-0.5, 0.0), (0.55, 0.02), (0.72, 0.1), (-0.5, 0.06)), "white"),
            Line((-0.4, 0.03), (0.5, 0.05), 0.014, "accent"),
        ),
        backdrop(
            Polygon(
                (
                    (-1.4, 0.9),
                    (-1.0, 0.75),
                    (-0.7, 0.3),
                    (-0.3, 0.06),
                    (1.4, -0.05),
                    (1.4, -0.6),
                    (-1.4, -0.6),
                ),
                "water",
            ),
            *(Disc((-1.25 + 0.17 * k, 0.86 - 0.19 * k), 0.1, "ice") for k in range(5)),
        ),
    ),
    activity("boards", "snowboarding", 1.4)(
        *sway(pose((84, 70), (-70, -50), SQUAT, torso=16, lift=0.05), torso=18, arm=30),
        ground(
            Line((-0.2, 0.02), (0.34, 0.02), 0.04, "accent"),
            Line((0.34, 0.02), (0.42, 0.08), 0.036, "accent"),
            offset=(0.06, 0),
        ),
        backdrop(Polygon(((-4, 0.86), (4, -0.76), (4, -1.2), (-4, -1.2)), "ice")),
        held(box(0.01, -0.02, 0.08, 0.035, "orange"), at="head"),
    ),
    activity("boards", "windsurfing", 1.8)(
        *sway(both((80, 96), HALF_SQUAT, torso=-26, lift=0.06), torso=10, arm=8),
        ground(box(-0.6, 0.0, 0.7, 0.06, "yellow")),
        backdrop(
            Polygon(((0.34, 0.1), (0.4, 1.4), (-0.3, 0.42)), "accent"),
            Line((0.34, 0.06), (0.4, 1.42), 0.024, "black"),
            Line((-0.28, 0.55), (0.4, 0.6), 0.02, "steel"),
        ),
        WATER,
    ),
)

_SNOW = backdrop(box(-4, -0.6, 4, 0.02, "ice"))

WINTER = (
    activity("snow and ice", "skiing", 1.2)(
        pose((60, 10), (30, -30), HALF_SQUAT, torso=30),
        pose((20, -40), (70, 20), SQUAT, torso=36),
        _SNOW,
        ground(
            Line((-0.4, 0.015), (0.5, 0.015), 0.024, "red"),
            Line((0.5, 0.015), (0.58, 0.06), 0.022, "red"),
        ),
        held(Line((-0.03, 0), (0.44, 0), 0.014, "black"), Disc((0.4, 0), 0.03, "grey"), angle=-22),
        held(
            Line((-0.03, 0), (0.44, 0), 0.014, "black"),
            Disc((0.4, 0), 0.03, "grey"),
            at="far_hand",
            angle=-26,
            layer="back",
        ),
    ),
    activity("snow and ice", "ice hockey", 1.0)(
        pose((-10, 10), (30, 44), STRIDE_A, torso=38, head=-16),
        pose((34, 44), (54, 60), LUNGE, torso=40, head=-16),
        _SNOW,
        swung(
            Line((-0.1, 0), (0.46, 0), 0.026, "tan"), Line((0.46, 0), (0.52, 0.13), 0.04, "black")
        ),
        ground(box(-0.045, -0.015, 0.045, 0.015, "black"), path=((0.6, 0.03), (0.8, 0.03))),
        held(Disc((-0.005, 0.02), 0.082, "accent"), at="head", layer="middle"),
        held(Disc((-0.005, 0.03), 0.075, "accent"), at="head"),
    ),
    activity("snow and ice", "curling", 0.8)(
        pose((30, 50), (50, 60), KNEELING, torso=48, head=-30),
        pose((50, 66), (60, 70), KNEELING, torso=50, head=-30),
        _SNOW,
        held(
            Line((-0.14, 0), (0.32, 0), 0.018, "red"),
            Line((0.32, -0.08), (0.32, 0.08), 0.045, "yellow"),
            angle=38,
        ),
        ground(
            oval(0, 0.06, 0.12, 0.062, "grey"),
            Line((-0.03, 0.14), (0.07, 0.14), 0.03, "red"),
            offset=(0.78, 0),
        ),
    ),
    activity("snow and ice", "sledding", 0.9)(
        *sway(both((60, 84), ((78, 70), (74, 66)), torso=-14, lift=0.1), torso=10, arm=20),
        _SNOW,
        ground(
            Line((-0.34, 0.02), (0.4, 0.02), 0.02, "steel"),
            Line((0.4, 0.02), (0.5, 0.14), 0.02, "steel"),
            Line((-0.34, 0.1), (0.44, 0.1), 0.04, "wood"),
            Line((-0.2, 0.02), (-0.2, 0.1), 0.02, "wood"),
            Line((0.25, 0.02), (0.25, 0.1), 0.02, "wood"),
        ),
    ),
)
