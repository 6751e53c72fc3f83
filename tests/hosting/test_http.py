"""Listener, body limits, problems: on a real server."""

import asyncio
import socket
import time
from datetime import datetime

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel
from uvicorn.loops.auto import auto_loop_factory

from hosting.body import BoundedBody
from hosting.clock import CHINA, china, day, start_of, written
from hosting.error import OperatorError
from hosting.listener import CAN_SHARE, is_loopback, listen, url_of
from hosting.problem import FieldError, handle_problems
from hosting.server import Server

MOST = 1000


class Body(BaseModel):
    number: int


class KnownError(Exception):
    pass


def application():
    app = FastAPI()
    handle_problems(app, {KnownError: 409}, (LookupError,))
    app.add_middleware(BoundedBody, most=MOST, more={"/large": 10 * MOST})

    @app.post("/small")
    @app.post("/large")
    def take(body: Body) -> int:
        return body.number

    @app.get("/fail/{how}")
    def fail(how: str) -> None:
        raise {
            "field": FieldError("hall", "hall is wrong"),
            "known": KnownError("it stands already"),
            "busy": LookupError("locked"),
        }.get(how, RuntimeError("ours"))

    return app


@pytest.fixture
def client():
    return TestClient(application(), raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("path", "status", "field", "detail"),
    [
        ("/fail/field", 422, "hall", "hall is wrong"),
        ("/fail/known", 409, None, "it stands already"),
        ("/fail/busy", 503, None, "try again"),
        ("/fail/other", 500, None, "nothing of this request was kept"),
        ("/nowhere", 404, None, "Not Found"),
    ],
)
def test_every_error_is_a_problem(client, path, status, field, detail):
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (told["status"], told.get("field")) == (status, field)
    assert detail in told["detail"]
    assert ("retry-after" in answer.headers) == (status == 503)


@pytest.mark.parametrize("is_announced", [True, False])
@pytest.mark.parametrize(("path", "most"), [("/small", MOST), ("/large", 10 * MOST)])
def test_a_body_has_the_limit_of_its_path(client, path, most, is_announced):
    def send(size):
        body = b'{"number": 1}'.ljust(size)
        content = body if is_announced else iter([body[:100], body[100:]])
        headers = {"content-type": "application/json"}
        return client.post(path, content=content, headers=headers)

    assert send(most).json() == 1
    answer = send(most + 1)
    assert (answer.status_code, answer.json()["field"]) == (413, "body")
    assert str(most) in answer.json()["detail"]
    assert client.post(path, content=b"{").json()["field"] == "body"


@pytest.mark.parametrize(
    ("listener_of", "loop_of", "is_at_once"),
    [
        (lambda: listen("127.0.0.1", 0, "?"), asyncio.new_event_loop, True),
        (lambda: socket.create_server(("127.0.0.1", 0)), asyncio.new_event_loop, False),
        (lambda: listen("127.0.0.1", 0, "?"), auto_loop_factory(), True),
    ],
    ids=["asyncio", "control: create_server's listener", "uvicorn's own choice"],
)
def test_answers_on_a_kept_connection_do_not_wait(listener_of, loop_of, is_at_once):
    """asyncio sets TCP_NODELAY only where the listener names its protocol: else 40 ms each.
    uvloop sets it always.
    """

    class Accepted(asyncio.Protocol):
        def connection_made(self, transport):
            its_socket = transport.get_extra_info("socket")
            told.set_result(its_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            transport.close()

    async def is_sent_at_once(listener):
        nonlocal told
        loop = asyncio.get_running_loop()
        told = loop.create_future()
        async with await loop.create_server(Accepted, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            writer.close()
            return bool(await told)

    told = None
    with asyncio.Runner(loop_factory=loop_of) as runner:
        assert runner.run(is_sent_at_once(listener_of())) == is_at_once


def test_a_server_says_when_it_is_ready_and_ends_what_has_no_end():
    listener, said = listen("127.0.0.1", 0, "?"), []
    server = Server(
        application(),
        connections=9,
        on_ready=lambda: (said.append("ready"), server.end()),
        before_stop=lambda: said.append("stop"),
    )
    server.run([listener])
    assert said == ["ready", "stop"]


def test_a_taken_port_is_a_sentence_and_addresses_are_urls():
    with listen("127.0.0.1", 0, "?") as taken:
        host, port = taken.getsockname()
        assert url_of(taken) == f"http://127.0.0.1:{port}"
        with pytest.raises(OperatorError, match=f"{port} .*is one running"):
            listen(host, port, "is one running?")
    with listen("::1", 0, "?") as six:
        assert url_of(six, "https") == f"https://[::1]:{six.getsockname()[1]}"


@pytest.mark.skipif(not CAN_SHARE, reason="this system lets no two listen on one address")
def test_an_address_is_shared_only_if_all_say_so():
    with listen("127.0.0.1", 0, "?", is_shared=True) as one:
        host, port = one.getsockname()
        with listen(host, port, "?", is_shared=True) as other:
            assert other.getsockname() == (host, port)
        with pytest.raises(OperatorError, match="is one running"):
            listen(host, port, "is one running?")
    with (
        listen("127.0.0.1", 0, "?") as alone,
        pytest.raises(OperatorError, match="is one running"),
    ):
        listen(*alone.getsockname(), "is one running?", is_shared=True)


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True)]
    + [(host, False) for host in ("0.0.0.0", "10.0.0.1", "::", "example.gov.cn", "", "127")],
)
def test_loopback_is_this_machine_alone(host, is_ours):
    assert is_loopback(host) == is_ours


def test_days_are_china_s(monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        at_ms = round(datetime(2026, 9, 1, tzinfo=CHINA).timestamp() * 1000)
        assert (str(day(at_ms)), str(day(at_ms - 1))) == ("2026-09-01", "2026-08-31")
        assert start_of(day(at_ms)) == at_ms
        assert (written(at_ms), china(at_ms).hour) == ("2026-09-01 00:00:00", 0)
    finally:
        monkeypatch.undo()
        time.tzset()
