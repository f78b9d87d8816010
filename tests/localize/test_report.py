import base64
import io
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from localizations import make_localization
from PIL import Image

from stillseek.localize import page_chart, report
from stillseek.localize.localization import Localization, Similarity
from stillseek.localize.ranking import rank
from stillseek.localize.report import write_ranking_report, write_report
from stillseek.media import frame_at, probe
from stillseek.timeline import Moment, Segment


@pytest.fixture
def found(write_clip: Callable[..., Path], write_picture: Callable[..., Path]) -> Localization:
    return make_localization(
        video=write_clip(name="a <b> & c.mp4"),
        images=(write_picture("first.png"), write_picture("second.png", seed=3)),
        boxes=(None, (5, 7, 31, 23)),
        recipe="pocket",
        model="sail:pocket",
        threshold=0.625,
    )


class Page(HTMLParser):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.posters: list[str] = []
        self.words: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        self.posters += [value or "" for name, value in attrs if name == "poster"]

    @property
    def pictures(self) -> list[str]:
        return [source for source in self.sources if source.startswith("data:image")]

    @property
    def clips(self) -> list[str]:
        return [source for source in self.sources if source.startswith("data:video/mp4;base64,")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    @property
    def drawing(self) -> ET.Element:
        """The one drawing of the page, which is whole XML."""
        (svg,) = re.findall(r"<svg.*</svg>", self.source, re.DOTALL)
        return ET.fromstring(svg)

    @property
    def points(self) -> list[tuple[float, float]]:
        curve = self.drawing.find("polyline")
        assert curve is not None
        return [tuple(map(float, point.split(","))) for point in curve.attrib["points"].split()]  # pyright: ignore[reportReturnType]


@pytest.fixture
def page_of(tmp_path: Path) -> Callable[..., Page]:
    """Writes a report, and reads it."""

    def page_of(found: Localization, **words: Segment) -> Page:
        write_report(found, tmp_path / "r.html", **words)
        return Page(tmp_path / "r.html")

    return page_of


def test_report_holds_everything_itself(found: Localization, tmp_path: Path) -> None:
    write_report(found, tmp_path / "made" / "report.html")

    page = Page(tmp_path / "made" / "report.html")
    # Queries, strip, clip and frames of the moment.
    assert len(page.sources) == 2 + 8 + 1 + 6
    for source in (*page.pictures, *page.posters):
        kind, content = source.split(",")
        assert kind == "data:image/jpeg;base64"
        Image.open(io.BytesIO(base64.b64decode(content))).verify()
    assert len(page.pictures) == 2 + 8 + 6
    assert len(page.posters) == 1
    assert "url(" not in page.source
    for rule in ("@media print", "@media (max-width: 40rem)", "prefers-color-scheme: dark"):
        assert rule in page.source
    assert 'name="viewport" content="width=device-width' in page.source


def test_report_says_what_was_found_and_by_what(found: Localization, page_of) -> None:
    page = page_of(found, true_segment=Segment(2.0, 6.0))

    text = page.text
    assert "In this video with probability 88%" in text
    assert "0:02.0 to 0:05.0 3.0 s of 0:09, score 50%" in text
    assert "The true segment is 0:02.0 to 0:06.0; IoU 0.75." in text
    assert "second.png, box 5,7,31,23" in text
    assert "a <b> & c.mp4" in text
    # Nothing that only this machine knows.
    assert found.fingerprint[:8] not in page.source
    assert str(found.video.parent) not in page.source
    # Frames from the middle of six equal parts.
    for time in ("0:02.2", "0:02.8", "0:03.2", "0:03.8", "0:04.2", "0:04.8"):
        assert time in text


def test_report_says_when_it_is_probably_not_there(found: Localization, page_of) -> None:
    page = page_of(replace(found, presence=0.12))

    assert "Probably not in this video (12%) Most like the picture: 0:02.0 to 0:05.0" in page.text
    assert 'class="answer absent"' in page.source


def test_report_without_calibration_says_why(found: Localization, page_of) -> None:
    assert found.similarity is not None
    why = "recipe pocket has no calibration; recipe lite has one"
    unsure = replace(
        found,
        presence=None,
        threshold=None,
        uncalibrated=why,
        similarity=replace(found.similarity, threshold=None),
        moments=(Moment(2.0, 5.0, None),),
    )

    text = page_of(unsure).text

    assert text.count(why) == 1
    assert f"No probability: {why}" in text
    assert "50%, compares inside this video only" in text
    assert "score" not in text


def test_report_of_moments_without_scores_says_why(found: Localization, page_of) -> None:
    why = "head sail:mine has no calibration, so its moments have no scores"

    text = page_of(replace(found, uncalibrated=why, moments=(Moment(2.0, 5.0, None),))).text

    assert "In this video with probability 88%" in text
    assert why[1:] in text


def test_report_draws_curve_moments_and_truth(found: Localization, page_of) -> None:
    several = replace(found, moments=(Moment(2.25, 4.5, 0.5), Moment(6.75, 9.0, 0.25)))

    page = page_of(several, true_segment=Segment(0.9, 2.7))

    # Across and down in percent, down from the highest value.
    middles = [(100 * (clip + 0.5) / 9, 100 - 10 * clip) for clip in range(9)]
    expected = [(0, 100), *middles, (100, 20)]
    assert np.array(page.points) == pytest.approx(np.array(expected), abs=0.05)
    boxes = {
        each.attrib["class"]: (float(each.attrib["x"]), float(each.attrib["width"]))
        for each in page.drawing.iter("rect")
    }
    # The best one last, so that it lies over the others.
    assert list(boxes.items()) == [
        ("moment", (75.0, 25.0)),
        ("moment best", (25.0, 25.0)),
        ("truth", (10.0, 20.0)),
    ]
    level = page.drawing.find("line")
    assert level is not None
    assert float(level.attrib["y1"]) == float(level.attrib["y2"]) == 37.5


def test_a_long_curve_keeps_its_peaks(found: Localization, page_of) -> None:
    values = np.full(14_400, 0.25)
    values[[4_321, 9_000]] = 0.9, 0.8
    curve = Similarity(
        times_seconds=(np.arange(14_400) + 0.5) * 9 / 14_400, values=values, threshold=0.625
    )

    drawn = page_of(replace(found, similarity=curve)).points

    assert len(drawn) == 2000
    assert sorted(y for _, y in drawn)[:3] == [10.0, 20.0, 75.0]
    assert all(one[0] <= other[0] for one, other in pairwise(drawn))
    assert (drawn[0][0], drawn[-1][0]) == pytest.approx((0, 100), abs=0.1)


def test_report_without_similarity_shows_the_moments(found: Localization, page_of) -> None:
    page = page_of(replace(found, similarity=None))

    assert page.drawing.find("polyline") is None
    assert page.drawing.find("rect") is not None
    assert "no similarity over time" in page.text


def test_report_draws_the_box_of_a_query(found: Localization, page_of) -> None:
    first, second = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))).convert("RGB"))
        for source in page_of(found).sources[:2]
    )
    # The left edge, 2 pixels wide, has far more red than blue; JPEG mixes it with the noise around.
    red, _, blue = second[12:25, 5:7].mean(axis=(0, 1))
    assert red - blue > 80
    red, _, blue = first[12:25, 5:7].mean(axis=(0, 1))
    assert abs(red - blue) < 40


