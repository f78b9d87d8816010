import json
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from stillseek.data.manifest import read_manifest
from stillseek.data.own_videos.own_dataset import (
    BrokenAnnotationsError,
    ImportedVideos,
    OwnVideosConfig,
    import_videos,
)
from stillseek.errors import DatasetError, UsageError
from stillseek.timeline import Segment

SAME = ("a,1,3,jump", "b é,2,4,jump", "c,3,6,jump")


def run(path: Path, videos: Path, *, images=None, taxonomy=None, **settings) -> ImportedVideos:
    config, out = OwnVideosConfig(**settings), videos.parent / "out/dataset"
    return import_videos(path, videos, out, config, images=images, taxonomy=taxonomy)


def write_image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)
    return path


def write_json(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def queries(made: ImportedVideos) -> dict[str, tuple]:
    return {
        s.sample_id: (s.query_label, s.query_video_id, s.query_seconds, s.query_image)
        for s in made.manifest.samples
    }


def test_middle_frames_of_other_videos_ask(videos: Path, write_table) -> None:
    made = run(write_table(*SAME), videos)

    samples = made.manifest.samples
    assert [sample.sample_id for sample in samples] == [
        *("a#1-simple1", "a#1-simple2", "c#1-simple1", "c#1-simple2"),
        *("day one/b é#1-simple1", "day one/b é#1-simple2"),
    ]
    middles = {"a": 2.0, "day one/b é": 3.0, "c": 4.5}
    for sample in samples:
        assert sample.query_video_id != sample.video_id
        assert sample.query_seconds == middles[sample.query_video_id]
        assert (sample.query_image, sample.split, sample.window) == (None, "test", None)
    assert samples[0].segment == Segment(1.0, 3.0)
    assert (made.num_activities, made.left_out, made.empty_splits) == (3, (), ())
    assert made.skipped == ()
    assert read_manifest(made.manifest.folder) == made.manifest
    manifest = made.manifest
    assert manifest.header.videos == "../../videos"
    found = {manifest.video_path(sample.video_id).resolve() for sample in samples}
    assert found == {videos / "a.mp4", videos / "day one/b é.mkv", videos / "c.mov"}


def test_windows_move_the_segment(videos: Path, write_table) -> None:
    made = run(write_table("a,1.1,2.4,jump", "a,5,6.3,jump", "c,1,2,jump"), videos)

    assert [(s.window, s.segment, s.duration_seconds) for s in made.manifest.samples[:2]] == [
        (Segment(0.0, 5.0), Segment(1.1, 2.4), 5.0),
        (Segment(2.4, 7.0), Segment(2.6, 3.9), 4.6),
    ]


def test_same_seed_gives_the_same_bytes_and_another_one_other_queries(
    videos: Path, write_table
) -> None:
    lines = [f"{video},{start},{start + 1},jump" for video in "ac" for start in range(5)]
    path = write_table(*lines)

    def made(seed: int) -> tuple[bytes, bytes]:
        folder = run(path, videos, seed=seed).manifest.folder
        return (folder / "samples.jsonl").read_bytes(), (folder / "manifest.json").read_bytes()

    first = made(0)
    assert made(0) == first
    assert made(1)[0] != first[0]


def test_number_of_queries_is_limited_and_spread_over_videos(videos: Path, write_table) -> None:
    lines = [f"b é,{start},{start + 1},jump" for start in range(5)]
    path = write_table("a,1,2,jump", "c,1,2,jump", *lines)

    made = run(path, videos, simple=2)

    of_a = [s.query_video_id for s in made.manifest.samples if s.video_id == "a"]
    assert sorted(of_a) == ["c", "day one/b é"]


def test_images_in_the_table_ask_for_their_activity_only(videos: Path, write_table) -> None:
    write_image(videos.parent / "my images/a.png")
    lines = ("a,1,3,jump,my images/a.png", "c,2,4,jump,", "short,1,2,wave,my images/a.png")

    made = run(write_table(*lines, more=",image"), videos)

    assert queries(made) == {
        "a#1-simple1": ("jump", None, None, "../../my images/a.png"),
        "c#1-simple1": ("jump", "a", 2.0, None),
        "short#1-simple1": ("wave", None, None, "../../my images/a.png"),
    }
    sample = made.manifest.samples[0]
    assert made.manifest.query_path(sample).resolve() == videos.parent / "my images/a.png"


def test_images_of_labels_ask_for_every_activity_of_theirs(videos: Path, write_table) -> None:
    images = videos.parent / "images"
    for number in (1, 2, 3):
        write_image(images / f"wave/{number}.png")

    made = run(write_table(*SAME, "a,4,5,wave"), videos, images=images, simple=2)

    asked = [query for name, query in queries(made).items() if name.startswith("a#2")]
    assert len({image for *_, image in asked}) == 2
    assert {image.rpartition("/")[0] for *_, image in asked} == {"../../images/wave"}
    assert Counter(label for label, *_ in queries(made).values()) == {"jump": 6, "wave": 2}


def test_what_no_picture_shows_is_left_out_by_name(videos: Path, write_table) -> None:
    made = run(write_table(*SAME, "a,4,5,wave", "a,5,6,wave"), videos)

    assert made.left_out == ("'wave' at 4.0 s in 'a'", "'wave' at 5.0 s in 'a'")
    assert made.num_activities == 3
    with pytest.raises(DatasetError, match="no activity can be asked for: none has an image"):
        run(write_table("a,4,5,wave"), videos)


def test_difficult_queries_show_siblings(videos: Path, write_table) -> None:
    lines = ("a,1,3,jump", "b é,2,4,hop", "c,3,6,hop", "c,1,2,wave", "a,4,5,wave", "a,5,6,none")
    groups = {"legs": ["jump", "hop", "run"], "hands": ["wave", "clap"]}
    taxonomy = write_json(videos.parent / "similar.json", groups)

    made = run(write_table(*lines), videos, taxonomy=taxonomy)

    difficult = [s for s in made.manifest.samples if s.query_kind == "difficult"]
    found = Counter((s.video_id, s.label, s.query_label) for s in difficult)
    assert found == {
        ("a", "jump", "hop"): 2,
        ("day one/b é", "hop", "jump"): 1,
        ("c", "hop", "jump"): 1,
    }
    assert {s.taxonomy_distance for s in difficult} == {2}
    assert made.left_out == ("'none' at 5.0 s in 'a'",)
    assert run(write_table(*lines), videos, taxonomy=taxonomy, difficult=0).manifest.header.counts


def test_images_of_siblings_need_no_video(videos: Path, write_table) -> None:
    images = videos.parent / "images"
    write_image(images / "hop/1.png")
    taxonomy = write_json(videos.parent / "similar.json", {"legs": ["jump", "hop"]})

    made = run(write_table("a,1,3,jump"), videos, taxonomy=taxonomy, images=images)

    assert queries(made) == {"a#1-difficult1": ("hop", None, None, "../../images/hop/1.png")}


def test_similar_classes_that_are_others_or_unknown_are_refused(videos: Path, write_table) -> None:
    taxonomy = write_json(videos.parent / "similar.json", {"legs": ["Jump", "hop"]})

    with pytest.raises(DatasetError, match=r"no label of .* is a class in"):
        run(write_table(*SAME), videos, taxonomy=taxonomy)
    with pytest.raises(UsageError, match="so --difficult has no effect; give --taxonomy FILE"):
        run(write_table(*SAME), videos, difficult=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"simple": -1}, "simple must be at least 0, got -1"),
        ({"difficult": -2}, "difficult must be at least 0, got -2"),
        ({"seed": -5}, "seed must be at least 0, got -5"),
        ({"simple": 0, "difficult": 0}, "nothing is asked"),
    ],
)
def test_settings_that_ask_nothing_are_refused(settings, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        OwnVideosConfig(**settings)


def test_training_sees_no_frame_of_held_out_videos(videos: Path, write_table) -> None:
    lines = ("a,1,3,jump,train", "b é,2,4,jump,train", "c,3,6,jump,test", "short,1,2,jump,test")

    made = run(write_table(*lines, more=",split"), videos, simple=1)

    asked = {sample.video_id: sample.query_video_id for sample in made.manifest.samples}
    # Others take frames of videos that train only where there is nothing else.
    assert asked == {"a": "day one/b é", "day one/b é": "a", "c": "short", "short": "c"}
    assert (made.split, made.num_shared_videos) == ("as the annotations say", 0)


@pytest.mark.parametrize(
    ("lines", "counts", "left_out", "num_shared"),
    [
        # An activity that only held-out videos show does not train.
        (("a,1,3,jump,train", "c,3,6,jump,test", "a,4,5,run,test", "c,1,2,run,test"),
         {"test": 3}, ("'jump' at 1.0 s in 'a'",), 0),
        (("a,1,3,jump,test", "c,3,6,jump,test", "a,4,5,run,train"),
         {"test": 2}, ("'run' at 4.0 s in 'a'",), 0),
        (("a,1,3,jump,train", "c,3,6,jump,train", "a,4,5,run,test", "short,1,2,run,test"),
         {"test": 2, "train": 2}, (), 1),
    ],
)  # fmt: skip
def test_splits_of_rows(lines, counts, left_out, num_shared, videos: Path, write_table) -> None:
    made = run(write_table(*lines, more=",split"), videos)

    assert (made.manifest.header.counts, made.left_out) == (counts, left_out)
    assert made.empty_splits == (() if "train" in counts else ("train",))
    assert made.num_shared_videos == num_shared
    if counts == {"test": 3}:
        assert queries(made)["c#2-simple1"] == ("jump", "a", 2.0, None)


@pytest.mark.parametrize("split_by", ["class", "video"])
def test_no_image_asks_in_training_and_elsewhere(split_by, videos: Path, write_table) -> None:
    labels = ("jump", "hop", "run", "wave")
    lines = [f"{name},{n},{n + 0.5},{label}" for name in "ac" for n, label in enumerate(labels)]
    lines += [f"short,{n / 2},{n / 2 + 0.5},{label}" for n, label in enumerate(labels)]
    images = videos.parent / "images"
    for label in labels:
        for number in range(3):
            write_image(images / label / f"{number}.png")
    taxonomy = write_json(videos.parent / "similar.json", {"all": labels})

    made = run(write_table(*lines), videos, images=images, taxonomy=taxonomy, split_by=split_by)

    samples = made.manifest.samples
    training = {s.query_image for s in samples if s.split == "train"} - {None}
    others = {s.query_image for s in samples if s.split != "train"} - {None}
    assert training
    assert others
    assert not training & others
    if split_by == "class":
        shown = {s.query_label for s in samples if s.split == "train"}
        assert shown == {s.label for s in samples if s.split == "train"}


def test_broken_rows_are_refused_together_and_skipped_when_asked(videos: Path, write_table) -> None:
    path = write_table(*SAME, "a,5,nan,jump", "x,1,2,jump", "short,4,5,jump")

    with pytest.raises(BrokenAnnotationsError) as caught:
        run(path, videos)
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        f"{path}, line {number}" for number in (5, 6, 7)
    ]
    assert "3 problems, and nothing was written" in str(caught.value)
    assert not (videos.parent / "out").exists()

    made = run(path, videos, skip_bad=True)
    assert made.skipped == caught.value.problems
    assert made.num_activities == 3


