"""The gateway's parts, and how they hang together."""

import contextlib
import logging
import random
import threading
import time

from sqlalchemy.exc import DatabaseError

from gateway.broker.embedded import EmbeddedBroker
from gateway.broker.mosquitto import Mosquitto
from gateway.broker.mqtt import Link
from gateway.broker.users import gateway_password, users_of
from gateway.config import Config
from gateway.desk.console import Console
from gateway.desk.finder import Finder
from gateway.desk.services import ServiceDesk
from gateway.hall.announcer import Announcer
from gateway.hall.custody import Custody
from gateway.hall.earlier import Earlier
from gateway.hall.filing import Filing
from gateway.hall.hall_book import HallBook
from gateway.hall.inbox import Inbox
from gateway.hall.intake import reread
from gateway.hall.restraint import Restraint
from gateway.keep.alarms import Alarms
from gateway.keep.certificates import Renewal
from gateway.keep.folder_lock import FolderLock
from gateway.keep.hall_clock import HallClock
from gateway.keep.metrics import Metrics
from gateway.keep.reserve import Reserve, Room
from gateway.keep.salvage import Salvage, open_database
from gateway.store import envelopes
from gateway.upward.alone import Alone
from gateway.upward.backoff import Backoff
from gateway.upward.centre import Centre, trust
from gateway.upward.forwarder import Forwarder, Way
from gateway.upward.hall_watch import HallWatch
from gateway.upward.outbox import Outbox, Pace
from gateway.web.api import create_app
from gateway.web.health import Health
from gateway.web.overview import Overview
from gateway.web.pages import create_site
from hosting import process
from hosting.clock import last_time, now_ms
from hosting.listener import address, listen, url_of
from hosting.secret_file import read_token
from hosting.server import Server
from hosting.worker import Ticker, Worker

log = logging.getLogger(__name__)

_LOOK_S = 0.2
_CONNECTIONS = 2000  # of clerks, displays and queue systems
_FILES = 256  # for broker, centre, database and ourselves
_KEEP_EVERY_S = 3600
_LOOK_EVERY_S = 20

DATABASE = "gateway.sqlite"  # in data_dir
RESERVE = "reserve"


