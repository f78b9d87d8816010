"""``stillseek locate``: find where in videos the activity of a picture happens."""

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from stillseek.cli.console import print_some, print_wrote, progress_bar
from stillseek.cli.handoff_options import HandoffOptions
from stillseek.cli.query_options import ImageQuery, Queries, check_pictures
from stillseek.cli.ranking_table import print_ranking
from stillseek.cli.recipe_options import RecipeBesideHead, files_of
from stillseek.errors import UsageError
from stillseek.files import FIGURE_SUFFIXES, REPORT_SUFFIXES, json_text, shown_name
from stillseek.outputs import Output, check_outputs

if TYPE_CHECKING:
    from stillseek.localize.localization import Localization
    from stillseek.localize.localizer import Localizer
    from stillseek.localize.ranking import Ranking

_RECIPE = RecipeBesideHead()
_HANDOFF = HandoffOptions()
AnnotationFormat = Literal["elan", "boris", "label-studio", "cvat", "via", "activitynet", "csv"]


def locate(
    *videos: Path,
    queries: Queries,
    top: int = 1,
    json: bool = False,
    plot: Path | None = None,
    report: Path | None = None,
    explain: Path | None = None,
    handoff: Annotated[HandoffOptions, Parameter(name="*")] = _HANDOFF,
    csv: Path | None = None,
    annotations: Path | None = None,
    annotation_format: AnnotationFormat | None = None,
    recipe: str | None = None,
    recipe_options: Annotated[RecipeBesideHead, Parameter(name="*")] = _RECIPE,
    checkpoint: Path | None = None,
    model: Literal["sail", "similarity", "matching"] | None = None,
    engine: Literal["torch", "onnx"] | None = None,
    decode: Literal["joint", "independent"] = "joint",
    search: Literal["refined", "exhaustive", "pooled"] | None = None,
    device: str = "cpu",
    precision: Literal["fp32", "bf16"] = "fp32",
    threads: int | None = None,
    cache: Path | None = None,
    overwrite: bool = False,
) -> int:
    """Find where in videos the activity of a picture happens.

    Of several videos, or those of a folder, it says which show the activity, best first. One that
    cannot be read is reported and skipped; exits with 1 where none could be.

    Args:
        videos: Video files, or folders that are searched for them.
        queries: Picture of the activity (--image), or a paused frame of a video as VIDEO@SECONDS
            (--frame); several are averaged. A --box x,y,w,h after one (pixels from its top left
            corner) keeps to that part of it. --not is a picture or frame of what it is not: moments
            that look more like it are pushed down.
        top: Find up to this many moments in a video, those with the most evidence first: a longer
            one has more than a shorter one of the same score.
        json: Print one JSON object and nothing else; of several videos its "results" has the object
            of each, best first.
        plot: Draw the result to this picture (.png, .jpg, .webp, .svg, .pdf).
        report: Write the result as one self-contained HTML page; of several videos, with frames of
            every moment.
        explain: Draw what of the picture was seen where to this picture (endings as of --plot): the
            frames most like it, and where the moment starts and ends.
        handoff: What is written for other programs.
        csv: Write a table of all moments, best video first.
        annotations: Write the moments as annotations of another tool, or for stillseek dataset
            import (.csv); labelled like the picture's file.
        annotation_format: Of which tool; where not given, the ending tells: .eaf is ELAN, .boris
            BORIS, .xml CVAT; .json may be of Label Studio, VIA or ActivityNet.
        recipe: How pixels become features; that of the checkpoint, or lite, where not given.
        recipe_options: How the recipe is loaded; as the checkpoint says, where not given.
        checkpoint: Use this trained head instead of the shipped one: the folder of stillseek train
            --out, that of a head, or a file of stillseek export (.onnx).
        model: Matching, which compares clips and picture and learned nothing; the similarity head,
            which corrects it and serves every recipe that can compare; or SAIL, shipped for pocket.
            The one shipped for the recipe, or matching, where not given.
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
        cache: Keep features in this folder and use them again: a search of many videos that was
            stopped goes on there.
        overwrite: Replace files that stillseek did not write.
    """
    places, queries = _split(videos, queries)
    outputs = _Outputs(
        plot=plot,
        report=report,
        explain=explain,
        handoff=handoff,
        csv=csv,
        annotations=annotations,
        annotation_format=annotation_format,
        overwrite=overwrite,
    )
    if top < 1:
        raise UsageError(f"top must be at least 1, got {top}")
    files = _check_inputs(places, queries)
    is_one = len(files) == 1 and files == places
    if not is_one:
        outputs.refuse_those_of_one()
    pictures = [query.file for query in queries]
    outputs.check(files, cache, inputs=[*places, *pictures, checkpoint, *files_of(recipe_options)])
    from stillseek.models.checkpoint_header import find_checkpoint

    if checkpoint is not None and checkpoint.suffix != ".onnx":
        find_checkpoint(checkpoint)
    from stillseek.localize import Localizer
    from stillseek.localize.ranking import Ranking

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
    wanted = [query for query in queries if not query.is_unlike]
    asked = localizer.encode_query(
        [query.picture for query in wanted],
        boxes=[query.box for query in wanted],
        unlike=[query.picture for query in queries if query.is_unlike] or None,
    )
    if is_one:
        with progress_bar(f"reading {files[0].name}") as advance:
            found = localizer.locate(
                files[0], asked, top=top, decode=decode, search=search, on_progress=advance
            )
        ranking = Ranking(results=(found,), failures=(), ranked_by=None)
    else:
        ranking = _search_many(
            lambda advance: localizer.locate_many(
                files, asked, top=top, decode=decode, search=search, on_progress=advance
            ),
            len(files),
            cache,
        )
    if json:
        print(json_text((ranking.results[0] if is_one else ranking).to_json_dict()))
    elif is_one:
        _print_moments(ranking.results[0])
    else:
        print_ranking(ranking)
    for path, remark in outputs.write(ranking, localizer, is_many=not is_one):
        if not json:
            print_wrote(f"{path}{remark}")
    print_some("error", [failure.error for failure in ranking.failures])
    return 0 if ranking.results else 1


