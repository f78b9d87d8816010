import os
import pickle
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from unittest.mock import Mock

import numpy as np
import pytest

from stillseek.errors import FeatureError, InstallationError, MediaError, UsageError
from stillseek.features import (
    FeatureStore,
    Recipe,
    RecipeOptions,
    VideoKey,
    content_hash,
    extract,
    load_recipe,
)
from stillseek.features.extraction.ray_engine import _Attempts, _Worker, extract_with_ray
from stillseek.features.extraction.ray_session import ray_session
from stillseek.features.store.content_address import entry_name
from stillseek.features.store.verify_and_prune import verify

# Ray Data warns of the defaults of its own settings.
pytestmark = pytest.mark.filterwarnings("ignore:`use_.*deprecated:DeprecationWarning:ray")


@pytest.fixture(scope="module")
def ray() -> Iterator[ModuleType]:
    """One local Ray for all tests: it takes seconds to start."""
    with (
        pytest.MonkeyPatch.context() as patch,
        # Ray's sockets need a short path in ASCII, which the temporary folder may not have.
        tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder,
    ):
        patch.setenv("RAY_TMPDIR", folder)
        patch.delenv("RAY_ADDRESS", raising=False)
        with ray_session(workers=2) as connected:
            yield connected


@pytest.fixture
def load(tmp_path: Path, pocket_encoder) -> Callable[[], Recipe]:
    """The pocket recipe with small random weights, by name as the command line has it."""
    pocket_encoder.save(tmp_path / "encoder.safetensors")
    options = RecipeOptions(weights=tmp_path / "encoder.safetensors")
    return partial(load_recipe, "pocket", options)


def statuses(report) -> list[str]:
    return [outcome.status for outcome in report.outcomes]


def entry(store: FeatureStore, path: Path, recipe: Recipe) -> bytes:
    key = VideoKey(content=content_hash(path), fingerprint=recipe.fingerprint)
    return store.files.read(entry_name(key))


