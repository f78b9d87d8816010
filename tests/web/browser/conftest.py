"""A server in a process of its own, small films, and people with browsers."""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect, sync_playwright

# Scenes that no encoder takes for one another.
SCENES = ("sunset", "meadow", "checks")
SCENE_SECONDS = 6.0
RATE = 10
WIDTH, HEIGHT = 192, 108
# Generous, as machines that test are busy; nothing waits this long.
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)


def scene(kind: str, seed: int = 0) -> np.ndarray:
    """A picture of a kind; another seed is another picture of it."""
    y, x = np.mgrid[0 : 1 : HEIGHT * 1j, 0 : WIDTH / HEIGHT : WIDTH * 1j]
    shift = 0.09 * seed
    match kind:
        case "sunset":
            sun = np.exp(-(((x - 0.8 - shift) ** 2 + (y - 0.5) ** 2) * 18))
            parts = (250 * (1 - 0.5 * y), 90 + 150 * sun, 40 + 120 * sun)
        case "meadow":
            blades = np.sin(60 * (x + shift)) * np.sin(23 * y * y)
            parts = (40 + 20 * blades, 120 + 80 * blades, 30 + 10 * blades)
        case _:
            field = (np.floor(7 * (x + shift)) + np.floor(7 * y)) % 2
            parts = (60 * field, 60 * field, 120 + 130 * field)
    return np.stack(parts, axis=-1).clip(0, 255).astype(np.uint8)


def write_film(path: Path, kinds: tuple[str, ...] = SCENES, seconds: float = SCENE_SECONDS) -> Path:
    """A film of scenes, each of some seconds."""
    from stillseek.media.write import VideoWriter

    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(kinds))
    with VideoWriter(path, frame_rate=Fraction(RATE)) as writer:
        for kind in kinds:
            picture = scene(kind)
            for _ in range(round(seconds * RATE)):
                grain = noise.integers(-4, 5, picture.shape)
                writer.write((picture + grain).clip(0, 255).astype(np.uint8))
    return path


def write_still(path: Path, kind: str, seed: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scene(kind, seed)).save(path)
    return path


@dataclass
class Server:
    """A service on a port of this machine."""

    root: Path
    port: int = 0
    process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Starts it, the second time at the port that it had."""
        options = ["--data", "data", "--library", "library", "--folder", "films", "--folder"]
        command = [sys.executable, "-m", "stillseek", "serve", *options, "stills"]
        with (self.root / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port)],
                cwd=self.root,
                env=os.environ | {"OMP_NUM_THREADS": "1", "STILLSEEK_OFFLINE": "1"},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "http://" in line, (self.root / "server.log").read_text()
        self.port = int(line.rsplit(":", 1)[1].strip().rstrip("/"))

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}api/v1{path}") as answer:
            return json.load(answer)


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What people bring along: a film of three scenes and pictures."""
    folder = tmp_path_factory.mktemp("media")
    write_film(folder / "film.mp4")
    for kind in SCENES:
        write_still(folder / f"{kind}.png", kind)
    both = np.concatenate([scene("sunset"), scene("checks")], axis=1)
    Image.fromarray(both).save(folder / "both.png")
    (folder / "broken.mp4").write_bytes(b"this was a film once " * 97)
    return folder


def _served(folder: Path) -> Iterator[Server]:
    write_film(folder / "films/days/beach.mp4", ("meadow", "sunset"), 4.0)
    write_film(folder / "films/days/board.mp4", ("checks", "meadow"), 4.0)
    write_film(folder / "films/garden.mp4", ("meadow",), 5.0)
    write_still(folder / "stills/sunset.png", "sunset")
    server = Server(folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service with an empty library, and folders of films and stills."""
    yield from _served(tmp_path_factory.mktemp("served"))


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """The same, of one test that stops and starts it."""
    yield from _served(tmp_path / "served")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    assert found, "these tests need Chromium: make test-web, or install it"
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Any, server: Server) -> Iterator[Callable[..., Any]]:
    """Opens the page, each time for another person; at the end nobody's browser may complain."""
    complaints: list[str] = []
    contexts = []

    def open_page(
        address: str = "",
        *,
        at: Server = server,
        width: int = 1280,
        scheme: str = "light",
        may_refuse: bool = False,
    ) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 860}, color_scheme=scheme, accept_downloads=True
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()

        def hear(message: Any) -> None:
            is_refusal = "Failed to load resource" in message.text
            if message.type in ("error", "warning") and not (may_refuse and is_refusal):
                complaints.append(message.text)

        def see(request: Any) -> None:
            if not request.url.startswith((at.url, f"blob:{at.url}", "data:")):
                complaints.append(f"asked another host: {request.url}")

        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", see)
        page.goto(at.url + address)
        expect(page.locator("#about")).to_contain_text("recipe")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def load(media: Path) -> Callable[..., None]:
    """Chooses a film and pictures from this machine."""

    def choose(page: Any, *pictures: str, film: str | None = "film.mp4") -> None:
        if film is not None:
            page.set_input_files("#video-file", media / film)
            expect(page.locator("#ask-frame")).to_be_enabled()
        for picture in pictures:
            page.set_input_files("#picture-file", media / picture)

    return choose


@pytest.fixture
def find() -> Callable[..., dict[str, Any]]:
    """Presses the button and waits; what the service answered, as the page asked for it."""

    def press(page: Any) -> dict[str, Any]:
        with page.expect_response(lambda answer: answer.url.endswith("/result")) as answered:
            page.click("#find")
        expect(page.locator("#answer")).to_be_visible()
        result: dict[str, Any] = answered.value.json()
        expect(page.locator("#moments > li")).to_have_count(len(result["moments"]))
        return result

    return press
