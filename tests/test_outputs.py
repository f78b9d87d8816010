import os
from pathlib import Path

import pytest

from stillseek.errors import UsageError
from stillseek.files import MADE_BY
from stillseek.outputs import Output, check_outputs


def output(path: Path, **fields) -> Output:
    return Output(**{"name": "--out", "path": path, "suffixes": (".png",)} | fields)


def refusal(*outputs: Output, inputs: tuple[Path, ...] = (), overwrite: bool | None = None) -> str:
    with pytest.raises(UsageError) as error:
        check_outputs(outputs, inputs=inputs, overwrite=overwrite)
    return str(error.value)


def test_a_new_file_in_a_new_folder_is_fine(tmp_path: Path) -> None:
    made = [output(tmp_path / "new" / "p.PNG"), output(tmp_path, suffixes=None)]
    check_outputs(made, inputs=[tmp_path / "v.mp4", None])

    assert list(tmp_path.iterdir()) == []


def test_a_file_of_someone_else_stays_unless_it_may_go(tmp_path: Path) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(b"holiday")

    assert refusal(output(path)) == (
        f"--out: {path} exists, and stillseek did not write it; give another path"
    )
    assert refusal(output(path), overwrite=False).endswith(
        "; give another path, or --overwrite (overwrite=True) to replace it"
    )
    check_outputs([output(path)], inputs=[], overwrite=True)


@pytest.mark.parametrize("padding", [0, 200_000])
@pytest.mark.parametrize("first", [True, False])
def test_own_files_are_known_by_either_end(tmp_path: Path, padding: int, first: bool) -> None:
    path, parts = tmp_path / "p.png", [MADE_BY.encode(), bytes(padding)]
    path.write_bytes(b"".join(parts if first else parts[::-1]))

    check_outputs([output(path)], inputs=[])


def test_a_folder_counts_as_own_by_any_of_its_signs(tmp_path: Path) -> None:
    made = output(
        tmp_path, suffixes=None, holds=("tables.md", "rows/*.json"), signs=(("rows/*.json", "key"),)
    )
    (tmp_path / "tables.md").write_text("| mine |")

    assert refusal(made).startswith(f"--out: {tmp_path}/tables.md exists, and stillseek did not ")
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.json").write_text("{}")
    (tmp_path / "rows" / "b.json").write_text('{"key": 1}')
    check_outputs([made], inputs=[])


def test_what_is_not_replaced_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()

    check_outputs([output(tmp_path, suffixes=None, holds=("tables.md",))], inputs=[])


def test_an_input_in_the_place_of_what_a_folder_gets(tmp_path: Path) -> None:
    made = output(tmp_path, suffixes=None, holds=("tables.md", "head"))
    (tmp_path / "tables.md").touch()
    (tmp_path / "head").mkdir()

    for inside in (tmp_path / "tables.md", tmp_path / "head", tmp_path / "head" / "new"):
        assert refusal(made, inputs=(inside,), overwrite=True) == (
            f"--out {tmp_path}: the input {inside} has the place of what would be written there; "
            "give another folder"
        )
    check_outputs([made], inputs=[tmp_path / "other"], overwrite=True)


def test_two_outputs_need_two_paths(tmp_path: Path) -> None:
    first, second = output(tmp_path / "a.png"), output(tmp_path / "A.PNG", name="--plot")

    assert refusal(first, second) == (
        f"--plot {tmp_path}/A.PNG is also the path of --out; give each its own"
    )


@pytest.mark.parametrize(
    ("accent", "other"), [("\u00e9", "e\u0301"), ("\u00c9", "e\u0301"), ("stra\u00dfe", "STRASSE")]
)
def test_names_that_some_systems_do_not_tell_apart(tmp_path: Path, accent: str, other: str) -> None:
    message = refusal(output(tmp_path / f"{accent}.png"), inputs=(tmp_path / f"{other}.png",))

    assert "would overwrite the input" in message


def test_outputs_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe.png")

    assert "is a folder; give the name" in refusal(output(tmp_path / "folder.png"))
    assert "is a device or pipe" in refusal(output(tmp_path / "pipe.png"))
    assert "at most 255 bytes" in refusal(output(tmp_path / ("x" * 252 + ".png")))
    assert "no null byte" in refusal(output(Path("a\0.png")))
    assert refusal(output(Path("https://host/p.png"))) == (
        "--out https://host/p.png is a URL; give a path on this machine (upload what was written "
        "afterwards)"
    )
    assert refusal(output(tmp_path / "file" / "made", suffixes=None)) == (
        f"--out {tmp_path}/file/made needs a folder where the file {tmp_path}/file is; give another"
    )
    assert refusal(output(tmp_path / "p.gif", suffixes=(".png", ".jpg"))) == (
        f"--out {tmp_path}/p.gif has a name of another format; it must end in .png, .jpg"
    )


@pytest.mark.parametrize("suffixes", [(".png",), None])
def test_a_link_to_nothing_is_not_replaced(tmp_path: Path, suffixes: tuple[str] | None) -> None:
    link = tmp_path / "p.png"
    link.symlink_to("nowhere.png")

    assert refusal(output(link, suffixes=suffixes), overwrite=True) == (
        f"--out {link} is a link to nowhere.png, which does not exist; give another path, or "
        "remove the link"
    )
    assert link.is_symlink()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a folder that permits, and fails")
@pytest.mark.parametrize("place", ["/proc/p.png", "/proc/new/p.png"])
def test_a_folder_that_takes_no_file_is_found_by_trying(place: str) -> None:
    assert refusal(output(Path(place))) == (
        f"--out {place}: the folder /proc is not writable (No such file or directory); give another"
    )
