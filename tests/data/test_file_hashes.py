import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from samples import make_sample

from stillseek.data import file_hashes
from stillseek.data.file_hashes import FileName
from stillseek.data.manifest import Manifest, add_file_hashes, read_manifest, write_manifest
from stillseek.errors import DatasetError
from stillseek.features import content_hash

ONE, TWO, IMAGE = FileName("video", "one"), FileName("video", "day/two"), FileName("image", "q.png")
SAMPLE = make_sample(sample_id="first", video_id="one", query_video_id="day/two")
BY_IMAGE = replace(
    SAMPLE, sample_id="second", query_video_id=None, query_seconds=None, query_image="q.png"
)


def write(folder: Path, **changes) -> Manifest:
    settings = {"source": "test", "seed": 0, "settings": {"a": 1}} | changes
    return write_manifest(folder, [SAMPLE, BY_IMAGE], **settings)


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode() * 3)


def refuse(path: Path) -> str:
    raise AssertionError(f"{path} was hashed")


def test_what_is_here_is_hashed_and_what_comes_later_is_added(tmp_path: Path, monkeypatch) -> None:
    assert write(tmp_path).file_hashes == {}
    assert add_file_hashes(read_manifest(tmp_path)).file_hashes == {}
    assert not (tmp_path / "file_hashes.jsonl").exists()
    put(tmp_path, "videos/one.mkv")
    written = write(tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in ("manifest.json", "samples.jsonl")}
    assert read_manifest(tmp_path) == written
    assert {file: each.num_bytes for file, each in written.file_hashes.items()} == {ONE: 42}

    put(tmp_path, "videos/day/two.mp4", "q.png")
    seen: list[tuple[int, int]] = []
    added = add_file_hashes(read_manifest(tmp_path), on_progress=lambda *at: seen.append(at))

    assert seen == [(1, 2), (2, 2)]
    assert read_manifest(tmp_path) == added
    assert {file: each.sha256 for file, each in added.file_hashes.items()} == {
        file: content_hash(added.path(file)) for file in (ONE, TWO, IMAGE)
    }
    content = (tmp_path / "file_hashes.jsonl").read_bytes()
    monkeypatch.setattr(file_hashes, "content_hash", refuse)
    (tmp_path / "videos/one.mkv").unlink()
    assert add_file_hashes(read_manifest(tmp_path), again=False) == added
    assert (tmp_path / "file_hashes.jsonl").read_bytes() == content
    monkeypatch.undo()
    assert write(tmp_path).header == added.header
    assert before == {name: (tmp_path / name).read_bytes() for name in before}


def test_the_same_files_give_the_same_bytes_in_whichever_order_they_came(tmp_path: Path) -> None:
    names = ("videos/one.mp4", "videos/day/two.mp4", "q.png")
    put(tmp_path / "at once", *names)
    write(tmp_path / "at once")
    write(tmp_path / "one by one")
    for name in reversed(names):
        put(tmp_path / "one by one", name)
        add_file_hashes(read_manifest(tmp_path / "one by one"))

    contents = {(path / "file_hashes.jsonl").read_bytes() for path in tmp_path.iterdir()}

    assert len(contents) == 1
    assert contents.pop().count(b"\n") == 1 + len(names)


def test_a_changed_file_is_refused_until_it_is_hashed_again(tmp_path: Path) -> None:
    put(tmp_path, "videos/one.mp4", "q.png")
    old = write(tmp_path)
    (tmp_path / "videos/one.mp4").write_bytes(b"another")
    (tmp_path / "q.png").unlink()

    with pytest.raises(
        DatasetError, match=r"one\.mp4 has 7 bytes, and had 42 .* upgrade .*--again"
    ):
        add_file_hashes(old)
    new = add_file_hashes(old, again=True)

    assert read_manifest(tmp_path) == new
    assert new.file_hashes[ONE].sha256 == content_hash(tmp_path / "videos/one.mp4")
    assert new.file_hashes[IMAGE] == old.file_hashes[IMAGE]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"num_bytes": 42', '"num_bytes": 43'),
        lambda text: text[: text.rindex("{")],
        lambda text: text[:-30],
        lambda text: text.partition("\n")[2],
        lambda text: "",
        lambda text: "[]\n" + text,
    ],
)
def test_hashes_that_were_edited_or_cut_are_refused(tmp_path: Path, change) -> None:
    put(tmp_path, "videos/one.mp4", "q.png")
    write(tmp_path)
    path = tmp_path / "file_hashes.jsonl"
    path.write_text(change(path.read_text()))

    with pytest.raises(DatasetError, match=r"file_hashes\.jsonl"):
        read_manifest(tmp_path)


