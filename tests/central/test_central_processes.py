"""Several centres behind one address on one PostgreSQL: real processes, new connections."""

import gzip
import http.client
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from central_hall import (
    SECRET,
    Hall,
    document,
    item_of,
    receipt_seqs,
    verdicts,
)

from central.audit.verify import audit
from central.keys import DeviceKeys
from central.store.database import open_database
from hosting.clock import now_ms
from hosting.listener import listen
from protocol.batch import decode_answer, encode_batch

pytestmark = pytest.mark.needs("postgresql")

ROOT = Path(__file__).parents[2]
DEVICES, RATINGS = 6, 16
# Every batch stays a little before it is committed, so that two of them are often there at once.
START = """
import time
from central.custody import batch
batch.STEPS += (lambda _: time.sleep(0.02),)
from pingjia import app
app()
"""
# The control: halls are looked up, but nobody has to wait for anybody.
UNLOCKED = f"""
from types import SimpleNamespace
from central.store import places, sql
places.sql = SimpleNamespace(**{{**vars(sql), "for_update": lambda connection: ""}})
{START}
"""


@contextmanager
def centre(folder, url, name, code=START):
    """A centre as a process; its connections to the database bear `name`."""
    environment = {"PINGJIA_CENTRAL_DATABASE_URL": url, "PGAPPNAME": name}
    arguments = ["central", "run", "--until-stdin-closes"]
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            cwd=folder,
            env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert process.stdout.readline().startswith("ready"), (folder / f"{name}.log").read_text()
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def post(port, headers, *items):
    """A batch over a new connection; again while nobody takes it, as gateways do."""
    body = gzip.compress(encode_batch([item_of(item) for item in items]))
    headers = {**headers, "content-encoding": "gzip"}
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        with suppress(OSError, http.client.HTTPException):
            connection.request("POST", "/v1/batches", body, headers)
            response = connection.getresponse()
            data = response.read()
            if response.status == 200:
                connection.close()
                return decode_answer(data)
            assert response.status == 503, data
        connection.close()
    raise AssertionError("nobody took the batch")


@pytest.fixture
def address(tmp_path, cluster, request):
    """A folder with a centre's settings, the database's url, and the port they share."""
    url = cluster.make_database(f"shared_{abs(hash(request.node.name))}")
    with listen("127.0.0.1", 0, "?") as free:
        port = free.getsockname()[1]
    (tmp_path / "central.toml").write_text(f"listen_port = {port}\nshare_address = true\n")
    secret = tmp_path / "master.secret"
    secret.touch(0o600)
    secret.write_bytes(SECRET)
    return tmp_path, url, port


@pytest.mark.parametrize("code", [START, UNLOCKED], ids=["ours", "control: no hall is locked"])
def test_what_comes_to_two_centres_at_once_is_kept_as_if_there_were_one(address, code):
    """Documents and their ratings, each rating twice, by way of whichever process takes it; half
    way one of the two is stopped and another one started. Every third document tells another story
    than its rating. The control misses some of these: neither batch saw the other.
    """
    folder, url, port = address
    database = open_database(url)
    hall = Hall(folder, "demo", database, now_ms)
    pens = [hall.enrol(f"xj-{number:04}") for number in range(DEVICES)]
    answers, last = [], {}

    def rate(pen, numbers, threads):
        for number in numbers:
            name = f"{pen.device}-{number}"
            facts, facts_hash = document(service=name, ticket_no="B9" if number % 3 == 0 else "A1")
            rating = pen.rating(service=name, facts=facts_hash, ticket_no="A1", at=now_ms())
            last[pen.device] = rating
            posted = [threads.submit(post, port, hall.headers, rating) for _ in range(2)]
            posted.append(threads.submit(post, port, hall.headers, facts))
            answers.extend(one.result() for one in posted)

    def rate_all(numbers):
        with ThreadPoolExecutor(3 * DEVICES) as threads, ThreadPoolExecutor(DEVICES) as rating:
            for one in [rating.submit(rate, pen, numbers, threads) for pen in pens]:
                one.result()

    with centre(folder, url, "second", code):
        with centre(folder, url, "first", code) as first:
            began = instant(database)
            rate_all(range(RATINGS // 2))
            took_part = busy_since(database, began)
            first.send_signal(signal.SIGTERM)
            first.wait(15)
        with centre(folder, url, "third", code):
            began = instant(database)
            rate_all(range(RATINGS // 2, RATINGS))
            assert busy_since(database, began) == {"second", "third"}
    assert took_part == {"first", "second"}

    told = Counter(word for answer in answers for word in verdicts(answer))
    with database.read() as connection:
        awaited = connection.exec_driver_sql("SELECT count(*) FROM awaited").scalar()
        marked = connection.exec_driver_sql(
            "SELECT count(*) FROM record WHERE marks LIKE '%%facts_differ%%'"
        ).scalar()
        stored = connection.exec_driver_sql("SELECT count(*) FROM record").scalar()
        faults = {fault.name for fault in audit(connection, DeviceKeys(SECRET).key)}
    count = DEVICES * RATINGS
    assert stored == count
    assert told == {"stored": 2 * count, "duplicate": count}
    assert [receipt_seqs(hall.post(rating)) for rating in last.values()] == [[RATINGS]] * DEVICES
    is_whole = (awaited, marked) == (0, DEVICES * len(range(0, RATINGS, 3)))
    assert is_whole == (code == START), (awaited, marked)
    database.close()
    if code == START:
        assert faults == set()  # chains, receipts, counts
        logs = "".join(path.read_text() for path in folder.glob("*.log"))
        assert "deadlock" not in logs


def instant(database):
    """Now, on the database's clock."""
    with database.read() as connection:
        return connection.exec_driver_sql("SELECT clock_timestamp()").scalar()


def busy_since(database, began):
    """Which processes have asked the database for something since then."""
    query = (
        "SELECT DISTINCT application_name FROM pg_stat_activity"
        " WHERE application_name <> '' AND state_change > %s"
    )
    with database.read() as connection:
        return {row[0] for row in connection.exec_driver_sql(query, (began,))}
