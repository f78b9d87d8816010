import torch

from stillseek.models.uniform import RandomConfig, RandomSegment


def make_random(seed: int = 0) -> RandomSegment:
    return RandomSegment(RandomConfig(clip_dim=13, region_dim=17, global_dim=7, seed=seed))


def test_draws_follow_from_the_seed_and_the_rows_before(make_inputs):
    lengths = [5, 11, 1, 23, 7]
    together = make_random()(make_inputs(lengths, [1] * 5)).stages[0].segments

    model = make_random()
    parts = [
        model(make_inputs(part, [1] * len(part))).stages[0].segments
        for part in (lengths[:2], lengths[2:3], lengths[3:])
    ]
    assert torch.equal(together, torch.cat(parts))
    assert not torch.equal(
        together, make_random(1)(make_inputs(lengths, [1] * 5)).stages[0].segments
    )

    again = model(make_inputs(lengths, [1] * 5)).stages[0].segments
    assert not torch.equal(together, again)
    model.reset()
    assert torch.equal(together, model(make_inputs(lengths, [1] * 5)).stages[0].segments)


def test_two_sorted_uniform_times(make_inputs):
    segments = make_random()(make_inputs([7] * 4001, [1] * 4001)).stages[0].segments[:, 0]
    # The mean of the smaller of two uniforms is 1/3, of the larger 2/3; the standard error of
    # 4001 draws is 7 * 0.236 / 63 = 0.026.
    torch.testing.assert_close(
        segments.mean(dim=0), torch.tensor([7 / 3, 14 / 3]).double(), atol=0.1, rtol=0
    )


def test_draws_without_length_get_some(make_inputs, monkeypatch):
    inputs = make_inputs([5, 7, 3], [1, 1, 1])
    draws = torch.tensor([[0.2, 0.2], [0.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    monkeypatch.setattr(torch, "rand", lambda *args, **kwargs: draws)
    output = make_random()(inputs)
    start, end = output.stages[0].segments[:, 0].unbind(dim=-1)
    assert (start < end).all()
    assert (end <= torch.tensor([5, 7, 3])).all()
    assert output.start_logits.argmax(dim=1).tolist() == [1, 0, 2]
    assert output.end_logits.argmax(dim=1).tolist() == [1, 0, 2]


def test_the_answer_has_the_clips_of_the_draw(make_inputs):
    output = make_random()(make_inputs([11], [1]))
    start, end = output.stages[0].segments[0, 0].tolist()
    assert output.start_logits.isfinite()[0].nonzero().item() == int(start)
    assert output.end_logits.isfinite()[0].nonzero().item() == int(end)
