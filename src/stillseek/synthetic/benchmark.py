"""What made benchmarks share: their settings, their videos on disk, and their annotations."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from stillseek.data.absence import ABSENT_NAME, freeze_absent
from stillseek.data.annotations import Activity
from stillseek.data.manifest import Manifest, dataset_output, refuse_other_source, write_manifest
from stillseek.data.processes import map_in_processes
from stillseek.data.sample import Sample, Split
from stillseek.errors import UsageError
from stillseek.outputs import Output
from stillseek.records import write_text_atomic

SPLITS: tuple[Split, ...] = ("train", "seen", "validation", "test")

# Without them, benchmarks keep the settings, and the hash, that they were frozen with.
_LATER = ("look_alikes", "absent_queries")


@runtime_checkable
class _Video(Protocol):
    """What is known of a video that is made."""

    @property
    def video_id(self) -> str: ...
    @property
    def duration_seconds(self) -> float: ...
    @property
    def activities(self) -> tuple[Activity, ...]: ...


_Script = TypeVar("_Script", bound=_Video)
Scripts = Mapping[Split, Sequence[_Script]]
"""The videos of each split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkConfig:
    """How much a made benchmark holds and asks.

    Attributes:
        seed: Everything follows from it.
        train_videos: Videos of seen classes, for training.
        seen_videos: Videos of seen classes that are never trained on.
        validation_videos: Videos of validation classes.
        test_videos: Videos of unseen classes.
        simple_queries: Queries of the same class for every video (section 5: 3).
        difficult_queries: Queries of a sibling class for every video (section 5: 2).
        two_targets_share: Share of the videos in which a second activity is asked for too.
        look_alikes: Share of the videos in which a class like the target happens for certain, where
            the split has one; then no Difficult query asks, as it would have two answers. In the
            others, what happens beside the target is drawn as ever.
        absent_queries: Questions about what is not in the video, for every video and kind of
            absence: another class, a similar one, one that is elsewhere in the split.

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
    look_alikes: float = 0.0
    absent_queries: int = 0

    def __post_init__(self) -> None:
        """Refuses benchmarks that cannot be drawn."""
        if self.seed < 0:
            raise UsageError(f"seed must be at least 0, got {self.seed}")
        for name, number in self.videos().items():
            if number < 0:
                raise UsageError(f"{name}_videos must be at least 0, got {number}")
        if not any(self.videos().values()):
            raise UsageError(
                "a data set needs at least 1 video, got 0 of every split; give --train-videos or "
                "the like"
            )
        if self.simple_queries < 1 or self.difficult_queries < 0:
            raise UsageError(
                "a video needs at least 1 simple and 0 difficult queries, got "
                f"{self.simple_queries} and {self.difficult_queries}"
            )
        for name in ("two_targets_share", "look_alikes"):
            if not 0 <= (share := getattr(self, name)) <= 1:
                raise UsageError(f"{name} must be in [0, 1], got {share}")
        if self.absent_queries < 0:
            raise UsageError(f"absent_queries must be at least 0, got {self.absent_queries}")

    def settings(self) -> dict[str, Any]:
        """The settings as JSON values; a later option is named only where it changes something."""
        values = asdict(self)
        for field in fields(BenchmarkConfig):
            if field.name in _LATER and values[field.name] == field.default:
                del values[field.name]
        return values

    def videos(self) -> dict[Split, int]:
        """Videos of each split."""
        numbers = (self.train_videos, self.seen_videos, self.validation_videos, self.test_videos)
        return dict(zip(SPLITS, numbers, strict=True))


def benchmark_output(path: Path, *, name: str = "folder") -> Output:
    """The folder of a benchmark that is about to be made, for `check_outputs`."""
    contents = ("annotations.json", "settings.json", "videos", "queries", ABSENT_NAME)
    return dataset_output(path, name=name, holds=contents)


def claim_folder(folder: Path, settings: Mapping[str, object], *, source: str) -> None:
    """Notes the settings in a folder, so that making it again goes on where it stopped.

    Args:
        folder: Where the benchmark is made.
        settings: Everything that decides it.
        source: What the header of its manifest will say.

    Raises:
        DatasetError: The folder holds a manifest that cannot be read.
        UsageError: The folder holds a benchmark of other settings, or a data set of another source.
    """
    refuse_other_source(folder, source)
    stamp = folder / "settings.json"
    text = json.dumps(settings, indent=2) + "\n"
    if stamp.exists() and stamp.read_text(encoding="utf-8") != text:
        raise UsageError(
            f"{folder} holds a benchmark with other settings; give another folder or remove it"
        )
    write_text_atomic(stamp, text)


def make_videos(
    folder: Path,
    scripts: Scripts[_Script],
    make: Callable[[_Script, Path], None],
    *,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Makes the videos that are not there yet, on several processes.

    Args:
        folder: Gets ``videos/``.
        scripts: What the videos are made of.
        make: Makes one file, whole or not at all; it and the scripts must pickle.
        workers: Processes; None takes one a core.
        on_progress: Called with the videos done and the videos in all.

    Raises:
        UsageError: ``workers`` is below 1.
    """
    videos = folder / "videos"
    videos.mkdir(parents=True, exist_ok=True)
    every = [script for group in scripts.values() for script in group]
    jobs = [(script, videos / f"{script.video_id}.mp4") for script in every]
    missing = [job for job in jobs if not job[1].exists()]
    made = map_in_processes(partial(_make, make), missing, workers=workers)
    for done, _ in enumerate(made, start=len(jobs) - len(missing) + 1):
        if on_progress:
            on_progress(done, len(jobs))


