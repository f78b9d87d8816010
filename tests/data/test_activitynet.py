import copy
import json
from pathlib import Path

import pytest

from stillseek.data.activitynet import read_activitynet
from stillseek.data.annotations import Activity
from stillseek.errors import DatasetError
from stillseek.timeline import Segment

NODES = [
    {"nodeId": 0, "nodeName": "Root", "parentId": None, "parentName": None},
    {"nodeId": 1, "nodeName": "violin", "parentId": 0, "parentName": "Root"},
    {"nodeId": 2, "nodeName": "guitar", "parentId": 0, "parentName": "Root"},
]
OFFICIAL = {
    "version": "VERSION 1.3",
    "taxonomy": NODES,
    "database": {
        "zz": {
            "duration": 20,
            "subset": "training",
            "annotations": [
                {"segment": [5.5, 9], "label": "violin"},
                {"segment": [1.0, 2.0], "label": "guitar"},
                {"segment": [4.0, 3.0], "label": "guitar"},
            ],
        },
        "aa": {"duration": 7.5, "annotations": [{"segment": [0, 8.0], "label": "violin"}]},
        "unlabelled": {"duration": 3.0, "subset": "testing", "annotations": []},
    },
}
CONVERTED = {
    f"v_{name}": {
        "duration_second": video["duration"],
        "duration_frame": 600,
        "annotations": video["annotations"],
    }
    for name, video in OFFICIAL["database"].items()
}


def write(path: Path, value) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


@pytest.mark.parametrize(
    "layout",
    [OFFICIAL, CONVERTED, CONVERTED | {"taxonomy": NODES, "version": "1"}],
    ids=["official", "converted", "converted, with a tree"],
)
def test_both_layouts_are_the_same_to_us(tmp_path: Path, layout) -> None:
    tree = write(tmp_path / "tree.json", NODES)
    found = read_activitynet(write(tmp_path / "a.json", layout), taxonomy=tree)

    assert [video.video_id for video in found.videos] == ["v_aa", "v_zz"]
    assert found.videos[0].activities == (Activity(segment=Segment(0.0, 7.5), label="violin"),)
    assert found.videos[1].duration_seconds == 20
    assert [a.label for a in found.videos[1].activities] == ["guitar", "violin"]
    assert (found.num_unlabelled, found.cleaning.reversed, found.cleaning.cut) == (1, 1, 1)
    assert found.taxonomy is not None
    assert found.taxonomy.labels == ("guitar", "violin")


def test_names_of_other_data_stay(tmp_path: Path) -> None:
    own = OFFICIAL | {"version": "my annotations"}

    found = read_activitynet(write(tmp_path / "a.json", own))
    assert [video.video_id for video in found.videos] == ["aa", "zz"]
    assert found.taxonomy is not None
    assert read_activitynet(write(tmp_path / "b.json", CONVERTED)).taxonomy is None


