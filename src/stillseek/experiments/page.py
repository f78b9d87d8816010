"""The report: one HTML page, the same as Markdown and JSON, and the figures as PNG."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from stillseek.data.manifest import Manifest
from stillseek.evaluation.overlap import THRESHOLDS
from stillseek.evaluation.score_tables import Estimate
from stillseek.experiments.ask_heads import answers_of_run, read_answers, splits_of
from stillseek.experiments.claims import Claim, claims_of, in_points
from stillseek.experiments.examples import draw_example, read_attention
from stillseek.experiments.figures import draw_layers, draw_methods, label_of
from stillseek.experiments.methods import PROFILES, SAIL, RunName, Settings, trainings_of
from stillseek.experiments.places import FIGURES_FOLDER
from stillseek.experiments.tables import Row, SplitAnswers, Table, tables_of
from stillseek.experiments.trainings import TrainingRecord, read_records
from stillseek.files import MADE_BY
from stillseek.media.picture_files import save_figure
from stillseek.records import write_text_atomic

_DPI = 120
_TRAINING_HEADER = ("method", "seed", "weights", "epochs", "kept", "validation mIoU")
_NOTES = (
    "In percent; in brackets 95% intervals from a bootstrap over source videos, seeds averaged "
    "first.",
    "Against: difference in mIoU on the same samples, in points, paired.",
    "Swap: of two pictures that ask one video for two activities, the share whose answer overlaps "
    "their own segment longer than the other's, on all pairs of the split.",
    "Shuffled: the same head asked with pictures of other classes. Query-blind: trained and asked "
    "without a picture. As printed: start and end chosen apart, as the paper prints it.",
    "The epoch of every head was chosen on validation; test was asked when all were trained.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that a report shows.

    Attributes:
        facts: What was compared on what, for people.
        tables: The tables.
        claims: What the paper says of them.
        trainings: How each head was trained.
        figures: Captions by name of the file, without suffix.
    """

    facts: Mapping[str, str]
    tables: tuple[Table, ...]
    claims: tuple[Claim, ...]
    trainings: tuple[TrainingRecord, ...]
    figures: Mapping[str, str]


def write_reports(out: Path, manifest: Manifest, settings: Settings) -> Report:
    """Makes report and figures from what is in the folder: predictions, and records.

    Args:
        out: Folder of the experiment.
        manifest: The data set; its videos are read for the examples, and those whose video or
            picture is not here are left out.
        settings: What is shown.

    Raises:
        DatasetError: A file is broken.
        MediaError: A video of an example cannot be read.
    """
    runs, seeds, profile = settings.runs, settings.seeds, PROFILES[settings.profile]
    tables: list[Table] = []
    claims: list[Claim] = []
    for split in splits_of(manifest):
        answers = SplitAnswers.of(manifest, split, read_answers(out, split))
        of_split = list(tables_of(answers, runs, seeds, profile))
        tables += of_split
        if split == "test":
            claims += claims_of(answers, of_split, seeds if "methods" in runs else ())
    figures, num_away = _draw(out, manifest, tables, runs)
    away = {"examples left out": f"{num_away}, whose videos are not here"} if num_away else {}
    report = Report(
        facts={
            "data set": manifest.header.source,
            "samples": manifest.header.samples_sha256[:16],
            "settings": manifest.header.settings_sha256[:16],
            "recipe": settings.recipe,
            "profile": settings.profile,
            "seeds": ", ".join(map(str, seeds)),
            **away,
        },
        tables=tuple(tables),
        claims=tuple(claims),
        trainings=read_records(out, trainings_of(runs, seeds, profile)),
        figures=figures,
    )
    write_text_atomic(out / "report.json", json.dumps(asdict(report), indent=2) + "\n")
    write_text_atomic(out / "report.md", markdown_of(report))
    write_text_atomic(out / "report.html", _html_of(report, out))
    return report


def markdown_of(report: Report) -> str:
    """The report as Markdown."""
    lines = ["# Experiment", ""]
    lines += [f"- {name}: {value}" for name, value in report.facts.items()]
    if report.claims:
        lines += ["", "## What the paper says", "", "| claim | here | |", "|---|---|---|"]
        lines += [f"| {c.says} | {c.here} | {c.verdict} |" for c in report.claims]
    for table in report.tables:
        lines += ["", f"## {table.title}", "", *markdown_table_of(table)]
    for name, caption in report.figures.items():
        lines += ["", f"![{caption}]({FIGURES_FOLDER}/{name}.png)", "", caption]
    lines += ["", "## Trainings", "", *markdown_trainings_of(report.trainings)]
    return "\n".join([*lines, "", *_NOTES]) + "\n"


