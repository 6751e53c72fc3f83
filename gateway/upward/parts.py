"""The parts of the way to the centre, put together: gateway/gateway.py has the others."""

import random
import time
from collections.abc import Callable

from gateway.config import Config
from gateway.hall.hall_book import HallBook
from gateway.hall.inbox import Inbox
from gateway.hall.restraint import Restraint
from gateway.keep.alarms import Alarms
from gateway.keep.hall_clock import HallClock
from gateway.keep.metrics import Metrics
from gateway.store.database import Database
from gateway.upward.alone import Alone
from gateway.upward.backoff import Backoff
from gateway.upward.carried import FOLDER, Carried
from gateway.upward.centre import Centre, Contact
from gateway.upward.credentials import Credentials, Files
from gateway.upward.forwarder import Forwarder, Way
from gateway.upward.hall_watch import HallWatch
from gateway.upward.outbox import Outbox, Pace
from hosting.clock import now_ms
from hosting.worker import Ticker, Worker

_CARRIED_EVERY_S = 2.0
_chance = random.SystemRandom()


def credentials_of(config: Config, alarms: Alarms) -> Credentials:
    """What the hall shows, and whom it trusts. Raises OperatorError."""
    files = (config.centre_ca, config.centre_certificate, config.centre_key)
    return Credentials(Files(config.centre_token_file, *files), alarms)


class Upward:
    """Everything that talks to the centre. refresh_users: as `HallWatch` has it."""

    def __init__(
        self,
        config: Config,
        credentials: Credentials,
        *,
        database: Database,
        book: HallBook,
        clock: HallClock,
        inbox: Inbox,
        restraint: Restraint,
        refresh_users: Callable[[], None],
        alarms: Alarms,
        metrics: Metrics,
    ):
        self.contact = Contact()
        url, proxy, timeout_s = config.centre_url, config.proxy, config.centre_timeout_s
        # A connection for each thread that talks to the centre.
        self._centres = [
            Centre(url, credentials, self.contact, proxy, timeout_s) for _ in range(3)
        ]
        pace = Pace.of(config)
        alone = Alone(
            alarms,
            pace.reoffer_first_ms / 1000,
            pace.reoffer_longest_ms / 1000,
            time.monotonic,
        )
        self.outbox = Outbox(database, config.hall, pace, clock, alone)

        def backoff() -> Backoff:
            return Backoff(config.retry_first_s, config.retry_longest_s, _chance)

        way = Way(
            outbox=self.outbox,
            inbox=inbox,
            alarms=alarms,
            metrics=metrics,
            backoff=backoff(),
            alone=alone,
            accuse=restraint.accuse,
            refused_retry_s=config.refused_retry_s,
            hint_version=lambda version: self.hall_watch.hint(version),
            now_ms=now_ms,
            monotonic_s=time.monotonic,
        )
        self.hall_watch = HallWatch(
            book=book,
            inbox=inbox,
            centre=self._centres[0],
            credentials=credentials,
            refresh_users=refresh_users,
            forgive=way.forgive,
            alarms=alarms,
            poll_s=config.hall_poll_s,
            backoff=backoff(),
            chance=_chance,
            monotonic_s=time.monotonic,
            now_ms=now_ms,
        )
        self._is_carried = config.carried
        self._carried = Carried(
            config.data_dir / FOLDER,
            database,
            config.hall,
            way,
            self.hall_watch.take,
            self.contact,
            alarms,
        )
        self.forwarder = Forwarder(
            way,
            self.outbox,
            (self._centres[1], self._centres[2]),
            live_gather_s=config.live_gather_s,
            backlog_per_s=config.backlog_per_s,
            chance=_chance,
            now_ms=now_ms,
        )

    def workers(self) -> list[Worker]:
        """The threads that do it; where files are carried, one that looks for them."""
        if self._is_carried:
            return [Ticker("carried", _CARRIED_EVERY_S, self._carried.look, at_once=True)]
        live, backlog = self.forwarder.live, self.forwarder.backlog
        return [
            Worker("live", live.step),
            Worker("live-sender", live.send_step),
            Worker("backlog", backlog.step),
            Worker("backlog-sender", backlog.send_step),
            Worker("hall-watch", self.hall_watch.step),
        ]

    def wake(self) -> None:
        """Let the threads look up, so that they can end."""
        self.forwarder.stop()
        self.hall_watch.wake()

    def close(self) -> None:
        """Close the connections; no thread uses them any more."""
        for centre in self._centres:
            centre.close()
