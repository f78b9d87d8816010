import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from stillseek.errors import CheckpointError, MediaError, UsageError
from stillseek.features import FeatureStore, RecipeOptions
from stillseek.localize import Localizer, encoding, head
from stillseek.localize.arguments import check_choice
from stillseek.localize.search import SearchMethod
from stillseek.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from stillseek.models.flp import Flp, FlpConfig
from stillseek.models.matching import Matching, MatchingConfig
from stillseek.models.similarity import Similarity, SimilarityConfig
from stillseek.models.sst import Sst, SstConfig
from stillseek.models.tal import Tal, TalConfig
from stillseek.timeline import Segment

pytestmark = pytest.mark.usefixtures("use_small_recipe")


def test_package_exports_the_localizer() -> None:
    import stillseek

    assert stillseek.Localizer is Localizer


def test_locate_finds_one_moment_inside_the_video(small_head, write_clip, write_picture) -> None:
    video, image = write_clip(seconds=9.0), write_picture()

    found = Localizer.load(checkpoint=small_head).locate(video, image)

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
    best = max(
        found.start_probabilities[i] * found.end_probabilities[j]
        for i in range(9)
        for j in range(i, 9)
    )
    assert chosen == pytest.approx(best, rel=1e-5)
    assert moment.score is None
    assert found.uncalibrated == "recipe pocket has no calibration; recipe lite has one"


def test_several_images_average_their_log_probabilities(
    small_head, write_clip, write_picture
) -> None:
    localizer = Localizer.load(checkpoint=small_head)
    video = write_clip()
    images = [
        write_picture("a.png"),
        write_picture("b.png", seed=1),
        write_picture("c.png", seed=2),
    ]

    together = localizer.locate(video, images)

    singles = np.stack([localizer.locate(video, image).start_probabilities for image in images])
    mean = np.exp(np.log(singles).mean(axis=0))
    # float32 log-softmax, taken twice
    assert together.start_probabilities == pytest.approx(mean / mean.sum(), rel=1e-4)


def test_same_image_twice_changes_nothing(small_head, write_clip, write_picture) -> None:
    localizer = Localizer.load(checkpoint=small_head)
    video, image = write_clip(), write_picture()

    once, twice = localizer.locate(video, image), localizer.locate(video, [image, image])

    assert twice.start_probabilities == pytest.approx(once.start_probabilities, rel=1e-5)
    assert twice.best == once.best


def test_box_changes_the_query(small_head, write_clip, write_picture) -> None:
    localizer = Localizer.load(checkpoint=small_head)
    video, image = write_clip(), write_picture()

    whole = localizer.locate(video, image)
    part = localizer.locate(video, image, boxes=[(3, 5, 11, 13)])

    assert part.boxes == ((3, 5, 11, 13),)
    assert not np.allclose(part.start_probabilities, whole.start_probabilities, rtol=1e-3)


def test_overlong_video_is_downsampled_to_200_steps(
    small_head, small_recipe, write_clip, write_picture, monkeypatch
) -> None:
    features = small_recipe.encode_video(write_clip(seconds=3.0))
    clips = np.random.default_rng(3).normal(size=(401, 17)).astype(np.float32)
    long = replace(features, clips=clips, grid=replace(features.grid, duration_seconds=401.0))
    monkeypatch.setattr(small_recipe, "encode_video", lambda path, on_progress=None: long)

    found = Localizer.load(checkpoint=small_head).locate("long.mp4", write_picture())

    assert found.looked_closer
    assert found.model == "sail:small-head, places by matching"
    assert len(found.steps) == 200
    assert found.steps[-1] == Segment(398.0, 401.0)
    assert found.duration_seconds == 401.0


def test_an_encoded_query_serves_many_videos(small_head, write_clip, write_picture) -> None:
    localizer = Localizer.load(checkpoint=small_head)
    video, picture = write_clip(), write_picture()

    query = localizer.encode_query(picture, boxes=[(3, 5, 11, 13)])

    expected = localizer.locate(video, picture, boxes=[(3, 5, 11, 13)])
    for found in (localizer.locate(video, query), localizer.locate(video, query)):
        assert found.to_json_dict() == expected.to_json_dict()
        assert found.boxes == ((3, 5, 11, 13),)


def test_independent_decoding_has_one_way_to_search(small_head, write_picture) -> None:
    localizer = Localizer.load(checkpoint=small_head)

    with pytest.raises(UsageError, match="looks at the whole video once"):
        localizer.locate(
            "not even looked for.mp4", write_picture(), decode="independent", search="exhaustive"
        )


