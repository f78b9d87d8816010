import json
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import huggingface_hub
import numpy as np
import pytest
import torch
import transformers
from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError
from torch import nn

from stillseek.errors import FeatureError, InstallationError, UsageError
from stillseek.features.recipes import hub_files
from stillseek.features.recipes.frame_recipe import FrameRecipe
from stillseek.features.recipes.hub import HubEncoder, load_hub
from stillseek.features.recipes.hub_files import SHORT_NAMES, Preprocessing
from stillseek.features.recipes.options import Precision, RecipeOptions

SIDE, PATCH = 35, 7
SIZES = {"hidden_size": 24, "num_attention_heads": 2, "num_hidden_layers": 2, "patch_size": PATCH}
SQUARE = {"size": {"height": SIDE, "width": SIDE}}
# Name of the model in transformers, its sizes, and its preprocessing.
FAMILIES = {
    "dinov2": (  # its positions are stretched from 3 x 3 to 5 x 5
        "Dinov2",
        {"mlp_ratio": 2, "image_size": 21},
        {"size": {"shortest_edge": 41}, "crop_size": {"height": 37, "width": 37}},
    ),
    "dinov2_with_registers": (
        "Dinov2WithRegisters",
        {"mlp_ratio": 2, "image_size": SIDE, "num_register_tokens": 3},
        {"size": {"shortest_edge": 37}},
    ),
    "dinov3_vit": (
        "DINOv3ViT",
        {"intermediate_size": 13, "image_size": SIDE, "num_register_tokens": 3},
        SQUARE,
    ),
    "siglip": ("SiglipVision", {"intermediate_size": 13, "image_size": SIDE}, SQUARE),
    "siglip2": (
        "Siglip2Vision",
        {"intermediate_size": 13, "num_patches": 25},
        {"max_num_patches": 25},
    ),
}
COLOURS = {"image_mean": [0.2, 0.3, 0.5], "image_std": [0.7, 0.5, 0.3]}


