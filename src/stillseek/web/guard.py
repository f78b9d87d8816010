"""What every request passes first: host, key and origin; and what every answer says."""

import asyncio
import base64
import binascii
import hmac
import ipaddress
import logging
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stillseek.web.refusals import RefusedError, refusal_of

_ANSWER_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob: data:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
# Of what is no upload: forms of JSON, which are held in memory.
_BODY_BYTES = 2_000_000
_BODY_SECONDS = 20.0
_READING = ("GET", "HEAD", "OPTIONS")

_log = logging.getLogger(__name__)


class Guard:
    """Refuses requests of unknown hosts, without the key, and of other sites' pages.

    Args:
        app: What answers the others.
        key: What a request must bring; None asks for nothing.
        hosts: Names of the service, beside IP addresses and localhost. A page of another site that
            has its name lead here (DNS rebinding) brings its own name.
    """

    def __init__(self, app: ASGIApp, *, key: str | None, hosts: tuple[str, ...]) -> None:
        self._app = app
        self._key = key
        self._hosts = {"localhost", *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                headers = MutableHeaders(scope=message)
                for name, value in _ANSWER_HEADERS.items():
                    headers.setdefault(name, value)
                # Scripts of another version must not be mixed with the page.
                is_static = scope["path"].startswith("/static/")
                headers.setdefault("Cache-Control", "no-cache" if is_static else "no-store")
            await send(message)

        try:
            self._check(scope["method"], Headers(scope=scope))
            if not (scope["method"] == "POST" and scope["path"].endswith("/uploads")):
                receive = await _with_body(receive, Headers(scope=scope))
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            refusal = refusal_of(error)
            if refusal.status >= 500:
                _log.exception("%s %s failed", scope["method"], scope["path"])
            if has_begun:
                raise
            await answer_of(refusal)(scope, receive, send_with_headers)

    def _check(self, method: str, headers: Mapping[str, str]) -> None:
        host = headers.get("host", "")
        if not self._is_own(host):
            raise RefusedError(
                "forbidden",
                f"this service is not known as {host[:100]!r}; ask it by its IP address, or start "
                "it with --allow-host",
            )
        if self._key is not None and not any(
            hmac.compare_digest(given, self._key.encode()) for given in _keys(headers)
        ):
            raise RefusedError(
                "unauthorized",
                "the key is missing or wrong; send it as X-API-Key, as Authorization: Bearer, or "
                "as the password of Basic authentication",
            )
        if method not in _READING and not _is_same_site(headers, host):
            raise RefusedError("forbidden", "a page of another site may not change anything here")

    def _is_own(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            return name in self._hosts or bool(ipaddress.ip_address(name))
        except ValueError:
            return False


def answer_of(refusal: RefusedError) -> JSONResponse:
    """A refusal as clients get it."""
    # Bytes of names that are no text cannot be sent.
    message = refusal.message.encode(errors="replace").decode()
    return JSONResponse(
        {"error": {"type": refusal.kind, "message": message}},
        status_code=refusal.status,
        headers=refusal.headers,
    )


def announced_bytes(headers: Mapping[str, str]) -> int | None:
    """How many bytes a request says that its body has; None where it says none."""
    length = headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else None


async def _with_body(receive: Receive, headers: Mapping[str, str]) -> Receive:
    """Takes the whole body of a request, as long as it is small and fast enough."""
    messages: list[Message] = []
    size = 0
    if (announced_bytes(headers) or 0) > _BODY_BYTES:
        raise _too_large()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while not messages or messages[-1].get("more_body", False):
                messages.append(await receive())
                size += len(messages[-1].get("body", b""))
                if size > _BODY_BYTES:
                    raise _too_large()
    except TimeoutError as error:
        raise RefusedError(
            "timeout",
            f"the request took longer than {_BODY_SECONDS:g} seconds to arrive; send it again over "
            "a faster network",
        ) from error
    messages.reverse()

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again


def _too_large() -> RefusedError:
    return RefusedError(
        "too_large",
        f"a request that is no upload has at most {_BODY_BYTES} bytes; ask for less at a time",
    )


def _keys(headers: Mapping[str, str]) -> list[bytes]:
    """Every key that a request brings; headers were decoded as Latin-1."""
    given = []
    if "x-api-key" in headers:
        given.append(headers["x-api-key"].encode("latin-1"))
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        given.append(value.strip().encode("latin-1"))
    elif scheme.lower() == "basic":
        with suppress(binascii.Error, ValueError):
            given.append(base64.b64decode(value, validate=True).partition(b":")[2])
    return given


def _is_same_site(headers: Mapping[str, str], host: str) -> bool:
    """Whether a page of this service, or no page at all, asks."""
    origin = headers.get("origin")
    if origin is not None:
        return origin.lower().partition("://")[2] == host.lower()
    return headers.get("sec-fetch-site", "none") in ("none", "same-origin")
