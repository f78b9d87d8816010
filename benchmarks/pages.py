"""Figures in the documentation: put there by the script that measured them."""

import sys
from datetime import date
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def made_by() -> str:
    """The command that runs now, and the day; of a path that starts at the root, its last part."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv]
    command = " ".join([Path(words[0]).name, *words[1:]])
    return f"Made by `python benchmarks/{command}` on\n{date.today()}"


def fill(page: Path, text: str, *, mark: str = "results") -> None:
    """Replaces what a page has between ``<!-- mark -->`` and ``<!-- end of mark -->``."""
    start, end = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(start)
    _, found_too, after = rest.partition(end)
    if not (found and found_too):
        sys.exit(f"{page} has lost its marks {start} and {end}; put them back")
    page.write_text(f"{before}{start}\n{text}\n{end}{after}", encoding="utf-8")