def test_hashes_of_another_data_set_are_refused(tmp_path: Path) -> None:
    for name, settings in (("a", {"size": 1}), ("b", {"size": 2})):
        put(tmp_path / name, "videos/one.mp4")
        write(tmp_path / name, settings=settings)
    (tmp_path / "a/file_hashes.jsonl").replace(tmp_path / "b/file_hashes.jsonl")

    with pytest.raises(DatasetError, match=r"does not belong .* stillseek dataset upgrade .*b$"):
        read_manifest(tmp_path / "b")


def test_a_data_set_that_is_written_anew_keeps_the_hashes_of_what_is_as_it_was(
    tmp_path: Path, monkeypatch
) -> None:
    put(tmp_path, "videos/one.mp4", "videos/day/two.mp4", "q.png")
    old = write(tmp_path).file_hashes
    (tmp_path / "videos/one.mp4").unlink()
    monkeypatch.setattr(file_hashes, "content_hash", refuse)

    kept = write(tmp_path, settings={"a": 2})

    assert kept.file_hashes == old
    assert read_manifest(tmp_path) == kept


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "q.png").write_bytes(b"another size"),
        lambda folder: (folder / "q.png").write_bytes(b"q" * 15),
        lambda folder: os.utime(folder / "file_hashes.jsonl", ns=(0, 0)),
        lambda folder: (folder / "file_hashes.jsonl").write_text("[]"),
    ],
)
def test_what_may_have_changed_is_hashed_when_a_data_set_is_written_anew(
    tmp_path: Path, change
) -> None:
    put(tmp_path, "q.png")
    write(tmp_path)
    time.sleep(0.02)  # clocks of file systems tick a hundred times a second or more
    change(tmp_path)

    written = write(tmp_path, settings={"a": 2}).file_hashes

    assert written[IMAGE].sha256 == content_hash(tmp_path / "q.png")


@pytest.mark.parametrize("other", [{"source": "another"}, {"videos": "more videos"}])
def test_what_another_data_set_knew_of_files_that_are_gone_is_dropped(
    tmp_path: Path, other
) -> None:
    put(tmp_path, "videos/one.mp4")
    write(tmp_path)
    (tmp_path / "videos/one.mp4").unlink()

    assert write(tmp_path, **other).file_hashes == {}


def test_a_stop_while_hashing_anew_leaves_what_is_as_it_was(tmp_path: Path, monkeypatch) -> None:
    put(tmp_path, "q.png")
    old = write(tmp_path).file_hashes
    put(tmp_path, "videos/one.mp4")

    def stop(path: Path) -> str:
        assert read_manifest(tmp_path).file_hashes == old
        raise KeyboardInterrupt

    monkeypatch.setattr(file_hashes, "content_hash", stop)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, settings={"a": 2})

    assert read_manifest(tmp_path).file_hashes == old


KILLED = """
import os, signal, sys
from pathlib import Path
from stillseek.data import file_hashes
from stillseek.data.manifest import add_file_hashes, read_manifest

real, left = file_hashes.content_hash, [2]

def killed(path):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(path)

file_hashes.content_hash = killed
file_hashes._SAVE_SECONDS = 0.0
add_file_hashes(read_manifest(Path(sys.argv[1])))
"""


def test_a_kill_while_hashing_leaves_a_data_set_with_what_was_hashed(tmp_path: Path) -> None:
    write(tmp_path)
    put(tmp_path, "videos/one.mp4", "videos/day/two.mp4", "q.png")

    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)

    assert done.returncode == -9
    manifest = read_manifest(tmp_path)
    assert set(manifest.file_hashes) == {ONE, TWO}
    seen: list[tuple[int, int]] = []
    assert len(add_file_hashes(manifest, on_progress=lambda *at: seen.append(at)).file_hashes) == 3
    assert seen == [(1, 1)]


def test_a_file_that_cannot_be_read_stays_unknown(tmp_path: Path, monkeypatch) -> None:
    put(tmp_path, "videos/one.mp4", "q.png")
    real = content_hash

    def fail(path: Path) -> str:
        return real(path / "nothing" if path.suffix == ".mp4" else path)

    monkeypatch.setattr(file_hashes, "content_hash", fail)

    assert set(write(tmp_path).file_hashes) == {IMAGE}


def test_a_line_says_what_it_is_of(tmp_path: Path) -> None:
    put(tmp_path, "q.png")
    header = write(tmp_path).header

    head, line = (tmp_path / "file_hashes.jsonl").read_text().splitlines()

    assert json.loads(head).keys() == {"settings_sha256", "samples_sha256", "files_sha256"}
    assert json.loads(head)["samples_sha256"] == header.samples_sha256
    assert json.loads(line) == {
        "kind": "image",
        "name": "q.png",
        "num_bytes": 15,
        "sha256": content_hash(tmp_path / "q.png"),
    }
