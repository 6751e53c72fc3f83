"""A hall for tests: a tiny real centre, devices that speak MQTT through paho, a real gateway.

The centre verifies and remembers like the real one, and can be told to misbehave.
"""

import gzip
import hashlib
import http.server
import json
import queue
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway.cli.broker import write_broker_files
from gateway.config import Config
from gateway.gateway import Gateway
from gateway.keep.hall_clock import HallClock
from gateway.upward.credentials import Credentials, trust
from hosting.password import password_hash
from protocol.access import FROM_GATEWAY
from protocol.batch import (
    DUPLICATE,
    REJECTED,
    STORED,
    Answer,
    EnvelopeItem,
    FactsItem,
    HeadItem,
    Progress,
    ProgressItem,
    Verdict,
    decode_batch,
    decode_item,
    encode_answer,
)
from protocol.envelope import is_signed, mac16, split
from protocol.hall import Device, Hall, Window, encode_hall
from protocol.message import State, Will, encode_message
from protocol.record import decode, parse
from protocol.topic import topic
from simulator import pen
from simulator.parts.part import free_port

HALL = "demo"
MOSQUITTO = "mosquitto"
# The rules that both brokers keep are tested with both.
BROKERS = ["embedded", pytest.param(MOSQUITTO, marks=pytest.mark.needs(MOSQUITTO))]
EPOCH = 29333341
PASSWORD = "right-password"
PASSWORD_HASH = password_hash(PASSWORD)


def key_of(device: str) -> bytes:
    """A device's key in these tests."""
    return hashlib.sha256(device.encode()).digest()


