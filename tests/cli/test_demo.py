import re

import pytest
from PIL import Image

from stillseek.cli import demo
from stillseek.media import probe
from stillseek.synthetic.rendered.rendered_dataset import RenderedConfig
from stillseek.synthetic.rendered.streams import Scene, Stream, class_split
from stillseek.timeline import Segment


def test_streams_show_one_unseen_activity_in_two_videos() -> None:
    classes = class_split(RenderedConfig().seed)

    for seed in (0, 1):
        searched, other, absent = demo._draw_streams(seed)

        targets = [stream.scenes[stream.targets[0]].activity for stream in (searched, other)]
        assert targets[0] is targets[1]
        assert targets[0] in classes["test"]
        assert targets[0] not in classes["train"]
        assert len({searched.seed, other.seed, absent.seed}) == 3
        missing = absent.scenes[absent.targets[0]].activity
        assert missing in classes["test"]
        assert missing.group not in {s.activity.group for s in searched.scenes if s.activity}
    assert demo._draw_streams(0) != demo._draw_streams(1)
    assert demo._draw_streams(0) == demo._draw_streams(0)


@pytest.fixture
def activity(monkeypatch):
    """What three short streams show from their second 2 on."""
    activity = class_split(RenderedConfig().seed)["test"][0]
    scenes = (Scene(Segment(0.0, 2.0), None), Scene(Segment(2.0, 4.0), activity))
    streams = [Stream(name, (3, k), 4.0, scenes, (1,)) for k, name in enumerate("abc")]
    monkeypatch.setattr(demo, "_draw_streams", lambda seed: tuple(streams))
    return activity


@pytest.mark.usefixtures("use_small_recipe")
def test_demo_renders_searches_and_shows(activity, small_head, tmp_path, run) -> None:
    out = tmp_path / "out"

    lines = run("demo", "--out", out, "--checkpoint", small_head).splitlines()

    assert lines[0] == f"rendering {out / 'video.mp4'}: somewhere in it happens {activity.name!r}"
    assert lines[2].startswith("found  0:0")
    assert lines[3] == "true   0:02.0 to 0:04.0"
    assert 0 <= float(lines[4].removeprefix("IoU    ")) <= 1
    assert lines[5:] == [
        "presence is not known: recipe pocket has no calibration; recipe lite has one",
        f"wrote {out / 'plot.png'} and {out / 'report.html'}",
    ]
    assert probe(out / "video.mp4").duration_seconds == pytest.approx(4.0)
    with Image.open(out / "query.png") as picture:
        assert picture.size == (probe(out / "video.mp4").width, probe(out / "video.mp4").height)
    assert "The true segment is 0:02.0 to 0:04.0" in (out / "report.html").read_text()


def test_presence_is_said_for_both_pictures(activity, tmp_path, run) -> None:
    lines = run("demo", "--out", tmp_path).splitlines()

    said = [line for line in lines if line.startswith("presence")]
    assert re.fullmatch(rf"presence \d+% with {tmp_path / 'query.png'}", said[0])
    absent = rf"{tmp_path / 'absent.png'} \('{activity.name}', not in the video\)"
    assert re.fullmatch(rf"presence \d+% with {absent}", said[1])
    assert said[2].startswith("presence was fitted on photographs; of drawn figures")


def test_a_negative_seed_exits_with_2(tmp_path, refused) -> None:
    message = "seed must be at least 0, got -1"
    assert refused("demo", "--seed", "-1", "--out", tmp_path / "out") == message
