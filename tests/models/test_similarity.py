from dataclasses import replace

import pytest
import torch

from stillseek.errors import UsageError
from stillseek.models.decoding import decode
from stillseek.models.similarity import Similarity, SimilarityConfig
from stillseek.models.similarity_channels import similarity_channels, steadiness
from stillseek.tensors import LocalizerInput
from stillseek.training.losses import loss_for

DIM = 11


def make_similarity(*, trained: bool = True, **overrides) -> Similarity:
    torch.manual_seed(5)
    values = {
        "clip_dim": DIM, "region_dim": DIM, "global_dim": DIM, "num_layers": 2, "hidden_dim": 6,
        "dropout": 0.0,
    }  # fmt: skip
    model = Similarity(SimilarityConfig(**values | overrides)).eval()
    if trained:
        torch.nn.init.normal_(model.correct.weight, std=0.5)
    return model


def make_inputs(lengths=(23, 17), *, seed=0) -> LocalizerInput:
    draw = torch.Generator().manual_seed(seed)
    batch, longest = len(lengths), max(lengths)
    mask = torch.arange(longest)[None] < torch.tensor(lengths)[:, None]
    clips = torch.randn(batch, longest, DIM, generator=draw) * mask[..., None]
    return LocalizerInput(
        clips=clips,
        clip_mask=mask,
        regions=torch.randn(batch, 5, DIM, generator=draw),
        boxes=torch.full((batch, 5, 4), 0.5),
        region_mask=torch.ones(batch, 5, dtype=torch.bool),
        global_feature=torch.randn(batch, DIM, generator=draw),
    )


def row(inputs: LocalizerInput, index: int) -> LocalizerInput:
    number = int(inputs.clip_mask[index].sum())
    one = slice(index, index + 1)
    return LocalizerInput(
        clips=inputs.clips[one, :number],
        clip_mask=inputs.clip_mask[one, :number],
        regions=inputs.regions[one],
        boxes=inputs.boxes[one],
        region_mask=inputs.region_mask[one],
        global_feature=inputs.global_feature[one],
    )


def test_training_begins_at_the_answer_of_matching():
    model, inputs = make_similarity(trained=False), make_inputs()
    ours, theirs = model(inputs), model.matching(inputs)
    torch.testing.assert_close(decode(ours).segments, decode(theirs).segments)
    torch.testing.assert_close(ours.clip_logits, 0.1 * theirs.clip_logits)


def test_corrections_change_clips_and_boundaries():
    model, inputs = make_similarity(), make_inputs()
    output, matched = model(inputs), model.matching(inputs)
    assert (output.clip_logits - 0.1 * matched.clip_logits).abs().max() > 0.1
    sums = output.clip_logits.cumsum(dim=1)
    edges = output.end_logits - sums
    assert edges[inputs.clip_mask].std() > 0.1


def test_a_batch_equals_its_rows():
    model, inputs = make_similarity(), make_inputs()
    together = model(inputs)
    for index in range(2):
        alone = model(row(inputs, index))
        number = alone.start_logits.shape[1]
        for name in ("start_logits", "end_logits", "clip_logits"):
            of_batch = getattr(together, name)[index]
            torch.testing.assert_close(of_batch[:number], getattr(alone, name)[0])
    assert together.start_logits[1, 17:].eq(-torch.inf).all()
    assert together.clip_logits is not None
    assert together.clip_logits[1, 17:].eq(0).all()


def test_a_rotated_space_is_the_same_space():
    model, inputs = make_similarity(), make_inputs()
    turn, _ = torch.linalg.qr(torch.randn(DIM, DIM))
    turned = replace(
        inputs,
        clips=inputs.clips @ turn,
        regions=inputs.regions @ turn,
        global_feature=inputs.global_feature @ turn,
    )
    torch.testing.assert_close(
        model(turned).start_logits, model(inputs).start_logits, atol=1e-4, rtol=1e-4
    )


def test_a_restless_video_is_left_to_matching():
    restless = make_inputs((31,))
    steady = replace(restless, clips=restless.clips[:, torch.arange(31) // 8])
    model = make_similarity(least_steadiness=0.5)
    for given, is_left in ((restless, True), (steady, False)):
        output, matched = model(given), model.matching(given)
        moved = (output.start_logits - 0.1 * matched.start_logits).abs().max()
        assert bool(moved < 1e-4) is is_left


def test_steadiness_is_the_median_of_neighbours_that_show_something():
    clips = torch.eye(DIM)[[0, 0, 0, 1, 1, 2, 3]]
    clips[5] = 0.0  # black
    inputs = replace(
        make_inputs((7,)), clips=clips[None], clip_mask=torch.ones(1, 7, dtype=torch.bool)
    )
    seen = make_similarity().matching.compare(inputs)
    # Neighbours that show something: three are the same and one is a cut.
    torch.testing.assert_close(steadiness(seen), torch.ones(1))
    one = replace(inputs, clips=clips[None, :1], clip_mask=torch.ones(1, 1, dtype=torch.bool))
    assert steadiness(make_similarity().matching.compare(one)).tolist() == [0.0]


def test_clips_that_show_nothing_are_outside():
    inputs = make_inputs((40,))
    black = inputs.clips.clone()
    black[:, 25:] = 0
    seen = make_similarity().matching.compare(replace(inputs, clips=black))
    assert similarity_channels(seen)[:, 25:].eq(0).all()
    start, end = decode(make_similarity(trained=False)(replace(inputs, clips=black))).segments[0, 0]
    assert end <= 30
    assert start < 25


def test_one_batch_can_be_learned():
    model, inputs = make_similarity(trained=False).train(), make_inputs((23, 17), seed=3)
    start, end = torch.tensor([4, 9]), torch.tensor([8, 14])
    loss = loss_for(model, [])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(150):
        value = loss(model(inputs), inputs.clip_mask, start, end)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    found = decode(model.eval()(inputs)).segments[:, 0]
    assert found.tolist() == [[4, 9], [9, 15]]


def test_one_clip_and_equal_clips_are_answered():
    model = make_similarity()
    for clips in (torch.randn(1, 1, DIM), torch.ones(1, 12, DIM)):
        inputs = replace(
            make_inputs((clips.shape[1],)),
            clips=clips,
            clip_mask=torch.ones(1, clips.shape[1], dtype=torch.bool),
        )
        assert torch.isfinite(model(inputs).start_logits).all()


def test_spaces_that_differ_are_refused():
    with pytest.raises(UsageError, match="needs one space"):
        SimilarityConfig(clip_dim=DIM, region_dim=DIM, global_dim=7)
    with pytest.raises(UsageError, match=r"least_steadiness must be in \[0, 1\], got 1.5"):
        SimilarityConfig(clip_dim=DIM, region_dim=DIM, global_dim=DIM, least_steadiness=1.5)
