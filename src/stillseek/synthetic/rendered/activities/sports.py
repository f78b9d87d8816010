"""Athletics, combat and gymnastics of the rendered world."""

from stillseek.synthetic.rendered.activity import activity
from stillseek.synthetic.rendered.poses import (
    HALF_SQUAT,
    HANGING,
    LUNGE,
    RUN_A,
    RUN_B,
    SQUAT,
    STANDING,
    STRIDE_A,
    WIDE,
    both,
    pose,
)
from stillseek.synthetic.rendered.props import (
    Disc,
    Line,
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

_BENCH: Shape = (box(-0.36, 0.2, 0.34, 0.26, "black"), *posts(0.2, 0.03, "steel", -0.28, 0.26))

WEIGHTS = (
    activity("weights", "weightlifting", 3.0)(
        both((30, 12), SQUAT, torso=42),
        both((60, 150), HALF_SQUAT, torso=6),
        both((160, 182), STANDING, torso=0),
        both((165, 180), WIDE, torso=0),
        held(*_PLATE),
        held(*_BARBELL, layer="middle"),
    ),
    activity("weights", "dumbbell curls", 1.6)(
        pose((6, 10), (0, 150)),
        pose((10, 150), (-4, 8), torso=-3),
        held(*_DUMBBELL),
        held(*_DUMBBELL, at="far_hand", layer="back"),
    ),
    activity("weights", "bench press", 2.0)(
        both((150, 185), ((95, 5), (85, 0)), torso=-90, lift=0.02),
        both((178, 180), ((95, 5), (85, 0)), torso=-90, lift=0.02),
        backdrop(*_BENCH, offset=(-0.18, -0.02)),
        held(*_PLATE),
    ),
    activity("weights", "kettlebell swing", 1.3)(
        both((-20, -40), SQUAT, torso=52),
        both((92, 94), STANDING, torso=-6),
        swung(Disc((0.05, 0), 0.04, "steel", 0.02), Disc((0.12, 0), 0.068, "accent")),
    ),
)

FLOOR = (
    activity("floor exercises", "push-ups", 1.4)(
        both((4, 0), ((-76, -78), (-80, -82)), torso=74, head=-30),
        both((-50, 40), ((-86, -88), (-88, -90)), torso=86, head=-20),
        backdrop(box(-0.75, -0.01, 0.55, 0.015, "accent")),
    ),
    activity("floor exercises", "sit-ups", 1.7)(
        pose((-170, -60), (-165, -55), ((128, 30), (124, 28)), torso=-84, head=10),
        pose((140, 230), (146, 236), ((128, 30), (124, 28)), torso=14, head=20),
        backdrop(box(-0.6, -0.01, 0.5, 0.015, "accent")),
    ),
    activity("floor exercises", "headstand", 3.0)(
        both((30, -50), ((178, 180), (184, 186)), torso=178, head=2),
        both((30, -50), ((206, 200), (150, 140)), torso=182, head=2),
        backdrop(box(-0.4, -0.01, 0.4, 0.02, "accent")),
    ),
)

_UPRIGHT_BAR: Shape = (
    *posts(1.35, 0.03, "steel", -0.34, 0.34),
    Line((-0.34, 1.35), (0.34, 1.35), 0.026, "steel"),
)

APPARATUS = (
    activity("apparatus", "pull-ups", 1.8)(
        both((176, 182), HANGING, lift=0.22),
        both((120, 220), ((30, -40), (20, -50)), lift=0.42),
        backdrop(*_UPRIGHT_BAR),
    ),
    activity("apparatus", "rings", 2.4)(
        pose((95, 92), (-95, -92), HANGING, lift=0.5),
        pose((60, 62), (-60, -62), ((82, 84), (78, 80)), lift=0.5),
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
    activity("apparatus", "parallel bars", 1.6)(
        both((-8, 4), ((70, 72), (66, 68)), torso=-24, lift=0.4),
        both((-2, 2), ((-50, -60), (-54, -64)), torso=34, lift=0.42),
        ground(
            Line((-0.6, 0.6), (0.6, 0.6), 0.034, "wood"), *posts(0.6, 0.03, "steel", -0.42, 0.42)
        ),
    ),
    activity("apparatus", "balance beam", 2.4)(
        pose((92, 88), (-92, -88), ((60, 40), (0, 0)), lift=0.34),
        pose((100, 96), (-84, -80), ((-2, 0), (-70, -60)), torso=16, lift=0.34),
        backdrop(box(-0.75, 0.26, 0.75, 0.34, "tan"), *posts(0.27, 0.05, "blue", -0.5, 0.5)),
    ),
)

THROWS = (
    activity("throwing", "javelin throw", 1.8)(
        pose((-100, -130), (80, 90), RUN_A, torso=-14),
        pose((-120, -150), (84, 92), RUN_B, torso=-16),
        pose((150, 120), (-20, 10), LUNGE, torso=18),
        held(*stick(0.5, 0.016, "accent", 0.38), angle=106),
    ),
    activity("throwing", "discus throw", 1.5)(
        pose((-86, -90), (60, 80), HALF_SQUAT, torso=16),
        pose((10, 20), (-60, -50), LUNGE, torso=20),
        pose((104, 110), (-86, -70), WIDE, torso=-6),
        held(oval(0, 0, 0.08, 0.035, "darkwood"), oval(0, 0, 0.04, 0.016, "metal")),
        backdrop(
            *(Line((u, 0), (u, 1.2), 0.012, "green") for u in (-0.75, -0.6, -0.45, 0.7, 0.85, 1.0))
        ),
    ),
    activity("throwing", "shot put", 1.8)(
        pose((40, 200), (70, 80), SQUAT, torso=-26),
        pose((70, 190), (30, 40), HALF_SQUAT, torso=0),
        pose((130, 134), (-60, -40), WIDE, torso=10),
        held(*ball(0.058, "steel"), offset=(0.01, 0.04)),
        ground(box(0.36, 0, 0.5, 0.07, "white")),
    ),
    activity("throwing", "hammer throw", 1.2)(
        both((92, 92), HALF_SQUAT, torso=-20),
        both((150, 150), WIDE, torso=-14),
        both((-92, -96), HALF_SQUAT, torso=12),
        both((40, 40), HALF_SQUAT, torso=-6),
        swung(Line((0, 0), (0.42, 0), 0.01, "black"), Disc((0.46, 0), 0.062, "steel")),
    ),
)

JUMPS = (
    activity("jumping", "hurdles", 1.2)(
        pose((70, 120), (-50, -20), RUN_B, torso=14),
        pose((80, 100), (-40, 0), ((96, 84), (-70, -140)), torso=34, lift=0.3),
        pose((-50, -20), (70, 120), RUN_A, torso=12),
        ground(
            *posts(0.4, 0.03, "black", 0, 0.34),
            box(-0.04, 0.34, 0.38, 0.44, "white"),
            box(0.08, 0.34, 0.14, 0.44, "red"),
            box(0.22, 0.34, 0.28, 0.44, "red"),
            offset=(0.05, 0),
        ),
    ),
    activity("jumping", "high jump", 2.2)(
        pose((150, 160), (-40, -20), RUN_A, torso=-10, lift=0.02, shift=-0.3),
        pose((-160, -170), (-150, -160), ((40, -40), (46, -34)), torso=-100, lift=0.72),
        pose((150, 170), (160, 180), ((70, 60), (76, 66)), torso=-96, lift=0.42, shift=0.36),
        backdrop(
            *posts(0.95, 0.03, "steel", -0.1, 0.24),
            Line((-0.1, 0.74), (0.24, 0.74), 0.024, "red"),
            box(0.2, 0, 1.0, 0.24, "blue"),
        ),
    ),
    activity("jumping", "pole vault", 2.4)(
        pose((120, 160), (80, 110), RUN_A, shift=-0.25),
        pose((175, 185), (120, 150), ((80, 20), (-10, -20)), torso=-24, lift=0.4),
        pose((150, 160), (100, 120), ((150, 160), (140, 150)), torso=-120, lift=0.75),
        held(*stick(0.5, 0.02, "yellow", 0.85), grip="hands", angle=180),
        backdrop(
            Line((0.3, 0), (0.3, 1.5), 0.03, "steel"),
            Line((0.15, 1.32), (0.65, 1.32), 0.022, "red"),
            box(0.35, 0, 1.1, 0.24, "green"),
        ),
    ),
    activity("jumping", "rope skipping", 0.55)(
        pose((30, 70), (-30, -70), STANDING, lift=0.0),
        pose((34, 80), (-34, -80), lift=0.14),
        ground(
            *(
                Line(a, b, 0.014, "accent")
                for a, b in (
                    ((-0.3, 0.5), (-0.44, 0.15)),
                    ((-0.44, 0.15), (-0.25, -0.1)),
                    ((-0.25, -0.1), (0.25, -0.1)),
                    ((0.25, -0.1), (0.44, 0.15)),
                    ((0.44, 0.15), (0.3, 0.5)),
                )
            ),
            path=((0, 0.1), (0, 0.1), (0, 0.62), (0, 0.62)),
        ),
    ),
)

COMBAT = (
    activity("combat", "boxing", 0.7)(
        pose((50, 150), (88, 92), STRIDE_A, torso=8),
        pose((90, 92), (46, 150), STRIDE_A, torso=16),
        held(*ball(0.058, "red")),
        held(*ball(0.055, "red"), at="far_hand", layer="back"),
        backdrop(
            Line((0, 1.05), (0, 1.8), 0.014, "steel"),
            Line((0, 0.5), (0, 1.0), 0.17, "darkwood"),
            offset=(0.52, 0),
        ),
    ),
    activity("combat", "fencing", 1.3)(
        pose((60, 110), (-120, -170), HALF_SQUAT, torso=0),
        pose((90, 92), (-80, -80), ((78, 4), (-40, -52)), torso=12),
        swung(Disc((0.03, 0), 0.036, "metal"), Line((0, 0), (0.48, 0), 0.012, "white")),
        held(Disc((0.012, 0), 0.064, "black"), at="head"),
    ),
    activity("combat", "karate", 1.1)(
        pose((30, 130), (50, 140), ((98, -20), (-4, -8)), torso=-8),
        pose((0, 60), (40, 130), ((112, 114), (-8, -12)), torso=-34),
        held(box(-0.025, -0.065, 0.02, 0.065, "black"), at="hip", grip="torso", angle=0),
    ),
    activity("combat", "kendo", 1.0)(
        both((160, 210), STRIDE_A),
        both((92, 98), LUNGE, torso=12),
        swung(*stick(0.5, 0.026, "tan", 0.08)),
        held(
            Disc((0, 0), 0.075, "blue"), Line((0.03, -0.04), (0.03, 0.05), 0.03, "metal"), at="head"
        ),
        held(box(-0.1, -0.07, 0.16, 0.07, "blue"), at="hip", grip="torso", angle=0),
    ),
)
