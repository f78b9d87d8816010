import json
import os
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from stillseek.errors import InstallationError, LibraryError, MediaError, UsageError
from stillseek.library import Library
from stillseek.library.index import Index, current
from stillseek.library.index_tables import Tables
from stillseek.localize.query_image import mirrored


@pytest.fixture
def videos(write_video):
    """Seven videos, each of a kind of its own."""
    for kind in range(7):
        write_video(f"{'ab'[kind % 2]}/{kind}.mp4", kind=kind, seed=kind)
    return write_video("a/0.mp4", kind=0).parent.parent


@pytest.fixture
def library(tmp_path, tiny, videos) -> Library:
    made = Library.open(tmp_path / "library", recipe=tiny())
    made.add(videos)
    return made


@pytest.fixture
def found(library, picture) -> Callable[..., list[str]]:
    """The names of the files that a search for kind 2 finds, in order."""

    def search(**filters) -> list[str]:
        results = library.search(picture(2), fast=True, **filters).results
        return sorted(each.video.name for each in results)

    return search


@pytest.fixture
def best(library, picture) -> Callable[..., Path]:
    """The video that a search for a kind finds first."""

    def search(kind: int, library: Library = library) -> Path:
        return library.search(picture(kind), fast=True).results[0].video

    return search


def names(library: Library) -> list[str]:
    return [video.name for video in library.videos()]


def tables_of(library: Library) -> Tables:
    return Index.of(current(library.folder)).tables


@pytest.mark.parametrize("fast", [True, False])
def test_a_picture_finds_its_video_and_moment(library, picture, videos, fast) -> None:
    for kind in range(7):
        best = library.search(picture(kind), fast=fast).results[0]

        assert best.video == videos / "ab"[kind % 2] / f"{kind}.mp4"
        assert best.duration_seconds == 15.5
        (moment,) = best.moments
        assert moment.start_seconds == pytest.approx(5.0, abs=1.0)
        assert moment.end_seconds == pytest.approx(8.0, abs=1.0)


def test_a_mirrored_picture_finds_the_same(library, picture) -> None:
    # Nothing in the library is of kind 7.
    flipped = picture(7, in_mirror=3)

    assert library.search(flipped, fast=True).results[0].video.name == "3.mp4"
    pixels, box = mirrored(np.array(flipped), (3, 1, 10, 5))
    assert box == (27, 1, 10, 5)
    np.testing.assert_array_equal(pixels[1:6, 27:37], flipped[1:6, 3:13][:, ::-1])


def test_what_is_not_meant_is_pushed_down(library, picture, write_video) -> None:
    both = picture(2)
    both[0, [5, -6]] = 200

    first = library.search(both, fast=True, top=2)
    second = library.search(both, unlike=picture(5), fast=True, top=2)

    assert {found.video.name for found in first.results} == {"2.mp4", "5.mp4"}
    assert second.results[0].video.name == "2.mp4"
    peaks = [max(each.similarity.values) for each in second.results]
    assert peaks[1] < peaks[0]


