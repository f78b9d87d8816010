"""What a training run tells while it works: a bar on a terminal, lines elsewhere, all on stderr."""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from stillseek.models.catalog import LocalizerModel
from stillseek.training.config import EpochRecord

# Between two lines about the steps of an epoch, where no terminal shows a bar.
_LINE_SECONDS = 30.0
# What decides how many parameters a model has, besides the features.
_SIZES = ("num_layers", "num_heads", "projection_dim", "ffn_dim", "hidden_dim")
COLLAPSED = (
    "gives the same answer to different pictures, as a prior does that looks at none; if it stays "
    "so, train with more classes, with Difficult queries, or with a lower learning rate"
)


class TrainingProgress:
    """Progress through epochs; a context manager, as a bar has to be taken away again.

    Args:
        quiet: Show and say nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        console = Console(stderr=True)
        self._quiet = quiet
        self._has_bar = console.is_terminal and not quiet
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("loss {task.fields[loss]:.3f}"),
            console=console,
            transient=True,
            disable=not self._has_bar,
        )
        self._task = self._bar.add_task("", visible=False, loss=math.nan)
        self._last_line = time.perf_counter()
        self._epoch = self._num_steps = self._done = 0

    def __enter__(self) -> "TrainingProgress":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def begin(self, epoch: int, num_steps: int) -> None:
        """Starts an epoch, counted from 0."""
        self._epoch, self._num_steps, self._done = epoch, num_steps, 0
        self._began = time.perf_counter()
        self._bar.reset(
            self._task, description=f"epoch {epoch}", total=num_steps, visible=True, loss=math.nan
        )

    def step(self, loss: float) -> None:
        """Counts a step."""
        self._done += 1
        self._bar.update(self._task, advance=1, loss=loss)
        left = (time.perf_counter() - self._began) / self._done * (self._num_steps - self._done)
        self._say_now_and_then(
            f"{self._done} of {self._num_steps} steps, loss {loss:.3f}, "
            f"{timedelta(seconds=round(left))} left in this epoch"
        )

    def validate(self, done: int, total: int) -> None:
        """Takes how many examples are validated, and their number."""
        description = f"epoch {self._epoch}, validation"
        self._bar.update(self._task, description=description, completed=done, total=total)
        self._say_now_and_then(f"{done} of {total} validated")

    def tell(self, records: Sequence[EpochRecord]) -> None:
        """One line about the last epoch, and a warning when the head begins to ignore pictures."""
        record = records[-1]
        self.say(
            f"epoch {record.epoch}: loss {record.train_loss:.3f}, validation mIoU "
            f"{record.validation_miou:.2%} (best prior: {record.prior}, {record.prior_miou:.2%}), "
            f"{record.seconds:.0f} s"
        )
        if record.ignores_query and not any(before.ignores_query for before in records[-2:-1]):
            self.say(f"warning: epoch {record.epoch} {COLLAPSED}")

    def _say_now_and_then(self, words: str) -> None:
        if not self._has_bar and time.perf_counter() - self._last_line >= _LINE_SECONDS:
            self.say(f"epoch {self._epoch}: {words}")

    def say(self, line: str) -> None:
        """Prints a line, above the bar where there is one."""
        self._last_line = time.perf_counter()
        if not self._quiet:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)


def describe_size(model: LocalizerModel) -> str:
    """How many parameters a model has, which part has most of them, and what sets that."""
    parts = {
        name: sum(parameter.numel() for parameter in part.parameters())
        for name, part in model.named_children()
    }
    total = sum(parameter.numel() for parameter in model.parameters())
    parts["own weights"] = total - sum(parts.values())
    largest = max(parts, key=lambda name: parts[name])
    values = asdict(model.config)
    sizes = ", ".join(f"{name} {values[name]}" for name in _SIZES if name in values)
    widths = ", ".join(f"{kind} {values[f'{kind}_dim']}" for kind in ("clip", "region", "global"))
    return (
        f"head: {total:,} parameters, {parts[largest] / total:.0%} of them in its "
        f"{largest.replace('_', ' ')}; set by {sizes} and the widths of the features ({widths})"
    )
