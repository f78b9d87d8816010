"""Figure 5: a few answers of SAIL, and where it looks in the picture and in the video."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stillseek.data.example import ExampleSet, FeatureSource, collate
from stillseek.data.manifest import Manifest
from stillseek.data.sample import Sample
from stillseek.evaluation.overlap import segment_bounds, temporal_iou
from stillseek.evaluation.predictions import Predictions
from stillseek.experiments.places import ATTENTION_FILE
from stillseek.localize.filmstrip import filmstrip
from stillseek.localize.localization import format_span
from stillseek.localize.panels import (
    BLUE,
    GREEN,
    INK,
    VERMILION,
    add_axes,
    draw_picture,
    draw_time_axis,
    mark_truth,
    shortened,
    write,
)
from stillseek.media import frames_at, read_image
from stillseek.models.attention_weights import attention_weights
from stillseek.models.sail import Sail
from stillseek.records import parse_object, parse_record, read_text, write_text_atomic
from stillseek.timeline import Segment

# Of Simple queries a good, a middling and a bad answer, of Difficult ones a middling one: places
# in the order of their IoU, so that nobody picks the fine ones.
_PLACES = (("simple", 0.9), ("simple", 0.5), ("simple", 0.1), ("difficult", 0.5))

# Inches.
_WIDTH, _HEIGHT, _MARGIN, _SIDE, _QUERY_WIDTH = 12.0, 3.6, 0.2, 2.7, 2.7
_STRIP_LEFT, _STRIP_BOTTOM, _STRIP_HEIGHT = 3.6, 2.05, 1.05
_CURVES_BOTTOM, _CURVES_HEIGHT = 0.35, 1.5
_PIXELS_AN_INCH = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Where SAIL looked to give an answer.

    Attributes:
        sample_id: The question.
        seed: Seed of the head.
        boxes: The picture's regions: centre x, centre y, width, height, in fractions of it.
        regions: Weight of each region, the mean over the clips of the answer; together 1.
        edges: Where the steps of the model begin, and where the last one ends, in seconds.
        start: Weight of each step in the score of the start; together 1.
        end: That of the end.
    """

    sample_id: str
    seed: int
    boxes: list[list[float]]
    regions: list[float]
    edges: list[float]
    start: list[float]
    end: list[float]


def choose_samples(samples: Sequence[Sample], answers: Predictions) -> tuple[Sample, ...]:
    """Samples of different videos: good, middling and bad answers by a fixed rule."""
    ious = temporal_iou(answers.bounds_for(samples), segment_bounds(samples))
    chosen: list[Sample] = []
    for kind, place in _PLACES:
        taken = {sample.video_id for sample in chosen}
        ranked = sorted(
            (float(iou), i)
            for i, (iou, sample) in enumerate(zip(ious, samples, strict=True))
            if sample.query_kind == kind and sample.video_id not in taken
        )
        if ranked:
            chosen.append(samples[ranked[round(place * (len(ranked) - 1))][1]])
    return tuple(chosen)


def attend(
    model: Sail, sample: Sample, source: FeatureSource, answer: Segment, *, seed: int
) -> Attention:
    """Asks the model once more, and keeps its attention weights.

    Args:
        model: SAIL with bidirectional aggregation.
        sample: The question.
        source: Its features.
        answer: What the model answered.
        seed: Seed of its training.
    """
    example = ExampleSet([sample], source)[0]
    weights = attention_weights(model, collate([example]).inputs)
    assert weights.after is not None
    assert weights.before is not None
    first, last = example.grid.labels(answer)
    starts = [example.grid.span(step).start_seconds for step in range(example.grid.num_steps)]
    return Attention(
        sample_id=sample.sample_id,
        seed=seed,
        boxes=example.boxes.tolist(),
        regions=weights.regions[0, first : last + 1].mean(dim=0).tolist(),
        edges=[*starts, sample.duration_seconds],
        start=weights.after[0, first].tolist(),
        end=weights.before[0, last].tolist(),
    )


def write_attention(out: Path, attention: Sequence[Attention]) -> None:
    """Keeps the weights: the figures are drawn from them."""
    values = {each.sample_id: asdict(each) for each in attention}
    write_text_atomic(out / ATTENTION_FILE, json.dumps(values) + "\n")


