import pytest
import torch
from heads import make_exact, make_head, make_inputs

from stillseek.training.losses import boundary_nll


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["sail", "flp", "sst", "tal"])
def test_cuda_answers_like_the_cpu(name):
    model, inputs = make_exact(name), make_inputs([131, 70], [5, 1])

    expected = model(inputs)
    found = model.cuda()(inputs.to("cuda"))

    # Kernels of another device sum in another order.
    torch.testing.assert_close(found.start_logits.cpu(), expected.start_logits, atol=1e-9, rtol=0)
    torch.testing.assert_close(found.end_logits.cpu(), expected.end_logits, atol=1e-9, rtol=0)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_sail_trains_on_cuda(precision):
    model = make_head("sail").cuda()
    inputs = make_inputs([131, 70], [5, 1], dtype=torch.float32).to("cuda")
    target = torch.tensor([3, 5], device="cuda")

    with torch.autocast("cuda", precision, enabled=precision != torch.float32):
        output = model(inputs)
    boundary_nll(output, target, target + 7).backward()

    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
