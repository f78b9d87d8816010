"""Two people, reloads, restarts, and files that are not what they seem."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.web


def test_two_people_do_not_see_each_other(visit, load, find):
    one, other = visit(), visit()
    load(one, "sunset.png")
    load(other, "checks.png")
    one.click("#find")
    result = find(other)
    expect(one.locator("#verdict")).to_be_visible()
    assert result["moments"][0]["start_seconds"] == pytest.approx(12.0, abs=1.0)
    expect(other.locator("#moments .time").first).to_contain_text("0:12.")
    expect(one.locator("#moments .time").first).to_contain_text("0:00.0 \N{EN DASH} 0:06.")
    one.locator("#moments button", has_text="Keep").first.click()
    expect(one.locator("#kept-text")).to_have_text("Kept (1)")
    expect(other.locator("#kept-text")).to_have_text("Kept (0)")
    assert one.url != other.url


def test_a_reload_shows_the_result_again_with_what_was_done_to_it(visit, load, find, server):
    page = visit()
    load(page, "both.png", "meadow.png")
    page.locator("#pictures > li").nth(1).locator("button", has_text="Not like this").click()
    page.locator("#pictures button", has_text="Draw a box").first.click()
    page.keyboard.press("ArrowRight")
    page.click("#box-done")
    find(page)
    page.locator(".handle.is-end").focus()
    page.keyboard.press("ArrowLeft")
    page.fill("#label", "dusk")
    with page.expect_response(lambda answer: answer.url.endswith("/labels")):
        page.locator("#moments button", has_text="Keep").first.click()
    shown = page.locator("#moments .time").all_inner_texts()
    page.reload()
    expect(page.locator("#verdict")).to_be_visible()
    expect(page.locator("#moments .is-keep").first).to_have_attribute("aria-pressed", "true")
    assert page.locator("#moments .time").all_inner_texts() == shown
    assert page.locator("#label").input_value() == "dusk"
    assert page.locator("#pictures .name").all_inner_texts() == ["both.png", "meadow.png"]
    expect(page.locator("#video-name")).to_have_text("film.mp4")
    expect(page.locator("#pictures .mark").first).to_be_visible()
    expect(page.locator("#pictures > li").nth(1)).to_have_class("picture is-unlike")
    # Who is sent the address sees the answer, but not what this person did to it.
    other = visit(page.url.removeprefix(server.url))
    expect(other.locator("#verdict")).to_be_visible()
    expect(other.locator("#moments .is-keep").first).to_have_attribute("aria-pressed", "false")


def test_a_search_survives_a_restart_of_the_server(visit, load, own_server):
    page = visit(at=own_server, may_refuse=True)
    load(page, "meadow.png")
    with page.expect_response(lambda answer: answer.url.endswith("/jobs")):
        page.click("#find")
    own_server.stop()
    expect(page.locator("#offline")).to_contain_text("does not answer")
    own_server.start()
    expect(page.locator("#verdict")).to_have_text("In this video")
    expect(page.locator("#offline")).to_be_empty()


def test_a_broken_file_is_told_in_words(visit, load, media):
    page = visit(may_refuse=True)
    page.set_input_files("#video-file", media / "broken.mp4")
    fault = page.locator("#video-error p")
    expect(fault).to_contain_text("broken.mp4")
    expect(fault).to_contain_text("video")
    assert "{" not in fault.inner_text()
    assert "/" not in fault.inner_text()
    expect(page.locator("#video-drop")).to_be_visible()  # ready for another
    (media / "notes.png").write_text("no picture")
    page.set_input_files("#picture-file", media / "notes.png")
    expect(page.locator("#ask-error p")).to_contain_text("notes.png")
    expect(page.locator("#pictures > li")).to_have_count(0)
    load(page, "sunset.png")
    expect(page.locator("#video-error")).to_be_empty()
    expect(page.locator("#find")).to_be_enabled()


def test_a_video_that_browsers_do_not_play_is_shown_as_another(visit, load, find, media):
    import av
    import numpy as np

    with av.open(str(media / "old.avi"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for step in range(40):
            pixels = np.full((48, 64, 3), 40 + 4 * step, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    page = visit()
    load(page, film="old.avi")
    expect(page.locator("#video")).to_have_js_property("videoWidth", 64)
    assert "/media/preview" in page.evaluate("document.getElementById('video').currentSrc")
    expect(page.locator("#video-work")).to_be_hidden()


def test_an_upload_shows_how_far_it_is_and_is_cancelled(visit, media):
    page = visit()
    page.route("**/uploads?*", lambda route: None)  # never answered
    page.set_input_files("#video-file", media / "film.mp4")
    # It plays before it is there.
    expect(page.locator("#video")).to_have_js_property("videoWidth", 192)
    expect(page.locator("#ask-frame")).to_be_disabled()
    expect(page.locator("#video-work-text")).to_be_visible()
    page.click("#video-abort")
    expect(page.locator("#video-drop")).to_be_visible()
    expect(page.locator("#video-error")).to_be_empty()


def test_a_full_queue_says_when_to_come_back(visit, load):
    page = visit(may_refuse=True)
    load(page, "sunset.png")
    page.route(
        "**/api/v1/jobs",
        lambda route: route.fulfill(
            status=429,
            headers={"Retry-After": "7"},
            json={"error": {"type": "queue_full", "message": "32 jobs wait already; ask later"}},
        ),
    )
    page.click("#find")
    expect(page.locator("#ask-error p")).to_have_text("32 jobs wait already; ask later")
    page.unroute("**/api/v1/jobs")
    page.locator("#ask-error button", has_text="Try again").click()
    expect(page.locator("#verdict")).to_be_visible()
