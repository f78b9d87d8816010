import hashlib

import pytest
from PIL import Image

from stillseek.errors import DatasetError
from stillseek.synthetic.composed.photographs import read_photographs


def test_the_folder_of_a_photograph_is_its_class(write_photographs):
    folder = write_photographs(("a", "deep/er/b"), number=3)
    calls = []

    found = read_photographs(folder, workers=1, on_progress=lambda *n: calls.append(n))

    assert [photo.name for photo in found.photographs] == [
        "a/00.png",
        "a/01.png",
        "a/02.png",
        "deep/er/b/00.png",
        "deep/er/b/01.png",
        "deep/er/b/02.png",
    ]
    assert list(found.by_label) == ["a", "deep/er/b"]
    assert len({photo.group for photo in found.photographs}) == 6
    assert calls[-1] == (6, 6)
    first = found.photographs[0]
    assert first.sha256 == hashlib.sha256((folder / "a/00.png").read_bytes()).hexdigest()


def test_what_cannot_be_used_is_left_out_and_named(write_photographs, blots):
    folder = write_photographs(("a", "b"), number=2)
    (folder / "a/broken.jpg").write_bytes(b"no image")
    (folder / "a/notes.txt").write_text("no image either")
    Image.fromarray(blots(7, width=97, height=31)).save(folder / "b/tiny.PNG")
    Image.fromarray(blots(8)).save(folder / "cover.png")
    (folder / ".cache").mkdir()
    Image.fromarray(blots(9)).save(folder / ".cache/thumbnail.png")

    found = read_photographs(folder, workers=1)

    assert len(found.photographs) == 4
    broken, tiny = found.unreadable
    assert "broken.jpg" in broken
    assert tiny == f"{folder / 'b/tiny.PNG'} has 97 x 31 pixels, too small to be shown in a video"
    assert found.unlabelled == ("cover.png",)


def test_near_duplicates_of_one_class_are_a_group(write_photographs, blots):
    folder = write_photographs(("a", "b"), number=3)
    Image.fromarray(blots(1, width=203, height=133)).save(folder / "a/copy.jpg", quality=50)

    found = {photo.name: photo.group for photo in read_photographs(folder, workers=1).photographs}

    assert len(found) == 7
    assert found["a/copy.jpg"] == found["a/01.png"]
    assert len(set(found.values())) == 6


def test_near_duplicates_of_two_classes_are_left_out_with_all_their_copies(
    write_photographs, blots
):
    folder = write_photographs(("a", "b"), number=3)
    Image.fromarray(blots(1)).save(folder / "a/copy.jpg")
    Image.fromarray(blots(1)).save(folder / "b/copy.jpg")

    found = read_photographs(folder, workers=1)

    assert {photo.name for photo in found.photographs} == {
        "a/00.png",
        "a/02.png",
        "b/00.png",
        "b/01.png",
        "b/02.png",
    }
    assert found.num_shared == 3


def test_the_hash_tells_names_and_contents(write_photographs):
    one, two = (write_photographs(("a",), number=2) for _ in range(2))
    assert read_photographs(one, workers=1).sha256 == read_photographs(two, workers=1).sha256

    (two / "a/00.png").rename(two / "a/02.png")

    assert read_photographs(one, workers=1).sha256 != read_photographs(two, workers=1).sha256


def test_a_folder_without_classes_is_refused(tmp_path, blots):
    with pytest.raises(DatasetError, match=r"has no classes, no image at all; expected FOLDER/CL"):
        read_photographs(tmp_path)
    Image.fromarray(blots(1)).save(tmp_path / "photo.png")
    with pytest.raises(DatasetError, match="has no classes, only 1 images without a class"):
        read_photographs(tmp_path)
    with pytest.raises(DatasetError, match="is no folder; give one with a folder of images"):
        read_photographs(tmp_path / "photo.png")


def test_a_folder_of_broken_images_is_refused(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/broken.jpg").write_bytes(b"no image")

    with pytest.raises(DatasetError, match=r"none of the 1 images can be used; the first: .*brok"):
        read_photographs(tmp_path, workers=1)


def test_links_to_folders_are_followed_but_not_in_circles(write_photographs, tmp_path):
    folder = write_photographs(("a",), number=2)
    other = write_photographs(("b", "c"), number=3)
    for index in range(3):  # The fixture draws the first class of each folder alike.
        (other / f"b/{index:02d}.png").unlink()
    (other / "c").rename(other / "b/deep")
    (folder / "linked").symlink_to(other / "b")
    (folder / "a/itself").symlink_to(folder)
    (other / "b/deep/back").symlink_to(folder)
    (folder / "gone").symlink_to(tmp_path / "nowhere")

    names = [photo.name for photo in read_photographs(folder, workers=1).photographs]

    assert names == ["a/00.png", "a/01.png", *(f"linked/deep/{k:02d}.png" for k in range(3))]
