import asyncio
import errno
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from stillseek.web.refusals import RefusedError


def kept(running) -> list[str]:
    """Names of the files in the folder of uploads, hidden ones included."""
    return sorted(path.name for path in running.service.uploads.folder.iterdir())


def receive(running, pieces: AsyncIterator[bytes], name: str = "film.mp4", announced=None):
    return asyncio.run(running.service.uploads.receive(name, pieces, announced))


async def as_stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def test_an_upload_is_known_by_its_content(running, media: Path) -> None:
    content = (media / "match.mp4").read_bytes()

    answer = running.api.post("/uploads?name=Mein%20Spiel.mp4", content=content)

    told = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/uploads/{told['id']}"
    assert told["source"] == f"upload:{told['id']}"
    assert (told["name"], told["kind"]) == ("Mein Spiel.mp4", "video")
    assert (told["width"], told["height"], told["size_bytes"]) == (80, 48, len(content))
    assert told["duration_seconds"] == pytest.approx(7)
    assert 0 < told["expires_at"] - time.time() <= 24 * 3600
    assert running.api.get(f"/uploads/{told['id']}").json() == told
    assert kept(running) == [f"{told['id']}.mp4"]
    assert len(told["id"]) == 32


@pytest.mark.parametrize(
    ("name", "suffix", "shown"),
    [
        ("query.png", ".png", "query.png"),
        ("query.PNG", ".png", "query.PNG"),
        ("query.mp4", "", "query.mp4"),
        ("query.html", "", "query.html"),
        ("../../etc/query.png", ".png", "query.png"),
        ("C:\\pictures\\query.png", ".png", "query.png"),
        ("a\x00b\n.png", ".png", "a\ufffdb\ufffd.png"),
        ("..", "", "upload"),
        ("..png", ".png", "png"),
        ("é" * 400 + ".png", ".png", "é" * 200),
    ],
)
def test_names_are_for_people_alone(running, media, name, suffix, shown) -> None:
    content = (media / "query.png").read_bytes()

    upload = receive(running, as_stream(content[:7], content[7:]), name)

    assert (upload.kind, upload.name, upload.suffix) == ("image", shown, suffix)
    assert kept(running) == [f"{upload.id}{suffix}"]
    assert running.api.get(f"/media?source=upload:{upload.id}").content == content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no video at all",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<!doctype html><script>alert(1)</script>",
        b"\x00\x00\x00\x18ftypmp42" + bytes(100),
        b"PK\x03\x04" + bytes(300),
    ],
)
def test_other_types_are_refused_and_nothing_stays(running, content) -> None:
    answer = running.api.post("/uploads?name=film.mp4", content=content)

    assert answer.status_code == 415
    error = answer.json()["error"]
    assert error["type"] == "unsupported_type"
    assert error["message"].startswith("film.mp4 ")
    assert "/" not in error["message"]
    assert kept(running) == []


@pytest.mark.parametrize("before", [b"", b"ID3\x03\x00\x00\x00\x00\x00\x0a" + bytes(10)])
@pytest.mark.parametrize("kind", ["hls", "concat", "dash"])
def test_lists_of_other_files_are_refused(running, media: Path, kind: str, before: bytes) -> None:
    secret = (media / "match.mp4").absolute()
    text = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:7,\n{secret}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile {secret}\n",
        "dash": "<?xml version='1.0'?><MPD type='static' mediaPresentationDuration='PT7S'><Period>"
        "<AdaptationSet mimeType='video/mp4'><Representation id='1' bandwidth='1'><BaseURL>"
        f"file://{secret}</BaseURL></Representation></AdaptationSet></Period></MPD>",
    }[kind]

    answer = running.api.post("/uploads?name=film.mp4", content=before + text.encode())

    assert answer.status_code == 415
    assert kept(running) == []


def test_what_is_too_large_is_refused(start: Callable) -> None:
    running = start(max_upload_bytes=1000)

    answer = running.api.post("/uploads?name=film.mp4", content=bytes(1001))

    assert answer.status_code == 413
    assert "at most 1000 bytes" in answer.json()["error"]["message"]
    assert kept(running) == []


@pytest.mark.parametrize(
    ("settings", "piece", "pause", "message", "status"),
    [
        ({"max_upload_bytes": 3 << 20}, 1 << 16, 0.0, "at most 3145728 bytes", 413),
        ({"idle_seconds": 0.05}, 10, 3600.0, "too slow", 408),
        (
            {"idle_seconds": 0.1, "least_bytes_per_second": 1e6},
            1,
            0.01,
            r"1e\+06 bytes a second",
            408,
        ),
    ],
    ids=["endless", "silent", "dripping"],
)
def test_an_upload_without_an_end_is_given_up(
    start: Callable, settings, piece: int, pause: float, message: str, status: int
) -> None:
    running = start(**settings)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += piece
            yield bytes(piece)
            await asyncio.sleep(pause)

    with pytest.raises(RefusedError, match=message) as refused:
        receive(running, endless())

    assert refused.value.status == status
    assert sent > piece or pause == 3600.0  # the dripping one has time to begin
    assert status == 408 or sent == (3 << 20) + piece
    assert kept(running) == []


