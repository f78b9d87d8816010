import io
import pickle
from collections import OrderedDict

import numpy as np
import pytest
import torch

from stillseek.features.weights.torch_archive import read_state_dict


def saved(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


def test_numbers_types_shapes_and_names_are_those_that_were_written() -> None:
    torch.manual_seed(0)
    state = OrderedDict(
        weight=torch.randn(3, 5, 7), turned=torch.randn(2, 11).T, steps=torch.tensor(13)
    )

    found = read_state_dict(saved(state))

    assert list(found) == ["weight", "turned", "steps"]
    for name, tensor in state.items():
        assert found[name].dtype == tensor.numpy().dtype
        np.testing.assert_array_equal(found[name], tensor.numpy())


@pytest.mark.parametrize("value", [OrderedDict(a=np.zeros(3)), OrderedDict(a=torch.nn.Linear)])
def test_anything_but_tensors_is_refused(value: object) -> None:
    with pytest.raises(pickle.UnpicklingError, match="no plain tensor"):
        read_state_dict(saved(value))


def test_a_file_that_is_cut_off_is_refused() -> None:
    content = saved(OrderedDict(a=torch.zeros(17)))

    with pytest.raises(pickle.UnpicklingError, match="cut off"):
        read_state_dict(content[:-4])
