"""What all formats share: names, reels, handles, several videos, and what is refused."""

import csv
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import av
import numpy as np
import opentimelineio
import pytest
import webvtt

from stillseek.errors import MediaError, UsageError
from stillseek.handoff.clips import cut_selections
from stillseek.handoff.formats import HandoffFormat, write_handoff, write_selections
from stillseek.handoff.selection import Selection
from stillseek.media import cut, probe
from stillseek.timeline import Moment, Segment

LongVideo = Callable[..., Path]
NAMES = [f"found{end}" for end in (".edl", ".fcpxml", ".otio", ".vtt", ".csv", ".json")]
NAMES += ["found.premiere.csv", "found.resolve.csv"]


@pytest.fixture
def video(long_video: LongVideo, tmp_path: Path) -> Path:
    """A video of two seconds at 25 frames a second."""
    return long_video(tmp_path / "a.mov", rate=Fraction(25), seconds=2.0)


def select(video: Path, start: float, end: float, **others: object) -> Selection:
    return Selection(video=video, segment=Segment(start, end), **others)


def events(path: Path) -> list[str]:
    """The times of an edit decision list, event by event."""
    lines = path.read_text().splitlines()
    return [line.split(" C        ")[1] for line in lines if line[:3].isdigit()]


def test_an_edit_decision_list_in_whole(long_video: LongVideo, tmp_path: Path) -> None:
    video = long_video(tmp_path / "match.mov", rate=Fraction(10))
    selections = [select(video, 2.0, 3.5, score=0.75, name="serve"), select(video, 0.5, 1.0)]

    write_selections(selections, tmp_path / "made" / "cut.edl")

    assert (tmp_path / "made" / "cut.edl").read_text() == (
        "TITLE: cut\n"
        "FCM: NON-DROP FRAME\n"
        "\n"
        "001  MATCH    V     C        00:00:02:00 00:00:03:05 00:00:00:00 00:00:01:05\n"
        "* FROM CLIP NAME: match.mov\n"
        "* COMMENT: serve 1 (75%)\n"
        "002  MATCH    V     C        00:00:00:05 00:00:01:00 00:00:01:05 00:00:02:00\n"
        "* FROM CLIP NAME: match.mov\n"
        "* COMMENT: moment 2\n"
        "* COMMENT: made by stillseek\n"
    )


@pytest.mark.parametrize("name", NAMES)
def test_nothing_found_is_an_empty_list(name: str, tmp_path: Path) -> None:
    write_selections([], tmp_path / name)

    content = (tmp_path / name).read_bytes()
    assert content
    if name.endswith(".edl"):
        # OpenTimelineIO refuses lists without an event.
        assert content == b"TITLE: found\nFCM: NON-DROP FRAME\n\n* COMMENT: made by stillseek\n"
    if name.endswith((".fcpxml", ".otio")):
        made = opentimelineio.adapters.read_from_file(str(tmp_path / name))
        assert made.find_clips() == []


@pytest.mark.parametrize("name", NAMES)
def test_what_was_written_is_replaced_and_nothing_else(
    name: str, video: Path, tmp_path: Path
) -> None:
    path = tmp_path / name

    write_selections([select(video, 0.2, 0.4)], path)
    first = path.read_bytes()
    write_selections([select(video, 0.4, 0.6)], path)

    assert path.read_bytes() != first
    path.write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        write_selections([select(video, 0.2, 0.4)], path)
    assert path.read_text() == "mine"
    write_selections([select(video, 0.2, 0.4)], path, overwrite=True)
    assert path.read_bytes() == first


HOSTILE = '=HYPERLINK("http://x")\n--> <b>&amp;\x1b[2J\u2028\ufffe"\t,;'