def test_a_choice_that_does_not_exist_is_refused() -> None:
    # Called itself: the types of the public methods are checked before, but in tests only.
    check_choice("search", "pooled", SearchMethod)
    check_choice("search", None, SearchMethod)
    with pytest.raises(UsageError, match=r"search must be one of 'refined', .* got 'exaustive'"):
        check_choice("search", "exaustive", SearchMethod)


def test_matching_has_no_products_for_bf16() -> None:
    with pytest.raises(UsageError, match="matching compares in fp32 alone"):
        Localizer.load(model="matching", precision="bf16")


def test_bf16_changes_little(small_head, write_clip, write_picture) -> None:
    video, picture = write_clip(), write_picture()

    exact, rounded = (
        Localizer.load(checkpoint=small_head, precision=precision).locate(video, picture)
        for precision in ("fp32", "bf16")
    )

    # bfloat16 keeps 8 bits; scores pass through a few layers of it.
    assert rounded.start_probabilities == pytest.approx(exact.start_probabilities, rel=0.1)
    assert (rounded.start_probabilities != exact.start_probabilities).any()


def test_an_encoded_query_belongs_to_its_localizer(small_head, write_picture) -> None:
    query = Localizer.load(checkpoint=small_head).encode_query(write_picture())
    other = Localizer.load(checkpoint=small_head)

    with pytest.raises(UsageError, match="encode the images again with this localizer"):
        other.locate("not even looked for.mp4", query)


def test_independent_decoding_may_find_nothing(
    small_head, write_clip, write_picture, monkeypatch
) -> None:
    localizer = Localizer.load(checkpoint=small_head)
    score = localizer.model.score_clips
    monkeypatch.setattr(localizer.model, "score_clips", lambda *inputs: _reversed(score(*inputs)))
    video, image = write_clip(), write_picture()

    assert localizer.locate(video, image, decode="independent").moments == ()
    assert len(localizer.locate(video, image, decode="joint").moments) == 1


def _reversed(output):
    steps = torch.arange(output.start_logits.shape[1], dtype=torch.float32)[None]
    return replace(output, start_logits=steps, end_logits=-steps)


def test_progress_reaches_the_end(small_head, write_clip, write_picture) -> None:
    seen: list[tuple[float, float]] = []

    Localizer.load(checkpoint=small_head).locate(
        write_clip(seconds=9.0), write_picture(), on_progress=lambda *at: seen.append(at)
    )

    assert seen[-1] == pytest.approx((9.0, 9.0))


def test_cache_is_used_the_second_time(
    small_head, small_recipe, write_clip, write_picture, tmp_path, monkeypatch
) -> None:
    video, image, cache = write_clip(), write_picture(), tmp_path / "cache"
    first = Localizer.load(checkpoint=small_head, cache=cache).locate(video, image)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("encoded again")

    monkeypatch.setattr(small_recipe, "encode_video", refuse)
    monkeypatch.setattr(small_recipe, "encode_pixels", refuse)
    second = Localizer.load(checkpoint=small_head, cache=cache).locate(video, image)

    assert second.best == first.best
    assert np.array_equal(second.start_probabilities, first.start_probabilities)


def test_head_of_another_recipe_is_refused(small_head, small_recipe, monkeypatch) -> None:
    head = load_checkpoint(small_head, recipe_fingerprint=None)
    monkeypatch.setattr(small_recipe, "fingerprint", "e" * 64)

    with pytest.raises(CheckpointError, match="with fingerprint"):
        Localizer.load(checkpoint=small_head)
    with pytest.raises(CheckpointError, match=r"head 'x' was trained on features of .* e{16}; use"):
        Localizer(recipe=small_recipe, checkpoint=head, name="x")


def test_recipe_without_a_head_gets_matching(
    small_recipe, write_clip, write_picture, monkeypatch
) -> None:
    monkeypatch.setattr(small_recipe, "name", "other")

    found = Localizer.load("other").locate(write_clip(), write_picture())

    assert found.model == "matching:other"
    assert len(found.moments) == 1


def test_matching_can_be_asked_for(small_recipe, write_clip, write_picture, monkeypatch) -> None:
    found = Localizer.load(model="matching").locate(write_clip(), write_picture())

    assert found.model == "matching:pocket"
    # Widths that are the same by chance are no common space.
    monkeypatch.setattr(small_recipe, "one_space", False)
    refused = r"recipe 'pocket' encodes clips and pictures with different .*--checkpoint"
    with pytest.raises(UsageError, match=refused):
        Localizer.load(model="matching")


