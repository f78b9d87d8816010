import json
import sys
from collections.abc import Callable
from pathlib import Path

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
SIZES = {
    "hidden_size": 24,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "patch_size": PATCH,
}
SIGLIP = SIZES | {"intermediate_size": 13}
FAMILIES = ("dinov2", "dinov2_with_registers", "dinov3_vit", "siglip", "siglip2")
PROCESSORS = {
    "dinov2": {"size": {"shortest_edge": 41}, "crop_size": {"height": 37, "width": 37}},
    "dinov2_with_registers": {"size": {"shortest_edge": 37}},
    "dinov3_vit": {"size": {"height": SIDE, "width": SIDE}},
    "siglip": {"size": {"height": SIDE, "width": SIDE}},
    "siglip2": {"max_num_patches": 25},
}
COLOURS = {"image_mean": [0.2, 0.3, 0.5], "image_std": [0.7, 0.5, 0.3]}


def make_model(family: str, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    match family:
        case "dinov2":  # its positions are stretched from 3 x 3 to 5 x 5
            config = transformers.Dinov2Config(**SIZES, mlp_ratio=2, image_size=21)
            model = transformers.Dinov2Model(config)
        case "dinov2_with_registers":
            config = transformers.Dinov2WithRegistersConfig(
                **SIZES, mlp_ratio=2, image_size=SIDE, num_register_tokens=3
            )
            model = transformers.Dinov2WithRegistersModel(config)
        case "dinov3_vit":
            config = transformers.DINOv3ViTConfig(
                **SIZES, intermediate_size=13, image_size=SIDE, num_register_tokens=3
            )
            model = transformers.DINOv3ViTModel(config)
        case "siglip":
            config = transformers.SiglipVisionConfig(**SIGLIP, image_size=SIDE)
            model = transformers.SiglipVisionModel(config)
        case _:
            config = transformers.Siglip2VisionConfig(**SIGLIP, num_patches=25)
            model = transformers.Siglip2VisionModel(config)
    return model.eval()


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Writes a model of a family as the hub has it."""

    def write(family: str, *, name: str = "model", seed: int = 0) -> Path:
        folder = tmp_path / name
        make_model(family, seed).save_pretrained(folder)
        processor = PROCESSORS[family] | COLOURS
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
def test_features_are_the_pooled_output_and_the_patches(
    save: Callable[..., Path], frames: np.ndarray, family: str
):
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
def test_patches_lie_where_the_picture_has_them(save: Callable[..., Path], family: str):
    """A new model mixes patches little: a token changes most with its own patch."""
    _, encoder = load(save(family))
    grey = np.full((SIDE, SIDE, 3), 128, np.uint8)
    spotted = grey.copy()
    spotted[PATCH : 2 * PATCH, 3 * PATCH : 4 * PATCH] = 255
    change = np.abs(encoder.embed_map(spotted)[1] - encoder.embed_map(grey)[1]).max(axis=-1)
    assert np.unravel_index(change.argmax(), change.shape) == (1, 3)


def test_vision_tower_of_a_whole_model_is_found(tmp_path: Path, save: Callable[..., Path]):
    torch.manual_seed(0)
    vision = transformers.SiglipVisionConfig(**SIGLIP, image_size=SIDE)
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


def test_fingerprint_changes_with_weights_and_preprocessing_not_with_the_folder(
    save: Callable[..., Path],
):
    first = load(save("dinov2"))[0].fingerprint
    assert load(save("dinov2", name="copy"))[0].fingerprint == first
    assert load(save("dinov2", name="other", seed=1))[0].fingerprint != first
    folder = save("dinov2", name="colours")
    other = PROCESSORS["dinov2"] | COLOURS | {"image_mean": [0.5, 0.5, 0.5]}
    (folder / "preprocessor_config.json").write_text(json.dumps(other))
    assert load(folder)[0].fingerprint != first


def test_fingerprint_is_the_same_in_another_version_of_transformers(save: Callable[..., Path]):
    folder = save("dinov2")
    first, encoder = load(folder)
    config = json.loads((folder / "config.json").read_text())
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
    (folder / "config.json").write_text(json.dumps(config | other))
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
    save: Callable[..., Path], frames: np.ndarray, family: str, change: dict
):
    folder = save(family)
    first, encoder = load(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    other, other_encoder = load(folder)
    assert np.abs(other_encoder.embed(frames) - encoder.embed(frames)).max() > 1e-4
    assert other.fingerprint != first.fingerprint


def test_half_precision_is_near_and_has_its_own_fingerprint(
    save: Callable[..., Path], frames: np.ndarray
):
    folder = save("siglip")
    (full, full_encoder), (half, half_encoder) = load(folder), load(folder, "bf16")
    assert full.fingerprint != half.fingerprint
    # bfloat16 has 8 bits
    np.testing.assert_allclose(half_encoder.embed(frames), full_encoder.embed(frames), atol=0.1)


def test_a_model_trains_on_what_is_stored(
    save: Callable[..., Path],
    make_video: Callable[..., Path],
    losses_of_a_step: Callable[..., tuple[float, float]],
):
    recipe, _ = load(save("dinov2"))
    before, after = losses_of_a_step(recipe, make_video(seconds=3.7))
    assert after < before


def test_weights_option_is_a_folder_that_is_read_instead(save: Callable[..., Path]):
    recipe = load_hub("hub:dinov2-small", RecipeOptions(weights=save("dinov2")))
    assert (recipe.name, recipe.clip_dim) == ("hub:dinov2-small", 24)


@pytest.mark.parametrize("name", [*SHORT_NAMES, "some/model", "some/model@v1.0"])
def test_hub_is_asked_for_the_revision_and_safetensors_only(
    save: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, name: str
):
    asked = []
    folder = save("dinov2")
    monkeypatch.setenv("STILLSEEK_OFFLINE", "1")

    def snapshot_download(repository, *, revision, allow_patterns, local_files_only):
        asked.append((repository, revision))
        assert local_files_only
        assert not any("bin" in pattern or pattern == "*" for pattern in allow_patterns)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert load_hub(f"hub:{name}", RecipeOptions()).name == f"hub:{name}"
    repository, revision = (*SHORT_NAMES.get(name, name).split("@"), None)[:2]
    assert asked == [(repository, revision)]
    if name in SHORT_NAMES:
        assert len(revision) == 40


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are looked for on this machine only, as the hub's own search takes half a minute."""

    def model_info(*args, timeout, **kwargs):
        assert timeout == 10
        raise ConnectionError("no name service\nmany more words")

    def snapshot_download(*args, local_files_only, **kwargs):
        assert local_files_only
        raise LocalEntryNotFoundError("nothing there\nmany more words")

    monkeypatch.delenv("STILLSEEK_OFFLINE", raising=False)
    monkeypatch.setattr(huggingface_hub, "model_info", model_info)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("offline", "reason"),
    [("0", "no name service"), ("1", "it is not on this machine and STILLSEEK_OFFLINE is set")],
)
def test_no_network_says_what_to_do_in_one_line(
    monkeypatch: pytest.MonkeyPatch, offline: str, reason: str
):
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