def test_names_are_text_in_every_format(long_video: LongVideo, tmp_path: Path) -> None:
    video = long_video(tmp_path / "=cmd|\x1b 'a' & <b> --> \ufffe.mov", rate=Fraction(25))
    selections = [select(video, 1.0, 2.0, name=HOSTILE, score=0.5), select(video, 3.0, 3.2)]

    for name in NAMES:
        write_selections(selections, tmp_path / "out" / name)

    folder = tmp_path / "out"
    shown = video.name.replace("\x1b", "\ufffd")
    track, *others = opentimelineio.adapters.read_from_file(
        str(folder / "found.edl"), rate=25
    ).tracks
    assert (others, [clip.name for clip in track]) == ([], [shown, shown])
    root = ElementTree.parse(folder / "found.fcpxml").getroot()
    clips = [clip.attrib["name"] for clip in root.iter("asset-clip")]
    label = HOSTILE.translate({ord(c): "\ufffd" for c in "\n\x1b\u2028\t"}) + " 1 (50%)"
    assert clips == [label.replace("\ufffe", "\ufffd"), "moment 2"]
    assert [asset.attrib["src"] for asset in root.iter("asset")] == [video.as_uri()]
    timeline = opentimelineio.adapters.read_from_file(str(folder / "found.otio"))
    assert [clip.name for clip in timeline.find_clips()] == [label, "moment 2"]
    cues = webvtt.read(str(folder / "found.vtt"))
    escaped = label.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert [cue.text for cue in cues] == [escaped, "moment 2"]
    records = json.loads((folder / "found.json").read_text())["selections"]
    assert [record["video"] for record in records] == [str(video)] * 2
    for name, encoding, tab in (
        ("found.csv", "utf-8", ","),
        ("found.resolve.csv", "utf-8", ","),
        ("found.premiere.csv", "utf-16", "\t"),
    ):
        quoting = csv.QUOTE_MINIMAL if tab == "," else csv.QUOTE_NONE
        with (folder / name).open(encoding=encoding, newline="") as file:
            rows = list(csv.reader(file, delimiter=tab, quoting=quoting))
        assert len(rows) == 3
        assert {len(row) for row in rows} == {len(rows[0])}
        cells = [cell for row in rows for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
        assert any(cell.startswith("'=HYPERLINK") for cell in cells)
        assert not [cell for cell in cells if set(cell) & set("\n\r\t\x1b\u2028")]


def test_reels_are_names_that_old_editors_take(long_video: LongVideo, tmp_path: Path) -> None:
    names = ("a long name.mov", "A LONG-NAME of another.mov", "bl.mov", "\u3042.mov", "x/bl.mov")
    videos = [long_video(tmp_path / name, rate=Fraction(25), seconds=0.4) for name in names]

    write_selections([select(video, 0.0, 0.2) for video in videos], tmp_path / "all.edl")

    lines = (tmp_path / "all.edl").read_text().splitlines()
    reels = [line[5:13].rstrip() for line in lines if line[:3].isdigit()]
    assert reels == ["ALONGNAM", "ALONGN02", "BL03", "04", "BL05"]


def test_a_reel_may_be_given(video: Path, long_video: LongVideo, tmp_path: Path) -> None:
    other = long_video(tmp_path / "b.mov", rate=Fraction(25), seconds=0.4)

    write_selections([select(video, 0.0, 0.2)], tmp_path / "a.edl", reel="A001C002")

    track = opentimelineio.adapters.read_from_file(str(tmp_path / "a.edl"), rate=25).tracks[0]
    assert track[0].metadata["cmx_3600"]["reel"] == "A001C002"
    for reel in ("A001C0023", "A 1", "", "\u00e4", "bl", "AX"):
        with pytest.raises(UsageError) as failure:
            write_selections([select(video, 0.0, 0.2)], tmp_path / "b.edl", reel=reel)
        assert str(failure.value) == (
            f"reel {reel!r} is no name of a reel; expected 1 to 8 letters, digits or underscores, "
            "and none of AX, BARS, BL, BLACK"
        )
    both = [select(video, 0.0, 0.2), select(other, 0.0, 0.2)]
    with pytest.raises(UsageError, match=r"^one reel name for 2 videos would make them one source"):
        write_selections(both, tmp_path / "b.edl", reel="A001")
    with pytest.raises(UsageError, match=r"b\.vtt: \.vtt has no reel names; leave the reel out"):
        write_selections(both[:1], tmp_path / "b.vtt", reel="A001")


def test_handles_end_where_the_video_does(long_video: LongVideo, tmp_path: Path) -> None:
    video = long_video(tmp_path / "a.mov", rate=Fraction(25), seconds=4.0)
    selections = [select(video, 0.4, 1.0), select(video, 2.0, 3.6)]

    write_selections(selections, tmp_path / "a.edl", pad_seconds=0.6)

    assert events(tmp_path / "a.edl") == [
        "00:00:00:00 00:00:01:15 00:00:00:00 00:00:01:15",
        "00:00:01:10 00:00:04:00 00:00:01:15 00:00:04:05",
    ]
    for pad in (-0.1, float("nan"), float("inf")):
        with pytest.raises(UsageError) as failure:
            write_selections(selections, tmp_path / "b.edl", pad_seconds=pad)
        assert str(failure.value) == f"handles must be 0 or more seconds, got {pad!r}"


def test_several_videos_in_one_time_line(long_video: LongVideo, tmp_path: Path) -> None:
    slow = long_video(tmp_path / "slow.mov", rate=Fraction(25), timecode="01:00:00:00")
    fast = long_video(tmp_path / "fast.mov", rate=Fraction(60000, 1001), timecode="10:00:00;00")
    selections = [select(slow, 1.0, 2.0), select(fast, 1.001, 2.002), select(slow, 3.0, 3.2)]

    write_selections(selections, tmp_path / "all.fcpxml")
    write_selections(selections, tmp_path / "all.otio")

    root = ElementTree.parse(tmp_path / "all.fcpxml").getroot()
    assert [asset.attrib["name"] for asset in root.iter("asset")] == ["slow.mov", "fast.mov"]
    clips = [
        [clip.attrib[name] for name in ("ref", "offset", "start", "duration", "tcFormat")]
        for clip in root.iter("asset-clip")
    ]
    start = Fraction(1001, 60000) * (2_157_840 + 60)
    assert clips == [
        ["r3", "0s", "3601s", "1s", "NDF"],
        ["r5", "1s", f"{start.numerator}/{start.denominator}s", "1s", "DF"],
        ["r3", "2s", "3603s", "1/5s", "NDF"],
    ]
    timeline = opentimelineio.adapters.read_from_file(str(tmp_path / "all.otio"))
    ranges = [clip.source_range for clip in timeline.find_clips()]
    assert [(r.start_time.value, r.duration.value) for r in ranges] == [
        (90_025, 25),
        (2_157_900, 60),
        (90_075, 5),
    ]
    with pytest.raises(UsageError) as failure:
        write_selections(selections, tmp_path / "all.edl")
    assert str(failure.value) == (
        f"an edit decision list counts in one frame rate, but {slow} has 25 a second and {fast} "
        "59.94; write .fcpxml or .otio, or a list for each rate"
    )


def test_a_list_says_where_sources_count_otherwise(long_video: LongVideo, tmp_path: Path) -> None:
    rate = Fraction(30000, 1001)
    drop = long_video(tmp_path / "d.mov", rate=rate, seconds=2.0, timecode="00:59:59;20")
    plain = long_video(tmp_path / "n.mov", rate=rate, seconds=2.0)
    selections = [select(drop, 0.0, 0.5), select(plain, 0.0, 0.5), select(drop, 1.0, 1.5)]

    write_selections(selections, tmp_path / "all.edl")

    lines = (tmp_path / "all.edl").read_text().splitlines()
    kept = [line for line in lines if line.startswith("FCM") or line[:3].isdigit()]
    assert kept == [
        "FCM: DROP FRAME",
        "001  D        V     C        00:59:59;20 01:00:00;05 00:00:00;00 00:00:00;15",
        "FCM: NON-DROP FRAME",
        "002  N        V     C        00:00:00:00 00:00:00:15 00:00:00;15 00:00:01;00",
        "FCM: DROP FRAME",
        "003  D        V     C        01:00:00;20 01:00:01;05 00:00:01;00 00:00:01;15",
    ]
    timeline = opentimelineio.adapters.read_from_file(str(tmp_path / "all.edl"), rate=float(rate))
    assert [clip.name for clip in timeline.find_clips()] == ["d.mov", "n.mov", "d.mov"]


def remuxed_with_sound(video: Path, out: Path, codec: str, *, picture_late: float = 0.0) -> None:
    """A copy with a second of silence, whose pictures come some seconds after the sound."""
    with av.open(str(video)) as source, av.open(str(out), "w") as made:
        sound = made.add_stream(codec, rate=16000, layout="mono")
        stream = made.add_stream_from_template(source.streams.video[0])
        silence = np.zeros((1, 16000), np.float32)
        frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16000, 0
        made.mux([*sound.encode(frame), *sound.encode()])
        for packet in source.demux(video=0):
            if packet.size:
                late = round(picture_late / packet.time_base)
                packet.pts, packet.dts = packet.pts + late, packet.dts + late
                packet.stream = stream
                made.mux(packet)


def test_sound_is_handed_off_where_there_is_some(write_clip: LongVideo, tmp_path: Path) -> None:
    video = tmp_path / "sound.mp4"
    remuxed_with_sound(write_clip(seconds=1.0, rate=25), video, "aac")

    write_selections([select(video, 0.0, 0.5)], tmp_path / "a.edl")
    write_selections([select(video, 0.0, 0.5)], tmp_path / "a.fcpxml")

    tracks = opentimelineio.adapters.read_from_file(str(tmp_path / "a.edl"), rate=25).tracks
    kinds = {"V": "Video", "A1": "Audio", "A2": "Audio"}
    assert {track.name: track.kind for track in tracks} == kinds
    (asset,) = ElementTree.parse(tmp_path / "a.fcpxml").getroot().iter("asset")
    assert (asset.get("hasVideo"), asset.get("hasAudio")) == ("1", "1")


@pytest.mark.parametrize(
    ("rate", "first"),
    [
        # The frames on display from two seconds and five sixths until four seconds, of rates that
        # count 60, 50, 30, 25 and 24.
        *((rate, 50) for rate in ("60", "240", "120")),
        ("120000/1001", 49),
        ("100", 41),
        ("90", 25),
        *((rate, 20) for rate in ("75", "72")),
        # A camera that misses its rate: its own frames are counted.
        ("30006/1000", 25),
    ],
)
def test_fast_videos_are_counted_in_a_base_that_editors_have(
    rate: str, first: int, long_video: LongVideo, tmp_path: Path
) -> None:
    video = long_video(tmp_path / "a.mov", rate=Fraction(rate), seconds=5.0)

    write_selections([select(video, 2 + 5 / 6, 4.0)], tmp_path / "a.edl")

    assert events(tmp_path / "a.edl")[0].startswith(f"00:00:02:{first} 00:00:04:00 ")


def test_a_source_time_code_of_a_fast_video_counts_in_that_base(
    long_video: LongVideo, tmp_path: Path
) -> None:
    video = long_video(
        tmp_path / "a.mov", rate=Fraction(120000, 1001), seconds=2.0, timecode="10:00:00;40"
    )

    write_selections([select(video, 1.001, 1.5015)], tmp_path / "a.edl")

    assert events(tmp_path / "a.edl")[0].startswith("10:00:01;20 10:00:01;50 ")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("a.edl", "an edit decision list"),
        ("a.fcpxml", "Final Cut Pro XML"),
        *((f"a.{format}.csv", "a table of markers") for format in ("premiere", "resolve")),
    ],
)
def test_a_rate_that_no_editor_counts_is_refused(
    name: str, what: str, long_video: LongVideo, tmp_path: Path
) -> None:
    video = long_video(tmp_path / "a.mov", rate=Fraction(77), seconds=2.0)

    with pytest.raises(UsageError) as failure:
        write_selections([select(video, 0.5, 1.0)], tmp_path / name)

    assert str(failure.value) == (
        f"{video} has 77 frames a second, which {what} cannot count; expected at most 60, or a "
        "multiple of 24, 25, 30, 48, 50 or 60: cut clips instead, or convert the video"
    )
    assert not (tmp_path / name).exists()


