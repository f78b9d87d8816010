"""A benchmark of rendered streams: videos as MP4 files, annotations in seconds, queries."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from stillseek.data.manifest import Manifest
from stillseek.data.processes import check_workers
from stillseek.data.sample import Sample, Split
from stillseek.errors import UsageError
from stillseek.media import VideoWriter
from stillseek.outputs import check_outputs
from stillseek.synthetic.benchmark import (
    SPLITS,
    BenchmarkConfig,
    annotation_file,
    benchmark_output,
    claim_folder,
    has_look_alike,
    make_videos,
    write_benchmark,
)
from stillseek.synthetic.rendered.activities import ACTIVITIES
from stillseek.synthetic.rendered.activity import Activity
from stillseek.synthetic.rendered.look import HEIGHT, WIDTH
from stillseek.synthetic.rendered.streams import Stream, class_split, draw_stream

FRAMES_PER_SECOND = 10
_SOURCE = "rendered streams"


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedConfig(BenchmarkConfig):
    """Settings of a rendered benchmark."""


def draw_streams(config: RenderedConfig) -> dict[Split, list[Stream]]:
    """The scripts of all videos; each class of a split is a target about equally often."""
    classes = class_split(config.seed)
    streams: dict[Split, list[Stream]] = {}
    for code, (split, number) in enumerate(config.videos().items()):
        pool = classes[split]
        rng = np.random.default_rng((config.seed, 3, code))
        streams[split] = []
        for index in range(number):
            target = pool[index % len(pool)]
            seed = (config.seed, 4 + code, index)
            others = tuple(a for a in pool if a is not target)
            alike = tuple(a for a in others if a.group == target.group)
            streams[split].append(
                draw_stream(
                    f"{split}_{index:04d}",
                    seed,
                    target,
                    others,
                    two_targets=bool(rng.random() < config.two_targets_share),
                    look_alikes=alike if has_look_alike(seed, config) else (),
                )
            )
    return streams


class _QueryPool:
    """Frames of the activities of one split: the middle three fifths of every segment."""

    def __init__(self, streams: list[Stream]) -> None:
        self._by_label: dict[str, list[tuple[Stream, int]]] = {}
        for stream in streams:
            for index, scene in enumerate(stream.scenes):
                if scene.activity is not None:
                    self._by_label.setdefault(scene.activity.name, []).append((stream, index))

    def draw(
        self, rng: np.random.Generator, label: str, not_video: str
    ) -> tuple[str, float] | None:
        """A video and an instant that show a class; None where no other video does."""
        choices = [c for c in self._by_label.get(label, []) if c[0].video_id != not_video]
        if not choices:
            return None
        stream, index = choices[rng.integers(len(choices))]
        segment = stream.scenes[index].segment
        seconds = segment.start_seconds + segment.duration_seconds * rng.uniform(0.2, 0.8)
        return stream.video_id, round(float(seconds), 3)


def _samples_of(
    stream: Stream, split: Split, pool: _QueryPool, config: RenderedConfig
) -> list[Sample]:
    rng = np.random.default_rng((*stream.seed, 5))
    # Training asks for every activity of a video; elsewhere the second target only makes a pair.
    others = [k for k, s in enumerate(stream.scenes) if s.activity and k not in stream.targets]
    scene_indices = [*stream.targets, *(others if split == "train" else [])]
    samples = []
    for order, scene_index in enumerate(scene_indices):
        scene = stream.scenes[scene_index]
        assert scene.activity is not None
        label = scene.activity.name
        labels = [label] * (config.simple_queries if order == 0 or split == "train" else 1)
        has_two_answers = config.look_alikes > 0 and _has_sibling(stream, scene.activity)
        if (order == 0 or split == "train") and not has_two_answers:
            labels += _siblings(rng, stream, scene.activity, config.difficult_queries)
        for number, query_label in enumerate(labels):
            query = pool.draw(rng, query_label, stream.video_id)
            if query is None:
                continue
            simple = query_label == label
            paired = len(stream.targets) > 1 and order < 2 and number == 0
            samples.append(
                Sample(
                    sample_id=f"{stream.video_id}_{order}{number}",
                    video_id=stream.video_id,
                    duration_seconds=stream.duration_seconds,
                    window=None,
                    segment=scene.segment,
                    label=label,
                    split=split,
                    query_kind="simple" if simple else "difficult",
                    query_label=query_label,
                    query_video_id=query[0],
                    query_seconds=query[1],
                    query_image=None,
                    source_video_id=stream.video_id,
                    pair_id=stream.video_id if paired else None,
                    taxonomy_distance=0 if simple else 2,
                )
            )
    pairs = [sample for sample in samples if sample.pair_id]
    if len(pairs) == 1:  # the other class is in no other video of a small split
        samples[samples.index(pairs[0])] = replace(pairs[0], pair_id=None)
    return samples


def _siblings(
    rng: np.random.Generator, stream: Stream, activity: Activity, number: int
) -> list[str]:
    """Random siblings of an activity that do not happen in the video: one answer, not two."""
    here = {scene.activity.name for scene in stream.scenes if scene.activity}
    names = [a.name for a in ACTIVITIES if a.group == activity.group and a.name not in here]
    return [names[rng.integers(len(names))] for _ in range(number)] if names else []


def _has_sibling(stream: Stream, activity: Activity) -> bool:
    """Whether a class like an activity happens in the video, too."""
    here = (scene.activity for scene in stream.scenes if scene.activity)
    return any(a.group == activity.group and a is not activity for a in here)


def build_samples(config: RenderedConfig, streams: dict[Split, list[Stream]]) -> list[Sample]:
    """The questions of every video: Simple and Difficult, always from another video."""
    samples = []
    for split in SPLITS:
        pool = _QueryPool(streams[split])
        for stream in streams[split]:
            samples += _samples_of(stream, split, pool, config)
    return samples


def write_stream(stream: Stream, path: Path) -> None:
    """Renders one video to an MP4 file."""
    with VideoWriter(
        path, frame_rate=Fraction(FRAMES_PER_SECOND), crf=26, preset="veryfast"
    ) as writer:
        for frame in stream.frames(FRAMES_PER_SECOND):
            writer.write(frame)


def annotations(streams: dict[Split, list[Stream]]) -> dict[str, Any]:
    """Every activity of every video in the layout of ActivityNet, with the taxonomy."""
    paths = (("Root", activity.group, activity.name) for activity in ACTIVITIES)
    return annotation_file("stillseek rendered streams 1", paths, streams, (WIDTH, HEIGHT))


def render_dataset(
    folder: Path,
    config: RenderedConfig,
    *,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Renders the benchmark; videos that are already there are kept, so it resumes.

    Args:
        folder: Gets ``videos/``, ``annotations.json``, ``samples.jsonl``, ``manifest.json`` and
            ``file_hashes.jsonl``.
        config: Settings.
        workers: Processes; None takes one a core.
        on_progress: Called with the videos done and the videos in all.

    Raises:
        UsageError: The folder holds a benchmark of other settings or a data set of another source,
            ``workers`` is below 1, or the videos are too few for any question.
    """
    check_workers(workers)
    check_outputs([benchmark_output(folder)], inputs=())
    streams = draw_streams(config)
    samples = build_samples(config, streams)
    if not samples:
        raise UsageError(
            "there would be no question: a query shows a class of a video in another video of its "
            "split, and no two videos of a split share one; give more videos of a split, with "
            "--train-videos or the like"
        )
    settings = config.settings()
    claim_folder(folder, settings, source=_SOURCE)
    make_videos(folder, streams, write_stream, workers=workers, on_progress=on_progress)
    alike = {
        a.name: {b.name for b in ACTIVITIES if b.group == a.group and b is not a}
        for a in ACTIVITIES
    }
    return write_benchmark(
        folder, samples, annotations(streams), alike, config, source=_SOURCE, settings=settings
    )