def test_recipe_without_any_head_is_refused(small_recipe, monkeypatch) -> None:
    refused = r"no head is shipped for recipe 'other'; train one .*--checkpoint"
    monkeypatch.setattr(small_recipe, "name", "other")

    with pytest.raises(CheckpointError, match=refused):
        Localizer.load("other", model="sail")
    monkeypatch.setattr(small_recipe, "one_space", False)
    with pytest.raises(CheckpointError, match=refused):
        Localizer.load("other")


def test_a_checkpoint_and_a_model_are_too_many(small_head) -> None:
    with pytest.raises(UsageError, match=r"small-head\) and a model \(sail\) were given; give one"):
        Localizer.load(checkpoint=small_head, model="sail")


MODELS = {
    "flp": lambda: Flp(FlpConfig(**WIDTHS, hidden_dim=7)),
    "sst": lambda: Sst(SstConfig(**WIDTHS, hidden_dim=7, num_proposals=11)),
    "tal": lambda: Tal(TalConfig(**WIDTHS, hidden_dim=7, projection_dim=3, anchor_scales=(2, 5))),
    "similarity": lambda: Similarity(SimilarityConfig(**WIDTHS, hidden_dim=5)),
    "matching": lambda: Matching(MatchingConfig(**WIDTHS)),
}
WIDTHS = {"clip_dim": 17, "region_dim": 17, "global_dim": 17}


@pytest.fixture
def make_localizer(small_recipe, tmp_path) -> Callable[[str], Localizer]:
    def make(name: str) -> Localizer:
        torch.manual_seed(3)
        head = Checkpoint(
            model=MODELS[name](),
            recipe_name=small_recipe.name,
            recipe_fingerprint=small_recipe.fingerprint,
            training={},
        )
        save_checkpoint(tmp_path / "myrun", head)
        return Localizer.load(checkpoint=tmp_path / "myrun")

    return make


@pytest.mark.parametrize("name", MODELS)
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
    make_localizer, small_head, write_clip, write_picture, name
) -> None:
    localizer = Localizer.load(checkpoint=small_head) if name == "sail" else make_localizer(name)
    video, image = write_clip(seconds=11.0), write_picture()

    one, several = (localizer.locate(video, image, top=top) for top in (1, 4))

    assert one.moments == several.moments[:1]
    # Of heads that score clips, none is listed that is rather outside.
    assert len(several.moments) > (0 if name in ("flp", "matching") else 1)
    for first, second in itertools.combinations(several.moments, 2):
        assert first.segment.iou(second.segment) <= 0.3 + 1e-6


@pytest.mark.parametrize("name", ["flp", "tal", "matching"])
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
        mean = replace(
            first.stages[-1],
            segments=(first.stages[-1].segments + second.stages[-1].segments) / 2,
            logits=(first.stages[-1].logits + second.stages[-1].logits) / 2,
        )
        best = int(mean.logits[0].argmax())
        expected = mean.segments[0, best].tolist()
    else:
        sums = ((first.clip_logits + second.clip_logits) / 2)[0].cumsum(0).tolist()
        pairs = itertools.combinations([0.0, *sums], 2)
        gains = {pair: b - a for pair, (a, b) in zip(_index_pairs(len(sums)), pairs, strict=True)}
        expected = max(gains, key=gains.__getitem__)
    moment = found.moments[0]
    # One second a step; float32.
    assert (moment.start_seconds, moment.end_seconds) == pytest.approx(expected, abs=1e-5)


def _index_pairs(num_steps: int) -> list[tuple[int, int]]:
    return list(itertools.combinations(range(num_steps + 1), 2))


def test_no_moment_or_less_is_refused(small_head, write_picture) -> None:
    localizer = Localizer.load(checkpoint=small_head)

    with pytest.raises(UsageError, match="top must be at least 1, got 0"):
        localizer.locate("not even looked for.mp4", write_picture(), top=0)
    with pytest.raises(UsageError, match="gives one moment, not 2"):
        localizer.locate("not even looked for.mp4", write_picture(), top=2, decode="independent")


