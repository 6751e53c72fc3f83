"""The gateway's parts, and how they hang together."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable

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
from gateway.hall.history import History
from gateway.hall.inbox import Inbox
from gateway.hall.intake import reread
from gateway.hall.presence import Presence
from gateway.hall.restored import Restored
from gateway.hall.restraint import Restraint
from gateway.keep.alarms import Alarms
from gateway.keep.certificates import Renewal, count_days
from gateway.keep.folder_lock import FolderLock
from gateway.keep.hall_clock import HallClock
from gateway.keep.metrics import Metrics
from gateway.keep.reserve import Reserve, Room
from gateway.keep.salvage import Salvage, open_database
from gateway.store import envelopes
from gateway.upward.parts import Upward, credentials_of
from gateway.web.api import create_app
from gateway.web.bridge import MESSAGE_BYTES
from gateway.web.health import VERSION, Health
from gateway.web.inside import views_of
from gateway.web.kiosk import Kiosk
from gateway.web.pages import create_site
from hosting import process
from hosting.clock import last_time, now_ms
from hosting.listener import address, listen, url_of
from hosting.server import Server
from hosting.worker import Ticker, Worker

log = logging.getLogger(__name__)

_LOOK_S = 0.2
_CONNECTIONS = 2000  # of clerks, displays and queue systems
_FILES = 256  # for broker, centre, database and ourselves
_KEEP_EVERY_S = 3600
_LOOK_EVERY_S = 20
_WATCH_EVERY_S = 5
_STUCK_S = 60.0

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
        self.alarms = Alarms()
        credentials = credentials_of(config, self.alarms)
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
        self.metrics = Metrics()
        self.clock = HallClock(self.database)
        self.book = HallBook(config.hall, self.database, self.alarms, self.clock)
        self.inbox = Inbox(config.queue_messages)
        self.presence = Presence(self.database, self.book, self.alarms, time.monotonic)
        known = (self.database, self.book, self.presence, self.alarms)
        self.history = History(*known, now_ms, VERSION)
        earlier = Earlier(self.database)
        restored = Restored(*(self.database, self.book.standing, earlier, self.clock, self.alarms))

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
            self.mosquitto = Mosquitto(
                config.broker_files,
                config.hall,
                users,
                self.alarms,
                is_known=lambda: self.book.current is not None,
                certificate=config.certificate,
            )
        self.link = Link(
            hall=config.hall,
            password=password,
            deliver=self.inbox.put,
            on_up=self._on_up,
            on_down=lambda: self.presence.listen(False),
            alarms=self.alarms,
            ca=config.mqtt_ca,
            reconnect_s=config.mqtt_reconnect_s,
        )

        restraint = Restraint(self.alarms, time.monotonic, self._waiting_of)
        self.upward = Upward(
            config,
            credentials,
            database=self.database,
            book=self.book,
            clock=self.clock,
            inbox=self.inbox,
            restraint=restraint,
            refresh_users=self._refresh_users,
            alarms=self.alarms,
            metrics=self.metrics,
        )
        self.hall_watch, self.forwarder = self.upward.hall_watch, self.upward.forwarder
        room = Room(config.data_dir, self.database, reserve, self.alarms, self.clock.note)
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
            room=room,
            presence=self.presence,
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
        self.health = Health(
            self.database, self.book, self.link, self.presence, self.upward.contact, self.alarms
        )
        finder = Finder(self.database, self.book, self.inbox, self.presence)
        app = create_app(
            self.database, self.desk, finder, self.book, self.presence, self.metrics, self.health
        )
        views = views_of(config, *known, self.link, self.upward.contact, now_ms)
        self.site = create_site(
            *(self.database, *views, finder),
            Console(self.database, self.desk, self.book, self.presence, now_ms, config.invite_ms),
        )
        Kiosk(config, self._broker_port, self.link.tls, self.book).install(app)
        self.site.install(app)
        self._server = Server(
            app,
            connections=process.make_room(_CONNECTIONS, _FILES),
            on_ready=process.tell_ready,
            on_beat=self._beat,
            before_stop=self.site.close,
            message_bytes=MESSAGE_BYTES,
            stop_s=3,
            **config.api_tls,
        )
        self._api = threading.Thread(
            target=self._server.run, args=([self._listener],), name="api", daemon=True
        )

        self._workers = [
            Worker("custody", self.custody.step),
            Worker("salvage", salvage.step),
            *self.upward.workers(),
            # The first time is told when a device comes online.
            Ticker("clock", config.clock_every_s, self._tell_time),
            Ticker("day", _LOOK_EVERY_S, self._look_at_the_desk, at_once=True),
            Ticker("watch", _WATCH_EVERY_S, self._looks(restraint, restored), at_once=True),
            Ticker("disk", _WATCH_EVERY_S, room.look, at_once=True),
            Ticker("keeping", _KEEP_EVERY_S, self._keep, at_once=True),
        ]
        if self.mosquitto is not None:
            self._workers.append(Worker("mosquitto", self.mosquitto.step))
        if config.secure_dir is not None:
            use = [self._server.use_certificate, self._refresh_users]
            self.renewal = Renewal(config.secure_dir, self.alarms, use)
            self._workers.append(Ticker("renewal", _LOOK_EVERY_S, self.renewal.look, at_once=True))

        self.mqtt_address = ""
        self.health.watch(self.metrics)
        count_days(self.metrics, config.secure_dir)
        self.metrics.watch(
            "inbox_messages", "Deliveries that wait for a commit.", self.inbox.__len__
        )
        self.metrics.watch_disk(config.data_dir)

    def start(self) -> None:
        """Run everything. Raises OperatorError if the broker's start, or its files, fail."""
        if self.broker is not None:
            self.broker.start()
        host, port = self.config.mqtt_host, self._broker_port()
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
        self.upward.wake()
        for worker in self._workers:
            worker.join()
        self.link.stop()
        if self.broker is not None:
            self.broker.stop()
        if self._api.ident is not None:
            self._api.join(5)
        self._listener.close()
        self.upward.close()
        with contextlib.suppress(DatabaseError):  # damaged, or no room: it forgets an hour
            self.clock.note()
        self.database.close(is_last=True)
        self._lock.release()

    def _broker_port(self) -> int:
        return self.config.mqtt_port if self.broker is None else self.broker.port

    def _beat(self) -> None:
        """Alive: requests are answered, and no step of what ratings pass through is stuck."""
        if self._workers[0].busy_s() < _STUCK_S:
            process.tell_alive()

    def _refresh_users(self) -> None:
        for broker in (self.broker, self.mosquitto):
            if broker is not None:
                broker.refresh_users()

    def _looks(self, restraint: Restraint, restored: Restored) -> Callable[[], None]:
        def look() -> None:
            self.link.look()
            restraint.look()
            self.presence.look()
            restored.look()
            self.history.look()

        return look

    def _on_up(self) -> None:
        self.presence.listen(True)
        if self.mosquitto is not None:
            self.mosquitto.refresh_users()  # it may have read its files before we wrote them
        self.inbox.want(is_everything=True, clocks=self.book.devices)

    def _waiting_of(self, device: str) -> int:
        with self.database.read() as connection:
            return envelopes.waiting_of(connection, device)

    def _keep(self) -> bool:
        self.clock.note()
        return self.upward.outbox.let_go()

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
