import json
import re
from pathlib import Path

import numpy as np
import pytest
from fake_features import query_of

from stillseek.data.manifest import read_manifest, write_manifest
from stillseek.errors import MediaError
from stillseek.features import FeatureStore, QueryKey, VideoFeatures, VideoKey, content_hash
from stillseek.media import read_image
from stillseek.synthetic.rendered import rendered_dataset as rendered
from stillseek.synthetic.rendered.rendered_dataset import RenderedConfig
from stillseek.timeline import ClipGrid

WITHOUT = (
    "note their hashes where they are, with: stillseek dataset upgrade %s; then features in a "
    "store are enough (--store DIR)"
)
_NO_HELD_OUT = [f"--{split}-videos=0" for split in ("seen", "validation", "test")]


def test_render_passes_its_settings_on_and_counts(tmp_path, dataset, monkeypatch, run) -> None:
    calls = []

    def render(folder, config, *, workers, on_progress):
        calls.append((folder, config, workers))
        on_progress(1, 2)
        return read_manifest(dataset)

    monkeypatch.setattr(rendered, "render_dataset", render)
    out = tmp_path / "made"

    words = ["--seed", "3", "--train-videos", "7", "--two-targets-share", "0.25", "--workers", "1"]
    words += ["--seen-videos", "0", "--validation-videos", "4", "--test-videos", "5"]
    told = run("dataset", "render", out, *words)

    numbers = {"train_videos": 7, "seen_videos": 0, "validation_videos": 4, "test_videos": 5}
    assert calls == [(out, RenderedConfig(seed=3, two_targets_share=0.25, **numbers), 1)]
    assert told == (
        f"{out}: 17 samples (6 test, 5 train, 6 validation); videos that no query could be for: "
        "3 train, 1 test\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--test-videos", "-1"], "test_videos must be at least 0, got -1"),
        (["--videos", "3"], "Unknown option: --videos"),
        (["--workers", "0"], "workers must be at least 1, got 0"),
        ([*_NO_HELD_OUT, "--train-videos", "1"], "there would be no question: "),
    ],
)
def test_wrong_settings_exit_with_2(words, message, tmp_path, refused) -> None:
    assert message in refused("dataset", "render", tmp_path / "made", *words)
    assert not (tmp_path / "made").exists()


def test_check_finds_what_extract_has_not_made_yet(
    use_small_recipe, small_recipe, dataset, tmp_path, run, heard
) -> None:
    store = tmp_path / "store"
    check = ["dataset", "check", dataset]
    command = [*check, "--store", store]
    assert run(*check) == f"{dataset}: 17 samples, 12 files: all there\n"

    # A store in which nothing could be kept yet.
    (store / "logs").mkdir(parents=True)
    captured = heard(*command, code=1)
    count = 12 + len(list_queries(dataset))
    digits = small_recipe.fingerprint[:16]
    entries = f"{count} entries of recipe pocket ({digits})"
    assert captured.out == (
        f"{store}: features of no recipe\n"
        f"{dataset}: 17 samples, 12 files, {entries}: {count} problems\n"
    )
    assert captured.err.splitlines() == [
        f"error: not in the store: {count} entries; the first three:",
        f"error:   {dataset}/videos/train-a1.mp4: no features of the video",
        f"error:   {dataset}/videos/train-a1.mp4: no features of the frame at 2.50 s",
        f"error:   {dataset}/videos/train-a2.mp4: no features of the video",
        "what is missing for recipe pocket comes with: "
        f"stillseek extract --dataset {dataset} --out {store} --recipe pocket",
    ]

    run("extract", "--dataset", dataset, "--out", store)
    run(*command, "--recipe", "pocket")
    (dataset / "videos/test-a1.mp4").unlink()
    away = "12 files (1 not here, and known by hash)"
    told = run(*command, "--recipe", "pocket")
    assert told.endswith(f"17 samples, {away}, {entries}: all there\n")
    told = heard(*check, code=1)
    assert told.out.endswith(": 1 problem\n")
    assert told.err.splitlines()[-1] == f"put back what is not there; or {WITHOUT % dataset}"
    (dataset / "file_hashes.jsonl").unlink()
    found = json.loads(heard(*command, "--json", code=1).out)
    assert (found["num_samples"], found["num_entries"]) == (17, count)
    assert found["fingerprint"] == small_recipe.fingerprint
    (held,) = found["recipes"]
    assert (held["recipe"], held["videos"], held["queries"]) == ("pocket", 12, count - 12)
    gone, message = str(dataset / "videos/test-a1.mp4"), "there is no such file"
    assert found["problems"] == [{"kind": "file", "path": gone, "message": message}]


