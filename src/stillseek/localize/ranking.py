"""One picture, many videos: which of them show it, best first."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from stillseek.errors import MediaError, UnusableFeaturesError
from stillseek.files import TABLE_SUFFIXES, replacing, spreadsheet_cell
from stillseek.localize.arguments import check_type, checked_output
from stillseek.localize.localization import Localization
from stillseek.outputs import Output

RankedBy = Literal["presence", "similarity"]
Progress = Callable[[float, float], None]
"""Called with what is done, and with all."""

_COLUMNS = (
    *("video", "rank", "moment", "start_seconds", "end_seconds"),
    *("score", "presence", "found"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedVideo:
    """A video that could not be searched.

    Attributes:
        video: The file.
        error: What is wrong with it.
    """

    video: Path
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Where the activity happens in many videos.

    Attributes:
        results: One a video that could be searched, best first.
        failures: The others, in the order in which they were given.
        ranked_by: "presence", the calibrated probability that the activity is in the video; where
            there is none, "similarity", the peak of the curve, which compares badly between videos;
            None where there is neither, and the order is that in which the videos were given.
    """

    results: tuple[Localization, ...]
    failures: tuple[FailedVideo, ...]
    ranked_by: RankedBy | None

    def only_found(self) -> "Ranking":
        """The videos that show the activity, by the threshold of their presence."""
        return replace(self, results=tuple(found for found in self.results if found.found))

    def to_json_dict(self) -> dict[str, object]:
        """As ``stillseek locate FOLDER --json`` prints it; the keys are a public contract.

        ``results`` holds `Localization.to_json_dict` of every video, best first; ``ranked_by`` says
        by what; ``failures`` holds ``video`` and ``error`` of those that could not be searched.
        """
        return {
            "ranked_by": self.ranked_by,
            "results": [found.to_json_dict() for found in self.results],
            "failures": [
                asdict(failure) | {"video": str(failure.video)} for failure in self.failures
            ],
        }


def rank(results: Sequence[Localization], failures: Sequence[FailedVideo] = ()) -> Ranking:
    """Puts results of one query and one localizer in order; equals stay as they are given.

    Args:
        results: One a video.
        failures: Videos that could not be searched.
    """
    ranked_by: RankedBy | None = None
    ordered = list(results)
    if results and all(found.presence is not None for found in results):
        ranked_by = "presence"
        # Near 1, probabilities round to ties.
        ordered.sort(key=lambda found: (-(found.presence or 0.0), -_peak(found)))
    elif results and all(found.similarity is not None for found in results):
        ranked_by = "similarity"
        ordered.sort(key=lambda found: -_peak(found))
    return Ranking(results=tuple(ordered), failures=tuple(failures), ranked_by=ranked_by)


def search_each(
    videos: Sequence[Path],
    search: Callable[[Path, Progress], Localization],
    on_progress: Progress | None,
) -> Ranking:
    """Searches one video after the other; what cannot be read is told, and passed over.

    Args:
        videos: The files.
        search: Searches one, and says the seconds that it has read and those in total.
        on_progress: Called with the bytes of the files that are done, and of all.
    """
    results, failures = [], []
    for video, advance in with_progress(videos, on_progress):
        try:
            results.append(search(video, advance))
        except (MediaError, UnusableFeaturesError) as error:
            failures.append(FailedVideo(video=video, error=str(error)))
    return rank(results, failures)


def with_progress(
    videos: Iterable[Path], on_progress: Progress | None
) -> Iterator[tuple[Path, Progress]]:
    """Every video, with what to call with the seconds of it that are read, and those in total.

    Args:
        videos: The files.
        on_progress: Called with the bytes of the files that are done, and of all.
    """
    # Bytes are known before any file is opened, and near enough to time.
    sizes = [(video, _size_of(video)) for video in videos]
    total, done = sum(size for _, size in sizes), 0
    for video, size in sizes:

        def advance(read: float, seconds: float, size: int = size, before: int = done) -> None:
            if on_progress is not None:
                share = min(1.0, read / seconds) if seconds > 0 else 1.0
                on_progress(before + size * share, total)

        yield video, advance
        advance(1.0, 1.0)
        done += size


def table_output(path: Path, *, name: str = "csv") -> Output:
    """What `write_ranking` writes, for `check_outputs`."""
    return Output(name=name, path=path, suffixes=TABLE_SUFFIXES, mark=",".join(_COLUMNS))


def write_ranking(ranking: Ranking, path: Path | str, *, overwrite: bool = False) -> None:
    """Writes a ranking as CSV: a row a moment, best video first, and its best moment first.

    ``rank`` is the place of the video, from 1, and ``moment`` that of the moment in it; ``score``,
    ``presence`` and ``found`` (true, false) are empty where there is no calibration, the times
    where there is no moment. Videos that could not be searched are left out. Control characters of
    names are U+FFFD, and a name that spreadsheets would compute has a ``'`` before it.

    Args:
        ranking: The videos.
        path: Where to, ending in ``.csv``.
        overwrite: Whether a file that stillseek did not write may be replaced.

    Raises:
        UsageError: An argument is of the wrong type;
            the suffix is another, the file is a video or an image, or it exists and may not
            be replaced.
        OSError: The file can't be written.
    """
    check_type("ranking", ranking, Ranking, "a Ranking, such as locate_many returns")
    inputs = [file for found in ranking.results for file in found.files]
    path = checked_output(path, table_output, inputs=inputs, overwrite=overwrite)
    rows = [
        (spreadsheet_cell(str(found.video)), place, *cells)
        for place, found in enumerate(ranking.results, start=1)
        for cells in moment_cells(found)
    ]
    write_csv(path, _COLUMNS, rows)


def moment_cells(found: Localization) -> list[tuple[object, ...]]:
    """A row a moment, or one without any: its number, times and score, presence, and found."""
    is_found = None if found.found is None else str(found.found).lower()
    moments = [
        (number, moment.start_seconds, moment.end_seconds, moment.score)
        for number, moment in enumerate(found.moments, start=1)
    ]
    return [(*of_moment, found.presence, is_found) for of_moment in moments or [(None,) * 4]]


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes a table in one step; an empty cell where a value is None."""
    with replacing(path) as place, place.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])


def _peak(found: Localization) -> float:
    return 0.0 if found.similarity is None else float(found.similarity.values.max())


def _size_of(video: Path) -> int:
    """At least 1, so that a share of all is one of something."""
    try:
        return max(1, video.stat().st_size)
    except OSError:
        return 1
