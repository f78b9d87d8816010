import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from heads import make_head

from stillseek.errors import MediaError, UsageError
from stillseek.features import QueryFeatures
from stillseek.localize import Localizer
from stillseek.localize.judgement import judge
from stillseek.models.calibration import Calibration
from stillseek.models.checkpoint import Checkpoint, save_checkpoint
from stillseek.scores import PresenceEvidence, Scores
from stillseek.timeline import ClipGrid, Segment

pytestmark = pytest.mark.usefixtures("use_small_recipe")


@pytest.fixture
def localizer(small_head) -> Localizer:
    return Localizer.load(checkpoint=small_head)


def test_locate_finds_one_moment_inside_the_video(localizer, write_clip, write_picture) -> None:
    video, image, seen = write_clip(seconds=9.0), write_picture(), []

    found = localizer.locate(video, image, on_progress=lambda *at: seen.append(at))

    assert seen[-1] == pytest.approx((9.0, 9.0))
    assert (found.video, found.images, found.boxes) == (video, (image,), (None,))
    assert (found.recipe, found.model, found.presence) == ("pocket", "sail:small-head", None)
    assert found.duration_seconds == pytest.approx(9.0)
    assert len(found.steps) == len(found.start_probabilities) == len(found.end_probabilities) == 9
    assert found.steps[2] == Segment(2.0, 3.0)
    # float32 sums of nine probabilities
    assert found.start_probabilities.sum() == pytest.approx(1, abs=1e-6)
    assert found.end_probabilities.sum() == pytest.approx(1, abs=1e-6)
    (moment,) = found.moments
    first, last = int(moment.start_seconds), int(np.ceil(moment.end_seconds)) - 1
    chosen = found.start_probabilities[first] * found.end_probabilities[last]
    pairs = np.triu(np.outer(found.start_probabilities, found.end_probabilities))
    assert chosen == pytest.approx(pairs.max(), rel=1e-5)
    assert moment.score is None
    assert found.uncalibrated == "recipe pocket has no calibration; recipe lite has one"


def test_several_images_average_their_log_probabilities(
    localizer, write_clip, write_picture
) -> None:
    video, images = write_clip(), [write_picture(f"{seed}.png", seed=seed) for seed in range(3)]

    together = localizer.locate(video, images)

    singles = np.stack([localizer.locate(video, image).start_probabilities for image in images])
    mean = np.exp(np.log(singles).mean(axis=0))
    # float32 log-softmax, taken twice
    assert together.start_probabilities == pytest.approx(mean / mean.sum(), rel=1e-4)


def test_overlong_video_is_downsampled_to_200_steps(
    localizer, small_recipe, write_clip, write_picture, monkeypatch
) -> None:
    features = small_recipe.encode_video(write_clip(seconds=3.0))
    clips = np.random.default_rng(3).normal(size=(401, 17)).astype(np.float32)
    long = replace(features, clips=clips, grid=replace(features.grid, duration_seconds=401.0))
    monkeypatch.setattr(small_recipe, "encode_video", lambda path, on_progress=None: long)

    found = localizer.locate("long.mp4", write_picture())

    assert found.looked_closer
    assert found.model == "sail:small-head, places by matching"
    assert len(found.steps) == 200
    assert found.steps[-1] == Segment(398.0, 401.0)
    assert found.duration_seconds == 401.0


def test_an_encoded_query_serves_many_videos(localizer, write_clip, write_picture) -> None:
    video, picture = write_clip(), write_picture()

    query = localizer.encode_query(picture, boxes=[(3, 5, 11, 13)])

    expected = localizer.locate(video, picture, boxes=[(3, 5, 11, 13)])
    for found in (localizer.locate(video, query), localizer.locate(video, query)):
        assert found.to_json_dict() == expected.to_json_dict()
        assert found.boxes == ((3, 5, 11, 13),)
    whole = localizer.locate(video, picture).start_probabilities
    assert not np.allclose(expected.start_probabilities, whole, rtol=1e-3)


