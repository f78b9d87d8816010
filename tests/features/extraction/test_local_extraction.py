import re
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from unittest.mock import Mock

import av
import numpy as np
import pytest

from stillseek.errors import FeatureError, MediaError, UnusableFeaturesError, UsageError
from stillseek.features import FeatureStore, UnitStream, VideoKey, content_hash, extract, shard_of
from stillseek.features.extraction import decode_ahead


def statuses(report) -> list[str]:
    return [outcome.status for outcome in report.outcomes]


def key_of(path: Path, recipe) -> VideoKey:
    return VideoKey(content=content_hash(path), fingerprint=recipe.fingerprint)


def test_nothing_to_do(store: FeatureStore, stub):
    report = extract([], stub, store)
    assert report.outcomes == ()
    assert (report.encoded_seconds, report.times_real_time) == (0, None)


def test_bad_videos_are_reported_and_the_rest_is_done(store: FeatureStore, stub, write_files):
    paths = write_files({"a.mp4": b"alpha", "b.mp4": b"bad", "c.mp4": b"gamma"})
    paths.append(paths[0].with_name("nowhere.mp4"))
    report = extract(paths, stub, store)
    assert statuses(report) == ["encoded", "failed", "encoded", "failed"]
    assert "b.mp4 is not a video" in report.outcomes[1].error
    assert "expected a video" in report.outcomes[3].error
    assert report.encoded_seconds == 6.0
    assert report.times_real_time is not None
    assert [outcome.path for outcome in report.with_status("failed")] == [paths[1], paths[3]]
    contents = [outcome.content for outcome in report.outcomes]
    assert contents == [*map(content_hash, paths[:3]), ""]


def test_second_run_encodes_only_what_is_missing(store: FeatureStore, stub, write_files):
    paths = write_files({"a.mp4": b"alpha", "b.mp4": b"beta", "copy.mp4": b"alpha"})
    assert statuses(extract(paths[:1], stub, store)) == ["encoded"]
    assert statuses(extract(paths, stub, store)) == ["present", "encoded", "present"]
    assert stub.encoded == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize("workers", [1, 3])
def test_copies_share_the_fate_of_the_first(store: FeatureStore, stub, write_files, workers: int):
    contents = {"a.mp4": b"alpha", "b.mp4": b"alpha", "c.mp4": b"bad", "d.mp4": b"bad"}
    paths = write_files(contents)
    report = extract(paths, stub, store, workers=workers)
    assert sorted(statuses(report)[:2]) == ["encoded", "present"]
    assert {outcome.duration_seconds for outcome in report.outcomes[:2]} == {3.0}
    assert statuses(report)[2:] == ["failed", "failed"]
    assert len(stub.encoded) == 2
    (copy,) = (outcome for outcome in report.outcomes[2:] if "same bytes" in outcome.error)
    other = paths[2] if copy.path == paths[3] else paths[3]
    assert copy.error == f"{copy.path} has the same bytes as {other}, which failed"


def test_strict_stops_at_the_first_bad_video_and_keeps_what_is_done(
    store: FeatureStore, stub, write_files
):
    paths = write_files({"a.mp4": b"alpha", "b.mp4": b"bad", "c.mp4": b"gamma"})
    ended = []
    with pytest.raises(MediaError, match=r"b\.mp4 is not a video"):
        extract(paths, stub, store, strict=True, workers=1, on_outcome=ended.append)
    assert store.find(key_of(paths[0], stub)) is not None
    assert store.find(key_of(paths[2], stub)) is None
    assert {(outcome.path.name, outcome.status) for outcome in ended} == {
        ("a.mp4", "encoded"),
        ("b.mp4", "failed"),
    }


@pytest.fixture
def fail_on_b(stub) -> Callable[[str], str]:
    """Spoils the features of files that begin with "b", and says how it is told."""

    def spoil(how: str) -> str:
        assemble, encode = stub.assemble, stub.encode_units

        def encode_to_nothing(units):
            return np.where(units[:, 0, 0, :1] == ord("b"), np.float32(how), encode(units))

        def refuse(units, stream):
            if units[0, 0] > ord("c"):
                return assemble(units, stream)
            raise UsageError("a grid needs clips")

        if how == "assemble":
            stub.assemble = refuse
            return r"b\.mp4 has no features: a grid needs clips"
        stub.encode_units = encode_to_nothing
        return r"features of b\.mp4 are not finite in half precision"

    return spoil


