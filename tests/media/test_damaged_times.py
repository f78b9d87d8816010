"""What a file claims about its times is bounded by what it holds."""

import random
import re
import struct
import warnings
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest

from stillseek.errors import MediaError, TruncatedMediaWarning
from stillseek.media import cut, decode, frames_at, probe
from stillseek.media.joined import LONGEST_SILENCE_SECONDS
from stillseek.timeline import Segment

HOURS = 5 * 3600
NUM_FRAMES = 110
TONE = ("mp2", "s16", 16000, "mono")
MUXERS = ("mp4", "matroska", "flv", "nut", "asf", "mpegts", "mpeg")
# An edit list would cut off what is behind its end.
NO_EDITS = {"use_editlist": "0"}
# A recorder that is restarted begins anew in them.
CLOCKS_MAY_JUMP = ("mpegts", "mpeg")


def assert_whole(path: Path, read_bars) -> None:
    """All ways of reading show all frames at the pace that they were made for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncatedMediaWarning)
        frames = list(decode(path))
        numbers, seconds = read_bars(frames), [frame.seconds for frame in frames]
        assert numbers == list(range(NUM_FRAMES))
        # Containers that count milliseconds round; at a joint, B-frames may be some frames apart.
        steps = np.diff(seconds)
        assert steps.min() > 0
        assert steps.max() < 0.15
        assert np.count_nonzero(abs(steps - 1 / 25) > 0.003) <= 3
        end = probe(path).duration_seconds
        assert end == pytest.approx(seconds[-1] + 1 / 25, abs=0.003)
        assert probe(path).frame_rate == 25
        asked = random.Random(1).sample(range(NUM_FRAMES), 7)
        assert read_bars(frames_at(path, [seconds[i] + 0.02 for i in asked])) == asked
        clip = path.with_name("clip.mp4")
        cut(path, Segment(seconds[61] + 0.01, seconds[73]), clip)
        assert read_bars(decode(clip)) == list(range(61, 73))


def overwrite(path: Path, at: int, new: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[at : at + len(new)] = new
    path.write_bytes(data)


def places(path: Path, mark: bytes) -> list[int]:
    """Where a mark ends in a file."""
    return [match.end() for match in re.finditer(re.escape(mark), path.read_bytes())]


@pytest.mark.parametrize(
    ("container", "sound"),
    [(name, sound) for name in MUXERS for sound in (None, TONE) if name != "flv" or not sound],
)
def test_a_jump_of_hours_is_left_out(container, sound, make_bars, read_bars):
    path = make_bars(
        "v.bin",
        container=container,
        num_frames=NUM_FRAMES,
        sound=sound,
        sound_seconds=2,
        tick=lambda i: i + (i >= 63) * 25 * HOURS,
    )
    assert_whole(path, read_bars)
    if container in CLOCKS_MAY_JUMP:
        probe(path)  # pytest makes an error of a warning
        return
    with pytest.warns(TruncatedMediaWarning) as caught:
        probe(path)
    assert [str(warning.message) for warning in caught] == [
        f"{path} has times that jump 300 minutes ahead, with no picture or sound between; they are "
        "damaged and the jump is left out, but players may keep it: convert the video to MP4 for "
        "times that agree"
    ]


@pytest.mark.parametrize("container", [name for name in MUXERS if name != "flv"])
def test_a_picture_hours_after_the_sound_follows_it(container, make_bars, read_bars):
    path = make_bars(
        "v.bin",
        container=container,
        num_frames=NUM_FRAMES,
        sound=TONE,
        sound_seconds=2,
        first_frame=25 * HOURS,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncatedMediaWarning)
        info, frames = probe(path), list(decode(path))
        some = frames_at(path, [0.5, frames[31].seconds + 0.01])
    assert info.duration_seconds == pytest.approx(2 + NUM_FRAMES / 25, abs=0.2)
    assert read_bars(frames) == list(range(NUM_FRAMES))
    assert read_bars(some) == [0, 31]


def test_a_long_pause_with_sound_is_kept(make_bars, read_bars):
    pause = int(LONGEST_SILENCE_SECONDS) + 60
    path = make_bars(
        "v.nut",
        num_frames=80,
        sound=TONE,
        sound_seconds=pause + 3,
        tick=lambda i: i + 25 * pause * (i >= 50),
    )
    assert read_bars(frames_at(path, [2.02, pause - 1.0, pause + 2.07])) == [49, 49, 50]
    assert probe(path).duration_seconds == pytest.approx(pause + 80 / 25, abs=0.1)


def test_slides_without_sound_are_kept(make_bars, read_bars):
    path = make_bars("v.mkv", num_frames=7, tick=lambda i: 25 * 500 * i)
    assert [frame.seconds for frame in decode(path)] == [500 * i for i in range(7)]
    assert read_bars(frames_at(path, [499.0, 2600.0])) == [0, 5]


def test_a_distance_in_the_index_of_an_mp4_is_left_out(make_bars, read_bars):
    # Two distances in turn, so that each has an entry of its own.
    path = make_bars(
        num_frames=NUM_FRAMES, muxer=NO_EDITS, options={"bf": "0"}, tick=lambda i: i + (i >= 63)
    )
    (at,) = places(path, b"stts")
    entries = list(struct.iter_unpack(">II", path.read_bytes()[at + 8 : at + 8 + 8 * 3]))
    assert [count for count, _ in entries] == [62, 1, 47]
    overwrite(path, at + 8 + 8 + 4, struct.pack(">I", 0x7FFFFFFF))
    assert_whole(path, read_bars)


def test_a_picture_of_an_mp4_that_says_to_be_shown_later_is_counted_on(make_bars, read_bars):
    path = make_bars(num_frames=NUM_FRAMES, muxer=NO_EDITS)
    (at,) = places(path, b"ctts")
    entry = at + 8 + 8 * 20 + 4
    overwrite(path, entry, struct.pack(">I", 0x0FFFFFFF))
    with av.open(str(path)) as container:
        times = [
            packet.pts * packet.time_base for packet in container.demux(video=0) if packet.size
        ]
    assert sum(time > HOURS for time in times) in (1, 2, 3)
    assert_whole(path, read_bars)


def test_a_cluster_of_matroska_in_another_hour_is_counted_on(make_bars, read_bars):
    # Times need three bytes, which leave room.
    path = make_bars(
        "v.mkv", num_frames=NUM_FRAMES, first_frame=25 * 1100, muxer={"cluster_time_limit": "500"}
    )
    clusters = places(path, b"\xe7\x83")
    assert len(clusters) > 5
    overwrite(path, clusters[3], b"\xff\xff\xff")
    assert_whole(path, read_bars)


@pytest.mark.parametrize("value", [0xE0, 0x7F])
def test_some_tags_of_flv_in_another_hour_are_moved_back(value, make_bars, read_bars):
    path = make_bars("v.flv", num_frames=NUM_FRAMES, options={"bf": "0"})
    with av.open(str(path)) as container:
        tags = [packet.pos for packet in container.demux(video=0) if packet.size]
    for tag in tags[40:49]:
        overwrite(path, tag + 4, bytes([value]))
    assert_whole(path, read_bars)


@pytest.mark.parametrize("container", [*MUXERS, "avi", "gif", "mxf", "ogg"])
def test_no_damage_makes_a_file_last_longer_than_its_packets(container, make_bars):
    codec = {"gif": "gif", "mxf": "mpeg2video", "ogg": "libvpx"}.get(container, "libx264")
    whole = make_bars("whole", container=container, codec=codec, num_frames=25)
    data, draw = whole.read_bytes(), random.Random(container)
    path = whole.with_name("damaged")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncatedMediaWarning)
        for _ in range(30):
            changed = bytearray(data)
            # Headers of the file and of its packets; numbers of either byte order.
            at = draw.randrange(draw.choice((300, len(data) - 8)))
            new = draw.choice((0x7FFFFFFF, 0x80000000, 0xFFFFFF7F, 0x00FFFFFF, 0x7F))
            changed[at : at + 4] = new.to_bytes(4, draw.choice(("big", "little")))
            path.write_bytes(changed)
            with suppress(MediaError):
                info, last = probe(path), 0.0
                for frame in decode(path):
                    assert frame.seconds >= last
                    last = frame.seconds
                assert last < info.duration_seconds + 1
                assert info.duration_seconds < LONGEST_SILENCE_SECONDS * (25 + 2)
