"""The files that a search writes beside what it prints; ``locate`` and ``library search`` do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stillseek.cli.console import print_some
from stillseek.cli.handoff_options import HandoffOptions
from stillseek.errors import MediaError, UsageError
from stillseek.files import FIGURE_SUFFIXES, REPORT_SUFFIXES, AnnotationFormat
from stillseek.outputs import Output, check_outputs

if TYPE_CHECKING:
    from stillseek.localize.localization import Localization
    from stillseek.localize.localizer import Localizer
    from stillseek.localize.ranking import Ranking


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOutputs:
    """The files that are asked for beside what a search prints."""

    plot: Path | None = None
    report: Path | None = None
    explain: Path | None = None
    handoff: HandoffOptions
    csv: Path | None = None
    annotations: Path | None = None
    annotation_format: AnnotationFormat | None = None
    overwrite: bool

    def refuse_those_of_one(self) -> None:
        """Refuses, where there are many videos, what shows one."""
        for name, path in (("plot", self.plot), ("explain", self.explain)):
            if path is not None:
                raise UsageError(
                    f"--{name} shows one video; leave it out, or give one video file (--csv, "
                    "--clips, --export and --report take many)"
                )

    def check(
        self,
        videos: list[Path] | None,
        num_videos: int,
        *,
        inputs: Sequence[Path | None],
        cache: Path | None = None,
    ) -> None:
        """Refuses what cannot or may not be written, before any work.

        Args:
            videos: The videos that are searched; None where only their number is known.
            num_videos: Most videos that are found.
            inputs: What else is read.
            cache: Where features are kept.
        """
        outputs = [
            Output(name=name, path=path, suffixes=suffixes)
            for name, path, suffixes in (
                ("--plot", self.plot, FIGURE_SUFFIXES),
                ("--report", self.report, REPORT_SUFFIXES),
                ("--explain", self.explain, FIGURE_SUFFIXES),
            )
            if path is not None
        ]
        if cache is not None:
            outputs.append(Output(name="--cache", path=cache, is_cache=True))
        outputs += self.handoff.outputs(videos, num_videos)
        if self.csv is not None:
            from stillseek.localize.ranking import table_output

            outputs.append(table_output(self.csv, name="--csv"))
        if self.annotations is not None:
            from stillseek.handoff.annotation_files import annotations_output, check_num_videos

            asked = self.annotations, self.annotation_format
            outputs.append(annotations_output(*asked, name="--annotations"))
            check_num_videos(*asked, num_videos)
        elif self.annotation_format is not None:
            raise UsageError(
                "--annotation-format has no effect without --annotations FILE; give one, or leave "
                "it out"
            )
        check_outputs(outputs, inputs=[*(videos or ()), *inputs], overwrite=self.overwrite)

    def check_recipe(self, localizer: "Localizer") -> None:
        """Refuses what the recipe cannot give, before the video is read."""
        if self.explain is not None:
            from stillseek.localize.explanation import check_explainable

            check_explainable(localizer.recipe)

    def write(
        self,
        ranking: "Ranking",
        searched: "Ranking",
        *,
        localizer_of_one: "Localizer | None" = None,
    ) -> Iterator[tuple[Path, str]]:
        """Writes them; gives their paths, each with a remark.

        An empty table would take the place of the last good one, so nothing is written of nothing.

        Args:
            ranking: What is written.
            searched: All that was found, of which it is a part or the whole.
            localizer_of_one: What searched the one video; None where there may be many.

        Raises:
            MediaError: A video cannot be read or cut; after all else was written.
        """
        failures: list[str] = []
        if not ranking.results:
            files = (self.plot, self.report, self.explain, self.csv, self.annotations)
            asked = [path for path in (*files, self.handoff.clips, *self.handoff.export) if path]
            print_some(
                "warning", [f"nothing was found, so {path} is not written" for path in asked]
            )
            return
        # Tables first: they need no video.
        if self.csv is not None:
            from stillseek.localize.ranking import write_ranking

            write_ranking(ranking, self.csv, overwrite=self.overwrite)
            yield self.csv, ""
        if self.annotations is not None and any(found.moments for found in ranking.results):
            from stillseek.handoff.annotation_files import write_annotations
            from stillseek.handoff.selection import selections_of

            items, place = selections_of(ranking.results), self.annotations
            write_annotations(items, place, self.annotation_format, overwrite=self.overwrite)
            yield place, ""
        elif self.annotations is not None:
            print_some("warning", [f"there is no moment, so {self.annotations} is not written"])
        if localizer_of_one is not None:
            for path in self._write_one(ranking.results[0], localizer_of_one):
                yield path, ""
        elif self.report is not None:
            from stillseek.localize.report import write_ranking_report
            from stillseek.media.faults import check_file

            write_ranking_report(ranking, self.report, overwrite=self.overwrite)
            yield self.report, ""
            for found in ranking.results:  # which the page shows without frames
                try:
                    check_file(found.video, "video")
                except MediaError as error:
                    failures.append(str(error))
        yield from self.handoff.write(
            ranking, searched, overwrite=self.overwrite, failures=failures
        )
        if failures:
            *others, last = dict.fromkeys(failures)
            print_some("error", others)
            raise MediaError(last)

    def _write_one(self, found: "Localization", localizer: "Localizer") -> Iterator[Path]:
        # Drawing and pages take seconds to import: only who asks for them pays.
        if self.plot is not None:
            from stillseek.localize.plot import plot_localization

            plot_localization(found, self.plot, overwrite=self.overwrite)
            yield self.plot
        if self.report is not None:
            from stillseek.localize.report import write_report

            write_report(found, self.report, overwrite=self.overwrite)
            yield self.report
        if self.explain is not None:
            from stillseek.localize.plot_explanation import plot_explanation

            explanation = localizer.explain(found)
            if not explanation.frames:
                told = f"{found.video} shows nothing to explain, so {self.explain} is not written"
                print_some("warning", [told])
                return
            plot_explanation(explanation, self.explain, overwrite=self.overwrite)
            yield self.explain
