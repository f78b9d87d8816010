"""What a dataset consists of: Table 1, and the distributions behind its means."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from stillseek.data.absence import read_absent
from stillseek.data.manifest import Manifest
from stillseek.data.sample import Sample
from stillseek.files import FIGURE_SUFFIXES
from stillseek.media.lettering import lettering
from stillseek.media.picture_files import save_figure
from stillseek.outputs import Output, check_outputs

# Okabe and Ito's palette: told apart by colour-blind readers too.
_COLOURS = {"train": "#0072B2", "seen": "#56B4E9", "validation": "#E69F00", "test": "#009E73"}
_INK = "#222222"
_BINS = 30


@dataclass(frozen=True, slots=True)
class SplitStatistics:
    """A row of Table 1.

    Attributes:
        split: Name of the split, or ``all``.
        num_samples: Questions.
        num_classes: Classes of the targets.
        video_seconds: Mean length of the untrimmed videos, or of their windows; None of nothing.
        target_seconds: Mean length of the targets; None of nothing.
    """

    split: str
    num_samples: int
    num_classes: int
    video_seconds: float | None
    target_seconds: float | None


# Table 1, as printed.
PAPER_TABLE = {
    row.split: row
    for row in (
        SplitStatistics("train", 30_677, 160, 63.17, 22.37),
        SplitStatistics("validation", 2_995, 20, 73.38, 25.21),
        SplitStatistics("test", 3_013, 20, 61.20, 21.61),
        SplitStatistics("all", 36_685, 200, 63.84, 22.54),
    )
}


def split_statistics(samples: Sequence[Sample]) -> tuple[SplitStatistics, ...]:
    """The rows of Table 1: one a split, in the order of the samples, and one of all."""
    parts = {split: [s for s in samples if s.split == split] for split in _splits(samples)}
    return tuple(_row(split, part) for split, part in {**parts, "all": list(samples)}.items())


def statistics(manifest: Manifest) -> dict[str, Any]:
    """Everything that is counted, as JSON values: Table 1, queries, what the builder left out."""
    kinds: Counter[str] = Counter()
    distances: Counter[int] = Counter()
    seen = {sample.label for sample in manifest.samples if sample.split == "train"}
    for sample in manifest.samples:
        kinds[f"{sample.split} {sample.query_kind}"] += 1
        if sample.query_kind == "difficult":
            distances[sample.taxonomy_distance] += 1
            if sample.split != "train":
                sibling = "a seen" if sample.query_label in seen else "an unseen"
                kinds[f"{sample.split} difficult, of {sibling} class"] += 1
    return {
        "source": manifest.header.source,
        "seed": manifest.header.seed,
        "settings_sha256": manifest.header.settings_sha256,
        "table": [asdict(row) for row in split_statistics(manifest.samples)],
        "videos": len({sample.source_video_id for sample in manifest.samples}),
        "windows": len(_targets(manifest.samples)),
        "queries": dict(sorted(kinds.items())),
        "difficult_queries_by_distance": dict(sorted(distances.items())),
        "absent_questions": _absent_questions(manifest),
        "counts": manifest.header.settings.get("counts", {}),
    }


def _absent_questions(manifest: Manifest) -> dict[str, int]:
    """Frozen questions about what is not in a video, by split and kind."""
    splits = {sample.sample_id: sample.split for sample in manifest.samples}
    frozen = read_absent(manifest) or ()
    return dict(sorted(Counter(f"{splits[q.searched]} {q.kind}" for q in frozen).items()))


def draw_histograms(
    samples: Sequence[Sample], path: Path, *, title: str, overwrite: bool = False
) -> None:
    """A figure of the lengths of videos and targets, the share that targets fill, and the places.

    Args:
        samples: The questions; a target that is asked for several times counts once.
        path: Image file; its suffix chooses the format.
        title: What stands above.
        overwrite: Whether a file that stillseek did not write may be replaced.

    Raises:
        UsageError: The suffix is not one of `FIGURE_SUFFIXES`, or the file exists and may not be
            replaced.
    """
    output = Output(name="figure", path=path, suffixes=FIGURE_SUFFIXES)
    check_outputs([output], inputs=(), overwrite=overwrite)
    targets = _targets(samples)
    lengths = {
        split: np.array(
            [
                (
                    s.duration_seconds,
                    s.segment.duration_seconds,
                    s.segment.duration_seconds / s.duration_seconds,
                    (s.segment.start_seconds + s.segment.end_seconds) / 2 / s.duration_seconds,
                )
                for s in targets
                if s.split == split
            ]
        )
        for split in _splits(samples)
    }
    figure = Figure(figsize=(11, 6.4), layout="constrained")
    drawn, families = lettering(title)
    figure.suptitle(drawn, color=_INK, fontfamily=families, parse_math=False)
    labels = (
        "length of the video in seconds",
        "length of the target in seconds",
        "share of the video that the target fills",
        "middle of the target as share of the video",
    )
    for column, (axes, label) in enumerate(zip(figure.subplots(2, 2).flat, labels, strict=True)):
        top = 1.0 if column >= 2 else max(float(part[:, column].max()) for part in lengths.values())
        bins = np.linspace(0, top, _BINS + 1)
        for split, part in lengths.items():
            axes.hist(
                part[:, column],
                bins=bins.tolist(),
                weights=np.full(len(part), 1 / len(part)),
                histtype="step",
                linewidth=1.6,
                color=_COLOURS[split],
                label=f"{split} ({len(part)} targets, mean {part[:, column].mean():.3g})",
            )
        axes.set(xlabel=label, xlim=(0, top))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylim(0, 1.35 * axes.get_ylim()[1])  # room for the legend
        axes.legend(frameon=False, fontsize=8, loc="upper right")
    save_figure(figure, path, dpi=150)


def _targets(samples: Sequence[Sample]) -> list[Sample]:
    """A sample of every target: what happens at the same time may be several activities."""
    return list({(s.video_id, s.window, s.segment, s.label): s for s in samples}.values())


def _splits(samples: Sequence[Sample]) -> list[str]:
    return list(dict.fromkeys(sorted((s.split for s in samples), key=list(_COLOURS).index)))


def _row(split: str, samples: Sequence[Sample]) -> SplitStatistics:
    return SplitStatistics(
        split=split,
        num_samples=len(samples),
        num_classes=len({sample.label for sample in samples}),
        video_seconds=_mean([sample.duration_seconds for sample in samples]),
        target_seconds=_mean([sample.segment.duration_seconds for sample in samples]),
    )


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
