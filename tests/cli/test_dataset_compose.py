import json

import cv2
import numpy as np
import pytest
from PIL import Image

from stillseek.cli import console
from stillseek.data.manifest import read_manifest

_SPLIT = {"train": ["a", "b"], "val": ["c", "d"], "test": ["e", "f"]}
_SIMILAR = {"similar": {"first": ["a", "b", "e"], "second": ["c", "d"]}}
_SMALL = [
    *("--train-videos", "1", "--seen-videos", "0", "--validation-videos", "1"),
    *("--test-videos", "2", "--two-targets-share", "0", "--width", "80", "--height", "64"),
    *("--frames-per-second", "2", "--workers", "1", "--seed", "3"),
]


@pytest.fixture
def photographs(tmp_path):
    """Six classes of five photographs: random blots of colour."""
    folder = tmp_path / "photographs"
    for place, label in enumerate("abcdef"):
        (folder / label).mkdir(parents=True)
        for index in range(5):
            rng = np.random.default_rng((place, index))
            small = rng.integers(0, 256, (7, 7, 3), dtype=np.uint8)
            pixels = cv2.resize(small, (97, 67), interpolation=cv2.INTER_CUBIC)
            Image.fromarray(pixels).save(folder / label / f"{index}.png")
    return folder


def test_compose_makes_a_data_set_and_says_what_is_missing(
    photographs, tmp_path, heard, monkeypatch
) -> None:
    out, class_split = tmp_path / "made", tmp_path / "split.json"
    class_split.write_text(json.dumps(_SPLIT | _SIMILAR))
    (photographs / "a/broken.jpg").write_bytes(b"no image")
    Image.new("RGB", (97, 67)).save(photographs / "cover.png")
    words = ["--out", out, "--class-split", class_split, *_SMALL]

    monkeypatch.setattr(console, "LINE_SECONDS", 0.0)
    captured = heard("dataset", "compose", photographs, *words)

    samples = read_manifest(out).samples
    # Beside its sibling, the only other class, nothing similar can be asked; "f" has no sibling.
    assert captured.out == (
        f"{out}: {len(samples)} samples (6 test, 1 train, 2 validation) of 30 photographs; left "
        "out: 1 image unreadable or too small, 1 in no class folder, 0 near-duplicates of other "
        "classes; Simple queries that could not be: 2 train, 1 validation, 2 test; Difficult "
        "queries that could not be: 2 train, 2 validation, 2 test\n"
    )
    assert "\nreading photographs: 100% done\nskipped: " in captured.err
    assert captured.err.endswith("\ncomposing: 100% done\n")
    assert "broken.jpg" in captured.err
    assert len(list((out / "videos").glob("*.mp4"))) == 4


@pytest.mark.parametrize(
    ("number", "missing"),
    [
        (
            "1",
            "1 train, 1 validation, 2 test, as no similar classes are known: give --taxonomy FILE, "
            "or similar in the file of --class-split",
        ),
        ("0", "none"),
    ],
)
def test_difficult_queries_want_similar_classes(
    number, missing, photographs, tmp_path, run
) -> None:
    words = ["--out", tmp_path / "made", *_SMALL, "--difficult-queries", number]

    told = run("dataset", "compose", photographs, *words)

    assert told.endswith(f"; Difficult queries that could not be: {missing}\n")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--fps", "5"], 2, "Unknown option: --fps"),
        (["--query-share", "2"], 2, "query_share must be between 0 and 1, got 2.0"),
        (["--class-split", "missing.json"], 1, "cannot read missing.json"),
        (["--workers", "0"], 2, "workers must be at least 1, got 0"),
    ],
)
def test_wrong_usage_is_one_line(words, code, message, photographs, tmp_path, refused) -> None:
    out = tmp_path / "made"

    assert message in refused("dataset", "compose", photographs, "--out", out, *words, code=code)
    assert not out.exists()
