from pathlib import Path

import pytest
from samples import make_sample

from stillseek.data.manifest import write_manifest
from stillseek.data.sample import Sample, Split
from stillseek.timeline import Segment


def sample(split: Split, number: int, label: str, video: str, query: str, **fields) -> Sample:
    values = {
        "sample_id": f"{split}-{number}",
        "video_id": f"{split}-{video}",
        "duration_seconds": 7.0,
        "label": f"{split} {label}",
        "split": split,
        "query_video_id": f"{split}-{query}",
        "query_seconds": 2.5,
        "segment": Segment(1.0, 4.0),
    }
    return make_sample(**values | fields)


@pytest.fixture
def search(write_clip, write_picture) -> list[str]:
    """The command that searches a video of nine seconds."""
    return ["locate", str(write_clip()), "--image", str(write_picture())]


@pytest.fixture
def command(search: list[str], small_head: Path) -> list[str]:
    """The same with a small head."""
    return [*search, "--checkpoint", str(small_head)]


@pytest.fixture
def dataset(write_clip, tmp_path: Path) -> Path:
    """Four videos a split: two of each of two classes; the first asks for both of them."""
    folder = tmp_path / "dataset"
    samples = []
    for place, split in enumerate(("train", "validation", "test")):
        for number, video in enumerate(("a1", "a2", "b1", "b2")):
            name, seed = f"dataset/videos/{split}-{video}.mp4", 10 * place + number
            write_clip(name=name, seconds=7.0, rate=4, seed=seed)
        second = Segment(5.0, 7.0)
        samples += [
            sample(split, 1, "a", "a1", "a2", pair_id=f"{split}-a1"),
            sample(split, 2, "b", "a1", "b2", pair_id=f"{split}-a1", segment=second),
            sample(split, 3, "a", "a2", "a1"),
            sample(split, 4, "b", "b1", "b2"),
            sample(split, 5, "b", "b2", "b1", query_seconds=6.0),
        ]
    # The training split has fewer queries of one class than of the other: they can't be shuffled.
    samples += [
        sample(split, 6, "a", "a2", "a1", query_seconds=3.0) for split in ("validation", "test")
    ]
    write_manifest(folder, samples, source="test", seed=0, settings={})
    return folder
