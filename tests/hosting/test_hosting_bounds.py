"""Bounds for connections and bodies: a real server, raw sockets."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi import FastAPI, Request, Response
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.protocols.http.h11_impl import H11Protocol

import hosting.server
from hosting import process
from hosting.body import BoundedBody
from hosting.listener import listen
from hosting.problem import handle_problems
from hosting.server import Server

ROOT = Path(__file__).parents[2]
K = 1024
MANY = 10**9  # a bound that is none

# What uvicorn takes with and without httptools and uvloop.
PARTS = {"as installed": (AutoHTTPProtocol, "auto"), "plain Python": (H11Protocol, "asyncio")}


@pytest.fixture(params=PARTS)
def serve(request, monkeypatch):
    """Starts servers of one route that tells a body's length: their address, and what bounds
    their bodies.
    """
    protocol, loop = PARTS[request.param]
    monkeypatch.setattr(hosting.server, "AutoHTTPProtocol", protocol)
    with ExitStack() as started:
        yield lambda **bounds: started.enter_context(serving(loop, **bounds))


@contextmanager
def serving(loop, connections=100, **bounds):
    app = FastAPI()
    handle_problems(app, {}, ())

    @app.post("/")
    async def take(request: Request) -> int:
        return len(await request.body())

    @app.get("/large")
    async def give() -> Response:
        return Response(b"x" * 20_000 * K)

    bounded = BoundedBody(app, most=MANY, **bounds)
    is_up = threading.Event()
    listener = listen("127.0.0.1", 0, "?")
    server = Server(bounded, connections=connections, on_ready=is_up.set, loop=loop, stop_s=1)  # pyright: ignore
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        assert is_up.wait(10)
        yield SimpleNamespace(address=listener.getsockname(), bounded=bounded, server=server)
    finally:
        server.end()
        thread.join(10)
        listener.close()


class Client:
    """A raw connection."""

    token = ""

    def __init__(self, address):
        self.socket = socket.create_connection(address, timeout=20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def begin(self, length, sent=0):
        """The head of a request whose body has this length, and the body's first bytes."""
        head = f"POST / HTTP/1.1\r\nHost: x\r\n{self.token}Content-Length: {length}\r\n\r\n"
        self.socket.sendall(head.encode() + b"x" * sent)
        return self

    def answer(self):
        """Status, headers, body; None if it hung up."""
        try:
            with self.socket.makefile("rb") as file:
                line = file.readline()
                if not line:
                    return None
                lines = iter(file.readline, b"\r\n")
                headers = dict(line.decode().lower().strip().split(": ", 1) for line in lines)
                body = file.read(int(headers["content-length"]))
        except ConnectionError:
            return None
        return int(line.split()[1]), headers, body

    def post(self, length):
        return self.begin(length, length).answer()

    def is_left_alone(self):
        """Whether nothing comes for a second."""
        self.socket.settimeout(1)
        try:
            self.socket.recv(1)
        except TimeoutError:
            return True
        except ConnectionError:
            return False
        return False


def wait(is_so):
    until_s = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < until_s
        time.sleep(0.01)


def is_problem(answer, status):
    found, headers, body = answer
    is_ours = headers["content-type"] == "application/problem+json"
    return found == status == json.loads(body)["status"] and is_ours


@pytest.mark.parametrize("held", [1024 * K, MANY], ids=["bounded", "control"])
def test_bodies_in_progress_have_one_bound_and_small_ones_a_part_of_it(serve, held):
    it = serve(held=held)
    is_control = held == MANY
    with ExitStack() as clients:

        def client():
            return clients.enter_context(Client(it.address))

        slow = client().begin(900 * K, 800 * K)
        wait(lambda: it.bounded._room == held - 800 * K)
        refused = client().post(200 * K)
        assert (refused[0] == 200) == is_control
        if not is_control:
            assert is_problem(refused, 503)
            assert refused[1]["retry-after"] == "2"
        assert client().post(64 * K)[0] == 200
        halves = [client().begin(64 * K, 60 * K) for _ in range(3)]
        wait(lambda: it.bounded._room == held - 980 * K)
        assert (client().post(64 * K)[0] == 200) == is_control  # their part is full, too
        for one in halves:
            one.socket.sendall(b"x" * 4 * K)
            assert one.answer()[0] == 200
        slow.socket.close()
        wait(lambda: it.bounded._room == held)
        assert client().post(200 * K)[0] == 200


@pytest.mark.parametrize("within_s", [0.5, 3600.0], ids=["bounded", "control"])
@pytest.mark.parametrize("is_dripping", [False, True], ids=["stuck", "dripping"])
def test_a_body_comes_within_its_time_or_not_at_all(serve, within_s, is_dripping):
    it = serve(within_s=within_s)
    with Client(it.address) as client:
        client.begin(1000, 1)
        sent = 1
        for _ in range(10 if is_dripping else 0):  # 1 s in all
            time.sleep(0.1)
            try:
                client.socket.sendall(b"x")
            except ConnectionError:
                break
            sent += 1
        if within_s == 3600.0:
            client.socket.sendall(b"x" * (1000 - sent))
            assert client.answer()[0] == 200
        elif not is_dripping:
            answer = client.answer()
            assert is_problem(answer, 408)
            assert answer[1]["connection"] == "close"
            assert client.answer() is None
        else:
            answer = client.answer()  # the byte that came too late may have torn it
            assert answer is None or is_problem(answer, 408)
    wait(lambda: it.bounded._room == 256 * K * K)


