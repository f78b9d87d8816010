"""A service over a small recipe, in this process, and what clients do with it."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

# The room is an extra, and the others are tested without it.
pytest.importorskip("fastapi")

from fastapi.testclient import TestClient
from small_recipes import make_small_recipe

from stillseek.features import FeatureStore
from stillseek.localize import Localizer
from stillseek.media import VideoWriter
from stillseek.web.application import create_app
from stillseek.web.service import Service
from stillseek.web.service_settings import ServiceSettings

API = "/api/v1"


@dataclass
class Running:
    """A service that runs, and a client of it; `api` is below "/api/v1"."""

    service: Service
    client: TestClient
    api: TestClient

    def upload(self, path: Path, name: str | None = None) -> str:
        """Sends a file; gives its source."""
        answer = self.api.post(
            "/uploads", params={"name": name or path.name}, content=path.read_bytes()
        )
        assert answer.status_code == 201, answer.text
        return answer.json()["source"]

    def submit(self, **request: Any) -> str:
        """Submits a job; gives its name."""
        answer = self.api.post("/jobs", json=request)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def view(self, job: str) -> dict[str, Any]:
        """A job as it is now."""
        return self.api.get(f"/jobs/{job}").json()

    def ended(self, job: str) -> dict[str, Any]:
        """A job, once it has ended."""
        return self.until(job, "done", "failed", "cancelled")

    def until(self, job: str, *statuses: str) -> dict[str, Any]:
        """A job, once it has one of some statuses."""
        for _ in range(3000):
            view = self.view(job)
            if view["status"] in statuses:
                return view
            time.sleep(0.01)
        raise AssertionError(view)

    def result(self, job: str) -> Any:
        """What a job found."""
        view = self.ended(job)
        assert view["status"] == "done", view
        return self.api.get(f"/jobs/{job}/result").json()


@pytest.fixture(scope="session")
def recipe():
    """A pocket recipe with a small, random encoder."""
    return make_small_recipe()


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a video of 7 s, a longer one below it, and pictures of 60 x 40 pixels."""
    folder = tmp_path_factory.mktemp("media")
    write_video(folder / "match.mp4", seconds=7)
    write_video(folder / "more" / "long.mp4", seconds=13, seed=3)
    for seed, name in enumerate(("query.png", "other.png")):
        write_noise(folder / name, seed=seed)
    (folder / "notes.txt").write_text("no video")
    return folder


@pytest.fixture
def start(recipe, media: Path, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts a service, of which the next one with the same data folder goes on with its work."""
    with ExitStack() as stack:

        def run(*, data: Path = tmp_path / "data", library: Path | None = None, **more) -> Running:
            localizer = Localizer.load(recipe, model="matching")
            localizer._store = FeatureStore(data / "features")
            opened = None
            if library is not None:
                from stillseek.library import Library

                opened = Library.open(library, recipe=recipe)
            settings = ServiceSettings(data=data, folders={"media": media}, **more)
            service = stack.enter_context(Service(settings, localizer, opened))
            client = TestClient(create_app(service), base_url="http://localhost")
            return Running(
                service, client, TestClient(client.app, base_url=f"http://localhost{API}")
            )

        yield run


@pytest.fixture
def running(start: Callable[..., Running]) -> Running:
    """A service as it is started by default."""
    return start()


def write_noise(path: Path, *, seed: int) -> None:
    """Writes a picture."""
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def write_video(path: Path, *, seconds: float, seed: int = 0, rate: int = 10) -> Path:
    """Writes a drawn video whose colour changes every second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[:48, :80]
    with VideoWriter(path, frame_rate=Fraction(rate), preset="ultrafast") as writer:
        for step in range(round(seconds * rate)):
            planes = (rows * 4 + seed, columns * 3, np.full_like(rows, 23 * (step // rate)))
            writer.write((np.stack(planes, axis=-1) % 256).astype(np.uint8))
    return path
