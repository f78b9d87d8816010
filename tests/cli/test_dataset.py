import pytest

from stillseek.cli.app import main
from stillseek.data.rendered import dataset as rendered
from stillseek.data.rendered.dataset import RenderedConfig


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
    ],
)
def test_wrong_settings_exit_with_2(words, message, tmp_path, capsys) -> None:
    assert main(["dataset", "render", str(tmp_path / "made"), *words]) == 2

    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert not (tmp_path / "made").exists()