def test_filters_leave_videos_out(library, found, videos, monkeypatch) -> None:
    odd = ["1.mp4", "3.mp4", "5.mp4"]
    assert found(within="videos/b/*") == found(within="b/*") == odd
    assert found(within=[str(videos / "a" / "4*"), "*/5.mp4"]) == ["4.mp4", "5.mp4"]
    assert found(within="5.mp4") == ["5.mp4"]
    assert found(since=datetime.fromtimestamp(6, UTC)) == ["5.mp4", "6.mp4"]
    assert len(found(since=datetime.min, top=9)) == 7
    assert found(min_duration_seconds=15.6) == []
    assert len(found(min_duration_seconds=15.5, top=3)) == 3
    # A folder is searched as it is removed.
    monkeypatch.chdir(videos)
    for folder in ("videos/b", "videos/b/", str(videos / "b"), "b"):
        assert found(within=folder) == odd
    for everything in ("videos", str(videos), str(videos.parent), "."):
        assert len(found(within=everything)) == 7
    assert found(within=["video", ".mp4"]) == []
    for nothing in (".mp4", "video", ""):
        with pytest.raises(UsageError, match=f"is called '{nothing}'; stillseek library list"):
            found(within=nothing)
    assert len(library.remove(videos)) == 7


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("a", ["1.mp4", "3.mp4", "5.mp4"]),
        ("videos/a/", ["1.mp4", "3.mp4", "5.mp4"]),
        ("3.mp4", ["0.mp4", "1.mp4", "2.mp4", "4.mp4", "5.mp4", "6.mp4"]),
        ("videos", []),
    ],
)
def test_videos_leave_by_root_folder_or_file(library, videos, monkeypatch, pattern, left) -> None:
    monkeypatch.chdir(videos)

    library.remove(pattern)

    assert sorted(name.rpartition("/")[2] for name in names(library)) == left


def test_a_whole_name_means_no_other_video_that_ends_so(
    library, picture, videos, write_video
) -> None:
    library.add(write_video("b/videos/a/2.mp4", kind=2, seed=60))

    found = library.search(picture(2), fast=True, within=["videos/a/2.mp4", "4.mp4"]).results

    assert {each.video for each in found} == {videos / "a/2.mp4", videos / "a/4.mp4"}


def test_of_copies_one_that_is_there_answers(library, best, videos) -> None:
    first, second = videos / "a/2.mp4", videos / "b/copy.mp4"
    shutil.copy(first, second)
    library.add(videos)

    assert best(2) == first
    first.unlink()
    assert best(2) == second
    second.unlink()
    assert best(2) == first


def test_features_that_are_lost_come_back(library, videos, picture) -> None:
    (lost,) = [video for video in library.videos() if video.name.endswith("3.mp4")]
    for path in (library.folder / "features").rglob(f"*{lost.content}*"):
        path.unlink()
    (failure,) = library.search(picture(3), fast=True).failures
    assert failure.error.endswith(
        "the features of videos/b/3.mp4 are missing; add it to the library again (and publish "
        "again what is published)"
    )

    report = library.add(videos)

    assert (len(report.outcomes), report.unchanged) == (1, 6)
    assert library.verify().intact == 7
    assert library.search(picture(3), fast=True).results[0].video.name == "3.mp4"


def test_a_folder_without_videos_leaves_the_library_as_it_is(library, videos, tmp_path) -> None:
    # One that was known, whose disk is not mounted, and a new one.
    shutil.move(videos, videos.with_name("elsewhere"))
    for empty in (videos, tmp_path / "empty"):
        empty.mkdir()
        with pytest.raises(UsageError, match="there is no video file in"):
            library.add(empty)
    assert (list(library.stats().roots), len(library.videos())) == (["videos"], 7)


def test_what_is_as_it_was_is_not_read(library, videos, monkeypatch) -> None:
    monkeypatch.setattr(type(library.recipe), "open_video", lambda *_: pytest.fail("it was read"))

    report = library.add(videos)

    assert (report.unchanged, report.outcomes, report.gone, report.moved) == (7, (), (), ())


def test_changed_moved_copied_touched_and_gone_files_are_noticed(
    library, videos, write_video, best, found
) -> None:
    write_video("a/0.mp4", kind=7, seed=50)
    (videos / "b/1.mp4").rename(videos / "a/moved.mp4")
    shutil.copy(videos / "a/2.mp4", videos / "b/copy.mp4")
    (videos / "b/3.mp4").touch()
    (videos / "a/4.mp4").unlink()

    report = library.add(videos)

    present = dict.fromkeys(("moved.mp4", "copy.mp4", "3.mp4"), "present")
    assert {o.path.name: o.status for o in report.outcomes} == present | {"0.mp4": "encoded"}
    assert (report.moved, report.gone) == (("videos/b/1.mp4",), ("videos/a/4.mp4",))
    assert report.unchanged == 3
    for kind, name in ((7, "a/0.mp4"), (1, "a/moved.mp4"), (2, "a/2.mp4")):
        assert best(kind) == videos / name
    assert len(found(top=99)) == 6
    assert library.verify().problems == ()
    # The bytes of the one that is gone are known still.
    write_video("b/back.mp4", kind=4, seed=4)
    assert [o.status for o in library.add(videos).outcomes] == ["present"]


