"""A film and a picture in, the moment out, and the film plays from there."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.web


def until_playing_from(page: Any, seconds: float) -> None:
    """Waits until it plays, and has got at most a second far."""
    page.wait_for_selector("#video")
    for _ in range(200):
        is_playing = page.evaluate("!document.getElementById('video').paused")
        now = page.evaluate("document.getElementById('video').currentTime")
        if is_playing and now >= seconds - 0.05:
            break
        page.wait_for_timeout(50)
    assert is_playing
    assert seconds - 0.05 <= now < seconds + 2


def seconds_of(text: str) -> float:
    minutes, rest = text.split(":")
    return 60 * int(minutes) + float(rest)


def test_it_finds_the_moment_and_plays_from_there(visit, load, find, server):
    page = visit()
    expect(page.locator("#find")).to_be_disabled()
    expect(page.locator("#find-hint")).to_have_text("Needs a video and a picture.")
    load(page, "meadow.png")
    result = find(page)
    assert result["found"] is True
    expect(page.locator("#verdict")).to_have_text("In this video")
    expect(page.locator("#presence")).to_contain_text(f"{100 * result['presence']:.0f}%")
    best = result["moments"][0]
    assert best["start_seconds"] == pytest.approx(6.0, abs=1.0)  # it steps by half a second
    assert best["end_seconds"] == pytest.approx(12.0, abs=1.0)
    shown = page.locator("#moments .time").first.inner_text().split(" \N{EN DASH} ")
    assert [seconds_of(text) for text in shown] == pytest.approx(
        [best["start_seconds"], best["end_seconds"]], abs=0.051
    )
    page.locator("#moments .moment-play").first.click()
    until_playing_from(page, best["start_seconds"])
    job = page.url.rpartition("job=")[2]
    assert server.get(f"/jobs/{job}/result") == result


def test_the_numbers_are_those_of_the_command_line(visit, load, find, media):
    page = visit()
    load(page, "sunset.png")
    page.select_option("#top", "3")
    result = find(page)
    options = ["--image", "sunset.png", "--top", "3", "--json"]
    command = [sys.executable, "-m", "stillseek", "locate", "film.mp4", *options]
    ran = subprocess.run(command, cwd=media, capture_output=True, check=True)
    printed = json.loads(ran.stdout)
    assert printed["presence"] is not None
    assert result == printed | {"source": result["source"]}


def test_the_curve_is_drawn_and_a_click_on_it_plays_from_there(visit, load, find):
    page = visit()
    load(page, "checks.png")
    result = find(page)
    points = page.locator("#timeline .curve").get_attribute("points").split()
    assert len(points) == len(result["similarity"]["values"]) + 2  # and both ends of the film
    heights = [100 - float(point.split(",")[1]) for point in points[1:-1]]
    assert heights == pytest.approx([96 * v for v in result["similarity"]["values"]], abs=0.01)
    expect(page.locator("#timeline .level")).to_have_count(1)
    box = page.locator("#timeline .plot").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2)
    until_playing_from(page, 18 * 0.25)


def test_files_are_dropped_and_pasted(visit, media, find):
    page = visit()
    for name, kind, place in (
        ("film.mp4", "video/mp4", "#stage"),
        ("sunset.png", "image/png", "#stage"),  # a picture is a picture, wherever it falls
    ):
        files = _transfer(page, media / name, kind)
        page.dispatch_event(place, "dragenter", {"dataTransfer": files})
        expect(page.locator("body.is-over")).to_have_count(1)
        page.dispatch_event(place, "drop", {"dataTransfer": files})
        expect(page.locator("body.is-over")).to_have_count(0)
    files = _transfer(page, media / "meadow.png", "image/png")
    page.evaluate(
        "files => document.body.dispatchEvent(new ClipboardEvent('paste',"
        " {clipboardData: files, bubbles: true, cancelable: true}))",
        files,
    )
    expect(page.locator("#pictures > li")).to_have_count(2)
    expect(page.locator("#video-name")).to_have_text("film.mp4")
    find(page)


def _transfer(page: Any, path: Path, kind: str) -> Any:
    return page.evaluate_handle(
        """([name, type, bytes]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], name, {type}));
            return transfer;
        }""",
        [path.name, kind, list(path.read_bytes())],
    )


def test_a_box_changes_what_is_asked_and_found(visit, load, find):
    page = visit()
    load(page, "both.png")  # left a sunset, right checks
    starts = []
    for share in (0.02, 0.52):
        page.locator("#pictures button", has_text="box").click()
        expect(page.locator("#box-dialog")).to_be_visible()
        if page.locator("#box-clear").is_enabled():
            page.click("#box-clear")
        expect(page.locator("#box-image")).to_have_js_property("complete", True)
        assert page.evaluate("document.getElementById('box-image').naturalWidth") > 0
        area = page.locator("#canvas").bounding_box()
        left, top = area["x"] + share * area["width"], area["y"] + 0.1 * area["height"]
        page.mouse.move(left, top)
        page.mouse.down()
        page.mouse.move(left + 0.46 * area["width"], top + 0.8 * area["height"], steps=4)
        page.mouse.up()
        page.click("#box-done")
        with page.expect_request(lambda request: request.url.endswith("/jobs")) as sent:
            result = find(page)
        box = sent.value.post_data_json["queries"][0]["box"]
        assert box == pytest.approx([share * 384, 10.8, 0.46 * 384, 86.4], abs=3)
        starts.append(result["moments"][0]["start_seconds"])
    assert starts == pytest.approx([0.0, 12.0], abs=1.0)


def test_a_box_is_drawn_with_the_keyboard(visit, load):
    page = visit()
    load(page, "both.png", film=None)
    page.locator("#pictures button", has_text="Draw a box").click()
    expect(page.locator("#box")).to_be_focused()
    page.keyboard.press("ArrowRight")  # the first makes a box in the middle
    told = page.locator("#box-text")
    expect(told).to_contain_text("192 \N{MULTIPLICATION SIGN} 54 pixels, 96 from the left")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowDown")
    expect(told).to_contain_text("192 \N{MULTIPLICATION SIGN} 56 pixels, 88 from the left")
    page.keyboard.press("Delete")
    expect(told).to_contain_text("No box")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")  # leaves it as it was
    expect(page.locator("#pictures .mark")).to_be_hidden()


def test_it_asks_with_a_paused_frame(visit, load, find):
    page = visit()
    load(page)
    page.evaluate("document.getElementById('video').currentTime = 14.25")
    expect(page.locator("#video")).to_have_js_property("seeking", False)
    page.click("#ask-frame")
    expect(page.locator("#pictures .name")).to_have_text("film.mp4 at 0:14.2")
    with page.expect_request(lambda request: request.url.endswith("/jobs")) as sent:
        result = find(page)
    query = sent.value.post_data_json["queries"][0]
    assert query["source"] == sent.value.post_data_json["video"]
    assert query["seconds"] == pytest.approx(14.2, abs=0.01)  # of the frame that was shown
    assert result["moments"][0]["start_seconds"] == pytest.approx(12.0, abs=1.0)


def test_pictures_of_what_it_is_not_and_how_many_moments(visit, load, find):
    page = visit()
    load(page, "sunset.png", "meadow.png")
    second = page.locator("#pictures > li").nth(1)
    second.locator("button", has_text="Not like this").click()
    expect(second.locator("button", has_text="box")).to_be_hidden()
    page.select_option("#top", "1")
    with page.expect_request(lambda request: request.url.endswith("/jobs")) as sent:
        result = find(page)
    asked = sent.value.post_data_json
    assert [query["is_unlike"] for query in asked["queries"]] == [False, True]
    assert asked["top"] == len(result["moments"]) == 1
    page.get_by_label("Remove sunset.png").click()
    expect(page.locator("#find-hint")).to_have_text("Needs a picture of what it is like.")


def test_a_search_is_cancelled(visit, load):
    page = visit(may_refuse=True)  # it may be done before it is cancelled
    load(page, "sunset.png")
    # The answer is held back, as the search is shorter than a click takes.
    page.route("**/events", lambda route: None)
    with page.expect_response(lambda answer: answer.url.endswith("/jobs")):
        page.click("#find")
    with page.expect_response(lambda answer: answer.url.endswith("/cancel")) as answered:
        page.click("#cancel")
    assert answered.value.status in (200, 409)  # 409 where it was done before
    expect(page.locator("#find")).to_be_focused()
    expect(page.locator("#answer")).to_be_hidden()


@pytest.mark.parametrize(
    ("change", "verdict", "words"),
    [
        (
            {"presence": 0.04, "found": False},
            "Probably not in this video",
            "4%, almost certainly not. The moments most like the picture:",
        ),
        (
            {"presence": None, "found": None, "similarity": None, "uncalibrated": "it is a guess"},
            "Most like the picture",
            "No probability can be given.",
        ),
        ({"presence": 0.7, "found": True, "moments": []}, "In this video", "70%, likely"),
    ],
)
def test_it_says_what_the_answer_is_worth(visit, load, change, verdict, words):
    page = visit()
    load(page, "sunset.png")

    def answer(route: Any) -> None:
        result = route.fetch().json() | change
        for moment in result["moments"]:
            moment["score"] = None if change["presence"] is None else moment["score"]
        route.fulfill(json=result)

    page.route("**/result", answer)
    page.click("#find")
    expect(page.locator("#verdict")).to_have_text(verdict)
    expect(page.locator("#presence")).to_have_text(words)
    is_absent = page.locator("#answer.is-absent").count() == 1
    assert is_absent == (change["found"] is False)
    if "uncalibrated" in change:
        expect(page.locator("#uncalibrated")).to_have_text("Because it is a guess.")
        expect(page.locator("#moments .score")).to_have_count(0)
        expect(page.locator("#timeline .curve")).to_have_count(0)
    expect(page.locator("#moments > li")).to_have_count(len(change.get("moments", [1, 2, 3])))
