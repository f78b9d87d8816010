import json
import re
import shlex
from pathlib import Path

import pytest
from small_options import SHORT

from stillseek.data.manifest import read_manifest
from stillseek.timeline import Segment

PAGE = Path(__file__).resolve().parents[2] / "docs/data/own-videos.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
IMPORT = ("dataset", "import")
PLACES = ("--videos", "my-videos", "--out", "out")


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCK.findall(PAGE.read_text("utf-8")) if name == language]


def commands(language: str) -> list[list[str]]:
    lines = [line.removeprefix("$ ") for text in blocks(language) for line in text.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("stillseek ")]


@pytest.fixture
def folder(write_clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of the page, and the folder they are in as the current one."""
    for number, name in enumerate(("garden.mp4", "park.mov", "beach/sunset.mkv")):
        write_clip(name=f"my-videos/{name}", seconds=12, rate=2, seed=number)
    (tmp_path / "activities.csv").write_text(blocks("csv")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_first_command_of_the_page_prints_what_it_says(folder: Path, run) -> None:
    (printed,) = blocks("console")

    assert run(*commands("console")[0]) == printed.partition("\n")[2]


@pytest.mark.usefixtures("use_small_recipe")
def test_every_command_of_the_page_works_in_its_order(folder: Path, write_clip, run) -> None:
    names = [f"match {number}" for number in range(12)]
    for number, name in enumerate(names):
        write_clip(name=f"season/{name}.mkv", seconds=5, rate=2, seed=number)
    lines = [f"{name},1,3,{label}" for name in names for label in ("goal", "corner")]
    (folder / "season.csv").write_text("\n".join(("video,start,end,label", *lines)))
    for command in commands("console") + commands("bash"):
        run(*command, *(SHORT if command[0] == "train" else ()), may_complain=True)

    tables = json.loads((folder / "my-scores/tables.json").read_text())
    assert "sail" in {row["model"] for row in tables["scores"]}
    assert len(commands("bash")) == 6


def test_json_blocks_of_the_page_are_read(folder: Path, run, refused) -> None:
    table, similar = blocks("json")
    (folder / "table.json").write_text(table, encoding="utf-8")
    (folder / "similar.json").write_text(similar, encoding="utf-8")
    words = ["--videos", "my-videos", "--taxonomy", "similar.json", "--out"]

    assert "6 simple, 2 difficult\n" in run(*IMPORT, "activities.csv", *words, "csv")
    message = "no activity can be asked for"
    assert message in refused(*IMPORT, "table.json", *words, "json", code=1)


@pytest.mark.usefixtures("use_small_recipe")
def test_query_images_and_windows_are_extracted_and_scored(
    folder: Path, write_picture, run
) -> None:
    (folder / "my images/juggling").mkdir(parents=True)
    write_picture("my images/juggling/a.png", seed=1)
    write_picture("my images/juggling/b.png", seed=2)

    told = run(*IMPORT, "activities.csv", *PLACES, "--images", "my images")
    assert "queries: 6 images, 2 frames of other videos; 8 simple" in told
    told = run("extract", "--dataset", "out", "--out", "store")
    assert told.endswith("query images: 4 encoded, 0 already there, 0 failed\n")
    scores = ("--matching", "--out", "scores")
    run("evaluate", "--dataset", "out", "--store", "store", *scores, may_complain=True)
    samples = read_manifest(folder / "out").samples
    assert sum(sample.window is not None for sample in samples) == 4


def test_broken_annotations_are_listed_and_exit_with_1(folder: Path, heard) -> None:
    lines = [f"garden,{number},{number},juggling" for number in range(23)]
    with (folder / "activities.csv").open("a", encoding="utf-8") as file:
        file.write("\n".join(lines))
    command = [*IMPORT, "activities.csv", *PLACES]

    captured = heard(*command, code=1)
    errors = captured.err.splitlines()
    assert captured.out == ""
    assert errors[0] == (
        "error: activities.csv, line 8: the end, 0.0 s, is not after the start, 0.0 s"
    )
    assert errors[20:] == [
        "error: ... and 3 more",
        "error: activities.csv cannot be used as it is: 23 problems, and nothing was written; mend "
        "what is broken, or leave it out with --skip-bad",
    ]
    assert not (folder / "out").exists()

    captured = heard(*command, "--skip-bad")
    assert captured.err.splitlines()[::20] == [
        errors[0].replace("error", "skipped"),
        "skipped: ... and 3 more",
    ]
    assert captured.out.endswith("\nskipped as broken: 23\n")


def test_everything_that_was_done_is_said(folder: Path, run) -> None:
    (folder / "table.csv").write_text(
        "video,start,end,label,split,who\n"
        "garden,1,3,juggling,train,x\n"
        "garden,2,4,juggling,train,\n"
        "park,1,99,juggling,train,\n"
        "park,1,3,handstand,test,\n"
        "sunset,1,3,handstand,test,\n",
        encoding="utf-8",
    )

    assert run(*IMPORT, "table.csv", *PLACES) == (
        "out: 4 samples (2 test, 2 train)\n"
        "asked for: 4 activities of 2 classes in 3 videos\n"
        "queries: 0 images, 4 frames of other videos; 4 simple, 0 difficult\n"
        "split: as the annotations say\n"
        "searched in more than one split: 1 video\n"
        "joined to another activity of the same label that they overlap: 1\n"
        "cut to the end of their video: 1\n"
        "not read: who\n"
    )


def test_split_that_is_left_without_questions_is_said(folder: Path, heard) -> None:
    lines = [f"{name},1,3,juggling" for name in ("garden", "park", "sunset")]
    (folder / "table.csv").write_text("\n".join(("video,start,end,label", *lines)), "utf-8")

    captured = heard(*IMPORT, "table.csv", *PLACES, "--split-by", "video")

    assert captured.out.startswith("out: 4 samples (2 test, 2 validation)\n")
    assert captured.err == (
        "warning: no question is in train: none of its activities has a picture that may ask "
        "there; annotate more videos, or give images of the labels with --images\n"
    )


def test_one_of_each_is_not_said_as_several(folder: Path, write_picture, run, heard) -> None:
    table = folder / "table.csv"
    table.write_text("video,start,end,label,image\ngarden,1,3,juggling,a.png\n", encoding="utf-8")
    command = [*IMPORT, "table.csv", *PLACES]

    assert "1 problem, and nothing was written" in heard(*command, code=1).err
    write_picture("a.png", seed=1)
    assert run(*command).startswith(
        "out: 1 sample (1 test)\n"
        "asked for: 1 activity of 1 class in 1 video\n"
        "queries: 1 image, 0 frames of other videos; 1 simple, 0 difficult\n"
    )


def test_faults_of_activitynet_are_all_counted(folder: Path, run) -> None:
    times = {"garden": [[1, 3], [2, 99]], "park": [[-1, 3], [5, 4], [20, 21], [0, 3]]}
    database = {
        name: {
            "duration_second": 12,
            "annotations": [{"segment": segment, "label": "juggling"} for segment in segments],
        }
        for name, segments in times.items()
    }
    (folder / "net.json").write_text(json.dumps(database), encoding="utf-8")

    assert run(*IMPORT, "net.json", *PLACES).endswith(
        "cut by ActivityNet's reader to the annotated length of their video: 2\n"
        "dropped by ActivityNet's reader: 1 reversed, 1 after their video, 1 repeated\n"
    )


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--simple", "-1"], 2, "simple must be at least 0, got -1"),
        (["--seed", "-5"], 2, "seed must be at least 0, got -5"),
        (["--difficult", "2"], 2, "so --difficult has no effect; give --taxonomy FILE"),
        (["--split-by", "colour"], 2, "Invalid value"),
        (["--split-by", "class"], 1, "a split in three needs at least 3 classes, got 2"),
        (["--images", "nowhere"], 1, "is called like a label; expected FOLDER/LABEL/image.jpg"),
        (["--videos", "nowhere"], 1, "there is no video file in nowhere"),
    ],
)
def test_wrong_options(words, code: int, message: str, folder: Path, refused) -> None:
    places = PLACES[2:] if "--videos" in words else PLACES

    assert message in refused(*IMPORT, "activities.csv", *places, *words, code=code)
    assert not (folder / "out").exists()


def test_videos_without_annotations_are_told(folder: Path, run) -> None:
    jump = [{"segment": [1, 3], "label": "jump"}]
    videos = {
        "garden": {"duration": 12, "annotations": jump},
        "park": {"duration": 12, "annotations": jump},
        "later": {"duration": 12, "subset": "testing"},
    }
    (folder / "a.json").write_text(json.dumps({"database": videos}))

    told = run(*IMPORT, "a.json", *PLACES)
    assert "\nwithout annotations, and left out: 1 video\n" in told


STUDIO = '[{"id": 3, "data": {"video": "garden.mp4"}, "annotations": [{"result": [{"id": "r", '
STUDIO += (
    '"type": "timelinelabels", "value": {"ranges": [%s], "timelinelabels": ["juggling"]}}]}]}]'
)


def test_ranges_of_frames_are_imported_by_the_rate_of_their_video(folder, run, refused) -> None:
    text = STUDIO % '{"start": 3, "end": 8}'
    other = text.replace("garden.mp4", "beach/sunset.mkv").replace('"id": 3', '"id": 4')
    (folder / "studio.json").write_text(f"{text[:-1]}, {other[1:]}", encoding="utf-8")

    run(*IMPORT, "studio.json", *PLACES)

    # Frames 3 to 8 of 2 a second.
    segments = {sample.segment for sample in read_manifest(folder / "out").samples}
    assert segments == {Segment(1.0, 4.0)}
    told = refused(*IMPORT, "studio.json", *PLACES, "--attribute", "nobody", code=1)
    assert "no region is of a control tag 'nobody'; it has none" in told
