"""The real firmware's journal and link on one side, the real centre on the other, nothing between.

No processes: nothing here depends on time but what the test says.
"""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "central"), str(TESTS / "firmware")]

from central_hall import Clock as Time  # noqa: E402
from central_hall import Hall, bearer, document, receipt_seqs, verdicts  # noqa: E402, F401
from fake_board import FakeBoard  # noqa: E402

from central.custody.marks import mark_of  # noqa: E402
from central.ratings.period import last_days  # noqa: E402
from central.store.database import open_database  # noqa: E402
from firmware.bundle import read_bundle  # noqa: E402
from firmware.clock import Clock  # noqa: E402
from firmware.enrolment import create  # noqa: E402
from firmware.journal import Journal  # noqa: E402
from firmware.link import Link  # noqa: E402
from protocol.answer import of_level  # noqa: E402
from protocol.batch import EnvelopeItem, HeadItem  # noqa: E402
from protocol.message import Ack, encode_message  # noqa: E402
from protocol.message import Clock as ClockMessage  # noqa: E402
from protocol.record import Rating, parse  # noqa: E402
from protocol.settings import open_settings  # noqa: E402

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


class EnrolledBoard(FakeBoard):
    """A board with a bundle of the centre's."""

    def __init__(self, bundle: bytes):
        super().__init__(round_ms=10000, round_max_ms=40000, answer_ms=2000)
        self._bundle = bundle

    def read_bundle(self):
        return self._bundle


class Device:
    """The firmware's journal and link; what leaves them is for the hall to do with as it likes."""

    def __init__(self, centre: Hall, name: str, window: str = "w1", is_told: bool = True):
        file = centre.folder / f"{name}.bundle"
        centre.devices.enrol(name, centre.name, window, file, replaces=True)
        self.board = EnrolledBoard(file.read_bytes())
        bundle = read_bundle(file.read_bytes())
        self.name, self.epoch, self._time = name, bundle.identity.epoch, centre.clock
        self._started_ms = centre.clock()
        create(self.board.files, bundle.identity.key)
        self.journal = Journal(self.board.files, bundle.identity, "0.1.0", "power", 4, 50)
        self.clock = Clock(self.board.ticks_ms, self.board.ticks_diff)
        self._identity = bundle.identity
        self.wording = None
        self.link = Link(
            *(self.board, bundle, self.journal, self.clock, self.board.timing, "0.1.0"),
            *(lambda ticket, is_retained: None, lambda: None, self._take_wording, lambda: None),
        )
        self.journal.begin(*self._now())
        self.link.start_rounds()
        self.link.is_online = True
        self.ratings = self.shown = 0
        if is_told:
            self.told_time(centre.clock())
        self.acknowledged(0)
        centre.post(*self.offers())  # its boot

    def rate(self, count: int = 1, **changes) -> list[str]:
        """So many presses; the records that leave, the oldest first."""
        for _ in range(count):
            self.ratings += 1
            values = {
                "service": f"{self.name}-{self.ratings}",
                "ticket_no": f"A{self.ratings}",
                "staff_no": "0231",
                "facts": "0" * 64,
                "level": 1,
                "settings": 0,
                "took_ms": 1,
                "shown": self.shown,
                "input": "key",
            }
            up_ms, at = self._now()
            values |= changes
            answer = of_level(values.pop("level"))
            envelope = self.journal.append(Rating, up_ms, at, answer, **values)
            self.link.send(envelope)
        return self.offers()

    def offers(self) -> list[str]:
        """What it sends now."""
        sent = []
        while (envelope := self.link.next_envelope()) is not None:
            sent.append(envelope.decode())
        return sent

    def offers_again(self) -> list[str]:
        """What it sends when the pause between two rounds is over."""
        self._now()
        self.board.now += 40_000
        return self.offers()

    def head(self) -> HeadItem:
        """What `state` says of its journal."""
        head = self.journal.head(self._now()[0], self.shown, self.shown)
        return HeadItem(head.decode(), self.journal.receipt(), None)

    def acknowledged(self, hall: int, receipt: str | None = None) -> None:
        """The hall says what it likes."""
        self.told("ack", encode_message(Ack(self.epoch, hall, receipt)))

    def _take_wording(self, data: bytes) -> None:
        device, epoch, key = self._identity
        self.wording = open_settings(key, device, epoch, 0, data)

    def told_time(self, now_ms: int) -> None:
        self._now()
        self.told("clock", encode_message(ClockMessage(now_ms)))

    def told(self, name: str, payload: bytes) -> None:
        self.link.take(f"pj/1/demo/{self.name}/{name}", payload)

    def _now(self):
        self.board.now = max(self.board.now, self._time() - self._started_ms)
        return self.clock.up_ms(), self.clock.at()


