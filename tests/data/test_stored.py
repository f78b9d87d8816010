import pickle
import re
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import numpy as np
import pytest
from fake_features import BlueRecipe, counted
from samples import make_sample

from stillseek.data.batching import BatchLoader
from stillseek.data.example import Example, ExampleSet
from stillseek.data.manifest import Manifest, read_manifest, write_manifest
from stillseek.data.stored import QueryOutcome, StoredFeatures, extract_queries, video_paths
from stillseek.errors import DatasetError, FeatureError, MediaError
from stillseek.features import FeatureStore, QueryFeatures, VideoFeatures, VideoKey, content_hash
from stillseek.timeline import ClipGrid, Segment

FINGERPRINT = BlueRecipe.fingerprint


@pytest.fixture
def manifest(folder: Path) -> Manifest:
    sample = make_sample(sample_id="first", video_id="long", duration_seconds=7.0)
    image = {"query_video_id": None, "query_seconds": None, "query_image": "handball.png"}
    samples = [
        sample,
        replace(sample, sample_id="second", query_seconds=1.5),
        replace(sample, sample_id="third", **image),
    ]
    return write_manifest(folder, samples, source="test", seed=0, settings={})


@pytest.fixture
def store(manifest: Manifest, tmp_path: Path) -> FeatureStore:
    """Holds seven clips of the long video, each with its own number."""
    store = FeatureStore(tmp_path / "store")
    features = VideoFeatures(
        clips=counted(7, 3),
        grid=ClipGrid(stride_seconds=1.0, length_seconds=1.0, duration_seconds=7.0),
        fingerprint=FINGERPRINT,
    )
    key = VideoKey(content=content_hash(manifest.video_path("long")), fingerprint=FINGERPRINT)
    store.put(key, features, source="long")
    return store


@pytest.mark.parametrize(
    ("window", "clips", "offset"),
    [
        (None, [0, 1, 2, 3, 4, 5, 6], 0.0),
        (Segment(0.0, 7.0), [0, 1, 2, 3, 4, 5, 6], 0.0),
        (Segment(2.0, 5.0), [2, 3, 4], 0.0),
        (Segment(2.25, 5.25), [2, 3, 4, 5], -0.25),
        (Segment(2.75, 5.0), [2, 3, 4], -0.75),
        (Segment(6.5, 7.0), [6], -0.5),
        (Segment(0.0, 7.005), [0, 1, 2, 3, 4, 5, 6], 0.0),
    ],
)
def test_window_takes_the_clips_of_every_instant(
    manifest: Manifest, store: FeatureStore, window: Segment | None, clips: list[int], offset: float
) -> None:
    found = StoredFeatures(manifest, store, FINGERPRINT).load_video_features("long", window)
    grid = found.grid

    assert StoredFeatures(manifest, store, FINGERPRINT).load_grid("long", window) == grid
    assert found.clips[:, 0].tolist() == clips
    assert grid.num_clips == len(clips)
    assert grid.offset_seconds == offset
    assert grid.duration_seconds == pytest.approx(
        min(7.0, window.end_seconds) - window.start_seconds if window else 7.0
    )


def refuse(path: Path) -> str:
    raise AssertionError(f"{path} was hashed again")


