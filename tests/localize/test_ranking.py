from collections.abc import Callable
from pathlib import Path

import pytest

from stillseek.localize.ranking import Ranking, write_ranking
from stillseek.timeline import Moment


@pytest.mark.parametrize("name", ["=1+1.mp4", "+1.mp4", "-1.mp4", "@a.mp4", "a=1.mp4"])
def test_spreadsheets_compute_no_name(name: str, tmp_path: Path, found_in: Callable) -> None:
    found = found_in(Path(name), Moment(2.0, 5.5, 0.75))

    write_ranking(Ranking(results=(found,), failures=(), ranked_by=None), tmp_path / "all.csv")

    cell = (tmp_path / "all.csv").read_text().splitlines()[1].split(",")[0]
    assert cell == (name if name.startswith("a") else f"'{name}")
