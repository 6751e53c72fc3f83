"""A real centre on a real SQLite file, and devices that sign as real ones do."""

import asyncio
import gzip
import json
import re
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from anyio.from_thread import BlockingPortal
from empty_file import central_in
from fastapi.testclient import TestClient
from signed_in import CHEAP
from starlette.types import ASGIApp

from central.centre import Centre
from central.clockwork import Limits
from central.custody.intake import Intake
from central.directory.devices import revoke_device
from central.directory.halls import Halls
from central.keys import DeviceKeys, Participants
from central.people.tokens import Tokens
from central.ratings.versions import load_rules
from central.steady import PlainClock
from central.store.database import Database
from central.store.tables import metadata
from protocol.batch import (
    EnvelopeItem,
    FactsItem,
    Matter,
    ServiceDocument,
    decode_answer,
    decode_batch,
    encode_batch,
    encode_document,
)
from protocol.mac import sha256_hex
from protocol.record import Boot, Rating, decode, parse
from simulator.pen import Pen

SECRET = bytes(range(32))
PARTITION = re.compile(r"record_\d\d")
NOW_MS = 1_760_000_000_000


class Clock:
    """Epoch milliseconds; they stand still until a test moves them."""

    def __init__(self) -> None:
        self.ms = NOW_MS

    def __call__(self) -> int:
        return self.ms


class SigningDevice(Pen):
    """The pen as these tests hold it: envelopes are text, as in a batch, and its clock goes."""

    def sign(self, record: bytes) -> str:
        return super().sign(record).decode()

    def write(self, record) -> str:
        return super().write(record).decode()

    def record(self, kind, **changes):
        at = None if kind is Boot else NOW_MS + changes.get("seq", self.seq + 1)
        return super().record(kind, **{"at": at, **changes})

    def rating_record(self, **changes) -> Rating:
        return self.record(Rating, **changes)

    def boot(self, seq: int, gaps=(), prev: str | None = None, **changes) -> str:
        link = self.prev if prev is None else prev
        values = {"seq": seq, "gaps": tuple(gaps), "prev": link, "boot": 2, "up_ms": 7}
        return super().boot(**{**values, **changes})

    def head(self, seq: int, mac: str = "0" * 16, up_ms: int = 9, boot: int = 1, **more) -> str:
        return super().head(seq=seq, mac16=mac, up_ms=up_ms, boot=boot, **more)

    def raw(self, text: str) -> str:
        """Any bytes, signed; the device's place in its chain does not change."""
        return self.sign(text.encode())


_rules = cache(load_rules)  # nothing changes them


def client_of(app: ASGIApp) -> TestClient:
    """A client of an app in this process. All share one event loop: one for each request costs
    more than most requests.
    """
    client = TestClient(app, raise_server_exceptions=False)
    client.portal = _portal()
    return client


@cache
def _portal() -> BlockingPortal:
    begun = Future[BlockingPortal]()

    async def serve() -> None:
        async with BlockingPortal() as portal:
            begun.set_result(portal)
            await portal.sleep_until_stopped()

    threading.Thread(target=asyncio.run, args=(serve(),), daemon=True).start()
    return begun.result()


def logged_in(site, token: str) -> dict[str, str]:
    """The cookie of a browser in which somebody has logged in with this token."""
    secret, _ = site.sessions.log_in(token)
    return {"pingjia_centre": secret}