def test_another_process_reads_the_same_and_hashes_no_file_again(
    manifest: Manifest, store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = StoredFeatures(replace(manifest, file_hashes={}), store, FINGERPRINT)
    expected = source.load_video_features("long", None)

    monkeypatch.setattr("stillseek.data.file_hashes.content_hash", refuse)
    found = pickle.loads(pickle.dumps(source)).load_video_features("long", None)

    np.testing.assert_array_equal(found.clips, expected.clips)
    assert found.grid == expected.grid


def test_files_whose_hashes_are_known_are_not_opened_and_need_not_be_there(
    manifest: Manifest, store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract_queries(manifest, BlueRecipe(), store)
    unknown = replace(manifest, file_hashes={})
    expected = list(ExampleSet(manifest.samples, StoredFeatures(unknown, store, FINGERPRINT)))
    monkeypatch.setattr("stillseek.data.file_hashes.content_hash", refuse)

    def load() -> list[Example]:
        source = StoredFeatures(read_manifest(manifest.folder), store, FINGERPRINT)
        return list(ExampleSet(manifest.samples, source))

    here = load()
    rmtree(manifest.folder / "videos")
    (manifest.folder / "handball.png").unlink()
    gone = load()

    for examples in (here, gone):
        for example, other in zip(examples, expected, strict=True):
            np.testing.assert_array_equal(example.steps, other.steps)
            np.testing.assert_array_equal(example.regions, other.regions)
    monkeypatch.undo()
    with pytest.raises(MediaError, match=r"cannot read .*long\.mp4"):
        StoredFeatures(unknown, store, FINGERPRINT).load_video_features("long", None)


def test_a_file_of_another_size_is_refused(manifest: Manifest, store: FeatureStore) -> None:
    source = StoredFeatures(manifest, store, FINGERPRINT)
    for path in (manifest.video_path("long"), manifest.folder / "handball.png"):
        path.write_bytes(path.read_bytes() + b"more")
    told = r" bytes, and had .*put that file back; or, .* stillseek dataset upgrade with --again"

    for load in (
        lambda: source.load_video_features("long", None),
        lambda: source.load_grid("long", None),
    ):
        with pytest.raises(DatasetError, match=r"long\.mp4 has \d+" + told):
            load()
    with pytest.raises(DatasetError, match=r"handball\.png has \d+" + told):
        source.load_query_features(manifest.samples[2])
    _, image = extract_queries(manifest, BlueRecipe(), store)
    assert image.num_failed == 1
    assert re.search(told, image.error)


def test_an_image_of_other_bytes_is_refused(manifest: Manifest, store: FeatureStore) -> None:
    path = manifest.folder / "handball.png"
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    _, image = extract_queries(manifest, BlueRecipe(), store)

    assert image.num_failed == 1
    assert "handball.png was changed since its hash was noted: put that file back" in image.error


def test_lengths_need_no_feature(
    manifest: Manifest, store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = replace(manifest.samples[1], window=Segment(2.25, 5.25), duration_seconds=3.0)
    samples = (manifest.samples[0], second, manifest.samples[2])
    names: list[str] = []
    read = store.files.read

    def counting(name: str, start: int = 0, stop: int | None = None) -> bytes:
        assert (start, stop) == (0, 1 << 16)  # the head
        names.append(name)
        return read(name, start, stop)

    monkeypatch.setattr(store.files, "read", counting)
    examples = ExampleSet(samples, StoredFeatures(manifest, store, FINGERPRINT))

    assert [examples.grid(index).num_steps for index in range(3)] == [7, 4, 7]
    assert len(names) == 1


def test_queries_are_encoded_once_at_their_times(manifest: Manifest, store: FeatureStore) -> None:
    seen: list[tuple[int, int]] = []
    outcomes = extract_queries(
        manifest, BlueRecipe(), store, on_progress=lambda *at: seen.append(at)
    )

    other, image = (manifest.query_path(sample) for sample in manifest.samples[1:])
    assert outcomes == (
        QueryOutcome(path=other, num_encoded=2),
        QueryOutcome(path=image, num_encoded=1),
    )
    assert seen == [(1, 2), (2, 2)]
    assert extract_queries(manifest, BlueRecipe(), store) == (
        QueryOutcome(path=other, num_present=2),
        QueryOutcome(path=image, num_present=1),
    )
    source = StoredFeatures(manifest, store, FINGERPRINT)
    # Blue is 23 a second; the video and half precision keep it to a few grey levels.
    for sample, blue in zip(manifest.samples, (23 * 3, 23 * 1, 128), strict=True):
        query = source.load_query_features(sample)
        assert query.regions.mean() * 256 == pytest.approx(blue, abs=8)
        assert (query.boxes.shape, query.global_feature.shape) == ((2, 4), (5,))


def test_a_worker_fails_as_the_process_itself_would(
    manifest: Manifest, store: FeatureStore
) -> None:
    extract_queries(manifest, BlueRecipe(), store)
    examples = ExampleSet(manifest.samples, StoredFeatures(manifest, store, FINGERPRINT))
    loader = BatchLoader(examples, num_workers=1)
    (batch,) = loader.load([[2, 0]])
    assert batch.sample_ids == ("third", "first")
    rmtree(store.root)

    with pytest.raises(FeatureError, match=r"extract with this recipe first$"):
        list(loader.load([[1]]))

    loader.close()


def test_files_that_cannot_answer_are_skipped_and_named(
    manifest: Manifest, store: FeatureStore
) -> None:
    first, *others = manifest.samples
    asked = (replace(first, query_seconds=5.5), replace(first, query_video_id="gone"), *others)
    wrong = replace(manifest, samples=asked[:2] + asked[3:])

    late, gone, image = extract_queries(wrong, BlueRecipe(), store)
    assert (image.num_encoded, image.error) == (1, "")
    assert (late.num_encoded, late.num_present, late.num_failed) == (0, 0, 1)
    assert re.search(r"other\.mp4.*5\.5.*made for another video", late.error)
    assert (gone.path.name, gone.num_failed) == ("gone.mp4", 1)
    assert "gone.mp4" in gone.error
    ended: list[QueryOutcome] = []
    with pytest.raises(MediaError, match=r"other\.mp4"):
        extract_queries(wrong, BlueRecipe(), store, strict=True, on_outcome=ended.append)
    assert ended == [late]


def test_of_a_file_that_fails_what_is_stored_stays_present(
    manifest: Manifest, store: FeatureStore
) -> None:
    first = manifest.samples[0]
    extract_queries(replace(manifest, samples=(first,)), BlueRecipe(), store)
    asked = (first, replace(first, query_seconds=5.5))

    (outcome,) = extract_queries(replace(manifest, samples=asked), BlueRecipe(), store)

    assert (outcome.num_encoded, outcome.num_present, outcome.num_failed) == (0, 1, 1)


def test_an_image_without_usable_features_fails_alone(
    manifest: Manifest, store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = manifest.samples[0]
    asked = replace(manifest, samples=(first, replace(first, query_seconds=1.5)))
    recipe, encode, images = BlueRecipe(), BlueRecipe().encode_pixels, []

    def encode_first_as_nan(image: np.ndarray) -> QueryFeatures:
        images.append(image)
        features = encode(image)
        return replace(features, regions=features.regions * (np.nan if len(images) == 1 else 1))

    monkeypatch.setattr(recipe, "encode_pixels", encode_first_as_nan)
    (outcome,) = extract_queries(asked, recipe, store)
    assert (outcome.num_encoded, outcome.num_present, outcome.num_failed) == (1, 0, 1)
    assert re.search(r"a query of .*other\.mp4 has no features.*check the recipe", outcome.error)
    (again,) = extract_queries(asked, BlueRecipe(), store)
    assert (again.num_encoded, again.num_present, again.num_failed) == (1, 1, 0)


def test_missing_features_and_videos_are_named(manifest: Manifest, store: FeatureStore) -> None:
    source = StoredFeatures(manifest, store, FINGERPRINT)

    with pytest.raises(FeatureError, match="extract with this recipe first"):
        source.load_video_features("other", None)
    with pytest.raises(MediaError, match=r"nowhere\.mp4"):
        source.load_video_features("nowhere", None)


def test_video_paths_are_those_searched_each_once(manifest: Manifest) -> None:
    assert video_paths(manifest) == [manifest.folder / "videos/long.mp4"]
