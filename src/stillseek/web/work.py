"""What jobs do: each kind by one call of the library."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stillseek.errors import StillseekError
from stillseek.files import shown_name
from stillseek.localize.localization import Localization
from stillseek.localize.localizer import Localizer
from stillseek.localize.query_image import Box, QueryImage, VideoFrame
from stillseek.web.jobs import Report
from stillseek.web.refusals import RefusedError, refusal_of
from stillseek.web.sources import Sources

if TYPE_CHECKING:
    from stillseek.library.library import Library

# Of the time of a search in a video: the rest is the head's.
_READING_SHARE = 0.98


class Work:
    """Computes jobs.

    Args:
        localizer: The one that there is.
        library: The library, where there is one.
        sources: The files that requests name.
        results: Folder of files that jobs make.
    """

    def __init__(
        self, localizer: Localizer, library: "Library | None", sources: Sources, results: Path
    ) -> None:
        self._localizer = localizer
        self._library = library
        self._sources = sources
        self._results = results
        self._results.mkdir(parents=True, exist_ok=True)
        self._by_kind: dict[str, Callable[[str, dict[str, Any], Report], object]] = {
            "locate": self._locate,
        }

    def __call__(self, job_id: str, kind: str, request: dict[str, Any], report: Report) -> object:
        """Computes a job.

        Args:
            job_id: Its name.
            kind: Of the job.
            request: What was asked for.
            report: Told how far it is.

        Returns:
            The result, of JSON values.

        Raises:
            RefusedError: It cannot be done as it was asked.
        """
        try:
            return self._by_kind[kind](job_id, request, report)
        except StillseekError as error:
            refusal = refusal_of(error)
            message = self._sources.hidden(refusal.message)
            raise RefusedError(refusal.kind, message) from error

    def file(self, job_id: str) -> Path:
        """The file that a job makes."""
        return self._results / f"{job_id}.zip"

    def _locate(self, job_id: str, request: dict[str, Any], report: Report) -> object:
        video = request["video"]
        wanted, boxes, unlike = self._pictures(request["queries"])
        asked = self._localizer.encode_query(wanted, boxes=boxes, unlike=unlike or None)
        found = self._localizer.locate(
            self._sources.path(video),
            asked,
            top=request["top"],
            on_progress=lambda read, total: report(
                _READING_SHARE * read / total if total > 0 else 0.0, "reading the video"
            ),
        )
        report(_READING_SHARE, "searching")
        return self._told(found, video, request["queries"])

    def _pictures(
        self, queries: Sequence[dict[str, Any]]
    ) -> tuple[list[QueryImage], list[Box | None], list[QueryImage]]:
        """Pictures of the activity, the part of each that is meant, and what it is not."""
        wanted: list[QueryImage] = []
        boxes: list[Box | None] = []
        unlike: list[QueryImage] = []
        for query in queries:
            path, seconds, box = self._sources.path(query["source"]), query["seconds"], query["box"]
            picture = path if seconds is None else VideoFrame(path, seconds)
            if query["is_unlike"]:
                unlike.append(picture)
            else:
                wanted.append(picture)
                boxes.append(None if box is None else (box[0], box[1], box[2], box[3]))
        return wanted, boxes, unlike

    def _told(
        self, found: Localization, source: str, queries: Sequence[dict[str, Any]]
    ) -> dict[str, object]:
        """A result as ``stillseek locate --json`` has it, with names in the place of paths."""
        return found.to_json_dict() | {
            "video": shown_name(self._sources.name(source)),
            "source": source,
            "image": [self._query_name(query) for query in queries if not query["is_unlike"]],
            "unlike": [self._query_name(query) for query in queries if query["is_unlike"]],
        }

    def _query_name(self, query: dict[str, Any]) -> str:
        name, seconds = shown_name(self._sources.name(query["source"])), query["seconds"]
        return name if seconds is None else f"{name}@{seconds}"