def test_a_bad_file_is_told_of_once_and_tried_again_when_it_changes(
    library, videos, write_video
) -> None:
    bad = videos / "bad.mp4"
    bad.write_text("no numbers")

    (outcome,) = library.add(videos).failed
    assert outcome.error == f"{bad} is not a video"
    second = library.add(videos)
    assert (second.outcomes, second.unchanged, second.unchanged_failed) == ((), 8, 1)
    assert library.stats().failed == 1
    write_video("bad.mp4", kind=2, seed=9)
    assert library.add(videos).failed == ()
    assert library.stats().failed == 0


def test_a_name_that_is_not_utf_8_fails_alone(library, videos, write_video) -> None:
    write_video("more.mp4", kind=3, seed=40)
    bad = videos / os.fsdecode(b"latin\xe9.mp4")
    bad.write_text("1 2 3 4 5 6 7 8")
    told = []

    for encoded in (1, 0):
        added = library.add(videos, on_outcome=told.append)

        assert [outcome.path for outcome in added.failed] == [bad]
        assert added.failed[0].error == (
            f"the name of {bad} is not UTF-8, as names in a library are; rename it"
        )
        assert len(added.outcomes) == 1 + encoded
    assert len(told) == 3
    assert len(library.videos()) == 8
    # What lies above a root is no part of a name.
    above = videos.rename(videos.with_name(os.fsdecode(b"\xe9")))
    (above / "c").mkdir()
    (above / "c" / "bad.mp4").write_text("no numbers")
    assert len(library.add(above / "c").failed) == len(library.add(above / "a").outcomes) - 3 == 1
    assert str(above) not in next(video.error for video in library.videos() if video.error)


def test_videos_of_a_locked_folder_stay_and_others_are_added(
    library, videos, write_video, lock, best
) -> None:
    shutil.copy(videos / "b/1.mp4", videos / "copy.mp4")
    library.add(videos)
    write_video("new.mp4", kind=3, seed=40)
    (videos / "a/0.mp4").unlink()
    lock(videos / "b")

    added = library.add(videos)

    assert [outcome.status for outcome in added.outcomes] == ["failed", "encoded"]
    assert added.failed[0].error.startswith(f"the folder {videos / 'b'} cannot be read (")
    assert (added.unchanged, added.gone) == (4, ("videos/a/0.mp4",))
    assert names(library).count("videos/b/3.mp4") == 1
    assert best(1) == videos / "copy.mp4"
    with pytest.raises(MediaError, match="cannot be read"):
        library.add(videos / "b")


def test_a_bad_file_moves_with_its_folder(library, videos, tmp_path) -> None:
    (videos / "a/bad.mp4").write_text("no numbers")
    (videos / "lost.mp4").write_text("no numbers either")
    library.add(videos)
    moved = videos.rename(tmp_path / "elsewhere")
    (moved / "lost.mp4").unlink()

    report = library.add(moved)

    assert len(report.moved) == 8
    assert report.gone == ()
    failed = [video.name for video in library.videos() if video.error]
    assert failed == ["elsewhere/a/bad.mp4", "videos/lost.mp4"]


