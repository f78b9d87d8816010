import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from stillseek.errors import FeatureError, InstallationError, UsageError
from stillseek.features.yolox import DetectionConfig, YoloxDetector

SIDE, NUM_CLASSES = 32, 3
# 4 x 4 points of stride 8, 2 x 2 of stride 16, one of stride 32
NUM_POINTS = 16 + 4 + 1


@pytest.fixture
def write_detector(tmp_path: Path) -> Callable[..., Path]:
    """Writes a detector with the rows given, and two objectness scores taken from pixels.

    That of the first point is the first channel of the pixel at the top left, that of the last
    point the last channel of the pixel at the bottom right; both as shares of 255.
    """

    def write(rows: dict[int, list[float]], *, num_points: int = NUM_POINTS) -> Path:
        output = np.zeros((1, num_points, 5 + NUM_CLASSES), np.float32)
        for point, row in rows.items():
            output[0, point] = row
        masks = np.zeros((2, *output.shape), np.float32)
        masks[0, 0, 0, 4] = masks[1, 0, -1, 4] = 1 / 255
        constants = {
            "rows": output,
            "first": masks[0],
            "last": masks[1],
            "start": np.array([0, 0, 0, 0]),
            "start_end": np.array([1, 1, 1, 1]),
            "end": np.array([0, 2, SIDE - 1, SIDE - 1]),
            "end_end": np.array([1, 3, SIDE, SIDE]),
            "shape": np.array([1, 1, 1]),
        }
        nodes = [
            helper.make_node("Slice", ["images", "start", "start_end"], ["a4"]),
            helper.make_node("Slice", ["images", "end", "end_end"], ["b4"]),
            helper.make_node("Reshape", ["a4", "shape"], ["a"]),
            helper.make_node("Reshape", ["b4", "shape"], ["b"]),
            helper.make_node("Mul", ["a", "first"], ["c"]),
            helper.make_node("Mul", ["b", "last"], ["d"]),
            helper.make_node("Sum", ["rows", "c", "d"], ["output"]),
        ]
        images = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
        found = helper.make_tensor_value_info("output", TensorProto.FLOAT, output.shape)
        initializers = [numpy_helper.from_array(v, k) for k, v in constants.items()]
        graph = helper.make_graph(nodes, "yolox", [images], [found], initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
        path = tmp_path / "detector.onnx"
        onnx.save(model, path)
        return path

    return write


def picture(height: int = 16, width: int = 32) -> np.ndarray:
    """Red 51, green 102, blue 204 everywhere."""
    return np.tile(np.array([51, 102, 204], np.uint8), (height, width, 1))


def test_picture_without_objects_has_no_box(write_detector: Callable[..., Path]):
    boxes, scores = YoloxDetector(write_detector({})).detect(picture())
    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        (6, [18, 10, 26, 18]),  # stride 8, row 1, column 2: centre (2.75, 1.75) * 8
        (17, [20, 4, 36, 20]),  # stride 16, row 0, column 1: centre (1.75, 0.75) * 16
        (20, [8, 8, 40, 40]),  # stride 32: centre (0.75, 0.75) * 32
    ],
)
def test_box_is_decoded_and_cut_at_the_picture(
    write_detector: Callable[..., Path], point: int, expected: list[int]
):
    path = write_detector({point: [0.75, 0.75, 0, 0, 0.5, 0.1, 0.8, 0.2]})
    boxes, scores = YoloxDetector(path).detect(picture())
    assert scores[-1] == pytest.approx(0.5 * 0.8 + (0.8 * 114 / 255 if point == 20 else 0))
    np.testing.assert_allclose(boxes[-1], np.clip(expected, 0, [32, 16, 32, 16]), rtol=1e-6)


def test_boxes_are_in_pixels_of_the_picture(write_detector: Callable[..., Path]):
    path = write_detector({6: [0.75, 0.75, 0, 0, 0.5, 0, 1, 0]})
    boxes, _ = YoloxDetector(path).detect(picture(height=64, width=128))  # 4 times the input
    np.testing.assert_allclose(boxes, [[72, 40, 104, 64]])


def test_pixels_go_in_as_blue_green_red_over_grey(write_detector: Callable[..., Path]):
    class_only = [0.5, 0.5, 0, 0, 0, 1, 0, 0]
    path = write_detector({0: class_only, 20: class_only})
    _, scores = YoloxDetector(path).detect(picture())
    # blue at the top left; at the bottom right there is no picture
    np.testing.assert_allclose(scores, [204 / 255, 114 / 255], rtol=1e-6)


def test_weaker_of_two_overlapping_boxes_is_dropped_across_classes(
    write_detector: Callable[..., Path],
):
    rows = {
        0: [0.5, 0.5, 0, 0, 0, 1, 0, 0],
        1: [-0.5, 0.5, 0, 0, 0.5, 0, 1, 0],  # the same box as the first, another class
        2: [0.5, 0.5, 0, 0, 0.4, 0, 1, 0],
        3: [0.5, 0.5, 0, 0, 0.3, 0, 1, 0],
    }
    path = write_detector(rows)
    _, scores = YoloxDetector(path).detect(picture())
    np.testing.assert_allclose(scores, [0.8, 0.4, 0.3], rtol=1e-6)
    config = DetectionConfig(max_boxes=2, min_score=0.35)
    _, scores = YoloxDetector(path, config=config).detect(picture())
    np.testing.assert_allclose(scores, [0.8, 0.4], rtol=1e-6)


def test_settings_name_the_file_and_the_config(write_detector: Callable[..., Path]):
    first = YoloxDetector(write_detector({})).settings
    second = YoloxDetector(write_detector({1: [1] * 8})).settings
    assert first["detector"] != second["detector"]
    assert first["overlap"] == 0.7


def test_missing_broken_and_other_files_say_what_is_wanted(
    write_detector: Callable[..., Path], tmp_path: Path
):
    with pytest.raises(FeatureError, match=r"cannot read the detector .*No such file"):
        YoloxDetector(tmp_path / "none.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model")
    with pytest.raises(FeatureError, match="ONNX Runtime cannot read the detector"):
        YoloxDetector(broken)
    with pytest.raises(FeatureError, match="is no YOLOX"):
        YoloxDetector(write_detector({}, num_points=20))


def test_missing_runtime_says_what_to_install(
    write_detector: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
):
    path = write_detector({})
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InstallationError, match=r"stillseek\[onnx\]"):
        YoloxDetector(path)


@pytest.mark.parametrize("wrong", [{"max_boxes": 0}, {"min_score": 0.0}, {"overlap": 1.0}])
def test_config_is_checked(wrong: dict):
    with pytest.raises(UsageError, match="detection needs"):
        DetectionConfig(**wrong)
