import math

import numpy as np
import pytest

from stillseek.errors import CheckpointError
from stillseek.models.calibration import Calibration
from stillseek.scores import PresenceEvidence


def make_calibration(**overrides) -> Calibration:
    values = {
        "similarity": 3.0,
        "background": -2.0,
        "length": -0.5,
        "bias": 1.0,
        "moment_peak": 0.5,
        "moment_mean": 0.25,
        "moment_bias": -1.0,
    }
    return Calibration(**values | overrides)


def test_log_odds_of_clips_by_hand():
    evidence = PresenceEvidence(
        similarity=np.array([[0.5, -0.5, -np.inf]]), background=np.array([0.25])
    )

    logits = make_calibration().clip_logits(evidence)

    assert logits[0].tolist() == [1.5 - 0.5 + 1, -1.5 - 0.5 + 1, -math.inf]
    assert make_calibration().presence(logits).tolist() == pytest.approx([1 / (1 + math.exp(-2))])


@pytest.mark.parametrize(
    ("number", "expected"), [(1, 4.0), (2, 3.0), (3, 2.0), (4, 2.0), (99, 2.0)]
)
def test_presence_is_that_of_the_best_clips_that_show_something(number, expected):
    logits = np.array([[0.0, -math.inf, 4.0, 2.0]])
    presence = make_calibration(best_clips=number).presence(logits)
    assert presence.tolist() == pytest.approx([1 / (1 + math.exp(-expected))])


def test_nothing_shown_is_nothing_there():
    assert make_calibration(best_clips=3).presence(np.full((2, 4), -math.inf)).tolist() == [0, 0]


def test_calibrations_of_before_are_judged_by_the_best_clip():
    values = make_calibration(best_clips=5).to_dict()
    assert Calibration.from_dict(values).best_clips == 5
    del values["best_clips"]
    assert Calibration.from_dict(values).best_clips == 1
    with pytest.raises(CheckpointError, match="best_clips of a calibration must be at least 1"):
        Calibration.from_dict(values | {"best_clips": 0})


def test_more_pictures_make_surer_by_hand():
    evidence = PresenceEvidence(similarity=np.array([[0.5, -0.5]]), background=np.array([0.25]))
    one = make_calibration(sharpening=0.25, pictures=-0.5)

    single, four = (one.for_pictures(number).clip_logits(evidence) for number in (1, 4))

    assert single.tolist() == one.clip_logits(evidence).tolist() == [[2.0, -1.0]]
    assert four.tolist() == [[1.5 * 2.0 - 1.0, 1.5 * -1.0 - 1.0]]


def test_calibrations_of_before_know_one_picture():
    values = make_calibration(sharpening=0.25, pictures=-0.5).to_dict()
    assert Calibration.from_dict(values).sharpening == 0.25
    del values["sharpening"], values["pictures"]
    assert Calibration.from_dict(values) == make_calibration()


def test_long_videos_need_more_evidence():
    evidence = PresenceEvidence(similarity=np.zeros((1, 480)), background=np.zeros(1))
    assert make_calibration().clip_logits(evidence)[0, 0] == pytest.approx(1 - 0.5 * 2)


def test_clips_that_show_nothing_do_not_make_a_video_long():
    similarity = np.full((1, 480), -np.inf)
    similarity[0, :120] = 0.0
    evidence = PresenceEvidence(similarity=similarity, background=np.zeros(1))
    assert make_calibration().clip_logits(evidence)[0, 0] == pytest.approx(1.0)


def test_the_score_of_a_moment_by_hand():
    logits = np.array([2.0, 0.0, -np.inf])
    expected = 0.5 * 2 + 0.25 * 1 - 1
    assert make_calibration().score(logits) == pytest.approx(1 / (1 + math.exp(-expected)))


def test_a_moment_of_black_frames_is_not_the_activity():
    assert make_calibration().score(np.array([-np.inf, -np.inf])) == 0.0


def test_a_calibration_survives_its_file():
    calibration = make_calibration(threshold=0.4)
    assert Calibration.from_dict(calibration.to_dict()) == calibration


@pytest.mark.parametrize(
    "change", [{"bias": math.nan}, {"bias": "1"}, {"extra": 1.0}, {"bias": None}]
)
def test_a_broken_calibration_is_refused(change):
    with pytest.raises(CheckpointError, match="calibrate the head again"):
        Calibration.from_dict(make_calibration().to_dict() | change)
