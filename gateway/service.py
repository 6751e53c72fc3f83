"""The gateway's parts, and how they hang together."""

import logging
import math
import random
import socket
import sys
import threading
import time

import uvicorn

from gateway import api, pages
from gateway.alarm import Alarms
from gateway.announcer import Announcer
from gateway.broker import EmbeddedBroker
from gateway.centre import Centre, trust
from gateway.console import Console
from gateway.custody import Custody
from gateway.error import GatewayError
from gateway.forwarder import BACKLOG, LIVE, Backoff, Lane, Way
from gateway.hall import HallBook
from gateway.hall_watch import HallWatch
from gateway.inbox import Inbox
from gateway.metrics import Metrics
from gateway.mosquitto import Mosquitto
from gateway.mqtt import Link
from gateway.outbox import Outbox, Pace
from gateway.overview import Overview
from gateway.reserve import Reserve
from gateway.salvage import Salvage, open_database
from gateway.secret import gateway_password, password_hash, read_secret
from gateway.services import ServiceDesk
from gateway.settings import Settings
from gateway.store import envelopes
from gateway.worker import Worker
from protocol.hall import Hall
from protocol.topic import GATEWAY_USER

log = logging.getLogger(__name__)

_LOOK_S = 0.2
_LET_GO_EVERY_S = 3600

DATABASE = "gateway.sqlite"  # in data_dir
RESERVE = "reserve"


def now_ms() -> int:
    """The hall's clock, epoch milliseconds."""
    return time.time_ns() // 1_000_000


