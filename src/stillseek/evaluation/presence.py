"""How well presence says that an activity is not there, from predictions alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stillseek.data.absence import Absence
from stillseek.data.sample import Sample
from stillseek.errors import DatasetError
from stillseek.evaluation.fit_calibration import (
    ReliabilityBin,
    auroc,
    calibration_error,
    reliability,
)
from stillseek.evaluation.overlap import overlap_seconds, segment_bounds
from stillseek.evaluation.predictions import Prediction, Predictions
from stillseek.evaluation.score_tables import interval, resamples
from stillseek.files import MADE_BY, replacing


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceRow:
    """Presence on questions about one kind of absence, beside Simple questions.

    Attributes:
        kind: Why the activity is not in the video; ``all`` is all three kinds.
        num_questions: How many questions.
        auroc: Chance that a Simple question gets more presence than one of these.
        auroc_interval: Ends of its 95% bootstrap interval over source videos; None without it.
        rejected: Share of them whose presence is below the threshold.
    """

    kind: str
    num_questions: int
    auroc: float | None
    auroc_interval: tuple[float, float] | None
    rejected: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceReport:
    """What presence and scores are worth.

    Attributes:
        threshold: Presence from which an activity is said to be there.
        num_present: Simple questions.
        accepted: Share of the Simple questions whose presence reaches the threshold.
        accepted_difficult: The same of Difficult questions; None where there are none.
        absences: One row a kind of absence, and ``all``.
        presence_error: Expected calibration error of presence, over Simple and absent questions.
        score_error: That of the score, where a moment is right when more than half of it is the
            activity.
        presence_bins: Reliability of presence.
        score_bins: Reliability of the score.
    """

    threshold: float
    num_present: int
    accepted: float
    accepted_difficult: float | None
    absences: tuple[AbsenceRow, ...]
    presence_error: float
    score_error: float
    presence_bins: tuple[ReliabilityBin, ...]
    score_bins: tuple[ReliabilityBin, ...]


def report_presence(
    samples: Sequence[Sample],
    answers: Predictions,
    absent: Mapping[Absence, Predictions],
    *,
    sources: Mapping[str, str],
    threshold: float,
) -> PresenceReport:
    """Scores presence.

    Args:
        samples: Questions whose activity is in the video.
        answers: Answers to them, with presence.
        absent: Answers to questions whose activity is not, by kind.
        sources: Source videos of these, by sample id.
        threshold: Presence from which an activity is said to be there.

    Raises:
        DatasetError: A sample has no answer, or an answer no presence.
    """
    rows = {row.sample_id: row for row in answers.rows}
    present = {
        kind: np.array([_presence(rows[s.sample_id]) for s in samples if s.query_kind == kind])
        for kind in ("simple", "difficult")
    }
    missing = {kind: np.array([_presence(r) for r in run.rows]) for kind, run in absent.items()}
    every = np.concatenate([np.zeros(0), *missing.values()])
    searched = {kind: [sources[r.sample_id] for r in run.rows] for kind, run in absent.items()}
    searched["all"] = [video for videos in searched.values() for video in videos]
    simple = [sample for sample in samples if sample.query_kind == "simple"]
    videos = [sample.source_video_id for sample in simple]
    bounds, target = answers.bounds_for(simple), segment_bounds(simple)
    lengths = np.maximum(bounds[:, 1] - bounds[:, 0], 1e-9)
    right = overlap_seconds(bounds, target) > lengths / 2
    scores = np.array([rows[sample.sample_id].score for sample in simple])
    missing_scores = np.array([row.score for run in absent.values() for row in run.rows])
    presence_bins = _bins(present["simple"], every, np.ones(len(simple), dtype=bool))
    score_bins = _bins(scores, missing_scores, right)
    return PresenceReport(
        threshold=threshold,
        num_present=len(simple),
        accepted=float((present["simple"] >= threshold).mean()),
        accepted_difficult=(
            float((present["difficult"] >= threshold).mean()) if len(present["difficult"]) else None
        ),
        absences=tuple(
            AbsenceRow(
                kind=kind,
                num_questions=len(values),
                auroc=auroc(present["simple"], values),
                auroc_interval=_auroc_interval(present["simple"], videos, values, searched[kind]),
                rejected=float((values < threshold).mean()),
            )
            for kind, values in {**missing, "all": every}.items()
            if len(values)
        ),
        presence_error=calibration_error(presence_bins),
        score_error=calibration_error(score_bins),
        presence_bins=presence_bins,
        score_bins=score_bins,
    )


def presence_table(reports: Mapping[str, PresenceReport]) -> str:
    """The reports as a Markdown table in percent, a block of rows a model."""
    lines = [
        "| model | questions | number | AUROC | said to be there | calibration error |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for model, report in reports.items():
        error = f"{report.presence_error:.3f} (score {report.score_error:.3f})"
        lines.append(
            f"| {model} | Simple | {report.num_present} | | {100 * report.accepted:.1f} | {error} |"
        )
        if report.accepted_difficult is not None:
            share = f"{100 * report.accepted_difficult:.1f}"
            lines.append(f"| {model} | Difficult | | | {share} | |")
        for row in report.absences:
            area = "" if row.auroc is None else f"{row.auroc:.3f}"
            if row.auroc_interval is not None:
                area += " [{:.3f}, {:.3f}]".format(*row.auroc_interval)
            share = f"{100 * (1 - row.rejected):.1f}"
            lines.append(
                f"| {model} | absent: {row.kind} | {row.num_questions} | {area} | {share} | |"
            )
    return "\n".join(lines) + "\n"


def draw_reliability(report: PresenceReport, path: Path) -> None:
    """Reliability diagrams of presence and score: how often answers of each tenth are right."""
    # It takes a second to import.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), layout="constrained")
    panels = (
        ("presence", report.presence_bins, report.presence_error),
        ("score of the best moment", report.score_bins, report.score_error),
    )
    for axes, (name, bins, error) in zip(figure.subplots(1, 2), panels, strict=True):
        axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
        known = [b for b in bins if b.mean_probability is not None and b.share_right is not None]
        most = max((b.count for b in known), default=1)
        for each in known:
            axes.plot(
                each.mean_probability,
                each.share_right,
                "o",
                color="tab:blue",
                markersize=4 + 10 * (each.count / most) ** 0.5,
            )
            axes.annotate(
                str(each.count),
                (each.mean_probability or 0.0, each.share_right or 0.0),
                xytext=(6, -10),
                textcoords="offset points",
                fontsize=8,
            )
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel=name, ylabel="share that is right")
        axes.set_title(f"calibration error {error:.3f}")
        axes.set_aspect("equal")
    with replacing(path) as place:
        figure.savefig(place, dpi=120, metadata={"Software": MADE_BY})


def _auroc_interval(
    present: np.ndarray, videos: Sequence[str], absent: np.ndarray, searched: Sequence[str]
) -> tuple[float, float] | None:
    """Of `auroc`, over draws of source videos; None where it is."""
    if not len(present) or not len(absent):
        return None
    names, members = np.unique(np.array([*videos, *searched]), return_inverse=True)
    mine, theirs = members[: len(present)], members[len(present) :]
    # By pairs of videos: in how many pairs of questions the present one is ahead.
    ahead = (present[:, None] > absent) + 0.5 * (present[:, None] == absent)
    pairs = np.zeros((len(names), len(names)))
    np.add.at(pairs, (mine[:, None], theirs), ahead)
    draws = resamples(len(names), seed=0).astype(np.float64)
    asked, missed = (draws @ np.bincount(each, minlength=len(names)) for each in (mine, theirs))
    both = asked * missed > 0
    areas = ((draws @ pairs) * draws).sum(axis=1)[both] / (asked * missed)[both]
    low, high = interval(areas)
    return float(low), float(high)


def _presence(row: Prediction) -> float:
    if row.presence is None:
        raise DatasetError(
            f"the answer to {row.sample_id!r} has no presence; give those of a calibrated head"
        )
    return row.presence


def _bins(present: np.ndarray, absent: np.ndarray, right: np.ndarray) -> tuple[ReliabilityBin, ...]:
    labels = np.concatenate([right, np.zeros(len(absent), dtype=bool)])
    return reliability(np.concatenate([present, absent]), labels)
