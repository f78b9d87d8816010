"""The application: routes, failures as JSON, and the page."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stillseek.errors import StillseekError
from stillseek.files import shown_name
from stillseek.web import file_routes, job_routes, library_routes, media_routes
from stillseek.web.guard import Guard, answer_of
from stillseek.web.refusals import STATUS, ErrorType, RefusedError, refusal_of
from stillseek.web.route_parts import FAILURES, ServiceOf
from stillseek.web.schemas import Health
from stillseek.web.service import Service

_STATIC = Path(__file__).with_name("static")
_KIND_OF_STATUS: dict[int, ErrorType] = {status: kind for kind, status in STATUS.items()}
# Of anything else, clients could make up as many as they like.
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_PREFIX = "/api/v1"


def create_app(service: Service) -> FastAPI:
    """The application of a service, with all that guards it.

    Args:
        service: What it answers from; whoever serves the application starts and ends it.
    """
    app = FastAPI(
        title="stillseek",
        summary="Show it a picture, and it finds the moment in the video.",
        version=service.health()["version"],
        # Their pages load from other hosts.
        docs_url=None,
        redoc_url=None,
        responses=FAILURES,
    )
    app.state.service = service
    for routes in (file_routes, media_routes, job_routes, library_routes):
        app.include_router(routes.router, prefix=_PREFIX)
    app.add_api_route(
        f"{_PREFIX}/health",
        _health,
        response_model=Health,
        tags=["service"],
        responses={503: {"model": Health, "description": "A worker is gone: start it again."}},
    )
    app.add_api_route("/metrics", _metrics, tags=["service"], response_class=Response)
    app.add_api_route("/", _page, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=_STATIC, check_dir=False), name="static")
    app.add_exception_handler(StillseekError, _tell_failure)
    app.add_exception_handler(StarletteHTTPException, _tell_http)
    app.add_exception_handler(RequestValidationError, _tell_validation)
    app.add_middleware(Guard, key=service.settings.key, hosts=service.settings.hosts)
    # Outside: what is refused is counted, too.
    app.add_middleware(_Counted, service=service)
    return app


def _health(response: Response, service: ServiceOf) -> dict[str, Any]:
    """How the service is, and what it takes."""
    health = service.health()
    response.status_code = 200 if health["status"] == "ok" else 503
    return health


def _metrics(service: ServiceOf) -> Response:
    """What the service counts, as Prometheus reads it."""
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")


def _page() -> FileResponse:
    page = _STATIC / "index.html"
    if not page.is_file():
        raise RefusedError("not_found", "this installation has no page; install stillseek again")
    return FileResponse(page, headers={"Cache-Control": "no-cache"})


def _tell_failure(request: Request, error: Exception) -> Response:
    refusal = refusal_of(error)
    message = request.app.state.service.sources.hidden(refusal.message)
    return answer_of(RefusedError(refusal.kind, message, status=refusal.status))


def _tell_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    kind = _KIND_OF_STATUS.get(error.status_code, "usage")
    path, message = shown_name(request.url.path)[:200], str(error.detail)
    match error.status_code:
        case 404:
            message = f"there is nothing at {path}; see /openapi.json for what there is"
        case 405:
            message = f"{path} does not take {request.method}; see /openapi.json for what it takes"
    answer = answer_of(RefusedError(kind, message, status=error.status_code))
    answer.headers.update(error.headers or {})
    return answer


def _tell_validation(_: Request, error: Exception) -> Response:
    """The first thing that is wrong with a request; never what was sent, which may be anything."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    text = f"{shown_name(place)[:200]}: {first['msg'].removeprefix('Value error, ')}"
    return answer_of(RefusedError("usage", f"{text}; see /openapi.json", status=422))


class _Counted:
    """Counts answers by route."""

    def __init__(self, app: ASGIApp, *, service: Service) -> None:
        self._app = app
        self._metrics = service.metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "other")
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._metrics.count_request(method, route, message["status"])
            await send(message)

        await self._app(scope, receive, send_counted if scope["type"] == "http" else send)
