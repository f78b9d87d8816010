import hashlib
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stillseek.errors import FeatureError
from stillseek.features.weights import published_files
from stillseek.features.weights.published_files import (
    WeightsFile,
    cache_folder,
    cached_files,
    fetch,
)

CONTENT = bytes(range(251)) * 1201
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class WeightsServer(ThreadingHTTPServer):
    """Serves one file on the loopback and remembers what was asked for.

    Attributes:
        ranges: The ``Range`` header of every request.
        cuts: After how many bytes each of the first requests is cut off.
        knows_ranges: Whether it sends parts.
        content: What it sends.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges: list[str] = []
        self.cuts: list[int] = []
        self.knows_ranges = True
        self.content = CONTENT

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/models/net-{SHA256[:8]}.pth"


class Handler(BaseHTTPRequestHandler):
    server: WeightsServer
    timeout = 600

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.server.ranges.append(wanted)
        first = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if self.server.knows_ranges else 0
        body = self.server.content[first:]
        if not self.path.startswith("/models/"):
            self.send_error(404)
            return
        if first and not body:
            self.send_error(416)
            return
        self.send_response(206 if self.server.knows_ranges else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.cuts:
            body = body[: self.server.cuts.pop(0)]
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keeps quiet."""


@pytest.fixture
def server() -> Iterator[WeightsServer]:
    with WeightsServer() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("STILLSEEK_CACHE", str(folder))
    monkeypatch.delenv("STILLSEEK_OFFLINE", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")  # goes before NO_PROXY
    monkeypatch.setattr(published_files, "_CHUNK_BYTES", 1009)
    return folder


@pytest.fixture
def weights(server: WeightsServer) -> WeightsFile:
    return WeightsFile(
        name="net.pth", url=server.url, sha256=SHA256, size_bytes=len(CONTENT), licence="MIT"
    )


def test_download_comes_whole_once_and_without_a_bar_where_nobody_looks(
    server: WeightsServer, weights: WeightsFile, cache: Path, capfd: pytest.CaptureFixture[str]
):
    path = fetch(weights)
    assert path == cache / "net.pth"
    assert path.read_bytes() == CONTENT
    assert fetch(weights) == path
    assert server.ranges == ["bytes=0-"]
    assert not list(cache.glob("*.part"))
    assert capfd.readouterr() == ("", "")


def test_whole_files_of_the_cache_are_listed(weights: WeightsFile, cache: Path):
    assert cached_files() == {}
    fetch(weights)
    (cache / "other.pth.part").write_bytes(b"part")
    assert cached_files() == {"net.pth": len(CONTENT)}


def test_cut_connection_goes_on_where_it_stopped(server: WeightsServer, weights: WeightsFile):
    server.cuts = [70_001, 50_021]
    assert fetch(weights).read_bytes() == CONTENT
    # only whole chunks of 1009 bytes are kept
    assert server.ranges == ["bytes=0-", f"bytes={69 * 1009}-", f"bytes={(69 + 49) * 1009}-"]


def test_next_run_goes_on_where_the_last_one_was_given_up(
    server: WeightsServer, weights: WeightsFile, cache: Path
):
    server.cuts = [70_001, 0]
    with pytest.raises(FeatureError, match=r"cannot download net\.pth from .*no connection"):
        fetch(weights)
    assert not (cache / "net.pth").exists()
    assert fetch(weights).read_bytes() == CONTENT
    assert server.ranges[2:] == [f"bytes={69 * 1009}-"]


@pytest.mark.parametrize(
    ("name", "content"), [("net.pth.part", CONTENT), ("net.pth", CONTENT[:-1])]
)
def test_what_the_cache_holds_is_made_whole(
    weights: WeightsFile, cache: Path, name: str, content: bytes
):
    cache.mkdir()
    (cache / name).write_bytes(content)
    assert fetch(weights).read_bytes() == CONTENT


def test_server_without_ranges_starts_over(server: WeightsServer, weights: WeightsFile):
    server.cuts = [70_001]
    server.knows_ranges = False
    assert fetch(weights).read_bytes() == CONTENT
    assert len(server.ranges) == 2


def test_wrong_content_is_refused_and_removed(
    server: WeightsServer, weights: WeightsFile, cache: Path
):
    server.content = CONTENT[:-1] + b"x"
    with pytest.raises(FeatureError, match=f"sent something else than net.pth.*expected {SHA256}"):
        fetch(weights)
    assert not [path for path in cache.iterdir() if path.suffix != ".lock"]
    server.content = CONTENT
    assert fetch(weights).read_bytes() == CONTENT


def test_a_published_prefix_is_enough(server: WeightsServer, weights: WeightsFile):
    short = replace(weights, sha256=SHA256[:8])
    server.content = CONTENT + b"x"
    with pytest.raises(FeatureError, match="sent something else"):
        fetch(short)
    server.content = CONTENT
    assert fetch(short).read_bytes() == CONTENT


@pytest.mark.parametrize("sha256", ["", SHA256[:7], SHA256 + "0", SHA256.upper()])
def test_hash_that_verifies_nothing_is_refused(weights: WeightsFile, sha256: str):
    with pytest.raises(ValueError, match="8 to 64 lowercase hexadecimal digits"):
        replace(weights, sha256=sha256)


def test_offline_says_what_to_put_where(
    weights: WeightsFile, cache: Path, server: WeightsServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("STILLSEEK_OFFLINE", "1")
    with pytest.raises(FeatureError) as failure:
        fetch(weights)
    assert str(failure.value) == (
        "there is no intact net.pth on this machine and STILLSEEK_OFFLINE is set; download "
        f"{server.url} elsewhere and put it at {cache / 'net.pth'}"
    )
    assert server.ranges == []
    cache.mkdir()
    (cache / "net.pth").write_bytes(CONTENT)
    assert fetch(weights) == cache / "net.pth"


def test_no_network_says_what_to_put_where(weights: WeightsFile, cache: Path):
    # nothing listens on port 9 of the loopback
    unreachable = replace(weights, url="http://127.0.0.1:9/models/net.pth")
    with pytest.raises(FeatureError) as failure:
        fetch(unreachable)
    assert str(failure.value) == (
        "cannot download net.pth from http://127.0.0.1:9/models/net.pth (no connection); check "
        f"the network and run again, or put the file at {cache / 'net.pth'}"
    )
    assert [path.name for path in cache.iterdir()] == ["net.pth.lock"]


def test_missing_page_says_so(weights: WeightsFile, cache: Path):
    gone = replace(weights, url=weights.url.replace("/models/", "/gone/"))
    with pytest.raises(FeatureError, match=r"\(HTTP 404\)"):
        fetch(gone)
    assert [path.name for path in cache.iterdir()] == ["net.pth.lock"]


def test_cache_that_cannot_be_written_says_so(weights: WeightsFile, cache: Path):
    cache.write_text("a file where the folder should be")
    with pytest.raises(FeatureError, match="set STILLSEEK_CACHE to another folder"):
        fetch(weights)


@pytest.mark.parametrize(("given", "found"), [("mine.pth", "mine.pth"), (".", "net.pth")])
def test_given_file_or_folder_needs_no_network(
    server: WeightsServer, weights: WeightsFile, tmp_path: Path, given: str, found: str
):
    with pytest.raises(FeatureError, match=re.escape(f"no file {tmp_path / found}")):
        fetch(weights, given=tmp_path / given)
    (tmp_path / found).write_bytes(b"other")
    with pytest.raises(FeatureError, match=rf"{found} is not net\.pth as published"):
        fetch(weights, given=tmp_path / given)
    (tmp_path / found).write_bytes(CONTENT)
    assert fetch(weights, given=tmp_path / given) == tmp_path / found
    assert server.ranges == []


def test_torchvisions_own_cache_is_used(weights: WeightsFile, tmp_path: Path):
    checkpoints = tmp_path / "torch" / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "net-12345678.pth").write_bytes(CONTENT)
    published = replace(weights, url="https://download.pytorch.org/models/net-12345678.pth")
    assert fetch(published) == checkpoints / "net-12345678.pth"


def test_two_processes_download_once(server: WeightsServer, weights: WeightsFile, cache: Path):
    code = (
        "from stillseek.features.weights.published_files import WeightsFile, fetch\n"
        f"print(fetch(WeightsFile(name='net.pth', url={weights.url!r}, sha256={SHA256!r}, "
        "size_bytes=None, licence='MIT')))"
    )
    command = [sys.executable, "-c", code]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=600)[0].strip() for process in processes]
    assert outputs == [str(cache / "net.pth")] * 2
    assert (cache / "net.pth").read_bytes() == CONTENT
    assert server.ranges == ["bytes=0-"]


def test_platforms_cache_without_a_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("STILLSEEK_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder().name == "stillseek"
    assert cache_folder().is_relative_to(tmp_path)
