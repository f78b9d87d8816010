import pickle
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from fake_features import FakeSource, counted
from samples import make_sample

from stillseek.data.example import ExampleSet, collate
from stillseek.data.hdf5 import Hdf5ClipFeatures, describe_clips
from stillseek.errors import FeatureError, InstallationError
from stillseek.timeline import Segment

QUERIES = FakeSource(counted(1, 3), regions=counted(2, 3))


def write(path: Path, tables: dict[str, np.ndarray], **storage) -> Path:
    with h5py.File(path, "w") as file:
        for name, clips in tables.items():
            file.create_group(name).create_dataset("c3d_features", data=clips, **storage)
    return path


@pytest.fixture
def features_file(tmp_path: Path) -> Path:
    """ActivityNet's layout: a group a video; one name is already complete, two are broken."""
    tables = {"v_sJFgo9H6zNo": counted(7, 11).astype(float), "v_given": counted(3, 11)}
    tables |= {"v_empty": np.zeros((0, 11)), "v_nan": np.full((2, 11), np.nan)}
    path = write(tmp_path / "sub_activitynet_v1-3.c3d.hdf5", tables)
    with h5py.File(path, "a") as file:
        file.create_group("v_other")
    return path


@pytest.fixture
def source(features_file: Path) -> Hdf5ClipFeatures:
    durations = {"sJFgo9H6zNo": 14.0, "v_given": 4.5, "empty": 1.0, "nan": 1.0, "other": 1.0}
    return Hdf5ClipFeatures(features_file, {**durations, "gone": 1.0}, QUERIES, fingerprint="file")


def test_clips_are_spread_over_the_duration(source: Hdf5ClipFeatures) -> None:
    found = source.load_video_features("sJFgo9H6zNo", None)
    clips, grid = found.clips, found.grid

    assert clips.dtype == np.float32
    assert clips[:, 0].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert (grid.num_clips, grid.stride_seconds, grid.length_seconds) == (7, 2.0, 4.0)
    assert grid.span(6) == Segment(12.0, 14.0)
    assert found.fingerprint == "file"
    assert source.load_video_features("v_given", None).grid.num_clips == 3


@pytest.mark.parametrize("num_clips", [1, 3, 7, 331])
def test_the_grid_has_as_many_clips_as_the_file(tmp_path: Path, num_clips: int) -> None:
    path = write(tmp_path / "f.h5", {"v_a": np.zeros((num_clips, 2))})
    for duration in (0.3, 7.1, 235.01, 755.113):
        source = Hdf5ClipFeatures(path, {"a": duration}, QUERIES, fingerprint="file")
        assert source.load_video_features("a", None).grid.num_clips == num_clips
        for window in (None, Segment(0.1, 0.25)):
            grid = source.load_video_features("a", window).grid
            assert source.load_grid("a", window) == grid


def test_a_window_takes_its_clips(source: Hdf5ClipFeatures) -> None:
    found = source.load_video_features("sJFgo9H6zNo", Segment(5.0, 11.0))
    clips, grid = found.clips, found.grid

    # Clip 2 runs from 4 to 8 s, clip 5 starts at 10 s.
    assert clips[:, 0].tolist() == [2, 3, 4, 5]
    assert (grid.duration_seconds, grid.offset_seconds, grid.num_clips) == (6.0, -1.0, 4)


def test_examples_are_made_without_any_video(source: Hdf5ClipFeatures) -> None:
    sample = make_sample(video_id="sJFgo9H6zNo", duration_seconds=14.0, segment=Segment(3.0, 9.0))

    batch = collate([ExampleSet([sample], source)[0]])

    assert batch.inputs.clips.shape == (1, 7, 11)
    assert batch.inputs.regions.shape == (1, 2, 3)
    assert (batch.start_step.item(), batch.end_step.item()) == (1, 4)


def test_another_process_can_read_it(source: Hdf5ClipFeatures) -> None:
    source.load_video_features("sJFgo9H6zNo", None)
    copy = pickle.loads(pickle.dumps(source))

    assert len(copy.load_video_features("sJFgo9H6zNo", None).clips) == 7


@pytest.mark.parametrize(
    ("video_id", "message"),
    [
        ("unknown", "length of video 'unknown' is not known"),
        ("gone", r"no features of video 'gone' \(v_gone/c3d_features\)"),
        ("other", "no features of video 'other'"),
        ("empty", r"broken features of video 'empty'.* got shape \(0, 11\)"),
        ("nan", "broken features of video 'nan'"),
    ],
)
def test_what_is_not_there_is_named(source: Hdf5ClipFeatures, video_id: str, message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        source.load_video_features(video_id, None)
    if video_id != "nan":  # which no one sees who does not read the clips
        with pytest.raises(FeatureError, match=message):
            source.load_grid(video_id, None)


def test_a_part_of_the_download_is_refused(tmp_path: Path) -> None:
    (tmp_path / "activitynet_v1-3.part-00").write_bytes(b"half of a zip file")
    source = Hdf5ClipFeatures(
        tmp_path / "activitynet_v1-3.part-00", {"a": 1.0}, QUERIES, fingerprint="file"
    )

    with pytest.raises(FeatureError, match=r"cannot be read as HDF5.*joined and unpacked"):
        source.load_video_features("a", None)


def test_a_missing_package_is_named(
    source: Hdf5ClipFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)

    with pytest.raises(InstallationError, match=r"pip install 'stillseek\[hdf5\]'"):
        source.load_video_features("sJFgo9H6zNo", None)


def test_a_file_is_known_by_what_is_in_it(tmp_path: Path) -> None:
    tables = {f"v_{n:03}": np.full((n % 5 + 1, 11), n / 7, np.float32) for n in range(131)}
    digest, width = describe_clips(write(tmp_path / "a.h5", tables))
    assert width == 11

    stored = write(tmp_path / "b.h5", dict(reversed(tables.items())), compression="gzip")
    assert describe_clips(stored) == (digest, 11)
    # Names are of all videos, values of every third.
    changes = {"v_000": tables["v_000"] + 1, "v_003": tables["v_003"][:1], "v_131": tables["v_001"]}
    for name, clips in changes.items():
        changed = write(tmp_path / f"{name}.h5", tables | {name: clips})
        assert describe_clips(changed)[0] != digest


def test_a_file_without_features_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.create_dataset("scores", data=np.zeros(3))
        file.create_group("v_empty")
    with pytest.raises(FeatureError, match=r"no features of clips \(v_<id>/c3d_features\); give"):
        describe_clips(tmp_path / "other.h5")
    write(tmp_path / "nothing.h5", {})
    with pytest.raises(FeatureError, match="no features of clips"):
        describe_clips(tmp_path / "nothing.h5")
