from dataclasses import replace

import numpy as np
import pytest
import torch
from heads import WIDTHS, make_config, make_exact, make_head, make_inputs

from stillseek.errors import UsageError
from stillseek.models.decoding import decode
from stillseek.models.head_outputs import scores_of
from stillseek.models.similarity import SimilarityConfig
from stillseek.models.similarity_channels import similarity_channels, steadiness
from stillseek.tensors import LocalizerInput

DIM = WIDTHS["clip_dim"]


def draw_batch(*lengths: int) -> LocalizerInput:
    return make_inputs([*lengths], [5] * len(lengths), config=make_config("similarity"))


def test_training_begins_at_the_answer_of_matching():
    model, inputs = make_head("similarity").double().eval(), draw_batch(23, 17)
    ours, theirs = model(inputs), model.matching(inputs)
    found, expected = (decode(scores_of(each)) for each in (ours, theirs))
    np.testing.assert_array_equal(found.segments, expected.segments)
    torch.testing.assert_close(ours.clip_logits, 0.1 * theirs.clip_logits)


def test_corrections_change_clips_and_boundaries():
    model, inputs = make_exact("similarity"), draw_batch(23, 17)
    output, matched = model(inputs), model.matching(inputs)
    assert (output.clip_logits - 0.1 * matched.clip_logits).abs().max() > 0.1
    sums = output.clip_logits.cumsum(dim=1)
    edges = output.end_logits - sums
    assert edges[inputs.clip_mask].std() > 0.1


def test_it_corrects_matching_that_whitens():
    inputs = draw_batch(23, 17)
    models = [make_exact("similarity", background=3, whitening=power) for power in (0.0, 0.5)]
    models[1].load_state_dict(models[0].state_dict())
    plain, whitened = (model.matching(inputs).clip_logits for model in models)
    assert (plain - whitened).abs().max() > 0.1
    torch.nn.init.zeros_(models[1].correct.weight)
    torch.testing.assert_close(models[1](inputs).clip_logits, models[1].scale * whitened)


def test_a_rotated_space_is_the_same_space():
    model, inputs = make_exact("similarity"), draw_batch(23, 17)
    turn, _ = torch.linalg.qr(torch.randn(DIM, DIM).double())
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
    restless = draw_batch(31)
    steady = replace(restless, clips=restless.clips[:, torch.arange(31) // 8])
    model = make_exact("similarity", least_steadiness=0.5)
    for given, is_left in ((restless, True), (steady, False)):
        output, matched = model(given), model.matching(given)
        moved = (output.start_logits - 0.1 * matched.start_logits).abs().max()
        assert bool(moved < 1e-4) is is_left


def test_steadiness_is_the_median_of_neighbours_that_show_something():
    clips = torch.eye(DIM).double()[[0, 0, 0, 1, 1, 2, 3]]
    clips[5] = 0.0  # black
    inputs = replace(draw_batch(7), clips=clips[None])
    seen = make_exact("similarity").matching.compare(inputs)
    # Neighbours that show something: three are the same and one is a cut.
    torch.testing.assert_close(steadiness(seen), torch.ones(1).double())
    one = make_exact("similarity").matching.compare(draw_batch(1))
    assert steadiness(one).tolist() == [0.0]


def test_clips_that_show_nothing_are_outside():
    inputs = draw_batch(40)
    black = inputs.clips.clone()
    black[:, 25:] = 0
    seen = make_exact("similarity").matching.compare(replace(inputs, clips=black))
    assert similarity_channels(seen)[:, 25:].eq(0).all()
    untrained = make_head("similarity").double().eval()
    start, end = decode(scores_of(untrained(replace(inputs, clips=black)))).segments[0, 0]
    assert end <= 30
    assert start < 25


def test_equal_clips_are_answered():
    model = make_exact("similarity")
    inputs = draw_batch(12)
    inputs = replace(inputs, clips=torch.ones_like(inputs.clips))
    assert torch.isfinite(model(inputs).start_logits).all()


def test_spaces_that_differ_are_refused():
    with pytest.raises(UsageError, match="needs one space"):
        SimilarityConfig(clip_dim=DIM, region_dim=DIM, global_dim=7)
    with pytest.raises(UsageError, match=r"least_steadiness must be in \[0, 1\], got 1.5"):
        SimilarityConfig(clip_dim=DIM, region_dim=DIM, global_dim=DIM, least_steadiness=1.5)