@pytest.mark.usefixtures("no_network")
def test_what_is_on_this_machine_needs_no_network(
    save: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
):
    folder = save("dinov2")

    def snapshot_download(*args, local_files_only, **kwargs):
        assert local_files_only
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert load_hub("hub:some/model", RecipeOptions()).clip_dim == 24


def test_locked_model_says_how_to_get_in(monkeypatch: pytest.MonkeyPatch):
    def snapshot_download(*args, local_files_only, **kwargs):
        assert not local_files_only
        raise GatedRepoError.__new__(GatedRepoError)

    monkeypatch.delenv("STILLSEEK_OFFLINE", raising=False)
    monkeypatch.setattr(huggingface_hub, "model_info", lambda *args, **kwargs: None)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    with pytest.raises(FeatureError, match=r"accept it at https://huggingface.co/some/model, then"):
        load_hub("hub:some/model", RecipeOptions())


@pytest.mark.parametrize("name", ["hub:", "hub:dinov9", "hub:a/b/c", "hub:a b/c"])
def test_names_that_are_none_are_refused(name: str):
    with pytest.raises(UsageError, match=r"give hub: and one of dinov2-small, siglip2-base"):
        load_hub(name, RecipeOptions())


def test_options_without_effect_are_refused():
    with pytest.raises(UsageError, match="leave the detector out"):
        load_hub("hub:dinov2-small", RecipeOptions(detector=Path("torchvision:x")))


def test_folders_that_hold_something_else_are_refused(save: Callable[..., Path], tmp_path: Path):
    with pytest.raises(FeatureError, match=r"a model is a folder with config.json"):
        load(tmp_path / "none")
    folder = save("dinov2")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 26}))
    with pytest.raises(FeatureError, match=r"fit its config.json"):
        load(folder)
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(FeatureError, match=r"lack \d+ parameters of the Dinov2Model"):
        load(folder)
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "bert"}))
    with pytest.raises(FeatureError, match="a model of type 'bert'"):
        load(folder)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(FeatureError, match="no safetensors weights"):
        load(folder)


@pytest.mark.parametrize(
    "sizes",
    [{"crop_size": 37}, {"crop_size": None, "size": 41}, {"size": 35}, {"size": {"height": 36}}],
)
def test_sizes_may_be_numbers(save: Callable[..., Path], sizes: dict):
    folder = save("dinov2")
    (folder / "preprocessor_config.json").write_text(json.dumps(COLOURS | sizes))
    assert load(folder)[1].side_pixels == SIDE


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
def test_odd_preprocessing_is_refused(save: Callable[..., Path], processor, message: str):
    folder = save("dinov2")
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    with pytest.raises(FeatureError, match=rf"preprocessor_config\.json .*{message}"):
        load(folder)


def test_missing_package_says_what_to_install(
    save: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
):
    folder = save("dinov2")
    with monkeypatch.context() as context:
        context.setitem(hub_files._CLASSES, "dinov2", "Dinov99Model")
        with pytest.raises(InstallationError, match=r"no Dinov99Model; .*--upgrade transformers"):
            load(folder)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InstallationError, match=r"stillseek\[hub\]"):
        load(folder)
