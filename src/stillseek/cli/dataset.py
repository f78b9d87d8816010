"""``stillseek dataset``: make data sets."""

from collections import Counter
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from stillseek.cli.console import print_some, print_wrote, progress_bar, samples_of
from stillseek.files import IMAGE_SUFFIXES, counted
from stillseek.outputs import Output, check_outputs
from stillseek.synthetic.rendered.rendered_dataset import RenderedConfig

dataset = App(name="dataset")
_VERBS = {
    "import:import_": "Make a data set of your own videos from annotations of what happens when.",
    "compose:compose": "Make untrimmed videos and questions from a folder of labelled photographs.",
    "check:check": "Check that a data set is whole: files, lengths, and features in a store.",
    "build:build": "Build ActivityIBAL from ActivityNet's annotations, or another public data set.",
    "activity_ibal:stats": "Print Table 1 of a data set, and what its questions are made of.",
}
for _place, _summary in _VERBS.items():
    _name = _place.partition(":")[2].rstrip("_")
    dataset.command(f"stillseek.cli.dataset_{_place}", name=_name, help=_summary)

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
    asked = Counter(split for _, split in {(s.video_id, s.split) for s in manifest.samples})
    left = ", ".join(
        f"{number - asked[split]} {split}"
        for split, number in config.videos().items()
        if number > asked[split]
    )
    print(f"{out}: {samples_of(manifest)}; videos that no query could be for: {left or 'none'}")


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
    left = [manifest.path(file) for file in manifest.files() if file not in hashes]
    unread = [path for path in left if path.exists()]
    words = f"{counted(num_new, 'file')} noted now, {len(hashes) - num_new} before"
    for number, one, several in (
        (len(left) - len(unread), "it is not here", "they are not here"),
        (len(unread), "it cannot be read", "they cannot be read"),
    ):
        if number:
            words += f"; {number} not noted, as {one if number == 1 else several}"
    print(f"{folder}: {words}")
    print_some("warning", [f"cannot read {path}; check its rights" for path in unread])


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
    print_wrote(f"{out}: {counted(number, 'video')}")
