import errno
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from stillseek.errors import FeatureError, MediaError, UsageError
from stillseek.features.recipes.recipe import VideoFeatures
from stillseek.features.store.content_address import QueryKey, VideoKey, content_hash
from stillseek.features.store.feature_store import CorruptFeaturesWarning, FeatureStore
from stillseek.outputs import Output, check_outputs
from stillseek.timeline import ClipGrid, Segment

from .conftest import GRID, KEY, QUERY, damage, query, video


def entries(store: FeatureStore) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file()]


def test_empty_store_says_what_is_missing(store: FeatureStore):
    assert store.find(KEY) is None
    with pytest.raises(FeatureError, match=r"no features of c{64} for recipe fingerprint a{16};"):
        store.get(KEY)


def test_video_comes_back(store: FeatureStore):
    store.put(KEY, video(), source="match.mp4")
    back = store.get(KEY)
    np.testing.assert_array_equal(back.clips, video().clips)
    assert back.clips.dtype == np.float32
    assert (back.grid, back.fingerprint) == (GRID, "a" * 64)


def test_same_features_are_the_same_bytes(store: FeatureStore):
    contents = set()
    for _ in range(8):
        store.put(KEY, video(), source="ähnlich.mp4")
        contents |= {path.read_bytes() for path in entries(store)}
    assert len(contents) == 1


def test_query_comes_back(store: FeatureStore):
    store.put_query(QUERY, query(), source="jump.jpg")
    back = store.get_query(QUERY)
    np.testing.assert_array_equal(back.regions, query().regions)
    np.testing.assert_array_equal(back.boxes, query().boxes)
    np.testing.assert_array_equal(back.global_feature, query().global_feature)


def test_every_part_of_a_query_key_counts(store: FeatureStore):
    base = QueryKey(content="d" * 64, fingerprint="a" * 64)
    keys = [
        base,
        replace(base, content="e" * 64),
        replace(base, frame_seconds=0.0),
        replace(base, frame_seconds=12.5),
        replace(base, box=(1, 2, 3, 5)),
        replace(base, box=(12, 3, 5, 7)),
        replace(base, frame_seconds=12.5, box=(1, 2, 3, 5)),
    ]
    for value, key in enumerate(keys):
        store.put_query(key, query(value), source="jump.jpg")
    assert [store.get_query(key).regions[0, 0] for key in keys] == list(range(len(keys)))


def test_half_precision_that_overflows_is_refused(store: FeatureStore):
    with pytest.raises(FeatureError, match=r"match.mp4 are not finite in half precision"):
        store.put(KEY, video(1e5), source="match.mp4")
    assert not store.root.exists()


def test_other_recipe_is_refused_on_writing(store: FeatureStore):
    other = replace(KEY, fingerprint="b" * 64)
    with pytest.raises(FeatureError, match=r"fingerprint a{16} cannot be kept under b{16}"):
        store.put(other, video(), source="match.mp4")


def test_entry_under_a_wrong_name_is_refused(store: FeatureStore):
    store.put(KEY, video(), source="match.mp4")
    (entry,) = entries(store)
    entry.rename(entry.with_name(entry.name.replace("a" * 16, "b" * 16)))
    with pytest.raises(FeatureError, match=r"recipe fingerprint a{16}, expected 1 and b{16}"):
        store.get(replace(KEY, fingerprint="b" * 64))


@pytest.mark.parametrize("kind", ["cut", "empty", "bit", "header"])
def test_corrupt_entry_is_refused_and_encoded_again(
    kind: str, store: FeatureStore, stub, write_files
):
    (path,) = write_files({"v.mp4": b"video"})
    first = store.get_or_encode(stub, path)
    (entry,) = entries(store)
    content = entry.read_bytes()
    flipped = content[:-3] + bytes([content[-3] ^ 1]) + content[-2:]
    renamed = content.replace(b"v.mp4", b"w.mp4")
    broken = {"cut": content[:-9], "empty": b"", "bit": flipped, "header": renamed}
    entry.write_bytes(broken[kind])
    key = VideoKey(content=content_hash(path), fingerprint=stub.fingerprint)
    with pytest.raises(FeatureError, match="corrupt"):
        store.get(key)
    with pytest.warns(CorruptFeaturesWarning, match="computed again"):
        again = store.get_or_encode(stub, path)
    np.testing.assert_array_equal(again.clips, first.clips)
    np.testing.assert_array_equal(store.get(key).clips, first.clips)
    assert stub.encoded == ["v.mp4", "v.mp4"]


def test_encoding_happens_once_and_the_answer_is_the_same(store: FeatureStore, stub, write_files):
    path, copy = write_files({"v.mp4": b"video", "copy.mp4": b"video"})
    answers = [store.get_or_encode(stub, path), store.get_or_encode(stub, copy)]
    assert stub.encoded == ["v.mp4"]
    np.testing.assert_array_equal(answers[0].clips, answers[1].clips)
    assert answers[0].clips[0, 0] == np.float16(ord("v") + 0.1)