def test_an_upload_that_breaks_off_leaves_nothing(running, media: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield (media / "query.png").read_bytes()
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        receive(running, broken())

    assert kept(running) == []


def refusal_beside_another(running, content: bytes) -> RefusedError:
    """Sends a file while another one still arrives, and then again."""
    receive_one, size = running.service.uploads.receive, len(content)

    async def two() -> RefusedError:
        is_over = asyncio.Event()

        async def first() -> AsyncIterator[bytes]:
            await is_over.wait()
            yield content

        sending = asyncio.create_task(receive_one("a.png", first(), size))
        await asyncio.sleep(0)
        with pytest.raises(RefusedError) as refused:
            await receive_one("b.png", as_stream(content), size)
        is_over.set()
        assert (await sending).name == "a.png"
        await receive_one("b.png", as_stream(content), size)
        return refused.value

    return asyncio.run(two())


def test_few_uploads_arrive_at_a_time(start: Callable, media: Path) -> None:
    refused = refusal_beside_another(start(max_receiving=1), (media / "query.png").read_bytes())

    assert refused.message.startswith("1 uploads arrive already")
    assert refused.headers == {"Retry-After": "5"}


def test_bytes_that_are_still_to_come_have_their_room(running, media: Path, monkeypatch) -> None:
    content = (media / "query.png").read_bytes()
    usage = type("Usage", (), {"free": (1 << 28) + 2 * len(content) - 1})
    monkeypatch.setattr("stillseek.web.uploads.shutil.disk_usage", lambda _: usage)

    assert "disk is full" in refusal_beside_another(running, content).message


def test_few_uploads_are_kept(start: Callable, media: Path) -> None:
    running = start(max_uploads=1)
    source = running.upload(media / "query.png")

    answer = running.api.post("/uploads?name=b.png", content=b"0")
    assert answer.status_code == 429
    assert "delete some" in answer.json()["error"]["message"]

    removed = running.api.delete(f"/uploads/{source.removeprefix('upload:')}")
    assert (removed.status_code, removed.content) == (204, b"")
    assert kept(running) == []
    running.upload(media / "other.png")


def test_uploads_expire_unless_a_job_needs_them(running, media: Path, monkeypatch) -> None:
    source, other = running.upload(media / "query.png"), running.upload(media / "other.png")
    running.service.jobs._queue = 1
    running.service.database.all(
        "INSERT INTO jobs (id, kind, request, status, created_at) VALUES ('j', 'none', ?,"
        " 'queued', 0)",
        (source,),
    )
    in_use = running.api.delete(f"/uploads/{source.removeprefix('upload:')}")
    assert in_use.status_code == 409

    monkeypatch.setattr("stillseek.web.uploads.time.time", lambda: 1e12)
    running.service.sweep()

    assert kept(running) == [f"{source.removeprefix('upload:')}.png"]
    gone = running.api.get(f"/uploads/{other.removeprefix('upload:')}")
    assert gone.status_code == 404
    assert "send the file again" in gone.json()["error"]["message"]


def test_what_a_killed_service_left_goes(start: Callable, media: Path) -> None:
    running = start()
    left = running.service.uploads.folder / ".0123456789abcdef.tmp.mp4"
    left.write_bytes(b"half")
    running.service.__exit__()

    assert kept(start()) == []


def test_a_sweep_goes_past_what_goes_meanwhile(running, media: Path, monkeypatch) -> None:
    uploads, database = running.service.uploads, running.service.database
    source, other = running.upload(media / "query.png"), running.upload(media / "other.png")
    database.all("UPDATE uploads SET expires_at = 0")
    read, iterdir = database.all, Path.iterdir

    def remove_first(statement, values=()):
        rows = read(statement, values)
        if statement == "SELECT * FROM uploads":
            read("DELETE FROM uploads WHERE id = ?", (source.removeprefix("upload:"),))
        return rows

    monkeypatch.setattr(database, "all", remove_first)
    monkeypatch.setattr(Path, "iterdir", lambda path: [path / ".gone.tmp", *iterdir(path)])

    uploads.sweep("")

    monkeypatch.undo()
    assert kept(running) == [f"{source.removeprefix('upload:')}.png"]
    assert running.api.get(f"/uploads/{other.removeprefix('upload:')}").status_code == 404


def test_features_go_with_the_last_upload_that_has_them(running, media: Path) -> None:
    store = running.service.settings.data / "features"

    def entries() -> int:
        return len(list(store.rglob("*.safetensors")))

    first, second = (running.upload(media / "match.mp4", name) for name in ("a.mp4", "b.mp4"))
    frame = {"source": first, "seconds": 1.5}
    running.result(running.submit(kind="locate", video=first, queries=[frame]))
    assert entries() == 2

    running.api.delete(f"/uploads/{first.removeprefix('upload:')}")
    assert entries() == 2
    running.api.delete(f"/uploads/{second.removeprefix('upload:')}")
    assert entries() == 0


def test_features_of_pictures_go_after_a_time(running, monkeypatch) -> None:
    store = running.service.settings.data / "features"
    queries = [{"source": "folder:media/query.png"}]
    running.result(running.submit(kind="locate", video="folder:media/match.mp4", queries=queries))

    running.service.sweep()
    assert len(list(store.glob("queries/*/*.safetensors"))) == 1
    monkeypatch.setattr("stillseek.web.service.time.time", lambda: 1e12)
    running.service.sweep()

    assert list(store.glob("queries/*/*.safetensors")) == []
    assert len(list(store.glob("videos/*/*.safetensors"))) == 1


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), sqlite3.OperationalError("full")])
def test_a_disk_that_fills_meanwhile_is_told(running, media: Path, monkeypatch, error) -> None:
    if isinstance(error, sqlite3.Error):
        error.sqlite_errorcode = sqlite3.SQLITE_FULL

    def fail(*_) -> None:
        raise error

    monkeypatch.setattr(running.service.uploads, "_remember", fail)

    content = (media / "query.png").read_bytes()
    answer = running.api.post("/uploads?name=a.png", content=content)

    assert (answer.status_code, answer.json()["error"]["type"]) == (413, "too_large")
    assert "disk is full" in answer.json()["error"]["message"]