def until(condition, what: str, timeout_s: float = 10.0):
    """The first true value of `condition()`; fails with `what` after `timeout_s`."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"not within {timeout_s} s: {what}")


class Pen(pen.Pen):
    """The pen of a device whose key the scripted centre knows; it rates one service, S1."""

    def __init__(self, device: str, epoch: int = EPOCH):
        super().__init__(device, epoch, key_of(device))

    def rating(self, service: str = "S1", **changes) -> bytes:
        return super().rating(service=service, **changes)

    def boot(self, seq: int, gaps=()) -> bytes:
        return super().boot(seq=seq, gaps=gaps)


def receipt_of(device: str, seq: int, at: int = 1, epoch: int = EPOCH, mac: str = "0" * 16) -> str:
    """A receipt as the centre signs it."""
    return Pen(device, epoch).receipt(seq=seq, mac16=mac, at=at)


class ScriptedCentre:
    """A small centre on a free loopback port.

    `script` holds what the next batches meet: a status, the bytes of a 500, (429, "1"), "half",
    "lost", "few" or a number of seconds in a float; empty means that it works. `rejects` are
    envelopes to reject. A batch with one of the texts `fails_on` in it is answered 500; `failed`
    has how many items each of those had. tls: its certificate and key, for https.
    """

    def __init__(
        self,
        devices=("dev-1", "dev-2", "dev-3"),
        windows=("w1", "w2", "w3"),
        tls: tuple[Path, Path] | None = None,
    ):
        self.lock = threading.RLock()
        self.script: deque = deque()
        self.batches: list[list] = []
        self.held: dict[tuple[str, int], dict[int, bytes]] = {}
        self.documents: list[bytes] = []
        self.progress: list[Progress] = []
        self.sent_ms: list[int | None] = []
        self.heads: list[HeadItem] = []
        self.rejects: set[bytes] = set()
        self.fails_on: set[str] = set()
        self.failed: list[int] = []
        self.receipts: dict[str, str] = {}
        self.tokens: list[str | None] = []
        self.hall_requests: list[str | None] = []
        self.is_hall_known = True
        self.good_token: str | None = None  # the only one, if it is said
        self.hall = Hall(
            1,
            HALL,
            tuple(Window(window, f"{window}号窗口") for window in windows),
            *(None, None, None, None),  # as an older centre has it
            tuple(
                Device(device, window, EPOCH, PASSWORD_HASH, False, None, None, ())
                for device, window in zip(devices, windows, strict=True)
            ),
        )
        centre = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                centre.answer_hall(self)

            def do_POST(self):
                centre.answer_batch(self)

            def log_message(self, format, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        if tls is not None:
            shown = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            shown.load_cert_chain(*tls)
            self.server.socket = shown.wrap_socket(self.server.socket, server_side=True)
            self.url = self.url.replace("http:", "https:")
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def change_hall(self, **values) -> None:
        """Publish a newer hall document."""
        with self.lock:
            self.hall = self.hall._replace(version=self.hall.version + 1, **values)

    def change_device(self, device: str, **values) -> None:
        """Publish a newer hall document with one device changed."""
        with self.lock:
            self.change_hall(
                devices=tuple(
                    one._replace(**values) if one.device == device else one
                    for one in self.hall.devices
                )
            )

    def seqs(self, device: str) -> list[int]:
        """The seqs held of a device."""
        with self.lock:
            return sorted(self.held.get((device, EPOCH), {}))

    def answer_hall(self, request) -> None:
        with self.lock:
            self.hall_requests.append(request.headers.get("If-None-Match"))
            if not self.is_hall_known:
                return _reply(request, 503, b"")
            if not self._is_good(request):
                return _reply(request, 401, b"no")
            etag = f'"{self.hall.version}"'
            if request.headers.get("If-None-Match") == etag:
                return _reply(request, 304, b"")
            return _reply(request, 200, encode_hall(self.hall), {"ETag": etag})

    def answer_batch(self, request) -> None:
        body = gzip.decompress(request.rfile.read(int(request.headers["Content-Length"])))
        with self.lock:
            self.tokens.append(request.headers.get("Authorization"))
            act = self.script.popleft() if self.script else None
        if isinstance(act, float):
            time.sleep(act)
            act = None
        if not self._is_good(request):
            return _reply(request, 401, b"no")
        if isinstance(act, bytes):
            return _reply(request, 500, act)
        if isinstance(act, int):
            return _reply(request, act, b"no")
        if isinstance(act, tuple):
            return _reply(request, act[0], b"", {"Retry-After": act[1]})
        if any(text.encode() in body for text in self.fails_on):
            self.failed.append(len(decode_batch(body).items))
            return _reply(request, 500, b'{"detail":"it fails"}')
        answer = encode_answer(self.judge(body, is_short=act == "few"))
        if act == "lost":
            request.close_connection = True
            return None
        if act == "half":
            answer = answer[: len(answer) // 2]
        return _reply(request, 200, answer)

    def _is_good(self, request) -> bool:
        given = request.headers.get("Authorization")
        return self.good_token is None or given == f"Bearer {self.good_token}"

    def judge(self, body: bytes, is_short: bool) -> Answer:
        with self.lock:
            raw, sent_ms = decode_batch(body)
            self.sent_ms.append(sent_ms)
            items = [decode_item(item) for item in raw]
            self.batches.append(items)
            verdicts, named = [], set()
            for item in items:
                verdicts.append(self.judge_item(item, named))
            receipts = [self.receipts.get(d) or self.receipt(d, e) for d, e in sorted(named)]
            if is_short:
                verdicts = verdicts[:-1]
            known = tuple(receipt for receipt in receipts if receipt)
            return Answer(tuple(verdicts), known, self.hall.version)

    def judge_item(self, item, named: set) -> Verdict:
        if isinstance(item, FactsItem):
            self.documents.append(item.facts.encode())
            return Verdict(STORED, None, ())
        if isinstance(item, ProgressItem):
            self.progress.append(item.progress)
            return Verdict(STORED, None, ())
        text = item.head if isinstance(item, HeadItem) else item.envelope
        envelope = text.encode()
        members = parse(split(envelope)[0])
        device, epoch, seq = members["device"], members["epoch"], members["seq"]
        named.add((device, epoch))
        if not is_signed(key_of(device), envelope) or envelope in self.rejects:
            return Verdict(REJECTED, "bad_mac: no valid MAC", ())
        if isinstance(item, HeadItem):
            self.heads.append(item)
            return Verdict(STORED, None, ())
        assert isinstance(item, EnvelopeItem)
        held = self.held.setdefault((device, epoch), {})
        if held.get(seq) == envelope:
            return Verdict(DUPLICATE, None, ())
        held[seq] = envelope
        return Verdict(STORED, None, ())

    def receipt(self, device: str, epoch: int) -> str | None:
        """What it holds without a gap, as a receipt; None for nothing."""
        held = self.held.get((device, epoch), {})
        gaps = [
            gap
            for envelope in held.values()
            if (members := parse(split(envelope)[0])).get("kind") == "boot"
            for gap in decode(members).gaps
        ]
        reach = top = 0
        while True:
            jump = next((last for first, last, _ in gaps if first <= reach + 1 <= last), None)
            if reach + 1 in held:
                reach = top = reach + 1
            elif jump is not None:
                reach = jump
            else:
                break
        if top == 0:
            return None
        return receipt_of(device, top, at=top, epoch=epoch, mac=mac16(held[top]))


def _reply(request, status: int, body: bytes, headers=()) -> None:
    request.send_response(status)
    for name, value in dict(headers).items():
        request.send_header(name, value)
    if status != 304:
        request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


class Client:
    """A paho client that remembers what it was told; logs in as a device unless told otherwise."""

    def __init__(
        self,
        port: int,
        device: str,
        user: str | None = None,
        password: str | None = PASSWORD,
        will: tuple | None = None,
        clean: bool = True,
        in_flight: int = 100,
    ):
        self.device = device
        self.heard: queue.Queue = queue.Queue()
        self.topics: list[str] = []
        self.told: list[tuple[str, bytes]] = []
        self.acked: set[int] = set()
        self.reason = None
        self.granted: list | None = None
        self.is_connected = False
        self.is_gone = threading.Event()
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=device, clean_session=clean
        )
        self.client.max_inflight_messages = in_flight
        self.client.on_socket_open = _send_at_once
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_message = self._on_message
        self.client.on_publish = lambda client, data, mid, *_: self.acked.add(mid)
        self.client.on_subscribe = self._on_subscribe
        if password is not None:
            self.client.username_pw_set(user or device, password)
        if will is not None:
            self.client.will_set(*will)
        self.client.reconnect_delay_set(0.1, 0.1)  # type: ignore[arg-type]
        self.client.connect("127.0.0.1", port, 20)
        self.client.loop_start()

    def _on_connect(self, client, data, flags, reason, properties) -> None:
        self.reason = reason
        self.is_connected = not reason.is_failure

    def _on_disconnect(self, client, data, flags, reason, properties) -> None:
        self.is_connected = False
        self.is_gone.set()

    def _on_message(self, client, data, message) -> None:
        name = message.topic.rsplit("/", 1)[-1]
        self.topics.append(message.topic)
        self.told.append((message.topic, message.payload))
        self.heard.put((name, message.payload, message.retain, message.topic))

    def _on_subscribe(self, client, data, mid, reasons, properties) -> None:
        self.granted = [reason.value for reason in reasons]

    def enter(self, *names: str) -> "Client":
        """Wait for the login and subscribe to its own topics."""
        until(lambda: self.is_connected, f"login of {self.device} ({self.reason})")
        names = names or FROM_GATEWAY
        self.subscribe(*[topic(HALL, self.device, name) for name in names])
        return self

    def subscribe(self, *filters: str) -> list:
        """The granted QoS of each filter; 128 is a refusal."""
        self.granted = None
        self.client.subscribe([(one, 1) for one in filters])
        return until(lambda: self.granted, "an answer to the subscription")

    def send(self, envelope: bytes) -> int:
        """Publish a record; its message id."""
        return self.client.publish(topic(HALL, self.device, "record"), envelope, qos=1).mid

    def tell(self, message: State | Will) -> None:
        """Publish the state."""
        self.client.publish(
            topic(HALL, self.device, "state"), encode_message(message), qos=1, retain=True
        )

    def hear(self, name: str, matches=lambda value: value is not None, timeout_s: float = 10.0):
        """The first message on `name` that fits; others on the way are let fall, and unless asked
        for also the empty one that clears a retained ticket, which may come before the next.
        """
        end = time.monotonic() + timeout_s
        while (left := end - time.monotonic()) > 0:
            try:
                its_name, payload, _, _ = self.heard.get(timeout=left)
            except queue.Empty:
                break
            value = json.loads(payload) if payload else None
            if its_name == name and matches(value):
                return value
        raise AssertionError(f"{self.device} heard no such {name} within {timeout_s} s")

    def hear_hall(self, hall: int, timeout_s: float = 10.0):
        """The first `ack` with this number."""
        return self.hear("ack", lambda ack: ack["hall"] == hall, timeout_s)

    def break_off(self) -> None:
        """Lose the connection without a word."""
        open_socket: Any = self.client.socket()
        open_socket.shutdown(socket.SHUT_RDWR)

    def leave(self) -> None:
        """Disconnect properly."""
        self.client.disconnect()
        self.client.loop_stop()


def _send_at_once(client, data, sock: Any) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class FixedCredentials(Credentials):
    """A hall's token that stands in no file."""

    def __init__(self, token: str = "token"):
        self.edition = 0
        self.token, self.trusted = token, trust()

    def renew(self) -> bool:
        return False