def test_bf16_changes_little(small_head, write_clip, write_picture) -> None:
    video, picture = write_clip(), write_picture()

    exact, rounded = (
        Localizer.load(checkpoint=small_head, precision=precision).locate(video, picture)
        for precision in ("fp32", "bf16")
    )

    # bfloat16 keeps 8 bits; scores pass through a few layers of it.
    assert rounded.start_probabilities == pytest.approx(exact.start_probabilities, rel=0.1)
    assert (rounded.start_probabilities != exact.start_probabilities).any()


def test_independent_decoding_may_find_nothing(
    localizer, write_clip, write_picture, monkeypatch
) -> None:
    def reversed(output):
        steps = torch.arange(output.start_logits.shape[1], dtype=torch.float32)[None]
        return replace(output, start_logits=steps, end_logits=-steps)

    score = localizer.model.score_clips
    monkeypatch.setattr(localizer.model, "score_clips", lambda *inputs: reversed(score(*inputs)))
    video, image = write_clip(), write_picture()

    assert localizer.locate(video, image, decode="independent").moments == ()
    assert len(localizer.locate(video, image, decode="joint").moments) == 1


WIDTHS = {"clip_dim": 17, "region_dim": 17, "global_dim": 17}


@pytest.fixture
def make_localizer(small_recipe, tmp_path) -> Callable[[str], Localizer]:
    def make(name: str) -> Localizer:
        head = Checkpoint(
            model=make_head(name, seed=3, **WIDTHS),
            recipe_name=small_recipe.name,
            recipe_fingerprint=small_recipe.fingerprint,
            training={},
        )
        save_checkpoint(tmp_path / "myrun", head)
        return Localizer.load(checkpoint=tmp_path / "myrun")

    return make


@pytest.mark.parametrize("name", ["flp", "sst", "tal", "similarity", "matching"])
def test_every_model_finds_moments(make_localizer, write_clip, write_picture, name) -> None:
    localizer = make_localizer(name)
    images = [write_picture(), write_picture("other.png", seed=1)]

    found = localizer.locate(write_clip(seconds=11.0), images, top=3)

    assert found.model == f"{name}:myrun"
    assert 1 <= len(found.moments) <= 3
    assert found.start_probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert found.end_probabilities.sum() == pytest.approx(1, abs=1e-5)
    for moment in found.moments:
        assert 0 <= moment.start_seconds < moment.end_seconds <= found.duration_seconds
    with pytest.raises(UsageError, match="this model has no 'independent' decoding"):
        localizer.locate("not even looked for.mp4", images, decode="independent")


@pytest.mark.parametrize("name", ["sail", "flp", "sst", "tal", "matching"])
def test_one_moment_is_the_first_of_several_and_they_hardly_overlap(
    make_localizer, localizer, write_clip, write_picture, name
) -> None:
    localizer = localizer if name == "sail" else make_localizer(name)
    video, image = write_clip(seconds=11.0), write_picture()

    one, several = (localizer.locate(video, image, top=top) for top in (1, 4))

    assert one.moments == several.moments[:1]
    # Of heads that score clips, none is listed that is rather outside.
    assert len(several.moments) > (0 if name in ("flp", "matching") else 1)
    for first, second in itertools.combinations(several.moments, 2):
        assert first.segment.iou(second.segment) <= 0.3 + 1e-6


@pytest.mark.parametrize("name", ["flp", "tal"])
def test_scores_of_every_kind_are_averaged_over_images(
    make_localizer, write_clip, write_picture, name
) -> None:
    localizer = make_localizer(name)
    video, images = write_clip(), [write_picture(), write_picture("other.png", seed=1)]
    outputs = []
    forward = localizer.model.forward
    localizer.model.forward = lambda inputs: outputs.append(forward(inputs)) or outputs[-1]

    found = localizer.locate(video, images)

    first, second = outputs
    if name == "tal":
        one, other = first.stages[-1], second.stages[-1]
        best = int((one.logits + other.logits)[0].argmax())
        expected = ((one.segments + other.segments) / 2)[0, best].tolist()
    else:
        sums = [0.0, *((first.clip_logits + second.clip_logits) / 2)[0].cumsum(0).tolist()]
        pairs = itertools.combinations(range(len(sums)), 2)
        expected = max(pairs, key=lambda pair: sums[pair[1]] - sums[pair[0]])
    moment = found.moments[0]
    # One second a step; float32.
    assert (moment.start_seconds, moment.end_seconds) == pytest.approx(expected, abs=1e-5)


