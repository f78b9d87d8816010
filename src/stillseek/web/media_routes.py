"""Routes of the pixels of videos and pictures."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from stillseek.web.job_routes import changes
from stillseek.web.media_views import facts, frame_jpeg, is_playable, strip_jpeg
from stillseek.web.refusals import RefusedError
from stillseek.web.route_parts import ServiceOf
from stillseek.web.schemas import MediaInfo, Seconds, Source
from stillseek.web.service import Service

router = APIRouter(prefix="/media", tags=["media"])

_KEPT = {"Cache-Control": "private, max-age=600"}
# Browsers play QuickTime under the name of its successor.
_TYPES = {
    **dict.fromkeys((".mp4", ".m4v", ".mov", ".qt", ".f4v", ".3gp", ".3g2"), "video/mp4"),
    **dict.fromkeys((".webm", ".mkv"), "video/webm"),
    **dict.fromkeys((".jpg", ".jpeg"), "image/jpeg"),
    **dict.fromkeys((".tif", ".tiff"), "image/tiff"),
    **{f".{name}": f"image/{name}" for name in ("avif", "bmp", "gif", "png", "webp")},
}

SourceQuery = Annotated[Source, Query()]


@router.get("", response_class=FileResponse)
def media(source: SourceQuery, service: ServiceOf) -> FileResponse:
    """The file itself; answers requests for ranges of bytes."""
    path = service.sources.path(source)
    return FileResponse(
        path,
        # Never what browsers would run.
        media_type=_TYPES.get(path.suffix.lower(), "application/octet-stream"),
        headers=_KEPT,
        filename=service.sources.name(source),
        content_disposition_type="inline",
    )


@router.get("/info", response_model=MediaInfo)
async def info(source: SourceQuery, service: ServiceOf) -> dict[str, Any]:
    """Size, length and rate of a file as it is seen."""

    def look() -> dict[str, Any]:
        kind = service.sources.kind(source)
        named = {"source": source, "name": service.sources.name(source), "kind": kind}
        return named | facts(service.sources.path(source), kind)

    return await service.beside.run(look)


@router.get("/preview", response_class=FileResponse)
async def preview(source: SourceQuery, request: Request, service: ServiceOf) -> FileResponse:
    """An MP4 that browsers play; made when it is first asked for, which takes its time."""
    path = await service.beside.run(_preview_path, service, source)
    if not path.is_file():
        job_id = await asyncio.to_thread(
            service.jobs.submit, "preview", {"kind": "preview", "source": source}, is_shared=True
        )
        view = [view async for view in changes(service, job_id, request) if view is not None][-1]
        if view["error"] is not None:
            raise RefusedError(view["error"]["type"], view["error"]["message"])
        if view["status"] != "done":
            raise RefusedError("conflict", "the preview was cancelled; ask for it again")
    return FileResponse(path, media_type="video/mp4", headers=_KEPT)


def _preview_path(service: Service, source: str) -> Path:
    path = service.sources.path(source)
    return path if is_playable(path) else service.previews.path(path)


@router.get("/frame", response_class=Response)
async def frame(
    source: SourceQuery,
    service: ServiceOf,
    seconds: Annotated[Seconds, Query()] = 0.0,
    width: Annotated[int, Query(ge=16, le=4096)] = 640,
) -> Response:
    """The frame that a video shows at a time, or a picture, as JPEG."""

    def draw() -> bytes:
        path = service.sources.path(source)
        return frame_jpeg(path, service.sources.kind(source), seconds, width)

    return _jpeg(await service.beside.run(draw))


@router.get("/strip", response_class=Response)
async def strip(
    source: SourceQuery,
    service: ServiceOf,
    start_seconds: Annotated[Seconds, Query()],
    end_seconds: Annotated[Seconds, Query()],
    count: Annotated[int, Query(ge=1, le=24)] = 5,
    height: Annotated[int, Query(ge=16, le=480)] = 90,
) -> Response:
    """Frames of a part of a video side by side, as JPEG."""

    def draw() -> bytes:
        path = service.sources.path(source)
        return strip_jpeg(path, start_seconds, end_seconds, count=count, height=height)

    return _jpeg(await service.beside.run(draw))


def _jpeg(content: bytes) -> Response:
    return Response(content, media_type="image/jpeg", headers=_KEPT)
