import math

import numpy as np
import pytest

from stillseek.errors import FeatureError
from stillseek.scores import Proposals, pool_steps, proposal_scores
from stillseek.timeline import MAX_STEPS, ClipGrid


def test_short_sequences_are_not_pooled():
    clips = np.random.default_rng(0).standard_normal((7, 3))
    grid = ClipGrid(
        stride_seconds=1.0, length_seconds=1.0, duration_seconds=7.0, max_steps=MAX_STEPS
    )
    assert pool_steps(clips, grid) is clips


def test_a_pooled_step_is_the_mean_of_its_clips():
    clips = np.array([[1.0], [3.0], [5.0], [9.0], [2.0]])
    grid = ClipGrid(stride_seconds=1.0, length_seconds=1.0, duration_seconds=5.0, max_steps=2)
    assert [list(grid.clips_of_step(step)) for step in range(2)] == [[0, 1], [2, 3, 4]]
    np.testing.assert_array_equal(pool_steps(clips, grid), [[2.0], [16 / 3]])


def test_a_grid_of_other_clips_is_refused():
    grid = ClipGrid(stride_seconds=1.0, length_seconds=1.0, duration_seconds=5.0)
    with pytest.raises(FeatureError, match="got 4 clip features for a grid of 5 clips"):
        pool_steps(np.zeros((4, 3)), grid)


def test_scores_of_proposals_by_hand():
    proposals = Proposals(
        # The first two start in clip 0; the first and the third have their last instant in clip 1.
        segments=np.array([[[0.0, 2.0], [0.9, 3.0], [1.5, 1.6], [2.0, 3.0]]]),
        logits=np.array([[0.0, math.log(3.0), -math.log(3.0), -math.inf]]),
    )

    found = proposal_scores(proposals, 3)

    np.testing.assert_allclose(np.exp(found.start_logits), [[0.5 + 0.75, 0.25, 0.0]])
    np.testing.assert_allclose(np.exp(found.end_logits), [[0.0, 0.5 + 0.25, 0.75]])
    assert found.proposals is proposals


def test_very_unlikely_proposals_keep_finite_scores():
    proposals = Proposals(
        segments=np.array([[[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]]], dtype=np.float32),
        logits=np.array([[-300.0, -3001.0, -np.inf]], dtype=np.float32),
    )

    found = proposal_scores(proposals, 3)

    np.testing.assert_allclose(found.start_logits, [[-300.0, -3001.0, -np.inf]])
    np.testing.assert_allclose(found.end_logits, [[-300.0, -3001.0, -np.inf]])