def test_changed_file_is_encoded_again(store: FeatureStore, stub, write_files):
    (path,) = write_files({"v.mp4": b"video"})
    store.get_or_encode(stub, path)
    path.write_bytes(b"other")
    assert store.get_or_encode(stub, path).clips[0, 0] == np.float16(ord("o") + 0.1)


def test_image_is_encoded_once_a_box(store: FeatureStore, stub, tmp_path: Path):
    path = tmp_path / "q.png"
    Image.new("RGB", (53, 31), (7, 7, 7)).save(path)
    for _ in range(2):
        assert store.get_or_encode_query(stub, path).global_feature[0] == 31
        assert store.get_or_encode_query(stub, path, box=(5, 5, 20, 10)).global_feature[0] == 12
    assert stub.encoded == ["image", "image"]


def test_missing_file_is_a_media_error(tmp_path: Path):
    with pytest.raises(MediaError, match=r"cannot read .*nowhere.mp4 \(No such file"):
        content_hash(tmp_path / "nowhere.mp4")


def test_unwritable_store_says_so(tmp_path: Path):
    (tmp_path / "store").write_text("a file, not a folder")
    with pytest.raises(FeatureError, match=r"cannot write .*; check the space and rights"):
        FeatureStore(tmp_path / "store").put(KEY, video(), source="match.mp4")


