import math
from dataclasses import replace

import pytest
import torch

from stillseek.errors import UsageError
from stillseek.models.decoding import decode
from stillseek.models.head_outputs import scores_of
from stillseek.models.matching import Matching, MatchingConfig
from stillseek.tensors import LocalizerInput


def make_matching(**overrides) -> Matching:
    values = {
        "clip_dim": 3,
        "region_dim": 17,
        "global_dim": 3,
        "smoothing": 0.0,
        "threshold": 0.25,
        "scale": 2.0,
        "centring": None,
    }
    return Matching(MatchingConfig(**values | overrides))


def make_video(*clips: tuple[float, float, float], image=(1.0, 0.0, 0.0)) -> LocalizerInput:
    features = torch.tensor([clips], dtype=torch.float64)
    return LocalizerInput(
        clips=features,
        clip_mask=torch.ones(1, len(clips), dtype=torch.bool),
        regions=torch.zeros(1, 1, 17, dtype=torch.float64),
        boxes=torch.tensor([[[0.5, 0.5, 1.0, 1.0]]], dtype=torch.float64),
        region_mask=torch.ones(1, 1, dtype=torch.bool),
        global_feature=torch.tensor([image], dtype=torch.float64),
    )


def logits_of(model: Matching, inputs: LocalizerInput) -> list[float]:
    return model(inputs).clip_logits[0].tolist()


def test_cosine_against_the_threshold_by_hand():
    video = make_video((2, 0, 0), (3, 3, 0), (0, 0, 5), (-1, 0, 0), (0, 0, 0))
    # The last clip shows nothing: it lies outside.
    expected = [2 * (c - 0.25) for c in (1, math.sqrt(0.5), 0, -1, -0.5)]
    assert logits_of(make_matching(), video) == pytest.approx(expected)


def test_smoothing_is_cut_at_both_ends_and_at_padding():
    video = make_video((1, 0, 0), (0, 1, 0), (1, 0, 0), (1, 0, 0), (9, 0, 0))
    mask = torch.tensor([[True, True, True, True, False]])
    model = make_matching(smoothing=1 / 3, threshold=0.0, scale=1.0)
    side = math.exp(-9 / 2)  # the neighbours' weight; the reach is one clip

    logits = model(replace(video, clip_mask=mask)).clip_logits

    ends, inner = 1 + side, 1 + 2 * side
    expected = [1 / ends, 2 * side / inner, (1 + side) / inner, 1, 0]
    assert logits[0].tolist() == pytest.approx(expected)


def test_a_black_clip_takes_after_its_neighbours_or_lies_outside():
    video = make_video((1, 0, 0), (0, 0, 0), (1, 0, 0), *[(0, 0, 0)] * 5)
    model = make_matching(smoothing=2 / 3, threshold=0.25, scale=2.0)
    logits = logits_of(model, video)
    assert logits[:5] == pytest.approx([1.5] * 5)
    assert logits[5:] == pytest.approx([2 * (-0.5 - 0.25)] * 3)


def test_black_clips_are_no_part_of_what_a_video_shares():
    clips = [(10, 1, 0), (10, -1, 0), (10, -1, 0), (10, 1, 0)]
    plain = make_video(*clips, image=(10, 1, 0))
    black = make_video(*clips, (0, 0, 0), (0, 0, 0), image=(10, 1, 0))
    model = make_matching(threshold=0.0, centring="video")
    assert logits_of(model, black)[:4] == pytest.approx(logits_of(model, plain))


def test_the_best_regions_count_by_their_weight():
    video = make_video((1, 0, 0), (0, 1, 0), image=(1, 0, 0))
    regions = torch.tensor([[[0, 1, 0], [0, 0.6, 0.8], [0, 0, 1], [7, 7, 7]]], dtype=torch.float64)
    boxes = torch.tensor([[[0.5, 0.5, 1.0, 1.0]] * 4], dtype=torch.float64)
    mask = torch.tensor([[True, True, True, False]])
    video = replace(video, regions=regions, boxes=boxes, region_mask=mask)
    model = make_matching(
        region_dim=3, threshold=0.0, scale=1.0, region_weight=0.25, best_regions=2
    )
    assert logits_of(model, video) == pytest.approx([0.75, 0.25 * (1 + 0.6) / 2])


def make_whitening(whitening: float, **settings) -> Matching:
    """The second direction counts four times; by the power of a half, twice."""
    model = make_matching(background=1, whitening=whitening, **settings).double()
    assert model.evidence is not None
    model.evidence.metric = torch.diag(torch.tensor([1.0, 4.0, 1.0])).double()
    return model


