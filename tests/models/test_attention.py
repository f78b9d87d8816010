import math

import pytest
import torch

from stillseek.models.attention import AdditiveAttention, MultiHead


def everything(batch: int, queries: int, keys: int) -> torch.Tensor:
    return torch.ones(batch, queries, keys, dtype=torch.bool)


def test_multi_head_by_hand():
    # Two heads of width 1 over the context (1, 0), (0, 1). Head 1: keys 0, 0 -> mean of values
    # 10, 30 = 20. Head 2: scores ln 3, 0 -> 3/4 * 2 + 1/4 * 6 = 3. W^o = (1, 100).
    attention = MultiHead(query_dim=1, context_dim=2, num_heads=2, projection_dim=1)
    with torch.no_grad():
        attention.query.weight.copy_(torch.tensor([[1.0], [math.log(3)]]))
        attention.key.weight.copy_(torch.tensor([[0.0, 0.0], [1.0, 0.0]]))
        attention.value.weight.copy_(torch.tensor([[10.0, 30.0], [2.0, 6.0]]))
        attention.output.weight.copy_(torch.tensor([[1.0, 100.0]]))

    result = attention(
        torch.ones(1, 1, 1), *attention.keys_values(torch.eye(2)[None]), everything(1, 1, 2)
    )

    torch.testing.assert_close(result, torch.tensor([[[320.0]]]))


def test_multi_head_is_the_sum_of_its_heads_through_their_part_of_w_o():
    torch.manual_seed(0)
    attention = MultiHead(query_dim=7, context_dim=11, num_heads=3, projection_dim=5).double()
    queries = torch.randn(2, 4, 7, dtype=torch.float64)
    context = torch.randn(2, 6, 11, dtype=torch.float64)
    expected = torch.zeros_like(queries)
    for head in range(3):
        rows = slice(5 * head, 5 * head + 5)
        q, k, v = (
            x @ w.weight[rows].mT
            for x, w in (
                (queries, attention.query),
                (context, attention.key),
                (context, attention.value),
            )
        )
        weights = (q @ k.mT / math.sqrt(5)).softmax(-1)
        expected += weights @ v @ attention.output.weight[:, rows].mT

    result = attention(queries, *attention.keys_values(context), everything(2, 4, 6))

    torch.testing.assert_close(result, expected)


def test_multi_head_has_no_biases_and_returns_the_query_width():
    attention = MultiHead(query_dim=7, context_dim=11, num_heads=3, projection_dim=5)

    assert {name: tuple(p.shape) for name, p in attention.named_parameters()} == {
        "query.weight": (15, 7),
        "key.weight": (15, 11),
        "value.weight": (15, 11),
        "output.weight": (7, 15),
    }


def run(attention: AdditiveAttention, states: torch.Tensor) -> torch.Tensor:
    clip_mask = torch.ones(states.shape[:2], dtype=torch.bool)
    return attention(attention.anchor(states), attention.other(states), states, clip_mask)


def test_additive_attention_of_one_clip_is_the_clip():
    states = torch.randn(2, 1, 3)
    attention = AdditiveAttention(dim=3, hidden_dim=5, direction="forward")

    torch.testing.assert_close(run(attention, states), states)


def test_additive_attention_by_hand():
    # Width 1, W^1 = 0, W^2 = 1, w = ln 3 / tanh 1: the clips 0, 1 and 0 score 0, ln 3 and 0,
    # relative weights 1, 3 and 1.
    clips = torch.tensor([[[0.0], [1.0], [0.0]]])
    for direction, expected in (("forward", [3 / 5, 3 / 4, 0]), ("backward", [0, 3 / 4, 3 / 5])):
        attention = AdditiveAttention(dim=1, hidden_dim=1, direction=direction)
        with torch.no_grad():
            attention.anchor.weight.fill_(0.0)
            attention.other.weight.fill_(1.0)
            attention.score.weight.fill_(math.log(3) / math.tanh(1))

        result = run(attention, clips)

        torch.testing.assert_close(result, torch.tensor(expected)[None, :, None])


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_additive_attention_equals_the_printed_sums(direction):
    torch.manual_seed(0)
    attention = AdditiveAttention(dim=3, hidden_dim=5, direction=direction).double()
    states = torch.randn(1, 7, 3, dtype=torch.float64)
    w1, w2, w = attention.anchor.weight, attention.other.weight, attention.score.weight[0]
    expected = torch.zeros_like(states)
    for i in range(7):
        seen = range(i, 7) if direction == "forward" else range(i + 1)
        a = torch.stack([w @ torch.tanh(w1 @ states[0, i] + w2 @ states[0, t]) for t in seen])
        alpha = a.exp() / a.exp().sum()
        expected[0, i] = sum(x * states[0, t] for x, t in zip(alpha, seen, strict=True))

    result = run(attention, states)

    # Rounding of sums in another order.
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-12)
