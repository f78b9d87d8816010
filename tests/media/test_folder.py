import os
from pathlib import Path

import pytest

from stillseek.media.folder import find_video, videos_below


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_folder_without_videos_has_none(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt", "mp4")

    assert videos_below(tmp_path) == []


def test_videos_are_found_below_a_folder_in_order(tmp_path: Path) -> None:
    touch(tmp_path, "b.MOV", "a/z.webm", "a/list.csv", "a/b/c.mp4")
    (tmp_path / "folder.mp4").mkdir()

    found = [path.relative_to(tmp_path).as_posix() for path in videos_below(tmp_path)]

    assert found == ["a/b/c.mp4", "a/z.webm", "b.MOV"]


@pytest.mark.parametrize(
    "file", ["match.mp4", "match.MOV", "my match.v2.webm", "día/1.mkv", "a/b/c.Mp4"]
)
def test_name_without_suffix_finds_its_file(file: str, tmp_path: Path) -> None:
    touch(tmp_path, file, "match.txt", "other.mp4", "día/2.mkv")

    assert find_video(tmp_path, file.rpartition(".")[0]) == tmp_path / file


def test_mp4_comes_before_other_suffixes(tmp_path: Path) -> None:
    touch(tmp_path, "match.avi", "match.mp4", "clip.mov", "clip.mkv")

    assert find_video(tmp_path, "match") == tmp_path / "match.mp4"
    assert find_video(tmp_path, "clip") == tmp_path / "clip.mkv"


def test_missing_video_is_called_mp4(tmp_path: Path) -> None:
    touch(tmp_path, "other.mov")

    assert find_video(tmp_path, "match") == tmp_path / "match.mp4"
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
