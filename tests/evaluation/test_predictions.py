import numpy as np
import pytest

from stillseek.errors import DatasetError
from stillseek.evaluation.overlap import temporal_iou
from stillseek.evaluation.predictions import (
    Prediction,
    Predictions,
    PredictionsHeader,
    prediction_of_positions,
    read_predictions,
    write_predictions,
)
from stillseek.timeline import ClipGrid

HEADER = PredictionsHeader(model="sail", checkpoint=None, decode="independent", seed=3)
RUN = Predictions(
    header=HEADER,
    rows=(
        Prediction(sample_id="a", start_seconds=0.1, end_seconds=7.3, score=0.25),
        Prediction(sample_id="b é", start_seconds=9.0, end_seconds=2.0, score=0.5, presence=0.75),
    ),
)


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "deep" / "predictions.jsonl"
    write_predictions(path, RUN)
    assert read_predictions(path) == RUN
    first = path.read_bytes()
    write_predictions(path, RUN)
    assert path.read_bytes() == first
    assert [entry.name for entry in path.parent.iterdir()] == ["predictions.jsonl"]


def test_a_file_without_rows_can_be_read(tmp_path):
    path = tmp_path / "p.jsonl"
    write_predictions(path, Predictions(header=HEADER, rows=()))
    assert read_predictions(path).rows == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "", "expected the header"),
        (lambda text: text.split("\n", 1)[1], "line 1: expected the header"),
        (lambda text: text.replace('"format_version": 1', '"format_version": 9'), "got 9"),
        (lambda text: text[:-5], "line 3: not valid JSON"),
        (lambda text: text.replace('"b é"', '"a"'), "line 3: sample_id 'a' has a prediction"),
        (lambda text: text.replace("0.25", "null"), "line 2: score: Expected `float`, got `null`"),
        (lambda text: text.replace('"decode": "independent", ', ""), "line 1: missing key `dec"),
    ],
)
def test_broken_files_name_file_and_line(tmp_path, change, message):
    path = tmp_path / "p.jsonl"
    write_predictions(path, RUN)
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(DatasetError, match=message) as failure:
        read_predictions(path)
    assert str(path) in str(failure.value)


def test_bounds_follow_the_samples(make_sample):
    a, b = make_sample(sample_id="a"), make_sample(sample_id="b é")
    assert RUN.bounds_for([b, a]).tolist() == [[9.0, 2.0], [0.1, 7.3]]
    assert RUN.bounds_for([]).shape == (0, 2)
    with pytest.raises(DatasetError, match=r"'sail' \(seed 3\) miss 1 of 2 samples.*'c'"):
        RUN.bounds_for([a, make_sample(sample_id="c")])


@pytest.mark.parametrize(
    ("start", "end", "expected"), [(1, 3, (8, 24)), (6, 7, (48, 50)), (1.5, 2.5, (12, 20))]
)
def test_positions_become_seconds(start, end, expected):
    grid = ClipGrid(stride_seconds=8.0, length_seconds=16.0, duration_seconds=50.0)
    row = prediction_of_positions("a", grid, float(start), float(end), 0.5)
    assert (row.start_seconds, row.end_seconds) == expected


@pytest.mark.parametrize(("start", "end"), [(3, 3), (3, 2), (6, 1)])
def test_reversed_positions_stay_reversed_though_clips_overlap(start, end):
    grid = ClipGrid(stride_seconds=8.0, length_seconds=16.0, duration_seconds=50.0)
    row = prediction_of_positions("a", grid, float(start), float(end), 0.5)
    assert row.start_seconds == grid.span(start).start_seconds
    assert row.end_seconds <= row.start_seconds
    bounds = np.array([[row.start_seconds, row.end_seconds]])
    assert temporal_iou(bounds, np.array([[0.0, 50.0]]))[0] == 0
