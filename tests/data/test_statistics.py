from pathlib import Path

import pytest
from PIL import Image
from samples import make_sample

from stillseek.data.manifest import write_manifest
from stillseek.data.sample import Sample
from stillseek.data.statistics import (
    PAPER_TABLE,
    SplitStatistics,
    draw_histograms,
    split_statistics,
    statistics,
)
from stillseek.errors import UsageError
from stillseek.timeline import Segment


def sample(number: int, split, label: str, seconds: float, target: float, **changes) -> Sample:
    return make_sample(
        **{"sample_id": f"s{number}", "video_id": f"v{number}", "query_video_id": "q"}
        | {"duration_seconds": seconds, "segment": Segment(1.0, 1.0 + target)}
        | {"label": label, "split": split, "source_video_id": f"v{number}"}
        | changes
    )


DIFFICULT = {"query_kind": "difficult", "taxonomy_distance": 4}
SAMPLES = [
    sample(0, "test", "a", 50.0, 11.0),
    sample(1, "train", "b", 30.0, 7.0),
    sample(2, "train", "c", 50.0, 8.0, query_label="b", **DIFFICULT),
    sample(3, "test", "d", 70.0, 13.0, query_label="b", **DIFFICULT),
    sample(4, "test", "d", 70.0, 13.0, query_label="a", video_id="v3", **DIFFICULT),
    # Two activities at the same time.
    sample(5, "test", "e", 70.0, 13.0, video_id="v3"),
]


def test_the_paper_adds_up() -> None:
    parts = [PAPER_TABLE[name] for name in ("train", "validation", "test")]

    whole = PAPER_TABLE["all"]
    assert sum(part.num_samples for part in parts) == whole.num_samples
    assert sum(part.num_classes for part in parts) == whole.num_classes
    for name in ("video_seconds", "target_seconds"):
        mean = sum(part.num_samples * getattr(part, name) for part in parts) / whole.num_samples
        assert mean == pytest.approx(getattr(whole, name), abs=0.01)


def test_rows_by_hand() -> None:
    rows = {row.split: row for row in split_statistics(SAMPLES)}

    assert list(rows) == ["train", "test", "all"]
    assert (rows["train"].num_samples, rows["train"].num_classes) == (2, 2)
    assert (rows["train"].video_seconds, rows["train"].target_seconds) == (40.0, 7.5)
    assert rows["test"].video_seconds == pytest.approx((50 + 3 * 70) / 4)
    assert rows["all"].num_classes == 5


def test_a_row_of_nothing() -> None:
    assert split_statistics([]) == (SplitStatistics("all", 0, 0, None, None),)


def test_queries_by_kind_and_sibling(tmp_path: Path) -> None:
    settings = {"counts": {"windows kept": 4}}
    manifest = write_manifest(tmp_path, SAMPLES, source="s", seed=3, settings=settings)
    found = statistics(manifest)

    assert found["queries"] == {
        "test difficult": 2,
        "test difficult, of a seen class": 1,
        "test difficult, of an unseen class": 1,
        "test simple": 2,
        "train difficult": 1,
        "train simple": 1,
    }
    assert found["difficult_queries_by_distance"] == {4: 3}
    assert (found["windows"], found["videos"], found["counts"]) == (5, 6, {"windows kept": 4})


def test_histograms_are_drawn(tmp_path: Path) -> None:
    path = tmp_path / "figure.png"
    draw_histograms(SAMPLES, path, title="five questions")

    with Image.open(path) as figure:
        assert figure.size == (1650, 960)
    with pytest.raises(
        UsageError, match=r"f\.xyz has a name of another format; it must end in \.png"
    ):
        draw_histograms(SAMPLES, tmp_path / "f.xyz", title="")