def test_wrong_requests_are_refused(small_head, write_clip, write_picture) -> None:
    localizer = Localizer.load(checkpoint=small_head)
    video, image = write_clip(), write_picture()

    with pytest.raises(UsageError, match=r"^images holds no picture; give at least one$"):
        localizer.locate(video, [])
    with pytest.raises(UsageError, match="got 1 boxes for 2 images"):
        localizer.locate(video, [image, image], boxes=[None])
    with pytest.raises(UsageError, match=r"does not lie inside the image; .* of 60 x 40 pixels"):
        localizer.locate(video, image, boxes=[(50, 0, 20, 10)])
    with pytest.raises(MediaError, match=r"no file at .*nowhere\.mp4"):
        localizer.locate("nowhere.mp4", image)


@pytest.mark.parametrize("device", ["tpu-9", "cuda:97"])
def test_missing_device_is_refused(device: str) -> None:
    with pytest.raises(UsageError, match=f"device '{device}'"):
        Localizer.load(device=device)


def test_threads_are_set(small_head) -> None:
    before = torch.get_num_threads()
    try:
        Localizer.load(checkpoint=small_head, threads=1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    with pytest.raises(UsageError, match="threads must be at least 1, at most 4096, got 0"):
        Localizer.load(checkpoint=small_head, threads=0)


def test_store_is_filled_by_content(
    small_head, small_recipe, write_clip, write_picture, tmp_path
) -> None:
    Localizer.load(checkpoint=small_head, cache=tmp_path / "cache").locate(
        write_clip(), write_picture()
    )

    store = FeatureStore(tmp_path / "cache")
    features = store.get_or_encode(small_recipe, tmp_path / "match.mp4")
    assert features.grid.num_clips == 9


def test_a_recipe_that_is_loaded_is_taken_as_it_is(small_recipe, small_head) -> None:
    assert Localizer.load(small_recipe, checkpoint=small_head).recipe is small_recipe
    assert Localizer.load(small_recipe, model="matching").name == "matching:pocket"
    with pytest.raises(UsageError, match="'pocket' is loaded already; leave its options out"):
        Localizer.load(small_recipe, recipe_options=RecipeOptions(precision="fp32"))


def test_one_device_places_head_and_recipe(small_recipe, monkeypatch) -> None:
    seen = []
    monkeypatch.setattr(
        head,
        "load_recipe",
        lambda name, options: seen.append((name, options)) or small_recipe,
    )
    # Stands for a GPU, which this machine may not have.
    monkeypatch.setattr(encoding, "find_device", torch.device)
    options = RecipeOptions(precision="bf16")

    Localizer.load("other", recipe_options=options, model="matching", device="meta")
    Localizer.load("mobilenet", model="matching", device="meta")

    assert seen == [
        ("other", replace(options, device="meta")),
        ("mobilenet", RecipeOptions()),
    ]
    with pytest.raises(UsageError, match="recipe on 'cuda', the device is 'cpu'; give one device"):
        Localizer.load("other", recipe_options=RecipeOptions(device="cuda"))


def test_a_cache_is_refused_before_anything_is_loaded(small_head, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(encoding, "read_head", pytest.fail)
    (tmp_path / "notes").write_text("mine")

    for cache, message in (
        (tmp_path / "notes", f"^cache {tmp_path}/notes needs a folder where the file "),
        (f"{tmp_path}/notes/features", f" needs a folder where the file {tmp_path}/notes is; "),
        (small_head, f"^cache {small_head} would overwrite the input {small_head}; "),
        (small_head / "kept", f"^cache {small_head}/kept lies in the input folder {small_head}; "),
        ("s3://bucket/kept", "^cache s3://bucket/kept is a URL; give a path on this machine"),
    ):
        with pytest.raises(UsageError, match=message):
            Localizer.load(checkpoint=small_head, cache=cache)
    with pytest.raises(UsageError, match=r"^cache .* lies in the input folder "):
        Localizer.load(
            "pocket", recipe_options=RecipeOptions(weights=tmp_path), cache=tmp_path / "kept"
        )
    assert (tmp_path / "notes").read_text() == "mine"


def test_a_cache_is_not_put_among_the_videos(small_head, write_clip, write_picture, tmp_path):
    video = write_clip(name="videos/match.mp4")
    localizer = Localizer.load(checkpoint=small_head, cache=video.parent / "kept")

    with pytest.raises(UsageError, match=r"^cache .*/videos/kept lies in the input folder "):
        localizer.locate_many(video.parent, write_picture())

    assert list(video.parent.iterdir()) == [video]
