import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import write_video

QUERY = {"source": "folder:media/query.png"}


@pytest.fixture
def running(start: Callable, tmp_path: Path):
    """A service with a library that nothing is in."""
    return start(library=tmp_path / "library")


@pytest.fixture
def filled(running):
    """The same, with the videos of the allowed folder."""
    added = running.result(running.submit(kind="add", folder="media"))
    assert (added["encoded"], added["failures"]) == (2, [])
    return running


def test_without_a_library_there_is_none(start: Callable) -> None:
    running = start()

    for path in ("library", "library/videos"):
        answer = running.api.get(f"/{path}")
        assert answer.status_code == 404
        assert "start it with --library" in answer.json()["error"]["message"]
    for request in ({"kind": "search", "queries": [QUERY]}, {"kind": "add", "folder": "media"}):
        assert running.api.post("/jobs", json=request).status_code == 404


def test_an_empty_library_is_empty(running) -> None:
    assert running.api.get("/library/videos").json() == {"total": 0, "videos": []}
    stats = running.api.get("/library").json()
    assert (stats["videos"], stats["roots"], stats["recipe"]) == (0, [], "pocket")
    view = running.ended(running.submit(kind="search", queries=[QUERY]))
    assert (view["status"], view["error"]["type"]) == ("failed", "conflict")
    assert "/tmp" not in view["error"]["message"]


def test_a_folder_is_added_and_searched(filled, media: Path) -> None:
    found = filled.result(filled.submit(kind="search", queries=[QUERY], limit=5))

    assert list(found) == ["ranked_by", "results", "failures", "uncalibrated"]
    assert {row["source"] for row in found["results"]} == {
        f"library:{media.name}/match.mp4",
        f"library:{media.name}/more/long.mp4",
    }
    assert all(row["image"] == ["query.png"] and row["moments"] for row in found["results"])
    assert str(media.parent) not in json.dumps(found)
    again = filled.result(filled.submit(kind="add", folder="media", path="more"))
    assert (again["encoded"], again["unchanged"]) == (0, 1)


def test_cancel_stops_a_search_between_its_steps(filled, monkeypatch) -> None:
    library, reached, go_on = filled.service.catalogue.library, threading.Event(), threading.Event()
    ranked, asked = [], {}

    def search(*pictures, within, **_):
        reached.set()
        go_on.wait()
        asked["fits"] = within("any")
        ranked.append(pictures)

    monkeypatch.setattr(library, "search", search)
    job = filled.submit(kind="search", queries=[QUERY])
    reached.wait()
    assert filled.api.post(f"/jobs/{job}/cancel").json()["status"] == "cancelled"
    go_on.set()
    other = filled.submit(kind="search", queries=[QUERY])

    assert filled.ended(other)["status"] == "failed"  # what is ranked here is nothing
    assert (len(ranked), asked) == (1, {"fits": True})


def test_names_are_looked_for_and_not_places(filled, media: Path) -> None:
    def names(pattern: str) -> list[str]:
        job = filled.submit(kind="search", queries=[QUERY], **{"in": pattern})
        return [row["video"] for row in filled.result(job)["results"]]

    assert names("*/more/*") == [f"{media.name}/more/long.mp4"]
    assert names(f"{media.parent}/*") == []
    assert names(f"*{media.parent.name}*") == []


def test_more_like_a_moment(filled, media: Path) -> None:
    source = f"library:{media.name}/match.mp4"
    job = filled.submit(kind="similar", source=source, start_seconds=2, end_seconds=3, limit=1)

    found = filled.result(job)

    assert len(found["results"]) == 1
    assert found["results"][0]["image"] == ["match.mp4@2.5"]


def test_videos_of_the_library_are_listed_and_shown(filled, media: Path) -> None:
    def listed(query: str = "") -> tuple[int, list[str]]:
        found = filled.api.get(f"/library/videos?{query}").json()
        return found["total"], [video["name"] for video in found["videos"]]

    names = [f"{media.name}/match.mp4", f"{media.name}/more/long.mp4"]
    assert listed() == (2, names)
    assert listed("offset=1") == (2, names[1:])
    assert listed("limit=1") == (2, names[:1])
    assert listed("contains=LONG") == (1, names[1:])
    assert filled.api.get("/library").json()["videos"] == 2
    answer = filled.api.get(f"/media?source=library:{names[0]}")
    assert answer.content == (media / "match.mp4").read_bytes()
    for name in (f"{media.name}/none.mp4", f"{media.name}/../secret", "none", ""):
        answer = filled.api.get(f"/media?source=library:{name}")
        assert answer.status_code in (404, 422)


def test_a_library_shows_nothing_outside_of_its_folders(
    start: Callable, media: Path, tmp_path: Path
) -> None:
    videos, elsewhere = tmp_path / "videos", tmp_path / "elsewhere.mp4"
    videos.mkdir()
    write_video(elsewhere, seconds=3)
    (videos / "link.mp4").symlink_to(elsewhere)
    running = start(library=tmp_path / "library")
    running.service.catalogue.library.add(videos)

    answer = running.api.get("/media?source=library:videos/link.mp4")

    assert answer.status_code == 403


