"""The graph against timm's network of the same (random) weights."""

import numpy as np
import onnxruntime
import pytest
import torch

from stillseek.errors import FeatureError
from stillseek.features.recipes.efficientnet_lite import FRAMES, MAP, POOLED, graph_of


@pytest.fixture(scope="module")
def network():
    timm = pytest.importorskip("timm")
    torch.manual_seed(3)
    network = timm.create_model("tf_efficientnet_lite0").eval()
    # Norms that do something: their initial mean 0 and variance 1 would hide a wrong fold.
    for name, values in network.state_dict().items():
        if name.endswith("running_mean"):
            values.normal_(0, 0.1)
        elif name.endswith("running_var"):
            values.uniform_(0.5, 2)
    return network


@pytest.fixture(scope="module")
def published(network):
    """The weights by the names that the published file has."""
    return {published_name(name): w.numpy() for name, w in network.state_dict().items()}


def published_name(name: str) -> str:
    """timm counts blocks by stage and norms from 1; the published file does neither."""
    first = (0, 1, 3, 5, 8, 11, 15)
    parts = name.split(".")
    if parts[0] != "blocks":
        top = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1"}
        return ".".join([top.get(parts[0], "_fc"), *parts[1:]])
    block = first[int(parts[1])] + int(parts[2])
    expands = block > 0
    layers = (
        {"conv_pw": "_expand_conv", "conv_dw": "_depthwise_conv", "conv_pwl": "_project_conv"}
        if expands
        else {"conv_dw": "_depthwise_conv", "conv_pw": "_project_conv"}
    )
    norms = {f"bn{k}": f"_bn{k - 1 if expands else k}" for k in (1, 2, 3)}
    return ".".join(["_blocks", str(block), (layers | norms)[parts[3]], *parts[4:]])


def run(graph: bytes, frames: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return session.run([POOLED, MAP], {FRAMES: frames})


# Odd and even sides are padded differently by strides of 2.
@pytest.mark.parametrize("side", [96, 130])
def test_the_graph_is_the_network(network, published, side):
    frames = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), dtype=np.uint8)
    pixels = (torch.from_numpy(frames).float() - 127) / 128
    with torch.inference_mode():
        expected = network.forward_features(pixels.permute(0, 3, 1, 2)).numpy()

    pooled, last = run(graph_of(published), frames)

    # Both compute in single precision, in other orders.
    np.testing.assert_allclose(last, expected, atol=2e-4 * np.abs(expected).max())
    np.testing.assert_allclose(pooled, expected.mean((2, 3)), atol=1e-4)


def test_weights_that_lack_a_layer_are_refused(published):
    lacking = {k: w for k, w in published.items() if k != "_blocks.3._bn1.running_var"}
    with pytest.raises(FeatureError, match=r"_blocks\.3\._bn1\.running_var"):
        graph_of(lacking)


def test_weights_that_do_not_fit_are_refused(published):
    broken = published | {"_blocks.3._bn1.weight": np.ones(5, np.float32)}
    with pytest.raises(FeatureError, match=r"_blocks\.3"):
        graph_of(broken)
