import asyncio
import base64
import json
from collections.abc import Callable

import pytest

API = "/api/v1"
KEY = "a key of letters, ünd more"


def basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"anyone:{key}".encode()).decode()


def every_route(app) -> list[tuple[str, str]]:
    """Method and a path of each route of the schema, and what is beside it."""
    found = [
        (method.upper(), path.replace("{", "").replace("}", ""))
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    ]
    assert len(found) > 15
    beside = ["/", "/static/app.js", "/openapi.json", "/docs", "/none", "/api/v1/none"]
    return [*found, *(("GET", path) for path in beside)]


def test_every_route_needs_the_key(start: Callable) -> None:
    running = start(key=KEY)

    for method, path in every_route(running.client.app):
        for headers in ({}, {"X-API-Key": "another"}, {"Authorization": basic("another")}):
            answer = running.client.request(method, path, headers=headers)
            assert (answer.status_code, path) == (401, path)
            assert answer.json()["error"]["type"] == "unauthorized"
            assert answer.headers["WWW-Authenticate"].startswith('Basic realm="stillseek"')
            assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": KEY.encode()},
        {"Authorization": f"Bearer {KEY}".encode()},
        {"Authorization": basic(KEY)},
        {"Authorization": basic(KEY).replace("Basic", "basic")},
    ],
)
def test_the_key_opens_in_every_form(start: Callable, headers) -> None:
    assert start(key=KEY).api.get("/health", headers=headers).status_code == 200


@pytest.mark.parametrize("value", ["Basic", "Basic ?", "Basic /w==", "Bearer", "Digest a", ""])
def test_a_broken_key_is_a_wrong_one(start: Callable, value: str) -> None:
    headers = {"Authorization": value}

    assert start(key=KEY).api.get("/health", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8008", 200),
        ("127.0.0.1:8008", 200),
        ("[::1]:8008", 200),
        ("192.168.3.5", 200),
        ("video.example.org:80", 200),
        ("evil.example.org", 403),
        ("localhost.evil.org", 403),
        ("evil@localhost.org", 403),
        ("[::1", 403),
        ("", 403),
    ],
)
def test_unknown_hosts_are_refused(start: Callable, host: str, status: int) -> None:
    running = start(hosts=("video.example.org",))

    answer = running.api.get("/health", headers={"Host": host})

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("headers", "is_let_in"),
    [
        ({}, True),
        ({"Origin": "http://localhost"}, True),
        ({"Origin": "https://localhost"}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Origin": "http://localhost:81"}, False),
        ({"Origin": "http://evil.org"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"}, True),
    ],
)
def test_pages_of_other_sites_change_nothing(running, headers, is_let_in: bool) -> None:
    written = running.api.post("/jobs", json={}, headers=headers)
    deleted = running.api.delete("/uploads/none", headers=headers)

    assert (written.status_code, deleted.status_code) == ((422, 404) if is_let_in else (403, 403))
    assert running.api.get("/health", headers=headers).status_code == 200


def test_every_answer_has_the_headers(running) -> None:
    for path in ("/", f"{API}/health", f"{API}/none", f"{API}/media?source=a", "/openapi.json"):
        headers = running.client.get(path).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'self';")
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Cache-Control" in headers
        assert "Server" not in headers


def test_an_unexpected_failure_is_one_of_the_errors(running, monkeypatch, caplog) -> None:
    def fail() -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(running.service, "health", fail)

    answer = running.api.get("/health")

    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "failed"
    assert "secret" not in answer.text
    assert "nosniff" in answer.headers["X-Content-Type-Options"]
    assert "ZeroDivisionError: secret" in caplog.text


def test_other_methods_and_routes_are_typed_errors(running) -> None:
    missing, wrong = running.client.get("/none"), running.api.put("/health")

    assert (missing.status_code, wrong.status_code) == (404, 405)
    assert missing.json()["error"] == {
        "type": "not_found",
        "message": "there is nothing at /none; see /openapi.json for what there is",
    }
    assert wrong.json()["error"] == {
        "type": "usage",
        "message": "/api/v1/health does not take PUT; see /openapi.json for what it takes",
    }
    assert wrong.headers["Allow"] == "GET"
    for path in ("/docs", "/redoc"):
        assert running.client.get(path).status_code == 404


def ask(app, receive) -> tuple[int, dict]:
    """Status and body of the answer to a job whose body arrives as it is received."""
    sent = []
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {
        **{"type": "http", "method": "POST", "path": f"{API}/jobs", "raw_path": b"", "scheme": ""},
        **{"query_string": b"", "root_path": "", "headers": headers, "http_version": "1.1"},
    }

    async def send(message) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"])


def test_a_large_form_is_refused(running) -> None:
    answer = running.api.post("/jobs", content=bytes(2_000_001))
    assert (answer.status_code, answer.json()["error"]["type"]) == (413, "too_large")
    num_received = 0

    async def endless() -> dict:
        nonlocal num_received
        num_received += 1
        return {"type": "http.request", "body": bytes(1 << 16), "more_body": True}

    status, told = ask(running.client.app, endless)

    assert (status, told["error"]["type"]) == (413, "too_large")
    assert num_received == 2_000_000 // (1 << 16) + 1


def test_a_form_that_never_arrives_is_given_up(running, monkeypatch) -> None:
    monkeypatch.setattr("stillseek.web.guard._BODY_SECONDS", 0.05)
    pieces = [{"type": "http.request", "body": b"{", "more_body": True}]

    async def silent() -> dict:
        return pieces.pop() if pieces else await asyncio.Event().wait()

    status, told = ask(running.client.app, silent)

    assert (status, told["error"]["type"]) == (408, "timeout")


def test_refusals_and_made_up_methods_are_counted(start: Callable) -> None:
    running = start(key=KEY)
    headers = {"X-API-Key": KEY.encode()}
    running.api.get("/health")
    running.api.request("MADEUP", "/none", headers=headers)

    counted = running.client.get("/metrics", headers=headers).text

    assert 'stillseek_requests_total{method="GET",route="other",status="401"} 1.0' in counted
    assert 'stillseek_requests_total{method="other",route="other",status="404"} 1.0' in counted
    assert "MADEUP" not in counted