def test_a_library_moves_with_its_disk(tmp_path, tiny, write_video, picture) -> None:
    disk = write_video("disk/archive/x.mp4", kind=1).parent.parent
    Library.open(disk / "index", recipe=tiny()).add(disk / "archive")
    moved = disk.rename(tmp_path / "mounted")

    library = Library.open(moved / "index", recipe=tiny())

    assert library.search(picture(1), fast=True).results[0].video == moved / "archive/x.mp4"
    assert library.add(moved / "archive").unchanged == 1


def test_a_root_that_moves_alone_is_named_again(library, videos, tmp_path, picture) -> None:
    moved = videos.rename(tmp_path / "elsewhere")

    assert library.verify().changed[0] == videos / "a/0.mp4"
    report = library.add(moved, root="videos")

    assert (report.unchanged, report.outcomes, report.gone) == (7, (), ())
    assert library.search(picture(3), fast=True).results[0].video == moved / "b/3.mp4"
    with pytest.raises(UsageError, match="has no /"):
        library.add(moved, root="a/b")


def test_a_folder_that_moved_is_known_where_it_is_now(library, videos, tmp_path, picture) -> None:
    moved = videos.rename(tmp_path / "elsewhere")
    lost = (moved / "a/0.mp4").rename(tmp_path / "lost.mp4")
    shutil.copy(moved / "b/1.mp4", tmp_path / "copy.mp4")

    report = library.add(moved)

    assert {outcome.status for outcome in report.outcomes} == {"present"}
    assert report.moved == tuple(
        f"videos/{'ab'[kind % 2]}/{kind}.mp4" for kind in (2, 4, 6, 1, 3, 5)
    )
    assert report.gone == ()
    assert "videos/a/0.mp4" in names(library)  # its disk may come back
    assert len(names(library)) == 7
    assert library.search(picture(3), fast=True).results[0].video == moved / "b/3.mp4"
    assert library.add(lost).moved == ("videos/a/0.mp4",)
    # What is there twice is twice in the library.
    assert library.add(tmp_path / "copy.mp4").moved == ()
    assert len(names(library)) == 8
    # A copy on a disk that is away stays when what was known before is looked at again.
    (tmp_path / "copy.mp4").unlink()
    assert library.add(moved).moved == ()
    assert len(names(library)) == 8


def test_what_is_stopped_while_it_writes_is_written(
    tmp_path, tiny, videos, picture, monkeypatch
) -> None:
    put, calls = Tables.put, []

    def stopped(self, *given) -> None:
        calls.append(given)
        if len(calls) == 1:
            raise KeyboardInterrupt
        put(self, *given)

    monkeypatch.setattr(Tables, "put", stopped)
    library = Library.open(tmp_path / "library", recipe=tiny())
    with pytest.raises(KeyboardInterrupt):
        library.add(videos, workers=1)

    assert len(names(library)) == 7
    assert library.search(picture(3), fast=True).results[0].video.name == "3.mp4"
    assert library.add(videos).unchanged == 7


def test_removed_videos_leave_nothing(library, videos, picture) -> None:
    before = library.stats()

    assert library.remove(videos / "a", "*/5.mp4") == (
        *(f"videos/a/{kind}.mp4" for kind in (0, 2, 4, 6)),
        "videos/b/5.mp4",
    )

    assert names(library) == ["videos/b/1.mp4", "videos/b/3.mp4"]
    assert library.stats().feature_bytes < before.feature_bytes / 2
    assert library.stats().rows == 2 * 8
    assert library.verify().intact == 2
    with pytest.raises(UsageError, match=r"nothing in the library .* is called 'videos/a/0.mp4'"):
        library.remove("videos/a/0.mp4")


def test_names_with_quotes_are_names(library, videos, write_video) -> None:
    write_video('it\'s "one".mp4', kind=3, seed=77)
    assert len(library.add(videos).outcomes) == 1

    assert library.remove("videos/it's*") == ('videos/it\'s "one".mp4',)


