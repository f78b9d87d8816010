import os
from pathlib import Path

import pytest

from stillseek.files import remove_left_over, replacing, shown_name, shown_url


@pytest.mark.parametrize("stem", ["table", "x" * 250])
def test_a_file_is_whole_when_the_block_ends(stem: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / f"{stem}.json"

    with replacing(path) as place:
        place.write_text("all of it")
        assert not path.exists()
        assert place.suffix == ".json"  # formats are known by it

    assert path.read_text() == "all of it"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_text("old")

    def write_half() -> None:
        with replacing(path) as place:
            place.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()

    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["table.json"]


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    with replacing(tmp_path / "plot.png") as place:
        place.write_text("all")
        left = tmp_path / place.name
        (tmp_path / ".mine.tmp").touch()
        kept = left.read_text()
    left.write_text(kept)

    remove_left_over(tmp_path)
    remove_left_over(tmp_path / "nowhere")

    assert sorted(path.name for path in tmp_path.iterdir()) == [".mine.tmp", "plot.png"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain name.mp4", "plain name.mp4"),
        ("\u9032\u64ca \u3000\U0001f3be.mp4", "\u9032\u64ca \u3000\U0001f3be.mp4"),
        ("two\nlines\r.mp4", "two\ufffdlines\ufffd.mp4"),
        (os.fsdecode(b"latin\xe9.mp4"), "latin\ufffd.mp4"),
    ],
)
def test_names_stay_in_one_line_of_text(name: str, shown: str) -> None:
    assert shown_name(name) == shown


def test_errors_name_the_file_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "p.png"

    with pytest.raises(FileNotFoundError) as never_written, replacing(path):
        pass
    path.mkdir()
    with pytest.raises(IsADirectoryError) as in_its_way, replacing(path) as place:
        place.touch()

    for error in (never_written, in_its_way):
        assert str(error.value).endswith(f": '{path}'")
        assert ".tmp" not in str(error.value)
    other = tmp_path / "other"
    with pytest.raises(FileNotFoundError, match=r"/other'$"), replacing(path):
        other.read_bytes()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("s3://b/x", "s3://b/x"),
        ("file:///tmp/x", "file:///tmp/x"),
        ("simplecache::s3://b/x", "simplecache::s3://b/x"),
        ("zip://a.csv::file:///b.zip", "zip://a.csv::file:///b.zip"),
        ("C:/films/x", None),
        ("films/x:1", None),
    ],
)
def test_urls_keep_their_slashes_through_pathlib(given: str, shown: str | None) -> None:
    assert shown_url(given) == shown_url(str(Path(given))) == shown
