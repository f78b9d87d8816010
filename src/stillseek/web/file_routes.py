"""Routes of uploads, and of files in allowed folders."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from stillseek.files import shown_name
from stillseek.web.guard import announced_bytes
from stillseek.web.refusals import RefusedError
from stillseek.web.route_parts import ServiceOf
from stillseek.web.schemas import Entries, UploadOut

router = APIRouter(tags=["files"])


@router.post(
    "/uploads",
    status_code=201,
    response_model=UploadOut,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    },
)
async def upload(
    request: Request,
    response: Response,
    service: ServiceOf,
    name: Annotated[str, Query(min_length=1, max_length=500, examples=["match.mp4"])],
) -> dict[str, Any]:
    """Send a video or picture as it is; it is known by its content and removed after a time."""
    announced = announced_bytes(request.headers)
    kept = await service.uploads.receive(name, request.stream(), announced)
    service.metrics.count_upload(kept.size_bytes)
    response.headers["Location"] = f"/api/v1/uploads/{kept.id}"
    return kept.to_json_dict()


@router.get("/uploads/{upload_id}", response_model=UploadOut)
def show_upload(upload_id: str, service: ServiceOf) -> dict[str, Any]:
    """What is known of an upload."""
    return service.uploads.find(upload_id).to_json_dict()


@router.delete("/uploads/{upload_id}", status_code=204)
def delete_upload(upload_id: str, service: ServiceOf) -> None:
    """Remove an upload before its time."""
    service.uploads.find(upload_id)
    if f"upload:{upload_id}" in service.jobs.sources_in_use():
        raise RefusedError("conflict", "a job needs this upload; cancel the job, or wait for it")
    service.uploads.remove(upload_id)


@router.get("/files", response_model=Entries)
def files(
    service: ServiceOf,
    folder: Annotated[str, Query(max_length=300, examples=["videos"])],
    path: Annotated[str, Query(max_length=2000)] = "",
) -> dict[str, Any]:
    """What is in an allowed folder, or in one below it: folders, videos and pictures."""
    entries = service.sources.entries(folder, path)
    return {"folder": folder, "path": shown_name(path), "entries": entries}
