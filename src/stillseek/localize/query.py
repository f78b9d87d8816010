"""Query images as a head reads them: encoded once, asked of any number of windows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from stillseek.features import QueryFeatures
from stillseek.localize.query_image import Box, QueryImage
from stillseek.localize.window_search import Scorer
from stillseek.models.onnx_session import OnnxModel
from stillseek.scores import (
    HeadPrecision,
    Proposals,
    Scores,
    log_softmax,
    proposal_scores,
)

if TYPE_CHECKING:
    from stillseek.models.catalog import LocalizerModel

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
    head: "Head"
    score: Scorer
    likeness: Scorer | None
    likeness_of_unlike: tuple[Scorer, ...]


def encode(
    head: "Head",
    queries: Sequence[QueryFeatures],
    device: str,
    *,
    precision: HeadPrecision = "fp32",
) -> Scorer:
    """A head with query images in it; what it says of them is averaged."""
    if isinstance(head, OnnxModel):
        scorers = [_encode_one(head, query) for query in queries]
    else:
        from stillseek.localize.torch_scorer import torch_scorer

        scorers = [torch_scorer(head, query, device, precision) for query in queries]

    def score(
        clips: Float[np.ndarray, "window step clip_dim"], clip_mask: Bool[np.ndarray, "window step"]
    ) -> Scores:
        return _average([each(clips, clip_mask) for each in scorers])

    return score


def _encode_one(head: OnnxModel, query: QueryFeatures) -> Scorer:
    """An exported head with one query image in it."""
    picture = {
        "regions": query.regions,
        "boxes": query.boxes,
        "region_mask": np.ones(len(query.regions), np.bool_),
        "global_feature": query.global_feature,
    }

    def score(
        clips: Float[np.ndarray, "window step clip_dim"], clip_mask: Bool[np.ndarray, "window step"]
    ) -> Scores:
        each = {name: np.broadcast_to(v, (len(clips), *v.shape)) for name, v in picture.items()}
        return head(clips=clips.astype(np.float32, copy=False), clip_mask=clip_mask, **each)

    return score


def _average(outputs: Sequence[Scores]) -> Scores:
    """One output from those of several queries for one video: means of what was scored."""

    def mean(parts: Iterable[object], name: str) -> Float[np.ndarray, "*shape"]:
        return np.mean([getattr(part, name) for part in parts], axis=0)

    if len(outputs) == 1:
        return outputs[0]
    answers = [output.proposals for output in outputs if output.proposals is not None]
    if answers:
        # Proposals know nothing of the query: those of all queries are the same, in one order.
        proposals = Proposals(segments=mean(answers, "segments"), logits=mean(answers, "logits"))
        return proposal_scores(proposals, outputs[0].start_logits.shape[1])
    if outputs[0].clip_logits is None:
        return Scores(
            start_logits=np.mean([log_softmax(output.start_logits) for output in outputs], axis=0),
            end_logits=np.mean([log_softmax(output.end_logits) for output in outputs], axis=0),
        )
    return Scores(
        start_logits=mean(outputs, "start_logits"),
        end_logits=mean(outputs, "end_logits"),
        clip_logits=mean(outputs, "clip_logits"),
    )