def test_a_second_writer_is_refused_and_a_search_is_not(library, videos, picture) -> None:
    with FileLock(library.folder / "writer.lock"):
        for write in (lambda: library.add(videos), lambda: library.remove("*"), library.migrate):
            with pytest.raises(LibraryError, match="another process is writing"):
                write()
        assert library.search(picture(1), fast=True).results


def test_what_is_refused_leaves_no_folder(tmp_path, tiny, videos) -> None:
    folder = tmp_path / "new"
    for recipe, root in (("nope", None), (tiny(), "a/b")):
        with pytest.raises(UsageError):
            Library.open(folder, recipe=recipe).add(videos, root=root)
        assert not folder.exists()


def test_another_recipe_fingerprint_or_version_is_refused(library, tiny, picture) -> None:
    with pytest.raises(LibraryError, match=r"is of recipe tiny, not of lite; leave .* migrate"):
        Library.open(library.folder, recipe="lite")
    other = tiny()
    other.fingerprint = "9" * 64
    with pytest.raises(LibraryError, match="and here tiny has 9999999999999999; use the same"):
        Library.open(library.folder, recipe=other).search(picture(1), fast=True)
    file = library.folder / "library.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"version": 1}))
    with pytest.raises(LibraryError, match="has version 1, expected 2; use the stillseek version"):
        Library.open(library.folder)
    for foreign in ("{}", "[1]", '{"version": "1.0"}'):
        file.write_text(foreign)
        with pytest.raises(LibraryError, match=f"^{file} is of no library of stillseek; give the"):
            Library.open(library.folder)


def test_a_library_that_is_not_there_says_how_to_make_one(
    tmp_path, tiny, picture, monkeypatch
) -> None:
    with pytest.raises(LibraryError, match="make one with stillseek library add"):
        Library.open(tmp_path / "none", recipe=tiny()).search(picture(0), fast=True)
    for write in (lambda library: library.remove("x"), lambda library: library.migrate(tiny())):
        with pytest.raises(LibraryError, match="make one with stillseek library add"):
            write(Library.open(tmp_path / "none"))
    assert not (tmp_path / "none").exists()
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(InstallationError, match=r"at s3://bucket/library needs another package"):
        Library.open("s3://bucket/library")


def test_a_reader_sees_what_a_writer_does(library, videos, tiny, write_video, picture) -> None:
    reader = Library.open(library.folder, recipe=tiny())
    assert reader.search(picture(7), fast=True).results[0].video.name != "7.mp4"
    write_video("b/7.mp4", kind=7, seed=70)

    library.add(videos)
    assert reader.search(picture(7), fast=True).results[0].video.name == "7.mp4"
    library.remove("*/7.mp4")

    assert len(reader.search(picture(7), fast=True, top=99).results) == 7


def test_verify_sees_broken_features_and_missing_rows(library, videos) -> None:
    entry = next(library.folder.glob("features/videos/*/*.safetensors"))
    entry.write_bytes(entry.read_bytes()[:-5])
    numbers = [video.number for video in library.videos() if entry.name[:15] != video.content[:15]]
    with tables_of(library)._open() as file:
        file.execute("DELETE FROM rows WHERE video = ?", numbers[:1])

    found = library.verify()

    assert found.intact == 5
    assert len(found.problems) == 2
    for wrong in ("its features are broken", "its rows are missing"):
        assert any(wrong in problem for problem in found.problems)
    assert found.changed == ()


def test_a_broken_video_does_not_hide_the_others(library, picture) -> None:
    entry = next(library.folder.glob("features/videos/*/*.safetensors"))
    entry.write_bytes(b"x" * 99)

    found = library.search(picture(1), fast=True)

    assert (len(found.results), len(found.failures)) == (6, 1)


