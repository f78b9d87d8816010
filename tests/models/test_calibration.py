import math

import numpy as np
import pytest
import torch

from stillseek.errors import CheckpointError
from stillseek.models.calibration import Calibration
from stillseek.tensors import ClipEvidence


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
    evidence = ClipEvidence(
        similarity=torch.tensor([[0.5, -0.5, -torch.inf]]), background=torch.tensor([0.25])
    )

    logits = make_calibration().clip_logits(evidence)

    assert logits[0].tolist() == [1.5 - 0.5 + 1, -1.5 - 0.5 + 1, -math.inf]
    assert make_calibration().presence(logits).tolist() == pytest.approx([1 / (1 + math.exp(-2))])


def test_long_videos_need_more_evidence():
    evidence = ClipEvidence(similarity=torch.zeros(1, 480), background=torch.zeros(1))
    assert make_calibration().clip_logits(evidence)[0, 0] == pytest.approx(1 - 0.5 * 2)


def test_clips_that_show_nothing_do_not_make_a_video_long():
    similarity = torch.full((1, 480), -torch.inf)
    similarity[0, :120] = 0.0
    evidence = ClipEvidence(similarity=similarity, background=torch.zeros(1))
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