@pytest.mark.parametrize(("name", "text"), [("a.csv", "video,start,end,label\n"), ("a.json", "[]")])
def test_annotations_of_nothing_are_refused(name: str, text: str, videos: Path) -> None:
    path = videos.parent / name
    path.write_text(text, encoding="utf-8")

    with pytest.raises(DatasetError, match=r"a\..* holds no activity; annotate one"):
        run(path, videos)


def test_data_set_of_another_source_is_kept(videos: Path, write_table) -> None:
    path = write_table(*SAME)
    header = run(path, videos).manifest.folder / "manifest.json"
    assert run(path, videos).num_activities == 3
    other = header.read_text().replace("own videos, activities.csv", "composed")
    header.write_text(other)

    with pytest.raises(UsageError, match=r"holds a data set of composed, which own videos, act"):
        run(path, videos)
    assert header.read_text() == other


def test_header_tells_of_everything_that_decides(videos: Path, write_table) -> None:
    write_image(videos.parent / "row.png")
    images, lines = videos.parent / "images", ("a,1,3,jump,row.png", "c,1,3,jump,")
    first, second = write_image(images / "jump/1.png"), images / "jump/2.png"
    path = write_table(*lines, more=",image")
    taxonomy = write_json(videos.parent / "similar.json", {"legs": ["jump", "hop"]})

    def settings() -> dict[str, object]:
        return run(path, videos, images=images, taxonomy=taxonomy).manifest.header.settings

    def changed(before: dict[str, object]) -> set[str]:
        return {name for name, value in settings().items() if value != before[name]}

    before = settings()
    assert changed(before) == set()
    first.rename(second)
    assert changed(before) == {"images_sha256"}
    second.rename(first)
    Image.new("RGB", (5, 7)).save(videos.parent / "row.png")
    assert changed(before) == {"images_sha256"}
    write_image(videos.parent / "row.png")
    (videos / "short.mp4").replace(videos / "c.mov")
    assert changed(before) == {"video_lengths_sha256"}
    write_json(taxonomy, {"legs": ["jump", "run"]})
    path.write_text(path.read_text("utf-8") + "\n", encoding="utf-8")
    names = {"video_lengths_sha256", "taxonomy_sha256", "annotations_sha256"}
    assert changed(before) == names


