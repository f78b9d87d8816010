import json
import os
import time
from pathlib import Path

import fsspec
import numpy as np
import pytest

from stillseek.features import FeatureStore, VideoFeatures, VideoKey
from stillseek.timeline import ClipGrid

pytestmark = pytest.mark.usefixtures("use_small_recipe")

OTHER = "b" * 64


@pytest.fixture
def store(small_recipe, tmp_path: Path) -> Path:
    """Two videos of the small recipe, and one of another."""
    store = FeatureStore(tmp_path / "store")
    grid = ClipGrid(stride_seconds=1.0, length_seconds=1.0, duration_seconds=4000.0)
    clips = np.ones((4000, 3), np.float32)
    for content, fingerprint, recipe in (
        ("c", small_recipe.fingerprint, "pocket"),
        ("d", small_recipe.fingerprint, "pocket"),
        ("c", OTHER, None),
    ):
        store.put(
            VideoKey(content=content * 64, fingerprint=fingerprint),
            VideoFeatures(clips=clips, grid=grid, fingerprint=fingerprint),
            source="v.mp4",
            recipe=recipe,
        )
    return tmp_path / "store"


def entry_sizes(store: Path) -> list[int]:
    return [path.stat().st_size for path in sorted(store.rglob("*.safetensors"))]


def test_ls_prints_a_line_a_recipe(store: Path, small_recipe, run) -> None:
    lines = run("store", "ls", store).splitlines()
    digits = small_recipe.fingerprint[:16]
    sizes = [
        sum(path.stat().st_size for path in store.rglob(f"*.{part}.safetensors"))
        for part in (digits, "b" * 16)
    ]
    assert [line.split() for line in lines] == [
        ["fingerprint", "recipe", "videos", "length", "queries", "size"],
        [digits, "pocket", "2", "2:13:20", "0", f"{sizes[0] / 1000:.1f}", "kB"],
        ["b" * 16, "-", "1", "1:06:40", "0", f"{sizes[1] / 1000:.1f}", "kB"],
    ]


def test_ls_as_json(store: Path, small_recipe, run) -> None:
    answer = json.loads(run("store", "ls", store, "--json"))
    assert answer["store"] == str(store)
    fingerprints = [recipe["fingerprint"] for recipe in answer["recipes"]]
    assert fingerprints == [small_recipe.fingerprint, OTHER]
    assert sum(recipe["size_bytes"] for recipe in answer["recipes"]) == sum(entry_sizes(store))
    assert [recipe["seconds"] for recipe in answer["recipes"]] == [8000.0, 4000.0]


def test_verify_finds_and_removes_what_is_corrupt(store: Path, small_recipe, run, heard) -> None:
    assert run("store", "verify", store) == "entries: 3 intact, 0 corrupt\n"
    bad = store / "videos" / "dd" / f"{'d' * 64}.{small_recipe.fingerprint[:16]}.safetensors"
    content = bytearray(bad.read_bytes())
    content[-5] ^= 1
    bad.write_bytes(content)
    error = f"features in {bad} are corrupt (the checksum differs)"

    told = heard("store", "verify", store, code=1)
    assert told == ("entries: 2 intact, 1 corrupt\n", f"error: {error}\n")
    assert json.loads(heard("store", "verify", store, "--json", "--remove", code=1).out) == {
        "intact": 2,
        "corrupt": [{"entry": str(bad.relative_to(store)), "error": error}],
        "removed": 1,
    }
    assert not bad.exists()
    told = run("store", "verify", store, "--remove")
    assert told == "entries: 2 intact, 0 corrupt, 0 removed\n"


def test_gc_keeps_named_recipes(store: Path, run, heard) -> None:
    (other,) = store.rglob(f"*.{OTHER[:16]}.safetensors")
    size = other.stat().st_size
    command = ["store", "gc", store, "--keep-recipe", "pocket"]
    words = f"1 entry and 0 temporary files, {size / 1000:.1f} kB\n"
    name = other.relative_to(store).as_posix()
    assert heard(*command, "--dry-run") == (f"would go: {words}", f"would go: {name}\n")
    assert len(entry_sizes(store)) == 3
    assert run(*command) == f"removed: {words}"
    (kept,) = json.loads(run("store", "ls", store, "--json"))["recipes"]
    assert (kept["recipe"], kept["videos"]) == ("pocket", 2)