def markdown_table_of(table: Table) -> list[str]:
    """The lines of a table."""
    header = _header_of(table)
    lines = [f"| {' | '.join(header)} |", "|---" * 2 + "|---:" * (len(header) - 2) + "|"]
    for row in table.rows:
        whose = "" if row.kind == "paper" else row.kind
        lines.append(
            f"| {label_of(row)} | {whose} | {row.num_seeds} | {' | '.join(_cells(table, row))} |"
        )
    return lines


def markdown_trainings_of(trainings: Sequence[TrainingRecord]) -> list[str]:
    """The lines of a table of trainings."""
    return [
        f"| {' | '.join(_TRAINING_HEADER)} |",
        "|---|---:|---:|---:|---:|---:|",
        *(f"| {' | '.join(_training_cells(record))} |" for record in trainings),
    ]


def percent(estimate: Estimate | None) -> str:
    """A share with its interval, in percent; nothing where there is none."""
    if estimate is None:
        return ""
    value, low, high = (f"{100 * x:.1f}" for x in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}, {high}]"


def _header_of(table: Table) -> list[str]:
    metrics = ["mIoU", *(f"IoU@{threshold:g}" for threshold in THRESHOLDS)]
    return ["method", "", "seeds", *metrics, "swap", *(f"against {n}" for n in table.references)]


def _cells(table: Table, row: Row) -> list[str]:
    """The numbers of a row, each with its interval behind it."""
    shares = [row.miou, *(row.iou_above[threshold] for threshold in THRESHOLDS), row.swap]
    against = (row.against.get(name) for name in table.references)
    return [*map(percent, shares), *("" if e is None else in_points(e) for e in against)]


def _training_cells(record: TrainingRecord) -> list[str]:
    return [
        record.name,
        str(record.seed),
        f"{record.num_weights / 1e6:.2f} M",
        f"{record.num_epochs} of {record.max_epochs}",
        str(record.best_epoch),
        f"{100 * record.best_validation_miou:.1f}",
    ]


def _draw(
    out: Path, manifest: Manifest, tables: Sequence[Table], runs: Sequence[RunName]
) -> tuple[dict[str, str], int]:
    """Draws all figures: their captions by name, and how many examples have no files here."""
    figures: dict[str, tuple[str, Figure]] = {}
    num_away = 0
    for table in tables:
        if table.run == "layers":
            figures[table.name] = table.title, draw_layers(table)
        elif table.queries != "simple":
            figures[table.name] = table.title, draw_methods(table)
    if "examples" in runs:
        samples = {sample.sample_id: sample for sample in manifest.of_split("test")}
        for number, attention in enumerate(read_attention(out), start=1):
            sample = samples[attention.sample_id]
            caption = (
                f"Figure 5, example {number}: {sample.label}, {sample.query_kind} query. On the "
                "picture what SAIL looks at, below the video what its start and end are taken from."
            )
            answers = answers_of_run(out, SAIL.name, attention.seed)
            if answers is None:
                continue
            paths = (manifest.video_path(sample.video_id), manifest.query_path(sample))
            if not all(path.is_file() for path in paths):
                num_away += 1
                continue
            figure = draw_example(manifest, sample, answers, attention)
            figures[f"example_{number}"] = caption, figure
    for name, (_, figure) in figures.items():
        save_figure(figure, out / FIGURES_FOLDER / f"{name}.png", dpi=_DPI)
    return {name: caption for name, (caption, _) in figures.items()}, num_away


def _html_of(report: Report, out: Path) -> str:
    environment = Environment(
        loader=PackageLoader("stillseek.experiments"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def cells(table: Table, row: Row) -> list[tuple[str, str]]:
        """Value and interval."""
        parts = (cell.partition(" ") for cell in _cells(table, row))
        return [(value, interval) for value, _, interval in parts]

    def picture(name: str) -> str:
        data = (out / FIGURES_FOLDER / f"{name}.png").read_bytes()
        return f"data:image/png;base64,{base64.b64encode(data).decode()}"

    return environment.get_template("experiment.html").render(
        report=report,
        header_of=_header_of,
        label_of=label_of,
        cells=cells,
        picture=picture,
        training_header=_TRAINING_HEADER,
        training_cells=_training_cells,
        notes=_NOTES,
        made_by=MADE_BY,
    )