def test_broken_image_of_a_label_is_a_problem(videos: Path, write_table) -> None:
    images = videos.parent / "images"
    write_image(images / "jump/1.png")
    (images / "jump/2.png").write_bytes(b"nothing")
    path = write_table(*SAME)

    with pytest.raises(BrokenAnnotationsError, match=r"2\.png is not an image"):
        run(path, videos, images=images)
    made = run(path, videos, images=images, skip_bad=True)
    assert {image for *_, image in queries(made).values()} == {"../../images/jump/1.png"}


@pytest.mark.parametrize("official", [True, False])
def test_activitynet_layout(official: bool, videos: Path) -> None:
    (videos / "a.mp4").rename(videos / "v_a.mp4")
    length = "duration" if official else "duration_second"
    database = {
        "a": {length: 7.0, "annotations": [{"segment": [1, 3], "label": "jump"}]},
        "c": {
            length: 7.0,
            "annotations": [
                {"segment": [3, 6], "label": "jump"},
                {"segment": [5, 4], "label": "jump"},
            ],
        },
        "short": {length: 3.0, "annotations": [{"segment": [1, 2], "label": "hop"}]},
        "t": {length: 9.0, "subset": "testing"},
    }
    names = (("Root", None), ("legs", 0), ("jump", 1), ("hop", 1))
    tree = [{"nodeId": n, "nodeName": x, "parentId": p} for n, (x, p) in enumerate(names)]
    about = {"taxonomy": tree, "version": "VERSION 1.3"}
    value = {"database": database, **about} if official else database
    path = write_json(videos.parent / "activity_net.json", value)

    made = run(path, videos)

    simple = {"v_a#1-simple1": ("jump", "c", 4.5, None), "c#1-simple1": ("jump", "v_a", 2.0, None)}
    assert queries(made).items() >= simple.items()
    kinds = Counter(sample.query_kind for sample in made.manifest.samples)
    assert kinds == ({"simple": 2, "difficult": 4} if official else {"simple": 2})
    assert made.cleaning is not None
    assert (made.cleaning.reversed, made.num_unlabelled) == (1, 1)
