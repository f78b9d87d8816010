import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest
from random_features import RandomFeatures

from stillseek.errors import DatasetError, UsageError
from stillseek.experiments import page
from stillseek.experiments.conduct import Settings, read_settings, report_experiment, run_experiment


@pytest.fixture(scope="session")
def settings(manifest) -> Settings:
    return Settings(
        samples_sha256=manifest.header.samples_sha256,
        recipe="test",
        fingerprint="f" * 64,
        profile="quick",
        runs=("methods",),
        seeds=(1,),
    )


@pytest.fixture(scope="session")
def finished(manifest, matching, settings, make_trainer, tmp_path_factory) -> Path:
    """The folder of an experiment that ran from beginning to end; tests copy it."""
    out = tmp_path_factory.mktemp("finished") / "out"
    values = {"data": ("--dataset", "D"), "matching": matching, "start": make_trainer()}
    run_experiment(manifest, RandomFeatures(6, 7.0), settings, out, **values)
    return out


@pytest.fixture
def out(finished, tmp_path) -> Path:
    return shutil.copytree(finished, tmp_path / "out")


@pytest.fixture
def run(manifest, source, matching, trainer, out):
    def run(settings):
        return run_experiment(
            manifest, source, settings, out, data=(), matching=matching, start=trainer
        )

    return run


def test_what_is_done_is_not_done_again_and_shown_from_predictions_only(
    run, settings, source, trainer, out
) -> None:
    before = {path.name: path.read_bytes() for path in out.glob("report.*")}
    shutil.rmtree(out / "heads")
    for path in (*out.glob("report.*"), *out.glob("figures/*")):
        path.unlink()

    report = run(settings)

    assert (source.num_loaded, trainer.commands) == (0, [])
    assert {path.name: path.read_bytes() for path in out.glob("report.*")} == before
    assert {path.name for path in out.glob("figures/*")} == {
        f"{name}_{split}.png" for name in ("table2", "table3") for split in ("test", "seen")
    }
    assert [table.name for table in report.tables] == [
        f"{name}_{split}" for split in ("test", "seen") for name in ("table2", "table3", "simple")
    ]
    tables = json.loads(before["report.json"])["tables"]
    shuffled = ("flp", "matching", "sail", "similarity", "sst+", "tal+")
    assert [row["model"] for row in tables[0]["rows"]] == [
        *("random", "whole-video", "centre"),
        *("flp", "sst+", "tal+", "sail", "similarity", "sail query-blind"),
        *("sail", "matching"),
        *(f"{name}, shuffled" for name in shuffled),
    ]
    text = before["report.md"].decode()
    assert "## Table 3: Difficult queries only, unseen classes" in text
    assert "| sail, as printed |  | 1 |" in text
    assert "| sail query-blind | control | 1 |" in text
    html = before["report.html"].decode()
    assert "prefers-color-scheme: dark" in html
    assert html.count("data:image/png;base64,") == 4
    assert not re.search(r"(src|href)=\"(?!data:)", html)


def test_examples_join_what_was_made_before(
    run, settings, manifest, trainer, source, write_clip, out, monkeypatch
) -> None:
    clip = write_clip(seconds=7.0, rate=4)
    videos = manifest.folder / "videos"
    videos.mkdir()
    for name in ("a", "b", "c", "d", *(f"q{number}" for number in range(6))):
        shutil.copy(clip, videos / f"test-{name}.mp4")

    report = run(dataclasses.replace(settings, runs=("examples",)))

    assert trainer.commands == []
    assert source.num_loaded == 4
    assert read_settings(out).runs == ("methods", "examples")
    assert len(report.tables) == 6
    assert [n for n in report.figures if "example" in n] == [f"example_{n}" for n in (1, 2, 3, 4)]
    for name in ("example_1", "example_4"):
        assert (out / f"figures/{name}.png").stat().st_size > 10_000
    assert "examples left out" not in report.facts

    shutil.rmtree(videos)
    monkeypatch.setattr(page, "save_figure", lambda *_, **__: None)  # they are there
    without = report_experiment(manifest, out)
    assert without.facts["examples left out"] == "4, whose videos are not here"
    assert without.tables == report.tables
    assert without.figures.keys() == {n for n in report.figures if "example" not in n}


def test_a_folder_holds_one_experiment(run, settings, manifest, out, tmp_path) -> None:
    with pytest.raises(DatasetError, match="holds no experiment; make one with"):
        report_experiment(manifest, tmp_path / "nothing")
    with pytest.raises(UsageError, match="with profile quick, and this one has full; give another"):
        run(dataclasses.replace(settings, profile="full"))
    header = dataclasses.replace(manifest.header, samples_sha256="0")
    with pytest.raises(DatasetError, match="is of other samples than those of"):
        report_experiment(dataclasses.replace(manifest, header=header), out)
    assert read_settings(out) == settings
    (out / "experiment.json").write_text('{"runs": [], "seeds": 3}')
    with pytest.raises(DatasetError, match=r"experiment.json: "):
        read_settings(out)
