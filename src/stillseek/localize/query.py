"""Query images as a head reads them: encoded once, asked of any number of windows."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from stillseek.features import QueryFeatures
from stillseek.localize.query_image import Box, QueryImage
from stillseek.localize.window_search import Scorer
from stillseek.models.catalog import LocalizerModel
from stillseek.models.head_outputs import at_least_float32, segment_scores_output
from stillseek.models.inputs import HeadPrecision
from stillseek.models.onnx_session import OnnxModel
from stillseek.models.sail import Sail
from stillseek.tensors import ClipEvidence, LocalizerInput, LocalizerOutput, SegmentScores

Head = LocalizerModel | OnnxModel


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedQuery:
    """The pictures of one activity as a localizer's head reads them, for any number of videos.

    Attributes:
        images: The query images: files, or the pixels of pictures that are none.
        boxes: The part of each that is meant; None is the whole image.
        unlike: Pictures of what the activity is not.
        features: What the recipe makes of each image.
        features_of_unlike: What it makes of each picture of what the activity is not.
        head: The head that reads them.
        score: What the head says to windows of a video.
        likeness: How like the pictures the clips are; None where clips and pictures do not compare.
        likeness_of_unlike: How like each picture of what the activity is not they are.
    """

    images: tuple[QueryImage, ...]
    boxes: tuple[Box | None, ...]
    unlike: tuple[QueryImage, ...]
    features: tuple[QueryFeatures, ...]
    features_of_unlike: tuple[QueryFeatures, ...]
    head: Head
    score: Scorer
    likeness: Scorer | None
    likeness_of_unlike: tuple[Scorer, ...]


def encode(
    head: Head,
    queries: Sequence[QueryFeatures],
    device: torch.device,
    *,
    precision: HeadPrecision = "fp32",
) -> Scorer:
    """A head with query images in it; what it says is averaged over the images."""
    scorers = [_encode_one(head, query, device, precision) for query in queries]

    def score(
        clips: Float[Tensor, "window step clip_dim"], clip_mask: Bool[Tensor, "window step"]
    ) -> LocalizerOutput:
        return _average([each(clips, clip_mask) for each in scorers])

    return score


def _encode_one(
    head: Head, query: QueryFeatures, device: torch.device, precision: HeadPrecision
) -> Scorer:
    """A head with one query image in it; SAIL encodes the image here, once."""

    @contextmanager
    def inference() -> Iterator[None]:
        bf16 = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
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
        clips: Float[Tensor, "window step clip_dim"], clip_mask: Bool[Tensor, "window step"]
    ) -> LocalizerOutput:
        clips, clip_mask = clips.to(device), clip_mask.to(device)
        with inference():
            if isinstance(head, Sail) and image is not None:
                return head.score_clips(clips, clip_mask, image)
            return head(
                LocalizerInput(
                    clips=clips,
                    clip_mask=clip_mask,
                    regions=regions.expand(len(clips), -1, -1),
                    boxes=boxes.expand(len(clips), -1, -1),
                    region_mask=region_mask.expand(len(clips), -1),
                    global_feature=global_feature.expand(len(clips), -1),
                )
            )

    return score


def _average(outputs: Sequence[LocalizerOutput]) -> LocalizerOutput:
    """One output from those of several queries for one video: means of what was scored."""

    def mean(tensors: Iterable[Tensor]) -> Tensor:
        return torch.stack([tensor.cpu().float() for tensor in tensors]).mean(dim=0)

    def means(parts: Iterable[object], *names: str) -> dict[str, Any]:
        return {name: mean(getattr(part, name) for part in parts) for name in names}

    def log_softmax(logits: Tensor) -> Tensor:
        return at_least_float32(logits).log_softmax(dim=1)

    if outputs[0].stages:
        # Proposals know nothing of the query: those of all queries are the same, in one order.
        answers = [output.stages[-1] for output in outputs]
        stage = SegmentScores(**means(answers, "segments", "logits"))
        mask = torch.ones_like(outputs[0].start_logits, dtype=torch.bool, device="cpu")
        return segment_scores_output((stage,), mask)
    if outputs[0].clip_logits is None:
        return LocalizerOutput(
            start_logits=mean(log_softmax(output.start_logits) for output in outputs),
            end_logits=mean(log_softmax(output.end_logits) for output in outputs),
        )
    evidence = [output.evidence for output in outputs if output.evidence is not None]
    return LocalizerOutput(
        **means(outputs, "start_logits", "end_logits", "clip_logits"),
        evidence=ClipEvidence(**means(evidence, "similarity", "background")) if evidence else None,
    )