class Hall:
    """The centre as one hall's gateway meets it, and the database behind it.

    is_judged: at once, when something is posted; False for a test with a judge of its own.
    """

    is_judged = True

    def __init__(
        self,
        folder: Path,
        hall: str,
        database: Database,
        clock,
        time=None,
        profile="national",
        rules=None,
    ) -> None:
        self.folder, self.name, self.clock = folder, hall, clock
        self.serve(database, time, profile, rules)
        self.halls.add(hall, "大厅", "broker", 1883, None, folder / f"{hall}.token")
        self.halls.add_window(hall, "w1", "1号窗口")
        reader = folder / "reader.token"
        if not reader.exists():
            self.tokens.add("records:read", reader)
        self.headers = bearer(folder / f"{hall}.token")
        self.reader = bearer(reader)

    def serve(self, database: Database, time=None, profile="national", rules=None) -> None:
        """A centre on this database answers from now on."""
        self.database = database
        self.keys = DeviceKeys(SECRET)
        centre = Centre(
            *(database, self.keys, rules or _rules(profile), Limits()),
            time or PlainClock(self.clock),
            participants=Participants(SECRET),
            passwords=CHEAP,
        )
        self.intake, self.devices = centre.intake, centre.devices
        self.approval, self.endings = centre.approval, centre.endings
        self.note_running = centre.note_running
        self.settle_directory = centre.settle_directory
        self.figures, self.alarms, self.judge = centre.figures, centre.alarms, centre.judge
        self.site, self.closed, self.importer = centre.site, centre.closed, centre.importer
        self.halls, self.tokens = Halls(database, self.clock), Tokens(database, self.clock)
        self.accounts, self.sessions, self.people = centre.accounts, centre.sessions, centre.people
        self.client = client_of(centre.app)

    def enrol(self, device: str, window: str = "w1") -> SigningDevice:
        bundle = self.folder / f"{device}-{self.clock()}-{len(list(self.folder.iterdir()))}.json"
        self.devices.enrol(device, self.name, window, bundle, replaces=True)
        members = json.loads(bundle.read_text())
        return SigningDevice(device, members["epoch"], bytes.fromhex(members["key"]))

    def enrol_by_bench(self, device: str, window: str = "w1") -> SigningDevice:
        """As a technician does it, with a token for a day and the device's own board."""
        token = self.folder / f"{len(list(self.folder.iterdir()))}.bench"
        self.tokens.add(f"enrol:{self.name}", token)
        answer = self.client.post(
            f"/v1/halls/{self.name}/devices",
            json={"device": device, "window": window, "replaces": True},
            headers=bearer(token),
        )
        assert answer.status_code == 201, answer.text
        members = answer.json()
        return SigningDevice(device, members["epoch"], bytes.fromhex(members["key"]))

    def revoke(self, device: str, at_ms: int | None, reason: str) -> int:
        return revoke_device(self.database, device, at_ms, reason, self.clock())

    def report(self, period, hall, window):
        """The figures of a place, as pages and API show them when all is settled."""
        self.judge.settle_all()
        with self.database.read() as connection:
            return self.figures.report(connection, period, hall, window)

    def count_shares(self) -> None:
        """What the centre does every ten minutes, when all is settled."""
        self.judge.settle_all()
        with self.database.read() as connection:
            self.alarms.count_shares(connection)

    def findings(self, hall):
        """Alarms, marks and refusals, as pages and API show them."""
        with self.database.read() as connection:
            return self.alarms.findings(connection, hall, 5000).newest

    def post(self, *items, sent_ms=None):
        """POST /v1/batches: an envelope as str becomes an item; the decoded answer."""
        response = self.client.post(
            "/v1/batches",
            content=gzip.compress(encode_batch([item_of(item) for item in items], sent_ms)),
            headers={**self.headers, "content-encoding": "gzip"},
        )
        assert response.status_code == 200, response.text
        if self.is_judged:
            self.judge.settle_all()  # as a running centre does at once
        return decode_answer(response.content)

    def records(self, **query) -> list[dict]:
        response = self.client.get(
            "/v1/records", params={"limit": 5000, **query}, headers=self.reader
        )
        assert response.status_code == 200, response.text
        return response.json()["records"]

    def marks(self) -> dict[int, list[str]]:
        """seq -> marks of everything held."""
        return {
            json.loads(row["envelope"].rpartition("\n")[0])["seq"]: row["marks"]
            for row in self.records()
            if row["verdict"] == "stored"
        }


@contextmanager
def open_centre(folder: Path):
    """A centre of its own that knows xj-0417: its database, and what takes a batch of items."""
    database = central_in(folder)
    with database.write() as connection:
        for statement in (
            "insert into hall (hall, name, version, mqtt_host, mqtt_port, proven_ms)"
            " values ('demo', 'd', 1, 'h', 1, 0)",
            'insert into "window" (hall, "window", name, is_closed)'
            " values ('demo', 'w1', 'w', false)",
            'insert into device (device, epoch, hall, "window", password_hash, enrolled_at_ms,'
            " proven_ms, approved_at_ms) values ('xj-0417', 29333341, 'demo', 'w1', '', 0, 0, 0)",
        ):
            connection.exec_driver_sql(statement)
    intake = Intake(database, DeviceKeys(SECRET).key, PlainClock(lambda: NOW_MS))

    def take(items):
        body = encode_batch([item_of(item) for item in items])
        return intake.take(("demo",), *decode_batch(body))

    try:
        yield database, take
    finally:
        database.close()


def differences(connection) -> list:
    """Between the database's tables and central/store/tables; partitions are no tables."""
    context = MigrationContext.configure(
        connection,
        opts={
            "compare_type": True,
            "include_object": lambda _, name, kind, *__: (
                kind != "table" or PARTITION.fullmatch(name) is None
            ),
        },
    )
    return compare_metadata(context, metadata)


def counting(rows: list[dict]) -> list[dict]:
    """Of these records the ratings that count by the simplest rule: of each service the first, by
    the time it was given.
    """
    first: dict[tuple[str, str], tuple] = {}
    for row in rows:
        rating = decoded(row["envelope"])
        if row["level"] is None or "signed_after_revocation" in row["marks"]:
            continue
        place = (row["rated_at_ms"], rating.device, rating.epoch, rating.seq)
        service = (row["hall"], rating.service)
        if service not in first or place < first[service][0]:
            first[service] = place, row
    return [row for _, row in first.values()]


def item_of(item):
    """An envelope as the gateway offers it; other items as they are."""
    if isinstance(item, str):
        return EnvelopeItem(item, NOW_MS, "w1", None, ())
    return item


def bearer(token_file: Path) -> dict[str, str]:
    return {"authorization": f"Bearer {token_file.read_text().strip()}"}


def verdicts(answer) -> list[str]:
    return [verdict.verdict for verdict in answer.verdicts]


def receipt_seqs(answer) -> list[int]:
    return [parse(receipt.encode().rpartition(b"\n")[0])["seq"] for receipt in answer.receipts]


def document(**changes) -> tuple[FactsItem, str]:
    """A service document as an item, and its hash; the only one of its book unless it says so."""
    book = sha256_hex(repr(sorted(changes.items())).encode())[:16]
    values = {
        "book": book,
        "number": 1,
        "service": "S-1",
        "hall": "demo",
        "window": "w1",
        "kind": "single",
        "ticket_no": "A1",
        "staff_no": "0231",
        "matters": (Matter("p", 1, "t", "营业执照"),),
        "opened_at_ms": NOW_MS,
    }
    data = encode_document(ServiceDocument(**{**values, **changes}))
    return FactsItem(data.decode()), sha256_hex(data)


def decoded(envelope: str):
    return decode(parse(envelope.encode().rpartition(b"\n")[0]))
