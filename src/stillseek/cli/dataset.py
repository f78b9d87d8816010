"""``stillseek dataset``: make data sets."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from stillseek.cli.console import progress_bar
from stillseek.data.rendered.dataset import RenderedConfig

dataset = App(name="dataset")

_DEFAULTS = RenderedConfig()


@dataset.command
def render(
    out: Path,
    /,
    *,
    config: Annotated[RenderedConfig, Parameter(name="*")] = _DEFAULTS,
    workers: int | None = None,
) -> None:
    """Render a benchmark that needs no outside data: videos, annotations and questions.

    Videos that are there already are kept: run the same command again to go on where a rendering
    stopped.

    Args:
        out: Folder of the data set.
        config: Settings of the benchmark.
        workers: Processes that render; one a core where not given.
    """
    from stillseek.data.rendered.dataset import render_dataset

    with progress_bar("rendering") as advance:
        manifest = render_dataset(out, config, workers=workers, on_progress=advance)
    counts = ", ".join(f"{number} {split}" for split, number in manifest.header.counts.items())
    print(f"{out}: {len(manifest.samples)} samples ({counts})")
