import pytest
import torch
from heads import make_head
from torch import nn

from stillseek.training import progress as progress_module
from stillseek.training.progress import TrainingProgress, describe_size


@pytest.fixture
def clock(monkeypatch):
    """Time that goes on only when it is told to."""

    class Clock:
        now = 100.0

        def perf_counter(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(progress_module, "time", clock)
    return clock


def test_without_a_terminal_there_is_a_line_every_30_seconds(clock, capsys):
    with TrainingProgress(quiet=False) as progress:
        progress.begin(3, 40)
        for step in range(10):
            clock.now += 7.0
            progress.step(2.0 + step)
        clock.now += 30.0
        progress.validate(5, 17)
        progress.say("epoch 3: done")
        clock.now += 29.0
        progress.step(1.5)
        progress.validate(6, 17)

    assert capsys.readouterr() == (
        "",
        "epoch 3: 5 of 40 steps, loss 6.000, 0:04:05 left in this epoch\n"
        "epoch 3: 10 of 40 steps, loss 11.000, 0:03:30 left in this epoch\n"
        "epoch 3: 5 of 17 validated\n"
        "epoch 3: done\n",
    )


def test_lines_are_never_wrapped(capsys):
    with TrainingProgress(quiet=False) as progress:
        progress.say("warning: [bold]" + "x" * 300)

    assert capsys.readouterr().err == "warning: [bold]" + "x" * 300 + "\n"


def test_quiet_is_quiet_on_a_terminal_too(clock, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with TrainingProgress(quiet=True) as progress:
        progress.begin(0, 2)
        clock.now += 60.0
        progress.step(1.0)
        progress.validate(1, 2)
        progress.say("a line")

    assert capsys.readouterr() == ("", "")


def test_size_is_told_by_the_options_that_a_model_has():
    tal = make_head("tal", hidden_dim=19)
    number = sum(parameter.numel() for parameter in tal.parameters())

    line = describe_size(tal)

    assert line.startswith(f"head: {number:,} parameters, ")
    assert line.endswith(
        "; set by num_heads 3, projection_dim 5, hidden_dim 19 and the widths of the features "
        "(clip 13, region 17, global 7)"
    )
    large = make_head("sail", ffn_dim=8192)
    assert " 100% of them in its local transformer; set by num_layers 2, " in describe_size(large)


def test_a_model_may_have_weights_beside_its_parts():
    model = make_head("flp", hidden_dim=2)
    model.scale = nn.Parameter(torch.zeros(1000))

    assert "% of them in its own weights; set by hidden_dim 2 and" in describe_size(model)