def _split(videos: tuple[Path, ...], queries: Queries) -> tuple[list[Path], tuple[ImageQuery, ...]]:
    """The videos and the pictures: ``--image PICTURE VIDEO`` has the video last."""
    if not queries:
        raise UsageError("--image needs a picture: stillseek locate VIDEO --image PICTURE")
    places = list(videos)
    if not places:
        last = queries[-1]
        if not last.follows or last.box is not None or last.seconds is not None:
            raise UsageError(
                "the video is missing: stillseek locate VIDEO --image "
                f"{shlex.quote(str(queries[0].file))}"
            )
        places, queries = [last.file], queries[:-1]
        # As a shell writes out --image PICTURE videos/*.mp4; of GIFs, only the last is a video.
        while queries[-1].follows and _is_surely_video(queries[-1]):
            places, queries = [queries[-1].file, *places], queries[:-1]
    return places, queries


def _is_surely_video(query: ImageQuery) -> bool:
    from stillseek.media.folder import is_video_name

    is_plain = query.seconds is None and query.box is None
    is_video = query.file.suffix.lower() != ".gif" and is_video_name(query.file)
    return is_plain and (is_video or query.file.is_dir())


def _check_inputs(places: list[Path], queries: Sequence[ImageQuery]) -> list[Path]:
    """Refuses what cannot be a video or a picture, before anything is loaded; gives the videos."""
    from stillseek.media.faults import check_file
    from stillseek.media.folder import find_videos

    files = find_videos(places)
    for place in places:
        # One video is checked whole; of many, a bad one is passed over, but a typo is told at once.
        if (files == places and len(files) == 1) or not place.exists():
            check_file(place, "video")
    check_pictures(queries)
    return files


def _search_many(
    search: Callable[[Callable[[float, float], None]], "Ranking"], number: int, cache: Path | None
) -> "Ranking":
    if cache is None:
        print("note: nothing is kept; with --cache DIR a search goes on", file=sys.stderr)
    try:
        with progress_bar(f"searching {number} videos") as advance:
            return search(advance)
    except KeyboardInterrupt:
        kept = (
            "nothing is kept; with --cache DIR it would go on from here"
            if cache is None
            else f"what was read is in {cache}; run the same command again to go on"
        )
        raise KeyboardInterrupt(f"stopped: {kept}") from None


