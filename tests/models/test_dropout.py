import pytest
import torch

from stillseek.errors import UsageError
from stillseek.models.dropout import Dropout


def test_zeros_its_share_and_keeps_the_mean():
    torch.manual_seed(0)
    values = torch.ones(1000, 997)

    dropped = Dropout(0.3)(values)

    # A million draws: the share has a standard deviation of 0.0005.
    assert (dropped == 0).float().mean().item() == pytest.approx(0.3, abs=0.003)
    assert dropped.mean().item() == pytest.approx(1, abs=0.005)
    assert dropped.unique().tolist() == pytest.approx([0, 1 / 0.7], rel=1e-4)


@pytest.mark.parametrize("first", [0, 1, 2, 3])
def test_entries_of_one_draw_do_not_depend_on_each_other(first):
    torch.manual_seed(0)
    kept = (Dropout(0.5)(torch.ones(50_000, 4)) != 0).float()

    together = [(kept[:, first] * kept[:, other]).mean().item() for other in range(4)]

    assert together == pytest.approx([0.5 if o == first else 0.25 for o in range(4)], abs=0.01)


def test_gradient_takes_the_same_way():
    values = torch.randn(5, 7, 3, dtype=torch.float64, requires_grad=True)

    dropped = Dropout(0.5)(values)
    (gradient,) = torch.autograd.grad(dropped.sum(), values)

    torch.testing.assert_close(values * gradient, dropped)


def test_numbers_follow_from_the_seed():
    def draw() -> torch.Tensor:
        torch.manual_seed(3)
        return Dropout(0.5)(torch.ones(7, 11))

    assert torch.equal(draw(), draw())


def test_does_nothing_outside_of_training_or_at_rate_0():
    values = torch.randn(3, 5)

    assert torch.equal(Dropout(0.9).eval()(values), values)
    assert torch.equal(Dropout(0.0)(values), values)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_refuses_rates_that_leave_nothing(rate):
    with pytest.raises(UsageError, match=r"dropout must be in \[0, 1\)"):
        Dropout(rate)