def test_the_old_index_answers_until_the_new_one_is_whole(
    library, videos, tiny, picture, monkeypatch
) -> None:
    other = tiny("tiny-2")
    encode, calls = type(other).encode_units, []

    def dying(self, units):
        calls.append(self.name)
        if len(calls) == 12:
            raise KeyboardInterrupt
        return encode(self, units)

    monkeypatch.setattr(type(other), "encode_units", dying)
    with pytest.raises(KeyboardInterrupt):
        library.migrate(other, workers=1)
    again = Library.open(library.folder, recipe=tiny())
    assert again.search(picture(2), fast=True).results[0].video.name == "2.mp4"
    assert len(again.videos()) == 7

    library.migrate(other, workers=1)

    # Each video has 7 batches, and what was done was not done again.
    assert len(calls) < 12 + 7 * 7
    assert library.stats().recipe == "tiny-2"
    assert library.verify().intact == len(library.videos()) == 7
    assert library.search(picture(2), fast=True).results[0].video.name == "2.mp4"
    assert len(list(library.folder.glob("index-*"))) == 1
    assert len(list(library.folder.glob("features/videos/*/*"))) == 7


def test_an_old_index_that_outlived_its_features_is_filled_again(library, tiny, picture) -> None:
    (old,) = library.folder.glob("index-*")
    kept = library.folder / "kept"
    shutil.copytree(old, kept)
    library.migrate(tiny("tiny-2"), workers=1)
    # As if it had been stopped after the old features were gone, and before the old index was.
    kept.rename(old)

    library.migrate(tiny(), workers=1)

    assert library.stats().recipe == "tiny"
    verified = library.verify()
    assert (verified.intact, verified.problems) == (7, ())
    assert library.search(picture(2), fast=True).results[0].video.name == "2.mp4"


def test_a_migration_that_would_lose_a_video_leaves_the_old_index(library, videos, tiny) -> None:
    (videos / "a/2.mp4").unlink()

    with pytest.raises(LibraryError, match=r"1 videos are .*videos/a/2.mp4; .* stays with recipe"):
        library.migrate(tiny("tiny-2"))

    assert library.stats().recipe == "tiny"
    assert len(library.videos()) == 7


def test_more_like_a_moment_is_elsewhere(library, videos, tiny, write_video, monkeypatch) -> None:
    write_video("b/like.mp4", kind=2, seed=31)
    library.add(videos)
    monkeypatch.setattr(
        "stillseek.localize.query_image.frame_at",
        lambda path, seconds: np.tile(
            np.loadtxt(path, dtype=np.uint8)[int(2 * seconds), None, :, None], (13, 1, 3)
        ),
    )

    copy = Path(shutil.copy(videos / "a/2.mp4", videos.with_name("copy.mp4")))
    for video in (videos / "a/2.mp4", "videos/a/2.mp4", copy):
        found = library.similar(video, 6.0, fast=True, top=1)

        assert found.results[0].video.name == "like.mp4"


def test_an_index_that_is_not_there_or_broken_is_told(library, picture) -> None:
    (file,) = library.folder.glob("index-*/index.sqlite")
    file.write_bytes(b"SQLite format 3\0" + bytes(5000))
    with pytest.raises(LibraryError, match=r"cannot use .*index.sqlite .*make a new one"):
        library.search(picture(1), fast=True)

    file.unlink()

    with pytest.raises(LibraryError, match=r"cannot use .*unable to open"):
        Library.open(library.folder).videos()


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2), (0, 0)])
def test_presence_is_that_of_the_head_however_many_pictures_ask(
    seeds: tuple[int, ...], tmp_path: Path, write_clip, write_picture
) -> None:
    library = Library.open(tmp_path / "library")
    library.add(write_clip(seconds=3.0))
    pictures = [write_picture(f"{place}.png", seed=seed) for place, seed in enumerate(seeds)]

    (fast,) = library.search(pictures, fast=True).results
    (found,) = library.search(pictures).results

    # Rows of an index are in half precision.
    assert fast.presence == pytest.approx(found.presence, abs=2e-3)
    (single,) = library.search(pictures[:1]).results
    assert (found.presence == single.presence) == (len(set(seeds)) == 1)
