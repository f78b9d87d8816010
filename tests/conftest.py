"""A small video, pictures and a small untrained head: what the upper rooms are tested with."""

import errno
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

if TYPE_CHECKING:
    from stillseek.localize.localization import Localization
    from stillseek.timeline import Moment

# The same examples everywhere, and as much time for them as the machine takes.
settings.register_profile(
    "same",
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("same")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes away what a shell or a CI may say of terminals and of the user's own places."""
    terminal = ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "TERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
    for name in (*terminal, "STILLSEEK_CACHE", "STILLSEEK_OFFLINE", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)


class Killed(BaseException):
    """A process that is killed does nothing any more: nobody may catch it."""


@pytest.fixture
def dying_writes(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], Iterator]:
    """Does some writing again and again; it dies at the first step, then at the second, and so on.

    Yields after each death, and a last time when the work was done.
    """
    steps = ((os, "fsync"), *((Path, name) for name in ("replace", "rename", "unlink", "mkdir")))

    def run(work: Callable[[], object]) -> Iterator[None]:
        for last_step in range(100):
            left = iter(range(last_step))

            def mortal(call, left=left):
                def step(*values, **named):
                    if next(left, None) is None:
                        raise Killed
                    return call(*values, **named)

                return step

            with monkeypatch.context() as patch:
                for owner, name in steps:
                    patch.setattr(owner, name, mortal(getattr(owner, name)))
                try:
                    work()
                    is_done = True
                except Killed:
                    is_done = False
            yield
            if is_done:
                assert last_step > 3  # it died in the middle, too
                return
        raise AssertionError

    return run


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Takes the right to look into a folder, also from root."""

    def lock(folder: Path) -> None:
        def refusing(call: Callable[..., object]) -> Callable[..., object]:
            def checked(path=".", *values, **named):
                if not isinstance(path, int) and os.fspath(path).startswith(f"{folder}/"):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
                return call(path, *values, **named)

            return checked

        for name in ("scandir", "stat", "lstat"):
            monkeypatch.setattr(os, name, refusing(getattr(os, name)))

    return lock


@pytest.fixture
def write_clip(tmp_path: Path) -> Callable[..., Path]:
    """Writes an MP4 whose colour changes every second."""

    def write(
        *, seconds: float = 9.0, name: str = "match.mp4", rate: int = 10, seed: int = 0
    ) -> Path:
        import av

        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rows, columns = np.mgrid[:48, :80]
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=Fraction(rate))
            stream.width, stream.height, stream.pix_fmt = 80, 48, "yuv420p"
            for step in range(round(seconds * rate)):
                planes = (rows * 4 + seed, columns * 3, np.full_like(rows, 23 * (step // rate)))
                pixels = (np.stack(planes, axis=-1) % 256).astype(np.uint8)
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return write


@pytest.fixture
def write_picture(tmp_path: Path) -> Callable[..., Path]:
    """Writes a PNG of 60 x 40 pixels."""

    def write(name: str = "query.png", *, seed: int = 0) -> Path:
        path = tmp_path / name
        pixels = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        return path

    return write


@pytest.fixture
def found_in() -> Callable[..., "Localization"]:
    """Returns a maker of results of a search with ``q.png``."""
    from localizations import make_localization

    def make(video: Path, *moments: "Moment") -> "Localization":
        return make_localization(
            video=video, presence=None, threshold=None, similarity=None, moments=moments
        )

    return make


@pytest.fixture
def small_recipe():
    """A pocket recipe with a small, random encoder."""
    from small_recipes import make_small_recipe

    return make_small_recipe()


@pytest.fixture
def small_head(small_recipe, tmp_path: Path) -> Path:
    """A checkpoint of a small, untrained SAIL for the small recipe."""
    import torch

    from stillseek.models.checkpoint import Checkpoint, save_checkpoint
    from stillseek.models.sail import Sail, SailConfig

    torch.manual_seed(7)
    dims = dict.fromkeys(("clip_dim", "region_dim", "global_dim"), 17)
    layers = {"num_layers": 2, "num_heads": 2, "projection_dim": 5, "window": 3}
    head = Checkpoint(
        model=Sail(SailConfig(**dims, **layers, ffn_dim=11, hidden_dim=7)),
        recipe_name=small_recipe.name,
        recipe_fingerprint=small_recipe.fingerprint,
        training={},
    )
    save_checkpoint(tmp_path / "small-head", head)
    return tmp_path / "small-head"


@pytest.fixture
def use_small_recipe(monkeypatch: pytest.MonkeyPatch, small_recipe) -> None:
    """Makes ``pocket`` mean the small recipe: the shipped weights are not under test."""
    # The one that imports it first, lest it import what is put in its place, and keep it.
    for module in ("stillseek.localize.head", "stillseek.features"):
        monkeypatch.setattr(f"{module}.load_recipe", lambda name, options=None: small_recipe)
