"""``stillseek locate``: find where in a video the activity of a picture happens."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from stillseek.cli.console import progress_bar
from stillseek.cli.queries import Queries
from stillseek.cli.recipe_options import RecipeBesideHead, files_of
from stillseek.errors import UsageError
from stillseek.files import (
    EDL_SUFFIXES,
    FIGURE_SUFFIXES,
    REPORT_SUFFIXES,
    Output,
    check_outputs,
    json_text,
    refuse_url,
)

if TYPE_CHECKING:
    from stillseek.localize.localization import Localization
    from stillseek.localize.localizer import Localizer

_RECIPE = RecipeBesideHead()


def locate(
    video: Annotated[Path | None, Parameter(show_default=False)] = None,
    /,
    *,
    queries: Queries,
    top: int = 1,
    json: bool = False,
    plot: Path | None = None,
    report: Path | None = None,
    explain: Path | None = None,
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
    overwrite: bool = False,
) -> None:
    """Find where in a video the activity of a picture happens.

    Args:
        video: The video file.
        queries: Picture of the activity; several are averaged. A --box x,y,w,h after one (pixels
            from its top left corner) keeps to that part of it.
        top: Find up to this many moments, best first.
        json: Print one JSON object and nothing else.
        plot: Draw the result to this picture (.png, .jpg, .webp, .svg, .pdf).
        report: Write the result as one self-contained HTML page.
        explain: Draw what of the picture was seen where to this picture (endings as of --plot): the
            frames most like it, and where the moment starts and ends.
        clips: Cut the moments into files in this folder.
        edl: Write the moments as a CMX 3600 edit decision list.
        recipe: How pixels become features; that of the checkpoint, or lite, where not given.
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
        overwrite: Replace files that stillseek did not write.
    """
    video, images = _split(video, queries)
    outputs = _Outputs(
        plot=plot, report=report, explain=explain, clips=clips, edl=edl, overwrite=overwrite
    )
    _check_inputs(video, images)
    outputs.check(video, cache, inputs=[*images, checkpoint, *files_of(recipe_options)])
    from stillseek.localize import Localizer

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
    outputs.check_recipe(localizer)
    with progress_bar(f"reading {video.name}") as advance:
        found = localizer.locate(
            video,
            images,
            boxes=[query.box for query in queries][: len(images)],
            top=top,
            decode=decode,
            search=search,
            on_progress=advance,
        )
    if json:
        print(json_text(found.to_json_dict()))
    else:
        _print_moments(found)
    for path in outputs.write(found, localizer):
        if not json:
            print(f"wrote {path}")


def _split(video: Path | None, queries: Queries) -> tuple[Path, list[Path]]:
    """The video and the pictures: ``--image PICTURE VIDEO`` has the video last."""
    images = [query.image for query in queries]
    if not images:
        raise UsageError("--image needs a picture: stillseek locate VIDEO --image PICTURE")
    if video is not None:
        return video, images
    if not queries[-1].follows or queries[-1].box is not None:
        raise UsageError(
            f"the video is missing: stillseek locate VIDEO --image {shlex.quote(str(images[0]))}"
        )
    return images[-1], images[:-1]


def _check_inputs(video: Path, images: list[Path]) -> None:
    """Refuses what cannot be a video or a picture, before anything is loaded."""
    from stillseek.media.faults import check_file

    refuse_url(video, "video")
    check_file(video, "video")
    for image in images:
        refuse_url(image, "--image")
        check_file(image, "image")


def _print_moments(found: "Localization") -> None:
    from stillseek.localize.localization import format_score, format_span, format_time

    if found.found is False:
        print("probably not in this video; the moments that look most like it:")
    presence = "" if found.presence is None else f", presence {format_score(found.presence)}"
    print(
        f"{found.video}  ({format_time(found.duration_seconds)}{presence}, recipe {found.recipe}, "
        f"model {found.model})"
    )
    if not found.moments:
        print("  no moment: the end came out before the start; use --decode joint")
    for moment in found.moments:
        score = "" if moment.score is None else f"  score {format_score(moment.score)}"
        print(f"  {format_span(moment.segment)}{score}")
    if found.uncalibrated is not None:
        print(f"  no probabilities: {found.uncalibrated}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outputs:
    """The files that are asked for beside what is printed."""

    plot: Path | None
    report: Path | None
    explain: Path | None
    clips: Path | None
    edl: Path | None
    overwrite: bool

    def check(self, video: Path, cache: Path | None, *, inputs: list[Path | None]) -> None:
        """Refuses what cannot or may not be written, before any work."""
        outputs = [
            Output(name=name, path=path, suffixes=suffixes)
            for name, path, suffixes in (
                ("--plot", self.plot, FIGURE_SUFFIXES),
                ("--report", self.report, REPORT_SUFFIXES),
                ("--explain", self.explain, FIGURE_SUFFIXES),
                ("--edl", self.edl, EDL_SUFFIXES),
                ("--cache", cache, None),
            )
            if path is not None
        ]
        if self.clips is not None:
            from stillseek.localize.export import clips_output

            outputs.append(clips_output(video, self.clips, name="--clips"))
        check_outputs(outputs, inputs=[video, *inputs], overwrite=self.overwrite)

    def check_recipe(self, localizer: "Localizer") -> None:
        """Refuses what the recipe cannot give, before the video is read."""
        if self.explain is not None:
            from stillseek.localize.explanation import check_explainable

            check_explainable(localizer.recipe)

    def write(self, found: "Localization", localizer: "Localizer") -> list[Path]:
        """Writes them; returns their paths."""
        # Drawing and pages take seconds to import: only who asks for them pays.
        written = []
        if self.clips is not None:
            from stillseek.localize.export import cut_moments

            written += cut_moments(found, self.clips, overwrite=self.overwrite)
        if self.plot is not None:
            from stillseek.localize.plot import plot_localization

            plot_localization(found, self.plot, overwrite=self.overwrite)
            written.append(self.plot)
        if self.report is not None:
            from stillseek.localize.report import write_report

            write_report(found, self.report, overwrite=self.overwrite)
            written.append(self.report)
        if self.explain is not None:
            from stillseek.localize.plot_explanation import plot_explanation

            plot_explanation(localizer.explain(found), self.explain, overwrite=self.overwrite)
            written.append(self.explain)
        if self.edl is not None:
            from stillseek.localize.export import write_edl

            write_edl(found, self.edl, overwrite=self.overwrite)
            written.append(self.edl)
        return written
