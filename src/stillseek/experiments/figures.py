"""Figures of an experiment's tables."""

from collections.abc import Callable, Mapping, Sequence

from matplotlib.figure import Figure

from stillseek.evaluation.overlap import THRESHOLDS
from stillseek.evaluation.score_tables import Estimate
from stillseek.experiments.methods import BLIND, LAYERS, Kind
from stillseek.experiments.tables import Row, Table
from stillseek.localize.panels import BLUE, FAINT, GREEN, INK, VERMILION

_COLORS: Mapping[Kind, str] = {"paper": BLUE, "ours": GREEN, "control": FAINT}
_ROW_INCHES, _EDGES_INCHES = 0.3, 1.3


def draw_methods(table: Table) -> Figure:
    """The mIoU of every method with its interval, the best on top."""
    rows = sorted(table.rows, key=lambda row: row.miou.value)
    figure = Figure(figsize=(8.5, _EDGES_INCHES + _ROW_INCHES * len(rows)), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(rows):
        color = _COLORS[row.kind]
        axes.errorbar(
            100 * row.miou.value, place, xerr=_arms([row.miou]), fmt="o", color=color, capsize=3
        )
    axes.set_yticks(range(len(rows)), [label_of(row) for row in rows])
    axes.set_xlim(0, 100)
    axes.set_xlabel("mIoU in percent, 95% intervals over source videos")
    axes.set_title(table.title, loc="left", color=INK, fontsize=11)
    for kind, color in _COLORS.items():
        axes.plot([], [], "o", color=color, label=kind)
    axes.legend(frameon=False, loc="lower right")
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0, colors=INK)
    return figure


def draw_layers(table: Table) -> Figure:
    """Figure 4: four metrics over the number of layers, beside the query-blind head."""
    rows = {n: row for n, method in LAYERS.items() if (row := table.row(method.name))}
    blind = table.row(BLIND.name)
    metrics: dict[str, Callable[[Row], Estimate]] = {"mIoU": lambda row: row.miou}
    for threshold in THRESHOLDS:
        metrics[f"IoU@{threshold:g}"] = lambda row, threshold=threshold: row.iou_above[threshold]
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    for axes, (name, metric) in zip(figure.subplots(1, 4), metrics.items(), strict=True):
        values = [metric(row) for row in rows.values()]
        shares = [100 * value.value for value in values]
        axes.errorbar(list(rows), shares, yerr=_arms(values), fmt="o-", color=BLUE, capsize=3)
        best = max(range(len(values)), key=shares.__getitem__)
        axes.plot(list(rows)[best], shares[best], "o", color=VERMILION, markersize=9, zorder=3)
        if blind is not None:
            axes.axhline(100 * metric(blind).value, color=FAINT, linestyle=(0, (4, 3)))
        axes.set_title(name, loc="left", color=INK, fontsize=11)
        axes.set_xticks(list(LAYERS))
        axes.set_xlabel("layers")
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="0.9")
        axes.set_axisbelow(True)
    figure.suptitle(
        f"{table.title}; in percent, 95% intervals; orange: the best; dashed: query-blind",
        x=0.01,
        ha="left",
        fontsize=10,
        color=FAINT,
    )
    return figure


def label_of(row: Row) -> str:
    """A method as tables call it, with its decoding where it is the paper's own."""
    return f"{row.model}, as printed" if row.decode == "independent" else row.model


def _arms(estimates: Sequence[Estimate]) -> tuple[list[float], list[float]]:
    """How far intervals reach down and up, in percent."""
    # A bootstrap's mean may lie a rounding outside of its interval.
    return (
        [max(0.0, 100 * (e.value - e.low)) for e in estimates],
        [max(0.0, 100 * (e.high - e.value)) for e in estimates],
    )
