import asyncio
import threading

import pytest
import uvicorn
from uvicorn.server import ServerState

from stillseek.web import jobs, service, serving

HEALTH = b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n"


def answers(app, *requests: bytes) -> list[bytes]:
    """What a connection brings for each request, until it is closed."""

    async def ask() -> list[bytes]:
        config, state = uvicorn.Config(app), ServerState()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: serving._Protocol(config, state, {}), "127.0.0.1", 0
        )
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            told = []
            for request in requests:
                writer.write(request)
                told.append(b"")
                async with asyncio.timeout(60):
                    while piece := await reader.read(1 << 16):
                        told[-1] += piece
                        if b"limits" in told[-1] or b"too_large" in told[-1]:
                            break
            writer.close()
            await asyncio.gather(*state.tasks)
            return told

    return asyncio.run(ask())


@pytest.mark.parametrize("head", [b"", b"GET / HTTP/1.1\r\nHost: local"])
def test_half_a_head_is_given_up(running, monkeypatch, head: bytes) -> None:
    monkeypatch.setattr(serving, "_HEAD_SECONDS", 0.2)

    assert answers(running.client.app, head) == [b""]
    if head:
        first, second = answers(running.client.app, HEALTH, head)
        assert first.startswith(b"HTTP/1.1 200 OK")
        assert second == b""


def test_a_body_that_goes_on_after_its_refusal_is_given_up(running, monkeypatch) -> None:
    monkeypatch.setattr(serving, "_HEAD_SECONDS", 0.2)
    head = b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n"

    refused, after = answers(running.client.app, head, b"x")

    assert refused.startswith(b"HTTP/1.1 413 ")
    assert after == b""


def test_containers_wait_for_the_end() -> None:
    # Ten seconds, after which they kill.
    assert serving._GRACE_SECONDS + jobs.CLOSE_SECONDS + service.SWEEPER_CLOSE_SECONDS < 10


def test_a_slow_answer_is_waited_for(running, monkeypatch) -> None:
    monkeypatch.setattr(serving, "_HEAD_SECONDS", 0.05)
    health, is_over = running.service.health, threading.Event()

    def slow() -> dict:
        is_over.wait(0.5)
        return health()

    monkeypatch.setattr(running.service, "health", slow)

    (told,) = answers(running.client.app, HEALTH)

    assert told.startswith(b"HTTP/1.1 200 OK")