def test_full_store_need_not_be_writable(
    store: FeatureStore, stub, write_files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def touch(path: Path, **_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    picture, (known, new) = tmp_path / "q.png", write_files({"v.mp4": b"video", "n.mp4": b"new"})
    Image.new("RGB", (53, 31), (7, 7, 7)).save(picture)
    found = store.get_or_encode(stub, known)
    store.get_or_encode_query(stub, picture)
    monkeypatch.setattr(Path, "touch", touch)

    check_outputs([Output(name="--cache", path=store.root, is_cache=True)], inputs=())
    np.testing.assert_array_equal(store.get_or_encode(stub, known).clips, found.clips)
    store.get_or_encode_query(stub, picture)
    refused = rf"cache {store.root}: the folder .* is not writable \(Read-only file system\); give"
    with pytest.raises(UsageError, match=refused):
        store.get_or_encode(stub, new)
    with pytest.raises(UsageError, match=refused):
        store.get_or_encode_query(stub, picture, box=(5, 5, 20, 10))
    assert stub.encoded == ["v.mp4", "image"]


@pytest.mark.parametrize("before", [False, True])
def test_killed_writer_leaves_the_store_as_it_was(before: bool, store: FeatureStore, dying_writes):
    if before:
        store.put(KEY, video(), source="match.mp4")
    seen = set()
    for _ in dying_writes(lambda: store.put(KEY, video(3.0), source="match.mp4")):
        found = store.find(KEY)
        seen.add(None if found is None else float(found.clips[0, 0]))
    assert seen == {0.5 if before else None, 3.0}
    left = [path.name for path in entries(store) if path.name.startswith(".")]
    assert left
    assert all(name.endswith(".tmp.safetensors") for name in left)
    store.put(KEY, video(0.25), source="match.mp4")
    assert store.get(KEY).clips[0, 0] == 0.25


def test_two_writers_of_one_entry(store: FeatureStore):
    def write(value: float) -> None:
        for _ in range(20):
            store.put(KEY, video(value), source="v.mp4")
            assert np.ptp(store.get(KEY).clips) == 0

    with ThreadPoolExecutor() as threads:
        assert list(threads.map(write, (1.0, 2.0))) == [None, None]
    assert [path.suffix for path in entries(store)] == [".safetensors"]
    assert store.get(KEY).clips[0, 0] in (1.0, 2.0)


LONG_GRID = ClipGrid(stride_seconds=0.5, length_seconds=0.75, duration_seconds=400.3)


def long_video() -> VideoFeatures:
    """801 clips, three whole blocks of 256 and a part of one."""
    clips = np.random.default_rng(0).normal(size=(LONG_GRID.num_clips, 5)).astype(np.float32)
    return VideoFeatures(clips=clips, grid=LONG_GRID, fingerprint="a" * 64)


WINDOWS = [
    Segment(0.0, 400.3),
    Segment(0.0, 0.1),
    Segment(127.0, 129.0),
    Segment(128.0, 256.0),
    Segment(130.2, 131.9),
    Segment(399.9, 500.0),
]


@pytest.mark.parametrize("window", WINDOWS)
def test_window_is_the_part_of_the_whole(store: FeatureStore, window: Segment):
    store.put(KEY, long_video(), source="match.mp4")
    rows, grid = LONG_GRID.window(window)
    part = store.get_window(KEY, window)
    np.testing.assert_array_equal(part.clips, store.get(KEY).clips[rows.start : rows.stop])
    assert part.clips.dtype == np.float32
    assert (part.grid, part.fingerprint) == (grid, "a" * 64)


def test_window_reads_the_head_and_its_blocks(store: FeatureStore, monkeypatch: pytest.MonkeyPatch):
    store.put(KEY, long_video(), source="match.mp4")
    read, sizes = store.files.read, []

    def counting(name: str, start: int = 0, stop: int | None = None) -> bytes:
        assert stop is not None
        sizes.append(stop - start)
        return read(name, start, stop)

    monkeypatch.setattr(store.files, "read", counting)
    store.get_window(KEY, Segment(130.2, 131.9))
    assert sizes == [1 << 16, 256 * 5 * 2]
    sizes.clear()
    assert store.get_grid(KEY) == LONG_GRID
    assert sizes == [1 << 16]


def test_window_after_the_end_is_refused(store: FeatureStore):
    store.put(KEY, long_video(), source="match.mp4")
    with pytest.raises(UsageError, match="starts after the video ends"):
        store.get_window(KEY, Segment(401.0, 402.0))
    with pytest.raises(FeatureError, match="has no features"):
        store.get_window(replace(KEY, fingerprint="b" * 64), Segment(0.0, 1.0))


def test_window_sees_damage_in_its_blocks_only(store: FeatureStore):
    store.put(KEY, long_video(), source="match.mp4")
    damage(*entries(store))
    store.get_window(KEY, Segment(0.0, 300.0))
    assert store.get_grid(KEY) == LONG_GRID
    with pytest.raises(FeatureError, match="corrupt"):
        store.get_window(KEY, Segment(390.0, 395.0))
    with pytest.raises(FeatureError, match="corrupt"):
        store.get(KEY)


@pytest.mark.parametrize("kept", [0, 5, 50, 3000])
def test_window_of_a_cut_entry_is_refused(store: FeatureStore, kept: int):
    store.put(KEY, long_video(), source="match.mp4")
    (entry,) = entries(store)
    entry.write_bytes(entry.read_bytes()[:kept])
    with pytest.raises(FeatureError, match="corrupt"):
        store.get_window(KEY, Segment(390.0, 395.0))


def test_no_flipped_bit_of_the_head_goes_unseen(store: FeatureStore):
    store.put(KEY, video(), source="match.mp4")
    (entry,) = entries(store)
    content = entry.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    expected = store.get_window(KEY, Segment(1.0, 2.0))
    for place in range(0, end, 7):
        broken = bytearray(content)
        broken[place] ^= 1 << place % 7
        entry.write_bytes(broken)
        # What a window does not need may be broken: the checksum of the whole.
        try:
            part = store.get_window(KEY, Segment(1.0, 2.0))
        except FeatureError:
            continue
        np.testing.assert_array_equal(part.clips, expected.clips)
        assert part.grid == expected.grid


def test_blocks_that_change_places_are_seen(store: FeatureStore):
    store.put(KEY, long_video(), source="match.mp4")
    (entry,) = entries(store)
    content = entry.read_bytes()
    start, block = len(content) - 801 * 10, 256 * 10
    first, second = content[start:][:block], content[start + block :][:block]
    entry.write_bytes(content[:start] + second + first + content[start + 2 * block :])
    with pytest.raises(FeatureError, match="checksum of its rows differs"):
        store.get_window(KEY, Segment(0.0, 1.0))


def write_first_format(store: FeatureStore) -> None:
    """An entry as it was written before blocks had checksums."""
    clips = long_video().clips.astype(np.float16)
    grid = {"stride_seconds": 0.5, "length_seconds": 0.75, "duration_seconds": 400.3}
    grid["max_steps"] = None
    header = {"version": 1, "fingerprint": "a" * 64, "source": "match.mp4", "grid": grid}
    text = json.dumps(header)
    digest = hashlib.sha256(text.encode() + b"clips float16 (801, 5)" + clips.tobytes())
    place = store.root / "videos" / "cc" / f"{'c' * 64}.{'a' * 16}.safetensors"
    place.parent.mkdir(parents=True)
    save_file({"clips": clips}, place, metadata={"header": text, "checksum": digest.hexdigest()})


def test_entries_of_the_first_format_stay_readable(store: FeatureStore):
    write_first_format(store)
    whole = store.get(KEY)
    assert whole.grid == LONG_GRID
    np.testing.assert_array_equal(whole.clips, long_video().clips.astype(np.float16))
    for window in WINDOWS:
        rows, grid = LONG_GRID.window(window)
        part = store.get_window(KEY, window)
        np.testing.assert_array_equal(part.clips, whole.clips[rows.start : rows.stop])
        assert part.grid == grid
    assert store.get_grid(KEY) == LONG_GRID
    damage(*entries(store))
    with pytest.raises(FeatureError, match="corrupt"):
        store.get_window(KEY, Segment(0.0, 1.0))
    with pytest.raises(FeatureError, match="corrupt"):
        store.get_grid(KEY)