def test_report_of_no_moment_says_so(found: Localization, page_of) -> None:
    assert "No moment" in page_of(replace(found, moments=())).text


def test_every_moment_has_its_frames(found: Localization, page_of) -> None:
    # Half a second has no room for six frames that differ.
    moments = (*found.moments, Moment(6.0, 8.5, 0.25), Moment(8.5, 9.0, 0.125))

    page = page_of(replace(found, moments=moments))

    assert len(page.pictures) == 2 + 8 + 6 + 6 + 2
    assert len(page.clips) == 3
    assert re.search(r"2 0:06.0 to 0:08.5 2.5 s, score 25% 0:06.2 .* 0:08.3", page.text)
    assert "3 0:08.5 to 0:09.0 0.5 s, score 12% 0:08.6 0:08.9" in page.text


def test_whoever_dies_while_writing_leaves_a_whole_page(
    found: Localization, tmp_path: Path, dying_writes, monkeypatch
) -> None:
    # Not written here, and slow.
    for place, name in (
        *((report, name) for name in ("_queries", "frames_of", "clip_uri")),
        (page_chart, "strip_of"),
    ):
        monkeypatch.setattr(place, name, lambda *_: [])
    path = tmp_path / "report.html"
    write_report(found, path)
    whole = path.read_bytes()

    for _ in dying_writes(lambda: write_report(found, path)):
        assert path.read_bytes() == whole


