import json

import pytest


@pytest.mark.slow
def test_train_encoder_writes_weights_and_summary(tmp_path, run):
    words = ["--pictures", "200", "--validation-pictures", "200", "--epochs", "1"]
    out = tmp_path / "encoder"

    told = run("train-encoder", "--out", out, *words, "--side-pixels", "32")

    summary = json.loads((out / "encoder.json").read_text())
    assert summary["config"]["pictures"] == 200
    assert f"validation AUC {summary['best_validation_auc']:.4f}\n" in told
    assert (out / "pocket_encoder.safetensors").stat().st_size < 5_000_000


def test_wrong_usage_exits_with_2(refused):
    told = refused("train-encoder", "--out", "o", "--epochs", "0")
    assert told == "epochs must be at least 1, got 0"
