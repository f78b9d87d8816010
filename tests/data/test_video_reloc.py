import json
import re
from pathlib import Path

import pytest
from samples import make_activity, make_video

from stillseek.data.annotations import AnnotatedVideo
from stillseek.data.taxonomy import Taxonomy
from stillseek.data.video_reloc import read_video_reloc
from stillseek.errors import DatasetError
from stillseek.timeline import Segment

# Ids are not in the order of names, as in ActivityNet.
TREE = Taxonomy(
    {0: "Root", 7: "cello", 3: "drums", 11: "harp"}, {0: None, 7: 0, 3: 0, 11: 0}, where="tree"
)


def video(name: str, label: str, seconds: float = 64.0) -> AnnotatedVideo:
    return make_video(make_activity(1.0, 2.0, label), name=name, seconds=seconds)


VIDEOS = (video("v_a", "cello"), video("b", "drums", 50.0), video("v_c", "harp"))


def item(name: str, label: int, location=(2, 9), groundtruth=(1, 4)) -> dict:
    return {
        "id": name, "label": label, "location": list(location), "groundtruth": list(groundtruth)
    }  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> Path:
    lists = {"train": item("a", 7), "val": item("b", 3), "test": item("c", 11, (0, 5), (0, 5))}
    for name, one in lists.items():
        (tmp_path / f"{name}.json").write_text(json.dumps([one]))
    lengths = {"a": 1600, "b": 160, "c": 77}
    text = json.dumps({k: {"n_feat": n // 16, "n_frames": n} for k, n in lengths.items()})
    (tmp_path / "length.json").write_text(text)
    return tmp_path


def read(files: Path, present=("v_a", "v_b", "c")):
    return read_video_reloc(files, VIDEOS, TREE, present=present)


def test_units_become_seconds_of_the_annotated_length_by_hand(files: Path) -> None:
    found = read(files)

    # 16 of 1,600 frames are a hundredth of 64 s; 16 of 160 a tenth of 50 s.
    assert [(w.video_id, w.span, w.activity) for w in found.windows] == [
        ("v_a", Segment(1.28, 5.76), make_activity(1.92, 3.84, "cello")),
        ("v_b", Segment(10.0, 45.0), make_activity(15.0, 30.0, "drums")),
        # The fifth unit is cut: 80 frames are more than the 77 there are.
        ("c", Segment(0.0, 64.0), make_activity(0.0, 64.0, "harp")),
    ]
    assert found.split.by_role() == {
        "train": ("cello",), "validation": ("drums",), "test": ("harp",)
    }  # fmt: skip
    assert sorted(found.sha256) == ["length.json", "test.json", "train.json", "val.json"]


def test_videos_that_are_not_there_are_left_out_and_keep_their_class(files: Path) -> None:
    found = read(files, present=("v_b",))
    assert [window.video_id for window in found.windows] == ["v_b"]
    assert found.num_missing == 2
    assert found.split.test == ("harp",)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ([], "train.json: expected a list of segments, got []"),
        ([{"id": "a"}], "train.json, segment 1: key 'label' is missing; expected the files of "),
        ([item("z", 7)], "segment 1: video 'z' is not annotated; give the ActivityNet v1.3 "),
        ([item("a", 3)], "label 3 is 'drums' in the class tree, but 'a' shows 'cello'; give "),
        ([item("a", 0)], "label 0 is None in the class tree"),
        ([item("a", 7, (3, 3))], "expected [first, last) in units of 16 frames, got [3, 3]"),
        ([item("a", 7, (2, 5), (1, 4))], "groundtruth [1, 4] does not lie in the 3 units of its"),
        ([item("a", 7, (0, 900), (800, 802))], "groundtruth lies after 'a' ends, at 64.0 s; give"),
        ([item("a", 7), item("b", 3)], "class 'drums' is in train.json and in val.json; a class"),
    ],
)
def test_broken_files_say_what_is_wrong(files: Path, broken: list, message: str) -> None:
    (files / "train.json").write_text(json.dumps(broken))
    with pytest.raises(DatasetError, match=re.escape(message)):
        read(files)


def test_a_missing_length_is_refused(files: Path) -> None:
    (files / "length.json").write_text("{}")
    with pytest.raises(DatasetError, match=r"length.json: video 'a': expected an object, got None"):
        read(files)
    (files / "length.json").unlink()
    with pytest.raises(DatasetError, match=r"cannot read .*length.json"):
        read(files)
