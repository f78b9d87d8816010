"""The page without a mouse, without good eyes, and on a phone."""

from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.web

LOOKS = [(width, scheme) for width in (1280, 420) for scheme in ("light", "dark")]


def faults(page: Any) -> list[str]:
    """What axe-core calls serious or critical."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {node['target']} {node['failureSummary']}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_no_serious_fault_and_nothing_sticks_out(visit, load, find, media, width, scheme):
    page = visit(width=width, scheme=scheme, may_refuse=True)

    def check() -> None:
        assert faults(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    check()
    load(page, "both.png", "meadow.png")
    find(page)
    page.locator("#moments button", has_text="Skip").nth(0).click()
    page.locator("#moments button", has_text="Keep").nth(1).click()
    check()
    page.locator("#pictures button", has_text="Draw a box").first.click()
    page.keyboard.press("ArrowRight")
    check()
    page.click("#box-done")
    page.click("#browse-picture")
    expect(page.locator("#chooser-list button")).not_to_have_count(0)
    check()
    page.keyboard.press("Escape")
    page.set_input_files("#video-file", media / "broken.mp4")
    expect(page.locator("#video-error p")).to_be_visible()
    check()
    page.click("#tab-library")
    expect(page.locator("#videos-title")).to_be_visible()
    check()


@pytest.mark.parametrize("width", [1280, 420])
def test_what_is_pressed_is_large_enough(visit, load, find, width):
    page = visit(width=width)
    load(page, "sunset.png")
    find(page)
    small = page.evaluate(
        """() => [...document.querySelectorAll("button, select, a[id], .handle, input")]
            .filter((e) => e.checkVisibility() && !e.classList.contains("bar"))
            .map((e) => e.closest("label.check, .choices label") ?? e)
            .map((e) => [e.id || e.className, e.getBoundingClientRect()])
            .filter(([, box]) => box.height < 43.5 || box.width < 43.5)
            .map(([name, box]) => `${name} ${box.width} x ${box.height}`)"""
    )
    assert small == []


def test_everything_by_keyboard(visit, load, media):
    page = visit()
    choosers: list[Any] = []
    page.on("filechooser", lambda chooser: choosers.append(chooser))
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()

    def tab_to(selector: str, most: int = 40) -> None:
        for _ in range(most):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"Tab does not reach {selector}")

    # A film of a folder: a dialog that holds the focus.
    tab_to("#browse-video")
    page.keyboard.press("Enter")
    expect(page.locator("#chooser-list button").first).to_be_focused()
    page.keyboard.press("Enter")  # into days
    expect(page.locator("#chooser-path")).to_contain_text("days")
    expect(page.locator("#chooser-list button").first).to_be_focused()
    page.keyboard.press("Enter")  # beach.mp4
    expect(page.locator("#video-name")).to_have_text("beach.mp4")
    expect(page.locator("#ask-frame")).to_be_enabled()
    # A picture: its file chooser opens by Enter.
    tab_to("#choose-picture")
    page.keyboard.press("Enter")
    for _ in range(100):
        page.wait_for_timeout(50)
        if choosers:
            break
    choosers[0].set_files(media / "sunset.png")
    tab_to("#pictures button[aria-label^='Draw']")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowUp")
    tab_to("#box-done")
    page.keyboard.press("Enter")
    expect(page.locator("#pictures .mark")).to_be_visible()
    tab_to("#find")
    page.keyboard.press("Enter")
    expect(page.locator("#verdict")).to_be_focused()
    # The moment plays, and its end is moved by frames.
    tab_to(".moment-play")
    page.keyboard.press("Enter")
    expect(page.locator("#video")).to_have_js_property("paused", False)
    handle = page.locator(".handle.is-start")
    before = float(handle.get_attribute("aria-valuenow"))
    handle.focus()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)
    assert float(handle.get_attribute("aria-valuenow")) == pytest.approx(before + 1.2)
    page.keyboard.press("Control+z")
    assert float(handle.get_attribute("aria-valuenow")) == pytest.approx(before + 0.2)
    # I and O set the ends at the play head.
    page.locator(".head").focus()
    for key in ("Home", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
        page.wait_for_timeout(300)
    page.keyboard.press("i")
    assert float(handle.get_attribute("aria-valuenow")) == pytest.approx(2.0)
    tab_to("#moments .is-keep")
    page.keyboard.press("Space")
    expect(page.locator("#moments .is-keep").first).to_have_attribute("aria-pressed", "true")
