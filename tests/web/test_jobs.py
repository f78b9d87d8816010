import json
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from stillseek.errors import UsageError

QUERY = {"source": "folder:media/query.png"}
LOCATE = {"kind": "locate", "video": "folder:media/match.mp4", "queries": [QUERY]}


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch, recipe) -> "Held":
    return Held(monkeypatch, recipe)


class Held:
    """Videos that are read a step at a time, as tests let them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, recipe) -> None:
        self.steps = threading.Semaphore(0)
        self.reached = threading.Event()
        self.num_steps = 0
        encode = recipe.encode_video

        def encode_slowly(path, *, on_progress=None):
            for step in range(1000):
                self.reached.set()
                self.steps.acquire()
                self.num_steps += 1
                on_progress(step / 10, 100.0)
                if self.is_free:
                    break
            return encode(path, on_progress=on_progress)

        self.is_free = False
        monkeypatch.setattr(recipe, "encode_video", encode_slowly)

    def let_go(self) -> None:
        """Everything that waits and comes goes on to its end."""
        self.is_free = True
        for _ in range(100):
            self.steps.release()


def test_a_search_answers_as_the_command_line_does(running) -> None:
    job = running.submit(**LOCATE, top=2)

    result = running.result(job)

    assert list(result) == [
        *("video", "image", "unlike", "recipe", "model", "duration_seconds", "presence", "found"),
        *("uncalibrated", "moments", "similarity", "source"),
    ]
    assert (result["video"], result["source"]) == ("match.mp4", "folder:media/match.mp4")
    assert (result["image"], result["unlike"]) == (["query.png"], [])
    assert result["duration_seconds"] == pytest.approx(7.0)
    assert 1 <= len(result["moments"]) <= 2
    view = running.view(job)
    assert (view["kind"], view["status"], view["error"]) == ("locate", "done", None)
    assert view["progress"] == {"fraction": 1.0, "message": "done", "seconds_left": 0.0}


def test_frames_boxes_and_what_it_is_not_are_asked_with(running) -> None:
    frame = {"source": "folder:media/more/long.mp4", "seconds": 2.5, "box": [3, 5, 11, 13]}
    other = {"source": "folder:media/other.png", "is_unlike": True}

    found = running.result(running.submit(**LOCATE | {"queries": [frame, other]}))
    plain = running.result(running.submit(**LOCATE))

    assert (found["image"], found["unlike"]) == (["long.mp4@2.5"], ["other.png"])
    assert found["similarity"] != plain["similarity"]


def test_events_tell_every_change_until_the_end(running, held) -> None:
    job = running.submit(**LOCATE)
    held.let_go()

    text = running.api.get(f"/jobs/{job}/events").text

    events = [json.loads(part.split("data: ")[1]) for part in text.split("\n\n") if part]
    assert text.startswith("event: job\ndata: {")
    assert [event["id"] for event in events] == [job] * len(events)
    assert events[-1]["status"] == "done"
    assert len({json.dumps(event) for event in events}) == len(events)


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"video": "folder:media/none.mp4"}, 404, "there is no file 'folder:media/none.mp4'"),
        ({"video": "upload:" + "0" * 32}, 404, "it may have expired"),
        ({"video": "/etc/passwd"}, 422, "body.locate.video: String should match"),
        ({"video": "folder:media/notes.txt"}, 415, "neither a video nor a picture"),
        ({"queries": []}, 422, "body.locate.queries: List should have at least 1 item"),
        ({"queries": LOCATE["queries"] * 9}, 400, "queries is at most 8 here, got 9"),
        ({"top": 51}, 400, "top is at most 50 here, got 51"),
        ({"top": 0}, 422, "body.locate.top: Input should be greater than or equal to 1"),
        ({"video": "folder:media/query.png"}, 422, "query.png is a picture, not a video"),
        ({"queries": [QUERY | {"seconds": 1.0}]}, 422, "query.png is a picture, not a video"),
        ({"queries": [QUERY | {"box": [3, 5, 11, 7]}]}, 422, "a box has at least 8 x 8 pixels"),
        ({"shards": 2}, 422, "body.locate.shards: Extra inputs are not permitted"),
        ({"kind": "guess"}, 422, "body: Input tag 'guess'"),
        ({"queries": [QUERY | {"is_unlike": True}]}, 422, "every picture is_unlike"),
    ],
)
def test_what_is_wrong_is_told_before_it_waits(running, change, status, message) -> None:
    answer = running.api.post("/jobs", json=LOCATE | change)

    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]
    assert running.service.jobs.num_queued == 0


def test_an_upload_is_a_video_by_its_content(running, media) -> None:
    picture = running.upload(media / "query.png", "a picture.mp4")
    moment = {"source": picture, "start_seconds": 1, "end_seconds": 2}

    for request in (LOCATE | {"video": picture}, {"kind": "cut", "moments": [moment]}):
        answer = running.api.post("/jobs", json=request)
        assert answer.status_code == 422
        assert answer.json()["error"] == {
            "type": "media",
            "message": "a picture.mp4 is a picture, not a video; name a video there",
        }


def test_what_only_the_work_finds_is_told_without_paths(running, media) -> None:
    query = QUERY | {"box": [50, 30, 20, 20]}

    view = running.ended(running.submit(**LOCATE | {"queries": [query]}))

    assert view["status"] == "failed"
    assert view["error"]["type"] == "usage"
    assert "does not lie inside the image" in view["error"]["message"]
    answer = running.api.get(f"/jobs/{view['id']}/result")
    assert answer.status_code == 409
    assert answer.json()["error"]["message"].startswith("the job is failed")


def test_an_unexpected_failure_keeps_its_inside(running, recipe, monkeypatch, caplog) -> None:
    def fail(*_, **__):
        raise RuntimeError("secret")

    monkeypatch.setattr(recipe, "encode_video", fail)

    view = running.ended(running.submit(**LOCATE))

    assert view["error"]["type"] == "failed"
    assert "secret" not in view["error"]["message"]
    assert "RuntimeError: secret" in caplog.text


def test_a_full_queue_says_when_to_come_back(start, held) -> None:
    running = start(queue=2)
    jobs = [running.submit(**LOCATE)]
    held.reached.wait()
    jobs += [running.submit(**LOCATE) for _ in range(2)]

    answer = running.api.post("/jobs", json=LOCATE)

    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "5"
    assert answer.json()["error"]["type"] == "queue_full"
    assert [running.view(job)["position"] for job in jobs] == [None, 0, 1]
    held.let_go()
    assert {running.ended(job)["status"] for job in jobs} == {"done"}


def test_cancel_stops_decoding(running, held) -> None:
    job, other = running.submit(**LOCATE), running.submit(**LOCATE)
    held.reached.wait()
    for _ in range(3):
        held.steps.release()

    view = running.api.post(f"/jobs/{job}/cancel").json()

    assert view["status"] == "cancelled"
    held.steps.release()
    running.until(other, "running")
    # Three steps of a thousand, the one in which it heard of it, and at most one between.
    assert held.num_steps <= 5
    assert running.api.post(f"/jobs/{other}/cancel").json()["status"] == "cancelled"
    held.steps.release()
    again = running.api.post(f"/jobs/{job}/cancel")
    assert (again.status_code, again.json()["status"]) == (200, "cancelled")
    assert running.api.get(f"/jobs/{job}/result").status_code == 409


def test_nothing_is_lost_when_the_service_ends_in_the_middle(start, held) -> None:
    first = start()
    jobs = [first.submit(**LOCATE), first.submit(**LOCATE, top=3)]
    held.reached.wait()
    closing = threading.Thread(target=first.service.__exit__)
    closing.start()
    first.service.ending.wait()
    held.steps.release()
    closing.join()

    second = start()
    held.let_go()

    assert {second.ended(job)["status"] for job in jobs} == {"done"}
    done = second.result(jobs[0])
    second.service.__exit__()
    assert start().result(jobs[0]) == done


def test_a_job_that_kills_the_service_is_given_up(start) -> None:
    running = start()
    job = running.submit(**LOCATE)
    running.ended(job)
    # As it is after a kill: still running, for the third time.
    running.service.database.all("UPDATE jobs SET status = 'running', starts = 3, result = NULL")
    running.service.__exit__()

    view = start().view(job)

    assert view["status"] == "failed"
    assert view["error"]["message"] == "the service ended 3 times while this job ran"


def test_two_sessions_do_not_see_each_other(running, media) -> None:
    mine, yours = running.upload(media / "query.png"), running.upload(media / "other.png")
    jobs = [
        running.submit(**LOCATE | {"queries": [{"source": source}]}) for source in (mine, yours)
    ]

    results = [running.result(job) for job in jobs]

    assert [result["image"] for result in results] == [["query.png"], ["other.png"]]
    assert results[0]["similarity"] != results[1]["similarity"]


def test_what_is_old_goes(start, monkeypatch) -> None:
    running = start(keep_hours=1.0)
    job = running.submit(**LOCATE)
    running.ended(job)
    running.service.sweep()
    assert running.view(job)["status"] == "done"

    monkeypatch.setattr("stillseek.web.service.time.time", lambda: 1e12)
    running.service.sweep()

    assert running.api.get(f"/jobs/{job}").status_code == 404


def test_a_second_picture_needs_no_second_reading(running, held) -> None:
    held.let_go()
    running.result(running.submit(**LOCATE))
    read = held.num_steps

    query = [{"source": "folder:media/other.png"}]
    running.result(running.submit(**LOCATE | {"queries": query}))

    assert held.num_steps == read


def test_one_data_folder_has_one_service(start: Callable) -> None:
    start()

    with pytest.raises(UsageError, match="another service has the data folder"):
        start()


@pytest.mark.parametrize("change", ["SET status = 'running'", "SET status = ?"])
def test_a_full_disk_costs_no_worker(running, monkeypatch, caplog, change: str) -> None:
    monkeypatch.setattr("stillseek.web.jobs._RETRY_SECONDS", 0.01)
    write, failures = running.service.database.all, ["disk is full", "disk is full"]

    def fail_first(statement, values=()):
        if change in statement and failures:
            raise sqlite3.OperationalError(failures.pop())
        return write(statement, values)

    monkeypatch.setattr(running.service.database, "all", fail_first)

    assert running.ended(running.submit(**LOCATE))["status"] == "done"
    assert running.ended(running.submit(**LOCATE))["status"] == "done"
    assert failures == []
    assert "trying again" in caplog.text


def test_health_tells_of_a_dead_worker(running) -> None:
    assert running.api.get("/health").json()["status"] == "ok"
    dead = threading.Thread(target=lambda: None)
    running.service.jobs._threads.append(dead)

    answer = running.api.get("/health")

    assert (answer.status_code, answer.json()["status"]) == (503, "failing")
    running.service.jobs._threads.remove(dead)


def test_a_sweep_that_fails_is_not_the_last(start, monkeypatch, caplog) -> None:
    monkeypatch.setattr("stillseek.web.service._SWEEP_SECONDS", 0.01)
    swept, again = [], threading.Event()

    def fail(_) -> None:
        swept.append(1)
        if len(swept) > 1:
            again.set()
        raise sqlite3.OperationalError("disk is full")

    monkeypatch.setattr("stillseek.web.service.Service.sweep", fail)
    start()

    assert again.wait(60)
    assert "disk is full" in caplog.text


@pytest.mark.parametrize("tables", [None, "CREATE TABLE jobs (name TEXT)", "CREATE TABLE mine (x)"])
def test_a_file_that_is_no_database_of_a_service_is_refused_and_kept(
    start: Callable, tmp_path: Path, tables: str | None
) -> None:
    file = tmp_path / "data" / "service.sqlite"
    file.parent.mkdir()
    if tables is None:
        file.write_bytes(b"SQLite format 3\0" + bytes(5000))
    else:
        with closing(sqlite3.connect(file)) as mine:
            mine.execute(tables)
    before = file.read_bytes()

    with pytest.raises(UsageError, match=rf"^{file} cannot be used \(.*give another folder"):
        start()

    assert file.read_bytes() == before
    file.unlink()
    file.mkdir()
    with pytest.raises(UsageError, match=rf"^{file} cannot be used \(.*give another folder"):
        start()
    file.rmdir()
    assert start().api.get("/health").status_code == 200
