from dataclasses import replace
from pathlib import Path

import pytest
from samples import make_sample

from stillseek.data.durations import read_durations, write_durations
from stillseek.data.manifest import Manifest, write_manifest
from stillseek.errors import DatasetError
from stillseek.timeline import Segment

WHOLE = make_sample(sample_id="whole", video_id="a", duration_seconds=7.5)
WINDOW = replace(
    WHOLE, sample_id="window", video_id="b", duration_seconds=5.0, window=Segment(3.0, 8.0)
)


def write(folder: Path, durations: dict[str, float] | None) -> Manifest:
    settings = {} if durations is None else write_durations(folder, durations)
    return write_manifest(folder, [WHOLE, WINDOW], source="test", seed=0, settings=settings)


def test_samples_know_whole_videos_and_the_file_knows_the_others(tmp_path: Path) -> None:
    assert read_durations(write(tmp_path / "without", None)) == {"a": 7.5}
    assert read_durations(write(tmp_path / "with", {"b": 11.25})) == {"a": 7.5, "b": 11.25}
    assert read_durations(write(tmp_path / "empty", {})) == {"a": 7.5}


def test_a_file_that_is_missing_or_of_another_data_set_is_refused(tmp_path: Path) -> None:
    manifest = write(tmp_path, {"b": 11.25})
    write_durations(tmp_path, {"b": 13.5})
    with pytest.raises(DatasetError, match="does not belong to its manifest; build the dataset"):
        read_durations(manifest)
    (tmp_path / "durations.json").unlink()
    with pytest.raises(DatasetError, match=r"cannot read .*durations.json"):
        read_durations(manifest)
