import base64
import io
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stillseek.localize import report
from stillseek.localize.localization import Localization
from stillseek.localize.report import write_report
from stillseek.timeline import Moment, Segment


@pytest.fixture
def found(write_clip: Callable[..., Path], write_picture: Callable[..., Path]) -> Localization:
    return Localization(
        video=write_clip(name="a <b> & c.mp4"),
        images=(write_picture("first.png"), write_picture("second.png", seed=3)),
        boxes=(None, (5, 7, 31, 23)),
        recipe="pocket",
        fingerprint="0123456789abcdef" * 4,
        model="sail:pocket",
        duration_seconds=9.0,
        presence=None,
        moments=(Moment(2.0, 5.0, 0.5),),
        steps=tuple(Segment(float(k), k + 1.0) for k in range(9)),
        start_probabilities=np.eye(9)[2],
        end_probabilities=np.eye(9)[4],
    )


class Page(HTMLParser):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.words: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def test_report_holds_everything_itself(found: Localization, tmp_path: Path) -> None:
    write_report(found, tmp_path / "made" / "report.html")

    page = Page(tmp_path / "made" / "report.html")
    assert len(page.sources) == 2 + 1 + 6  # queries, plot, frames of the moment
    for source in page.sources:
        kind, content = source.split(",")
        assert re.fullmatch(r"data:image/(png|jpeg);base64", kind)
        Image.open(io.BytesIO(base64.b64decode(content))).verify()
    assert "url(" not in (tmp_path / "made" / "report.html").read_text()


def test_report_says_what_was_found_and_by_what(found: Localization, tmp_path: Path) -> None:
    write_report(found, tmp_path / "r.html", true_segment=Segment(2.0, 6.0))

    text = Page(tmp_path / "r.html").text
    assert "0:02.0 to 0:05.0 3.0 s of 0:09, score 0.5" in text
    assert "The true segment is 0:02.0 to 0:06.0; IoU 0.75." in text
    assert "second.png, box 5,7,31,23" in text
    assert "a <b> & c.mp4" in text
    assert found.fingerprint[:16] in text
    # Nothing that only this machine knows, or that nobody reads.
    assert found.fingerprint not in text
    assert str(found.video.parent) not in text
    # Frames from the middle of six equal parts.
    for time in ("0:02.2", "0:02.8", "0:03.2", "0:03.8", "0:04.2", "0:04.8"):
        assert time in text


def test_report_of_no_moment_says_so(found: Localization, tmp_path: Path) -> None:
    write_report(replace(found, moments=()), tmp_path / "r.html")

    assert "No moment" in Page(tmp_path / "r.html").text


def test_report_lists_several_moments(found: Localization, tmp_path: Path) -> None:
    moments = (*found.moments, Moment(6.0, 8.5, 0.25))

    write_report(replace(found, moments=moments), tmp_path / "r.html")

    text = Page(tmp_path / "r.html").text
    assert "All moments" in text
    assert "0:02.0 to 0:05.0 3.0 s 0.5 0:06.0 to 0:08.5 2.5 s 0.25" in text


def test_whoever_dies_while_writing_leaves_a_whole_page(
    found: Localization, tmp_path: Path, dying_writes, monkeypatch
) -> None:
    # Not written here, and slow.
    for name in ("_queries", "_frames"):
        monkeypatch.setattr(report, name, lambda *_: [])
    monkeypatch.setattr(report, "_plot_uri", lambda *_: "data:,")
    path = tmp_path / "report.html"
    write_report(found, path)
    whole = path.read_bytes()

    for _ in dying_writes(lambda: write_report(found, path)):
        assert path.read_bytes() == whole