@pytest.mark.parametrize("how", ["nan", "1e6", "assemble"])
def test_video_of_unusable_features_fails_alone(
    store: FeatureStore, stub, write_files, fail_on_b, how: str
):
    message = fail_on_b(how)
    paths = write_files({"x.mp4": b"xi", "b.mp4": b"beta", "y.mp4": b"yes", "copy.mp4": b"beta"})
    report = extract(paths, stub, store, workers=1)
    assert statuses(report) == ["encoded", "failed", "encoded", "failed"]
    assert re.search(message, report.outcomes[1].error)
    assert [store.find(key_of(path, stub)) is None for path in paths[:3]] == [False, True, False]


@pytest.mark.parametrize("how", ["nan", "assemble"])
def test_strict_stops_at_unusable_features_and_keeps_what_is_done(
    store: FeatureStore, stub, write_files, fail_on_b, how: str
):
    message = fail_on_b(how)
    stub.batch_units = 9
    paths = write_files({"b.mp4": b"beta", "x.mp4": b"xi", "y.mp4": b"yes", "z.mp4": b"zed"})
    with pytest.raises(UnusableFeaturesError, match=message):
        extract(paths, stub, store, strict=True, workers=1)
    # "x" was in the batch as a whole.
    present = [store.find(key_of(path, stub)) is not None for path in paths]
    assert present == [False, True, False, False]


def test_units_of_several_videos_share_a_batch(store: FeatureStore, stub, write_files):
    paths = write_files({"a.mp4": b"alpha", "b.mp4": b"beta", "c.mp4": b"gamma"})
    sizes = []
    encode = stub.encode_units
    stub.encode_units = lambda units: sizes.append(len(units)) or encode(units)
    stub.batch_units = 4
    extract(paths, stub, store)
    assert sizes == [4, 4, 1]
    for path, first in zip(paths, "abg", strict=True):
        clips = store.get(key_of(path, stub)).clips
        np.testing.assert_array_equal(clips, np.full((3, 5), np.float16(ord(first) + 0.1)))


def test_decoding_stays_a_few_batches_ahead(store: FeatureStore, stub, write_files):
    (path,) = write_files({"a.mp4": b"alpha"})
    decoded, excess = [], []
    assemble, encode = stub.assemble, stub.encode_units

    def decode():
        for number in range(50):
            decoded.append(number)
            yield np.zeros((1, 1, 3), np.uint8)

    def encode_counting(units):
        excess.append(len(decoded) - 2 * len(excess))
        return encode(units)

    stream = UnitStream(duration_seconds=3.0, interval_seconds=1.0, units=decode())
    stub.open_video = lambda path: stream
    stub.encode_units = encode_counting
    stub.assemble = lambda units, stream: assemble(units[:3], stream)
    assert statuses(extract([path], stub, store, workers=1)) == ["encoded"]
    assert (len(decoded), len(excess)) == (50, 25)
    # the batch itself, four units in the queue, and one in the hands of the thread
    assert max(excess) <= 2 + 4 + 1


def test_progress_grows_to_the_end(store: FeatureStore, stub, write_files):
    paths = write_files({"a.mp4": b"alphas", "b.mp4": b"bad", "c.mp4": b"c"})
    seen = []
    report = extract(paths, stub, store, workers=1, on_progress=seen.append)
    assert [p.share_done for p in seen] == sorted(p.share_done for p in seen)
    assert (seen[0].videos_done, seen[0].encoded_seconds) == (0, 2.0)
    # two of three seconds of six of ten bytes
    assert seen[0].share_done == pytest.approx(0.4)
    assert seen[0].remaining_seconds == pytest.approx(seen[0].wall_seconds * 0.6 / 0.4)
    assert (seen[-1].videos_done, seen[-1].num_videos, seen[-1].share_done) == (3, 3, 1.0)
    assert (seen[-1].encoded_seconds, seen[-1].remaining_seconds) == (6.0, 0.0)
    assert seen[-1].times_real_time == pytest.approx(6.0 / seen[-1].wall_seconds)
    assert report.encoded_seconds == 6.0


def test_what_is_present_does_not_speed_up_the_estimate(store: FeatureStore, stub, write_files):
    paths = write_files({"a.mp4": b"alpha", "b.mp4": b"gamma"})
    extract(paths[:1], stub, store)
    seen = []
    extract(paths, stub, store, workers=1, on_progress=seen.append)
    assert (seen[0].videos_done, seen[0].share_done) == (1, 0.5)
    assert (seen[0].remaining_seconds, seen[0].times_real_time) == (None, 0.0)
    # two of three seconds of the five bytes that had to be encoded
    assert seen[1].remaining_seconds == pytest.approx(seen[1].wall_seconds / 2)