def fill(store, dataset, recipe: str, fingerprint: str, *, queries: bool = True) -> None:
    """Made-up features of another recipe, for every video and every query."""
    place = FeatureStore(store)
    grid = ClipGrid(stride_seconds=1.0, length_seconds=1.0, duration_seconds=7.0)
    clips = VideoFeatures(clips=np.zeros((7, 3), np.float32), grid=grid, fingerprint=fingerprint)
    query = query_of(np.zeros((2, 3), np.float32), np.zeros(3, np.float32), fingerprint)
    contents = {path.stem: content_hash(path) for path in (dataset / "videos").iterdir()}
    for content in contents.values():
        key = VideoKey(content=content, fingerprint=fingerprint)
        place.put(key, clips, source="v.mp4", recipe=recipe)
    for video, seconds in list_queries(dataset) if queries else ():
        key = QueryKey(content=contents[video], fingerprint=fingerprint, frame_seconds=seconds)
        place.put_query(key, query, source="v.mp4", recipe=recipe)


@pytest.fixture
def no_recipe_loads(monkeypatch) -> None:
    def load(name, options=None):
        raise AssertionError

    monkeypatch.setattr("stillseek.features.load_recipe", load)


def test_check_refuses_a_data_set_that_asks_nothing(tmp_path, heard) -> None:
    write_manifest(tmp_path, [], source="test", seed=0, settings={})

    assert heard("dataset", "check", tmp_path, code=1) == (
        f"{tmp_path}: 0 samples, 0 files: 1 problem\n",
        f"error: without samples: 1 data set:\nerror:   {tmp_path}: nothing is asked\n",
    )


@pytest.mark.usefixtures("no_recipe_loads")
def test_check_looks_for_the_recipe_that_the_store_holds(dataset, tmp_path, run, refused) -> None:
    store, count = tmp_path / "store", len(list_queries(dataset))
    command = ["dataset", "check", dataset, "--store", store]
    fill(store, dataset, "mobilenet", "a1" * 32)

    held = f"{store}: features of mobilenet ({'a1' * 8}): 12 videos, {count} queries"
    entries = f"{12 + count} entries of recipe mobilenet ({'a1' * 8})"
    assert run(*command) == f"{held}\n{dataset}: 17 samples, 12 files, {entries}: all there\n"

    fill(store, dataset, "hub:dinov2-small", "b2" * 32, queries=False)
    error = refused(*command)
    assert error.startswith(f"the store {store} has features of ")
    assert f"hub:dinov2-small ({'b2' * 8}): 12 videos, 0 queries" in error
    assert error.endswith("; say which to check with --recipe NAME, and its options")


@pytest.mark.usefixtures("no_recipe_loads")
def test_like_problems_stand_together_without_long_hashes(dataset, tmp_path, heard) -> None:
    store, videos = tmp_path / "store", dataset / "videos"
    fill(store, dataset, "mobilenet", "a1" * 32)
    entries = sorted(path for path in store.rglob("*.safetensors") if path.is_file())
    for path in entries[:5]:
        path.write_bytes(path.read_bytes()[:-2])
    gone = content_hash(videos / "test-b2.mp4")
    removed = [path for path in store.rglob(f"queries/*/{gone}*") if path not in entries[:5]]
    for path in removed:
        path.unlink()
    (dataset / "file_hashes.jsonl").unlink()
    (videos / "train-a1.mp4").unlink()
    (videos / "train-a2.mp4").write_bytes(b"no video")

    lines = heard("dataset", "check", dataset, "--store", store, code=1).err.splitlines()

    heads = [line for line in lines if line.startswith("error: ") and line[7] != " "]
    assert heads[0] == "error: not there: 1 file:"
    assert lines[1] == f"error:   {videos}/train-a1.mp4: there is no such file"
    assert heads[1] == "error: cannot be read: 1 video:"
    assert any(re.fullmatch(r"error: corrupt in the store: \d+ entr(y|ies).*:", h) for h in heads)
    assert not re.search(r"[0-9a-f]{17}", "\n".join(lines))
    for place, line in enumerate(lines):
        if line.endswith("the first three:"):
            assert all(each.startswith("error:   ") for each in lines[place + 1 : place + 4])
            assert not lines[place + 4].startswith("error:   ")


