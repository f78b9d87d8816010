import os
from pathlib import Path

import pytest

from stillseek.errors import MediaError, UsageError
from stillseek.media.faults import check_file
from stillseek.media.folder import find_video, find_videos, look_below, videos_below


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_videos_are_found_below_a_folder_in_order(tmp_path: Path) -> None:
    touch(tmp_path, "b.MOV", "a/z.webm", "a/list.csv", "a/b/c.mp4")
    (tmp_path / "folder.mp4").mkdir()

    found = [path.relative_to(tmp_path).as_posix() for path in videos_below(tmp_path)]

    assert found == ["a/b/c.mp4", "a/z.webm", "b.MOV"]


@pytest.mark.parametrize(
    "file",
    ["match.mp4", "match.MOV", "my match.v2.webm", "día/1.mkv", "a/b/c.Mp4"]
    + [f"match{suffix}" for suffix in (".mxf", ".VOB", ".gif", ".asf", ".3g2", ".f4v", ".m2v")],
)
def test_name_without_suffix_finds_its_file(file: str, tmp_path: Path) -> None:
    touch(tmp_path, file, "match.txt", "other.mp4", "día/2.mkv")

    assert find_video(tmp_path, file.rpartition(".")[0]) == tmp_path / file
    assert tmp_path / file in videos_below(tmp_path)


def test_mp4_comes_before_other_suffixes_and_is_what_is_missing(tmp_path: Path) -> None:
    touch(tmp_path, "match.avi", "match.mp4", "clip.mov", "clip.mkv", "more/other.mov")

    assert find_video(tmp_path, "match") == tmp_path / "match.mp4"
    assert find_video(tmp_path, "clip") == tmp_path / "clip.mkv"
    assert find_video(tmp_path, "more/match") == tmp_path / "more/match.mp4"
    assert find_video(tmp_path / "nowhere", "a/match") == tmp_path / "nowhere/a/match.mp4"


def test_folder_is_listed_again_when_it_changes_and_not_before(tmp_path: Path, monkeypatch) -> None:
    touch(tmp_path, "one.mov", "two.mov")
    listings = []
    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: (listings.append(path), listed(path))[1])

    for name in ("one", "two", "three"):
        find_video(tmp_path, name)
    assert listings == [tmp_path]
    touch(tmp_path, "three.mov")
    # The clock of the file system may be too coarse to tell the two moments apart.
    os.utime(tmp_path, ns=(1, 1))
    assert find_video(tmp_path, "three") == tmp_path / "three.mov"


def test_side_files_of_macos_are_no_videos(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "._a.mp4", "b/._c.mov", ".hidden.mp4", "._d.mkv")

    assert videos_below(tmp_path) == [tmp_path / ".hidden.mp4", tmp_path / "a.mp4"]
    assert find_video(tmp_path, "._d") == tmp_path / "._d.mp4"


def test_linked_folders_are_looked_into_once(tmp_path: Path) -> None:
    inside, outside = tmp_path / "videos", tmp_path / "disk"
    touch(inside, "z/one.mp4")
    touch(outside, "two.mp4", "deep/three.mp4")
    (inside / "a").symlink_to(outside)
    (inside / "again").symlink_to(outside)
    (inside / "b").symlink_to(inside / "z")
    (inside / "z" / "loop").symlink_to(inside)
    (outside / "deep" / "back").symlink_to(outside)
    (inside / "gone").symlink_to(tmp_path / "nowhere")

    found = [path.relative_to(inside).as_posix() for path in videos_below(inside)]

    assert found == ["a/deep/three.mp4", "a/two.mp4", "z/one.mp4"]


def test_find_videos_looks_into_folders(tmp_path: Path) -> None:
    touch(tmp_path, "b/two.MKV", "b/a/one.mp4", "b/notes.txt", "three.bin")

    found = find_videos((tmp_path / "three.bin", tmp_path / "b"))

    names = [path.relative_to(tmp_path).as_posix() for path in found]
    assert names == ["three.bin", "b/a/one.mp4", "b/two.MKV"]


def test_folder_without_videos_has_none_and_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt", "mp4")

    assert videos_below(tmp_path) == videos_below(tmp_path / "nowhere") == []
    with pytest.raises(UsageError, match="there is no video file in"):
        find_videos((tmp_path,))


def test_a_folder_that_may_not_be_looked_into_is_told_of(tmp_path: Path, lock) -> None:
    touch(tmp_path, "videos/a.mp4", "videos/b/c.mp4", "only/b/c.mp4")
    (tmp_path / "videos/link.mp4").symlink_to(tmp_path / "videos/b/c.mp4")
    for folder in ("videos/b", "only/b"):
        lock(tmp_path / folder)
    videos, only = tmp_path / "videos", tmp_path / "only"

    assert look_below(videos) == ([videos / "a.mp4", videos / "link.mp4"], [videos / "b"])
    assert find_videos((videos, only)) == [
        videos / "a.mp4",
        videos / "b",
        videos / "link.mp4",
        only / "b",
    ]
    for read in (lambda path: find_videos((path,)), lambda path: check_file(path, "video")):
        with pytest.raises(MediaError, match=f"the folder {only / 'b'} cannot be read "):
            read(only / "b")


def test_a_link_that_may_not_be_followed_is_told_of(tmp_path: Path, monkeypatch) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    is_dir = Path.is_dir

    def refusing(path: Path) -> bool:
        if path.name == "b.mp4":
            raise PermissionError
        return is_dir(path)

    monkeypatch.setattr(Path, "is_dir", refusing)

    assert look_below(tmp_path) == ([tmp_path / "a.mp4"], [tmp_path / "b.mp4"])
