import json

import pytest

from stillseek.cli.app import main


@pytest.mark.slow
def test_train_encoder_writes_weights_and_summary(tmp_path, capsys):
    words = ["--pictures", "200", "--validation-pictures", "200", "--epochs", "1"]
    out = tmp_path / "encoder"

    assert main(["train-encoder", "--out", str(out), *words, "--side-pixels", "32"]) == 0

    summary = json.loads((out / "encoder.json").read_text())
    assert summary["config"]["pictures"] == 200
    captured = capsys.readouterr()
    assert f"validation AUC {summary['best_validation_auc']:.4f}\n" in captured.out
    assert captured.err == ""
    assert (out / "pocket_encoder.safetensors").stat().st_size < 5_000_000


def test_wrong_settings_exit_with_2(tmp_path, capsys):
    code = main(["train-encoder", "--out", str(tmp_path), "--epochs", "0"])

    assert code == 2
    assert "epochs must be at least 1, got 0" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--out"]])
def test_a_missing_folder_exits_with_2(words, capsys):
    assert main(["train-encoder", *words]) == 2
    assert capsys.readouterr().err.startswith("error: ")
