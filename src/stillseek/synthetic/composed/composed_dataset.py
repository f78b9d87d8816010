"""A data set of composed streams: videos made of labelled photographs, annotations, questions."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from stillseek.data.manifest import Manifest
from stillseek.data.processes import check_workers
from stillseek.data.sample import Split
from stillseek.errors import UsageError
from stillseek.files import replacing
from stillseek.media import VideoWriter
from stillseek.outputs import check_outputs
from stillseek.synthetic.benchmark import (
    BenchmarkConfig,
    annotation_file,
    benchmark_output,
    claim_folder,
    has_look_alike,
    make_videos,
    write_benchmark,
)
from stillseek.synthetic.composed.camera import draw_look, film
from stillseek.synthetic.composed.classes import Classes, read_classes
from stillseek.synthetic.composed.photographs import PhotographFolder
from stillseek.synthetic.composed.pools import Pools, divide
from stillseek.synthetic.composed.questions import Questions, used
from stillseek.synthetic.composed.script import Script, draw_script

# In these videos similar classes may follow each other. The others can have Difficult queries.
_SIMILAR_NEIGHBOURS_SHARE = 0.3
_MIN_SIDE, _MAX_SIDE = 64, 4096
_SOURCE = "composed streams"
# Counts every change that makes other videos of the same settings, so that none are mixed.
_VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedConfig(BenchmarkConfig):
    """Settings of composed streams; see `BenchmarkConfig` for the others.

    Attributes:
        width: Width of the videos in pixels, even; photographs fill the frame, cropped.
        height: Height of the videos in pixels, even.
        frames_per_second: Frame rate of the videos.
        query_share: Share of the photographs of a class that ask and are in no video.
        held_out_share: Share of the photographs of seen classes that training never sees.

    Raises:
        UsageError: A number is out of range.
    """

    width: int = 320
    height: int = 240
    frames_per_second: int = 10
    query_share: float = 0.35
    held_out_share: float = 0.25

    def __post_init__(self) -> None:
        """Refuses videos that cannot be composed."""
        BenchmarkConfig.__post_init__(self)
        for name, number in (("width", self.width), ("height", self.height)):
            if not _MIN_SIDE <= number <= _MAX_SIDE:
                raise UsageError(
                    f"{name} must be from {_MIN_SIDE} to {_MAX_SIDE} pixels, got {number}"
                )
            if number % 2:
                raise UsageError(f"{name} must be even, as video files need it, got {number}")
        if not 1 <= self.frames_per_second <= 120:
            raise UsageError(
                f"frames_per_second must be from 1 to 120, got {self.frames_per_second}"
            )
        for name in ("query_share", "held_out_share"):
            if not 0 < (share := getattr(self, name)) < 1:
                raise UsageError(f"{name} must be between 0 and 1, got {share}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedStreams:
    """A data set of composed streams, and what could not be asked.

    Attributes:
        manifest: The data set.
        missing_simple: Simple queries of each split that could not be: the class has too few
            photographs that ask.
        missing_difficult: Difficult queries of each split that could not be: no class of the
            split's queries is similar, a similar one happens in the video, too, or there are too
            few photographs that ask.
        knows_similar: Whether it was known which classes are similar.
    """

    manifest: Manifest
    missing_simple: dict[str, int]
    missing_difficult: dict[str, int]
    knows_similar: bool


def compose_dataset(
    photographs: PhotographFolder,
    folder: Path,
    config: ComposedConfig,
    *,
    class_split: Path | None = None,
    taxonomy: Path | None = None,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> ComposedStreams:
    """Composes the data set; videos that are already there are kept, so it resumes.

    Args:
        photographs: What is shown and what asks.
        folder: Gets ``videos/``, ``queries/`` (copies of photographs), ``annotations.json``,
            ``samples.jsonl``, ``manifest.json`` and ``file_hashes.jsonl``.
        config: Settings.
        class_split: File with the split of the classes; see `read_classes`.
        taxonomy: File of similar classes, where not in the class split.
        workers: Processes; None takes one a core.
        on_progress: Called with the videos done and the videos in all.

    Raises:
        DatasetError: A file does not fit the photographs, or a class has too few of them.
        UsageError: A split has too few classes, the folder holds another data set, or ``workers``
            is below 1.
    """
    check_workers(workers)
    check_outputs([benchmark_output(folder)], inputs=[photographs.path, class_split, taxonomy])
    labels = photographs.by_label
    classes = read_classes(labels, class_split=class_split, taxonomy=taxonomy, seed=config.seed)
    _check_classes(classes, config)
    pools = divide(
        photographs,
        classes.split,
        query_share=config.query_share,
        held_out_share=config.held_out_share,
        seed=config.seed,
    )
    scripts = draw_scripts(config, classes, pools)
    settings = _settings(config, photographs, classes)
    claim_folder(folder, settings, source=_SOURCE)
    size = config.width, config.height
    make = partial(write_video, folder=photographs.path, size=size)
    make_videos(folder, scripts, make, workers=workers, on_progress=on_progress)
    questions = Questions(
        classes,
        pools,
        simple_queries=config.simple_queries,
        difficult_queries=config.difficult_queries,
    )
    samples = [
        sample
        for split, group in scripts.items()
        for script in group
        for sample in questions.of_script(script, split)
    ]
    for image, name in used(samples).items():
        _copy(photographs.path / name, folder / image)
    simple, difficult = (
        {split: number for split, number in missing.items() if number}
        for missing in (questions.missing_simple, questions.missing_difficult)
    )
    found = {
        "photographs": len(photographs.photographs),
        "unreadable_images": len(photographs.unreadable),
        "unlabelled_images": len(photographs.unlabelled),
        "near_duplicates_across_classes": photographs.num_shared,
        "missing_simple_queries": simple,
        "missing_difficult_queries": difficult,
    }
    version = f"stillseek {_SOURCE} {_VERSION}"
    manifest = write_benchmark(
        folder,
        samples,
        annotation_file(version, classes.paths(), scripts, size),
        {label: set(classes.siblings(label)) for label in labels},
        config,
        source=_SOURCE,
        settings=settings | found,
    )
    return ComposedStreams(
        manifest=manifest,
        missing_simple=simple,
        missing_difficult=difficult,
        knows_similar=classes.taxonomy is not None,
    )


def draw_scripts(
    config: ComposedConfig, classes: Classes, pools: Pools
) -> dict[Split, list[Script]]:
    """The scripts of all videos; each class of a split is a target about equally often."""
    scripts: dict[Split, list[Script]] = {}
    for code, (split, number) in enumerate(config.videos().items()):
        labels = classes.of_split(split)
        rng = np.random.default_rng((config.seed, 2, code))

        def shown(label: str, split: Split = split) -> Sequence[str]:
            return [photo.name for photo in pools.of(split, label, "video")]

        scripts[split] = []
        for index in range(number):
            target = labels[index % len(labels)]
            others = [label for label in labels if label != target]
            siblings = classes.siblings(target)
            seed = (config.seed, 3 + code, index)
            is_alike = has_look_alike(seed, config)
            alike = [label for label in others if label in siblings and is_alike]
            if rng.random() >= _SIMILAR_NEIGHBOURS_SHARE:
                others = [label for label in others if label not in siblings] or others
            scripts[split].append(
                draw_script(
                    f"{split}_{index:04d}",
                    seed,
                    target,
                    others,
                    shown,
                    frames_per_second=config.frames_per_second,
                    two_targets=bool(rng.random() < config.two_targets_share),
                    look_alikes=alike,
                )
            )
    return scripts


def write_video(script: Script, path: Path, *, folder: Path, size: tuple[int, int]) -> None:
    """Films one video to an MP4 file.

    Args:
        script: What is shown when.
        path: The file.
        folder: Folder of the photographs.
        size: Width and height in pixels.
    """
    look = draw_look(np.random.default_rng((*script.seed, 2)))
    with VideoWriter(
        path, frame_rate=Fraction(script.frames_per_second), crf=look.crf, preset="veryfast"
    ) as writer:
        for frame in film(script, folder, size, look):
            writer.write(frame)


def _settings(
    config: ComposedConfig, photographs: PhotographFolder, classes: Classes
) -> dict[str, Any]:
    return config.settings() | {
        "version": _VERSION,
        "photographs_sha256": photographs.sha256,
        "classes": {role: list(found) for role, found in classes.split.by_role().items()},
        "taxonomy_sha256": None if classes.taxonomy is None else classes.taxonomy.sha256,
    }


def _check_classes(classes: Classes, config: ComposedConfig) -> None:
    for split, number in config.videos().items():
        labels = classes.of_split(split)
        if number and len(labels) < 2:
            raise UsageError(
                f"{split} videos need at least two classes, what is asked for and something else, "
                f"but there are {len(labels)}; add classes, give --class-split FILE, or "
                f"--{split}-videos 0"
            )


def _copy(source: Path, path: Path) -> None:
    """Copies a file in one step; what is there is kept."""
    if path.exists():
        return
    with replacing(path) as temporary:
        shutil.copyfile(source, temporary)
