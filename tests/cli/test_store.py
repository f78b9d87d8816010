import json
import os
import time
from pathlib import Path

import fsspec
import numpy as np
import pytest

from stillseek.cli.app import main
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


def test_ls_prints_a_line_a_recipe(store: Path, small_recipe, capsys) -> None:
    assert main(["store", "ls", str(store)]) == 0
    lines = capsys.readouterr().out.splitlines()
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


def test_ls_as_json(store: Path, small_recipe, capsys) -> None:
    assert main(["store", "ls", str(store), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["store"] == str(store)
    assert [recipe["fingerprint"] for recipe in answer["recipes"]] == [
        small_recipe.fingerprint,
        OTHER,
    ]
    assert sum(recipe["size_bytes"] for recipe in answer["recipes"]) == sum(entry_sizes(store))
    assert [recipe["seconds"] for recipe in answer["recipes"]] == [8000.0, 4000.0]


def test_verify_finds_and_removes_what_is_corrupt(store: Path, small_recipe, capsys) -> None:
    assert main(["store", "verify", str(store)]) == 0
    assert capsys.readouterr() == ("entries: 3 intact, 0 corrupt\n", "")
    bad = store / "videos" / "dd" / f"{'d' * 64}.{small_recipe.fingerprint[:16]}.safetensors"
    content = bytearray(bad.read_bytes())
    content[-5] ^= 1
    bad.write_bytes(content)
    error = f"features in {bad} are corrupt (the checksum differs)"

    assert main(["store", "verify", str(store)]) == 1
    assert capsys.readouterr() == ("entries: 2 intact, 1 corrupt\n", f"error: {error}\n")
    assert main(["store", "verify", str(store), "--json", "--remove"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "intact": 2,
        "corrupt": [{"entry": str(bad.relative_to(store)), "error": error}],
        "removed": 1,
    }
    assert not bad.exists()
    assert main(["store", "verify", str(store), "--remove"]) == 0
    assert capsys.readouterr().out == "entries: 2 intact, 0 corrupt, 0 removed\n"


def test_gc_keeps_named_recipes(store: Path, capsys) -> None:
    (other,) = store.rglob(f"*.{OTHER[:16]}.safetensors")
    size = other.stat().st_size
    command = ["store", "gc", str(store), "--keep-recipe", "pocket"]
    assert main([*command, "--dry-run"]) == 0
    words = f"1 entries and 0 temporary files, {size / 1000:.1f} kB\n"
    name = other.relative_to(store).as_posix()
    assert capsys.readouterr() == (f"would go: {words}", f"would go: {name}\n")
    assert len(entry_sizes(store)) == 3
    assert main(command) == 0
    assert capsys.readouterr().out == f"removed: {words}"
    assert main(["store", "ls", str(store), "--json"]) == 0
    (kept,) = json.loads(capsys.readouterr().out)["recipes"]
    assert (kept["recipe"], kept["videos"]) == ("pocket", 2)


def test_gc_keeps_fingerprints_and_removes_dead_temporaries(store: Path, capsys) -> None:
    dead, live = (store / "videos" / "cc" / f".{digit * 16}.tmp" for digit in "01")
    for path in (dead, live):
        path.write_bytes(b"123")
    os.utime(dead, (time.time() - 4000,) * 2)
    assert main(["store", "gc", str(store)]) == 0
    assert capsys.readouterr().out == "removed: 0 entries and 1 temporary files, 3 B\n"
    assert (dead.exists(), live.exists()) == (False, True)
    assert main(["store", "gc", str(store), "--fingerprint", "b" * 16, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (len(answer["entries"]), answer["temporaries"], answer["removed"]) == (2, [], True)
    assert len(entry_sizes(store)) == 1


@pytest.mark.parametrize("fingerprint", ["b" * 15, "e" * 16])
def test_gc_refuses_a_fingerprint_that_keeps_nothing(fingerprint: str, store: Path, capsys) -> None:
    assert main(["store", "gc", str(store), "--fingerprint", fingerprint]) == 2
    assert capsys.readouterr().err == (
        f"error: {store} has nothing of recipe fingerprint {fingerprint!r}; stillseek store ls "
        "lists what it has, and 16 digits are needed\n"
    )
    assert len(entry_sizes(store)) == 3


def test_gc_refuses_a_recipe_that_keeps_nothing(store: Path, small_recipe, capsys) -> None:
    digits = small_recipe.fingerprint[:16]
    for path in store.rglob(f"*.{digits}.safetensors"):
        path.unlink()
    for extra in ([], ["--dry-run"], ["--fingerprint", OTHER]):
        assert main(["store", "gc", str(store), "--keep-recipe", "pocket", *extra]) == 2
        assert capsys.readouterr().err == (
            f"error: {store} has nothing of recipe 'pocket' with fingerprint {digits}, only "
            f"fingerprint {'b' * 16}; load the recipe as it was for extract, or name what to keep "
            "with --fingerprint\n"
        )
    assert len(entry_sizes(store)) == 1


def test_gc_refuses_options_without_a_recipe(store: Path, capsys) -> None:
    assert main(["store", "gc", str(store), "--precision", "bf16"]) == 2
    assert capsys.readouterr().err == (
        "error: options of recipes need --keep-recipe NAME; give it, or leave them out\n"
    )


@pytest.mark.parametrize("verb", ["ls", "verify", "gc"])
def test_store_that_is_not_there_exits_with_2(verb: str, tmp_path: Path, capsys) -> None:
    assert main(["store", verb, str(tmp_path / "nothing")]) == 2
    assert capsys.readouterr().err == (
        f"error: there is no store at {tmp_path / 'nothing'}; give the folder that extract wrote "
        "to\n"
    )


@pytest.mark.parametrize("verb", [["gc", "--keep-recipe", "pocket"], ["verify", "--remove"]])
@pytest.mark.parametrize("place", ["sail/head", "videos/dd", "videos/head"])
def test_files_of_others_inside_the_folder_stay(verb, place: str, store: Path) -> None:
    head = store / place / "model.safetensors"
    head.parent.mkdir(parents=True, exist_ok=True)
    head.write_bytes(b"trained")
    (head.parent / f"mine.{'b' * 16}.safetensors").write_bytes(b"mine")
    assert main(["store", verb[0], str(store), *verb[1:]]) == 0
    assert (len(list(head.parent.glob("m*"))), head.read_bytes()) == (2, b"trained")


@pytest.mark.parametrize("verb", ["ls", "verify", "gc"])
def test_folder_that_is_no_store_is_refused(verb: str, tmp_path: Path, capsys) -> None:
    (tmp_path / "logs").mkdir()
    assert main(["store", verb, str(tmp_path)]) == 0
    (tmp_path / "sail" / "head").mkdir(parents=True)
    capsys.readouterr()
    assert main(["store", verb, str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"error: {tmp_path} is no store: it has neither videos/ nor queries/, but sail; give the "
        "folder that extract wrote to\n"
    )


@pytest.mark.parametrize("verb", ["ls", "verify", "gc"])
def test_folder_without_any_entry_is_refused(verb: str, tmp_path: Path, capsys) -> None:
    folder, emptied = tmp_path / "dataset", tmp_path / "emptied"
    (folder / "videos").mkdir(parents=True)
    (emptied / "videos" / "cc").mkdir(parents=True)
    (emptied / "videos" / "cc" / f".{'0' * 16}.tmp").write_bytes(b"1")

    assert main(["store", verb, str(emptied)]) == 0
    capsys.readouterr()
    (folder / "videos" / "one.mp4").write_bytes(b"1")
    for place, what in (
        (folder, f"has no entry, but {Path('videos/one.mp4')}"),
        (folder.with_name("new"), "is empty"),
    ):
        place.mkdir(exist_ok=True)
        assert main(["store", verb, str(place)]) == 2
        assert capsys.readouterr().err == (
            f"error: {place} is no store: it {what}; give the folder that extract wrote to\n"
        )


def test_store_at_a_url(write_clip, capsys) -> None:
    url = "memory://bucket/store"
    assert main(["extract", str(write_clip(name="one.mp4")), "--out", url]) == 0
    assert main(["store", "verify", url]) == 0
    assert capsys.readouterr().out.endswith("entries: 1 intact, 0 corrupt\n")
    assert main(["store", "ls", "memory://bucket"]) == 2
    assert "memory://bucket is no store" in capsys.readouterr().err
    (log,) = fsspec.filesystem("memory").glob("/bucket/store/logs/*.json")
    assert json.loads(fsspec.filesystem("memory").cat_file(log))["store"] == url
    fsspec.filesystem("memory").store.clear()
