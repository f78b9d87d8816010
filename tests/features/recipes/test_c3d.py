import pytest
import torch

from stillseek.features.recipes.c3d import C3D

# Names and shapes of c3d.pickle (http://imagelab.ing.unimore.it/files/c3d_pytorch/c3d.pickle), as
# the module that loads it declares them: github.com/DavideA/c3d-pytorch, C3D_model.py, commit
# 076d40eab87e8c629f3fba43643de7e30391343c. Its fc8 (487, 4096) is not used.
PUBLISHED = {
    "conv1.weight": (64, 3, 3, 3, 3),
    "conv1.bias": (64,),
    "conv2.weight": (128, 64, 3, 3, 3),
    "conv2.bias": (128,),
    "conv3a.weight": (256, 128, 3, 3, 3),
    "conv3a.bias": (256,),
    "conv3b.weight": (256, 256, 3, 3, 3),
    "conv3b.bias": (256,),
    "conv4a.weight": (512, 256, 3, 3, 3),
    "conv4a.bias": (512,),
    "conv4b.weight": (512, 512, 3, 3, 3),
    "conv4b.bias": (512,),
    "conv5a.weight": (512, 512, 3, 3, 3),
    "conv5a.bias": (512,),
    "conv5b.weight": (512, 512, 3, 3, 3),
    "conv5b.bias": (512,),
    "fc6.weight": (4096, 8192),
    "fc6.bias": (4096,),
    "fc7.weight": (4096, 4096),
    "fc7.bias": (4096,),
}


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


@pytest.mark.parametrize(
    ("row", "column", "place"),
    [
        # Maps of 7 x 7 are pooled in pairs from the front, the last one alone: 0 1 | 2 3 | 4 5 | 6.
        (0, 0, (0, 0)),
        (19, 100, (0, 3)),
        (47, 90, (1, 2)),
        (111, 60, (3, 1)),
    ],
)
def test_the_last_pool_rounds_up_and_fc6_counts_rows_then_columns(
    network: C3D, row: int, column: int, place: tuple[int, int]
) -> None:
    network.fc6.weight.zero_()[torch.arange(16), torch.arange(16)] = 1.0
    network.fc7.weight.zero_()[torch.arange(16), torch.arange(16)] = 1.0
    clips = torch.zeros(1, 16, 112, 112, 3, dtype=torch.uint8)
    clips[0, 11, row, column] = 255

    features = network(clips)[0]

    assert features.nonzero().tolist() == [[4 * place[0] + place[1]]]