class Province:
    """The centre, and what its supervisor sees."""

    def __init__(self, folder: Path):
        self.time = Time()
        self.database = open_database(f"sqlite:///{folder}/central.db")
        self.centre = Hall(folder, "demo", self.database, self.time)
        self.centre.halls.add_window("demo", "w2", "2号窗口")
        self.centre.tokens.add("pages:read", folder / "pages.token")
        self.centre.tokens.add("figures:read", folder / "figures.token")
        self.time.ms += DAY_MS
        self.device = Device(self.centre, "xj-0417")
        self._token = (folder / "pages.token").read_text().strip()
        self._figures = bearer(folder / "figures.token")

    def post(self, *items):
        """An honest gateway's items; envelopes are received now."""
        return self.centre.post(
            *(
                EnvelopeItem(item, self.time(), "w1", None, ()) if isinstance(item, str) else item
                for item in items
            )
        )

    def take(self, *items) -> None:
        """Post, and tell the device what an honest gateway tells it."""
        answer = self.post(*items)
        seqs = receipt_seqs(answer)
        self.device.acknowledged(seqs[0] if seqs else 0, *answer.receipts)

    def hear(self, device: Device, *items) -> None:
        """Post items and the device's head, and tell it the newest receipt."""
        answer = self.post(*items, device.head())
        told = [parse(one.encode()[:-65]) for one in answer.receipts]
        for receipt, text in zip(told, answer.receipts, strict=True):
            if receipt["device"] == device.name:
                device.acknowledged(receipt["seq"], text)

    def hours(self, hours: float) -> None:
        """Time goes by, and with it what the centre does every ten minutes."""
        self.time.ms += round(hours * HOUR_MS)
        self.centre.count_shares()

    def runs(self, hours: float) -> None:
        """Time goes by, and the centre notes in each minute of it that it runs."""
        self.hours(hours)
        with self.database.write() as connection:
            newest = "(select max(since_ms) from running)"
            query = f"update running set until_ms = {self.time()} where since_ms = {newest}"
            connection.exec_driver_sql(query)

    def alarms(self) -> set[str]:
        """The names in the API."""
        return set(self.findings()) - {"facts_missing"}

    def findings(self) -> dict[str, dict]:
        answer = self.centre.client.get("/v1/marks", headers=self._figures)
        return {one["mark"]: one for one in answer.json()["marks"]}

    def reads(self, mark: str) -> bool:
        """Whether the supervisor's page says what was found and what to do."""
        page = self.page("/marks")
        row = mark_of(mark)
        return all(text in page for text in (row.title, row.meaning, row.advice))

    def page(self, path: str) -> str:
        """What stands on one of the supervisor's pages."""
        html = {"accept": "text/html", "sec-fetch-site": "same-origin"}
        self.centre.client.post("/login", data={"token": self._token}, headers=html)
        return self.centre.client.get(path, headers=html).text

    def today(self):
        """The figures of the province today."""
        return self.centre.report(last_days(1, self.time()), None, None).whole

    def levels(self) -> list[int]:
        """The levels held, in the device's order."""
        return [one["level"] for one in self.centre.records() if one["level"] is not None]
