import numpy as np
import pytest
import torch

from stillseek.errors import CheckpointError, UsageError
from stillseek.features import load_recipe
from stillseek.features.recipes import precision
from stillseek.localize.encoding import Encoder
from stillseek.localize.head import exported_head, installed_head, matching_head, similarity_head
from stillseek.models.catalog import model_name
from stillseek.models.matching import Matching
from stillseek.models.onnx_session import OnnxModel
from stillseek.models.similarity import Similarity
from stillseek.tensors import LocalizerInput


@pytest.fixture(scope="module")
def lite():
    return load_recipe("lite")


def test_lite_ships_the_similarity_head_and_the_matching_inside_it(lite):
    shipped, matched = installed_head(lite, None), installed_head(lite, "matching")
    assert isinstance(shipped.model, Similarity)
    assert isinstance(matched.model, Matching)
    assert shipped.training["name"] == "similarity"
    assert matched.training["name"] == "matching"
    # Presence is the same question to both.
    assert shipped.calibration == matched.calibration is not None
    assert matched.model.evidence is not None


def test_the_similarity_head_serves_a_recipe_that_it_was_not_trained_on(small_recipe, lite):
    head, trained = similarity_head(small_recipe), installed_head(lite, None)
    assert isinstance(head.model, Similarity)
    assert head.recipe_fingerprint == small_recipe.fingerprint
    assert head.calibration is None
    torch.testing.assert_close(head.model.correct.weight, trained.model.correct.weight)
    assert head.model.correct.weight.abs().max() > 0
    dim = small_recipe.clip_dim
    random = np.random.default_rng(3)
    inputs = LocalizerInput(
        clips=torch.from_numpy(random.normal(size=(1, 29, dim)).astype(np.float32)),
        clip_mask=torch.ones(1, 29, dtype=torch.bool),
        regions=torch.ones(1, 4, dim),
        boxes=torch.full((1, 4, 4), 0.5),
        region_mask=torch.ones(1, 4, dtype=torch.bool),
        global_feature=torch.from_numpy(random.normal(size=(1, dim)).astype(np.float32)),
    )
    assert torch.isfinite(head.model(inputs).start_logits).all()


def test_what_ships_is_taken_by_its_name(lite, small_recipe):
    pocket = load_recipe("pocket")
    assert model_name(installed_head(pocket, "sail").model) == "sail"
    assert model_name(installed_head(pocket, "similarity").model) == "similarity"
    assert model_name(installed_head(pocket, "matching").model) == "matching"
    refused = "no SAIL head is shipped for recipe 'lite'; use --model similarity or matching, or "
    with pytest.raises(CheckpointError, match=refused):
        installed_head(lite, "sail")


def test_two_spaces_cannot_be_compared(small_recipe, monkeypatch):
    monkeypatch.setattr(type(small_recipe), "one_space", False)
    for make in (matching_head, similarity_head):
        with pytest.raises(UsageError, match="different networks"):
            make(small_recipe)


def test_shipped_heads_need_no_pytorch_on_the_cpu(lite, monkeypatch):
    for model in (None, "matching", "similarity"):
        for device in ("cpu", "cpu:0"):
            exported = Encoder.load(lite, model=model, device=device)
            assert isinstance(exported.model, OnnxModel)
            assert exported.name.removesuffix(":lite") == (model or "similarity")
        whole = Encoder.load(lite, model=model, engine="torch")
        assert exported.name == whole.name
        assert exported.calibration == whole.calibration
        # Nothing of it is of ONNX Runtime then: one checks the other.
        for part in (whole.model, whole._matching and whole._matching.model):
            assert isinstance(part, Matching | Similarity)
    monkeypatch.setattr(precision, "find_device", torch.device)
    assert isinstance(Encoder.load(lite, device="meta").model, Similarity)
    with pytest.raises(UsageError, match="similarity compares in fp32 alone; use precision fp32"):
        Encoder.load(lite, precision="bf16")


def test_an_exported_head_of_another_version_is_refused(small_recipe, monkeypatch):
    monkeypatch.setattr(small_recipe, "name", "lite")

    with pytest.raises(CheckpointError, match="head 'shipped' was trained on features of recipe"):
        exported_head(small_recipe, None)
