import hashlib
import os
import sys
import warnings
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from stillseek.errors import InstallationError
from stillseek.features import load_recipe
from stillseek.features.recipes import mobilenet
from stillseek.features.recipes.frame_recipe import FrameRecipe
from stillseek.features.recipes.mobilenet import WEIGHTS, MobileNetEncoder
from stillseek.features.recipes.options import RecipeOptions
from stillseek.features.weights.published_files import WeightsFile

SCALE, ZERO = 0.5, 3


def write_network(path: Path, zero: int = ZERO) -> Path:
    """A network that LiteRT runs: maxima of 2 x 2 pixels, twice, and their mean.

    It has what MobileNetV2 has: a picture of side 6, a map of 3 x 3 cells and 6 channels, its
    rounded mean, and an output after that.
    """

    kinds, codes = schema.BuiltinOptions, schema.BuiltinOperator
    steps = schema.QuantizationParametersT(scale=[SCALE], zeroPoint=[zero])

    def tensor(name: str, side: int, channels: int) -> schema.TensorT:
        shape, kind = [1, side, side, channels], schema.TensorType.UINT8
        return schema.TensorT(name=name, shape=shape, type=kind, quantization=steps)

    def operator(code: int, inputs: list[int], kind: int, options: object) -> schema.OperatorT:
        outputs = [inputs[0] + 1]
        return schema.OperatorT(code, inputs, outputs, kind, options)

    def pool(code: int, source: int, side: int) -> schema.OperatorT:
        options = schema.Pool2DOptionsT(
            schema.Padding.VALID, strideW=side, strideH=side, filterWidth=side, filterHeight=side
        )
        return operator(code, [source], kinds.Pool2DOptions, options)

    graph = schema.SubGraphT(
        tensors=[
            tensor("input", 6, 3),
            tensor("maxima", 3, 3),
            tensor("Conv_1/Relu6", 3, 6),
            tensor("Logits/AvgPool", 1, 6),
            tensor("Softmax", 1, 6),
        ],
        operators=[
            pool(0, 0, 2),
            operator(1, [1, 1], kinds.ConcatenationOptions, schema.ConcatenationOptionsT(axis=3)),
            pool(2, 2, 3),
            pool(0, 3, 1),
        ],
        inputs=[0],
        outputs=[4],
    )
    used = (codes.MAX_POOL_2D, codes.CONCATENATION, codes.AVERAGE_POOL_2D)
    model = schema.ModelT(
        version=3,
        operatorCodes=[schema.OperatorCodeT(code, builtinCode=code) for code in used],
        subgraphs=[graph],
        buffers=[schema.BufferT()],
    )
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return write_network(tmp_path / "network.tflite")


@pytest.fixture
def published(network: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small network in the place of the published one."""
    digest = hashlib.sha256(network.read_bytes()).hexdigest()
    file = WeightsFile(
        name=network.name, url="https://example.org", sha256=digest, size_bytes=None, licence="none"
    )
    monkeypatch.setattr(mobilenet, "WEIGHTS", file)
    return network


@pytest.fixture
def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=(5, 6, 6, 3), dtype=np.uint8)


def test_features_are_the_rounded_means_of_the_map(network: Path, frames: np.ndarray):
    encoder = MobileNetEncoder(network)
    assert (encoder.dim, encoder.side_pixels) == (6, 6)
    pooled, cells = encoder.embed_map(frames[1])
    maxima = frames[1].reshape(3, 2, 3, 2, 3).max((1, 3)).astype(np.float32)
    np.testing.assert_array_equal(cells, (np.tile(maxima, 2) - ZERO) * SCALE)
    # rounded to whole steps
    np.testing.assert_allclose(pooled, cells.mean((0, 1)), atol=SCALE / 2)
    features = encoder.embed(frames)
    np.testing.assert_array_equal(features[1], pooled)
    np.testing.assert_array_equal(encoder.embed(frames[3:])[0], features[3])


def test_weights_are_in_the_fingerprint(network: Path, tmp_path: Path):
    other = write_network(tmp_path / "other.tflite", zero=ZERO + 2)
    copy = write_network(tmp_path / "copy.tflite")
    first, second, third = (
        FrameRecipe("mobilenet", MobileNetEncoder(path)).fingerprint
        for path in (network, other, copy)
    )
    assert first == third != second


def test_recipe_is_found_by_its_name(published: Path, make_video, losses_of_a_step):
    recipe = load_recipe("mobilenet", RecipeOptions(weights=published.parent))
    assert (recipe.name, recipe.clip_dim, recipe.region_dim) == ("mobilenet", 6, 6)
    before, after = losses_of_a_step(recipe, make_video(seconds=3.7))
    assert after < before


def test_missing_package_says_what_to_install(network: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(InstallationError, match=r"pip install 'stillseek\[mobilenet\]'"):
        MobileNetEncoder(network)


def real_weights() -> Path:
    folder = os.environ.get("STILLSEEK_TEST_WEIGHTS")
    if folder is None:
        pytest.skip(f"STILLSEEK_TEST_WEIGHTS is no folder with {WEIGHTS.name}")
    return Path(folder)


def test_published_weights_give_what_the_plain_loop_gives():
    folder = real_weights()
    recipe = load_recipe("mobilenet", RecipeOptions(weights=folder))
    assert (recipe.clip_dim, recipe.region_dim, recipe.global_dim) == (1280, 1280, 1280)
    from ai_edge_litert.interpreter import Interpreter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = Interpreter(
            str(folder / WEIGHTS.name), experimental_preserve_all_tensors=True, num_threads=1
        )
    plain.allocate_tensors()
    tensor = next(t for t in plain.get_tensor_details() if t["name"].endswith("AvgPool"))
    scale, zero = tensor["quantization"]
    frames = np.random.default_rng(0).integers(256, size=(3, 224, 224, 3), dtype=np.uint8)
    features = recipe.encode_units(frames)
    for frame, feature in zip(frames, features, strict=True):
        plain.set_tensor(plain.get_input_details()[0]["index"], frame[None])
        plain.invoke()
        expected = (plain.get_tensor(tensor["index"]).ravel().astype(np.float32) - zero) * scale
        np.testing.assert_allclose(feature, expected, rtol=1e-6)  # float32
        query = recipe.encode_image(frame)
        np.testing.assert_array_equal(query.global_feature, feature)
        # the mean of the map before it is rounded to whole steps
        np.testing.assert_allclose(query.regions[0], feature, atol=scale / 2 + 1e-6)
