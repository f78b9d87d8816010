"""The report in a real browser: it fits, plays, prints, and asks nobody for anything."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from localizations import make_localization

from stillseek.localize.report import write_report
from stillseek.timeline import Moment

pytestmark = pytest.mark.web
CHROMIUM = shutil.which("chromium")


@pytest.fixture
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("there is no chromium")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def report(
    write_clip: Callable[..., Path], write_picture: Callable[..., Path], tmp_path: Path
) -> Path:
    found = make_localization(
        video=write_clip(name=f"{'a very long name ' * 9}.mp4"),
        images=(write_picture(f"{'picture' * 20}.png"),),
        moments=tuple(Moment(start, start + 1.5, 0.5) for start in (2.0, 4.0, 6.0)),
    )
    path = tmp_path / "report.html"
    write_report(found, path)
    return path


@pytest.mark.parametrize("width", [1280, 420])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_report_fits_and_asks_nobody(browser: Any, report: Path, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url.partition(":")[0]))
    page.on("console", lambda message: said.append(message.text))

    page.goto(report.as_uri())

    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert set(asked) <= {"file", "data"}
    assert said == []
    red, *_ = page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    )
    assert (red < 60) == (scheme == "dark")


def test_clip_plays_and_paper_has_none(browser: Any, report: Path) -> None:
    page = browser.new_page(color_scheme="dark")
    page.goto(report.as_uri())
    assert page.locator("video").count() == 3

    page.locator("video").nth(1).evaluate("video => video.play()")

    page.wait_for_function("document.querySelectorAll('video')[1].currentTime > 0.2")
    page.emulate_media(media="print")
    assert not page.locator("video").first.is_visible()
    assert page.locator(".frames img").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