class HandTime:
    """Both clocks of a gateway, in a test's hand: wall_ms, and the monotonic seconds."""

    def __init__(self, wall_ms: int = 1_760_000_000_000):
        self.wall_ms = wall_ms
        self.seconds = 1000.0

    def clock(self, database) -> HallClock:
        """The clock of a gateway that starts now."""
        return HallClock(database, lambda: self.wall_ms, lambda: self.seconds)

    def pass_s(self, seconds: float) -> None:
        """So much time passes."""
        self.seconds += seconds
        self.wall_ms += round(seconds * 1000)


def write_private(path: Path, text: str) -> None:
    """A file that others than its owner cannot read."""
    path.touch(0o600)
    path.write_text(text)


def settings_in(folder: Path, centre_url: str, **other) -> Config:
    """A configuration with short timers and free ports."""
    write_private(folder / "token", "hall-token\n")
    values = {
        "hall": HALL,
        "data_dir": folder / "data",
        "centre_url": centre_url,
        "centre_token_file": folder / "token",
        "api_listen_port": 0,
        "mqtt_port": 0,
        "hall_poll_s": 0.2,
        "head_every_s": 0.2,
        "retry_first_s": 0.05,
        "retry_longest_s": 0.2,
        "refused_retry_s": 0.3,
        "reoffer_first_s": 0.2,
        "reoffer_longest_s": 0.4,
        "mqtt_reconnect_s": 0.1,
        "broker_restart_s": 0.1,
        "centre_timeout_s": 5,
    }
    return Config(**{**values, **other})


