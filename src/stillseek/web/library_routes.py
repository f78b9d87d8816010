"""Routes of the library, and of labels."""

from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Response

from stillseek.web.exports import exported
from stillseek.web.route_parts import ServiceOf
from stillseek.web.schemas import ExportIn, LabelIn, LabelOut, Labels, LibraryOut, LibraryVideos

router = APIRouter()


@router.get("/library", response_model=LibraryOut, tags=["library"])
def library(service: ServiceOf) -> dict[str, Any]:
    """How much the library holds."""
    return service.catalogue.stats()


@router.get("/library/videos", response_model=LibraryVideos, tags=["library"])
def videos(
    service: ServiceOf,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    contains: Annotated[str, Query(max_length=200)] = "",
) -> dict[str, Any]:
    """The videos of the library in order of name, those that could be read."""
    return service.catalogue.videos(contains=contains, offset=offset, limit=limit)


@router.post("/labels", status_code=201, response_model=LabelOut, tags=["labels"])
def put_label(body: LabelIn, service: ServiceOf) -> dict[str, Any]:
    """Keep or skip a moment; with the id of an earlier answer, say so anew."""
    service.sources.path(body.source)
    label = body.model_dump(exclude={"id"})
    return service.labels.put(label, label_id=body.id, video=service.sources.below(body.source))


@router.delete("/labels/{label_id}", status_code=204, tags=["labels"])
def delete_label(label_id: str, service: ServiceOf) -> None:
    """Take back what was said of a moment."""
    service.labels.remove(label_id)


@router.post("/exports", response_class=Response, tags=["exports"])
async def export(body: ExportIn, service: ServiceOf) -> Response:
    """Moments as a list for an editing program: EDL, FCPXML, OTIO, markers, chapters, tables."""
    name, content = await service.beside.run(exported, service.sources, body.model_dump())
    return Response(
        content,
        media_type="application/octet-stream",
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"},
    )


@router.get(
    "/labels",
    response_model=Labels,
    tags=["labels"],
    responses={200: {"content": {"application/jsonl": {}}}},
)
def labels(
    service: ServiceOf, format: Annotated[Literal["json", "jsonl"], Query()] = "json"
) -> Any:
    """All labels; as jsonl a file that stillseek dataset import reads."""
    if format == "json":
        return {"labels": service.labels.all()}
    return Response(
        "".join(service.labels.lines()),
        media_type="application/jsonl",
        headers={"Content-Disposition": 'attachment; filename="labels.jsonl"'},
    )