class Gateway:
    """All parts of one hall; `start` runs them, `stop` ends them.

    Raises GatewayError if the database, a secret or the API's port cannot be used. Centre and
    broker may come later.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        token = read_secret(settings.centre_token_file)
        trusted = trust(settings.centre_ca, settings.centre_certificate, settings.centre_key)
        self._socket = _listen(settings.api_listen_host, settings.api_listen_port)
        path = settings.data_dir / DATABASE
        self._reserve = Reserve(settings.data_dir / RESERVE, settings.reserve_mb * 1024 * 1024)
        self._reserve.release()  # on a full disk SQLite needs some of it even to open
        self.database = open_database(path, now_ms())
        self._reserve.hold()
        password = gateway_password(settings.data_dir)
        chance = random.SystemRandom()
        self.alarms = Alarms()
        self.metrics = Metrics()
        self.book = HallBook(settings.hall, self.database, self.alarms, now_ms)
        self.inbox = Inbox(settings.queue_messages)
        self.link = Link(
            hall=settings.hall,
            password=password,
            inbox=self.inbox,
            on_up=self._on_up,
            alarms=self.alarms,
            ca=settings.mqtt_ca,
            reconnect_s=settings.mqtt_reconnect_s,
        )
        self.announcer = Announcer(self.database, self.link, self.book, settings.invite_ms, now_ms)
        # A connection for each thread that talks to the centre.
        self.centres = [
            Centre(settings.centre_url, token, trusted, settings.proxy, settings.centre_timeout_s)
            for _ in range(3)
        ]
        self.hall_watch = HallWatch(
            self.book,
            self.centres[0],
            self.alarms,
            settings.hall_poll_s,
            Backoff(settings.retry_first_s, settings.retry_longest_s, chance),
            chance,
            now_ms,
        )
        outbox = Outbox(self.database, _pace(settings))
        way = Way(
            outbox,
            self.inbox,
            self.alarms,
            self.metrics,
            Backoff(settings.retry_first_s, settings.retry_longest_s, chance),
            settings.refused_retry_s,
            self.hall_watch.hint,
            now_ms,
        )
        self.live = Lane(
            LIVE,
            self.centres[1],
            way,
            outbox.live_batch,
            per_s=math.inf,
            gather_s=settings.live_gather_s,
            chance=chance,
            now_ms=now_ms,
        )
        self.backlog = Lane(
            BACKLOG,
            self.centres[2],
            way,
            outbox.backlog_batch,
            per_s=settings.backlog_per_s,
            gather_s=0,
            chance=chance,
            now_ms=now_ms,
        )
        self._outbox = outbox
        self.salvage = Salvage(
            path, settings.hall, self.database, self.alarms, now_ms, self.backlog.wake
        )
        self.custody = Custody(
            self.database,
            self.inbox,
            self.link,
            self.book,
            self.announcer,
            self.alarms,
            self.metrics,
            self._reserve,
            self._wake_forwarder,
            now_ms,
            live_ms=round(settings.live_s * 1000),
            quarantine_kept=settings.quarantine_kept,
        )
        self.desk = ServiceDesk(self.database, self.book, self.inbox, self.live.wake, now_ms)
        self._password_hash = password_hash(password)
        self.broker = (
            EmbeddedBroker(
                settings.hall,
                settings.mqtt_host,
                settings.mqtt_port,
                self._users,
                self.alarms,
                settings.broker_restart_s,
            )
            if settings.broker == "embedded"
            else None
        )
        self.mosquitto = (
            Mosquitto(settings.broker_files, settings.hall, self._users, self.alarms)
            if settings.broker_files is not None
            else None
        )
        self.book.on_change = self._on_hall_change
        app = api.build(self.database, self.desk, self.book, self.link, self.alarms, self.metrics)
        self.site = pages.build(
            self.database,
            Overview(self.database, self.book, self.alarms, now_ms),
            Console(self.database, self.desk, self.book, now_ms),
        )
        self.site.install(app)
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=3)
        )
        self._workers = [
            Worker("custody", self.custody.step),
            Worker("live", self.live.step),
            Worker("live-sender", self.live.send_step),
            Worker("backlog", self.backlog.step),
            Worker("backlog-sender", self.backlog.send_step),
            Worker("salvage", self.salvage.step),
            Worker("hall-watch", self.hall_watch.step),
            Worker("clock", self._clock),
            Worker("keeping", self._let_go),
        ]
        if self.mosquitto is not None:
            self._workers.append(Worker("mosquitto", self.mosquitto.step))
        self._api = threading.Thread(
            target=self._server.run, args=([self._socket],), name="api", daemon=True
        )
        self._stopping = threading.Event()
        self.mqtt_address = ""
        self._watch_metrics()

    def start(self) -> None:
        """Run everything. Raises GatewayError if the embedded broker cannot start, or the files
        of another one cannot be written."""
        host, port = self.settings.mqtt_host, self.settings.mqtt_port
        if self.broker is not None:
            self.broker.start()
            port = self.broker.port
        if self.mosquitto is not None:
            self.mosquitto.start()
        self.mqtt_address = f"{host}:{port}"
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
        host, port = self._socket.getsockname()[:2]
        return f"http://{host}:{port}"

    def stop(self) -> None:
        """End everything; what was not acknowledged comes again after the next start."""
        self._stopping.set()
        self.site.close()
        self._server.should_exit = True
        for worker in self._workers:
            worker.ask_to_stop()
        self.inbox.close()
        self._wake_forwarder(0, 0)
        self.hall_watch.wake()
        for worker in self._workers:
            worker.join()
        self.link.stop()
        if self.broker is not None:
            self.broker.stop()
        if self._api.ident is not None:
            self._api.join(5)
        self._socket.close()
        for centre in self.centres:
            centre.close()
        self.database.close()

    def _let_go(self) -> None:
        if not self._outbox.let_go(now_ms()):
            self._stopping.wait(_LET_GO_EVERY_S)

    def _wake_forwarder(self, live: int, old: int) -> None:
        if live or not old:
            self.live.wake()
        if old or not live:
            self.backlog.wake()

    def _watch_metrics(self) -> None:
        watch = self.metrics.watch
        watch("inbox_messages", "Deliveries that wait for a commit.", lambda: len(self.inbox))
        watch("mqtt_up", "Whether the broker's session stands.", lambda: self.link.is_up())
        watch("alarms", "Alarms that stand, see /healthz.", lambda: len(self.alarms.standing()))
        watch("waiting_records", "Records without a verdict.", self._count_waiting)
        self.metrics.watch_disk(self.settings.data_dir)

    def _count_waiting(self) -> int:
        with self.database.read() as tx:
            return envelopes.waiting_counts(tx)["waiting"]

    def _users(self) -> dict[str, str]:
        return {GATEWAY_USER: self._password_hash, **self.book.logins()}

    def _on_up(self) -> None:
        if self.mosquitto is not None:
            self.mosquitto.refresh_users()  # it may have read its files before we wrote them
        self.inbox.want(is_everything=True, clocks=self.book.devices)

    def _on_hall_change(self, before: Hall | None, after: Hall) -> None:
        if self.broker is not None:
            self.broker.refresh_users()
        if self.mosquitto is not None:
            self.mosquitto.refresh_users()
        former = [] if before is None else [(before, after)]
        self.inbox.want(former=former, is_everything=True, acks=self.book.devices)

    def _clock(self) -> None:
        # The first time is told when a device comes online.
        if not self._stopping.wait(self.settings.clock_every_s):
            self.inbox.want(clocks=self.book.devices)


def run(settings: Settings, stopping: threading.Event) -> None:
    """Run a gateway until `stopping` is set, and say on standard output when it is ready.

    When its database turns out to be damaged it is started again, which sets the file aside.
    Raises GatewayError if it cannot start.
    """
    while not stopping.is_set():
        gateway = Gateway(settings)
        try:
            gateway.start()
            while not gateway.wait_ready(0.5):
                if stopping.is_set():
                    return
            # Whoever starts us reads these two lines to learn the ports.
            sys.stdout.write(f"mqtt {gateway.mqtt_address}\nready {gateway.api_url}\n")
            sys.stdout.flush()
            log.info("hall %s is ready", settings.hall)
            while not stopping.wait(_LOOK_S) and not gateway.database.is_damaged.is_set():
                pass
        finally:
            gateway.stop()


def _pace(settings: Settings) -> Pace:
    return Pace(
        live_ms=round(settings.live_s * 1000),
        head_every_ms=round(settings.head_every_s * 1000),
        reoffer_first_ms=round(settings.reoffer_first_s * 1000),
        reoffer_longest_ms=round(settings.reoffer_longest_s * 1000),
        keep_ms=settings.keep_days * 86_400_000,
    )


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise GatewayError(
            f"The API cannot listen on {host}:{port}: {error.strerror}. Is another gateway "
            "running? See api_listen_host and api_listen_port."
        ) from error
