"""Verification: a batch taken in with all of it, and only kept; and the store verified afterwards.

    python -m bench.verification

One process, real SQLite; the same gzipped batches of 500 ratings with their service documents.
"Only kept" reads the same items and inserts the same rows in one transaction: no MAC, no chain, no
mark, no count, no receipt.
"""

import gc
import gzip
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.hall import row
from bench.many.servers import MACS, calibration
from central.audit.verify import audit
from central.custody.intake import Intake
from central.directory.devices import Devices
from central.directory.halls import Halls
from central.keys import DeviceKeys
from central.steady import PlainClock
from central.store import ledger, services
from central.store.database import Database, open_database
from central.store.ledger import Row
from hosting.body import unpack
from protocol.batch import (
    EnvelopeItem,
    FactsItem,
    ServiceDocument,
    decode_batch,
    decode_item,
    encode_batch,
    encode_document,
)
from protocol.envelope import split
from protocol.limits import BATCH_BYTES
from protocol.mac import sha256_hex
from protocol.record import parse
from simulator.pen import Pen

DEVICES = 10
RECORDS = 20_000
RATINGS_A_BATCH = 250  # and as many documents
ROUNDS = 3
LEAST = 5_000  # records/s; with a document for each, so twice as many items
# What a record took with the contract's first edition, in bare MAC checks of 400 bytes: taken in
# (8,672 records/s), verified (11,060 records/s), when one of them took 1.78 µs.
FIRST_EDITION = {"taken in": 64.8, "verified in the store": 50.8}
MOST_MORE = 1.1
_NOW_MS = 1_760_000_000_000


def batches() -> list[bytes]:
    """Ratings of all devices in turn, each with its document, as a gateway posts them."""
    keys = DeviceKeys(bytes(32))
    epoch, names = _NOW_MS // 60_000, [f"bench-{device:04d}" for device in range(DEVICES)]
    pens = [Pen(name, epoch, keys.key(name, epoch)) for name in names]
    packed, items = [], []
    for number in range(RECORDS):
        pen = pens[number % DEVICES]
        seq = pen.seq + 1
        service = f"01JQ7V0M3T8K2N5W{number:010d}"
        document = ServiceDocument(
            *(service, "0" * 16, number + 1),
            *("demo", "w1", "single", f"A{seq}", "0231", (), _NOW_MS + number),
        )
        facts = encode_document(document)
        at = _NOW_MS + seq * 1000
        envelope = pen.rating(service=service, facts=sha256_hex(facts), at=at, took_ms=4200)
        items += [
            FactsItem(facts.decode()),
            EnvelopeItem(envelope.decode(), at, "w1", service, ()),
        ]
        if len(items) == 2 * RATINGS_A_BATCH:
            packed.append(gzip.compress(encode_batch(items), 3, mtime=0))
            items = []
    return packed


def run(packed: list[bytes], is_verified: bool) -> tuple[float, float]:
    """Records a second taken in, and records a second when the store is verified."""
    with tempfile.TemporaryDirectory(prefix="pingjia-bench-") as folder:
        database = open_database(f"sqlite:///{folder}/central.db")
        keys = DeviceKeys(bytes(32))
        database.sign_acts(keys.acts_key())
        halls = Halls(database, lambda: _NOW_MS)
        devices = Devices(database, keys.key, lambda: _NOW_MS)
        halls.add("demo", "demo", "h", 1, None, Path(folder, "token"))
        halls.add_window("demo", "w1", "1号窗口")
        for number in range(DEVICES):
            name = f"bench-{number:04d}"
            devices.enrol(name, "demo", "w1", Path(folder, name))
        intake = Intake(database, keys.key, PlainClock(lambda: _NOW_MS + 86_400_000))
        take: Callable[[bytes], object] = (
            (lambda body: intake.take(("demo",), *decode_batch(body)))
            if is_verified
            else (lambda body: keep(database, body))
        )
        gc.collect()
        began = time.perf_counter()
        for body in packed:
            take(unpack(body, "gzip", BATCH_BYTES))
        taken_s = time.perf_counter() - began
        began = time.perf_counter()
        if is_verified:
            with database.read() as connection:
                faults = list(audit(connection, keys.key))
            assert faults == [], faults[:3]
        walked_s = time.perf_counter() - began
        database.close()
        return RECORDS / taken_s, RECORDS / walked_s


def keep(database: Database, body: bytes) -> None:
    """Insert the items of a batch as they are."""
    rows, documents = [], []
    for raw in decode_batch(body).items:
        item = decode_item(raw)
        if isinstance(item, FactsItem):
            documents.append(_document(item.facts))
            continue
        envelope = item.envelope.encode()
        record, mac = split(envelope)
        members = parse(record)
        rows.append(
            Row(
                *(members["device"], members["epoch"], members["seq"], mac[:16], members["kind"]),
                *(members["prev"], envelope, item.received_at_ms, _NOW_MS, "demo", item.window),
                *(item.service, members["facts"], [], [], 5, members["at"]),
            )
        )
    with database.write() as connection:
        services.add_documents(connection, documents)
        ledger.add_rows(connection, rows)


def _document(facts: str) -> dict:
    content = facts.encode()
    members = json.loads(facts)
    names = ("hall", "service", "window", "ticket_no", "staff_no", "book", "number")
    names += ("opened_at_ms",)
    values = {name: members[name] for name in names}
    return {"facts": sha256_hex(content), "bytes": content, "stored_at_ms": _NOW_MS, **values}


def results() -> list[dict]:
    """The rows of `make bench`."""
    packed = batches()
    rounds = [(run(packed, True), run(packed, False)) for _ in range(ROUNDS)]
    own = statistics.median(one[0][0] for one in rounds)
    bare = statistics.median(one[1][0] for one in rounds)
    walked = statistics.median(one[0][1] for one in rounds)
    what = "records/s in one process"
    return [
        row(
            f"ingest with verification against ingest without, {what}",
            own,
            bare,
            f">= {LEAST} records/s",
            own >= LEAST,
        ),
        row(
            f"pingjia central verify against ingest, {what}",
            walked,
            own,
            f">= {LEAST} records/s",
            walked >= LEAST,
        ),
        *_in_macs({"taken in": own, "verified in the store": walked}),
    ]


def _in_macs(rates: dict[str, float]) -> list[dict]:
    """What a record costs in bare MAC checks: of two machines these can be compared."""
    mac_s = calibration()["ours"] / 1000 / MACS
    rows = []
    for what, rate in rates.items():
        cost, before = 1 / rate / mac_s, FIRST_EDITION[what]
        name = f"a record {what}, as a multiple of a bare MAC check, against the first edition"
        is_near = cost <= MOST_MORE * before
        rows.append(row(name, cost, before, f"at most {MOST_MORE} times", is_near))
    return rows


if __name__ == "__main__":
    for one in results():
        print(one)
    sys.exit()
