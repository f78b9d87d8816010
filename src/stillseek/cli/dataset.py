"""``stillseek dataset``: make data sets."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from stillseek.cli.console import print_wrote, progress_bar
from stillseek.files import IMAGE_SUFFIXES
from stillseek.outputs import Output, check_outputs
from stillseek.synthetic.rendered.rendered_dataset import RenderedConfig

dataset = App(name="dataset")
dataset.command(
    "stillseek.cli.dataset_import:import_",
    name="import",
    help="Make a data set of your own videos from annotations of what happens when.",
)
dataset.command(
    "stillseek.cli.dataset_compose:compose",
    name="compose",
    help="Make untrimmed videos and questions from a folder of labelled photographs.",
)
dataset.command(
    "stillseek.cli.dataset_check:check",
    name="check",
    help="Check that a data set is whole: files, lengths, and features in a store.",
)
dataset.command(
    "stillseek.cli.dataset_build:build",
    name="build",
    help="Build ActivityIBAL from ActivityNet's annotations, or another public data set.",
)
dataset.command(
    "stillseek.cli.dataset_activity_ibal:stats",
    name="stats",
    help="Print Table 1 of a data set, and what its questions are made of.",
)

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
    from stillseek.synthetic.rendered.rendered_dataset import render_dataset

    with progress_bar("rendering") as advance:
        manifest = render_dataset(out, config, workers=workers, on_progress=advance)
    counts = ", ".join(f"{number} {split}" for split, number in manifest.header.counts.items())
    print(f"{out}: {len(manifest.samples)} samples ({counts})")


@dataset.command
def upgrade(folder: Path, /, *, again: bool = False) -> None:
    """Note hash and size of every file, so that training and evaluation need no video.

    Only files that are here and not noted are read. Run it again when there are more, or if it was
    stopped.

    Args:
        folder: Folder of the data set.
        again: Hash files that are noted again: they were changed, and are right as they are.
    """
    from stillseek.data.manifest import add_file_hashes, read_manifest

    before = read_manifest(folder)
    with progress_bar("hashing") as advance:
        manifest = add_file_hashes(before, again=again, on_progress=advance)
    hashes = manifest.file_hashes
    num_new = sum(before.file_hashes.get(file) != found for file, found in hashes.items())
    num_left = len(manifest.files()) - len(hashes)
    left = f"; {num_left} not noted, as {'it is' if num_left == 1 else 'they are'} not here"
    print(
        f"{folder}: {num_new} {'file' if num_new == 1 else 'files'} noted now, "
        f"{len(hashes) - num_new} before{left if num_left else ''}"
    )


@dataset.command
def sheet(folder: Path, /, *, out: Path, videos: int = 12, overwrite: bool = False) -> None:
    """Draw a contact sheet: queries of some videos, and frames over time with what happens.

    Args:
        folder: Folder of the data set.
        out: The picture, such as sheet.png.
        videos: Most videos on it; they are taken evenly from all.
        overwrite: Replace a file that stillseek did not write.
    """
    output = Output(name="--out", path=out, suffixes=IMAGE_SUFFIXES)
    check_outputs([output], inputs=[folder], overwrite=overwrite)
    from stillseek.data.manifest import read_manifest
    from stillseek.data.sheet import write_sheet

    number = write_sheet(read_manifest(folder), out, videos=videos, overwrite=overwrite)
    print_wrote(f"{out}: {number} videos")
