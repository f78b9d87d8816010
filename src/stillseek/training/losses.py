"""The loss of SAIL (section 4.4)."""

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from stillseek.tensors import LocalizerOutput


def boundary_nll(
    output: LocalizerOutput, start_step: Int[Tensor, " batch"], end_step: Int[Tensor, " batch"]
) -> Float[Tensor, ""]:
    """Negative log probability of the true boundaries, ``L`` of section 4.4.

    ``L = -1/N_b sum (log p^s_s + log p^e_e)``, in float32 or wider whatever the logits are.

    Args:
        output: Start and end logits, ``-inf`` on padding.
        start_step: Ground truth ``s``.
        end_step: Ground truth ``e``.
    """
    start, end = _at_least_float32(output.start_logits), _at_least_float32(output.end_logits)
    return cross_entropy(start, start_step) + cross_entropy(end, end_step)


def _at_least_float32(logits: Tensor) -> Tensor:
    return logits if logits.itemsize >= 4 else logits.float()
