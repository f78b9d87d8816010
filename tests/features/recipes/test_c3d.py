import pytest
import torch

from stillseek.features.recipes.c3d import C3D

# Names and shapes of c3d.pickle (http://imagelab.ing.unimore.it/files/c3d_pytorch/c3d.pickle), as
# the module that loads it declares them: github.com/DavideA/c3d-pytorch, C3D_model.py, commit
# 076d40eab87e8c629f3fba43643de7e30391343c. Its fc8 (487, 4096) is not used.
LAYERS = {
    "conv1": (64, 3, 3, 3, 3),
    "conv2": (128, 64, 3, 3, 3),
    "conv3a": (256, 128, 3, 3, 3),
    "conv3b": (256, 256, 3, 3, 3),
    "conv4a": (512, 256, 3, 3, 3),
    "conv4b": (512, 512, 3, 3, 3),
    "conv5a": (512, 512, 3, 3, 3),
    "conv5b": (512, 512, 3, 3, 3),
    "fc6": (4096, 8192),
    "fc7": (4096, 4096),
}
PUBLISHED = {f"{name}.weight": shape for name, shape in LAYERS.items()}
PUBLISHED |= {f"{name}.bias": shape[:1] for name, shape in LAYERS.items()}


@pytest.fixture(scope="module")
def network() -> C3D:
    """Every convolution hands on its first channel; the classifier is empty."""
    with torch.device("meta"):
        network = C3D()
    network = network.to_empty(device="cpu").requires_grad_(False)
    for name, parameter in network.named_parameters():
        parameter.zero_()
        if name.startswith("conv") and name.endswith("weight"):
            parameter[0, 0, 1, 1, 1] = 1.0
    return network


def test_parameters_are_those_of_the_published_conversion() -> None:
    with torch.device("meta"):
        network = C3D()

    assert {name: tuple(value.shape) for name, value in network.state_dict().items()} == PUBLISHED


def test_blue_is_the_first_channel_and_its_mean_is_taken_off(network: C3D) -> None:
    network.fc6.weight.zero_()[5, 0] = 1.0
    network.fc7.weight.zero_()[7, 5] = 2.0
    clips = torch.zeros(2, 16, 112, 112, 3, dtype=torch.uint8)
    clips[0, ..., 0] = 255
    clips[1, ..., 2] = 200

    features = network(clips)

    assert features.shape == (2, 4096)
    # Black is below the mean: the rectifiers leave nothing of it, whatever the red is.
    assert features[0].count_nonzero() == 0
    assert features[1, 7] == pytest.approx(2 * (200 - 90.25))
    assert features[1].count_nonzero() == 1


def test_the_last_pool_rounds_up_and_fc6_counts_rows_then_columns(network: C3D) -> None:
    network.fc6.weight.zero_()[torch.arange(16), torch.arange(16)] = 1.0
    network.fc7.weight.zero_()[torch.arange(16), torch.arange(16)] = 1.0
    clips = torch.zeros(1, 16, 112, 112, 3, dtype=torch.uint8)
    # Maps of 7 x 7 are pooled in pairs from the front, the last one alone: 0 1 | 2 3 | 4 5 | 6.
    places = {(0, 0): (0, 0), (19, 100): (0, 3), (47, 90): (1, 2), (111, 60): (3, 1)}
    for blue, (row, column) in enumerate(places, start=200):
        clips[0, 11, row, column, 2] = blue

    features = network(clips)[0]

    expected = torch.zeros(4096)
    for blue, (row, column) in enumerate(places.values(), start=200):
        expected[4 * row + column] = blue - 90.25
    torch.testing.assert_close(features, expected)
