"""Figures on the pages are those of a saved result, which is of the head that ships."""

import hashlib
import importlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from stillseek.features.recipes.lite import LiteEncoder

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
BLOCK = re.compile(r"<!-- (?!end of )(.+?) -->(.*?)<!-- end of (.+?) -->", re.DOTALL)


def blocks(page: Path) -> dict[str, str]:
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    assert all(name == end for name, _, end in found)
    return {name: text.strip("\n") for name, text, _ in found}


@pytest.fixture
def benchmark_module(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_block_is_empty(page: Path) -> None:
    for name, text in blocks(page).items():
        assert text.strip(), f"{name} in {page} has no result; fill it, or remove the section"


def test_pages_hold_what_was_measured_and_it_is_what_ships(
    benchmark_module: Callable[[str], ModuleType],
) -> None:
    photographs = benchmark_module("photographs")
    results = json.loads(photographs.RESULTS.read_text())
    head = json.loads(photographs.HEAD.read_text())

    assert blocks(ROOT / "README.md")["lite"] == photographs.summary(results, head)
    card = blocks(photographs.CARD)
    assert card["test"] == f"{photographs.made_of(results)}\n\n{photographs.tables(results)}"
    assert card["validation"] == photographs.validation(head)
    # After a change of the head: python benchmarks/photographs.py --photographs ...
    assert results["head_sha256"] == hashlib.sha256(photographs.HEAD.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "block"), [("lite", "speed"), ("lite_sizes", "sizes"), ("sail_training", "training")]
)
def test_card_holds_what_was_chosen_by(
    benchmark_module: Callable[[str], ModuleType], name: str, block: str
) -> None:
    module = benchmark_module(name)
    results = json.loads(module.RESULTS.read_text())

    assert blocks(module.CARD)[block] == module.page(results)


def test_first_row_of_sizes_is_what_ships(benchmark_module: Callable[[str], ModuleType]) -> None:
    sizes = benchmark_module("lite_sizes")
    variant, width = sizes.TRIALS[sizes.SHIPPED]
    shipped = LiteEncoder()

    assert (variant.side_pixels, width) == (shipped.side_pixels, shipped.dim) == (260, 128)
    assert shipped.settings["network"] == f"efficientnet-lite{variant.network}"
    rows = json.loads(sizes.RESULTS.read_text())["rows"]
    assert list(rows) == list(sizes.TRIALS)
    assert next(iter(rows)) == sizes.SHIPPED
