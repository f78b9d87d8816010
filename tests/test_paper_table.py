"""The table of docs/paper.md names files, symbols and tests that exist."""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SECTIONS = {"3", "4", "4.1", "4.2", "4.3", "4.4", "5", "6.1", "6.2", "6.3", "6.4"}
NONE = "none"
CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Row:
    section: str
    statement: str
    symbols: tuple[str, ...]
    files: tuple[str, ...]
    tests: tuple[str, ...]
    deviation: str


def read_rows() -> list[Row]:
    rows = []
    for line in (ROOT / "docs/paper.md").read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and cells[0] != "§" and set(cells[0]) != {"-"}:
            section, statement, *names, deviation = cells
            rows.append(Row(section, statement, *map(read_names, names), deviation))
    return rows


def read_names(cell: str) -> tuple[str, ...]:
    return (NONE,) if cell == NONE else tuple(CODE.findall(cell))


ROWS = read_rows()
IDS = [f"{row.section} {row.statement[:40]}" for row in ROWS]


@cache
def definitions(path: Path) -> frozenset[str]:
    """Every name that a module defines, with the members of its classes as `Class.member`."""
    names: set[str] = set()

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    names.add(prefix + name)
                case ast.ClassDef(name=name, body=members):
                    names.add(prefix + name)
                    visit(members, f"{prefix}{name}.")
                case ast.Assign(targets=targets):
                    names.update(prefix + t.id for t in targets if isinstance(t, ast.Name))
                case ast.AnnAssign(target=ast.Name(id=name)):
                    names.add(prefix + name)

    visit(ast.parse(path.read_text()).body, "")
    return frozenset(names)


def test_every_section_from_3_to_6_has_rows() -> None:
    assert {row.section for row in ROWS} == SECTIONS


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_row_names_what_exists(row: Row) -> None:
    if NONE in row.symbols:
        assert row.files == row.tests == (NONE,)
        assert row.deviation, "a row that is not built yet says what stands in its place"
        return
    assert row.symbols
    assert row.files
    assert row.tests, "a built statement needs a test"
    defined = {name for file in row.files for name in definitions(ROOT / file)}
    assert set(row.symbols) <= defined
    for test in row.tests:
        file, _, name = test.partition("::")
        assert file.startswith("tests/")
        assert name in definitions(ROOT / file)
