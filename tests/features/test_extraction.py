from pathlib import Path

import pytest
import torch

from stillseek.errors import MediaError
from stillseek.features import FeatureStore, VideoKey, content_hash, extract
from stillseek.features.encoder import PocketConfig, PocketEncoder
from stillseek.features.pocket import PocketRecipe


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "store")


def statuses(report) -> list[str]:
    return [outcome.status for outcome in report.outcomes]


def test_nothing_to_do(store: FeatureStore, stub):
    report = extract([], stub, store)
    assert report.outcomes == ()
    assert (report.encoded_seconds, report.times_real_time) == (0, None)


def test_bad_videos_are_reported_and_the_rest_is_done(store: FeatureStore, stub, write_files):
    paths = write_files({"a.mp4": b"alpha", "b.mp4": b"bad", "c.mp4": b"gamma"})
    paths.append(paths[0].with_name("nowhere.mp4"))
    report = extract(paths, stub, store)
    assert statuses(report) == ["encoded", "failed", "encoded", "failed"]
    assert "b.mp4 is not a video" in report.outcomes[1].error
    assert "cannot read" in report.outcomes[3].error
    assert report.encoded_seconds == 6.0
    assert report.times_real_time is not None
    assert [outcome.path for outcome in report.with_status("failed")] == [paths[1], paths[3]]


def test_second_run_encodes_only_what_is_missing(store: FeatureStore, stub, write_files):
    paths = write_files({"a.mp4": b"alpha", "b.mp4": b"beta", "copy.mp4": b"alpha"})
    assert statuses(extract(paths[:1], stub, store)) == ["encoded"]
    assert statuses(extract(paths, stub, store)) == ["present", "encoded", "present"]
    assert stub.encoded == ["a.mp4", "b.mp4"]


def test_strict_stops_at_the_first_bad_video_and_keeps_what_is_done(
    store: FeatureStore, stub, write_files
):
    paths = write_files({"a.mp4": b"alpha", "b.mp4": b"bad", "c.mp4": b"gamma"})
    with pytest.raises(MediaError, match=r"b\.mp4 is not a video"):
        extract(paths, stub, store, strict=True)
    assert stub.encoded == ["a.mp4", "b.mp4"]
    key = VideoKey(content=content_hash(paths[0]), fingerprint=stub.fingerprint)
    assert store.find(key) is not None


def test_progress_names_the_video_and_its_seconds(store: FeatureStore, stub, write_files):
    paths = write_files({"a.mp4": b"alpha", "b.mp4": b"bad"})
    seen = []
    extract(paths, stub, store, on_progress=seen.append)
    assert [(p.video_index, p.path.name, p.seconds_done, p.duration_seconds) for p in seen] == [
        (0, "a.mp4", 2.0, 3.0),
        (0, "a.mp4", 3.0, 3.0),
        (0, "a.mp4", 3.0, 3.0),
        (1, "b.mp4", 0.0, 0.0),
    ]
    assert {p.num_videos for p in seen} == {2}


def test_real_videos_end_to_end(store: FeatureStore, make_video, tmp_path: Path):
    torch.manual_seed(0)
    config = PocketConfig(widths=(3, 5, 7, 11, 13), embedding_dim=17)
    recipe = PocketRecipe(encoder=PocketEncoder(config))
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(make_video(seconds=1.0, name="whole.mp4").read_bytes()[:300])
    paths = [make_video(seconds=2.5), broken]
    assert statuses(extract(paths, recipe, store)) == ["encoded", "failed"]
    key = VideoKey(content=content_hash(paths[0]), fingerprint=recipe.fingerprint)
    features = store.get(key)
    assert features.clips.shape == (3, 17)
    assert features.grid.duration_seconds == pytest.approx(2.5)
    assert statuses(extract(paths, recipe, store)) == ["present", "failed"]
