"""A hall without its threads: its way to the centre and its desk, all time handed in."""

import itertools
import random

from gateway_hall import HALL, FixedCredentials, Pen, ScriptedCentre

from gateway.desk.services import Opening, ServiceDesk
from gateway.hall import intake
from gateway.hall.announcer import Announcer
from gateway.hall.earlier import Earlier
from gateway.hall.filing import Filed, Filing
from gateway.hall.hall_book import HallBook
from gateway.hall.inbox import Inbox
from gateway.hall.presence import Presence
from gateway.hall.restraint import Restraint
from gateway.keep.alarms import Alarms
from gateway.keep.hall_clock import HallClock
from gateway.keep.metrics import Metrics
from gateway.store import envelopes
from gateway.store.database import Database
from gateway.upward.alone import Alone
from gateway.upward.backoff import Backoff
from gateway.upward.centre import Centre, Contact
from gateway.upward.forwarder import Forwarder, Way
from gateway.upward.hall_watch import HallWatch
from gateway.upward.outbox import Outbox, Pace
from hosting.clock import now_ms
from protocol.message import encode_message
from protocol.topic import RECORD, STATE, topic

MINUTE_S = 60
DEVICES = [f"dev-{number}" for number in range(1, 13)]
HOUR_MS = 3_600_000
PACE = Pace(MINUTE_S * 1000, MINUTE_S * 1000, 60_000, 300_000, 30 * 24 * HOUR_MS)


class Said:
    """What the hall says to its devices, in the place of the broker: topics and payloads."""

    def __init__(self):
        self.messages: list[tuple[str, bytes]] = []

    def publish(self, name: str, payload: bytes, retain: bool) -> None:
        self.messages.append((name, payload))


class HandFedHall:
    """The gateway's way to the centre without its threads; each `look` is one round of them.

    seconds: the monotonic clock. wall_ms: the wall clock, which a test may step. paused_by: the
    clock of pauses, another one for a control.
    """

    def __init__(
        self,
        folder,
        centre: ScriptedCentre,
        is_hinted: bool = True,
        wall_ms: int | None = None,
        paused_by=None,
    ):
        self.centre = centre
        self.seconds = 1000.0
        self.wall_ms = now_ms() if wall_ms is None else wall_ms
        seconds = paused_by or (lambda hall: hall.seconds)
        self.pens = {device: Pen(device) for device in DEVICES}
        self.requests: list[tuple[float, list]] = []  # when, and its items
        alarms, inbox, chance = Alarms(), Inbox(99), random.Random(1)
        self.database = Database(folder / "gateway.sqlite")
        given = FixedCredentials()
        self._client = Centre(centre.url, given, Contact())
        self.alarms = alarms
        clock = self.clock = HallClock(self.database, lambda: self.wall_ms, lambda: self.seconds)
        self.book = HallBook(HALL, self.database, alarms, clock)
        self.presence = Presence(self.database, self.book, alarms, lambda: self.seconds)
        self.watch = HallWatch(
            book=self.book,
            inbox=inbox,
            centre=self._client,
            credentials=given,
            forgive=lambda: None,
            refresh_users=lambda: None,
            alarms=alarms,
            poll_s=MINUTE_S,
            backoff=Backoff(1, 300, chance),
            chance=chance,
            monotonic_s=lambda: seconds(self),
            now_ms=lambda: self.wall_ms,
        )
        alone = Alone(alarms, 60, 300, lambda: self.seconds)
        self.outbox = Outbox(self.database, "demo", PACE, clock, alone)
        restraint = self.restraint = Restraint(alarms, lambda: self.seconds, self.waiting_of)
        self.way = Way(
            outbox=self.outbox,
            inbox=inbox,
            alarms=alarms,
            metrics=Metrics(),
            backoff=Backoff(1, 300, chance),
            alone=alone,
            accuse=restraint.accuse,
            refused_retry_s=300,
            hint_version=self.watch.hint if is_hinted else lambda version: None,
            now_ms=lambda: self.wall_ms,
            monotonic_s=lambda: seconds(self),
        )
        forwarder = Forwarder(
            self.way,
            self.outbox,
            (self._client, self._client),
            live_gather_s=0,
            backlog_per_s=1_000_000,
            chance=chance,
            now_ms=lambda: self.wall_ms,
        )
        self.lanes = (forwarder.live, forwarder.backlog)
        wake = forwarder.live.wake
        earlier = Earlier(self.database)
        self.desk = ServiceDesk(self.database, self.book, inbox, wake, 20_000, clock, earlier)
        self.said = Said()
        self.announcer = Announcer(
            self.database,
            self.said,
            self.book,
            20_000,
            clock,
            earlier,  # type: ignore[arg-type]
        )
        self.earlier = earlier
        self._filing = Filing(self.database, self.book, clock, restraint, 60_000, 9)

    def pass_s(self, seconds: float) -> None:
        """So much time passes."""
        self.seconds += seconds
        self.wall_ms += round(seconds * 1000)

    def close(self) -> None:
        self._client.close()
        self.database.close()

    def look(self, after_s: float = 0.0) -> list:
        """So much later each thread looks once; the items that the centre got, if any."""
        self.pass_s(after_s)
        sent = len(self.centre.batches)
        self.watch.step(0)
        for lane in self.lanes:
            for _ in range(3):  # prepare, settle, and see that nothing is left to prepare
                lane.step(0)
                lane.send_step(0)
        items = list(itertools.chain.from_iterable(self.centre.batches[sent:]))
        self.requests += [(self.seconds, batch) for batch in self.centre.batches[sent:]]
        return items

    def idle(self, seconds: int) -> None:
        """So many seconds pass; each device says what it does every minute, at its own second."""
        for _ in range(seconds):
            for number, device in enumerate(DEVICES):
                if (self.seconds - number * 5) % MINUTE_S < 1:
                    self.tell(device)
            self.look(1.0)

    def tell(self, device: str) -> None:
        pen = self.pens[device]
        self.take_state(device, pen.head(up_ms=round(self.seconds * 1000)))

    def take_state(self, device: str, head: str) -> None:
        """A device tells its state, with this head."""
        self._file(device, STATE, encode_message(self.pens[device].state(head=head)))

    def rate(self, device: str, service: str) -> None:
        self._file(device, RECORD, self.pens[device].rating(service, at=self.wall_ms))

    def open(self, window: str = "w1", ticket_no: str = "A001") -> str:
        return self.desk.open(Opening(window, ticket_no, "single", (), None, "t", None))[0]

    def waiting_of(self, device: str) -> int:
        with self.database.read() as connection:
            return envelopes.waiting_of(connection, device)

    def take(self, device: str, *texts: bytes) -> Filed:
        """Records come, in one commit."""
        name = topic(HALL, device, RECORD)
        return self._filing.file([intake.judge(name, one, HALL, DEVICES) for one in texts])

    def _file(self, device: str, name: str, payload: bytes) -> None:
        self._filing.file([intake.judge(topic(HALL, device, name), payload, HALL, DEVICES)])
