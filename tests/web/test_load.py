"""A service of its own process, many clients, and a kill in the middle of their work."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from .conftest import API, write_noise, write_video

pytestmark = pytest.mark.slow
NUM_CLIENTS = 50
_PATIENCE_SECONDS = 300


@contextmanager
def serving(data: Path, port: int, *words: str) -> Iterator[subprocess.Popen]:
    """A service that answers."""
    command = [sys.executable, "-m", "stillseek", "serve", "--data", str(data), "--port", str(port)]
    with subprocess.Popen([*command, *words], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"stillseek serves http://127.0.0.1:{port}/\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as place:
        return place.getsockname()[1]


class Client:
    """One of many: sends a video and a picture, asks twice, and insists on its answers."""

    def __init__(self, url: str, folder: Path, number: int) -> None:
        self.statuses: Counter[int] = Counter()
        self._client = httpx2.Client(base_url=url, timeout=120)
        self._folder, self._number = folder, number

    def run(self) -> list[dict]:
        """Its answers."""
        with self._client:
            return self._run()

    def _run(self) -> list[dict]:
        video = self._send(self._folder / f"{self._number}.mp4")
        picture = self._send(self._folder / f"{self._number}.png")
        jobs = [
            self._ask(
                "POST",
                "/jobs",
                json={"kind": "locate", "video": video, "queries": [{"source": source}], "top": 2},
            ).json()["id"]
            for source in (picture, "folder:pictures/0.png")
        ]
        return [self._wait(job) for job in jobs]

    def _send(self, path: Path) -> str:
        answer = self._ask(
            "POST", "/uploads", params={"name": path.name}, content=path.read_bytes()
        )
        return answer.json()["source"]

    def _wait(self, job: str) -> dict:
        while True:
            view = self._ask("GET", f"/jobs/{job}").json()
            if view["status"] not in ("queued", "running"):
                assert view["status"] == "done", view
                return self._ask("GET", f"/jobs/{job}/result").json()
            time.sleep(1)

    def _ask(self, method: str, path: str, **more) -> httpx2.Response:
        """Asks again where it is told to, and while there is nobody."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            try:
                answer = self._client.request(method, API + path, **more)
            except httpx2.TransportError:
                self.statuses[0] += 1
                time.sleep(1)
                continue
            self.statuses[answer.status_code] += 1
            if answer.status_code != 429:
                assert answer.is_success, answer.text
                return answer
            assert int(answer.headers["Retry-After"]) > 0
            time.sleep(2)
        raise AssertionError(f"{method} {path} had no answer")


def jobs_done(url: str) -> float:
    """Jobs that a service has done since it started."""
    lines = httpx2.get(f"{url}/metrics", timeout=120).text.splitlines()
    done = 'stillseek_jobs_total{kind="locate",status="done"} '
    return next((float(line[len(done) :]) for line in lines if line.startswith(done)), 0.0)


def peak_megabytes(process: subprocess.Popen) -> float:
    """Most memory that a process has had."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")
def test_many_clients_and_a_kill_in_the_middle(tmp_path: Path, port: int, capsys) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(NUM_CLIENTS):
        write_video(pictures / f"{number}.mp4", seconds=6, seed=number)
        write_noise(pictures / f"{number}.png", seed=number)
    words = ["--recipe", "pocket", "--folder", str(pictures), "--queue", "16"]
    url = f"http://127.0.0.1:{port}"
    clients = [Client(url, pictures, number) for number in range(NUM_CLIENTS)]
    with ThreadPoolExecutor(NUM_CLIENTS) as pool:
        with serving(tmp_path / "data", port, *words) as process:
            idle = peak_megabytes(process)
            answers = [pool.submit(client.run) for client in clients]
            while jobs_done(url) < NUM_CLIENTS / 2:  # of twice as many
                time.sleep(0.1)
            peaks = [peak_megabytes(process)]
            os.kill(process.pid, signal.SIGKILL)
        with serving(tmp_path / "data", port, *words) as process:
            found = [answer.result(timeout=500) for answer in answers]
            peaks.append(peak_megabytes(process))
            os.kill(process.pid, signal.SIGTERM)
            assert process.wait(timeout=60) == 0

    statuses = sum((client.statuses for client in clients), Counter())
    with capsys.disabled():
        sys.stdout.write(f"\nanswers {dict(statuses)}, MB {idle:.0f} idle, {peaks} at most\n")
    assert [len(each) for each in found] == [2] * NUM_CLIENTS
    for number, results in enumerate(found):
        assert [result["video"] for result in results] == [f"{number}.mp4"] * 2
        assert [result["image"] for result in results] == [[f"{number}.png"], ["0.png"]]
    assert statuses[429] > 0
    assert {status for status in statuses if not 200 <= status < 300} <= {0, 429}
    # Decoders, batches of frames and connections, however many wait.
    assert max(peaks) < idle + 400
