"""Listening: from a service to a port, until it is told to end."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from stillseek.errors import UsageError
from stillseek.web.application import create_app
from stillseek.web.service import Service

# Streams of events end by themselves; a download that is not done by then breaks off.
# What stops containers waits ten seconds, and the workers end after these.
_GRACE_SECONDS = 4
_KEEP_ALIVE_SECONDS = 30
_HEAD_SECONDS = 20
_MOST_CONNECTIONS = 512


class _Protocol(H11Protocol):
    """Closes connections that take too long for the head of a request, or after their answer."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._watch()

    def _watch(self) -> None:
        is_between = self.conn.their_state is h11.IDLE or self.conn.our_state is h11.DONE
        is_waiting = is_between and not self.transport.is_closing()
        if self._timer is not None and not is_waiting:
            self._timer.cancel()
            self._timer = None
        elif self._timer is None and is_waiting:
            self._timer = self.loop.call_later(_HEAD_SECONDS, self.transport.close)


class _Server(uvicorn.Server):
    """Tells when it listens, and the service when it ends."""

    def __init__(
        self, config: uvicorn.Config, service: Service, on_listening: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._service = service
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_listening()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Streams of events would keep the server waiting.
        self._service.ending.set()
        super().handle_exit(sig, frame)


def serve(service: Service, *, host: str, port: int, on_listening: Callable[[str], None]) -> None:
    """Answers requests until SIGINT or SIGTERM, then ends in order.

    Args:
        service: The service, which is started and ended here.
        host: Address to listen at.
        port: Port to listen at; 0 takes a free one.
        on_listening: Called with the URL when requests are answered.

    Raises:
        UsageError: The address cannot be listened at.
    """
    config = uvicorn.Config(
        create_app(service),
        http=_Protocol,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        limit_concurrency=_MOST_CONNECTIONS,
    )
    with _listening_at(host, port) as place:
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{place.getsockname()[1]}/"
        with service:
            server = _Server(config, service, lambda: on_listening(url))
            # uvicorn raises the signal again, when all is done.
            with suppress(KeyboardInterrupt):
                server.run(sockets=[place])


def _listening_at(host: str, port: int) -> socket.socket:
    place = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        place.bind((host, port))
    except (OSError, OverflowError) as error:
        place.close()
        raise UsageError(
            f"cannot listen at {host}:{port} ({error}); give another --port or --host"
        ) from error
    return place
