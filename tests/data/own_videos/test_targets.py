from pathlib import Path

import pytest
from PIL import Image

from stillseek.data.own_videos.annotated_files import VideoFolder
from stillseek.data.own_videos.annotation_formats import read_annotations
from stillseek.data.own_videos.targets import Found, find_targets
from stillseek.timeline import Segment


def find(path: Path, videos: Path) -> Found:
    folder = VideoFolder(videos)
    return find_targets(read_annotations(path, folder), folder, images_from=path.parent)


def windows(found: Found) -> list[tuple[str, Segment, Segment | None]]:
    return [(target.name, target.segment, target.window) for target in found.targets]


def test_no_row_gives_no_target(videos: Path, write_table) -> None:
    assert find(write_table(), videos) == Found()


def test_one_of_a_label_is_asked_for_in_the_whole_video(videos: Path, write_table) -> None:
    found = find(write_table("b é,1,3,jump", "b é,2,5,run", "a,0,7,jump"), videos)

    assert windows(found) == [
        ("a#1", Segment(0.0, 7.0), None),
        ("day one/b é#1", Segment(1.0, 3.0), None),
        ("day one/b é#2", Segment(2.0, 5.0), None),
    ]
    assert [target.duration_seconds for target in found.targets] == [7.0, 7.0, 7.0]


def test_several_of_a_label_get_windows_between_them(videos: Path, write_table) -> None:
    lines = ("a,5,6,jump", "a,1,2,jump", "a,2,3.5,jump", "a,3,5,run")

    found = find(write_table(*lines), videos)

    assert windows(found) == [
        ("a#1", Segment(1.0, 2.0), Segment(0.0, 2.0)),
        ("a#2", Segment(2.0, 3.5), Segment(2.0, 5.0)),
        ("a#3", Segment(3.0, 5.0), None),
        ("a#4", Segment(5.0, 6.0), Segment(3.5, 7.0)),
    ]


def test_overlapping_of_a_label_are_one_with_all_their_images(videos: Path, write_table) -> None:
    for name in ("1.png", "2.png"):
        Image.new("RGB", (8, 8)).save(videos.parent / name)
    lines = ("a,1,3,jump,2.png", "a,2,4,jump,1.png", "a,3.5,5,jump,2.png", "a,2,4,run,")

    found = find(write_table(*lines, more=",image"), videos)

    assert [(t.label, t.segment) for t in found.targets] == [
        ("jump", Segment(1.0, 5.0)),
        ("run", Segment(2.0, 4.0)),
    ]
    assert [path.name for path in found.targets[0].images] == ["2.png", "1.png"]
    assert (found.num_joined, found.num_cut, found.problems) == (2, 0, [])


def test_ends_after_the_video_are_cut(videos: Path, write_table) -> None:
    found = find(write_table("short,1,3.5,jump", "short,0.5,99,run"), videos)

    assert [target.segment for target in found.targets] == [Segment(0.5, 3.0), Segment(1.0, 3.0)]
    assert found.num_cut == 2


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("short,3,4,jump", "the activity starts at 3.0 s, after its video ends at 3.0 s"),
        ("d,1,2,jump", "there is no video 'd' in"),
        ("a,1.0,0:02,jump", "the same activity as in {path}, line 2"),
    ],
)
def test_row_against_its_video(line: str, problem: str, videos: Path, write_table) -> None:
    path = write_table("a,1,2,jump", line, "c,1,2,jump")

    found = find(path, videos)

    assert [target.video_id for target in found.targets] == ["a", "c"]
    assert len(found.problems) == 1
    assert found.problems[0].startswith(f"{path}, line 3: {problem.format(path=path)}")


def test_video_that_cannot_be_read_is_told_for_each_row(videos: Path, write_table) -> None:
    (videos / "broken.mp4").write_bytes(b"nothing")
    path = write_table("broken,1,2,jump", "a,1,2,jump", "broken,3,4,jump")

    found = find(path, videos)

    assert [target.video_id for target in found.targets] == ["a"]
    assert [problem.partition(f" {videos}")[0] for problem in found.problems] == [
        f"{path}, line 2:",
        f"{path}, line 4:",
    ]


def test_image_that_cannot_be_read_is_told(videos: Path, write_table) -> None:
    found = find(write_table("a,1,2,jump,no.png", "a,3,4,run,no.png", more=",image"), videos)

    assert found.targets == []
    assert len(found.problems) == 2
    assert f"line 3: no file at {videos.parent / 'no.png'}" in found.problems[1]


def test_splits_must_be_whole_and_agree(videos: Path, write_table) -> None:
    lines = ("a,1,2,jump,train", "a,3,4,jump,test", "a,3,4,run,test", "c,1,2,jump,")
    path = write_table(*lines, more=",split")

    found = find(path, videos)

    assert [(target.label, target.split) for target in found.targets] == [
        ("jump", "train"),
        ("run", "test"),
    ]
    assert found.problems == [
        f"{path}, line 5: split is missing; give one in every row or in none",
        f"{path}, line 3: split 'test' contradicts 'train' in {path}, line 2, of the same video "
        "and label",
    ]


def test_progress_counts_videos(videos: Path, write_table) -> None:
    (videos / "z.mp4").write_bytes(b"nothing")
    path, calls = write_table("a,1,2,jump", "c,1,2,jump", "a,3,4,run", "z,1,2,run"), []

    folder = VideoFolder(videos)

    find_targets(
        read_annotations(path, folder),
        folder,
        images_from=path.parent,
        on_progress=lambda *call: calls.append(call),
    )

    assert calls == [(1, 3), (2, 3), (3, 3)]
