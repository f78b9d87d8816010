"""``--clips`` and ``--export``: what a search gives to other programs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from stillseek.errors import MediaError, UsageError
from stillseek.outputs import Output

if TYPE_CHECKING:
    from stillseek.localize.ranking import Ranking


class _OfOneList(TypedDict):
    start_at_zero: bool
    reel: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoffOptions:
    """What is written for other programs.

    Attributes:
        clips: Cut the moments into files in this folder.
        copy: Cut --clips at key frames, without encoding them again; says what was cut.
        export: Write the moments for another program; the suffix chooses: .edl, .fcpxml, .otio,
            .premiere.csv, .resolve.csv, .vtt, .csv or .json. May be given several times.
        pad: Handles: so many seconds more before and after every moment of --clips and --export.
        start_at_zero: Count from zero in --export, whatever source time code a video has.
        reel: Name of the source in --export, at most 8 letters and digits; where not given, it
            comes from the name of the file.
    """

    clips: Path | None = None
    copy: bool = False
    export: tuple[Path, ...] = ()
    pad: float = 0.0
    start_at_zero: bool = False
    reel: str | None = None

    def outputs(self, videos: Sequence[Path] | None, num_videos: int) -> list[Output]:
        """What will be written, for `check_outputs`; refuses options that cannot take effect.

        Args:
            videos: All that may be found in; None where that is not known yet.
            num_videos: Most videos that may be found in.
        """
        if self == HandoffOptions():
            return []
        from stillseek.handoff.clips import clip_stems, clips_output
        from stillseek.handoff.formats import check_pad, handoff_output

        check_pad(self.pad)
        self._check_together()
        outputs = [
            handoff_output(path, num_videos=num_videos, name="--export", **self._of(path))
            for path in self.export
        ]
        if self.clips is not None:
            stems = clip_stems(videos or ())
            outputs.append(clips_output(stems.values(), self.clips, name="--clips"))
        return outputs

    def write(
        self, ranking: "Ranking", searched: "Ranking", *, overwrite: bool, failures: list[str]
    ) -> Iterator[tuple[Path, str]]:
        """Writes it, the best video first; gives the paths, each with a remark.

        Args:
            ranking: What is written.
            searched: It is of these, whose names tell clips apart.
            overwrite: Whether files that stillseek did not write may be replaced.
            failures: Takes what is wrong with what is left out: videos that cannot be read, as of a
                disk that is not mounted, or cut, and lists that cannot hold the moments.
        """
        if not ranking.results:
            return
        if self.clips is not None:
            from stillseek.handoff.clips import clip_stems, cut_moments
            from stillseek.localize.localization import format_time

            stems = clip_stems(each.video for each in (*searched.results, *searched.failures))
            for found in ranking.results:
                try:
                    clips = cut_moments(
                        found,
                        self.clips,
                        copy=self.copy,
                        pad_seconds=self.pad,
                        overwrite=overwrite,
                        stem=stems[found.video],
                    )
                except (MediaError, UsageError) as error:
                    failures.append(str(error))
                    continue
                for clip in clips:
                    bounds = clip.segment.start_seconds, clip.segment.end_seconds
                    start, end = (format_time(seconds, decimals=3) for seconds in bounds)
                    yield clip.path, f"  ({start} to {end})" if self.copy else ""
        if self.export:
            from stillseek.handoff.formats import write_handoff
            from stillseek.media import probe

            there = []
            for found in ranking.results:
                try:
                    probe(found.video)
                except MediaError as error:
                    failures.append(str(error))
                else:
                    there.append(found)
            for path in self.export if there else ():
                of = self._of(path)
                try:
                    write_handoff(there, path, pad_seconds=self.pad, overwrite=overwrite, **of)
                except (MediaError, UsageError) as error:
                    failures.append(str(error))
                else:
                    yield path, ""

    def _check_together(self) -> None:
        from stillseek.handoff.formats import has_reel, has_timecode

        if self.copy and self.clips is None:
            raise UsageError("--copy says how --clips cuts; give --clips DIR, or leave it out")
        if self.pad and not self.export and self.clips is None:
            raise UsageError("--pad adds to --clips and --export; give one, or leave it out")
        if self.start_at_zero and not any(map(has_timecode, self.export)):
            raise UsageError(
                "--start-at-zero is of lists with time code, such as --export found.edl; give one, "
                "or leave it out"
            )
        if self.reel is not None and not any(map(has_reel, self.export)):
            raise UsageError(
                "--reel is of lists with reels, such as --export found.edl; give one, or leave it "
                "out"
            )

    def _of(self, path: Path) -> "_OfOneList":
        """What takes effect in one of several lists."""
        from stillseek.handoff.formats import has_reel, has_timecode

        return {
            "start_at_zero": self.start_at_zero and has_timecode(path),
            "reel": self.reel if has_reel(path) else None,
        }