def read_attention(out: Path) -> tuple[Attention, ...]:
    """The weights that were kept, none where there are none.

    Raises:
        DatasetError: The file is broken.
    """
    path = out / ATTENTION_FILE
    if not path.exists():
        return ()
    kept = parse_object(read_text(path), str(path)).values()
    return tuple(parse_record(Attention, values, str(path)) for values in kept)


def draw_example(
    manifest: Manifest, sample: Sample, answers: Predictions, attention: Attention
) -> Figure:
    """Query with its regions, film strip, truth, answer, and attention over time.

    Args:
        manifest: The data set.
        sample: The question.
        answers: The head's answers, by joint decoding.
        attention: Where it looked.

    Raises:
        MediaError: The video or the picture cannot be read.
    """
    (bounds,) = answers.bounds_for([sample]).tolist()
    answer = Segment(*bounds)
    figure = Figure(figsize=(_WIDTH, _HEIGHT))
    path = manifest.query_path(sample)
    seconds = sample.query_seconds
    pixels = read_image(path) if seconds is None else frames_at(path, [seconds])[0]
    query = add_axes(figure, (_MARGIN, _CURVES_BOTTOM, _QUERY_WIDTH, _SIDE))
    draw_picture(query, pixels)
    heat = heat_of(attention, pixels.shape[:2])
    query.imshow(heat, cmap="inferno", alpha=0.55, vmin=0, vmax=1)
    query.set_anchor("N")
    iou = sample.segment.iou(answer)
    asked = "" if sample.query_kind == "simple" else f", asked with {sample.query_label}"
    write(figure, shortened(f"{sample.label}{asked}"), _MARGIN, _HEIGHT - 0.3, bold=True)
    says = f"truth {format_span(sample.segment)}   answer {format_span(answer)}   IoU {iou:.2f}"
    write(figure, says, _STRIP_LEFT, _HEIGHT - 0.3, size=10.0)
    width = _WIDTH - _STRIP_LEFT - _MARGIN
    strip = add_axes(figure, (_STRIP_LEFT, _STRIP_BOTTOM, width, _STRIP_HEIGHT))
    thumbnails = filmstrip(
        manifest.video_path(sample.video_id),
        sample.duration_seconds,
        width=round(width * _PIXELS_AN_INCH),
        height=round(_STRIP_HEIGHT * _PIXELS_AN_INCH),
        start_seconds=0.0 if sample.window is None else sample.window.start_seconds,
    )
    strip.imshow(thumbnails, aspect="auto")
    strip.axis("off")
    curves = add_axes(figure, (_STRIP_LEFT, _CURVES_BOTTOM, width, _CURVES_HEIGHT))
    _draw_attention(curves, sample, answer, attention)
    return figure


def heat_of(attention: Attention, shape: Sequence[int]) -> Float[np.ndarray, "height width"]:
    """The mean weight of the regions over each pixel, of which the largest is 1."""
    total, number = np.zeros(shape), np.zeros(shape)
    for box, weight in zip(attention.boxes, attention.regions, strict=True):
        x, y, width, height = np.array(box) * (*shape[::-1], *shape[::-1])
        rows = slice(max(0, round(y - height / 2)), round(y + height / 2))
        columns = slice(max(0, round(x - width / 2)), round(x + width / 2))
        total[rows, columns] += weight
        number[rows, columns] += 1
    # Not the sum: it would be large wherever many regions overlap.
    mean = total / np.maximum(number, 1)
    return mean / max(mean.max(), 1e-12)


def _draw_attention(axes: Axes, sample: Sample, answer: Segment, attention: Attention) -> None:
    for name, weights, color in (
        ("attention of the start", attention.start, BLUE),
        ("attention of the end", attention.end, VERMILION),
    ):
        axes.stairs(weights, attention.edges, color=color, linewidth=1.5, label=name)
    axes.axvspan(answer.start_seconds, answer.end_seconds, color=GREEN, alpha=0.22, label="answer")
    mark_truth(axes, sample.segment, "truth")
    # Room for the legend above the curves.
    axes.set_ylim(0, 1.3 * max(*attention.start, *attention.end))
    axes.set_ylabel("weight", color=INK)
    axes.legend(frameon=False, ncols=4, loc="upper right", fontsize=8, borderaxespad=0.1)
    draw_time_axis(axes, sample.duration_seconds)
