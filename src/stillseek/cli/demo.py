"""``stillseek demo``: render a video of an unseen activity, search it, and show the result."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stillseek.cli.console import print_wrote, progress_bar
from stillseek.cli.recipe_options import files_of
from stillseek.errors import UsageError
from stillseek.features import RecipeOptions
from stillseek.outputs import Output, check_outputs

if TYPE_CHECKING:
    from stillseek.localize.localization import Localization
    from stillseek.synthetic.rendered.streams import Stream
    from stillseek.timeline import Segment

_OUT, _DEFAULTS = Path("demo_output"), RecipeOptions()


def demo(
    *,
    out: Path = _OUT,
    seed: int = 0,
    recipe: str | None = None,
    options: Annotated[RecipeOptions, Parameter(name="*")] = _DEFAULTS,
    checkpoint: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Render a video of an unseen activity, search it, and show the result.

    The query is a frame of another video that shows the activity; a picture of an activity that
    the video does not show is asked for as well. A rendered video is the only one that can come
    with the program, and drawn figures are not what lite is for: of the seeds 0 to 9 it finds six
    (an IoU of at least 0.5) and misses 2, 3, 6 and 7, where pocket finds six others.

    Args:
        out: Folder for the video, the query images, the plot and the HTML report.
        seed: Another number renders another video.
        recipe: How pixels become features; that of the checkpoint, or lite, where not given.
        options: How the recipe is loaded; as the checkpoint says, where not given.
        checkpoint: Use this trained head instead of the shipped one.
        overwrite: Replace files that stillseek did not write.
    """
    names = ("video.mp4", "query.png", "absent.png", "plot.png", "report.html")
    output = Output(name="--out", path=out, holds=names)
    check_outputs([output], inputs=[checkpoint, *files_of(options)], overwrite=overwrite)
    from stillseek.localize import Localizer
    from stillseek.localize.localization import format_span
    from stillseek.localize.plot import plot_localization
    from stillseek.localize.report import write_report
    from stillseek.synthetic.rendered.rendered_dataset import write_stream

    if seed < 0:
        raise UsageError(f"seed must be at least 0, got {seed}")
    with TemporaryDirectory() as cache:
        # First of all: without a head there is nothing to show.
        localizer = Localizer.load(
            recipe,
            recipe_options=options,
            checkpoint=checkpoint,
            device=options.device,
            cache=cache,
        )
        searched, other, absent = _draw_streams(seed)
        (label, true), (missing, _) = _target(searched), _target(absent)
        video, image, absent_image = (out / name for name in names[:3])
        out.mkdir(parents=True, exist_ok=True)
        print(f"rendering {video}: somewhere in it happens {label!r}")
        write_stream(searched, video)
        _write_query(other, image)
        _write_query(absent, absent_image)
        with progress_bar(f"reading {video.name}") as advance:
            found = localizer.locate(video, image, on_progress=advance)
        not_there = localizer.locate(video, absent_image)
    print(f"query {image}: a frame of another video that shows it")
    overlap = 0.0 if found.best is None else found.best.iou(true)
    print(f"found  {'nothing' if found.best is None else format_span(found.best)}")
    print(f"true   {format_span(true)}")
    print(f"IoU    {overlap:.2f}")
    _print_presence(found, not_there, f"{absent_image} ({missing!r}, not in the video)")
    plot_localization(found, out / "plot.png", true_segment=true, overwrite=overwrite)
    write_report(found, out / "report.html", true_segment=true, overwrite=overwrite)
    print_wrote(f"{out / 'plot.png'} and {out / 'report.html'}")


def _print_presence(found: "Localization", not_there: "Localization", absent: str) -> None:
    """Says whether the activities are there, and how far that can be believed here."""
    from stillseek.localize.localization import format_score

    if found.presence is None:
        print(f"presence is not known: {found.uncalibrated}")
        return
    print(f"presence {format_score(found.presence)} with {found.images[0]}")
    print(f"presence {format_score(not_there.presence)} with {absent}")
    print("presence was fitted on photographs; of drawn figures it says yes to nearly everything")


def _target(stream: "Stream") -> "tuple[str, Segment]":
    """What the activity is called, and when it happens."""
    scene = stream.scenes[stream.targets[0]]
    assert scene.activity is not None
    return scene.activity.name, scene.segment


def _draw_streams(seed: int) -> "tuple[Stream, Stream, Stream]":
    """A video to search, one that shows the same activity, and one of an activity it does not."""
    import numpy as np

    from stillseek.synthetic.rendered.rendered_dataset import RenderedConfig
    from stillseek.synthetic.rendered.streams import class_split, draw_stream

    unseen = class_split(RenderedConfig().seed)["test"]
    target = unseen[int(np.random.default_rng(seed).integers(len(unseen)))]
    others = tuple(activity for activity in unseen if activity is not target)
    searched, other = (
        draw_stream(name, (seed, number), target, others, two_targets=False)
        # Streams of data sets are seeded by three numbers: none of them is rendered here.
        for number, name in enumerate(("video", "query"))
    )
    groups = {scene.activity.group for scene in searched.scenes if scene.activity}
    absent = [activity for activity in unseen if activity.group not in groups]
    missing = absent[int(np.random.default_rng((seed, 1)).integers(len(absent)))]
    return searched, other, draw_stream("absent", (seed, 2), missing, others, two_targets=False)


def _write_query(stream: "Stream", path: Path) -> None:
    """Saves the frame in the middle of the target."""
    from PIL import Image

    from stillseek.media.picture_files import save_image

    _, segment = _target(stream)
    middle = (segment.start_seconds + segment.end_seconds) / 2
    for span, shot in stream.shots():
        if span.start_seconds <= middle < span.end_seconds:
            save_image(Image.fromarray(shot.draw(middle - span.start_seconds)), path)
