"""Moments are moved, kept, skipped and taken along as files."""

import zipfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.web


def edge(page: Any, end: str) -> float:
    return float(page.locator(f".handle.is-{end}").get_attribute("aria-valuenow"))


def drag_to(page: Any, end: str, seconds: float, duration: float = 18.0) -> None:
    handle = page.locator(f".handle.is-{end} i").bounding_box()
    plot = page.locator("#timeline .plot").bounding_box()
    y = plot["y"] + plot["height"] / 2
    page.mouse.move(handle["x"] + handle["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(plot["x"] + plot["width"] * seconds / duration, y, steps=5)
    page.mouse.up()


def labels_of(server: Any, job: str) -> list[dict[str, Any]]:
    source = server.get(f"/jobs/{job}/result")["source"]
    return [label for label in server.get("/labels")["labels"] if label["source"] == source]


@pytest.fixture
def found(visit, load, find):
    """A page with one moment found, from about 6 to about 12 seconds."""
    page = visit()
    load(page, "meadow.png")
    page.select_option("#top", "1")
    find(page)
    return page


def test_an_end_is_dragged_by_whole_frames_and_undone(found):
    start, end = edge(found, "start"), edge(found, "end")
    drag_to(found, "start", 8.04)
    assert edge(found, "start") == pytest.approx(8.0, abs=0.06)
    frames = edge(found, "start") * 10  # 10 a second
    assert frames == pytest.approx(round(frames))
    assert edge(found, "end") == end
    # The frame at the end that is dragged is on the screen.
    expect(found.locator("#video")).to_have_js_property("seeking", False)
    shown = found.evaluate("document.getElementById('video').currentTime")
    assert shown == pytest.approx(edge(found, "start"), abs=0.11)
    expect(found.locator("#moments .time").first).to_contain_text("0:08.")
    drag_to(found, "end", 2.0)  # never before its start
    assert edge(found, "end") == pytest.approx(edge(found, "start") + 0.1)
    found.click("#undo")
    found.click("#undo")
    assert [edge(found, "start"), edge(found, "end")] == [start, end]
    expect(found.locator("#undo")).to_be_disabled()


def test_zoom_makes_small_steps_of_the_pointer_smaller(found):
    found.locator("#zoom").click()
    expect(found.locator("#zoom")).to_have_attribute("aria-pressed", "true")
    first = found.locator("#timeline .ticks span").first.inner_text()
    bar, plot = (found.locator(name).bounding_box() for name in (".bar", "#timeline .plot"))
    assert 0.2 * plot["width"] < bar["width"] < 0.8 * plot["width"]
    found.locator("#zoom").click()
    expect(found.locator("#timeline .ticks span").first).to_have_text("0:00")
    assert first != ""
    assert found.locator(".bar").bounding_box()["width"] <= bar["width"]


def test_kept_and_skipped_moments_are_labels(visit, load, find, server):
    page = visit()
    load(page, "meadow.png")
    page.select_option("#top", "3")
    result = find(page)
    job = page.url.rpartition("job=")[2]

    def press(text: str, number: int, method: str = "POST") -> None:
        with page.expect_response(
            lambda answer: "/labels" in answer.url and answer.request.method == method
        ):
            page.locator("#moments button", has_text=text).nth(number).click()

    press("Keep", 0)
    press("Skip", 1)
    with page.expect_response(lambda answer: answer.url.endswith("/labels")):
        page.fill("#label", "mowing")
        page.keyboard.press("Enter")
    page.wait_for_timeout(500)
    kept, skipped = labels_of(server, job)
    best = result["moments"][0]
    assert (kept["label"], kept["is_kept"], kept["query"]) == ("mowing", True, "meadow.png")
    for name in ("start_seconds", "end_seconds", "score"):
        assert kept[name] == best[name]
    assert (skipped["label"], skipped["is_kept"]) == ("mowing", False)
    # An end that is moved later moves the label, too.
    with page.expect_response(lambda answer: answer.url.endswith("/labels")):
        drag_to(page, "start", 8.0)
    moved = labels_of(server, job)
    assert len(moved) == 2
    assert {label["start_seconds"] for label in moved} >= {edge(page, "start")}
    # Pressed once more, it is not decided; undone, it is kept again; and undone all the way.
    press("Keep", 0, "DELETE")
    assert len(labels_of(server, job)) == 1
    for count in (2, 2, 1, 0):
        with page.expect_response(lambda answer: "/labels" in answer.url):
            page.click("#undo")
        page.wait_for_timeout(200)
        assert len(labels_of(server, job)) == count


def test_a_list_for_editors_holds_the_kept_moments(found, tmp_path):
    drag_to(found, "start", 8.0)
    found.fill("#label", "Mowing the lawn")
    found.locator("#moments button", has_text="Keep").click()
    expect(found.locator("#which-kept")).to_be_checked()
    expect(found.locator("#kept-text")).to_have_text("Kept (1)")
    texts = {}
    for name in ("edl", "vtt", "otio"):
        found.select_option("#format", name)
        with found.expect_download() as saved:
            found.click("#download-list")
        assert Path(saved.value.suggested_filename).suffix == f".{name}"
        saved.value.save_as(tmp_path / f"moments.{name}")
        texts[name] = (tmp_path / f"moments.{name}").read_text()
    start, end = edge(found, "start"), edge(found, "end")
    for seconds in (start, end):
        assert f"00:00:{seconds:06.3f}" in texts["vtt"]
    assert f"00:00:{int(start):02d}:{round(10 * (start % 1)):02d}" in texts["edl"]
    assert "Mowing the lawn" in texts["otio"]


def test_clips_are_cut(found, tmp_path):
    from stillseek.media import probe

    found.fill("#pad", "0.5")
    with found.expect_download() as saved:
        found.click("#cut-clips")
    saved.value.save_as(tmp_path / "clips.zip")
    with zipfile.ZipFile(tmp_path / "clips.zip") as archive:
        (name,) = archive.namelist()
        archive.extract(name, tmp_path)
    wanted = edge(found, "end") - edge(found, "start") + 1.0
    assert probe(tmp_path / name).duration_seconds == pytest.approx(wanted, abs=0.11)  # a frame
