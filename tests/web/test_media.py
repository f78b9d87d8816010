import io
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from stillseek.media import frame_at
from stillseek.web.service_settings import named_folders

VIDEO = "folder:media/match.mp4"


def pixels(answer) -> np.ndarray:
    assert answer.headers["Content-Type"] == "image/jpeg"
    return np.asarray(Image.open(io.BytesIO(answer.content)))


@pytest.mark.parametrize(
    ("wanted", "begin", "end"),
    [("bytes=0-4", 0, 5), ("bytes=7-", 7, None), ("bytes=-11", -11, None), ("bytes=3-3", 3, 4)],
)
def test_ranges_of_a_file_are_answered(running, media: Path, wanted, begin, end) -> None:
    content = (media / "match.mp4").read_bytes()

    answer = running.api.get(f"/media?source={VIDEO}", headers={"Range": wanted})

    assert answer.status_code == 206
    assert answer.content == content[begin:end]
    first, last, size = len(content[:begin]), len(content[:end]) - 1, len(content)
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{size}"
    assert answer.headers["Content-Type"] == "video/mp4"


def test_a_whole_file_and_an_impossible_range(running, media: Path) -> None:
    whole = running.api.get(f"/media?source={VIDEO}")
    beyond = running.api.get(f"/media?source={VIDEO}", headers={"Range": "bytes=999999999-"})

    assert (whole.status_code, whole.headers["Accept-Ranges"]) == (200, "bytes")
    assert whole.content == (media / "match.mp4").read_bytes()
    assert whole.headers["Content-Disposition"].startswith("inline")
    assert beyond.status_code == 416


def test_a_page_that_calls_itself_a_video_is_never_run(running, media: Path) -> None:
    source = running.upload(media / "query.png", "page.html")

    answer = running.api.get(f"/media?source={source}")

    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_facts_of_videos_and_pictures(running, media: Path) -> None:
    video = running.api.get(f"/media/info?source={VIDEO}").json()
    source = running.upload(media / "query.png")
    picture = running.api.get(f"/media/info?source={source}").json()

    assert video == {
        "source": VIDEO,
        "name": "match.mp4",
        "kind": "video",
        "duration_seconds": pytest.approx(7),
        "width": 80,
        "height": 48,
        "frame_rate": 10.0,
        "is_playable": True,
    }
    assert (picture["kind"], picture["width"], picture["height"]) == ("image", 60, 40)
    assert (picture["name"], picture["duration_seconds"]) == ("query.png", None)


def test_a_frame_is_that_of_the_time(running, media: Path) -> None:
    answer = running.api.get(f"/media/frame?source={VIDEO}&seconds=3.25&width=40")

    shown = pixels(answer)
    assert shown.shape == (24, 40, 3)
    frame = np.asarray(Image.fromarray(frame_at(media / "match.mp4", 3.25)).resize((40, 24)))
    # JPEG and another filter; a second of the video moves blue by 23.
    assert abs(shown.mean(axis=(0, 1)) - frame.mean(axis=(0, 1))).max() < 5
    wide = running.api.get(f"/media/frame?source={VIDEO}&seconds=3.25&width=4000")
    assert pixels(wide).shape == (48, 80, 3)
    picture = running.api.get("/media/frame?source=folder:media/query.png")
    assert pixels(picture).shape == (40, 60, 3)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (f"source={VIDEO}&seconds=7.5", 400),
        (f"source={VIDEO}&seconds=-1", 422),
        (f"source={VIDEO}&seconds=nan", 422),
        (f"source={VIDEO}&width=5000", 422),
        ("source=folder:media/notes.txt", 415),
        ("seconds=1", 422),
    ],
)
def test_frames_that_are_not_there(running, query: str, status: int) -> None:
    answer = running.api.get(f"/media/frame?{query}")

    assert answer.status_code == status
    assert str(running.service.settings.data.parent) not in answer.text


