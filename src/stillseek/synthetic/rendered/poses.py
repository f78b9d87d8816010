"""Legs, arms and whole poses that the activities share."""

from dataclasses import replace

from stillseek.synthetic.rendered.figure import Limb, Number, Pose

Legs = tuple[Limb, Limb]

STANDING: Legs = ((5, 0), (-7, -9))
WIDE: Legs = ((24, 12), (-22, -14))
LUNGE: Legs = ((52, 2), (-28, -42))
SQUAT: Legs = ((78, -32), (66, -40))
HALF_SQUAT: Legs = ((46, -18), (34, -26))
SITTING: Legs = ((86, 2), (80, -6))
KNEELING: Legs = ((80, 0), (-4, -88))
STRIDE_A: Legs = ((26, 12), (-20, -34))
STRIDE_B: Legs = ((-18, -30), (28, 14))
RUN_A: Legs = ((58, -22), (-26, -78))
RUN_B: Legs = ((-24, -76), (60, -20))
HANGING: Legs = ((4, -6), (-2, -12))


def pose(
    near: Limb | None = None,
    far: Limb | None = None,
    legs: Legs = STANDING,
    *,
    torso: Number = 0.0,
    head: Number = 0.0,
    lift: Number = 0.0,
    shift: Number = 0.0,
) -> Pose:
    """A pose from arms and legs; arms that are not given hang down."""
    return Pose(
        torso=torso,
        head=head,
        near_arm=near or (8, 12),
        far_arm=far or (-8, 2),
        near_leg=legs[0],
        far_leg=legs[1],
        lift=lift,
        shift=shift,
    )


def both(arm: Limb, legs: Legs = STANDING, **rest: Number) -> Pose:
    """A pose whose arms move together, the far one a little ahead."""
    return pose(arm, (arm[0] + 6, arm[1] + 6), legs, **rest)


def sway(base: Pose, *, torso: Number = 4.0, arm: Number = 14.0) -> tuple[Pose, ...]:
    """Two key poses around a base: the body and the near forearm rock."""
    upper, fore = base.near_arm
    return (
        replace(base, torso=base.torso - torso / 2, near_arm=(upper - arm / 3, fore - arm)),
        replace(base, torso=base.torso + torso / 2, near_arm=(upper + arm / 3, fore + arm)),
    )


IDLE: dict[str, tuple[Pose, ...]] = {
    "stand": (pose(), pose((4, 10), (-6, 4), torso=1)),
    "walk": (
        pose((-22, -8), (26, 40), STRIDE_A),
        pose(legs=((4, -4), (2, -30)), lift=0.01),
        pose((26, 40), (-22, -8), STRIDE_B),
        pose(legs=((2, -30), (4, -4)), lift=0.01),
    ),
    "talk": (
        pose((28, 96), (10, 60)),
        pose((22, 120), (14, 84), torso=2, head=4),
        pose((34, 80), (6, 70), head=-3),
    ),
    "arms crossed": (pose((22, 104), (26, 92)), pose((24, 106), (28, 90), torso=2, head=5)),
    "look at phone": (pose((14, 128), (-6, 4), head=22), pose((12, 132), (-6, 4), head=25)),
}