def test_a_head_that_compares_takes_several_images_as_one(
    make_localizer, write_clip, write_picture
) -> None:
    localizer = make_localizer("matching")
    video, images = write_clip(), [write_picture(), write_picture("other.png", seed=1)]
    asked = []
    forward = localizer.model.forward
    localizer.model.forward = lambda inputs: asked.append(inputs) or forward(inputs)

    localizer.locate(video, images)

    (inputs,) = asked
    one = QueryFeatures.as_one(localizer.encode_query(images).features)
    np.testing.assert_array_equal(inputs.global_feature[0].numpy(), one.global_feature)
    assert inputs.region_mask.sum() == len(one.regions)


def test_a_picture_that_is_given_twice_counts_once(
    make_localizer, write_clip, write_picture
) -> None:
    localizer, video = make_localizer("matching"), write_clip()
    image, again = write_picture(), write_picture("copy.png")

    once, twice = (localizer.locate(video, images) for images in (image, [image, again, image]))

    np.testing.assert_array_equal(once.similarity.values, twice.similarity.values)
    assert once.moments == twice.moments


def test_a_picture_of_what_it_is_not_is_judged_as_one() -> None:
    calibration = Calibration(
        similarity=1.0, background=0.0, length=0.0, bias=0.0, moment_peak=0.0, moment_mean=1.0,
        moment_bias=0.0, sharpening=0.5, pictures=-1.0,
    )  # fmt: skip
    clips, grid = (
        np.zeros((2, 3)),
        ClipGrid(stride_seconds=1.0, length_seconds=1.0, duration_seconds=2.0),
    )

    def like(*similarity: float) -> Callable[..., Scores]:
        evidence = PresenceEvidence(similarity=np.array([similarity]), background=np.zeros(1))
        logits = np.zeros((1, 2), np.float32)
        said = Scores(start_logits=logits, end_logits=logits, clip_logits=logits, evidence=evidence)
        return lambda *_: said

    found = judge(like(2.0, 4.0), clips, grid, calibration, num_pictures=4, unlike=[like(5.0, 5.0)])

    # 2 z - 2 of four pictures, less what 5 of one is above it
    assert found.clip_logits is not None
    assert found.clip_logits.tolist() == [2.0 - 3.0, 6.0]


def test_wrong_requests_are_refused(localizer, write_picture) -> None:
    video, image = "not even looked for.mp4", write_picture()

    for words, message in (
        ({"top": 2, "decode": "independent"}, "gives one moment, not 2"),
        ({"search": "pooled", "decode": "joint", "top": 0}, "top must be at least 1, got 0"),
        ({"search": "exhaustive", "decode": "independent"}, "looks at the whole video once"),
        ({"boxes": [(50, 0, 20, 10)]}, r"does not lie inside the image; .* of 60 x 40 pixels"),
    ):
        with pytest.raises(UsageError, match=message):
            localizer.locate(video, image, **words)
    with pytest.raises(MediaError, match=r"no file at .*nowhere\.mp4"):
        localizer.locate("nowhere.mp4", image)


def test_a_cache_is_not_put_among_the_videos(small_head, write_clip, write_picture, tmp_path):
    video = write_clip(name="videos/match.mp4")
    localizer = Localizer.load(checkpoint=small_head, cache=video.parent / "kept")

    with pytest.raises(UsageError, match=r"^cache .*/videos/kept lies in the input folder "):
        localizer.locate_many(video.parent, write_picture())

    assert list(video.parent.iterdir()) == [video]