class Gateway:
    """All parts of one hall; `start` runs them, `stop` ends them.

    Raises OperatorError if the database, a secret or the API's port cannot be used. Centre and
    broker may come later.
    """

    def __init__(self, config: Config):
        self.config = config
        self._lock = FolderLock(config.data_dir)
        token = read_token(config.centre_token_file, "ask the centre for this hall's token.")
        trusted = trust(config.centre_ca, config.centre_certificate, config.centre_key)
        self._listener = listen(
            config.api_listen_host,
            config.api_listen_port,
            "is another gateway running? See api_listen_host and api_listen_port.",
        )
        path = config.data_dir / DATABASE
        reserve = Reserve(config.data_dir / RESERVE, config.reserve_mb * 1024 * 1024)
        reserve.release()  # on a full disk SQLite needs some of it even to open
        self.database = open_database(path, now_ms())
        reserve.hold()
        password = gateway_password(config.data_dir)
        chance = random.SystemRandom()
        self.alarms = Alarms()
        self.metrics = Metrics()
        self.clock = HallClock(self.database)
        self.book = HallBook(config.hall, self.database, self.alarms, self.clock)
        self.inbox = Inbox(config.queue_messages)
        earlier = Earlier(self.database)

        users = users_of(password, self.book.logins)
        self.broker = self.mosquitto = None
        if config.broker == "embedded":
            self.broker = EmbeddedBroker(
                config.hall,
                config.mqtt_host,
                config.mqtt_port,
                users,
                self.alarms,
                config.broker_restart_s,
                config.certificate,
            )
        elif config.broker_files is not None:
            self.mosquitto = Mosquitto(config.broker_files, config.hall, users, self.alarms)
        self.link = Link(
            hall=config.hall,
            password=password,
            deliver=self.inbox.put,
            on_up=self._on_up,
            alarms=self.alarms,
            ca=config.mqtt_ca,
            reconnect_s=config.mqtt_reconnect_s,
        )

        # A connection for each thread that talks to the centre.
        self._centres = [
            Centre(config.centre_url, token, trusted, config.proxy, config.centre_timeout_s)
            for _ in range(3)
        ]
        self.hall_watch = HallWatch(
            book=self.book,
            inbox=self.inbox,
            centre=self._centres[0],
            refresh_users=self._refresh_users,
            alarms=self.alarms,
            poll_s=config.hall_poll_s,
            backoff=Backoff(config.retry_first_s, config.retry_longest_s, chance),
            chance=chance,
            monotonic_s=time.monotonic,
        )
        pace = Pace.of(config)
        alone = Alone(
            self.alarms,
            pace.reoffer_first_ms / 1000,
            pace.reoffer_longest_ms / 1000,
            time.monotonic,
        )
        restraint = Restraint(self.alarms, time.monotonic, self._waiting_of)
        self._outbox = Outbox(self.database, config.hall, pace, self.clock, alone)
        way = Way(
            outbox=self._outbox,
            inbox=self.inbox,
            alarms=self.alarms,
            metrics=self.metrics,
            backoff=Backoff(config.retry_first_s, config.retry_longest_s, chance),
            alone=alone,
            accuse=restraint.accuse,
            refused_retry_s=config.refused_retry_s,
            hint_version=self.hall_watch.hint,
            now_ms=now_ms,
            monotonic_s=time.monotonic,
        )
        self.forwarder = Forwarder(
            way,
            self._outbox,
            (self._centres[1], self._centres[2]),
            live_gather_s=config.live_gather_s,
            backlog_per_s=config.backlog_per_s,
            chance=chance,
            now_ms=now_ms,
        )

        self.custody = Custody(
            inbox=self.inbox,
            book=self.book,
            filing=Filing(
                self.database,
                self.book,
                self.clock,
                restraint,
                live_ms=round(config.live_s * 1000),
                quarantine_kept=config.quarantine_kept,
            ),
            room=Room(self.database, reserve, self.alarms),
            link=self.link,
            announcer=Announcer(
                self.database, self.link, self.book, config.invite_ms, self.clock, earlier
            ),
            forward=self.forwarder.wake,
            alarms=self.alarms,
            metrics=self.metrics,
        )
        salvage = Salvage(
            path,
            config.hall,
            self.database,
            self.alarms,
            reread=reread,
            now_ms=now_ms,
            wake=self.forwarder.backlog.wake,
        )

        self.desk = ServiceDesk(
            self.database,
            self.book,
            self.inbox,
            self.forwarder.live.wake,
            config.invite_ms,
            self.clock,
            earlier,
        )
        self.health = Health(self.database, self.book, self.link, self.alarms)
        finder = Finder(self.database, self.book, self.inbox)
        app = create_app(self.database, self.desk, finder, self.book, self.metrics, self.health)
        self.site = create_site(
            self.database,
            Overview(self.database, self.book, self.alarms, now_ms, config.secure_dir),
            finder,
            Console(self.database, self.desk, self.book, now_ms, config.invite_ms),
        )
        self.site.install(app)
        self._server = Server(
            app,
            connections=process.make_room(_CONNECTIONS, _FILES),
            before_stop=self.site.close,
            stop_s=3,
            **config.api_tls,
        )
        self._api = threading.Thread(
            target=self._server.run, args=([self._listener],), name="api", daemon=True
        )

        self._workers = [
            Worker("custody", self.custody.step),
            Worker("live", self.forwarder.live.step),
            Worker("live-sender", self.forwarder.live.send_step),
            Worker("backlog", self.forwarder.backlog.step),
            Worker("backlog-sender", self.forwarder.backlog.send_step),
            Worker("salvage", salvage.step),
            Worker("hall-watch", self.hall_watch.step),
            # The first time is told when a device comes online.
            Ticker("clock", config.clock_every_s, self._tell_time),
            Ticker("day", _LOOK_EVERY_S, self._look_at_the_desk, at_once=True),
            Ticker("watch", _LOOK_EVERY_S, lambda: (self.link.look(), restraint.look())),
            Ticker("keeping", _KEEP_EVERY_S, self._keep, at_once=True),
        ]
        if self.mosquitto is not None:
            self._workers.append(Worker("mosquitto", self.mosquitto.step))
        if config.secure_dir is not None:
            use = [self._server.use_certificate, self._refresh_users]
            self.renewal = Renewal(config.secure_dir, self.alarms, self.metrics, use)
            self._workers.append(Ticker("renewal", _LOOK_EVERY_S, self.renewal.look, at_once=True))

        self.mqtt_address = ""
        watch = self.metrics.watch
        watch("inbox_messages", "Deliveries that wait for a commit.", self.inbox.__len__)
        watch("mqtt_up", "Whether the broker's session stands.", self.link.is_up)
        watch("alarms", "Alarms that stand, see /healthz.", lambda: len(self.alarms.standing()))
        watch("waiting_records", "Records without a verdict.", lambda: self.health.count().records)
        self.metrics.watch_disk(config.data_dir)

    def start(self) -> None:
        """Run everything. Raises OperatorError if the broker's start, or its files, fail."""
        host, port = self.config.mqtt_host, self.config.mqtt_port
        if self.broker is not None:
            self.broker.start()
            port = self.broker.port
        if self.mosquitto is not None:
            self.mosquitto.start()
        self.mqtt_address = address(host, port)
        self.link.start(host, port)
        for worker in self._workers:
            worker.start()
        self._api.start()

    def wait_ready(self, timeout_s: float) -> bool:
        """Wait until API, broker and MQTT session are up; whether they are."""
        until = time.monotonic() + timeout_s
        is_up = self.link.wait_up(timeout_s)
        while is_up and not self._server.started and time.monotonic() < until:
            time.sleep(0.01)
        return is_up and self._server.started

    @property
    def api_url(self) -> str:
        """Where the API listens."""
        return url_of(self._listener, "https" if self._server.config.is_ssl else "http")

    def stop(self) -> None:
        """End everything; what was not acknowledged comes again after the next start."""
        self._server.end()
        for worker in self._workers:
            worker.ask_to_stop()
        self.inbox.close()
        self.forwarder.stop()
        self.hall_watch.wake()
        for worker in self._workers:
            worker.join()
        self.link.stop()
        if self.broker is not None:
            self.broker.stop()
        if self._api.ident is not None:
            self._api.join(5)
        self._listener.close()
        for centre in self._centres:
            centre.close()
        with contextlib.suppress(DatabaseError):  # damaged, or no room: it forgets an hour
            self.clock.note()
        self.database.close()
        self._lock.release()

    def _refresh_users(self) -> None:
        for broker in (self.broker, self.mosquitto):
            if broker is not None:
                broker.refresh_users()

    def _on_up(self) -> None:
        if self.mosquitto is not None:
            self.mosquitto.refresh_users()  # it may have read its files before we wrote them
        self.inbox.want(is_everything=True, clocks=self.book.devices)

    def _waiting_of(self, device: str) -> int:
        with self.database.read() as connection:
            return envelopes.waiting_of(connection, device)

    def _keep(self) -> bool:
        self.clock.note()
        return self._outbox.let_go()

    def _look_at_the_desk(self) -> None:
        self.desk.close_overdue()
        self.desk.sign_out_before(last_time(self.config.sign_out_at, now_ms()))

    def _tell_time(self) -> None:
        self.inbox.want(clocks=self.book.devices)


def run(config: Config, stopping: threading.Event) -> None:
    """Run a gateway until `stopping` is set, and say on standard output when it is ready.

    When its database turns out to be damaged it is started again, which sets the file aside.
    Raises OperatorError if it cannot start.
    """
    while not stopping.is_set():
        gateway = Gateway(config)
        try:
            gateway.start()
            while not gateway.wait_ready(0.5):
                if stopping.is_set():
                    return
            # Whoever starts us reads these two lines to learn the ports.
            process.say(f"mqtt {gateway.mqtt_address}", f"ready {gateway.api_url}")
            while not stopping.wait(_LOOK_S) and not gateway.database.is_damaged.is_set():
                pass
        finally:
            gateway.stop()