def make_model(family: str, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    name, sizes, _ = FAMILIES[family]
    config = getattr(transformers, f"{name}Config")(**SIZES, **sizes)
    return getattr(transformers, f"{name}Model")(config).eval()


def rewrite_config(folder: Path, **values: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Writes a model of a family as the hub has it."""

    def write(family: str, *, name: str = "model", seed: int = 0, processor: object = None) -> Path:
        folder = tmp_path / name
        make_model(family, seed).save_pretrained(folder)
        processor = processor or FAMILIES[family][2] | COLOURS
        (folder / "preprocessor_config.json").write_text(json.dumps(processor))
        return folder

    return write


@pytest.fixture
def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=(3, SIDE, SIDE, 3), dtype=np.uint8)


def load(folder: Path, precision: Precision = "fp32") -> tuple:
    recipe = load_hub(f"hub:{folder}", RecipeOptions(precision=precision))
    return recipe, recipe._encoder


def outputs_of(family: str, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pooled output and patch tokens by the model's own interface, of length 1."""
    pixels = (frame / 255 - COLOURS["image_mean"]) / COLOURS["image_std"]
    pixels = torch.tensor(pixels, dtype=torch.float32).permute(2, 0, 1)[None]
    if family == "siglip2":
        from transformers.models.siglip2.image_processing_siglip2 import convert_image_to_patches

        inputs = {
            "pixel_values": convert_image_to_patches(pixels[0], PATCH)[None],
            "pixel_attention_mask": torch.ones(1, 25, dtype=torch.long),
            "spatial_shapes": torch.tensor([[5, 5]]),
        }
    else:
        inputs = {"pixel_values": pixels}
    with torch.no_grad():
        output = make_model(family)(**inputs)
    tokens = output.last_hidden_state[0, -25:].reshape(5, 5, -1)
    return tuple(
        nn.functional.normalize(x, dim=-1).numpy() for x in (output.pooler_output[0], tokens)
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_features_are_the_pooled_output_and_the_patches(save, frames: np.ndarray, family: str):
    recipe, encoder = load(save(family))
    assert (recipe.clip_dim, encoder.side_pixels) == (24, SIDE)
    pooled, tokens = encoder.embed_map(frames[1])
    expected_pooled, expected_tokens = outputs_of(family, frames[1])
    length = np.sqrt(24)
    # rounding, and positions interpolated in another order of sums
    np.testing.assert_allclose(pooled, expected_pooled * length, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(tokens, expected_tokens * length, rtol=1e-4, atol=1e-5)
    # kernels sum in another order for another batch size
    np.testing.assert_allclose(encoder.embed(frames)[1], pooled, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_patches_lie_where_the_picture_has_them(save, family: str):
    """A new model mixes patches little: a token changes most with its own patch."""
    _, encoder = load(save(family))
    grey = np.full((SIDE, SIDE, 3), 128, np.uint8)
    spotted = grey.copy()
    spotted[PATCH : 2 * PATCH, 3 * PATCH : 4 * PATCH] = 255
    change = np.abs(encoder.embed_map(spotted)[1] - encoder.embed_map(grey)[1]).max(axis=-1)
    assert np.unravel_index(change.argmax(), change.shape) == (1, 3)


def test_vision_tower_of_a_whole_model_is_found(tmp_path: Path, save):
    torch.manual_seed(0)
    vision = transformers.SiglipVisionConfig(**SIZES, **FAMILIES["siglip"][1])
    text = transformers.SiglipTextConfig(
        vocab_size=17,
        hidden_size=24,
        intermediate_size=13,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=5,
        projection_size=24,
    )
    whole = transformers.SiglipModel(
        transformers.SiglipConfig(vision_config=vision.to_dict(), text_config=text.to_dict())
    )
    folder = save("siglip")
    (folder / "model.safetensors").unlink()
    whole.save_pretrained(folder)
    _, encoder = load(folder)
    expected = whole.vision_model.state_dict()
    found = encoder._model.state_dict()
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


def test_fingerprint_changes_with_weights_and_preprocessing_not_with_the_folder(save):
    first = load(save("dinov2"))[0].fingerprint
    assert load(save("dinov2", name="copy"))[0].fingerprint == first
    assert load(save("dinov2", name="other", seed=1))[0].fingerprint != first
    processor = FAMILIES["dinov2"][2] | COLOURS | {"image_mean": [0.5, 0.5, 0.5]}
    other = save("dinov2", name="colours", processor=processor)
    assert load(other)[0].fingerprint != first


def test_fingerprint_is_the_same_in_another_version_of_transformers(save):
    folder = save("dinov2")
    first, encoder = load(folder)
    # what other versions write, read or leave out
    other = {
        "transformers_version": "5.0.0",
        "id2label": {"0": "cat", "1": "dog", "2": "tree"},
        "problem_type": "single_label_classification",
        "use_cache": False,
        "output_attentions": True,
        "initializer_range": 0.03,
        "hidden_dropout_prob": 0.1,
        "reshape_hidden_states": False,
        "a_key_to_come": 3,
    }
    rewrite_config(folder, **other)
    assert load(folder)[0].fingerprint == first.fingerprint

    network = make_model("dinov2")
    # parameters that have moved: another order, other names
    old = dict(reversed([(f"vision_model.{k}", v) for k, v in network.state_dict().items()]))
    network.state_dict = lambda: old
    renamed = HubEncoder(network, Preprocessing(**encoder.settings["preprocessing"]))
    assert FrameRecipe("hub:old", renamed).fingerprint == first.fingerprint


@pytest.mark.parametrize(
    ("family", "change"),
    [
        ("dinov2", {"num_attention_heads": 3}),
        ("dinov2", {"layer_norm_eps": 1e-3}),
        ("siglip", {"hidden_act": "relu"}),
        ("dinov3_vit", {"rope_theta": 37.0}),
    ],
)
def test_fingerprint_knows_what_weights_do_not_show(
    save, frames: np.ndarray, family: str, change: dict
):
    folder = save(family)
    first, encoder = load(folder)
    rewrite_config(folder, **change)
    other, other_encoder = load(folder)
    assert np.abs(other_encoder.embed(frames) - encoder.embed(frames)).max() > 1e-4
    assert other.fingerprint != first.fingerprint


def test_half_precision_is_near_and_has_its_own_fingerprint(save, frames: np.ndarray):
    folder = save("siglip")
    (full, full_encoder), (half, half_encoder) = load(folder), load(folder, "bf16")
    assert full.fingerprint != half.fingerprint
    # bfloat16 has 8 bits
    np.testing.assert_allclose(half_encoder.embed(frames), full_encoder.embed(frames), atol=0.1)


def test_a_model_trains_on_what_is_stored(save, make_video, losses_of_a_step):
    recipe, _ = load(save("dinov2"))
    before, after = losses_of_a_step(recipe, make_video(seconds=3.7))
    assert after < before


def test_weights_option_is_a_folder_that_is_read_instead(save):
    recipe = load_hub("hub:dinov2-small", RecipeOptions(weights=save("dinov2")))
    assert (recipe.name, recipe.clip_dim) == ("hub:dinov2-small", 24)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """The two functions of the hub that are asked; without a network, and with nothing here."""
    hub = Mock()
    hub.model_info.side_effect = ConnectionError("no name service\nmany more words")
    hub.snapshot_download.side_effect = LocalEntryNotFoundError("nothing there\nmany more words")
    for name in ("model_info", "snapshot_download"):
        monkeypatch.setattr(huggingface_hub, name, getattr(hub, name))
    return hub


@pytest.mark.parametrize("name", [*SHORT_NAMES, "some/model", "some/model@v1.0"])
def test_hub_is_asked_for_the_revision_and_safetensors_only(save, hub: Mock, monkeypatch, name):
    hub.snapshot_download.side_effect = [str(save("dinov2"))]
    monkeypatch.setenv("STILLSEEK_OFFLINE", "1")
    assert load_hub(f"hub:{name}", RecipeOptions()).name == f"hub:{name}"
    repository, revision = (*SHORT_NAMES.get(name, name).split("@"), None)[:2]
    ((asked,), settings), *more = hub.snapshot_download.call_args_list
    assert (asked, settings["revision"], more) == (repository, revision, [])
    assert settings["local_files_only"]
    assert not any("bin" in pattern or pattern == "*" for pattern in settings["allow_patterns"])
    assert not hub.model_info.called
    if name in SHORT_NAMES:
        assert len(revision) == 40


@pytest.mark.parametrize(
    ("offline", "reason"),
    [("0", "no name service"), ("1", "it is not on this machine and STILLSEEK_OFFLINE is set")],
)
def test_no_network_says_what_to_do_in_one_line(hub: Mock, monkeypatch, offline, reason):
    monkeypatch.setenv("STILLSEEK_OFFLINE", offline)
    with pytest.raises(FeatureError) as caught:
        load_hub("hub:dinov2-small", RecipeOptions())
    assert str(caught.value) == (
        f"cannot get facebook/dinov2-small from the hub ({reason}); check the name and the "
        "network, or put config.json, preprocessor_config.json and model.safetensors of "
        "https://huggingface.co/facebook/dinov2-small/tree/"
        "ed25f3a31f01632728cabb09d1542f84ab7b0056 into a folder and give it with --weights FOLDER "
        "or as the recipe hub:./FOLDER"
    )


def test_what_is_on_this_machine_needs_no_network(save, hub: Mock):
    hub.snapshot_download.side_effect = [str(save("dinov2"))]
    assert load_hub("hub:some/model", RecipeOptions()).clip_dim == 24
    assert hub.model_info.call_args.kwargs["timeout"] == 10
    assert hub.snapshot_download.call_args.kwargs["local_files_only"]


def test_locked_model_says_how_to_get_in(hub: Mock):
    hub.model_info.side_effect = None
    hub.snapshot_download.side_effect = GatedRepoError.__new__(GatedRepoError)
    with pytest.raises(FeatureError, match=r"accept it at https://huggingface.co/some/model, then"):
        load_hub("hub:some/model", RecipeOptions())
    assert not hub.snapshot_download.call_args.kwargs["local_files_only"]


@pytest.mark.parametrize("name", ["hub:", "hub:dinov9", "hub:a/b/c", "hub:a b/c"])
def test_names_that_are_none_are_refused(name: str):
    with pytest.raises(UsageError, match=r"give hub: and one of dinov2-small, siglip2-base"):
        load_hub(name, RecipeOptions())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_size": 26}, r"fit its config.json"),
        ({"num_hidden_layers": 3}, r"lack \d+ parameters of the Dinov2Model"),
        ({"model_type": "bert"}, "a model of type 'bert'"),
    ],
)
def test_folders_that_hold_something_else_are_refused(save, change: dict, message: str):
    folder = save("dinov2")
    rewrite_config(folder, **change)
    with pytest.raises(FeatureError, match=message):
        load(folder)


def test_folders_that_hold_no_model_are_refused(save, tmp_path: Path):
    with pytest.raises(FeatureError, match=r"a model is a folder with config.json"):
        load(tmp_path / "none")
    folder = save("dinov2")
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(FeatureError, match="no safetensors weights"):
        load(folder)


@pytest.mark.parametrize(
    "sizes",
    [{"crop_size": 37}, {"crop_size": None, "size": 41}, {"size": 35}, {"size": {"height": 36}}],
)
def test_sizes_may_be_numbers(save, sizes: dict):
    assert load(save("dinov2", processor=COLOURS | sizes))[1].side_pixels == SIDE


@pytest.mark.parametrize(
    ("processor", "message"),
    [
        ([3], "not a JSON object"),
        (COLOURS, "no crop_size or size of at least the 7 pixels"),
        (COLOURS | {"size": {"longest_edge": 35}}, "no crop_size or size"),
        (COLOURS | {"size": [35, 35]}, "no crop_size or size"),
        (COLOURS | {"crop_size": {"height": "35"}}, "no crop_size or size"),
        (COLOURS | {"crop_size": 6, "size": 35}, "no crop_size or size"),
        (COLOURS | {"size": 35, "image_mean": None}, "None as image_mean, not three numbers"),
        (COLOURS | {"size": 35, "image_std": [0.5]}, "as image_std, not three numbers"),
        (COLOURS | {"size": 35, "image_std": [0.5, "a", 1]}, "as image_std, not three"),
    ],
)
def test_odd_preprocessing_is_refused(save, processor, message: str):
    with pytest.raises(FeatureError, match=rf"preprocessor_config\.json .*{message}"):
        load(save("dinov2", processor=processor))


def test_missing_package_says_what_to_install(save, monkeypatch: pytest.MonkeyPatch):
    folder = save("dinov2")
    with monkeypatch.context() as context:
        context.setitem(hub_files._CLASSES, "dinov2", "Dinov99Model")
        with pytest.raises(InstallationError, match=r"no Dinov99Model; .*--upgrade transformers"):
            load(folder)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InstallationError, match=r"stillseek\[hub\]"):
        load(folder)
