"""Every format at every rate, read back by a reader that is not ours: no frame is off.

Two adapters of OpenTimelineIO cannot be that reader everywhere. The one of Final Cut Pro XML takes
the rate for ``int(29.97)``, so that at 23.976, 29.97 and 59.94 it is off by more the later it is,
and rounds down what floats make a little too small: its times are read with an XML parser and
exact fractions, and it is asked for names and files. Time code of a table is text, and is counted
by OpenTimelineIO.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import opentimelineio
import pytest
import webvtt
from opentimelineio.opentime import RationalTime, from_timecode

from stillseek.handoff.formats import write_selections
from stillseek.handoff.selection import Selection
from stillseek.timeline import Segment

SECONDS = 661  # past the tenth minute, of which drop-frame drops no number


@dataclass(frozen=True)
class Case:
    """A video: frames a second, source time code, and which ticks of the rate have a frame."""

    rate: str
    timecode: str | None = None
    step: int | None = None

    @property
    def exact(self) -> Fraction:
        return Fraction(self.rate)

    @property
    def first(self) -> int:
        """Number of the first frame in source time code."""
        return 0 if self.timecode is None else number_of(self.timecode, self.exact)

    @property
    def is_drop(self) -> bool:
        return self.timecode is not None and ";" in self.timecode


CASES = {
    "23.976": Case("24000/1001"),
    "24": Case("24"),
    "25": Case("25"),
    "29.97 non-drop": Case("30000/1001"),
    "29.97 drop": Case("30000/1001", "00:00:00;00"),
    "30": Case("30"),
    "50": Case("50"),
    "59.94": Case("60000/1001"),
    "60": Case("60"),
    "variable": Case("30", step=7),
    "25 from 01:00:00:00": Case("25", "01:00:00:00"),
    "23.976 from 01:00:00:00": Case("24000/1001", "01:00:00:00"),
    "29.97 from 01:00:00:00": Case("30000/1001", "01:00:00:00"),
    "29.97 from 10:00:00;00": Case("30000/1001", "10:00:00;00"),
    "59.94 from 10:00:00;00": Case("60000/1001", "10:00:00;00"),
}
# Frames, by their numbers in the file: the first, about a minute and the tenth one, and the end.
BOUNDS = ((0, 1), (-9, 10), (1799, 1801), (3595, 3602), (17_981, 17_983))


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES.keys())
def case_and_video(
    request: pytest.FixtureRequest,
    long_video: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Case, Path]]:
    case = request.param
    path = tmp_path_factory.mktemp("matrix") / "match.mov"
    ticks = None
    if case.step is not None:
        bounds = {bound % (SECONDS * 30) for pair in BOUNDS for bound in pair}
        ticks = [i for i in range(SECONDS * 30) if i % case.step != 3 or i in bounds]
    yield (
        case,
        long_video(path, rate=case.exact, seconds=SECONDS, ticks=ticks, timecode=case.timecode),
    )
    path.unlink()


def bounds_of(case: Case) -> list[tuple[int, int]]:
    """The frames of every selection, with those from the end counted from the beginning."""
    whole = round(SECONDS * case.exact)
    fitting = [bounds for bounds in BOUNDS if bounds[1] < whole]
    return [(first % whole, first % whole + 9 if first < 0 else last) for first, last in fitting]


def export(
    case: Case, video: Path, name: str, *, start_at_zero: bool = False
) -> tuple[Path, list[tuple[int, int]]]:
    """A file with a selection for each of the bounds, and these bounds."""
    path, bounds = video.with_name(name), bounds_of(case)
    selections = [
        Selection(video=video, segment=Segment(float(first / case.exact), float(last / case.exact)))
        for first, last in bounds
    ]
    write_selections(selections, path, start_at_zero=start_at_zero)
    return path, bounds


@pytest.fixture(params=[False, True], ids=["source", "zero"])
def exported(case_and_video: tuple[Case, Path], request: pytest.FixtureRequest):
    """Writes a file; gives how its frames are to be counted, it, and the frames it is to have."""
    case, video = case_and_video
    counted = replace(case, timecode=None) if request.param else case

    def write(name: str) -> tuple[Case, Path, list[tuple[int, int]]]:
        path, bounds = export(case, video, name, start_at_zero=request.param)
        return counted, path, [(counted.first + a, counted.first + b) for a, b in bounds]

    return write


def uri_of(path: Path) -> str:
    """Of the video beside a file."""
    return path.with_name("match.mov").as_uri()


def number_of(timecode: str, rate: Fraction) -> int:
    return int(from_timecode(timecode, float(rate)).value)


def test_edl(exported) -> None:
    case, path, expected = exported("found.edl")

    timeline = opentimelineio.adapters.read_from_file(str(path), rate=float(case.exact))
    (track,) = timeline.tracks
    ranges = [clip.source_range for clip in track]
    assert [(r.start_time.value, r.end_time_exclusive().value) for r in ranges] == expected
    # Joined without gaps: the reader makes a clip of every gap.
    assert [clip.name for clip in track] == ["match.mov"] * len(expected)
    record = [clip.range_in_parent() for clip in track]
    lengths = [end - start for start, end in expected]
    assert [r.start_time.value for r in record] == [sum(lengths[:i]) for i in range(len(lengths))]
    modes = [line for line in path.read_text().splitlines() if line.startswith("FCM")]
    assert modes == ["FCM: DROP FRAME" if case.is_drop else "FCM: NON-DROP FRAME"]


def test_fcpxml(exported) -> None:
    case, path, expected = exported("found.fcpxml")

    root = ElementTree.parse(path).getroot()
    (asset,), (sequence,) = root.iter("asset"), root.iter("sequence")
    formats = {made.get("id"): seconds(made, "frameDuration") for made in root.iter("format")}
    frame, record = formats[asset.get("format")], formats[sequence.get("format")]
    assert (1 / frame, 1 / record) == (case.exact, case.exact)
    assert seconds(asset, "start") / frame == case.first
    assert seconds(asset, "duration") / frame == round(SECONDS * case.exact)
    read, offset = [], Fraction()
    for clip in root.iter("asset-clip"):
        start, length = seconds(clip, "start") / frame, seconds(clip, "duration") / record
        read.append((start, start + length))
        assert seconds(clip, "offset") == offset
        offset += seconds(clip, "duration")
        assert clip.get("tcFormat") == sequence.get("tcFormat") == ("DF" if case.is_drop else "NDF")
    assert read == expected
    assert seconds(sequence, "duration") == offset
    (timeline,) = opentimelineio.adapters.read_from_file(str(path))
    clips = timeline.find_clips()
    assert [clip.media_reference.target_url for clip in clips] == [uri_of(path)] * len(expected)


def seconds(element: ElementTree.Element, name: str) -> Fraction:
    """A time of Final Cut Pro: rational seconds such as 1001/30000s."""
    text = element.attrib[name]
    assert text.endswith("s")
    return Fraction(text.removesuffix("s"))


def test_otio(exported) -> None:
    case, path, expected = exported("found.otio")

    timeline = opentimelineio.adapters.read_from_file(str(path))
    clips = timeline.find_clips()
    rate = float(case.exact)
    ranges = [clip.source_range for clip in clips]
    assert [(r.start_time.value, r.end_time_exclusive().value) for r in ranges] == expected
    assert {r.start_time.rate for r in ranges} == {r.duration.rate for r in ranges} == {rate}
    for clip in clips:
        whole = clip.available_range()
        assert whole.start_time == RationalTime(case.first, rate)
        assert whole.duration == RationalTime(round(SECONDS * case.exact), rate)
        assert clip.media_reference.target_url == uri_of(path)
    assert timeline.duration().value == sum(end - start for start, end in expected)


def test_premiere_markers(exported) -> None:
    case, path, expected = exported("found.premiere.csv")

    with path.open(encoding="utf-16", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert read_back(rows, ("In", "Out"), case.exact) == expected
    assert [number_of(row["Duration"], case.exact) for row in rows] == [b - a for a, b in expected]


def test_resolve_markers(exported) -> None:
    case, path, expected = exported("found.resolve.csv")

    rows = read_table(path)
    for sides in ("Source", "Record"):
        assert read_back(rows, (f"{sides} In", f"{sides} Out"), case.exact) == expected
    assert [number_of(row["Dur"], case.exact) for row in rows] == [b - a for a, b in expected]


def test_table(exported) -> None:
    case, path, expected = exported("found.csv")

    rows = read_table(path)
    assert read_back(rows, ("start_timecode", "end_timecode"), case.exact) == expected
    frames = [(int(row["start_frame"]), int(row["end_frame"])) for row in rows]
    assert frames == bounds_of(case)
    assert {Fraction(row["frame_rate"]) for row in rows} == {case.exact}
    times = [(float(row["start_seconds"]), float(row["end_seconds"])) for row in rows]
    expected_times = [(float(a / case.exact), float(b / case.exact)) for a, b in frames]
    # Halves of a frame would be 8 ms.
    assert times == [pytest.approx(pair, abs=1e-6) for pair in expected_times]


def test_chapters(case_and_video: tuple[Case, Path]) -> None:
    case, video = case_and_video

    path, _ = export(case, video, "found.vtt")

    cues = webvtt.read(str(path))
    read = [(in_milliseconds(cue.start), in_milliseconds(cue.end)) for cue in cues]
    # What a player shows at the start, and just before the end.
    shown = [(start * case.exact // 1000, -(-end * case.exact // 1000)) for start, end in read]
    assert shown == sorted(bounds_of(case))


def in_milliseconds(clock: str) -> int:
    hours, minutes, rest = clock.split(":")
    whole, thousandths = rest.split(".")
    return 1000 * (3600 * int(hours) + 60 * int(minutes) + int(whole)) + int(thousandths)


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_back(
    rows: list[dict[str, str]], columns: tuple[str, str], rate: Fraction
) -> list[tuple[int, int]]:
    first, last = columns
    return [(number_of(row[first], rate), number_of(row[last], rate)) for row in rows]
