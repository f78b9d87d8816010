import math

import pytest
import torch

from stillseek.tensors import LocalizerOutput
from stillseek.training.losses import boundary_nll

INF = math.inf


def test_hand_computed_value():
    # p^s = (1/4, 3/4) with one padded clip; p^e uniform over 2.
    output = LocalizerOutput(
        start_logits=torch.tensor([[0.0, math.log(3.0), -INF]]),
        end_logits=torch.tensor([[1.0, 1.0, -INF]]),
    )
    loss = boundary_nll(output, torch.tensor([1]), torch.tensor([0]))
    assert loss.item() == pytest.approx(-math.log(3 / 4) - math.log(1 / 2), rel=1e-6)


def test_a_batch_is_the_mean_of_its_samples():
    generator = torch.Generator().manual_seed(0)
    start, end = torch.randn(2, 5, 7, generator=generator, dtype=torch.float64)
    s, e = torch.randint(0, 7, (2, 5), generator=generator)
    whole = boundary_nll(LocalizerOutput(start_logits=start, end_logits=end), s, e)
    single = [
        boundary_nll(
            LocalizerOutput(start_logits=start[i : i + 1], end_logits=end[i : i + 1]),
            s[i : i + 1],
            e[i : i + 1],
        )
        for i in range(5)
    ]
    assert whole.dtype == torch.float64
    assert torch.allclose(whole, torch.stack(single).mean(), rtol=1e-14)


def test_padding_has_no_gradient_and_no_nan():
    logits = torch.randn(2, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    padded = torch.cat([logits, torch.full((2, 2), -INF)], dim=1)
    output = LocalizerOutput(start_logits=padded, end_logits=padded)
    steps = torch.tensor([0, 2])
    boundary_nll(output, steps, steps).backward()
    gradient = logits.grad
    assert gradient is not None
    assert gradient.isfinite().all()
    assert gradient.sum(dim=1).abs().max() < 1e-6  # a softmax's gradient sums to zero


def test_bfloat16_logits_are_summed_in_float32():
    logits = torch.randn(2, 13, generator=torch.Generator().manual_seed(0)).bfloat16()
    output = LocalizerOutput(start_logits=logits, end_logits=logits)
    wide = LocalizerOutput(start_logits=logits.float(), end_logits=logits.float())
    steps = torch.tensor([3, 5])
    loss = boundary_nll(output, steps, steps)
    assert loss.dtype == torch.float32
    assert loss == boundary_nll(wide, steps, steps)
