"""What both OpenAPI documents say is so: schemathesis asks all, a walk asks without a token."""

import http.client
import re
import socket
import threading
from contextlib import contextmanager

import pytest
import schemathesis
from central_hall import Hall as CentralHall
from empty_file import central_in
from fastapi import Depends, FastAPI, HTTPException
from gateway_hall import ScriptedCentre, settings_in, start_gateway
from hypothesis import HealthCheck, Phase, given, settings
from rehearsal_hall import Practice
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from central.people.tokens import SCOPES
from gateway.store import tokens
from hosting.clock import now_ms
from hosting.door import TokenFirst
from hosting.listener import listen
from hosting.server import Server
from hosting.tokens import digest

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
QUICK = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@contextmanager
def serving(app):
    is_up, listener = threading.Event(), listen("127.0.0.1", 0, "?")
    server = Server(app, connections=100, on_ready=is_up.set, stop_s=1)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        assert is_up.wait(10)
        yield listener.getsockname()
    finally:
        server.end()
        thread.join(10)
        listener.close()


@pytest.fixture(scope="module")
def gateway_url(tmp_path_factory):
    centre = ScriptedCentre()
    running = start_gateway(settings_in(tmp_path_factory.mktemp("hall"), centre.url))
    with running.database.write() as connection:
        tokens.put(connection, "test", digest("good"), now_ms())
    yield running.api_url, "good"
    running.stop()
    centre.stop()


@pytest.fixture(scope="module")
def centre_url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("centre")
    database = central_in(folder)
    hall = CentralHall(folder, "demo", database, now_ms)
    yield from serve_all(folder, hall, hall.client.app)
    database.close()


@pytest.fixture(scope="module")
def rehearsal_url(tmp_path_factory):
    practice = Practice(tmp_path_factory.mktemp("practice"))
    yield from serve_all(practice.folder, practice, practice.centre.app)
    practice.database.close()


def serve_all(folder, hall, app):
    """The address of `app`, and one token that opens every door, so that all is looked behind."""
    hall.tokens.add("records:read", folder / "all.token")
    scopes = [one for one in SCOPES if "<" not in one] + ["services:read:all", "enrol:demo"]
    scopes += ["services:write:all"]
    with hall.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE token SET scopes = ?, devices_left = 1000 WHERE created_at_ms ="
            " (SELECT max(created_at_ms) FROM token) AND scopes = 'records:read'",
            (" ".join(scopes),),
        )
    with serving(app) as (host, port):
        yield f"http://{host}:{port}", (folder / "all.token").read_text().strip()


def ask_everything(url: str, token: str, only: str = "/") -> int:
    """Every operation of the document at `url`, with good and bad values; how many requests."""
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if not operation.path.startswith(only):
            continue

        @QUICK
        @given(case=operation.as_strategy())
        def ask(case):
            nonlocal asked
            asked += 1
            case.call_and_validate(
                checks=CHECKS, headers={"Authorization": f"Bearer {token}"}, timeout=10
            )

        ask()
    return asked


def test_the_gateway_answers_as_its_document_says(gateway_url):
    assert ask_everything(*gateway_url) > 50


def test_the_centre_answers_as_its_document_says(centre_url):
    assert ask_everything(*centre_url) > 50


def test_a_rehearsal_answers_as_its_document_says(rehearsal_url):
    assert ask_everything(*rehearsal_url, only="/v1/rehearsal") > 5


def test_an_answer_that_no_document_names_is_found():
    """The control."""
    app = FastAPI()

    @app.get("/x")
    def x() -> int:
        raise HTTPException(418)

    with serving(app) as (host, port), pytest.raises(FailureGroup) as caught:
        ask_everything(f"http://{host}:{port}", "good")
    assert "418" in f"{caught.value.exceptions}"


def paths_with(url: str, value: str) -> list[tuple[str, str]]:
    """Every operation of the document, once for each of its parameters in path and query, which
    then has this value.
    """
    found = []
    document = schemathesis.openapi.from_url(f"{url}/openapi.json").raw_schema
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for one in operation.get("parameters", []):
                name, place = one["name"], one["in"]
                if place == "path":
                    asked = path.replace(f"{{{name}}}", value)
                elif place == "query":
                    asked = f"{path}?{name}={value}"
                else:
                    continue
                found.append((method.upper(), re.sub(r"{\w+}", "1", asked)))
    return found


@pytest.mark.parametrize("server", ["gateway_url", "centre_url"])
def test_a_zero_character_in_any_parameter_is_refused(request, server):
    url, token = request.getfixturevalue(server)
    asked = paths_with(url, "a%00b")
    assert len(asked) > 5
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    for method, path in asked:
        connection.request(method, path, "{}", {"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        told = answer.read()
        assert (answer.status, b"zero character" in told) == (422, True), (method, path, told)
    connection.close()


def answer_before_the_body(address, method: str, path: str) -> int | None:
    """The status that comes for a body that is announced and not sent, within a second."""
    with socket.create_connection(address, timeout=1) as stranger:
        head = f"{method.upper()} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
        stranger.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n")
        try:
            return int(stranger.recv(100).split()[1])
        except (TimeoutError, IndexError):
            return None


def doors(url: str) -> list[tuple[str, str]]:
    document = schemathesis.openapi.from_url(f"{url}/openapi.json").raw_schema
    return [
        (method, path.replace("{", "").replace("}", ""))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method != "get" and "security" in operation
    ]


@pytest.mark.parametrize("server", ["gateway_url", "centre_url"])
def test_every_route_looks_at_the_token_before_a_body(request, server):
    url, _ = request.getfixturevalue(server)
    host, port = url.removeprefix("http://").split(":")
    routes = doors(url)
    assert len(routes) >= 4
    for method, path in routes:
        assert answer_before_the_body((host, int(port)), method, path) == 401, (method, path)


@pytest.mark.parametrize("is_asked", [True, False], ids=["ours", "control: FastAPI's own order"])
def test_without_the_door_a_stranger_s_body_is_awaited(is_asked):
    def known(authorization: str = "") -> None:
        raise HTTPException(401)

    app = FastAPI()

    @app.post("/v1/x", dependencies=[Depends(lambda: known())])
    def x(body: dict) -> int:
        return len(body)

    with serving(TokenFirst(app, "/v1/.*", known) if is_asked else app) as address:
        answer = answer_before_the_body(address, "post", "/v1/x")
    assert answer == (401 if is_asked else None)


@pytest.mark.parametrize("server", ["gateway_url", "centre_url"])
def test_head_is_answered_as_get_without_a_body(request, server):
    url, _ = request.getfixturevalue(server)
    asked = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    asked.request("HEAD", "/healthz")
    answer = asked.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    assert int(answer.headers["content-length"]) > 0
    asked.request("GET", "/healthz")
    assert asked.getresponse().status == 200
    asked.close()
