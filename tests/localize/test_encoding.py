from dataclasses import replace

import numpy as np
import pytest
import torch

from stillseek.errors import CheckpointError, UsageError
from stillseek.features import FeatureStore, RecipeOptions
from stillseek.features.recipes import precision
from stillseek.localize import Localizer, encoding, head
from stillseek.localize.encoding import Encoder
from stillseek.localize.head import matching_head
from stillseek.models.checkpoint import load_checkpoint

pytestmark = pytest.mark.usefixtures("use_small_recipe")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"model": "matching", "precision": "bf16"}, "matching compares in fp32 alone"),
        ({"model": "sail", "checkpoint": "h"}, r"\(h\) and a model \(sail\) were given; give one"),
        ({"device": "tpu-9"}, "device 'tpu-9'"),
        ({"device": "cuda:97"}, "device 'cuda:97'"),
        ({"threads": 0}, "threads must be at least 1, at most 4096, got 0"),
        (
            {"recipe": "other", "recipe_options": RecipeOptions(device="cuda")},
            "recipe on 'cuda', the device is 'cpu'; give one device",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(words, message) -> None:
    with pytest.raises(UsageError, match=message):
        Localizer.load(**words)


def test_an_encoded_query_belongs_to_its_localizer(small_head, write_picture) -> None:
    query = Localizer.load(checkpoint=small_head).encode_query(write_picture())
    other = Localizer.load(checkpoint=small_head)

    with pytest.raises(UsageError, match="encode the images again with this localizer"):
        other.locate("not even looked for.mp4", query)


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
    features = FeatureStore(cache).get_or_encode(small_recipe, video.rename(tmp_path / "other.mp4"))
    assert features.grid.num_clips == 9


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
    assert Localizer.load(model="matching").name == "matching:pocket"
    monkeypatch.setattr(small_recipe, "name", "other")

    found = Localizer.load("other").locate(write_clip(), write_picture())

    assert found.model == "matching:other"
    assert len(found.moments) == 1


def test_matching_needs_one_space(small_recipe, monkeypatch) -> None:
    # Widths that are the same by chance are no common space.
    monkeypatch.setattr(small_recipe, "one_space", False)
    refused = r"recipe 'pocket' encodes clips and pictures with different .*--checkpoint"
    with pytest.raises(UsageError, match=refused):
        Localizer.load(model="matching")


def test_recipe_without_any_head_is_refused(small_recipe, monkeypatch) -> None:
    refused = (
        r"no SAIL head is shipped for recipe 'other'; use --model similarity or .*--checkpoint"
    )
    monkeypatch.setattr(small_recipe, "name", "other")

    with pytest.raises(CheckpointError, match=refused):
        Localizer.load("other", model="sail")
    refused = r"no head is shipped for recipe 'other'; train one .*--checkpoint"
    monkeypatch.setattr(small_recipe, "one_space", False)
    with pytest.raises(CheckpointError, match=refused):
        Localizer.load("other")


def test_threads_are_set(small_head) -> None:
    before = torch.get_num_threads()
    try:
        Localizer.load(checkpoint=small_head, threads=1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_a_recipe_that_is_loaded_is_taken_as_it_is(small_recipe, small_head) -> None:
    assert Localizer.load(small_recipe, checkpoint=small_head).recipe is small_recipe
    assert Localizer.load(small_recipe, model="matching").name == "matching:pocket"
    with pytest.raises(UsageError, match="'pocket' is loaded already; leave its options out"):
        Localizer.load(small_recipe, recipe_options=RecipeOptions(precision="fp32"))


def test_one_device_places_head_and_recipe(small_recipe, monkeypatch) -> None:
    seen = []
    monkeypatch.setattr(
        head, "load_recipe", lambda name, options: seen.append((name, options)) or small_recipe
    )
    # Stands for a GPU, which this machine may not have.
    monkeypatch.setattr(precision, "find_device", torch.device)
    options = RecipeOptions(precision="bf16")

    Localizer.load("other", recipe_options=options, model="matching", device="meta")
    Localizer.load("mobilenet", model="matching", device="meta")

    assert seen == [("other", replace(options, device="meta")), ("mobilenet", RecipeOptions())]


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


def test_the_fingerprint_knows_how_many_steps_the_head_was_trained_with(small_recipe) -> None:
    untrained = matching_head(small_recipe)
    trained = [
        Encoder(recipe=small_recipe, checkpoint=replace(untrained, training=training), name="h")
        for training in ({}, {"config": {"max_steps": 200}}, {"config": {"max_steps": 50}})
    ]

    usual, same, other = (each.fingerprint() for each in trained)

    assert usual == same != other
    for broken in ("many", 0, True):
        with pytest.raises(CheckpointError, match=f"max_steps {broken!r}; copy the checkpoint"):
            Encoder(
                recipe=small_recipe,
                checkpoint=replace(untrained, training={"config": {"max_steps": broken}}),
                name="h",
            )
