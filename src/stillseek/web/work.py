"""What jobs do: each kind by one call of the library."""

import shutil
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from stillseek.errors import StillseekError
from stillseek.files import remove_left_over, shown_name
from stillseek.localize.localization import Localization
from stillseek.localize.localizer import Localizer
from stillseek.localize.query_image import Box, Picture, VideoFrame
from stillseek.localize.ranking import Ranking
from stillseek.web.exports import cut_to_zip
from stillseek.web.jobs import Report
from stillseek.web.library_views import Catalogue
from stillseek.web.previews import Previews
from stillseek.web.refusals import RefusedError, refusal_of
from stillseek.web.sources import Sources

# Of the time of a search in a video: the rest is the head's.
_READING_SHARE = 0.98


class Work:
    """Computes jobs, of which some make files in the folder of results."""

    def __init__(
        self,
        localizer: Localizer,
        catalogue: Catalogue,
        sources: Sources,
        previews: Previews,
        results: Path,
    ) -> None:
        self._localizer = localizer
        self._catalogue = catalogue
        self._sources = sources
        self._previews = previews
        self._results = results
        results.mkdir(parents=True, exist_ok=True)
        remove_left_over(results)
        for left in results.glob("*/"):
            # Clips that were being cut when the service was killed.
            shutil.rmtree(left, ignore_errors=True)

    def __call__(self, job_id: str, kind: str, request: dict[str, Any], report: Report) -> object:
        """Computes a job; gives its result, of JSON values.

        Raises:
            RefusedError: It cannot be done as it was asked.
        """
        by_kind: dict[str, Callable[[dict[str, Any], Report], object]] = {
            "locate": self._locate,
            "search": self._search,
            "similar": self._similar,
            "add": self._add,
            "preview": self._preview,
            "cut": lambda request, report: self._cut(self.file(job_id), request, report),
        }
        try:
            return by_kind[kind](request, report)
        except StillseekError as error:
            refusal = refusal_of(error)
            message = self._sources.hidden(refusal.message)
            raise RefusedError(refusal.kind, message) from error

    def file(self, job_id: str) -> Path:
        """The file that a job makes."""
        return self._results / f"{job_id}.zip"

    def _locate(self, request: dict[str, Any], report: Report) -> object:
        video = request["video"]
        wanted, boxes, unlike = self._pictures(request["queries"])
        found = self._localizer.locate(
            self._sources.path(video),
            self._localizer.encode_query(wanted, boxes=boxes, unlike=unlike or None),
            top=request["top"],
            on_progress=_reporting(report, "reading the video", _READING_SHARE),
        )
        report(_READING_SHARE, "searching")
        return self._told(found, request["queries"]) | {
            "video": shown_name(self._sources.name(video)),
            "source": video,
        }

    def _search(self, request: dict[str, Any], report: Report) -> object:
        wanted, boxes, unlike = self._pictures(request["queries"])
        pattern = request["in"]

        def is_wanted(name: str) -> bool:
            report(0.0, "searching the library")
            return pattern is None or fnmatch(name, pattern)

        found = self._catalogue.library.search(
            wanted,
            boxes=boxes,
            unlike=unlike or None,
            top=request["limit"],
            # Of names alone: paths are none of a client's business.
            within=is_wanted,
            localizer=self._localizer,
        )
        report(1.0, "searching the library")
        return self._told_of_many(found, request["queries"])

    def _similar(self, request: dict[str, Any], report: Report) -> object:
        source, seconds = request["source"], (request["start_seconds"] + request["end_seconds"]) / 2
        report(0.0, "searching the library")
        found = self._catalogue.library.similar(
            self._sources.path(source), seconds, top=request["limit"], localizer=self._localizer
        )
        report(1.0, "searching the library")
        query = {"source": source, "seconds": seconds, "is_unlike": False}
        return self._told_of_many(found, [query])

    def _add(self, request: dict[str, Any], report: Report) -> object:
        folder = self._sources.inside(request["folder"], request["path"])
        added = self._catalogue.library.add(
            folder,
            # Links below it may lead anywhere.
            may_read=lambda video: self._sources.is_inside(request["folder"], video),
            on_progress=lambda progress: report(
                progress.share_done,
                f"{progress.videos_done} of {progress.num_videos} videos are read",
            ),
        )
        self._catalogue.forget()
        statuses = [outcome.status for outcome in added.outcomes]
        return {
            "encoded": statuses.count("encoded"),
            "known": statuses.count("present"),
            "unchanged": added.unchanged,
            "moved": len(added.moved),
            "gone": len(added.gone),
            "failures": [
                shown_name(self._sources.hidden(str(outcome.error))) for outcome in added.failed
            ],
        }

    def _preview(self, request: dict[str, Any], report: Report) -> object:
        self._previews.make(
            self._sources.path(request["source"]), _reporting(report, "making a preview")
        )
        return {"source": request["source"]}

    def _cut(self, out: Path, request: dict[str, Any], report: Report) -> object:
        return {"clips": cut_to_zip(self._sources, request, out, _reporting(report, "cutting"))}

    def _pictures(
        self, queries: Sequence[dict[str, Any]]
    ) -> tuple[list[Picture], list[Box | None], list[Picture]]:
        """Pictures of the activity, the part of each that is meant, and what it is not."""
        wanted: list[Picture] = []
        boxes: list[Box | None] = []
        unlike: list[Picture] = []
        for query in queries:
            path, seconds, box = self._sources.path(query["source"]), query["seconds"], query["box"]
            picture = path if seconds is None else VideoFrame(path, seconds)
            if query["is_unlike"]:
                unlike.append(picture)
            else:
                wanted.append(picture)
                boxes.append(None if box is None else (box[0], box[1], box[2], box[3]))
        return wanted, boxes, unlike

    def _told(self, found: Localization, queries: Sequence[dict[str, Any]]) -> dict[str, object]:
        """A result as ``stillseek locate --json`` has it, with names in the place of paths."""
        return found.to_json_dict() | {
            "image": [self._query_name(query) for query in queries if not query["is_unlike"]],
            "unlike": [self._query_name(query) for query in queries if query["is_unlike"]],
        }

    def _told_of_many(
        self, ranking: Ranking, queries: Sequence[dict[str, Any]]
    ) -> dict[str, object]:
        """A ranking as ``stillseek library search --json`` has it, likewise."""
        results = []
        for found in ranking.results:
            name = shown_name(self._catalogue.name(found.video))
            told = self._told(found, queries)
            results.append(told | {"video": name, "source": f"library:{name}"})
        failures = [
            {
                "video": shown_name(self._catalogue.name(failure.video)),
                "error": shown_name(self._sources.hidden(failure.error)),
            }
            for failure in ranking.failures
        ]
        return {
            "ranked_by": ranking.ranked_by,
            "results": results,
            "failures": failures,
            "uncalibrated": next((found.uncalibrated for found in ranking.results), None),
        }

    def _query_name(self, query: dict[str, Any]) -> str:
        name, seconds = shown_name(self._sources.name(query["source"])), query["seconds"]
        return name if seconds is None else f"{name}@{seconds}"


def _reporting(report: Report, message: str, share: float = 1.0) -> Callable[[float, float], None]:
    """Tells of seconds that are done, of so many in total."""
    return lambda done, total: report(share * done / total if total > 0 else 0.0, message)