def test_a_strip_has_as_many_frames_as_were_asked_for(running) -> None:
    def strip(query: str):
        return running.api.get(f"/media/strip?source={VIDEO}&{query}")

    # Frames are cut to 1.1 times their height.
    shown = pixels(strip("start_seconds=0&end_seconds=99&count=3&height=40"))
    assert shown.shape == (40, 132, 3)
    assert strip("start_seconds=8&end_seconds=9").status_code == 400
    assert strip("start_seconds=2&end_seconds=1").status_code == 400
    assert strip("start_seconds=1&end_seconds=2&count=25").status_code == 422


def test_folders_list_what_can_be_asked(running, media: Path) -> None:
    def entries(query: str) -> list[tuple]:
        found = running.api.get(f"/files?{query}").json()["entries"]
        return [(entry["name"], entry["kind"], entry["source"]) for entry in found]

    assert entries("folder=media") == [
        ("match.mp4", "video", "folder:media/match.mp4"),
        ("more", "folder", None),
        ("other.png", "image", "folder:media/other.png"),
        ("query.png", "image", "folder:media/query.png"),
    ]
    assert entries("folder=media&path=more") == [
        ("long.mp4", "video", "folder:media/more/long.mp4")
    ]
    for query in ("folder=none", "folder=media&path=none", "folder=media&path=match.mp4"):
        assert running.api.get(f"/files?{query}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "../secret.mp4",
        "more/../../secret.mp4",
        "..",
        "/etc/passwd",
        "//etc/passwd",
        "..\\secret.mp4",
        "a\0b.mp4",
        "out.mp4",
        "out/secret.mp4",
        "%2e%2e/secret.mp4",
        "....//secret.mp4",
        "loop.mp4",
        "pipe.mp4",
        "~/secret.mp4",
        "x" * 300 + ".mp4",
    ],
)
def test_nothing_outside_of_a_folder_is_named(
    start: Callable, media: Path, tmp_path: Path, path: str, monkeypatch
) -> None:
    inside, secret = tmp_path / "inside", tmp_path / "secret.mp4"
    (inside / "more").mkdir(parents=True)
    secret.write_bytes((media / "match.mp4").read_bytes())
    (inside / "out.mp4").symlink_to(secret)
    (inside / "out").symlink_to(tmp_path)
    (inside / "loop.mp4").symlink_to(inside / "loop.mp4")
    os.mkfifo(inside / "pipe.mp4")
    running = start()
    running.service.settings.folders.update(named_folders((inside,)))

    for route in ("media", "media/info", "media/frame"):
        answer = running.api.get(f"/{route}?source={quote(f'folder:inside/{path}')}")
        assert answer.status_code in (403, 404)
        assert str(tmp_path) not in answer.text
    listed = running.api.get(f"/files?folder=inside&path={quote(path)}")
    assert listed.status_code in (403, 404)
    names = [entry["name"] for entry in running.service.sources.entries("inside", "")]
    assert names == ["more"]


def test_links_inside_of_a_folder_are_followed(
    start: Callable, media: Path, tmp_path: Path
) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "a.png").write_bytes((media / "query.png").read_bytes())
    (inside / "b.png").symlink_to(inside / "a.png")
    running = start()
    running.service.settings.folders.update(named_folders((inside,)))

    assert running.api.get("/media?source=folder:inside/b.png").status_code == 200


def test_a_folder_that_is_not_allowed_is_told_which_are(running) -> None:
    for advice in ("those are media", "start the service with --folder DIR"):
        answer = running.api.get("/media?source=folder:none/a.mp4")
        assert answer.json()["error"]["message"] == f"there is no allowed folder 'none'; {advice}"
        running.service.settings.folders.clear()


def test_sources_of_other_kinds_are_refused(running) -> None:
    for source in ("http://example.org/a.mp4", "/etc/passwd", "file:/etc/passwd", "upload:", ""):
        answer = running.api.get(f"/media?source={quote(source)}")
        assert answer.status_code == 422, source
    for source in ("library:videos/a.mp4", "upload:../../service.sqlite", "folder:none/a.mp4"):
        answer = running.api.get(f"/media?source={quote(source)}")
        assert answer.status_code == 404, source