def test_a_clip_plays_the_moment_and_is_small(found: Localization, page_of, tmp_path: Path) -> None:
    (uri,) = page_of(found).clips
    (tmp_path / "clip.mp4").write_bytes(base64.b64decode(uri.partition(",")[2]))
    info = probe(tmp_path / "clip.mp4")
    assert info.duration_seconds == pytest.approx(3.0, abs=0.001)
    assert (info.width, info.height, info.codec) == (80, 48, "h264")
    # The colour of a frame says its second.
    shown, expected = (
        frame_at(path, seconds).mean(axis=(0, 1))
        for path, seconds in ((tmp_path / "clip.mp4", 1.5), (found.video, 3.5))
    )
    assert shown == pytest.approx(expected, abs=6)


def test_a_page_without_room_has_times_and_no_clips(
    found: Localization, page_of, monkeypatch
) -> None:
    moments = (Moment(2.0, 5.0, 0.5), Moment(6.0, 8.5, 0.25))
    several = replace(found, moments=moments)
    whole = page_of(several)
    frames = sum(map(len, whole.pictures[-12:]))

    monkeypatch.setattr(report, "PAGE_BYTES", frames + len(whole.clips[0]) + 99)

    page = page_of(several)

    assert len(page.clips) == 1
    assert len(page.pictures) == 2 + 8 + 12
    assert page.text.count("No clip here: see the video at 0:06.0 to 0:08.5 .") == 1
    monkeypatch.setattr(report, "PAGE_BYTES", 99)
    page = page_of(several)
    links = [source for source in page.sources if not source.startswith("data:")]
    name = "a%20%3Cb%3E%20%26%20c.mp4"
    assert links == [f"{name}#t=2.00,5.00", f"{name}#t=6.00,8.50"]
    assert len(page.sources) == 2 + 8 + len(links)
    assert "1 0:02.0 to 0:05.0 3.0 s, score 50%" in page.text


def test_page_names_the_head_without_its_folder(
    found: Localization, page_of, tmp_path: Path
) -> None:
    head = tmp_path / "secret" / "my head"
    given = replace(
        found,
        model=f"sail:{head}, places by matching",
        uncalibrated=f"head sail:{head} has no calibration, so its moments have no scores",
    )

    text = page_of(given).source

    assert str(tmp_path) not in text
    assert "sail:my head, places by matching" in text
    assert "ead sail:my head has no calibration" in text


def test_ranking_names_videos_by_their_way_from_a_common_folder(
    found: Localization, write_clip: Callable[..., Path], tmp_path: Path
) -> None:
    videos = [write_clip(name=f"shots/{name}/cam.mp4") for name in ("monday", "tuesday")]
    gone = replace(found, video=tmp_path / "shots/gone.mp4", presence=0.1)

    write_ranking_report(
        rank([*(replace(found, video=video) for video in videos), gone]), tmp_path / "r.html"
    )

    page = Page(tmp_path / "r.html")
    assert "3 videos, best first" in page.text
    assert "1. monday/cam.mp4" in page.text
    assert "3. gone.mp4" in page.text
    assert len(page.clips) == 2
    assert len(page.pictures) == 2 + 6 + 6
    assert str(tmp_path) not in page.source


def test_moments_of_minutes_have_no_clip(found: Localization, page_of, monkeypatch) -> None:
    moments = (Moment(0.0, 121.0, 0.5), Moment(2.0, 5.0, 0.25))
    monkeypatch.setattr(report, "frames_of", lambda *_: [])
    monkeypatch.setattr(page_chart, "strip_of", lambda *_: [])

    page = page_of(replace(found, moments=moments, duration_seconds=200.0))

    assert len(page.clips) == 1
    assert "1 0:00.0 to 2:01.0 121.0 s, score 50% No clip here" in page.text
