import json
import re
import shutil

import pytest

from stillseek.errors import DatasetError, StillseekError, UsageError
from stillseek.experiments.conduct import (
    Settings,
    read_settings,
    report_experiment,
    run_experiment,
)
from stillseek.experiments.plan import RUNS


@pytest.fixture
def settings(manifest) -> Settings:
    return Settings(
        samples_sha256=manifest.header.samples_sha256,
        recipe="test",
        fingerprint="f" * 64,
        profile="quick",
        runs=("methods",),
        seeds=(0, 1),
    )


@pytest.fixture
def run(manifest, source, matching, trainer, tmp_path):
    """Runs the experiment in one folder, again and again."""

    def run(settings, **changes):
        values = {"data": ("--dataset", "D"), "matching": matching, "start": trainer} | changes
        return run_experiment(manifest, source, settings, tmp_path / "out", **values)

    return run


def test_every_method_is_trained_asked_and_shown(run, settings, trainer, tmp_path) -> None:
    report = run(settings)

    assert [table.name for table in report.tables] == [
        f"{name}_{split}" for split in ("test", "seen") for name in ("table2", "table3", "simple")
    ]
    table = report.tables[0]
    assert [(row.model, row.decode, row.ours, row.num_seeds) for row in table.rows] == [
        ("random", "uniform", False, 1),
        ("whole-video", "whole", False, 1),
        (table.rows[2].model, table.rows[2].decode, False, 1),
        ("flp", "joint", False, 2),
        ("sst+", "joint", False, 2),
        ("tal+", "joint", False, 2),
        ("sail", "joint", False, 2),
        ("sail query-blind", "joint", True, 2),
        ("sail", "independent", False, 2),
        ("matching", "joint", True, 1),
        *(
            (f"{name}, shuffled", "joint", name == "matching", 1 if name == "matching" else 2)
            for name in ("flp", "matching", "sail", "sst+", "tal+")
        ),
    ]
    assert {row.num_samples for row in table.rows} == {6}
    assert {row.num_samples for row in report.tables[1].rows} == {2}
    assert all(row.swap is not None for row in table.rows)
    assert table.references == ("sail", "matching")
    sail = table.row("sail")
    assert sail is not None
    assert set(sail.against) == {"matching"}
    assert [record.seed for record in report.trainings] == [0] * 5 + [1] * 5
    command = trainer.commands[0]
    assert command[:6] == (
        "train",
        "--dataset",
        "D",
        "--out",
        f"{tmp_path}/out/heads/flp_0",
        "--resume",
    )
    assert command[6:] == (
        *("--model", "flp", "--name", "flp", "--seed", "0", "--max-epochs", "4"),
        *("--patience", "2"),
    )


def test_what_is_done_is_not_done_again(run, settings, source, trainer, tmp_path) -> None:
    first = run(settings)
    loaded, trained = source.num_loaded, len(trainer.commands)
    (tmp_path / "out/report.html").unlink()

    assert run(settings) == first

    assert (source.num_loaded, len(trainer.commands)) == (loaded, trained)
    assert (tmp_path / "out/report.html").exists()
    # One more seed: only that is trained, and the rows are of all.
    assert len(run(Settings(**fields(settings) | {"seeds": (2,)})).trainings) == 15
    assert len(trainer.commands) == trained + 5
    assert {command[command.index("--seed") + 1] for command in trainer.commands[-5:]} == {"2"}


def fields(settings: Settings) -> dict:
    return {name: getattr(settings, name) for name in Settings.__slots__}


def test_a_stopped_experiment_goes_on(run, settings, trainer, tmp_path) -> None:
    class Interrupting:
        """Ends the second training as Ctrl-C does."""

        def __init__(self) -> None:
            self.ended: list[str] = []

        def __call__(self, arguments, log):
            if len(trainer.commands) == 1:
                raise KeyboardInterrupt
            return trainer(arguments, log)

    with pytest.raises(KeyboardInterrupt):
        run(settings, start=Interrupting(), workers=1)
    done = list((tmp_path / "out/steps").iterdir())
    assert [path.name for path in done] == ["flp_0.json"]

    run(settings)

    assert len(trainer.commands) == 10


def test_a_failed_training_is_named_and_ends_the_others(run, settings, tmp_path) -> None:
    ended = []

    class Running:
        def poll(self):
            return None

        def terminate(self):
            ended.append("terminate")

        def wait(self):
            ended.append("wait")

    def start(arguments, log):
        if "flp" not in arguments:
            return Running()
        log.parent.mkdir(parents=True)
        log.write_text("head: 5 parameters\nerror: the loss became nan; lower it\n")
        from types import SimpleNamespace

        return SimpleNamespace(poll=lambda: 1)

    message = (
        f"training flp, seed 0, failed: the loss became nan; lower it; all it said is in "
        f"{tmp_path}/out/steps/flp_0.log; the same command goes on from here"
    )
    with pytest.raises(StillseekError, match=re.escape(message)):
        run(settings, start=start, workers=2)
    assert ended == ["terminate", "wait"]