def test_links_out_of_an_allowed_folder_are_not_added(running, media: Path, tmp_path: Path) -> None:
    own, elsewhere = tmp_path / "own", tmp_path / "elsewhere"
    write_video(elsewhere / "secret.mp4", seconds=3)
    write_video(own / "mine.mp4", seconds=2)
    (own / "linked").symlink_to(elsewhere)
    (own / "link.mp4").symlink_to(elsewhere / "secret.mp4")
    (own / "inside.mp4").symlink_to(own / "mine.mp4")
    running.service.settings.folders["own"] = own

    added = running.result(running.submit(kind="add", folder="own"))

    assert (added["encoded"] + added["known"], added["failures"]) == (2, [])
    listed = running.api.get("/library/videos").json()["videos"]
    assert [video["name"] for video in listed] == ["own/inside.mp4", "own/mine.mp4"]
    (own / "mine.mp4").unlink()
    (own / "inside.mp4").unlink()
    assert running.result(running.submit(kind="add", folder="own"))["gone"] == 2


def test_a_name_that_is_not_utf_8_is_one_failure(running, tmp_path: Path) -> None:
    own = tmp_path / "own"
    write_video(own / "mine.mp4", seconds=2)
    (own / os.fsdecode(b"latin\xe9.mp4")).write_bytes(b"any")
    running.service.settings.folders["own"] = own

    added = running.result(running.submit(kind="add", folder="own"))

    (failure,) = added["failures"]
    assert failure.endswith("latin\ufffd.mp4 is not UTF-8, as names in a library are; rename it")
    assert added["encoded"] == 1


LABEL = {
    "source": "folder:media/more/long.mp4",
    "start_seconds": 1.5,
    "end_seconds": 4.0,
    "label": "handball",
    "is_kept": True,
    "score": 0.5,
    "query": "query.png",
}


def test_labels_are_kept_replaced_and_taken_back(running) -> None:
    kept = running.api.post("/labels", json=LABEL)
    assert kept.status_code == 201
    told = kept.json()
    assert told | LABEL == told
    running.api.post("/labels", json=LABEL | {"label": "goal", "score": None})
    changed = LABEL | {"id": told["id"], "end_seconds": 3.0, "is_kept": False}
    assert running.api.post("/labels", json=changed).json()["id"] == told["id"]

    labels = running.api.get("/labels").json()["labels"]

    # One that was changed keeps its place.
    assert [(label["label"], label["end_seconds"], label["is_kept"]) for label in labels] == [
        ("handball", 3.0, False),
        ("goal", 4.0, True),
    ]
    assert running.api.delete(f"/labels/{told['id']}").status_code == 204
    assert running.api.delete(f"/labels/{told['id']}").status_code == 404
    assert len(running.api.get("/labels").json()["labels"]) == 1
    gone = running.api.post("/labels", json=changed)
    assert gone.status_code == 404


def test_labels_are_lines_of_a_data_set(running) -> None:
    running.api.post("/labels", json=LABEL)

    answer = running.api.get("/labels?format=jsonl")

    assert answer.headers["Content-Disposition"] == 'attachment; filename="labels.jsonl"'
    (line,) = answer.text.splitlines()
    decision = json.loads(line)
    assert decision.pop("time").endswith("+00:00")
    assert decision == {
        "video": "more/long.mp4",
        "start_seconds": 1.5,
        "end_seconds": 4.0,
        "label": "handball",
        "kept": True,
        "score": 0.5,
        "query": "query.png",
        "source": "folder:media/more/long.mp4",
    }


def test_labels_of_two_videos_of_one_name_stay_apart(running, media: Path) -> None:
    uploads = [running.upload(media / name, "match.mp4") for name in ("match.mp4", "query.png")]
    sources = [*uploads, "folder:media/match.mp4", LABEL["source"]]
    for source in sources:
        running.api.post("/labels", json=LABEL | {"source": source})

    lines = running.api.get("/labels?format=jsonl").text.splitlines()

    told = [json.loads(line) for line in lines]
    ids = [source.removeprefix("upload:") for source in uploads]
    assert [line["source"] for line in told] == sources
    assert [line["video"] for line in told] == [
        *(f"{upload_id}/match.mp4" for upload_id in ids),
        *("media/match.mp4", "more/long.mp4"),
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"source": "folder:media/none.mp4"},
        {"end_seconds": 1.0},
        {"label": ""},
        {"label": "\ud800"},
        {"score": 1.5},
        {"is_kept": None},
        {"path": "/etc"},
    ],
)
def test_labels_that_say_nothing_are_refused(running, change) -> None:
    content = json.dumps(LABEL | change)
    answer = running.api.post(
        "/labels", content=content, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code in (404, 422)
    assert running.api.get("/labels").json() == {"labels": []}
