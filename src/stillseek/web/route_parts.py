"""What all routes share: their service, and how failures stand in the schema."""

from typing import Annotated, Any

from fastapi import Depends, Request

from stillseek.web.schemas import ErrorOut
from stillseek.web.service import Service


def _service(request: Request) -> Service:
    return request.app.state.service


ServiceOf = Annotated[Service, Depends(_service)]

FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorOut, "description": description}
    for status, description in (
        (400, "The request is wrong."),
        (401, "The key is missing or wrong."),
        (403, "The place or the origin is not allowed."),
        (404, "There is no such thing."),
        (408, "It took too long to arrive."),
        (409, "It cannot be done now."),
        (413, "It is too large."),
        (415, "It is neither a video nor a picture."),
        (422, "The request has another form, or a file cannot be read."),
        (429, "Too much is asked for; try again after Retry-After seconds."),
    )
}
