import json
import re
from pathlib import Path

import pytest

from stillseek.data.vq2d import ask_vq2d, cut_crops, read_vq2d, split_sources
from stillseek.errors import DatasetError
from stillseek.media import frame_at, read_image
from stillseek.timeline import Segment


def box(frame: object, x=10, y=6, width=20, height=12) -> dict:
    return {
        "frame_number": frame, "x": x, "y": y, "width": width, "height": height,
        "original_width": 160, "original_height": 96,
    }  # fmt: skip


def query_set(**fields) -> dict:
    values = {
        "is_valid": True,
        "object_title": "blue bin",
        "query_frame": 35,
        "visual_crop": box(2),
        # Not in order, as in the published files.
        "response_track": [box(22), box(20), box(21)],
    }
    return values | fields


def write(path: Path, *query_sets: object, **clip) -> Path:
    values = {
        "clip_uid": "c1-e5",
        "clip_fps": 5.0,
        "video_start_sec": 100.0,
        "video_end_sec": 108.0,
        "annotations": [
            {"query_sets": {str(k): each for k, each in enumerate(query_sets, start=1)}}
        ],
    }
    file = path / "vq_val.json"
    video = {"video_uid": "v9", "split": "val", "clips": [values | clip]}
    file.write_text(json.dumps({"version": "1.0", "videos": [video]}))
    return file


def test_the_last_stretch_before_the_question_is_the_answer(tmp_path: Path) -> None:
    late = query_set(query_frame=22, object_title="pan")
    found = read_vq2d(write(tmp_path, query_set(), {"is_valid": False}, late))
    samples = ask_vq2d(found.queries, {"v9": "test"})

    assert [(s.sample_id, s.window, s.segment, s.label) for s in samples] == [
        ("c1-e5_0_1", Segment(0.0, 7.0), Segment(4.0, 4.6), "blue bin"),
        # What comes after the moment of asking is not searched.
        ("c1-e5_0_3", Segment(0.0, 4.4), Segment(4.0, 4.4), "pan"),
    ]
    assert found.num_invalid == 1
    assert [(c.video_id, c.duration_seconds) for c in found.clips] == [("c1-e5", 8.0)]
    assert {(s.source_video_id, s.query_image) for s in samples[:1]} == {
        ("v9", "queries/c1-e5_0_1.png")
    }


def test_crops_are_cut_from_their_frame_at_its_size_and_kept(tmp_path: Path, write_clip) -> None:
    clip = write_clip(name="clips/c1-e5.mp4", seconds=8, rate=5)
    out = query_set(visual_crop=box(12, x=140, y=-4, width=60, height=20))
    queries = read_vq2d(write(tmp_path, query_set(), out)).queries

    cut_crops(queries, tmp_path / "clips", tmp_path / "out")

    # The clip is half as wide and high as what was annotated.
    inside, clamped = (tmp_path / f"out/queries/c1-e5_0_{k}.png" for k in (1, 2))
    assert (read_image(inside) == frame_at(clip, 0.5)[3:10, 5:16]).all()
    assert (read_image(clamped) == frame_at(clip, 2.5)[0:9, 70:80]).all()
    clip.unlink()
    cut_crops(queries, tmp_path / "clips", tmp_path / "out")


def test_a_share_of_the_training_videos_validates() -> None:
    names = [f"v{number}" for number in range(17)]
    splits = split_sources([*names, *names], validation_share=0.2, seed=3)
    assert sorted(splits) == sorted(names)
    assert list(splits.values()).count("validation") == 3
    assert splits == split_sources(names, validation_share=0.2, seed=3)
    assert splits != split_sources(names, validation_share=0.2, seed=4)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"is_valid": True}, "query set '1': key 'object_title' is missing; expected the layout "),
        (query_set(object_title=""), "object_title must be the name of an object, got ''"),
        (query_set(query_frame=True), "query_frame: expected the number of a frame, got True"),
        (query_set(response_track=[]), "response_track must have a frame before query_frame 35"),
        (query_set(response_track=[box(40)]), "must have a frame before query_frame 35, got [40]"),
        (query_set(response_track=[box(-1)]), "expected the number of a frame, got -1"),
        (query_set(visual_crop=box(2, x=160)), "visual_crop 20.0 x 12.0 at 160.0, 6.0 is not in "),
        (query_set(visual_crop=box(2, width="w")), "visual_crop: expected pixels, got 'w'"),
    ],
)
def test_broken_query_sets_say_what_is_wrong(tmp_path: Path, broken: dict, message: str) -> None:
    with pytest.raises(DatasetError, match=re.escape(message)):
        read_vq2d(write(tmp_path, broken))


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        ({"clip_uid": "../c"}, "clip_uid must be the name of a clip, got '../c'"),
        ({"clip_fps": 0}, "clip_fps must be positive, got 0.0"),
        ({"annotations": None}, "annotations must be a list, got None"),
    ],
)
def test_broken_clips_say_what_is_wrong(tmp_path: Path, clip: dict, message: str) -> None:
    with pytest.raises(DatasetError, match=re.escape(message)):
        read_vq2d(write(tmp_path, query_set(), **clip))


def test_a_clip_without_a_file_is_counted(tmp_path: Path) -> None:
    found = read_vq2d(write(tmp_path, query_set(), clip_uid=None))
    assert (found.queries, found.clips, found.num_invalid) == ((), (), 1)
