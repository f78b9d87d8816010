"""Heads that PyTorch computes, with a query image in them."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Bool, Float

from stillseek.features import QueryFeatures
from stillseek.localize.window_search import Scorer
from stillseek.models.catalog import LocalizerModel
from stillseek.models.head_outputs import scores_of
from stillseek.models.sail import Sail
from stillseek.scores import HeadPrecision, Scores
from stillseek.tensors import LocalizerInput


def torch_scorer(
    head: LocalizerModel, query: QueryFeatures, device: str, precision: HeadPrecision
) -> Scorer:
    """A head with one query image in it; SAIL encodes the image here, once."""

    @contextmanager
    def inference() -> Iterator[None]:
        kind = torch.device(device).type
        bf16 = torch.autocast(kind, torch.bfloat16, enabled=precision == "bf16")
        with torch.inference_mode(), bf16:
            yield

    regions = torch.from_numpy(query.regions)[None].float().to(device)
    boxes = torch.from_numpy(query.boxes)[None].float().to(device)
    region_mask = torch.ones(regions.shape[:2], dtype=torch.bool, device=device)
    global_feature = torch.from_numpy(query.global_feature)[None].float().to(device)
    image = None
    if isinstance(head, Sail):
        with inference():
            image = head.encode_query(regions, boxes, region_mask, global_feature)

    def score(
        clips: Float[np.ndarray, "window step clip_dim"], clip_mask: Bool[np.ndarray, "window step"]
    ) -> Scores:
        videos = torch.from_numpy(clips).to(device)
        mask = torch.from_numpy(clip_mask).to(device)
        with inference():
            if isinstance(head, Sail) and image is not None:
                return scores_of(head.score_clips(videos, mask, image))
            inputs = LocalizerInput(
                clips=videos,
                clip_mask=mask,
                regions=regions.expand(len(videos), -1, -1),
                boxes=boxes.expand(len(videos), -1, -1),
                region_mask=region_mask.expand(len(videos), -1),
                global_feature=global_feature.expand(len(videos), -1),
            )
            return scores_of(head(inputs))

    return score