def test_a_rate_without_a_name_keeps_its_frames_in_final_cut(
    long_video: LongVideo, tmp_path: Path
) -> None:
    video = long_video(tmp_path / "a.mov", rate=Fraction(10), seconds=2.0)

    write_selections([select(video, 0.5, 1.2)], tmp_path / "a.fcpxml")

    root = ElementTree.parse(tmp_path / "a.fcpxml").getroot()
    assert [made.attrib["frameDuration"] for made in root.iter("format")] == ["1/30s", "1/10s"]
    (clip,) = root.iter("asset-clip")
    assert (clip.attrib["start"], clip.attrib["duration"]) == ("1/2s", "7/10s")


def test_frames_are_counted_from_the_first_one_shown(video: Path, tmp_path: Path) -> None:
    late = tmp_path / "late.mkv"
    remuxed_with_sound(video, late, "pcm_s16le", picture_late=0.12)

    # The third frame, by what a player says of the time.
    write_selections([select(late, 0.12 + 0.08, 0.12 + 0.16)], tmp_path / "a.edl")
    write_selections([select(late, 0.12 + 0.08, 0.12 + 0.16)], tmp_path / "a.vtt")

    assert events(tmp_path / "a.edl")[0].startswith("00:00:00:02 00:00:00:04 ")
    (cue,) = webvtt.read(str(tmp_path / "a.vtt"))
    assert (cue.start, cue.end) == ("00:00:00.200", "00:00:00.280")


