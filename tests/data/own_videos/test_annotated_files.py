import unicodedata
from pathlib import Path

import pytest

from stillseek.data.own_videos.annotated_files import VideoFolder, images_of_labels, relative_path
from stillseek.errors import DatasetError, MediaError, UsageError


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_a_folder_that_may_not_be_looked_into_is_told_of(tmp_path: Path, lock) -> None:
    lock(touch(tmp_path / "videos", "one.mp4"))

    with pytest.raises(MediaError, match=f"the folder {tmp_path / 'videos'} cannot be read "):
        VideoFolder(tmp_path / "videos")


def test_folder_without_videos_is_refused(tmp_path: Path) -> None:
    message = r"there is no video file in .*; expected files that end in \.3g2"
    with pytest.raises(DatasetError, match=message):
        VideoFolder(touch(tmp_path, "notes.txt"))


@pytest.mark.parametrize(
    ("name", "video_id"),
    [
        ("match.mp4", "match"),
        ("match", "match"),
        ("./match.mp4", "match"),
        ("day 1/fête.v2.MOV", "day 1/fête.v2"),
        ("day 1/fête.v2", "day 1/fête.v2"),
        ("fête.v2.MOV", "day 1/fête.v2"),
        (unicodedata.normalize("NFD", "fête.v2"), "day 1/fête.v2"),
        ("day 1/twice.mp4", "day 1/twice"),
        ("day 2/match", "day 2/match"),
        ("day 2\\match.mp4", "day 2/match"),
        (".\\match.mp4", "match"),
        ("back\\slash", "back\\slash"),
    ],
)
def test_names_find_their_video(name: str, video_id: str, tmp_path: Path) -> None:
    names = ("match.mp4", "day 2/match.mp4", "day 1/fête.v2.MOV")
    twice = ("day 1/twice.mp4", "day 2/twice.mp4", "back\\slash.mp4", "back/slash.mp4")
    folder = VideoFolder(touch(tmp_path, *names, *twice))

    assert folder.find(name) == video_id
    assert folder.path(video_id).relative_to(tmp_path).with_suffix("").as_posix() == video_id


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("other.mp4", "there is no video 'other.mp4' in .*; expected a path below it"),
        ("day 3/one.mp4", "there is no video 'day 3/one.mp4'"),
        ("one", "video 'one' may be day 1/one.mp4 and day 2/one.mp4; write the path of the one"),
        ("both.mkv", "video 'both.mkv' may be both.mkv and both.mp4, and a data set names videos"),
        ("notes.txt", r"there is no video 'notes\.txt'"),
    ],
)
def test_names_that_are_no_video_or_several(name: str, message: str, tmp_path: Path) -> None:
    names = ("day 1/one.mp4", "day 2/one.mp4", "both.mp4", "both.mkv", "notes.txt")

    with pytest.raises(UsageError, match=message):
        VideoFolder(touch(tmp_path, *names)).find(name)


def test_prefix_is_tried_after_the_name(tmp_path: Path) -> None:
    folder = VideoFolder(touch(tmp_path, "v_x.mp4", "v_y.mp4", "y.mp4", "z.mp4"))

    assert folder.find("x", prefix="v_") == "v_x"
    assert folder.find("y", prefix="v_") == "y"
    assert folder.find("v_y", prefix="v_") == "v_y"
    assert folder.find("v_z", prefix="v_") == "z"
    with pytest.raises(UsageError, match="there is no video 'v_z'"):
        folder.find("v_z")


def test_images_of_labels(tmp_path: Path) -> None:
    touch(tmp_path, "jump/2.png", "jump/1.jpg", "jump/.hidden", "jump/old/3.png", "run/1.png")

    found = images_of_labels(tmp_path, {"jump", "swim"})

    assert found == {"jump": (tmp_path / "jump/1.jpg", tmp_path / "jump/2.png")}


def test_image_folders_that_help_nobody_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is called like a label; expected FOLDER/LABEL/image"):
        images_of_labels(touch(tmp_path, "jumping/1.png", "jump"), {"jump"})
    (tmp_path / "run").mkdir()
    with pytest.raises(DatasetError, match="run holds no image; add one or remove the folder"):
        images_of_labels(tmp_path, {"run"})


def test_relative_path_survives_links(tmp_path: Path) -> None:
    touch(tmp_path, "real/videos/a.mp4", "real/deep/data/x")
    (tmp_path / "link").symlink_to(tmp_path / "real/deep/data", target_is_directory=True)

    way = relative_path(tmp_path / "real/videos", tmp_path / "link")

    assert way == "../../videos"
    assert (tmp_path / "link" / way / "a.mp4").exists()


def test_first_folders_of_another_machine_need_not_be_here(tmp_path: Path) -> None:
    folder = VideoFolder(touch(tmp_path, "day 1/cam.mp4", "day 2/cam.mp4", "cam 3.mp4"))

    for name, video_id in (
        ("/home/ann/videos/day 2/cam.mp4", "day 2/cam"),
        ("D:\\videos\\day 1\\cam.mp4", "day 1/cam"),
        ("../day 1/cam", "day 1/cam"),
        ("/data/cam 3.mp4", "cam 3"),
    ):
        assert folder.find(name, elsewhere=True) == video_id
        with pytest.raises(UsageError, match="there is no video"):
            folder.find(name)
    with pytest.raises(UsageError, match=r"video '/data/cam\.mp4' may be day 1/cam.mp4 and day 2"):
        folder.find("/data/cam.mp4", elsewhere=True)