@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "control: uvicorn's limit"])
def test_who_comes_when_it_is_full_disturbs_nobody(serve, is_ours):
    it = serve(connections=3 if is_ours else 100)
    if not is_ours:
        it.server.config.limit_concurrency = 4
    with ExitStack() as clients:
        here = [clients.enter_context(Client(it.address)) for _ in range(3)]
        for one in here:
            one.token = "Authorization: Bearer x\r\n"
        assert [one.post(10)[0] for one in here] == [200] * 3
        late = clients.enter_context(Client(it.address))
        if is_ours:
            assert late.answer() is None
        else:
            wait(lambda: len(it.server.server_state.connections) == 4)
        assert here[0].post(10)[0] == (200 if is_ours else 503)
        if is_ours:
            assert [one.post(10)[0] for one in here] == [200] * 3
            here[0].socket.close()
            wait(lambda: len(it.server.server_state.connections) == 2)
            assert clients.enter_context(Client(it.address)).post(10)[0] == 200


@pytest.mark.parametrize("ticks", [3, MANY], ids=["ours", "control: never looked at"])
@pytest.mark.parametrize("said", [b"", b"POST / HT", b"POST / HTTP/1.1\r\nHost: x\r\nX: "])
def test_who_asks_for_nothing_is_hung_up_on(serve, monkeypatch, ticks, said):
    monkeypatch.setattr(hosting.server, "_TICKS", ticks)
    it = serve()
    with Client(it.address) as quiet, Client(it.address) as kept, Client(it.address) as again:
        assert (kept.post(10)[0], again.post(10)[0]) == (200, 200)
        slow = Client(it.address).begin(10, 5)
        for mute in (quiet, again):
            if said or mute is quiet:
                mute.socket.sendall(said)
                assert mute.is_left_alone() == (ticks == MANY)
        assert kept.post(10)[0] == 200  # between two requests it may be quiet
        slow.socket.sendall(b"x" * 5)  # its request is known: the body has its own time
        assert slow.answer()[0] == 200
        slow.socket.close()


@pytest.mark.parametrize("most", [64 * K, MANY], ids=["ours", "control: httptools' own"])
@pytest.mark.parametrize("is_second", [False, True])
def test_a_head_has_a_bound(monkeypatch, most, is_second):
    """h11 has one of its own."""
    monkeypatch.setattr(hosting.server, "_HEAD_BYTES", most)
    pytest.importorskip("httptools")
    with serving("auto") as it, Client(it.address) as client:
        if is_second:
            assert client.post(300 * K)[0] == 200
        is_open = True
        try:
            client.socket.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nX: ")
            for _ in range(20):
                client.socket.sendall(b"x" * 256 * K)
            client.socket.sendall(b"\r\nContent-Length: 1\r\n\r\nx")
            is_open = client.answer() is not None
        except ConnectionError:
            is_open = False
        assert is_open == (most == MANY)


def test_requests_behind_each_other_are_not_taken_for_one_head(serve):
    with Client(serve().address) as client:
        one = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60_000
        threading.Thread(target=client.socket.sendall, args=(one * 20,)).start()
        told = b""
        while told.count(b"HTTP/1.1 200") < 20:
            piece = client.socket.recv(65536)
            assert piece, "it hung up"
            told += piece


def is_hung_up(address, send) -> bool:
    """Whether the server hangs up on who sends so; `send` gets a socket."""
    with Client(address) as client:
        client.socket.settimeout(3)
        try:
            send(client.socket)
            while client.socket.recv(65536):
                pass
        except TimeoutError:
            return False
        except ConnectionError:
            pass
        return True


@pytest.mark.parametrize("most", [64 * K, MANY], ids=["ours", "control: httptools' own"])
def test_what_comes_behind_a_body_has_the_same_bound(monkeypatch, most):
    monkeypatch.setattr(hosting.server, "_HEAD_BYTES", most)
    pytest.importorskip("httptools")

    def send(connection):
        head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + b"1\r\nx\r\n0\r\n")
        for _ in range(20):
            connection.sendall(b"a: b\r\n" * 3000)

    with serving("auto") as it:
        assert is_hung_up(it.address, send) == (most == 64 * K)


def test_a_body_in_small_pieces_is_read(serve):
    with Client(serve().address) as client:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.socket.sendall(head)
        for _ in range(100):
            client.socket.sendall(b"1\r\nx\r\n" * 1000)
        client.socket.sendall(b"0\r\n\r\n")
        assert client.answer()[2] == b"100000"


@pytest.mark.parametrize("most", [32, MANY], ids=["ours", "control: uvicorn's own"])
def test_requests_that_wait_on_a_connection_have_a_bound(monkeypatch, most):
    monkeypatch.setattr(hosting.server, "_PIPELINED", most)
    pytest.importorskip("httptools")
    one = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    with serving("auto") as it:
        assert is_hung_up(it.address, lambda its: its.sendall(one * 1000)) == (most == 32)