def _print_moments(found: "Localization") -> None:
    from stillseek.localize.localization import format_score, format_span, format_time

    if found.found is False:
        print("probably not in this video; the moments that look most like it:")
    presence = "" if found.presence is None else f", presence {format_score(found.presence)}"
    print(
        f"{shown_name(str(found.video))}  ({format_time(found.duration_seconds)}{presence}, "
        f"recipe {found.recipe}, model {found.model})"
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
    handoff: HandoffOptions
    csv: Path | None
    annotations: Path | None
    annotation_format: AnnotationFormat | None
    overwrite: bool

    def refuse_those_of_one(self) -> None:
        """Refuses, where there are many videos, what shows one."""
        for name, path in (
            ("plot", self.plot),
            ("explain", self.explain),
        ):
            if path is not None:
                raise UsageError(
                    f"--{name} shows one video; leave it out, or give one video file (--csv, "
                    "--clips, --export and --report take many)"
                )

    def check(self, videos: list[Path], cache: Path | None, *, inputs: list[Path | None]) -> None:
        """Refuses what cannot or may not be written, before any work."""
        outputs = [
            Output(name=name, path=path, suffixes=suffixes)
            for name, path, suffixes in (
                ("--plot", self.plot, FIGURE_SUFFIXES),
                ("--report", self.report, REPORT_SUFFIXES),
                ("--explain", self.explain, FIGURE_SUFFIXES),
                ("--cache", cache, None),
            )
            if path is not None
        ]
        outputs += self.handoff.outputs(videos, len(videos))
        if self.csv is not None:
            from stillseek.localize.ranking import table_output

            outputs.append(table_output(self.csv, name="--csv"))
        if self.annotations is not None:
            from stillseek.handoff.annotation_files import annotations_output, check_num_videos

            place = annotations_output(
                self.annotations, self.annotation_format, name="--annotations"
            )
            check_num_videos(self.annotations, self.annotation_format, len(videos))
            outputs.append(place)
        elif self.annotation_format is not None:
            raise UsageError(
                "--annotation-format has no effect without --annotations FILE; give one, or leave "
                "it out"
            )
        check_outputs(outputs, inputs=[*videos, *inputs], overwrite=self.overwrite)

    def check_recipe(self, localizer: "Localizer") -> None:
        """Refuses what the recipe cannot give, before the video is read."""
        if self.explain is not None:
            from stillseek.localize.explanation import check_explainable

            check_explainable(localizer.recipe)

    def write(
        self, ranking: "Ranking", localizer: "Localizer", *, is_many: bool
    ) -> list[tuple[Path, str]]:
        """Writes them; returns their paths, each with a remark."""
        written = self.handoff.write(ranking, overwrite=self.overwrite)
        others = []
        for found in ranking.results:
            others += self._write_one(found, localizer, is_many=is_many)
        # An empty table would take the place of the last good one.
        if self.report is not None and is_many and ranking.results:
            from stillseek.localize.report import write_ranking_report

            write_ranking_report(ranking, self.report, overwrite=self.overwrite)
            others.append(self.report)
        if self.csv is not None and ranking.results:
            from stillseek.localize.ranking import write_ranking

            write_ranking(ranking, self.csv, overwrite=self.overwrite)
            others.append(self.csv)
        if self.annotations is not None and any(found.moments for found in ranking.results):
            from stillseek.handoff.annotation_files import write_annotations
            from stillseek.handoff.selection import selections_of

            items = selections_of(ranking.results)
            write_annotations(
                items, self.annotations, self.annotation_format, overwrite=self.overwrite
            )
            others.append(self.annotations)
        elif self.annotations is not None and ranking.results:
            print_some("warning", [f"there is no moment, so {self.annotations} is not written"])
        return written + [(path, "") for path in others]

    def _write_one(
        self, found: "Localization", localizer: "Localizer", *, is_many: bool
    ) -> list[Path]:
        # Drawing and pages take seconds to import: only who asks for them pays.
        written = []
        if self.plot is not None:
            from stillseek.localize.plot import plot_localization

            plot_localization(found, self.plot, overwrite=self.overwrite)
            written.append(self.plot)
        if self.report is not None and not is_many:
            from stillseek.localize.report import write_report

            write_report(found, self.report, overwrite=self.overwrite)
            written.append(self.report)
        if self.explain is not None:
            from stillseek.localize.plot_explanation import plot_explanation

            plot_explanation(localizer.explain(found), self.explain, overwrite=self.overwrite)
            written.append(self.explain)
        return written
