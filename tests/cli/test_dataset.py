import json

import pytest

from stillseek.cli.app import main
from stillseek.data.rendered import dataset as rendered
from stillseek.data.rendered.dataset import RenderedConfig
from stillseek.media import read_image


def test_render_passes_its_settings_on_and_counts(tmp_path, dataset, monkeypatch, capsys) -> None:
    from stillseek.data.manifest import read_manifest

    calls = []

    def render(folder, config, *, workers, on_progress):
        calls.append((folder, config, workers))
        on_progress(1, 2)
        return read_manifest(dataset)

    monkeypatch.setattr(rendered, "render_dataset", render)
    out = tmp_path / "made"

    words = ["--seed", "3", "--train-videos", "7", "--two-targets-share", "0.25", "--workers", "1"]
    assert main(["dataset", "render", str(out), *words]) == 0

    config = RenderedConfig(seed=3, train_videos=7, two_targets_share=0.25)
    assert calls == [(out, config, 1)]
    assert capsys.readouterr() == (f"{out}: 17 samples (6 test, 5 train, 6 validation)\n", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--test-videos", "-1"], "test_videos must be at least 0, got -1"),
        (["--videos", "3"], "Unknown option: --videos"),
        (["--workers", "-1"], "workers must be at least 1, got -1"),
        (["--workers", "0"], "workers must be at least 1, got 0"),
    ],
)
def test_wrong_settings_exit_with_2(words, message, tmp_path, capsys) -> None:
    assert main(["dataset", "render", str(tmp_path / "made"), *words]) == 2

    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert not (tmp_path / "made").exists()


def test_check_finds_what_extract_has_not_made_yet(
    use_small_recipe, dataset, tmp_path, capsys
) -> None:
    store = tmp_path / "store"
    command = ["dataset", "check", str(dataset), "--store", str(store)]
    assert main(["dataset", "check", str(dataset)]) == 0
    assert capsys.readouterr() == (f"{dataset}: 17 samples, 12 files: all there\n", "")

    assert main(command) == 1
    captured = capsys.readouterr()
    count = 12 + len(list_queries(dataset))
    entries = f"{count} entries of the store: {count} problems"
    assert captured.out == f"{dataset}: 17 samples, 12 files, {entries}\n"
    lines = captured.err.splitlines()
    assert len(lines) == 22
    assert lines[20] == f"error: ... and {count - 20} more"
    assert lines[21] == (
        "what is missing for recipe pocket comes with: "
        f"stillseek extract --dataset {dataset} --out {store} --recipe pocket"
    )

    assert main(["extract", "--dataset", str(dataset), "--out", str(store)]) == 0
    assert main([*command, "--recipe", "pocket"]) == 0
    capsys.readouterr()
    (dataset / "videos/test-a1.mp4").unlink()
    assert main([*command, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["num_samples"], found["num_entries"]) == (17, count)
    assert found["problems"] == [
        {
            "kind": "file",
            "path": str(dataset / "videos/test-a1.mp4"),
            "message": "there is no such file",
        }
    ]


def list_queries(dataset) -> set[tuple[str | None, float | None]]:
    from stillseek.data.manifest import read_manifest

    samples = read_manifest(dataset).samples
    return {(sample.query_video_id, sample.query_seconds) for sample in samples}


def test_check_needs_a_store_for_a_recipe(dataset, capsys) -> None:
    assert main(["dataset", "check", str(dataset), "--recipe", "pocket"]) == 2
    assert "give --store DIR too" in capsys.readouterr().err


def test_sheet_draws_a_picture_of_the_videos(dataset, tmp_path, capsys) -> None:
    out = tmp_path / "sheet.png"

    assert main(["dataset", "sheet", str(dataset), "--out", str(out), "--videos", "3"]) == 0

    assert capsys.readouterr() == (f"wrote {out}: 3 videos\n", "")
    assert read_image(out).shape == (3 * 146, 15 * 148 + 12, 3)


def test_a_sheet_of_no_videos_exits_with_2(dataset, tmp_path, capsys) -> None:
    out = tmp_path / "sheet.png"

    assert main(["dataset", "sheet", str(dataset), "--out", str(out), "--videos", "0"]) == 2

    assert capsys.readouterr() == ("", "error: a sheet needs at least 1 video, got 0\n")
    assert not out.exists()
