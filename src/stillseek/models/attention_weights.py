"""Where SAIL looks: its attention weights over regions and over frames, for people."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from stillseek.models.local_transformer import LocalTransformerLayer
from stillseek.models.plain import additive_weights, masked_softmax
from stillseek.models.sail import Sail
from stillseek.tensors import LocalizerInput


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionWeights:
    """Attention of every clip; each row sums to 1.

    Attributes:
        regions: How much a clip looks at each region of the picture (section 4.3), the mean over
            heads and over the layers that see the picture.
        after: ``alpha^fw`` (section 4.4): how much the start score of a clip takes from each clip
            from it on; None in the ablation w/o BA.
        before: ``alpha^bw``: how much its end score takes from each clip up to it; likewise.
    """

    regions: Float[Tensor, "batch clip region"]
    after: Float[Tensor, "batch clip clip"] | None
    before: Float[Tensor, "batch clip clip"] | None


@torch.no_grad()
def attention_weights(model: Sail, inputs: LocalizerInput) -> AttentionWeights:
    """The weights that a pass of the model uses, computed once more as the paper prints them.

    Raises:
        UsageError: The batch does not fit the model.
    """
    of_layers: list[Tensor] = []
    states: list[Tensor] = []

    def keep_regions(module: Any, arguments: tuple[Tensor, ...]) -> None:
        queries, keys, _, visible = arguments
        heads = module.query(queries).unflatten(-1, (module.num_heads, -1)).transpose(1, 2)
        scores = heads @ keys.mT / math.sqrt(keys.shape[-1])  # (B, H, clip, region)
        of_layers.append(masked_softmax(scores, visible[:, None]).mean(dim=1))

    def keep_states(_: Any, arguments: tuple[Tensor, ...]) -> None:
        states.append(arguments[0])

    hooks = [model.localizer.register_forward_pre_hook(keep_states)]
    for layer in model.local_transformer.layers:
        assert isinstance(layer, LocalTransformerLayer)
        if layer.image_attention is not None:
            hooks.append(layer.image_attention.register_forward_pre_hook(keep_regions))
    was_training = model.training
    model.eval()
    try:
        model(inputs)
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    after = before = None
    if model.localizer.bidirectional:
        after, before = (
            additive_weights(side, states[0], inputs.clip_mask)
            for side in (model.localizer.forward_context, model.localizer.backward_context)
        )
    regions = torch.stack(of_layers).mean(dim=0)
    return AttentionWeights(regions=regions, after=after, before=before)
