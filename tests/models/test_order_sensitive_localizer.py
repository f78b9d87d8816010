import math

import pytest
import torch

from stillseek.models.order_sensitive_localizer import BoundaryScorer, OrderSensitiveLocalizer
from stillseek.models.plain import additive_attention


def localizer(*, bidirectional: bool = True) -> OrderSensitiveLocalizer:
    torch.manual_seed(0)
    return OrderSensitiveLocalizer(dim=5, hidden_dim=7, bidirectional=bidirectional).double()


def draw(batch: int, clips: int) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    states = torch.randn(batch, clips, 5, dtype=torch.float64)
    return states, torch.ones(batch, clips, dtype=torch.bool)


def test_boundary_score_by_hand():
    scorer = BoundaryScorer(dim=2, hidden_dim=1)
    with torch.no_grad():
        scorer.hidden.weight.copy_(torch.tensor([[1.0, 2.0]]))
        scorer.hidden.bias.fill_(-4.5)
        scorer.score.weight.fill_(3.0)

    result = scorer(torch.tensor([[[1.0, 2.0]]]))

    torch.testing.assert_close(result, torch.tensor([[3 * math.tanh(0.5)]]))


def test_one_clip_is_scored_on_itself():
    model = localizer()
    states, mask = draw(2, 1)

    output = model(states, mask)

    torch.testing.assert_close(output.start_logits, model.start(states))
    torch.testing.assert_close(output.end_logits, model.end(states))


def test_start_is_scored_on_forward_and_end_on_backward_context():
    model = localizer()
    states, mask = draw(2, 6)

    output = model(states, mask)

    forward = additive_attention(model.forward_context, states, mask)
    backward = additive_attention(model.backward_context, states, mask)
    torch.testing.assert_close(output.start_logits, model.start(forward))
    torch.testing.assert_close(output.end_logits, model.end(backward))


@pytest.mark.parametrize("changed", [0, 3, 5])
def test_start_sees_only_later_clips_and_end_only_earlier_ones(changed):
    model = localizer()
    states, mask = draw(1, 6)
    other = states.clone()
    other[0, changed] += 1.0

    before, after = model(states, mask), model(other, mask)

    start = (before.start_logits != after.start_logits)[0].tolist()
    end = (before.end_logits != after.end_logits)[0].tolist()
    assert start == [i <= changed for i in range(6)]
    assert end == [i >= changed for i in range(6)]


def test_without_bidirectional_aggregation_each_clip_is_scored_on_itself():
    model = localizer(bidirectional=False)
    states, mask = draw(2, 6)

    output = model(states, mask)

    torch.testing.assert_close(output.start_logits, model.start(states))
    torch.testing.assert_close(output.end_logits, model.end(states))
    assert {name.split(".")[0] for name, _ in model.named_parameters()} == {"start", "end"}


@pytest.mark.parametrize("bidirectional", [True, False])
def test_padding_scores_minus_infinity_and_changes_nothing(bidirectional):
    model = localizer(bidirectional=bidirectional)
    states, mask = draw(2, 6)
    mask[:, 4:] = False

    output = model(states.requires_grad_(), mask)
    loss = output.start_logits.log_softmax(1)[:, 1] + output.end_logits.log_softmax(1)[:, 3]
    loss.sum().backward()

    shorter = model(states[:, :4], mask[:, :4])
    torch.testing.assert_close(output.start_logits[:, :4], shorter.start_logits)
    torch.testing.assert_close(output.end_logits[:, :4], shorter.end_logits)
    assert (output.start_logits[:, 4:] == -math.inf).all()
    assert (output.end_logits[:, 4:] == -math.inf).all()
    assert states.grad is not None
    assert states.grad.isfinite().all()
    assert (states.grad[:, 4:] == 0).all()
