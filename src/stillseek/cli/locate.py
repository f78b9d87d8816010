"""``stillseek locate``: find where in a video the activity of a picture happens."""

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from stillseek.cli.console import progress_bar
from stillseek.cli.queries import Queries
from stillseek.cli.recipe_options import RecipeBesideHead

if TYPE_CHECKING:
    from stillseek.localize.localization import Localization

_RECIPE = RecipeBesideHead()


def locate(
    video: Path,
    /,
    *,
    queries: Queries,
    top: int = 1,
    json: bool = False,
    plot: Path | None = None,
    report: Path | None = None,
    clips: Path | None = None,
    edl: Path | None = None,
    recipe: str | None = None,
    recipe_options: Annotated[RecipeBesideHead, Parameter(name="*")] = _RECIPE,
    checkpoint: Path | None = None,
    model: Literal["sail", "matching"] | None = None,
    engine: Literal["torch", "onnx"] | None = None,
    decode: Literal["joint", "independent"] = "joint",
    search: Literal["refined", "exhaustive", "pooled"] | None = None,
    device: str = "cpu",
    precision: Literal["fp32", "bf16"] = "fp32",
    threads: int | None = None,
    cache: Path | None = None,
) -> None:
    """Find where in a video the activity of a picture happens.

    Args:
        video: The video file.
        queries: Picture of the activity; several are averaged. A --box x,y,w,h after an --image
            (pixels from its top left corner) keeps to that part of it.
        top: Find up to this many moments, best first.
        json: Print one JSON object and nothing else.
        plot: Draw the result to this picture (.png, .jpg, .webp, .svg, .pdf).
        report: Write the result as one self-contained HTML page.
        clips: Cut the moments into files in this folder.
        edl: Write the moments as a CMX 3600 edit decision list.
        recipe: How pixels become features; that of the checkpoint, or pocket, where not given.
        recipe_options: How the recipe is loaded; as the checkpoint says, where not given.
        checkpoint: Use this trained head instead of the shipped one: the folder of stillseek train
            --out, that of a head, or a file of stillseek export (.onnx).
        model: The shipped SAIL head, or matching, which compares clips and picture and needs no
            training. Where no head is shipped for the recipe, matching is the default.
        engine: What computes the head: torch, or onnx (ONNX Runtime, of stillseek[onnx]), which is
            the default for an .onnx file; another head is exported first, every time (seconds).
            The features are made by torch either way.
        decode: How start and end are chosen: the best pair, or each for itself (SAIL only).
        search: How a video of more than 200 clips is searched: where clips look like the picture,
            then closer (refined, where not given); every window of 200 clips; or the whole once,
            downsampled.
        device: Where head and recipe compute: cpu, cuda, cuda:1. The mobilenet recipe stays on the
            CPU.
        precision: Of the head: bf16 is faster for large heads on processors that have it.
        threads: Processor threads; all where not given.
        cache: Keep the video's features in this folder and use them again.
    """
    from stillseek.localize import Localizer

    if plot is not None:
        from stillseek.localize.plot import check_plot_path

        check_plot_path(plot)
    localizer = Localizer.load(
        recipe,
        recipe_options=recipe_options.options(),
        checkpoint=checkpoint,
        model=model,
        engine=engine,
        device=device,
        precision=precision,
        threads=threads,
        cache=cache,
    )
    with progress_bar(f"reading {video.name}") as advance:
        found = localizer.locate(
            video,
            [query.image for query in queries],
            boxes=[query.box for query in queries],
            top=top,
            decode=decode,
            search=search,
            on_progress=advance,
        )
    if json:
        print(json_format.dumps(found.to_json_dict(), ensure_ascii=False))
    else:
        _print_moments(found)
    for path in _write_outputs(found, plot=plot, report=report, clips=clips, edl=edl):
        if not json:
            print(f"wrote {path}")


def _print_moments(found: "Localization") -> None:
    from stillseek.localize.localization import format_span, format_time

    print(
        f"{found.video}  ({format_time(found.duration_seconds)}, recipe {found.recipe}, "
        f"model {found.model})"
    )
    if not found.moments:
        print("  no moment: the end came out before the start; use --decode joint")
    for moment in found.moments:
        print(f"  {format_span(moment.segment)}  score {moment.score:.2g}")


def _write_outputs(
    found: "Localization",
    *,
    plot: Path | None,
    report: Path | None,
    clips: Path | None,
    edl: Path | None,
) -> list[Path]:
    # Drawing and pages take seconds to import: only who asks for them pays.
    written = []
    if clips is not None:
        from stillseek.localize.export import cut_moments

        written += cut_moments(found, clips)
    if plot is not None:
        from stillseek.localize.plot import plot_localization

        plot_localization(found, plot)
        written.append(plot)
    if report is not None:
        from stillseek.localize.report import write_report

        write_report(found, report)
        written.append(report)
    if edl is not None:
        from stillseek.localize.export import write_edl

        write_edl(found, edl)
        written.append(edl)
    return written
