from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_features import query_of
from samples import make_sample

from stillseek.data.check import check_dataset
from stillseek.data.manifest import Manifest, write_manifest
from stillseek.data.sample import Sample
from stillseek.errors import FeatureError
from stillseek.features import FeatureStore, QueryKey, VideoFeatures, VideoKey, content_hash
from stillseek.timeline import ClipGrid, Segment

FINGERPRINT, OTHER = "a" * 64, "b" * 64
SAMPLE = make_sample(sample_id="first", video_id="long", duration_seconds=7.0)
BY_IMAGE = {"query_video_id": None, "query_seconds": None, "query_image": "handball.png"}


def manifest_of(folder: Path, *samples: Sample) -> Manifest:
    return write_manifest(folder, samples, source="test", seed=0, settings={})


@pytest.fixture
def manifest(folder: Path) -> Manifest:
    window = {"window": Segment(2.0, 5.0), "duration_seconds": 3.0}
    return manifest_of(
        folder,
        SAMPLE,
        replace(SAMPLE, sample_id="second", query_seconds=1.5, **window),
        replace(SAMPLE, sample_id="third", **BY_IMAGE),
    )


def fill(store: FeatureStore, manifest: Manifest, fingerprint: str) -> None:
    clips = VideoFeatures(
        clips=np.zeros((7, 3), np.float32),
        grid=ClipGrid(stride_seconds=1.0, length_seconds=1.0, duration_seconds=7.0),
        fingerprint=fingerprint,
    )
    query = query_of(np.zeros((2, 3), np.float32), np.zeros(5, np.float32), fingerprint)
    long, other, image = (
        content_hash(manifest.folder / name)
        for name in ("videos/long.mp4", "videos/other.mp4", "handball.png")
    )
    store.put(VideoKey(content=long, fingerprint=fingerprint), clips, source="long")
    for content, seconds in ((other, 3.5), (other, 1.5), (image, None)):
        key = QueryKey(content=content, fingerprint=fingerprint, frame_seconds=seconds)
        store.put_query(key, query, source="query")


def test_a_data_set_without_samples_is_a_problem(folder: Path) -> None:
    report = check_dataset(manifest_of(folder))

    assert [(problem.kind, problem.path) for problem in report.problems] == [("empty", folder)]


def test_a_whole_data_set_has_no_problem(manifest: Manifest, tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store")
    fill(store, manifest, FINGERPRINT)
    seen: list[tuple[int, int]] = []

    report = check_dataset(
        manifest, features=(store, FINGERPRINT), on_progress=lambda *at: seen.append(at)
    )

    assert (report.problems, report.fingerprints) == ((), ())
    assert (report.num_samples, report.num_files, report.num_entries) == (3, 3, 4)
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert check_dataset(manifest).num_entries == 0


def test_missing_and_broken_files_are_named(manifest: Manifest) -> None:
    videos = manifest.folder / "videos"
    (videos / "long.mp4").write_bytes(b"no video")
    (videos / "other.mp4").unlink()
    (manifest.folder / "handball.png").unlink()

    problems = check_dataset(manifest).problems

    assert [(each.kind, each.path.name) for each in problems] == [
        ("video", "long.mp4"),
        ("changed", "long.mp4"),
        ("file", "other.mp4"),
        ("file", "handball.png"),
    ]
    assert problems[2].message == "there is no such file"


def test_a_file_that_changed_in_a_byte_is_named(manifest: Manifest) -> None:
    path = manifest.folder / "handball.png"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    (problem,) = check_dataset(manifest).problems

    assert (problem.kind, problem.path) == ("changed", path)
    assert content_hash(path) in problem.message
    assert check_dataset(replace(manifest, file_hashes={})).problems == ()


def test_features_of_known_files_are_checked_without_the_files(
    manifest: Manifest, tmp_path: Path
) -> None:
    store = FeatureStore(tmp_path / "store")
    fill(store, manifest, FINGERPRINT)
    for file in manifest.files():
        manifest.path(file).unlink()

    known = check_dataset(manifest, features=(store, FINGERPRINT))
    assert (known.problems, known.num_away, known.num_files) == ((), 3, 3)
    unknown = replace(manifest, file_hashes={})
    for report in (check_dataset(manifest), check_dataset(unknown, features=(store, FINGERPRINT))):
        assert [each.kind for each in report.problems] == ["file"] * 3
        assert report.num_away == 0
    (other,) = {each.kind for each in check_dataset(manifest, features=(store, OTHER)).problems}
    assert other == "features"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"duration_seconds": 7.25}, None),  # inside the tolerance
        (
            {"duration_seconds": 9.0},
            "the video of sample 'first' (and 1 more) ends at 9.00 s, the file at 7.00 s",
        ),
        (
            {"duration_seconds": 6.0},
            "the video of sample 'first' (and 1 more) ends at 6.00 s, the file at 7.00 s",
        ),
        ({"duration_seconds": 6.0, "window": Segment(0.5, 6.5)}, None),
        (
            {"duration_seconds": 6.0, "window": Segment(2.0, 8.0)},
            "the window of sample 'first' (and 1 more) ends at 8.00 s, the file at 7.00 s",
        ),
        (
            {"query_seconds": 6.0},
            "the query frame of sample 'first' is at 6.00 s, the file ends at 5.00 s",
        ),
    ],
)
def test_times_outside_the_files_are_told_once(
    folder: Path, changes: dict[str, object], message: str | None
) -> None:
    sample = replace(SAMPLE, **changes)
    manifest = manifest_of(folder, sample, replace(sample, sample_id="second"))

    problems = check_dataset(manifest).problems

    assert [(each.kind, each.message) for each in problems] == (
        [] if message is None else [("time", message)]
    )


def test_missing_and_corrupt_entries_are_named(manifest: Manifest, tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store")
    fill(store, manifest, OTHER)
    missing = check_dataset(manifest, features=(store, FINGERPRINT))

    assert {each.kind for each in missing.problems} == {"features"}
    assert [(each.path.name, each.message) for each in missing.problems] == [
        ("long.mp4", "no features of the video"),
        ("other.mp4", "no features of the frame at 3.50 s"),
        ("other.mp4", "no features of the frame at 1.50 s"),
        ("handball.png", "no features of the image"),
    ]
    assert missing.fingerprints == (OTHER[:16],)

    (entry,) = (tmp_path / "store/videos").glob("*/*")
    entry.write_bytes(entry.read_bytes()[:-3])
    (corrupt,) = check_dataset(manifest, features=(store, OTHER)).problems
    assert (corrupt.kind, corrupt.path.name) == ("corrupt", "long.mp4")
    assert "corrupt" in corrupt.message


def test_a_store_that_cannot_be_read_is_no_problem_of_the_data(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FeatureStore(tmp_path / "store")
    fill(store, manifest, FINGERPRINT)

    def fail(name: str, start: int = 0, stop: int | None = None) -> bytes:
        raise FeatureError("cannot read it; check the disk")

    monkeypatch.setattr(store.files, "read", fail)
    with pytest.raises(FeatureError, match="check the disk"):
        check_dataset(manifest, features=(store, FINGERPRINT))
