"""ActivityIBAL: image-based activity localization from ActivityNet's annotations (section 5)."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np

from stillseek.data.activitynet import ActivityNet
from stillseek.data.annotations import AnnotatedVideo
from stillseek.data.label_split import LabelRole, LabelSplit
from stillseek.data.query_frames import FrameChoice, middle_of
from stillseek.data.sample import QueryKind, Sample
from stillseek.data.taxonomy import Taxonomy
from stillseek.data.windows import Window, WindowFilter, split_video, split_videos
from stillseek.errors import DatasetError, UsageError

SOURCE = "ActivityNet"

# Seed of the class split whose counts and means come nearest to Table 1 (of 0 to 9,999, by
# benchmarks/activity_ibal.py).
CLASS_SPLIT_SEED = 5563

# The middle of anything shorter says little about an activity.
_MIN_QUERY_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityIbalConfig:
    """How questions are drawn.

    Attributes:
        seed: Which queries a window gets.
        simple_queries: Queries of the same class for every window.
        difficult_queries: Queries of a similar class for every window.
        max_taxonomy_distance: Most edges of the class tree between a Difficult query's class and
            the target's: 2 for siblings only, 4 for cousins where a class has no sibling.

    Raises:
        UsageError: A number is out of range.
    """

    seed: int = 0
    simple_queries: int = 3
    difficult_queries: int = 2
    max_taxonomy_distance: int = 4

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UsageError(f"seed must be at least 0, got {self.seed}")
        if self.simple_queries < 0 or self.difficult_queries < 0:
            raise UsageError(
                "a window has at least 0 simple and 0 difficult queries, got "
                f"{self.simple_queries} and {self.difficult_queries}"
            )
        if self.max_taxonomy_distance < 2:
            raise UsageError(
                "max_taxonomy_distance must be at least 2, the distance of siblings, got "
                f"{self.max_taxonomy_distance}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityIbal:
    """The questions, and what was counted on the way to them."""

    samples: tuple[Sample, ...]
    settings: dict[str, Any]


def build_activity_ibal(
    source: ActivityNet,
    split: LabelSplit,
    *,
    config: ActivityIbalConfig,
    keep: WindowFilter,
    choice: FrameChoice = middle_of,
    on_progress: Callable[[int, int], None] | None = None,
) -> ActivityIbal:
    """Questions about every window: 3 Simple queries and 2 Difficult ones.

    A Simple query shows the class of the target in another source video of the same split. A
    Difficult query shows the nearest other class in the tree: for training targets one of the
    training classes; for validation and test targets one of any split, but never a source video
    that training has a window of.

    Args:
        source: The annotations, with their class tree.
        split: The classes of each split.
        config: How questions are drawn.
        keep: Which windows are kept.
        choice: Which frame of an activity asks.
        on_progress: Called with the windows done and the windows in total.

    Raises:
        DatasetError: There is no class tree, and Difficult queries are asked for.
    """
    if source.taxonomy is None and config.difficult_queries:
        raise DatasetError(
            "Difficult queries need the class tree and the annotations have none; give "
            "--taxonomy FILE, or --difficult-queries 0"
        )
    windows, counts = split_videos(source.videos, keep)
    samples = ask_windows(
        windows,
        source.videos,
        split,
        source.taxonomy,
        config=config,
        choice=choice,
        on_progress=on_progress,
    )
    return ActivityIbal(
        samples=samples,
        settings={
            "annotations_sha256": source.sha256,
            "taxonomy_sha256": None if source.taxonomy is None else source.taxonomy.sha256,
            "questions": asdict(config),
            "filter": asdict(keep),
            "class_split": {role: list(labels) for role, labels in split.by_role().items()},
            "counts": {
                "videos without annotation": source.num_unlabelled,
                "activities dropped: end not after start": source.cleaning.reversed,
                "activities dropped: outside the video": source.cleaning.outside,
                "activities dropped: duplicates": source.cleaning.duplicates,
                "activities cut to the video": source.cleaning.cut,
                **counts,
                **query_counts(samples, len(windows), config),
            },
        },
    )


def ask_windows(
    windows: Sequence[Window],
    videos: Iterable[AnnotatedVideo],
    split: LabelSplit,
    taxonomy: Taxonomy | None,
    *,
    config: ActivityIbalConfig,
    choice: FrameChoice = middle_of,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[Sample, ...]:
    """Questions about windows; see `build_activity_ibal`.

    Args:
        windows: What is searched, and what asks.
        videos: Videos that may have activities outside the windows, which ask Difficult queries.
        split: The classes of each split.
        taxonomy: The class tree; None only without Difficult queries.
        config: How questions are drawn.
        choice: Which frame of an activity asks.
        on_progress: Called with the windows done and the windows in total.
    """
    queries = _Queries(videos, windows, split, taxonomy, config)
    roles = split.role_of()
    numbers: Counter[str] = Counter()
    samples: list[Sample] = []
    for index, window in enumerate(windows):
        rng = np.random.default_rng((config.seed, index))
        role = roles[window.activity.label]
        number = numbers[window.video_id]
        numbers[window.video_id] += 1
        drawn = [*queries.simple(rng, window), *queries.difficult(rng, window, role)]
        for order, (kind, distance, query) in enumerate(drawn):
            samples.append(
                Sample(
                    sample_id=f"{window.video_id}_{number}_{order}",
                    video_id=window.video_id,
                    duration_seconds=window.duration_seconds,
                    window=window.span,
                    segment=window.segment,
                    label=window.activity.label,
                    split=role,
                    query_kind=kind,
                    query_label=query.activity.label,
                    query_video_id=query.video_id,
                    query_seconds=choice(query),
                    query_image=None,
                    source_video_id=window.video_id,
                    pair_id=None,
                    taxonomy_distance=distance,
                )
            )
        if on_progress is not None:
            on_progress(index + 1, len(windows))
    return tuple(samples)


def query_counts(
    samples: Sequence[Sample], num_windows: int, config: ActivityIbalConfig
) -> dict[str, int]:
    """How many queries windows got, and how many could not be."""
    kinds = Counter(sample.query_kind for sample in samples)
    distances = Counter(s.taxonomy_distance for s in samples if s.query_kind == "difficult")
    return {
        "Simple queries": kinds["simple"],
        "Simple queries missing": num_windows * config.simple_queries - kinds["simple"],
        "Difficult queries": kinds["difficult"],
        "Difficult queries missing": num_windows * config.difficult_queries - kinds["difficult"],
        **{f"Difficult queries at distance {d}": n for d, n in sorted(distances.items())},
    }


_Drawn = tuple[QueryKind, int, Window]
_Pool = Mapping[str, Sequence[Window]]


class _Queries:
    """Where the queries of every split may come from."""

    def __init__(
        self,
        videos: Iterable[AnnotatedVideo],
        kept: Sequence[Window],
        split: LabelSplit,
        taxonomy: Taxonomy | None,
        config: ActivityIbalConfig,
    ) -> None:
        self._taxonomy, self._config = taxonomy, config
        self._kept = _by_label(kept)
        trained = split.by_role()["train"]
        used = {window.video_id for window in kept}
        spare = _by_label(
            window
            for video in videos
            if len(video.labels) == 1 and video.video_id not in used and video.labels & set(trained)
            for window in split_video(video)
            if window.activity.segment.duration_seconds >= _MIN_QUERY_SECONDS
        )
        training = {label: self._kept[label] for label in trained if label in self._kept}
        held_out = {label: found for label, found in self._kept.items() if label not in training}
        self._difficult: dict[LabelRole, _Pool] = {
            "train": training,
            "validation": held_out | spare,
            "test": held_out | spare,
        }
        self._nearest = cache(self._nearest_labels)

    def simple(self, rng: np.random.Generator, target: Window) -> list[_Drawn]:
        """Queries of the target's class, as many from different videos as there are."""
        others = [w for w in self._kept[target.activity.label] if w.video_id != target.video_id]
        drawn = _draw(rng, others, self._config.simple_queries)
        return [("simple", 0, window) for window in drawn]

    def difficult(self, rng: np.random.Generator, target: Window, role: LabelRole) -> list[_Drawn]:
        """Queries of the classes nearest to the target's."""
        distance, labels = self._nearest(role, target.activity.label)
        if not labels or distance > self._config.max_taxonomy_distance:
            return []
        pool = self._difficult[role]
        drawn: list[Window] = []
        for _ in range(self._config.difficult_queries):
            free = [[w for w in pool[name] if w not in drawn] for name in labels]
            free = [windows for windows in free if windows]
            if free:
                drawn += _draw(rng, free[rng.integers(len(free))], 1)
        return [("difficult", distance, window) for window in drawn]

    def _nearest_labels(self, role: LabelRole, label: str) -> tuple[int, tuple[str, ...]]:
        tree = self._taxonomy
        return (0, ()) if tree is None else tree.nearest(label, self._difficult[role])


def _by_label(windows: Iterable[Window]) -> dict[str, list[Window]]:
    found: defaultdict[str, list[Window]] = defaultdict(list)
    for window in windows:
        found[window.activity.label].append(window)
    return found


def _draw(rng: np.random.Generator, windows: Sequence[Window], number: int) -> list[Window]:
    """Random windows without repetition, of different videos as long as there are any."""
    order = [windows[place] for place in rng.permutation(len(windows))]
    first: dict[str, Window] = {}
    for window in order:
        first.setdefault(window.video_id, window)
    chosen = list(first.values())
    rest = [window for window in order if first[window.video_id] is not window]
    return [*chosen, *rest][:number]
