from pathlib import Path

import pytest

from stillseek.files import remove_left_over, replacing


def test_a_file_is_whole_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.json"

    with replacing(path) as place:
        place.write_text("all of it")
        assert not path.exists()

    assert path.read_text() == "all of it"
    assert [p.name for p in path.parent.iterdir()] == ["table.json"]


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_text("old")

    def fail() -> None:
        with replacing(path) as place:
            place.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["table.json"]


def test_a_name_as_long_as_names_may_be(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 250 + ".json")

    with replacing(path) as place:
        place.write_text("{}")

    assert path.read_text() == "{}"


def test_the_neighbour_has_the_suffix_that_formats_are_known_by(tmp_path: Path) -> None:
    with replacing(tmp_path / "plot.png") as place:
        assert place.suffix == ".png"
        place.touch()


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
