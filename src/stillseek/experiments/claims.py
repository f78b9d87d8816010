"""What the paper says of its tables, and whether it is so here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from stillseek.evaluation.score_tables import Estimate
from stillseek.experiments.methods import ABLATIONS, BLIND, LAYERS, PAPER_LAYERS, SAIL
from stillseek.experiments.tables import SplitAnswers, Table

Verdict = Literal["holds", "does not hold", "open"]

_ORDER = ("sail", "tal+", "sst+", "flp", "random")
# SAIL against TAL+ in Table 2, and what Table 3 has less than Table 2 for SAIL.
_MARGIN, _LOSS = 1.18, 1 - 45.71 / 49.66


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claim of the paper.

    Attributes:
        says: What the paper says.
        here: What came out here.
        verdict: "open" where the interval of the difference holds 0.
    """

    says: str
    here: str
    verdict: Verdict


def claims_of(
    answers: SplitAnswers, tables: Sequence[Table], seeds: Sequence[int]
) -> Iterator[Claim]:
    """The claims that there are rows for.

    Args:
        answers: All answers about unseen classes.
        tables: Their tables.
        seeds: Seeds of the methods.
    """
    by_name = {table.name: table for table in tables}
    yield from _order(answers, seeds)
    if table := by_name.get("table2_test"):
        yield from _margins(table, by_name.get("table3_test"))
    if table := by_name.get("table4_test"):
        yield from _parts(table)
    if table := by_name.get("layers_test"):
        yield from _layers(table)


def verdict_of(difference: Estimate) -> Verdict:
    """Whether a difference is above 0, by its interval."""
    if difference.low > 0:
        return "holds"
    return "does not hold" if difference.high <= 0 else "open"


def in_points(difference: Estimate) -> str:
    """A difference with its interval, in points of mIoU."""
    ends = difference.value, difference.low, difference.high
    value, low, high = (f"{100 * end:+z.1f}" for end in ends)
    return f"{value} [{low}, {high}]"


def _is_better(says: str, gain: Estimate) -> Claim:
    return Claim(says=says, here=f"{in_points(gain)} points of mIoU", verdict=verdict_of(gain))


def _order(answers: SplitAnswers, seeds: Sequence[int]) -> Iterator[Claim]:
    for better, worse in pairwise(_ORDER):
        other = (worse, "uniform" if worse == "random" else "joint")
        if found := answers.difference((better, "joint"), other, "all", seeds):
            yield _is_better(f"{better} is better than {worse} (Table 2)", found)


def _margins(table: Table, difficult: Table | None) -> Iterator[Claim]:
    sail, tal = table.row(SAIL.name), table.row("tal+")
    if sail and tal and tal.miou.value:
        ratio = sail.miou.value / tal.miou.value
        yield Claim(
            says=f"sail has {_MARGIN} times the mIoU of tal+ (Table 2)",
            here=f"{ratio:.2f} times",
            verdict="holds" if ratio >= _MARGIN else "does not hold",
        )
    hard = difficult and difficult.row(SAIL.name)
    if sail and hard and sail.miou.value:
        loss = 1 - hard.miou.value / sail.miou.value
        yield Claim(
            says=f"Difficult queries cost sail {_LOSS:.0%} of its mIoU, not more (Table 3)",
            here=f"{loss:.1%}",
            verdict="holds" if loss <= _LOSS else "does not hold",
        )


def _parts(table: Table) -> Iterator[Claim]:
    for method in ABLATIONS:
        row = table.row(method.name)
        if row is None or method in (SAIL, BLIND) or SAIL.name not in row.against:
            continue
        less = row.against[SAIL.name]
        gain = Estimate(-less.value, -less.high, -less.low)
        yield _is_better(f"sail is better than {method.name} (Table 4)", gain)


def _layers(table: Table) -> Iterator[Claim]:
    rows = {n: row for n, method in LAYERS.items() if (row := table.row(method.name))}
    if PAPER_LAYERS not in rows or len(rows) == 1:
        return
    best = max(rows, key=lambda layers: rows[layers].miou.value)
    against = rows[best].against.get(SAIL.name)
    ahead = "" if against is None else f", {in_points(against)} points ahead of {PAPER_LAYERS}"
    verdict: Verdict = "does not hold" if against is not None and against.low > 0 else "open"
    yield Claim(
        says=f"{PAPER_LAYERS} layers are best (Figure 4)",
        here=f"{best} of {min(rows)} to {max(rows)}{ahead}",
        verdict="holds" if best == PAPER_LAYERS else verdict,
    )
