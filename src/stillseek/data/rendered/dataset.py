"""A benchmark of rendered streams: videos as MP4 files, annotations in seconds, queries."""

import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from stillseek.data.manifest import Manifest, Sample, Split, write_manifest
from stillseek.data.records import write_text_atomic
from stillseek.data.rendered.activities import ACTIVITIES
from stillseek.data.rendered.scene import HEIGHT, WIDTH
from stillseek.data.rendered.streams import Stream, class_split, draw_stream
from stillseek.data.rendered.taxonomy import Activity
from stillseek.errors import UsageError
from stillseek.media import VideoWriter

FRAMES_PER_SECOND = 10
_SPLITS: tuple[Split, ...] = ("train", "seen", "validation", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedConfig:
    """Settings of a rendered benchmark.

    Attributes:
        seed: Everything follows from it.
        train_videos: Videos of seen classes, for training.
        seen_videos: Videos of seen classes that are never trained on.
        validation_videos: Videos of validation classes.
        test_videos: Videos of unseen classes.
        simple_queries: Queries of the same class for every video (section 5: 3).
        difficult_queries: Queries of a sibling class for every video (section 5: 2).
        two_targets_share: Share of the videos in which a second activity is asked for too.

    Raises:
        UsageError: A number is out of range.
    """

    seed: int = 0
    train_videos: int = 480
    seen_videos: int = 100
    validation_videos: int = 100
    test_videos: int = 170
    simple_queries: int = 3
    difficult_queries: int = 2
    two_targets_share: float = 0.4

    def __post_init__(self) -> None:
        """Refuses benchmarks that cannot be drawn."""
        if self.seed < 0:
            raise UsageError(f"seed must be at least 0, got {self.seed}")
        for name, number in self.videos().items():
            if number < 0:
                raise UsageError(f"{name}_videos must be at least 0, got {number}")
        if self.simple_queries < 1 or self.difficult_queries < 0:
            raise UsageError(
                "a video needs at least 1 simple and 0 difficult queries, got "
                f"{self.simple_queries} and {self.difficult_queries}"
            )
        if not 0 <= self.two_targets_share <= 1:
            raise UsageError(f"two_targets_share must be in [0, 1], got {self.two_targets_share}")

    def videos(self) -> dict[Split, int]:
        """Videos of each split."""
        numbers = (self.train_videos, self.seen_videos, self.validation_videos, self.test_videos)
        return dict(zip(_SPLITS, numbers, strict=True))


def draw_streams(config: RenderedConfig) -> dict[Split, list[Stream]]:
    """The scripts of all videos; each class of a split is a target about equally often."""
    classes = class_split(config.seed)
    pools: dict[Split, tuple[Activity, ...]] = {
        "train": classes.train,
        "seen": classes.train,
        "validation": classes.validation,
        "test": classes.test,
    }
    streams: dict[Split, list[Stream]] = {}
    for code, (split, number) in enumerate(config.videos().items()):
        pool = pools[split]
        rng = np.random.default_rng((config.seed, 3, code))
        streams[split] = []
        for index in range(number):
            target = pool[index % len(pool)]
            streams[split].append(
                draw_stream(
                    f"{split}_{index:04d}",
                    (config.seed, 4 + code, index),
                    target,
                    tuple(a for a in pool if a is not target),
                    two_targets=bool(rng.random() < config.two_targets_share),
                )
            )
    return streams


@dataclass(frozen=True, slots=True)
class _Query:
    label: str
    video_id: str
    seconds: float


class _QueryPool:
    """Frames of the activities of one split: the middle three fifths of every segment."""

    def __init__(self, streams: list[Stream]) -> None:
        self._by_label: dict[str, list[tuple[Stream, int]]] = {}
        for stream in streams:
            for index, scene in enumerate(stream.scenes):
                if scene.activity is not None:
                    self._by_label.setdefault(scene.activity.name, []).append((stream, index))

    def draw(self, rng: np.random.Generator, label: str, not_video: str) -> _Query | None:
        choices = [c for c in self._by_label.get(label, []) if c[0].video_id != not_video]
        if not choices:
            return None
        stream, index = choices[rng.integers(len(choices))]
        segment = stream.scenes[index].segment
        seconds = segment.start_seconds + segment.duration_seconds * rng.uniform(0.2, 0.8)
        return _Query(label, stream.video_id, round(float(seconds), 3))


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
        if order == 0 or split == "train":
            labels += _siblings(rng, stream, scene.activity, config.difficult_queries)
        for number, query_label in enumerate(labels):
            query = pool.draw(rng, query_label, stream.video_id)
            if query is None:
                continue
            simple = query.label == label
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
                    query_label=query.label,
                    query_video_id=query.video_id,
                    query_seconds=query.seconds,
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


def build_samples(config: RenderedConfig, streams: dict[Split, list[Stream]]) -> list[Sample]:
    """The questions of every video: Simple and Difficult, always from another video."""
    samples = []
    for split in _SPLITS:
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


def annotations(streams: dict[Split, list[Stream]]) -> dict[str, object]:
    """Every activity of every video in the layout of ActivityNet, with the taxonomy."""
    nodes = [{"nodeName": "Root", "nodeId": 0, "parentName": None, "parentId": None}]
    groups: dict[str, int] = {}
    for activity in ACTIVITIES:
        if activity.group not in groups:
            groups[activity.group] = len(nodes)
            nodes.append(
                {
                    "nodeName": activity.group,
                    "nodeId": len(nodes),
                    "parentName": "Root",
                    "parentId": 0,
                }
            )
        nodes.append(
            {
                "nodeName": activity.name,
                "nodeId": len(nodes),
                "parentName": activity.group,
                "parentId": groups[activity.group],
            }
        )
    database = {
        stream.video_id: {
            "duration": stream.duration_seconds,
            "subset": split,
            "resolution": f"{WIDTH}x{HEIGHT}",
            "annotations": [
                {
                    "segment": [scene.segment.start_seconds, scene.segment.end_seconds],
                    "label": scene.activity.name,
                }
                for scene in stream.scenes
                if scene.activity is not None
            ],
        }
        for split, group in streams.items()
        for stream in group
    }
    return {"version": "stillseek rendered streams 1", "taxonomy": nodes, "database": database}


def render_dataset(
    folder: Path,
    config: RenderedConfig,
    *,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Renders the benchmark; videos that are already there are kept, so it resumes.

    Args:
        folder: Gets ``videos/``, ``annotations.json``, ``samples.jsonl`` and ``manifest.json``.
        config: Settings.
        workers: Processes; None takes one a core.
        on_progress: Called with the videos done and the videos in all.

    Raises:
        UsageError: The folder holds a benchmark of other settings.
    """
    streams = draw_streams(config)
    settings = asdict(config)
    stamp = folder / "settings.json"
    text = json.dumps(settings, indent=2) + "\n"
    if stamp.exists() and stamp.read_text() != text:
        raise UsageError(
            f"{folder} holds a benchmark with other settings; give another folder or remove it"
        )
    write_text_atomic(stamp, text)
    videos = folder / "videos"
    videos.mkdir(parents=True, exist_ok=True)
    jobs = [
        (stream, videos / f"{stream.video_id}.mp4")
        for group in streams.values()
        for stream in group
    ]
    missing = [job for job in jobs if not job[1].exists()]
    done = len(jobs) - len(missing)
    with ProcessPoolExecutor(workers or os.cpu_count()) as pool:
        futures = [pool.submit(write_stream, *job) for job in missing]
        try:
            for future in as_completed(futures):
                future.result()
                done += 1
                if on_progress:
                    on_progress(done, len(jobs))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    write_text_atomic(folder / "annotations.json", json.dumps(annotations(streams)) + "\n")
    return write_manifest(
        folder,
        build_samples(config, streams),
        source="rendered streams",
        seed=config.seed,
        settings=settings,
    )
