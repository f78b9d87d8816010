"""Routes of jobs."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from stillseek.files import json_text
from stillseek.web.answers import ServiceOf
from stillseek.web.jobs import ENDED
from stillseek.web.refusals import RefusedError
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
    first = await asyncio.to_thread(service.jobs.view, job_id)
    return StreamingResponse(
        _changes(first, request, service),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


@router.get("/{job_id}/result", response_class=Response)
def result(job_id: str, service: ServiceOf) -> Response:
    """What a job found."""
    return Response(service.jobs.result(job_id), media_type="application/json")


@router.post("/{job_id}/cancel", response_model=JobOut)
def cancel(job_id: str, service: ServiceOf) -> dict[str, Any]:
    """Cancel a job that waits or runs."""
    return service.jobs.cancel(job_id)


async def _changes(view: dict[str, Any], request: Request, service: Service) -> AsyncIterator[str]:
    shown, silent = None, 0.0
    while True:
        if view != shown:
            yield f"event: job\ndata: {json_text(view)}\n\n"
            shown, silent = view, 0.0
        elif silent >= _HEARTBEAT_SECONDS:
            yield ": still here\n\n"
            silent = 0.0
        if view["status"] in ENDED or service.ending.is_set() or await request.is_disconnected():
            return
        await asyncio.sleep(_LOOK_SECONDS)
        silent += _LOOK_SECONDS
        view = await asyncio.to_thread(service.jobs.view, view["id"])


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
        service.catalogue.library  # noqa: B018 - refuses where there is none
    if body.kind == "add":
        service.sources.inside(body.folder, body.path)
    named = [asked.get("video"), asked.get("source")]
    named += [query["source"] for query in asked.get("queries", ())]
    for source in named:
        if source is not None:
            service.sources.path(source)