def test_a_short_frame_makes_no_other_rate(write_clip: LongVideo, tmp_path: Path) -> None:
    # The first frame of the clip is shown for half of its time, so that the average is 26.3.
    cut(write_clip(rate=25, seconds=2.0), Segment(0.02, 0.4), tmp_path / "clip.mp4")
    assert probe(tmp_path / "clip.mp4").frame_rate != 25

    write_selections([select(tmp_path / "clip.mp4", 0.06, 0.14)], tmp_path / "a.edl")

    # At 25 frames a second it is laid on the grid, whose second frame begins at 0.04 s.
    assert events(tmp_path / "a.edl")[0].startswith("00:00:00:01 00:00:00:04 ")


def test_more_events_than_a_list_can_number_are_refused(video: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as failure:
        write_selections([select(video, 0.0, 0.5)] * 1000, tmp_path / "a.edl")

    assert str(failure.value) == (
        "an edit decision list has at most 999 events, not 1000; write fewer at a time, or "
        ".fcpxml or .otio"
    )


@pytest.mark.parametrize("name", ["a.vtt", "a.premiere.csv", "a.resolve.csv"])
def test_what_is_of_one_video_refuses_two(name: str, long_video: LongVideo, tmp_path: Path) -> None:
    videos = [long_video(tmp_path / f"{i}.mov", rate=Fraction(25), seconds=1.0) for i in range(2)]

    with pytest.raises(UsageError) as failure:
        write_selections([select(video, 0.0, 0.5) for video in videos], tmp_path / name)

    suffix = name.removeprefix("a")
    assert str(failure.value) == (
        f"path {tmp_path / name}: {suffix} is of one video, not of 2; write .edl, .fcpxml, .otio, "
        ".csv or .json, or one file a video"
    )


def test_options_and_suffixes_that_mean_nothing_are_refused(video: Path, tmp_path: Path) -> None:
    found = [select(video, 0.0, 0.5)]

    with pytest.raises(UsageError, match=r"always counts from the beginning of the file; leave"):
        write_selections(found, tmp_path / "a.vtt", start_at_zero=True)
    with pytest.raises(
        UsageError, match=r"it must end in \.edl, \.fcpxml, \.otio, \.premiere\.csv"
    ):
        write_selections(found, tmp_path / "a.xml")
    with pytest.raises(UsageError, match=r"must end in \.csv$"):
        write_selections(found, tmp_path / "a.edl", format="premiere")
    (tmp_path / "a.edl").hardlink_to(video)
    with pytest.raises(UsageError, match="would overwrite the input"):
        write_selections(found, tmp_path / "a.edl", overwrite=True)
    with pytest.raises(UsageError, match=r"ends at 2 s, before the segment starts at 3 s; choose"):
        write_selections([select(video, 3.0, 4.0)], tmp_path / "b.edl")
    with pytest.raises(MediaError, match=r"^no file at "):
        write_selections([select(tmp_path / "gone.mov", 0.0, 1.0)], tmp_path / "b.edl")
    assert not (tmp_path / "b.edl").exists()


@pytest.mark.parametrize("format", ["premiere", "resolve"])
def test_markers_may_have_a_plain_name(format: HandoffFormat, video: Path, tmp_path: Path) -> None:
    found = [select(video, 0.2, 0.6)]

    write_selections(found, tmp_path / "a.csv", format=format)
    write_selections(found, tmp_path / f"a.{format}.csv")

    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / f"a.{format}.csv").read_bytes()