def with_regions(video: LocalizerInput, *regions: tuple[float, float, float]) -> LocalizerInput:
    return replace(
        video,
        regions=torch.tensor([regions], dtype=torch.float64),
        region_mask=torch.ones(1, len(regions), dtype=torch.bool),
        boxes=torch.full((1, len(regions), 4), 0.5, dtype=torch.float64),
    )


def test_whitening_compares_in_the_space_of_the_metric():
    video = make_video((3, 4, 0), (0, 1, 0), image=(1.0, 1.0, 0.0))
    video = with_regions(video, (1.0, 0.0, 0.0), (1.0, 2.0, 0.0))
    settings = {"region_weight": 0.5, "best_regions": 1, "region_dim": 3}
    for whitening, times in ((0.0, 1), (0.5, 2), (1.0, 4)):
        model = make_whitening(whitening, threshold=0.0, scale=1.0, **settings)
        length = math.hypot(3, 4 * times)
        picture = (3 * 1 + 4 * times * times) / length / math.hypot(1, times)
        region = (3 * 1 + 4 * times * 2 * times) / length / math.hypot(1, 2 * times)
        assert logits_of(model, video)[0] == pytest.approx((picture + region) / 2)


def test_black_clips_and_padding_stay_nothing_in_that_space():
    plain = with_regions(make_video((3, 4, 0), (0, 1, 2), (1, 1, 1)), (1.0, 2.0, 0.5))
    clips = torch.zeros(1, 5, 3, dtype=torch.float64)
    clips[0, [0, 1, 3]] = plain.clips[0]
    clips[0, 4] = 7.0
    mask = torch.tensor([[True, True, True, True, False]])
    model = make_whitening(0.5, region_weight=0.5, region_dim=3, centring="video")
    assert model.evidence is not None
    model.evidence.centre = torch.tensor([0.1, 0.2, -0.3]).double()

    found = logits_of(model, replace(plain, clips=clips, clip_mask=mask))

    assert [found[place] for place in (0, 1, 3)] == pytest.approx(logits_of(model, plain))


def test_whitening_leaves_evidence_as_it_is():
    video = make_video((1, 0.5, 0), (0, 1, 0.2), (0.3, 0, 1))
    found = [make_whitening(power)(video).evidence.similarity for power in (0.0, 0.5)]
    torch.testing.assert_close(*found)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"whitening": 1.5, "background": 1}, r"whitening must be in \[0, 1\], got 1.5"),
        ({"whitening": 0.5}, "without a background has no metric"),
    ],
)
def test_whitening_that_cannot_be_is_refused(settings, says):
    with pytest.raises(UsageError, match=says):
        make_matching(**settings)


def test_evidence_is_part_of_the_answer_where_the_head_has_it():
    video = make_video((1, 0, 0), (0, 1, 0))
    assert make_matching()(video).evidence is None

    found = make_matching(background=5).double()(video).evidence

    assert found.similarity.shape == (1, 2)
    assert found.background.tolist() == [0.0]


def test_centring_takes_away_what_the_video_shares():
    # All clips look alike but for a small part, on which the picture decides.
    video = make_video((10, 1, 0), (10, -1, 0), (10, -1, 0), (10, 1, 0), image=(10, 1, 0))
    plain = logits_of(make_matching(threshold=0.0), video)
    centred = logits_of(make_matching(threshold=0.0, centring="video"), video)
    assert min(plain) > 1.9
    assert centred == pytest.approx([2, -2, -2, 2])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_video_that_never_changes_matches_nothing(dtype):
    clip = (0.1, 0.7, -0.3)
    video = make_video(*[clip] * 7)
    video = replace(
        video, clips=video.clips.to(dtype), global_feature=video.global_feature.to(dtype)
    )
    logits = logits_of(make_matching(centring="video"), video)
    # Without a floor rounding alone would give cosines of up to 1, that is a difference of 2.
    assert logits == pytest.approx([-0.5] * 7, abs=0.02)


def test_lengths_of_features_play_no_part():
    random = torch.Generator().manual_seed(0)
    video = make_video(*torch.randn(7, 3, generator=random).tolist())
    scaled = replace(
        video,
        clips=video.clips * torch.arange(1.0, 8.0)[:, None],
        global_feature=video.global_feature * 11,
    )
    model = make_matching(centring="video", smoothing=1.0)
    torch.testing.assert_close(model(video).clip_logits, model(scaled).clip_logits)


def test_finds_the_stretch_that_looks_like_the_picture():
    other, same = (0, 1, 0), (1, 0.1, 0)
    model = make_matching(centring="video", smoothing=1.0)
    found = decode(scores_of(model(make_video(*[other] * 5, *[same] * 6, other))))
    assert found.segments[0, 0].tolist() == [5, 11]
