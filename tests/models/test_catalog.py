import pytest
import torch

from stillseek.models.catalog import MODELS, model_name
from stillseek.training.losses import boundary_nll

WIDTHS = {"clip_dim": 13, "region_dim": 17, "global_dim": 7}


def make(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    config, model = MODELS[name]
    widths = WIDTHS | ({"global_dim": 13} if name == "matching" else {})
    if name == "similarity":
        widths = dict.fromkeys(widths, 13)
    return model(config(**widths)).double().eval()


@pytest.mark.parametrize("name", MODELS)
def test_a_model_goes_by_one_name(name):
    assert model_name(make(name)) == name


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["sail", "flp", "sst", "tal"])
def test_cuda_answers_like_the_cpu(name, make_inputs):
    model, inputs = make(name), make_inputs([131, 70], [5, 1])

    expected = model(inputs)
    found = model.cuda()(inputs.to("cuda"))

    # Kernels of another device sum in another order.
    torch.testing.assert_close(found.start_logits.cpu(), expected.start_logits, atol=1e-9, rtol=0)
    torch.testing.assert_close(found.end_logits.cpu(), expected.end_logits, atol=1e-9, rtol=0)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_sail_trains_on_cuda(precision, make_inputs):
    model = make("sail").float().train().cuda()
    inputs = make_inputs([131, 70], [5, 1]).to("cuda")
    inputs = type(inputs)(
        **{
            name: value.float() if value.is_floating_point() else value
            for name in inputs.__slots__
            for value in [getattr(inputs, name)]
        }
    )
    target = torch.tensor([3, 5], device="cuda")

    with torch.autocast("cuda", precision, enabled=precision != torch.float32):
        output = model(inputs)
    boundary_nll(output, target, target + 7).backward()

    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