def test_results_of_a_search_are_named_after_its_picture(
    video: Path, tmp_path: Path, found_in: Callable[..., object]
) -> None:
    found = found_in(video, Moment(1.0, 1.4, 0.9), Moment(0.2, 0.6, None))

    write_handoff([found], tmp_path / "a.json")  # type: ignore[list-item]

    records = json.loads((tmp_path / "a.json").read_text())["selections"]
    kept = [{name: r[name] for name in ("name", "start_frame", "score")} for r in records]
    assert kept == [
        {"name": "q", "start_frame": 25, "score": 0.9},
        {"name": "q", "start_frame": 5, "score": None},
    ]


@pytest.mark.parametrize("rate", [15, 25])
@pytest.mark.parametrize(("start", "end"), [(0.5, 1.5), (1.5, 2.5), (1.0, 2.01)])
def test_a_list_has_the_frames_of_the_clip(
    rate: int, start: float, end: float, write_clip: LongVideo, tmp_path: Path
) -> None:
    chosen = [select(write_clip(rate=rate, seconds=4.0), start, end)]

    write_selections(chosen, tmp_path / "a.json")
    (clip,) = cut_selections(chosen, tmp_path / "clips")

    (listed,) = json.loads((tmp_path / "a.json").read_text())["selections"]
    with av.open(clip.path) as file:
        assert len(list(file.decode(video=0))) == listed["end_frame"] - listed["start_frame"]