def list_queries(dataset) -> set[tuple[str | None, float | None]]:
    samples = read_manifest(dataset).samples
    return {(sample.query_video_id, sample.query_seconds) for sample in samples}


def test_upgrade_notes_what_is_here_and_check_compares_it(
    dataset, tmp_path, run, refused, heard
) -> None:
    videos, hashes = dataset / "videos", dataset / "file_hashes.jsonl"
    whole = hashes.read_bytes()
    hashes.unlink()  # as of a data set of before
    away = (videos / "test-a1.mp4").replace(tmp_path / "test-a1.mp4")

    upgrade, away_still = ["dataset", "upgrade", dataset], "1 not noted, as it is not here"

    assert run(*upgrade) == f"{dataset}: 11 files noted now, 0 before; {away_still}\n"
    assert run(*upgrade) == f"{dataset}: 0 files noted now, 11 before; {away_still}\n"
    away.replace(videos / "test-a1.mp4")
    assert run(*upgrade) == f"{dataset}: 1 file noted now, 11 before\n"
    assert hashes.read_bytes() == whole

    other = videos / "test-a2.mp4"
    other.write_bytes((videos / "test-a1.mp4").read_bytes())
    # Features of the file that was there are missing, too: extract would not make them.
    fill(tmp_path / "store", dataset, "mobilenet", "a1" * 32)
    found = heard("dataset", "check", dataset, "--store", tmp_path / "store", code=1)
    told = [line for line in found.err.splitlines() if "features" not in line]
    told.remove("error: not in the store: 2 entries:")
    assert told == [
        "error: changed since the data set was made: 1 file:",
        f"error:   {other}: hash {content_hash(other)[:16]}... in place of "
        f"{re.search(rb'test-a2.*sha256.: .(.{16})', whole)[1].decode()}...",
        "put the files back that the data set was made with; or, if those are right that are "
        f"there, take their hashes with: stillseek dataset upgrade {dataset} --again",
    ]
    other.write_bytes(b"short")
    assert re.match(rf"{other} has 5 bytes, and had \d+ ", refused(*upgrade, code=1))
    assert run(*upgrade, "--again") == f"{dataset}: 1 file noted now, 11 before\n"


def test_upgrade_tells_files_that_it_cannot_read(dataset, monkeypatch, heard) -> None:
    (dataset / "file_hashes.jsonl").unlink()
    unread = dataset / "videos/test-a2.mp4"

    def read(path: Path) -> str:
        if path == unread:
            raise MediaError("no luck")
        return content_hash(path)

    monkeypatch.setattr("stillseek.data.file_hashes.content_hash", read)

    assert heard("dataset", "upgrade", dataset) == (
        f"{dataset}: 11 files noted now, 0 before; 1 not noted, as it cannot be read\n",
        f"warning: cannot read {unread}; check its rights\n",
    )


def test_sheet_draws_a_picture_of_the_videos(dataset, tmp_path, run) -> None:
    out = tmp_path / "sheet.png"
    command = ["dataset", "sheet", dataset, "--out", out, "--videos"]

    assert run(*command, "3") == f"wrote {out}: 3 videos\n"
    assert read_image(out).shape == (3 * 146, 15 * 148 + 12, 3)


def test_check_says_where_there_is_no_store(dataset, tmp_path, refused) -> None:
    message = f"there is no store at {tmp_path / 'no'}; give the folder that extract wrote to"
    assert refused("dataset", "check", dataset, "--store", tmp_path / "no").startswith(message)


def test_extract_says_which_video_was_changed(use_small_recipe, dataset, tmp_path, heard) -> None:
    video = dataset / "videos/test-a1.mp4"
    content = bytearray(video.read_bytes())
    # In the metadata, so that it still plays; the size stays.
    content[content.rindex(b"Lavf")] = ord("M")
    video.write_bytes(content)

    told = heard("extract", "--dataset", dataset, "--out", tmp_path / "store", code=1)

    assert f"{video} was changed since its hash was noted: put that file back" in told.err
    assert re.search(r"failed +1 ", told.out)