def test_interruption_keeps_what_is_done_and_ends_the_threads(
    store: FeatureStore, stub, write_files, monkeypatch: pytest.MonkeyPatch
):
    # On a machine with much else to do a thread may need longer to notice.
    monkeypatch.setattr(decode_ahead, "_JOIN_SECONDS", 600.0)
    paths = write_files({f"{n}.mp4": bytes([n]) * 3 for n in range(1, 12)})
    with pytest.raises(KeyboardInterrupt):
        extract(paths, stub, store, workers=2, on_outcome=Mock(side_effect=KeyboardInterrupt))
    assert not [t for t in threading.enumerate() if t.name.startswith("decode-")]
    done = [path for path in paths if store.find(key_of(path, stub)) is not None]
    assert done
    report = extract(paths, stub, store)
    assert len(report.with_status("present")) == len(done)
    assert len(report.with_status("encoded")) == len(paths) - len(done)


def test_unexpected_failure_of_a_thread_is_raised(store: FeatureStore, stub, write_files):
    stub.open_video = Mock(side_effect=ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError, match="a bug"):
        extract(write_files({"a.mp4": b"alpha"}), stub, store)


def test_disk_that_goes_away_fails_the_video(store: FeatureStore, stub, write_files):
    stub.open_video = Mock(side_effect=OSError(5, "Input/output error"))
    (path,) = write_files({"a.mp4": b"alpha"})
    (outcome,) = extract([path], stub, store).outcomes
    assert outcome.error == f"cannot read {path} (Input/output error); try again"


def test_store_that_cannot_be_written_stops_it(store: FeatureStore, stub, write_files):
    store.root.write_text("a file, not a folder")
    with pytest.raises(FeatureError, match="cannot write"):
        extract(write_files({"a.mp4": b"alpha"}), stub, store)


def test_no_worker_is_refused(store: FeatureStore, stub):
    with pytest.raises(UsageError, match="at least one worker, got 0"):
        extract([], stub, store, workers=0)


@pytest.mark.parametrize("count", [1, 2, 3, 11, 17])
def test_shards_are_disjoint_and_together_everything(count: int):
    paths = [Path(f"{n}.mp4") for n in range(11)]
    shards = [shard_of(paths, number, count) for number in range(1, count + 1)]
    assert sorted(path for shard in shards for path in shard) == sorted(paths)
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


@pytest.mark.parametrize("number", [0, 4, -1])
def test_shard_that_does_not_exist_is_refused(number: int):
    with pytest.raises(UsageError, match=rf"shards go from 1/3 to 3/3, got {number}/3"):
        shard_of([], number, 3)


def test_many_real_videos_equal_one_by_one(store: FeatureStore, small_recipe, make_video):
    small_recipe.batch_units = 5
    paths = [
        make_video(seconds=seconds, name=f"{seconds}.mp4", seed=place)
        for place, seconds in enumerate((0.1, 2.5, 3.7, 1.3, 4.9))
    ]
    assert statuses(extract(paths, small_recipe, store, workers=3)) == ["encoded"] * 5
    for path in paths:
        alone, stored = small_recipe.encode_video(path), store.get(key_of(path, small_recipe))
        assert stored.grid == alone.grid
        # half a unit of the last place in half precision (2^-11 of a value), and float rounding
        # of convolutions over another batch
        np.testing.assert_allclose(stored.clips, alone.clips, rtol=2**-10, atol=1e-4)


def test_bad_files_among_good_ones(store: FeatureStore, small_recipe, make_video, tmp_path: Path):
    whole = make_video(seconds=1.0, name="whole.mp4").read_bytes()
    bad = {"cut.mp4": whole[: len(whole) // 2], "empty.mp4": b"", "text.mp4": b"notes\n"}
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    _write_sound(tmp_path / "sound.mp4")
    (tmp_path / "folder.mp4").mkdir()
    names = ["whole.mp4", "cut.mp4", "empty.mp4", "text.mp4", "sound.mp4", "folder.mp4"]
    paths = [*(tmp_path / name for name in names), make_video(seconds=2.0)]
    report = extract(paths, small_recipe, store)
    assert statuses(report) == ["encoded", *["failed"] * 5, "encoded"]
    messages = ["without a readable index", "is empty", "is not a video", "no video", "directory"]
    for outcome, message in zip(report.with_status("failed"), messages, strict=True):
        assert message in outcome.error
        assert str(outcome.path) in outcome.error
    assert report.encoded_seconds == pytest.approx(3.0)


def _write_sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 8000, 0, Fraction(1, 8000)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