def test_the_report_needs_predictions_only(run, settings, manifest, tmp_path) -> None:
    out = tmp_path / "out"
    run(settings)
    before = {path.name: path.read_bytes() for path in out.glob("report.*")}
    shutil.rmtree(out / "heads")
    for path in (*out.glob("report.*"), *out.glob("figures/*")):
        path.unlink()

    report_experiment(manifest, out)

    assert {path.name: path.read_bytes() for path in out.glob("report.*")} == before
    assert {path.name for path in out.glob("figures/*")} == {
        f"{name}_{split}.png" for name in ("table2", "table3") for split in ("test", "seen")
    }
    tables = json.loads(before["report.json"])["tables"]
    assert tables[0]["rows"][0]["model"] == "random"
    text = before["report.md"].decode()
    assert "## Table 3: Difficult queries only, unseen classes" in text
    assert "| sail, as printed |  | 2 |" in text
    page = before["report.html"].decode()
    assert "prefers-color-scheme: dark" in page
    assert page.count("data:image/png;base64,") == 4
    assert not re.search(r"(src|href)=\"(?!data:)", page)


def test_sweeps_have_their_rows(run, settings) -> None:
    settings = Settings(**fields(settings) | {"runs": ("ablations", "layers")})

    report = run(settings)

    tables = {table.name: table for table in report.tables}
    assert set(tables) == {"table4_test", "table4_seen", "layers_test", "layers_seen"}
    models = [(row.model, row.decode, row.ours) for row in tables["table4_test"].rows]
    assert models == [
        ("sail", "independent", False),
        ("sail", "joint", False),
        *((f"sail w/o {part}", "joint", False) for part in ("RS", "ML", "LS", "BA")),
        ("sail query-blind", "joint", True),
    ]
    layers = [row.model for row in tables["layers_test"].rows]
    assert layers == [
        "sail, 1 layer",
        *(f"sail, {number} layers" for number in (2, 3, 4)),
        "sail",
        *(f"sail, {number} layers" for number in (6, 7)),
        "sail query-blind",
    ]
    # The quick profile compares sweeps with one seed.
    assert {row.num_seeds for table in report.tables for row in table.rows} == {1}
    says = [claim.says for claim in report.claims]
    assert says == [
        *(f"sail is better than sail w/o {part} (Table 4)" for part in ("RS", "ML", "LS", "BA")),
        "5 layers are best (Figure 4)",
    ]


def test_examples_show_where_sail_looks(run, settings, manifest, write_clip, tmp_path) -> None:
    for number, name in enumerate({s.video_id for s in manifest.of_split("test")}):
        write_clip(name=f"dataset/videos/{name}.mp4", seconds=7.0, rate=4, seed=number)
    for number in range(6):
        write_clip(name=f"dataset/videos/test-q{number}.mp4", seconds=7.0, rate=4, seed=number)

    report = run(Settings(**fields(settings) | {"runs": ("examples",)}))

    assert not report.tables
    assert list(report.figures) == [f"example_{number}" for number in (1, 2, 3, 4)]
    for name in report.figures:
        assert (tmp_path / f"out/figures/{name}.png").stat().st_size > 10_000


def test_a_folder_holds_one_experiment(run, settings, manifest, tmp_path) -> None:
    with pytest.raises(DatasetError, match="holds no experiment; make one with"):
        report_experiment(manifest, tmp_path / "out")
    run(settings)

    other = Settings(**fields(settings) | {"profile": "full"})
    with pytest.raises(UsageError, match="with profile quick, and this one has full"):
        run(other)
    changed = manifest.__class__(
        folder=manifest.folder,
        header=manifest.header.__class__(
            **{n: getattr(manifest.header, n) for n in manifest.header.__slots__}
            | {"samples_sha256": "0"}
        ),
        samples=manifest.samples,
    )
    with pytest.raises(DatasetError, match="is of other samples than those of"):
        report_experiment(changed, tmp_path / "out")
    assert read_settings(tmp_path / "out") == settings
    (tmp_path / "out/experiment.json").write_text('{"runs": [], "seeds": 3}')
    with pytest.raises(DatasetError, match=r"experiment.json is broken"):
        read_settings(tmp_path / "out")


@pytest.mark.parametrize("seeds", [(), (1, 1), (-1,)])
def test_seeds_that_are_none_are_refused(run, settings, seeds) -> None:
    with pytest.raises(UsageError, match="seeds must be different whole numbers"):
        run(Settings(**fields(settings) | {"seeds": seeds}))


def test_all_runs_are_named() -> None:
    assert RUNS == ("methods", "ablations", "layers", "examples")
