import json
import os
import socket
import subprocess
import sys

import pytest

SCRIPT = """
import sys
from pathlib import Path
import torch
from accelerate import PartialState
from stillseek.synthetic.planted import PlantedConfig, PlantedDataset
from stillseek.models.sail import Sail, SailConfig
from stillseek.training.config import TrainConfig
from stillseek.training.loop import train

widths = {"clip_dim": 13, "region_dim": 17, "global_dim": 11}
sizes = {"num_layers": 1, "num_heads": 2, "projection_dim": 3, "dropout": 0.0}
planted = PlantedConfig(**widths, num_train_examples=12, num_held_out_examples=7)
data = [PlantedDataset(planted, split, 0) for split in ("train", "validation")]
torch.manual_seed(0)
model = Sail(SailConfig(**widths, **sizes))
train(model, *data, TrainConfig(batch_size=4, max_epochs=2), Path(sys.argv[1]), quiet=True)
assert PartialState().num_processes == int(sys.argv[2])
"""


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    port = ["--master-addr", "127.0.0.1", "--master-port", str(free_port())]
    epochs = []
    for processes in (1, 2):
        folder = tmp_path / f"run{processes}"
        launch = ["-m", "torch.distributed.run", f"--nproc-per-node={processes}", *port]
        subprocess.run(
            [sys.executable, *launch, str(script), str(folder), str(processes)],
            check=True,
            timeout=300,
            env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        )
        lines = (folder / "epochs.jsonl").read_text().splitlines()
        epochs.append([json.loads(line) for line in lines])
    for one, two in zip(*epochs, strict=True):
        # The same batches, halved: only the order of the sums differs.
        assert two["train_loss"] == pytest.approx(one["train_loss"], rel=1e-5)
        assert two["validation_miou"] == pytest.approx(one["validation_miou"], rel=1e-9)