@pytest.mark.slow
@pytest.mark.usefixtures("ray")
def test_killed_worker_loses_nothing_and_bytes_are_those_of_one_by_one(
    load, store: FeatureStore, make_video, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    recipe = load()
    lengths = (31.0, 2.5, 67.0, 1.3)
    paths = [make_video(seconds=s, name=f"{s}.mp4", seed=k) for k, s in enumerate(lengths)]
    paths.insert(2, tmp_path / "bad.mp4")
    paths[2].write_bytes(b"not a video")
    killed = tmp_path / "killed"

    def load_deadly() -> Recipe:
        recipe = load()
        encode = recipe.encode_units

        def encode_or_die(units: np.ndarray) -> np.ndarray:
            # The rest of the video of 67 s, whose first batch is encoded.
            if len(units) == 134 - 64 * 2 and not killed.exists():
                killed.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return encode(units)

        recipe.encode_units = encode_or_die
        return recipe

    alone = FeatureStore(tmp_path / "alone")
    for path in paths:
        extract([path], recipe, alone)
    ended, seen = [], []
    monkeypatch.chdir(tmp_path)
    report = extract_with_ray(
        [path.relative_to(tmp_path) for path in paths],
        load_deadly,
        FeatureStore(Path("store")),
        fingerprint=recipe.fingerprint,
        workers=2,
        on_outcome=ended.append,
        on_progress=seen.append,
    )
    assert killed.exists()
    assert statuses(report) == ["encoded", "encoded", "failed", "encoded", "encoded"]
    assert [str(outcome.path) for outcome in report.outcomes] == [path.name for path in paths]
    assert "bad.mp4 is not a video" in report.outcomes[2].error
    assert sorted(ended, key=id) == sorted(report.outcomes, key=id)
    assert [p.videos_done for p in seen] == [1, 2, 3, 4, 5]
    assert (seen[-1].share_done, seen[-1].encoded_seconds) == (1.0, pytest.approx(sum(lengths)))
    found = verify(store)
    assert (found.intact, found.corrupt) == (4, ())
    for path in paths[:2] + paths[3:]:
        assert entry(store, path, recipe) == entry(alone, path, recipe)


@pytest.mark.slow
def test_local_ray_is_out_of_reach_for_others(ray):
    assert [node["NodeManagerAddress"] for node in ray.nodes()] == ["127.0.0.1"]


@pytest.mark.slow
@pytest.mark.usefixtures("ray")
def test_second_run_encodes_only_what_is_missing_and_strict_stops(
    load, store: FeatureStore, make_video, write_files
):
    recipe = load()
    paths = [make_video(seconds=s, name=f"{s}.mp4") for s in (1.3, 2.1)]
    extract(paths[:1], recipe, store)
    paths += write_files({"bad.mp4": b"not a video"})
    fingerprint = recipe.fingerprint
    stop_at_first = partial(extract_with_ray, workers=1, strict=True)
    ended = []
    with pytest.raises(MediaError, match=r"bad\.mp4 is not a video") as caught:
        stop_at_first(paths, load, store, fingerprint=fingerprint, on_outcome=ended.append)
    assert "In a worker of Ray" in caught.value.__notes__[0]
    assert {outcome.path.name: outcome.status for outcome in ended} == {
        "1.3.mp4": "present",
        "2.1.mp4": "encoded",
        "bad.mp4": "failed",
    }


@pytest.mark.slow
@pytest.mark.usefixtures("ray")
def test_worker_that_cannot_be_made_is_told_of_in_a_line(store: FeatureStore, path: Path):
    class Unloadable:
        def __call__(self) -> Recipe:
            raise AssertionError

        def __reduce__(self):
            return __import__, ("no_such_module",)

    with pytest.raises(FeatureError, match=r"Ray gave up \(.*no_such_module.*\); what is done is"):
        extract_with_ray([path], Unloadable(), store, fingerprint="a" * 64)


@pytest.fixture
def path(write_files) -> Path:
    return write_files({"a.mp4": b"alpha"})[0]


def work(load, store: FeatureStore, path: Path, *, strict=False, attempt=1, fingerprint="a" * 64):
    """What a worker answers, in this process."""
    worker = _Worker(load, store, fingerprint, strict, lambda index: attempt)
    rows = {"index": np.array([7]), "path": np.array([str(path)], object)}
    answer = pickle.loads(worker(rows)["answer"][0])
    assert answer.index == 7
    return answer


def test_video_that_takes_down_every_worker_is_given_up(store: FeatureStore, stub, path: Path):
    assert work(lambda: stub, store, path, attempt=4).outcome.status == "encoded"
    answer = work(lambda: stub, store, path, attempt=5)
    assert (answer.outcome.status, answer.stop) == ("failed", None)
    assert f"{path} took down 4 workers" in answer.outcome.error
    answer = work(lambda: stub, store, path, attempt=5, strict=True)
    assert isinstance(answer.stop, MediaError)


def test_attempts_are_counted_by_video():
    attempts = _Attempts()
    assert [attempts.begin(index) for index in (3, 5, 3, 3, 5)] == [1, 1, 2, 3, 2]


def test_other_recipe_on_a_worker_stops(store: FeatureStore, stub, path: Path):
    answer = work(lambda: stub, store, path, fingerprint="b" * 64)
    assert isinstance(answer.stop, FeatureError)
    assert f"fingerprint {'a' * 16} on a worker and {'b' * 16} where" in str(answer.stop)
    assert answer.outcome is None


def test_recipe_that_does_not_load_and_store_that_cannot_be_written_stop(
    store: FeatureStore, stub, path: Path
):
    answer = work(partial(load_recipe, "nope"), store, path)
    assert isinstance(answer.stop, UsageError)
    store.root.write_text("a file, not a folder")
    answer = work(lambda: stub, store, path)
    assert isinstance(answer.stop, FeatureError)
    assert answer.outcome is None


def test_warnings_of_a_worker_arrive_once(store: FeatureStore, stub, path: Path):
    encode = stub.encode_units

    def warn(units: np.ndarray) -> np.ndarray:
        warnings.warn("odd units", UserWarning, stacklevel=1)
        return encode(units)

    stub.encode_units = warn
    answer = work(lambda: stub, store, path)
    assert [str(warning) for warning in answer.warnings] == ["odd units"]


def test_nothing_to_do_starts_no_ray(store: FeatureStore, load, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert extract_with_ray([], load, store, fingerprint="a" * 64).outcomes == ()
    with pytest.raises(UsageError, match="at least one worker, got 0"):
        extract_with_ray([], load, store, fingerprint="a" * 64, workers=0)


def test_missing_ray_says_what_to_install(store: FeatureStore, load, path: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InstallationError, match=r"pip install 'stillseek\[ray\]'"):
        extract_with_ray([path], load, store, fingerprint="a" * 64)


@pytest.mark.parametrize(
    ("address", "failure", "message"),
    [
        (
            "10.0.0.1:6379",
            ConnectionError("nobody there"),
            r"Ray at 10\.0\.0\.1:6379 \(nobody there\).*RAY_ADDRESS",
        ),
        (
            None,
            OSError("AF_UNIX path length cannot exceed 107 bytes"),
            r"start Ray on this machine \(AF_UNIX .*RAY_TMPDIR",
        ),
    ],
    ids=["cluster", "local"],
)
def test_ray_that_cannot_be_had_says_so(
    store: FeatureStore, load, path: Path, monkeypatch, address, failure, message
):
    if address:
        monkeypatch.setenv("RAY_ADDRESS", address)
    init = Mock(side_effect=failure)
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.init", init)
    with pytest.raises(UsageError, match=message):
        extract_with_ray([path], load, store, fingerprint="a" * 64)
    assert init.call_args.kwargs["address"] == (address or "local")
