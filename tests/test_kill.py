"""Writers of single files and of checkpoints that are killed at any moment.

`tests/features/extraction/test_killed_extraction.py` kills extractions.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# A child writes one value after the other until it is killed; then what is there must be whole.
SCRIPT = """
import os, random, signal, sys, time
from pathlib import Path

folder, chance = Path(sys.argv[1]), random.Random(int(sys.argv[2]))
{setup}
write(0)
assert read() == 0
began = time.perf_counter()
write(0)
seconds = time.perf_counter() - began
seen, last = [], 0
for _ in range(20):
    done, told = os.pipe()
    child = os.fork()
    if child == 0:
        while True:
            last += 1
            write(last)
            os.write(told, b".")
    # However slow the machine is, one write or two are done, and another has begun.
    for _ in range(chance.randint(1, 2)):
        os.read(done, 1)
    time.sleep(chance.uniform(0, 1) * seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(done), os.close(told)
    found = read()
    assert found > last, (found, last)
    last = found
    seen.append(found)
print(*seen)
"""

HEAD = """
import torch
from stillseek.models.flp import Flp, FlpConfig

torch.set_num_threads(1)
model = Flp(FlpConfig(clip_dim=50, region_dim=70, global_dim=30, hidden_dim=110))

def fill(value):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)

def weights(model=model):
    (value,) = {w for p in model.parameters() for w in p.flatten().tolist()}
    return value
"""

STATE = """
from stillseek.training.state import load_state, read_run, save_state

optimizer = torch.optim.Adam(model.parameters())
for parameter in model.parameters():
    parameter.grad = torch.ones_like(parameter)
optimizer.step()

def write(value):
    fill(value)
    save_state(folder / "state.safetensors", {"model": model}, optimizer, {"epochs": [value]})

def read():
    load_state(folder / "state.safetensors", {"model": model}, optimizer)
    (epoch,) = read_run(folder / "state.safetensors")["epochs"]
    assert weights() == epoch
    return epoch
"""

CHECKPOINT = """
from stillseek.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

def write(value):
    fill(value)
    head = Checkpoint(
        model=model, recipe_name="r", recipe_fingerprint="f", training={"value": value}
    )
    save_checkpoint(folder / "head", head)

def read():
    head = load_checkpoint(folder / "head", recipe_fingerprint="f")
    assert weights(head.model) == head.training["value"]
    return head.training["value"]
"""

EXPORT = """
from stillseek.models import onnx_export

onnx_export.onnx_bytes = lambda number: b"made by stillseek %09d " % number * 50_000

def write(value):
    onnx_export.write_onnx(folder / "head.onnx", value)

def read():
    content = (folder / "head.onnx").read_bytes()
    value = int(content[18:27])
    assert content == onnx_export.onnx_bytes(value)
    return value
"""

REPORT = """
from localizations import make_localization
from stillseek.localize import page_chart, report

# What takes long, and is not written but read.
report._queries = lambda *_: []
page_chart.strip_of = lambda *_: ["data:image/jpeg;base64," + "A" * 1_000_000]

def write(value):
    found = make_localization(video=folder / f"video{value:09d}.mp4", moments=())
    report.write_report(found, folder / "report.html")

def read():
    page = (folder / "report.html").read_text()
    assert page.rstrip().endswith("</html>")
    return int(page.split(".mp4")[0][-9:])
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "setup",
    [HEAD + STATE, HEAD + CHECKPOINT, EXPORT, REPORT],
    ids=["state", "checkpoint", "export", "report"],
)
def test_twenty_kills_leave_a_whole_file(setup: str, tmp_path: Path) -> None:
    script = SCRIPT.replace("{setup}", setup)

    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), "7"],
        check=False,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )

    assert done.returncode == 0, done.stderr.decode()
    assert len(done.stdout.split()) == 20
