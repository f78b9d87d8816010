"""``stillseek demo``: render a video of an unseen activity, search it, and show the result."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stillseek.cli.console import progress_bar
from stillseek.cli.recipe_options import files_of
from stillseek.errors import UsageError
from stillseek.features import RecipeOptions
from stillseek.files import Output, check_outputs

if TYPE_CHECKING:
    from stillseek.data.rendered.streams import Stream

_OUT, _DEFAULTS = Path("demo_output"), RecipeOptions()


def demo(
    *,
    out: Path = _OUT,
    seed: int = 6,
    recipe: str | None = None,
    options: Annotated[RecipeOptions, Parameter(name="*")] = _DEFAULTS,
    checkpoint: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Render a video of an unseen activity, search it, and show the result.

    No training video showed the activity. The query is a frame of another video.

    Args:
        out: Folder for the video, the query image, the plot and the HTML report.
        seed: Another number renders another video.
        recipe: How pixels become features; that of the checkpoint, or lite, where not given.
        options: How the recipe is loaded; as the checkpoint says, where not given.
        checkpoint: Use this trained head instead of the shipped one.
        overwrite: Replace files that stillseek did not write.
    """
    names = ("video.mp4", "query.png", "plot.png", "report.html")
    output = Output(name="--out", path=out, holds=names)
    check_outputs([output], inputs=[checkpoint, *files_of(options)], overwrite=overwrite)
    from stillseek.data.rendered.dataset import write_stream
    from stillseek.localize import Localizer
    from stillseek.localize.localization import format_span
    from stillseek.localize.plot import plot_localization
    from stillseek.localize.report import write_report

    if seed < 0:
        raise UsageError(f"seed must be at least 0, got {seed}")
    # First of all: without a head there is nothing to show.
    localizer = Localizer.load(
        recipe, recipe_options=options, checkpoint=checkpoint, device=options.device
    )
    stream, other = _draw_streams(seed)
    target = stream.scenes[stream.targets[0]]
    assert target.activity is not None
    video, image = out / "video.mp4", out / "query.png"
    out.mkdir(parents=True, exist_ok=True)
    print(f"rendering {video}: somewhere in it happens {target.activity.name!r}")
    write_stream(stream, video)
    _write_query(other, image)
    with progress_bar(f"reading {video.name}") as advance:
        found = localizer.locate(video, image, on_progress=advance)
    print(f"query {image}: a frame of another video; no training video showed this activity")
    overlap = 0.0 if found.best is None else found.best.iou(target.segment)
    print(f"found  {'nothing' if found.best is None else format_span(found.best)}")
    print(f"true   {format_span(target.segment)}")
    print(f"IoU    {overlap:.2f}")
    plot_localization(found, out / "plot.png", true_segment=target.segment, overwrite=overwrite)
    write_report(found, out / "report.html", true_segment=target.segment, overwrite=overwrite)
    print(f"wrote {out / 'plot.png'} and {out / 'report.html'}")


def _draw_streams(seed: int) -> "tuple[Stream, Stream]":
    """Two videos with the same unseen activity: one to search, one for the query."""
    import numpy as np

    from stillseek.data.rendered.dataset import RenderedConfig
    from stillseek.data.rendered.streams import class_split, draw_stream

    unseen = class_split(RenderedConfig().seed).test
    target = unseen[int(np.random.default_rng(seed).integers(len(unseen)))]
    others = tuple(activity for activity in unseen if activity is not target)
    searched, other = (
        draw_stream(name, (seed, number), target, others, two_targets=False)
        # Streams of data sets are seeded by three numbers: none of them is rendered here.
        for number, name in enumerate(("video", "query"))
    )
    return searched, other


def _write_query(stream: "Stream", path: Path) -> None:
    """Saves the frame in the middle of the target."""
    from PIL import Image

    from stillseek.media.picture_files import save_image

    segment = stream.scenes[stream.targets[0]].segment
    middle = (segment.start_seconds + segment.end_seconds) / 2
    for span, shot in stream.shots():
        if span.start_seconds <= middle < span.end_seconds:
            save_image(Image.fromarray(shot.draw(middle - span.start_seconds)), path)