def test_gc_keeps_fingerprints_and_removes_dead_temporaries(store: Path, run) -> None:
    dead, live = (store / "videos" / "cc" / f".{digit * 16}.tmp" for digit in "01")
    for path in (dead, live):
        path.write_bytes(b"123")
    os.utime(dead, (time.time() - 4000,) * 2)
    assert run("store", "gc", store) == "removed: 0 entries and 1 temporary file, 3 B\n"
    assert (dead.exists(), live.exists()) == (False, True)
    answer = json.loads(run("store", "gc", store, "--fingerprint", "b" * 16, "--json"))
    assert (len(answer["entries"]), answer["temporaries"], answer["removed"]) == (2, [], True)
    assert len(entry_sizes(store)) == 1


@pytest.mark.parametrize("fingerprint", ["b" * 15, "e" * 16])
def test_gc_refuses_a_fingerprint_that_keeps_nothing(fingerprint: str, store: Path, refused):
    assert refused("store", "gc", store, "--fingerprint", fingerprint) == (
        f"{store} has nothing of recipe fingerprint {fingerprint!r}; stillseek store ls lists what "
        "it has, and 16 digits are needed"
    )
    assert len(entry_sizes(store)) == 3


def test_gc_refuses_a_recipe_that_keeps_nothing(store: Path, small_recipe, refused) -> None:
    digits = small_recipe.fingerprint[:16]
    for path in store.rglob(f"*.{digits}.safetensors"):
        path.unlink()
    for extra in ([], ["--dry-run"], ["--fingerprint", OTHER]):
        assert refused("store", "gc", store, "--keep-recipe", "pocket", *extra) == (
            f"{store} has nothing of recipe 'pocket' with fingerprint {digits}, only fingerprint "
            f"{'b' * 16}; load the recipe as it was for extract, or name what to keep with "
            "--fingerprint"
        )
    assert len(entry_sizes(store)) == 1


def test_gc_refuses_options_without_a_recipe(store: Path, refused) -> None:
    message = "options of recipes need --keep-recipe NAME; give it, or leave them out"
    assert refused("store", "gc", store, "--precision", "bf16") == message


@pytest.mark.parametrize("verb", [["gc", "--keep-recipe", "pocket"], ["verify", "--remove"]])
@pytest.mark.parametrize("place", ["sail/head", "videos/dd", "videos/head"])
def test_files_of_others_inside_the_folder_stay(verb, place: str, store: Path, heard) -> None:
    head = store / place / "model.safetensors"
    head.parent.mkdir(parents=True, exist_ok=True)
    head.write_bytes(b"trained")
    (head.parent / f"mine.{'b' * 16}.safetensors").write_bytes(b"mine")
    heard("store", verb[0], store, *verb[1:])
    assert (len(list(head.parent.glob("m*"))), head.read_bytes()) == (2, b"trained")


@pytest.mark.parametrize("verb", ["ls", "verify", "gc"])
def test_what_is_no_store_is_refused(verb: str, tmp_path: Path, run, refused) -> None:
    for there in (f"logs/a.json videos/cc/.{'0' * 16}.tmp", "logs/"):
        place = tmp_path / f"store{len(there)}"
        for name in there.split():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).mkdir() if name.endswith("/") else (place / name).write_bytes(b"1")
        run("store", verb, place)
    give = "; give the folder that extract wrote to"
    (tmp_path / "new").mkdir()
    (tmp_path / "run/head").mkdir(parents=True)
    (tmp_path / "dataset/videos").mkdir(parents=True)
    (tmp_path / "dataset/videos/one.mp4").write_bytes(b"1")
    for name, what in (
        ("run", "it has neither videos/ nor queries/, but head"),
        ("dataset", "it has no entry, but videos/one.mp4"),
        ("new", "it is empty"),
    ):
        assert (
            refused("store", verb, tmp_path / name)
            == f"{tmp_path / name} is no store: {what}{give}"
        )
    nothing = tmp_path / "nothing"
    assert refused("store", verb, nothing) == f"there is no store at {nothing}{give}"


def test_store_at_a_url(write_clip, run, refused) -> None:
    url = "memory://bucket/store"
    run("extract", write_clip(name="one.mp4"), "--out", url)
    assert run("store", "verify", url) == "entries: 1 intact, 0 corrupt\n"
    assert "memory://bucket is no store" in refused("store", "ls", "memory://bucket")
    (log,) = fsspec.filesystem("memory").glob("/bucket/store/logs/*.json")
    assert json.loads(fsspec.filesystem("memory").cat_file(log))["store"] == url
    fsspec.filesystem("memory").store.clear()
