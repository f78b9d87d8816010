import numpy as np
import pytest

from stillseek.synthetic.rendered.activities import ACTIVITIES
from stillseek.synthetic.rendered.figure import Placement, Pose, joints, pose_at
from stillseek.synthetic.rendered.look import HEIGHT, WIDTH, draw_look
from stillseek.synthetic.rendered.poses import both, pose
from stillseek.synthetic.rendered.scene import draw_shot


@pytest.mark.parametrize(
    "figure",
    [pose(), both((170, 180), torso=-90), pose(legs=((90, 90), (95, 95))), both((0, 0), torso=178)],
    ids=["standing", "lying", "sitting on the ground", "on the head"],
)
def test_the_lowest_joint_touches_the_ground(figure):
    assert min(y for _, y in joints(figure).values()) == pytest.approx(0.02)


def test_lift_raises_every_joint_by_the_same_height():
    low, high = joints(pose()), joints(pose(lift=0.3))

    assert {name: high[name][1] - low[name][1] for name in low} == pytest.approx(
        dict.fromkeys(low, 0.3)
    )


def test_an_arm_at_90_degrees_points_forward():
    where = joints(pose((90, 90)))

    assert where["near_hand"][0] - where["near_shoulder"][0] == pytest.approx(0.165 + 0.155)
    assert where["near_hand"][1] == pytest.approx(where["near_shoulder"][1])


def test_pose_at_passes_through_its_keys_and_closes_the_cycle():
    keys = (Pose(torso=0), Pose(torso=30), Pose(torso=60))

    assert [pose_at(keys, k / 3).torso for k in range(4)] == pytest.approx([0, 30, 60, 0])
    assert pose_at(keys, 1 / 6).torso == pytest.approx(15)


def test_facing_left_mirrors_around_the_origin():
    right, left = Placement(100, 50, 80, 1), Placement(100, 50, 80, -1)

    x_right, y_right = right.pixel((0.25, 0.5))
    x_left, y_left = left.pixel((0.25, 0.5))

    assert (x_right / 16, y_right / 16) == (120, 10)
    assert (x_left / 16, y_left / 16) == (80, 10)


@pytest.mark.parametrize("activity", ACTIVITIES, ids=lambda activity: activity.name)
def test_every_activity_moves_and_shows_its_objects(activity):
    rng = np.random.default_rng(3)
    shot = draw_shot(rng, draw_look(rng), activity)

    first, later = shot.draw(0.0), shot.draw(activity.period_seconds * 0.4)

    assert first.shape == (HEIGHT, WIDTH, 3)
    assert first.dtype == np.uint8
    assert np.abs(first.astype(int) - later).max() > 40
    assert activity.props