@pytest.mark.parametrize("ticks", [3, MANY], ids=["ours", "control: never looked at"])
def test_who_reads_nothing_is_hung_up_on(serve, monkeypatch, ticks):
    monkeypatch.setattr(hosting.server, "_TICKS", ticks)
    it = serve()
    connections = it.server.server_state.connections
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        deaf.connect(it.address)
        deaf.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        wait(lambda: len(connections) == 1 or ticks == 3)
        if ticks == MANY:
            time.sleep(1.5)
            assert len(connections) == 1
        else:
            wait(lambda: not connections)


ROOM = """
import resource, sys
from hosting import process
from hosting.log import log_to_stderr
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 600))
log_to_stderr()
wanted, *needed = map(int, sys.argv[1:])
print(process.make_room(wanted, 256, *needed), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of files")
@pytest.mark.parametrize(("wanted", "fit"), [(300, 300), (344, 344), (345, 344), (20_000, 344)])
def test_a_server_has_the_files_that_it_may_have_and_says_how_many_connections_fit(wanted, fit):
    ended = subprocess.run(
        [sys.executable, "-c", ROOM, str(wanted)],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.split() == [str(fit), "600", "600"]
    assert f"room for {fit} connections" in ended.stderr
    is_warned = f"LimitNOFILE={wanted + 256}" in ended.stderr and "WARNING" in ended.stderr
    assert is_warned == (fit < wanted)


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of files")
@pytest.mark.parametrize(("needed", "is_warned"), [(344, False), (345, True)])
def test_too_little_room_is_a_warning_where_it_is_needed(needed, is_warned):
    ended = subprocess.run(
        [sys.executable, "-c", ROOM, "20000", str(needed)],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "room for 344 connections, not for 20000" in ended.stderr
    assert ("WARNING" in ended.stderr) == is_warned


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no systemd")
@pytest.mark.parametrize("name", ["{folder}/notify", "@pingjia-{pid}"], ids=["path", "abstract"])
def test_systemd_is_told_when_requests_are_taken(tmp_path, monkeypatch, name):
    path = name.format(folder=tmp_path, pid=os.getpid())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.settimeout(10)
        systemd.bind(f"\0{path[1:]}" if path[0] == "@" else path)
        process.tell_ready()  # nobody asked for it
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        process.tell_ready()
        assert systemd.recv(100) == b"READY=1"
        process.tell_alive()
        assert systemd.recv(100) == b"WATCHDOG=1"
        systemd.settimeout(0.1)
        with pytest.raises(TimeoutError):
            systemd.recv(100)


@pytest.mark.parametrize(
    ("unit", "program"),
    [
        ("pingjia-central.service", "central/cli/run.py"),
        ("pingjia-central@.service", "central/cli/run.py"),
        ("pingjia-gateway.service", "gateway/gateway.py"),
    ],
)
def test_a_unit_lets_all_connections_in(unit, program):
    def number(name, text):
        return int(re.search(rf"^{name} ?= ?([\d_]+)", text, re.MULTILINE)[1])

    text = (ROOT / program).read_text()
    needed = number("_CONNECTIONS", text) + number("_FILES", text)
    assert number("LimitNOFILE", (ROOT / "deploy" / unit).read_text()) >= needed


@pytest.mark.parametrize("unit", sorted(path.name for path in (ROOT / "deploy").glob("*.service")))
def test_a_unit_may_write_beside_its_settings(unit):
    """By default databases stand there, and ProtectSystem=full makes /etc read-only."""
    text = (ROOT / "deploy" / unit).read_text()
    if "--config" not in text:  # mosquitto's, which keeps nothing
        return
    folder = re.search(r"--config (\S+)/\w+\.toml", text)[1]
    is_shut = re.search(r"^ProtectSystem=(full|strict)$", text, re.MULTILINE) is not None
    assert not is_shut or f"\nReadWritePaths=-{folder}\n" in text


@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "control: the newest goes"])
def test_strangers_who_only_connect_shut_nobody_out(serve, monkeypatch, is_ours):
    """FAULTS 23: neither those who say nothing, nor those who asked once and stay."""
    if not is_ours:
        monkeypatch.setattr(hosting.server, "_place_for", lambda new, mute, others: new)
    it = serve(connections=20)
    with ExitStack() as clients:

        def client():
            return clients.enter_context(Client(it.address))

        known = client()
        known.token = "Authorization: Bearer x\r\n"
        assert known.post(10)[0] == 200
        for one in [client() for _ in range(19)]:
            assert one.post(10)[0] == 200
        for _ in range(60):
            client()
        wait(lambda: len(it.server.server_state.connections) == 20)
        late = client()
        if is_ours:
            assert late.post(10)[0] == 200
        else:
            assert late.answer() is None
        assert known.post(10)[0] == 200
    wait(lambda: not it.server.server_state.connections)
    with Client(it.address) as again:
        assert again.post(10)[0] == 200