def broken(change):
    value = copy.deepcopy(OFFICIAL)
    change(value, value["database"]["zz"])
    return value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ('{"database": {', "not valid JSON at line 1, column 15"),
        ("[]", "expected a JSON object, got list"),
        ("[" * 100_000, "nested too deeply"),
        ({"database": []}, r"expected videos by name, got \[\]"),
        ({}, "expected videos by name"),
        ({"v": 5}, "video 'v': expected an object, got 5"),
        ({"v": {"duration": 5, "annotations": []}}, "video 'v': key 'duration_second' is missing"),
        (broken(lambda d, v: v.pop("annotations")), "video 'v_zz': key 'annotations' is missing"),
        (broken(lambda d, v: v.update(annotations={})), "'v_zz': annotations must be a list"),
        (broken(lambda d, v: v.update(duration="9")), "'v_zz': duration: expected a time.*'9'"),
        (broken(lambda d, v: v.update(duration=0)), "'v_zz': duration must be positive, got 0"),
        (
            broken(lambda d, v: v["annotations"][1].pop("label")),
            "'v_zz', annotation 2: key 'label' is missing",
        ),
        (
            broken(lambda d, v: v["annotations"][0].update(segment=[float("nan"), 3])),
            "'v_zz', annotation 1: segment: expected a time in seconds, got nan",
        ),
        (
            broken(lambda d, v: v["annotations"][0].update(segment=[10**400, 3])),
            "'v_zz', annotation 1: segment: expected a time",
        ),
        (
            broken(lambda d, v: v["annotations"][0].update(label="\ud800")),
            "'v_zz', annotation 1: label must be",
        ),
        (
            broken(lambda d, v: v["annotations"][2].update(segment=[1, 2, 3])),
            r"'v_zz', annotation 3: segment must be \[start, end\]",
        ),
        (
            broken(lambda d, v: v["annotations"][0].update(label="viola")),
            "'v_zz', annotation 1: label 'viola' is no class of the taxonomy",
        ),
        (
            broken(lambda d, v: v["annotations"][0].update(label=None)),
            "'v_zz', annotation 1: label must be the name of a class, got None",
        ),
        *((OFFICIAL | {"taxonomy": each}, "taxonomy") for each in ("", 0, False, [5], "none")),
        (broken(lambda d, v: d["taxonomy"][0].update(parentId=1)), "the taxonomy has a cycle"),
    ],
)
def test_broken_files_are_refused_at_their_place(tmp_path: Path, value, message) -> None:
    path = write(tmp_path / "a.json", value)

    with pytest.raises(DatasetError, match=rf"^{path}: (.*: )?.*{message}"):
        read_activitynet(path)


@pytest.mark.parametrize(
    "video",
    [
        {"duration": 4, "subset": "testing"},
        {"duration": 4, "subset": "Test", "annotations": None},
        {"subset": "testing"},
        {"duration": 4},
        {"duration": 4, "subset": None},
        {"duration": 4, "subset": "testing", "annotations": []},
    ],
)
def test_a_video_that_needs_no_annotations_is_counted(tmp_path: Path, video) -> None:
    value = copy.deepcopy(OFFICIAL)
    value["database"]["t"] = video

    found = read_activitynet(write(tmp_path / "a.json", value))

    assert found.num_unlabelled == 2
    assert [each.video_id for each in found.videos] == ["v_aa", "v_zz"]


@pytest.mark.parametrize("subset", ["training", "validation", "Training"])
@pytest.mark.parametrize("annotations", [{}, {"annotations": None}, {"annotation": []}])
def test_a_training_video_without_annotations_has_lost_them(
    tmp_path: Path, subset: str, annotations
) -> None:
    value = copy.deepcopy(OFFICIAL)
    value["database"]["t"] = {"duration": 4, "subset": subset, **annotations}

    with pytest.raises(DatasetError, match=r"'v_t': .*annotations"):
        read_activitynet(write(tmp_path / "a.json", value))


@pytest.mark.parametrize("empty", [None, [], {}])
def test_an_empty_taxonomy_is_none(tmp_path: Path, empty) -> None:
    for number, layout in enumerate((OFFICIAL, CONVERTED)):
        path = write(tmp_path / f"{number}.json", layout | {"taxonomy": empty})
        found = read_activitynet(path)
        assert found.taxonomy is None
        assert len(found.videos) == 2
    tree = write(tmp_path / "tree.json", NODES)
    assert read_activitynet(path, taxonomy=tree).taxonomy is not None
    # Who names a file of classes wants the classes.
    with pytest.raises(DatasetError, match="expected a taxonomy"):
        read_activitynet(path, taxonomy=path)


def test_a_video_that_is_there_twice_is_never_lost(tmp_path: Path) -> None:
    entry = json.dumps(OFFICIAL["database"]["aa"])
    path = tmp_path / "a.json"
    for text in (
        f'{{"database": {{"aa": {entry}, "b": {entry}, "aa": {entry}}}}}',
        f'{{"database": {{"aa": {entry}}}, "aa": 1, "database": {{"b": {entry}}}}}',
        f'{{"database": {{"aa": {entry.replace("duration", "subset", 1)[:-1]}, "subset": "x"}}}}}}',
    ):
        with pytest.raises(DatasetError, match=rf"{path}: '(aa|database|subset)' is there 2 times"):
            read_activitynet(write(path, text))