def _make(make: Callable[[_Script, Path], None], job: tuple[_Script, Path]) -> None:
    make(*job)


def has_look_alike(seed: tuple[int, ...], config: BenchmarkConfig) -> bool:
    """Whether a video with a seed is one of those in which a class like the target must happen.

    Drawn by itself: a benchmark without look-alikes stays as it is.
    """
    return bool(np.random.default_rng((*seed, 6)).random() < config.look_alikes)


def annotation_file(
    version: str, paths: Iterable[Sequence[str]], scripts: Scripts[_Script], size: tuple[int, int]
) -> dict[str, Any]:
    """Annotations in ActivityNet's layout, with the taxonomy.

    Args:
        version: What made the videos.
        paths: For each class the names from the root to it, both included.
        scripts: The videos.
        size: Their width and height in pixels.
    """
    # A class may be called like a group beside it, and is a node of its own all the same.
    ids: dict[tuple[tuple[str, ...], bool], int] = {}
    nodes = []
    for path in paths:
        for depth, name in enumerate(path):
            place = tuple(path[: depth + 1]), depth == len(path) - 1
            if place in ids:
                continue
            ids[place] = len(nodes)
            nodes.append(
                {
                    "nodeName": name,
                    "nodeId": ids[place],
                    "parentName": path[depth - 1] if depth else None,
                    "parentId": ids.get((place[0][:-1], False)),
                }
            )
    database = {
        script.video_id: {
            "duration": script.duration_seconds,
            "subset": split,
            "resolution": f"{size[0]}x{size[1]}",
            "annotations": [
                {
                    "segment": [activity.segment.start_seconds, activity.segment.end_seconds],
                    "label": activity.label,
                }
                for activity in script.activities
            ],
        }
        for split, group in scripts.items()
        for script in group
    }
    return {"version": version, "taxonomy": nodes, "database": database}


def write_benchmark(
    folder: Path,
    samples: Sequence[Sample],
    annotations: Mapping[str, Any],
    similar: Mapping[str, set[str]],
    config: BenchmarkConfig,
    *,
    source: str,
    settings: dict[str, Any],
) -> Manifest:
    """Writes what stands beside the videos, the manifest last; freezes what asks in vain.

    ``similar`` has the classes that are similar to each, ``source`` and ``settings`` go to the
    header, ``annotations`` are an `annotation_file`.
    """
    write_text_atomic(folder / "annotations.json", json.dumps(annotations) + "\n")
    inside = {
        video_id: {activity["label"] for activity in video["annotations"]}
        for video_id, video in annotations["database"].items()
    }
    frozen = freeze_absent(
        folder, samples, inside, similar, seed=config.seed, number=config.absent_queries
    )
    return write_manifest(
        folder, samples, source=source, seed=config.seed, settings=settings | frozen
    )