def broker_files_in(folder: Path, centre_url: str, **other) -> Config:
    """The same, and the files of a mosquitto on a free port, made by the gateway's command."""
    external = {"broker": "external", "broker_files": folder / "broker", "mqtt_port": free_port()}
    settings = settings_in(folder, centre_url, **external, **other)
    write_broker_files(out=folder / "broker", config=write_settings(folder, settings))
    return settings


def write_settings(folder: Path, settings: Config) -> Path:
    """gateway.toml in `folder`, which says the same as `settings`."""
    config = folder / "gateway.toml"
    values = settings.model_dump(mode="json", exclude_none=True)
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in values.items()]
    config.write_text("".join(lines), "utf-8")
    return config


def health_of(url: str) -> tuple[int, dict]:
    """Status and answer of /healthz."""
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def start_gateway(settings: Config, wait_for_hall: bool = True) -> Gateway:
    """A running gateway whose devices may log in."""
    gateway = Gateway(settings)
    try:
        gateway.start()
        assert gateway.wait_ready(20)
        if wait_for_hall:
            until(lambda: gateway.book.version is not None, "the hall document")
            if settings.broker_files:
                # The broker reads its users some moments later; no test uses the last device.
                device = Client(port_of(gateway), [*gateway.book.logins()][-1])
                device.enter().leave()
    except BaseException:
        gateway.stop()
        raise
    return gateway


def port_of(gateway: Gateway) -> int:
    """The broker's port."""
    return int(gateway.mqtt_address.rsplit(":", 1)[1])
