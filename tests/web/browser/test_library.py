"""Many videos: added from a folder, searched by picture, and opened at the moment."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.web


@pytest.fixture
def library(visit, own_server):
    """The library's view, with the films in it."""
    page = visit("#library", at=own_server)
    expect(page.locator("#videos-empty")).to_be_visible()
    page.click("#add-folder")
    page.locator("#chooser-places button", has_text="films").click()
    page.click("#chooser-this")
    expect(page.locator("#videos > li")).to_have_count(3)
    return page


def test_a_folder_is_added_searched_and_asked_for_more(library, media, own_server):
    page = library
    page.fill("#filter", "b")
    expect(page.locator("#videos > li")).to_have_count(2)
    page.fill("#filter", "")
    expect(page.locator("#find-hint")).to_have_text("Needs a picture.")
    page.set_input_files("#picture-file", media / "sunset.png")
    with page.expect_response(lambda answer: answer.url.endswith("/result")) as answered:
        page.click("#find")
    rows = answered.value.json()["results"]
    expect(page.locator("#results > li")).to_have_count(len(rows))
    assert rows[0]["video"].endswith("beach.mp4")
    expect(page.locator("#results .result-open .name").first).to_have_text("beach.mp4")
    strip = page.locator("#results .strip").first
    expect(strip).to_have_js_property("complete", True)
    assert strip.evaluate("image => image.naturalWidth / image.naturalHeight") > 3

    # It opens at its moment, with the curve and a way to more of it.
    page.locator("#results .result-open").first.click()
    expect(page.locator("#verdict")).to_have_text("In this video")
    best = rows[0]["moments"][0]
    assert best["start_seconds"] == pytest.approx(4.0, abs=1.0)
    expect(page.locator("#video")).to_have_js_property("seeking", False)
    expect(page.locator("#video")).to_have_js_property("currentTime", best["start_seconds"])
    expect(page.locator("#timeline .curve")).to_have_count(1)
    address = page.url
    page.get_by_label("More like moment 1").click()
    expect(page.locator("#results-title")).to_have_text("More like this")
    expect(page.locator("#results-title")).to_be_focused()

    # The step back is the result that was open, and so is its address.
    page.go_back()
    expect(page.locator("#verdict")).to_be_visible()
    assert page.url == address
    page.reload()
    expect(page.locator("#verdict")).to_have_text("In this video")
    expect(page.locator("#video-name")).to_have_text("beach.mp4")


def test_kept_moments_of_two_videos_are_one_list(library, media, tmp_path):
    page = library
    page.set_input_files("#picture-file", media / "meadow.png")
    for number in range(2):
        page.click("#tab-library")
        if not number:
            page.click("#find")
        page.locator("#results .result-open").nth(number).click()
        page.locator("#moments button", has_text="Keep").first.click()
    expect(page.locator("#kept-text")).to_have_text("Kept (2 of 2 videos)")
    page.select_option("#format", "csv")
    with page.expect_download() as saved:
        page.click("#download-list")
    saved.value.save_as(tmp_path / "list.csv")
    lines = (tmp_path / "list.csv").read_text().splitlines()
    assert len(lines) == 3
    assert len({line.split(",")[0] for line in lines}) == 3  # a header and two videos
