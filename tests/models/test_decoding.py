import math

import pytest
import torch

from stillseek.models.decoding import decode
from stillseek.tensors import LocalizerOutput


def output(start: list[list[float]], end: list[list[float]]) -> LocalizerOutput:
    """Output with these probabilities."""
    return LocalizerOutput(
        start_logits=torch.tensor(start).log(), end_logits=torch.tensor(end).log()
    )


@pytest.mark.parametrize("method", ["joint", "independent"])
def test_one_clip(method):
    prediction = decode(output([[1.0]], [[1.0]]), method=method)

    assert (prediction.start_step.tolist(), prediction.end_step.tolist()) == ([0], [0])
    assert prediction.score.tolist() == [1.0]


def test_independent_may_reverse_and_joint_does_not():
    scores = output([[0.1, 0.2, 0.7]], [[0.5, 0.3, 0.2]])

    independent, joint = decode(scores, method="independent"), decode(scores)

    assert (independent.start_step.item(), independent.end_step.item()) == (2, 0)
    torch.testing.assert_close(independent.score, torch.tensor([0.35]))
    assert (joint.start_step.item(), joint.end_step.item()) == (2, 2)  # 0.14, then 0.06, 0.05
    torch.testing.assert_close(joint.score, torch.tensor([0.14]))


def test_joint_equals_brute_force():
    torch.manual_seed(0)
    logits = LocalizerOutput(
        start_logits=3 * torch.randn(101, 13, dtype=torch.float64),
        end_logits=3 * torch.randn(101, 13, dtype=torch.float64),
    )
    start, end = logits.start_logits.softmax(1), logits.end_logits.softmax(1)
    pairs = (start[:, :, None] * end[:, None]).triu()

    prediction = decode(logits, method="joint")

    best = pairs.flatten(1).argmax(1)
    assert torch.equal(prediction.start_step, best // 13)
    assert torch.equal(prediction.end_step, best % 13)
    assert (prediction.start_step <= prediction.end_step).all()
    torch.testing.assert_close(prediction.score, pairs.flatten(1).amax(1))


@pytest.mark.parametrize("method", ["joint", "independent"])
def test_padding_is_never_chosen(method):
    logits = torch.full((2, 5), -math.inf)
    logits[:, :2] = -1000.0  # far below zero, still the only real clips

    prediction = decode(LocalizerOutput(start_logits=logits, end_logits=logits), method=method)

    assert (prediction.start_step < 2).all()
    assert (prediction.end_step < 2).all()


def test_joint_tells_pairs_apart_that_underflow_as_products():
    # The best pair with start <= end has probability exp(-115); float32 ends at exp(-103).
    logits = LocalizerOutput(
        start_logits=torch.tensor([[-120.0, -110.0, 0.0]]),
        end_logits=torch.tensor([[0.0, -5.0, -130.0]]),
    )

    prediction = decode(logits)

    assert (prediction.start_step.item(), prediction.end_step.item()) == (1, 1)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_score_is_a_probability_in_every_precision(dtype):
    logits = torch.zeros(3, 7, dtype=dtype)
    logits[:, 2] = 30.0

    score = decode(LocalizerOutput(start_logits=logits, end_logits=logits)).score

    assert ((score >= 0) & (score <= 1)).all()
    # A confident model gets a score near 1: log-probabilities are taken in float32 or better.
    torch.testing.assert_close(score, torch.ones_like(score))
    assert score.dtype == torch.float32
