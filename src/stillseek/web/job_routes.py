"""Routes of jobs."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, StreamingResponse

from stillseek.files import json_text
from stillseek.web.jobs import ENDED
from stillseek.web.refusals import RefusedError
from stillseek.web.route_parts import ServiceOf
from stillseek.web.schemas import JobIn, JobOut
from stillseek.web.service import Service

router = APIRouter(prefix="/jobs", tags=["jobs"])

_LOOK_SECONDS = 0.25
# Proxies cut what is silent for long.
_HEARTBEAT_SECONDS = 15.0


@router.post("", status_code=202, response_model=JobOut)
def submit(body: JobIn, response: Response, service: ServiceOf) -> dict[str, Any]:
    """Submit a job."""
    _check(body, service)
    job_id = service.jobs.submit(body.kind, body.model_dump(by_alias=True))
    response.headers["Location"] = f"/api/v1/jobs/{job_id}"
    return service.jobs.view(job_id)


@router.get("/{job_id}", response_model=JobOut)
def show(job_id: str, service: ServiceOf) -> dict[str, Any]:
    """How far a job is."""
    return service.jobs.view(job_id)


@router.get("/{job_id}/events", response_class=StreamingResponse)
async def events(job_id: str, request: Request, service: ServiceOf) -> StreamingResponse:
    """The job at every change until it ended, as server-sent events."""
    await asyncio.to_thread(service.jobs.view, job_id)  # a job that is not there is no stream
    return StreamingResponse(
        _as_events(changes(service, job_id, request)),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


@router.get("/{job_id}/result", response_class=Response)
def result(job_id: str, service: ServiceOf) -> Response:
    """What a job found."""
    return Response(service.jobs.result(job_id), media_type="application/json")


@router.get("/{job_id}/file", response_class=FileResponse)
def file(job_id: str, service: ServiceOf) -> FileResponse:
    """The ZIP of the clips that a job cut."""
    service.jobs.result(job_id)
    path = service.work.file(job_id)
    if not path.is_file():
        raise RefusedError("not_found", "only a job that cuts clips has a file; ask for its result")
    return FileResponse(path, media_type="application/zip", filename="clips.zip")


@router.post("/{job_id}/cancel", response_model=JobOut)
def cancel(job_id: str, service: ServiceOf) -> dict[str, Any]:
    """Cancel a job that waits or runs."""
    return service.jobs.cancel(job_id)


async def changes(
    service: Service, job_id: str, request: Request
) -> AsyncIterator[dict[str, Any] | None]:
    """A job as it is now, and at every change until it ended, or its client has gone.

    Yields:
        The job; None where nothing has changed for long.
    """
    shown, silent = None, 0.0
    while True:
        view = await asyncio.to_thread(service.jobs.view, job_id)
        if view != shown:
            yield view
            shown, silent = view, 0.0
        elif silent >= _HEARTBEAT_SECONDS:
            yield None
            silent = 0.0
        if view["status"] in ENDED or service.ending.is_set() or await request.is_disconnected():
            return
        await asyncio.sleep(_LOOK_SECONDS)
        silent += _LOOK_SECONDS


async def _as_events(views: AsyncIterator[dict[str, Any] | None]) -> AsyncIterator[str]:
    async for view in views:
        yield ": still here\n\n" if view is None else f"event: job\ndata: {json_text(view)}\n\n"


def _check(body: JobIn, service: Service) -> None:
    """Refuses what is too much, and sources that are not there, before it waits in the queue."""
    asked = body.model_dump()
    most = {
        "top": service.settings.max_top,
        "limit": service.settings.max_top,
        "queries": service.settings.max_queries,
    }
    for name, value in asked.items():
        number = len(value) if isinstance(value, list) else value
        if name in most and number > most[name]:
            raise RefusedError("usage", f"{name} is at most {most[name]} here, got {number}")
    if body.kind in ("search", "similar", "add"):
        _ = service.catalogue.library  # without one it refuses
    if body.kind == "add":
        service.sources.inside(body.folder, body.path)
    of_job = [asked[name] for name in ("video", "source") if name in asked]
    moments = {each["source"]: None for each in asked.get("moments", ())}
    queries = asked.get("queries", ())
    for source in (*of_job, *dict.fromkeys(each["source"] for each in queries), *moments):
        service.sources.path(source)
    frames = (each["source"] for each in queries if each["seconds"] is not None)
    for source in (*of_job, *moments, *frames):
        if service.sources.kind(source) == "image":
            raise RefusedError(
                "media",
                f"{service.sources.name(source)} is a picture, not a video; name a video there",
            )
