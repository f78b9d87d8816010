"""Music and shows of the rendered world."""

from stillseek.synthetic.rendered.activity import activity
from stillseek.synthetic.rendered.poses import (
    LUNGE,
    SITTING,
    STANDING,
    STRIDE_A,
    WIDE,
    both,
    pose,
    sway,
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

_CHAIR = backdrop(
    box(-0.16, 0.22, 0.14, 0.26, "darkwood"),
    Line((-0.14, 0), (-0.14, 0.6), 0.025, "darkwood"),
    Line((0.12, 0), (0.12, 0.24), 0.025, "darkwood"),
)


def _fiddle(scale: float, colour: str) -> Shape:
    s = scale
    return (
        oval(0, 0, 0.1 * s, 0.07 * s, colour),
        oval(0.13 * s, 0, 0.07 * s, 0.055 * s, colour),
        Line((0.18 * s, 0), (0.4 * s, 0), 0.03 * s, "black"),
        Line((-0.08 * s, 0), (0.4 * s, 0), 0.008, "white"),
    )


STRINGS = (
    activity("string instruments", "violin", 1.0)(
        pose((60, 150), (70, 130), torso=2),
        pose((36, 96), (70, 130), torso=-2),
        held(*_fiddle(0.9, "brown"), at="neck", offset=(0.1, -0.01), angle=96, layer="middle"),
        held(*stick(0.3, 0.012, "white", 0.1), angle=140),
    ),
    activity("string instruments", "guitar", 0.6)(
        pose((10, 96), (46, 110)),
        pose((2, 76), (46, 112), head=8),
        held(
            oval(0, 0, 0.13, 0.11, "orange"),
            oval(0.14, 0, 0.09, 0.085, "orange"),
            Disc((0.1, 0), 0.036, "black"),
            Line((0.2, 0), (0.5, 0), 0.034, "darkwood"),
            Line((0.5, 0), (0.56, 0), 0.05, "darkwood"),
            at="hip",
            offset=(0.04, 0.1),
            angle=112,
        ),
    ),
    activity("string instruments", "cello", 1.3)(
        pose((30, 80), (60, 150), SITTING),
        pose((10, 50), (60, 146), SITTING, torso=5),
        _CHAIR,
        ground(
            Line((-0.28, 0), (-0.14, 0), 0.014, "metal"),
            *_fiddle(1.55, "brown"),
            offset=(0.3, 0.27),
            angle=168,
        ),
        held(*stick(0.3, 0.014, "white", 0.12), angle=86),
    ),
    activity("string instruments", "harp", 0.9)(
        pose((60, 100), (80, 120), SITTING),
        pose((74, 84), (66, 96), SITTING, torso=4),
        _CHAIR,
        ground(
            Line((0.16, 0.02), (0.16, 0.5), 0.03, "brass"),
            Line((0.16, 0.02), (0.52, 0.06), 0.06, "brass"),
            Line((0.52, 0.06), (0.55, 0.98), 0.04, "brass"),
            Line((0.16, 0.5), (0.34, 0.78), 0.04, "brass"),
            Line((0.34, 0.78), (0.55, 0.98), 0.045, "brass"),
            *(
                Line((0.2 + 0.055 * k, 0.06), (0.2 + 0.055 * k, 0.56 + 0.075 * k), 0.007, "white")
                for k in range(6)
            ),
            offset=(0.12, 0),
        ),
    ),
)

WINDS = (
    activity("wind instruments", "trumpet", 1.2)(
        *sway(both((64, 112), STANDING, torso=-4), torso=10, arm=6),
        held(
            Line((-0.12, 0), (0.2, 0), 0.022, "brass"),
            Polygon(((0.18, 0.012), (0.32, 0.075), (0.32, -0.075), (0.18, -0.012)), "brass"),
            Line((0.0, -0.04), (0.14, -0.04), 0.018, "brass"),
            Line((0.05, 0.06), (0.05, -0.05), 0.018, "metal"),
            Line((0.09, 0.06), (0.09, -0.05), 0.018, "metal"),
            at="head",
            offset=(0.17, -0.02),
        ),
    ),
    activity("wind instruments", "flute", 1.5)(
        *sway(pose((70, 158), (96, 160), STANDING, head=6), torso=8, arm=6),
        held(
            Line((-0.2, 0), (0.4, 0), 0.024, "metal"),
            *(Disc((0.05 + 0.06 * k, 0.016), 0.011, "black") for k in range(5)),
            at="head",
            offset=(0.06, -0.035),
            angle=94,
        ),
    ),
    activity("wind instruments", "saxophone", 1.3)(
        *sway(pose((16, 70), (36, 96), STANDING, torso=-4), torso=16, arm=6),
        held(
            Line((0.04, 0.0), (0.14, -0.02), 0.016, "black"),
            Line((0.14, -0.02), (0.12, -0.42), 0.04, "brass"),
            Line((0.12, -0.42), (0.22, -0.46), 0.05, "brass"),
            Polygon(((0.19, -0.46), (0.26, -0.46), (0.38, -0.24), (0.24, -0.24)), "brass"),
            *(Disc((0.135, -0.1 - 0.08 * k), 0.016, "white") for k in range(4)),
            at="head",
            offset=(0.02, -0.03),
        ),
    ),
    activity("wind instruments", "bagpipes", 1.4)(
        pose((10, 80), (24, 84), STRIDE_A),
        pose((12, 76), (26, 80), STANDING, torso=2),
        held(
            oval(0, 0, 0.15, 0.1, "green"),
            Line((-0.06, 0.06), (-0.16, 0.5), 0.026, "black"),
            Line((0.0, 0.08), (-0.05, 0.46), 0.026, "black"),
            Line((-0.11, 0.06), (-0.27, 0.44), 0.026, "black"),
            Line((0.1, 0.02), (0.12, 0.26), 0.018, "white"),
            Line((0.1, -0.03), (0.2, -0.2), 0.022, "black"),
            at="chest",
            offset=(0.08, -0.1),
        ),
    ),
)

PERCUSSION = (
    activity("keys and percussion", "drum kit", 0.4)(
        pose((40, 120), (60, 80), SITTING),
        pose((56, 74), (36, 130), SITTING, torso=4),
        _CHAIR,
        ground(
            Disc((0.42, 0.19), 0.18, "accent"),
            Disc((0.42, 0.19), 0.145, "white"),
            box(0.16, 0.34, 0.36, 0.44, "accent"),
            box(0.48, 0.38, 0.66, 0.5, "accent"),
            Line((0.74, 0), (0.74, 0.74), 0.018, "metal"),
            Line((0.6, 0.72), (0.9, 0.78), 0.022, "brass"),
            Line((0.2, 0), (0.2, 0.34), 0.014, "metal"),
            offset=(0.08, 0),
        ),
        swung(*stick(0.2, 0.015, "tan")),
        held(*stick(0.2, 0.015, "tan"), at="far_hand", angle=110, layer="back"),
    ),
    activity("keys and percussion", "marimba", 0.5)(
        pose((20, 80), (40, 56), STANDING, torso=18),
        pose((36, 54), (20, 84), STANDING, torso=18),
        ground(
            *(box(0.0 + 0.09 * k, 0.44, 0.07 + 0.09 * k, 0.48, "darkwood") for k in range(9)),
            *(
                Line((0.035 + 0.09 * k, 0.42), (0.035 + 0.09 * k, 0.14 + 0.02 * k), 0.03, "brass")
                for k in range(9)
            ),
            *posts(0.44, 0.024, "steel", 0.0, 0.8),
            offset=(0.12, 0),
        ),
        swung(*stick(0.2, 0.012, "tan"), Disc((0.2, 0), 0.026, "red"), angle=-20),
    ),
    activity("keys and percussion", "piano", 0.7)(
        pose((40, 84), (50, 90), SITTING, torso=6),
        pose((52, 88), (36, 80), SITTING, torso=10),
        _CHAIR,
        ground(
            box(0.26, 0.36, 0.62, 0.43, "black"),
            box(0.3, 0.41, 0.56, 0.44, "white"),
            box(0.56, 0.0, 0.76, 0.84, "black"),
            box(0.28, 0.0, 0.32, 0.38, "black"),
            box(0.52, 0.56, 0.56, 0.76, "white"),
            offset=(0.06, 0),
        ),
    ),
    activity("keys and percussion", "congas", 0.45)(
        pose((30, 110), (50, 60), WIDE, torso=8),
        pose((44, 60), (30, 110), WIDE, torso=8),
        *(
            ground(
                Polygon(
                    (
                        (-0.08, 0),
                        (0.08, 0),
                        (0.115, 0.34),
                        (0.095, 0.47),
                        (-0.095, 0.47),
                        (-0.115, 0.34),
                    ),
                    "red",
                ),
                Line((-0.1, 0.47), (0.1, 0.47), 0.035, "white"),
                offset=(x, 0),
            )
            for x in (0.28, 0.5)
        ),
    ),
)

SHOWS = (
    activity("shows", "hula hoop", 0.8)(
        both((100, 110), STANDING, torso=-5, shift=-0.03),
        both((104, 114), STANDING, torso=6, shift=0.04),
        held(
            Line((-0.3, 0.05), (-0.2, 0.0), 0.022, "accent"),
            Line((-0.2, 0.0), (0.2, 0.0), 0.026, "accent"),
            Line((0.2, 0.0), (0.3, 0.05), 0.022, "accent"),
            Line((0.3, 0.05), (0.2, 0.09), 0.016, "accent"),
            Line((-0.3, 0.05), (-0.2, 0.09), 0.016, "accent"),
            at="hip",
            path=((-0.07, 0.0), (0.07, 0.04), (0.05, -0.01), (-0.06, 0.03)),
        ),
    ),
    activity("shows", "juggling", 0.9)(
        pose((20, 96), (30, 80), head=-14),
        pose((30, 80), (20, 96), head=-16),
        *(
            ground(
                *ball(0.045, colour),
                path=tuple(
                    (
                        (0.1, 0.68),
                        (0.16, 1.05),
                        (0.25, 1.25),
                        (0.34, 1.05),
                        (0.38, 0.68),
                        (0.24, 0.62),
                    )[(k + shift) % 6]
                    for k in range(6)
                ),
            )
            for shift, colour in ((0, "red"), (2, "yellow"), (4, "blue"))
        ),
    ),
    activity("shows", "ribbon gymnastics", 1.6)(
        pose((150, 160), (-90, -90), ((70, 60), (0, 0)), torso=-6),
        pose((90, 80), (-100, -90), LUNGE, torso=4),
        pose((170, 190), (90, 90), STRIDE_A, torso=-10),
        swung(
            Line((0, 0), (0.14, 0), 0.012, "white"),
            *(
                Line(
                    (0.14 + 0.08 * k, 0.07 * (-1) ** k),
                    (0.22 + 0.08 * k, -0.07 * (-1) ** k),
                    0.026,
                    "accent",
                )
                for k in range(7)
            ),
            angle=10,
        ),
    ),
    activity("shows", "unicycling", 0.8)(
        pose((100, 110), (-90, -100), ((60, -4), (26, -30)), lift=0.12),
        pose((84, 90), (-104, -110), ((26, -30), (60, -4)), lift=0.12, torso=6),
        ground(
            Disc((0.03, 0.2), 0.19, "black", 0.028),
            *(
                Line((0.03, 0.2), (0.03 + x, 0.2 + y), 0.008, "metal")
                for x, y in ((0.18, 0), (-0.18, 0), (0, 0.18), (0, -0.18))
            ),
            Line((0.03, 0.2), (0.0, 0.52), 0.026, "accent"),
            Line((-0.07, 0.54), (0.08, 0.54), 0.04, "black"),
            layer="middle",
        ),
    ),
)
