"""The yardsticks: what the same libraries do when nobody validates, dedupes or keeps custody.

    python -m bench.bare subscriber PORT PASSWORD_FILE COUNT
    python -m bench.bare gateway PORT PASSWORD_FILE COUNT CENTRE_URL DATABASE
    python -m bench.bare centre DATABASE LOG
    python -m bench.bare health
    python -m bench.bare batches DATABASE_URL

`subscriber` acknowledges and counts: the ceiling of the client library. `gateway` is the one that
most people would write: one commit and one request for each message, then the acknowledgement.
`centre` stores each body and notes in LOG when it was durable. `health` only says that it is well.
`batches` is a centre that inserts each body as one row, commits, and knows no new hall document.
Each prints `ready` (these three: `ready URL`); the first two then the monotonic second in which
message COUNT was acknowledged.
"""

import asyncio
import json
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import paho.mqtt.client as paho
import psycopg
import uvicorn
from fastapi import FastAPI, Request, Response
from sqlalchemy.engine import make_url

from protocol.access import GATEWAY_USER
from simulator.parts.hall import HALL

_KEEP_ALIVE_S = 75  # as the centre: uvicorn's 5 s would hang up on a hall between two ratings
_CONNECTIONS = 8  # to PostgreSQL: more commits at a time are no faster on two processors


def subscribe(port: str, password_file: str, count: str, keep) -> None:
    """Call `keep(payload)` for each record, acknowledge it, and say when there were so many."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=GATEWAY_USER, manual_ack=True)
    client.username_pw_set(GATEWAY_USER, Path(password_file).read_text().strip())
    wanted, seen, is_done = int(count), 0, threading.Event()

    def on_message(client, userdata, message) -> None:
        nonlocal seen
        keep(message.payload)
        client.ack(message.mid, message.qos)
        seen += 1
        if seen == wanted:
            print(time.monotonic(), flush=True)
            is_done.set()

    client.on_message = on_message
    client.on_socket_open = lambda c, u, sock: sock.setsockopt(
        socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
    )
    client.on_connect = lambda c, *_: c.subscribe(f"pj/1/{HALL}/+/record", 1)
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.connect("127.0.0.1", int(port))
    client.loop_start()
    is_done.wait()
    time.sleep(0.2)


def subscriber(port: str, password_file: str, count: str) -> None:
    """Only count."""
    subscribe(port, password_file, count, lambda payload: None)


def gateway(port: str, password_file: str, count: str, centre_url: str, path: str) -> None:
    """A commit and a request for each message."""
    database = _open(path)
    client = httpx2.Client(base_url=centre_url, trust_env=False)

    def keep(payload: bytes) -> None:
        database.execute("INSERT INTO envelope (envelope) VALUES (?)", (payload,))
        database.commit()
        client.post("/v1/records", content=payload).raise_for_status()

    subscribe(port, password_file, count, keep)


def centre(path: str, log: str) -> None:
    """A commit for each request."""
    database, app = _open(path), FastAPI()
    notes = Path(log).open("w", buffering=1)  # noqa: SIM115 - as long as the process

    @app.post("/v1/records")
    async def post(request: Request) -> dict:
        body = await request.body()
        database.execute("INSERT INTO envelope (envelope) VALUES (?)", (body,))
        database.commit()
        at_s = time.monotonic()
        notes.write(f"{at_s} {at_s} {json.dumps([body.decode()])}\n")
        return {}

    _serve(app)


def health() -> None:
    """The least that an API answers."""
    app = FastAPI()

    @app.get("/")
    async def get() -> dict:
        return {"status": "ok"}

    _serve(app)


def batches(url: str) -> None:
    """A commit for each batch."""
    insert = _inserter(url)
    app = FastAPI()

    @app.post("/v1/batches")
    async def post(request: Request) -> dict:
        await insert(await request.body())
        return {}

    @app.get("/v1/halls/{hall}")
    async def get(hall: str) -> Response:
        return Response(status_code=304)

    _serve(app)


def _inserter(url: str) -> Callable[[bytes], Awaitable[None]]:
    parts = make_url(url)
    if parts.get_backend_name() == "sqlite":
        database = _open(parts.database or "")

        async def insert(body: bytes) -> None:
            database.execute("INSERT INTO envelope (envelope) VALUES (?)", (body,))
            database.commit()

        return insert
    address = parts.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as first:
        first.execute("CREATE TABLE envelope (id BIGSERIAL PRIMARY KEY, envelope BYTEA)")
    free: asyncio.Queue[psycopg.AsyncConnection | None] = asyncio.Queue()
    for _ in range(_CONNECTIONS):
        free.put_nowait(None)

    async def insert_there(body: bytes) -> None:
        connection = await free.get() or await psycopg.AsyncConnection.connect(address)
        await connection.execute("INSERT INTO envelope (envelope) VALUES (%s)", (body,))
        await connection.commit()
        free.put_nowait(connection)

    return insert_there


def _serve(app: FastAPI) -> None:
    # With its protocol named: only then does asyncio set TCP_NODELAY.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    print(f"ready http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, timeout_keep_alive=_KEEP_ALIVE_S
    )
    uvicorn.Server(config).run([listener])


def _open(path: str) -> sqlite3.Connection:
    database = sqlite3.connect(path, check_same_thread=False)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE envelope (id INTEGER PRIMARY KEY, envelope BLOB)")
    return database


if __name__ == "__main__":
    yardsticks = {one.__name__: one for one in (subscriber, gateway, centre, health, batches)}
    yardsticks[sys.argv[1]](*sys.argv[2:])
