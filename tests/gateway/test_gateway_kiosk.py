"""The kiosk's files, and its way to the broker through a WebSocket. TOP-1"""

import gzip
import hashlib
import http.client
import json
import shutil
import socket
import ssl
import threading
from contextlib import ExitStack, suppress
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from gateway_hall import HALL, PASSWORD, settings_in, start_gateway, until
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from central.rules.reasons import TEXTS
from gateway.config import CA
from gateway.keep.certificates import Certificates, now_utc
from gateway.store import quarantine
from gateway.web import bridge
from gateway.web.bridge import client_of, is_own_origin
from simulator.parts.part import free_port

CLEAN_LOGIN = 0xC2  # user name, password, clean session


def packet(kind, body):
    assert len(body) < 16384
    length = [len(body)] if len(body) < 128 else [len(body) % 128 | 128, len(body) // 128]
    return bytes([kind, *length]) + body


def text(value):
    return len(value).to_bytes(2, "big") + value.encode()


def login(device, password=PASSWORD, user=None):
    head = text("MQTT") + bytes([4, CLEAN_LOGIN, 0, 20])
    return packet(0x10, head + text(device) + text(user or device) + text(password))


def subscribe(*topics):
    return packet(0x82, b"\0\1" + b"".join(text(topic) + b"\1" for topic in topics))


@pytest.fixture
def opened():
    """Opens bridges to a gateway, as a page of it does, and closes them at the end."""
    with ExitStack() as ending:

        def open_one(gateway, **changes):
            url = gateway.api_url.replace("http", "ws") + "/kiosk/mqtt"
            how = {"origin": gateway.api_url, "subprotocols": ["mqtt"], "proxy": None, **changes}
            return ending.enter_context(connect(url, **how))

        yield open_one


def end_of(bridged):
    """The code that a bridge is closed with; what it says before is passed over."""
    try:
        while True:
            bridged.recv(timeout=15)
    except ConnectionClosed as closed:
        return closed.rcvd and closed.rcvd.code


def test_a_device_has_its_own_rights_on_either_broker_and_no_more(lasting_hall, opened):
    gateway = lasting_hall
    until(lambda: gateway.book.devices, "the hall's document")
    bridged = opened(gateway)
    assert bridged.subprotocol == "mqtt"
    bridged.send(login("dev-1"))
    assert bridged.recv(timeout=10)[:4] == b"\x20\x02\x00\x00"
    bridged.send(subscribe(f"pj/1/{HALL}/dev-1/clock", f"pj/1/{HALL}/dev-2/ticket"))
    assert bridged.recv(timeout=10)[0] == 0x90
    gateway.inbox.want(clocks=["dev-1"])
    told = bridged.recv(timeout=10)
    assert b"/dev-1/clock" in told
    assert b"now_ms" in told
    bridged.send(packet(0x30, text(f"pj/1/{HALL}/dev-2/state") + b"{}"))  # another one's
    with suppress(ConnectionClosed):  # the embedded broker hangs up on a forger
        bridged.send(packet(0xC0, b""))
        assert bridged.recv(timeout=10) == b"\xd0\x00"
    with gateway.database.read() as connection:
        assert [row.device for row in quarantine.counts(connection)] == []
    assert gateway.presence.silent_s("dev-2") is None


def test_a_wrong_password_and_names_that_are_no_device_get_nowhere(lasting_hall, opened):
    gateway = lasting_hall
    until(lambda: gateway.book.devices, "the hall's document")
    bridged = opened(gateway)
    bridged.send(login("dev-1", "wrong-password"))
    answer = bridged.recv(timeout=10)
    assert answer[:2] == b"\x20\x02"
    assert answer[3] in (4, 5)
    assert end_of(bridged) == 1008
    others = (login("_gateway"), login("dev-9"), login("dev-1", user="_gateway"))
    for first in (*others, b"\x10", b"GET / HTTP/1.1", "text"):
        bridged = opened(gateway)
        bridged.send(first)
        assert end_of(bridged) in (1001, 1008), first


def test_other_origins_and_other_protocols_are_refused_before_anything(gateway, opened):
    for changes in (
        {"origin": "http://elsewhere.example"},
        {"origin": gateway.api_url.replace("127.0.0.1", "127.0.0.2")},
        {"origin": None},
        {"origin": "null"},
        {"subprotocols": None},
    ):
        with pytest.raises(InvalidStatus) as caught:
            opened(gateway, **changes)
        assert caught.value.response.status_code == 403, changes


def test_strangers_shut_no_device_out_and_messages_are_bounded(gateway, opened, monkeypatch):
    until(lambda: gateway.book.devices, "the hall's document")
    mute = [opened(gateway) for _ in range(bridge._STRANGERS)]
    large = mute.pop()
    large.send(b"\x10" * (bridge.MESSAGE_BYTES + 1))
    assert end_of(large) == 1009
    mute.append(opened(gateway))
    bridged = opened(gateway)
    bridged.send(login("dev-1"))
    assert bridged.recv(timeout=10)[:4] == b"\x20\x02\x00\x00"
    assert end_of(mute[0]) == 1001  # whose place it took
    monkeypatch.setattr(bridge, "_LOGIN_S", 0.1)
    assert end_of(opened(gateway)) == 1001  # said nothing for too long


def test_in_a_hall_with_tls_the_bridge_believes_the_hall_s_own_broker_only(
    tmp_path, centre, opened
):
    folder = tmp_path / "secure"
    Certificates(folder).make(HALL, ["127.0.0.1"], now_utc())
    names = {"secure_dir": folder, "mqtt_ca": folder / CA}
    running = start_gateway(settings_in(tmp_path, centre.url).model_copy(update=names))
    try:
        until(lambda: running.book.devices, "the hall's document")
        trusted = ssl.create_default_context(cafile=str(folder / CA))
        bridged = opened(running, ssl=trusted)
        bridged.send(login("dev-1"))
        assert bridged.recv(timeout=10)[:4] == b"\x20\x02\x00\x00"
        with Stranger() as stranger:
            running.broker.port, own = stranger.port, running.broker.port
            bridged = opened(running, ssl=trusted)
            bridged.send(login("dev-1"))
            assert end_of(bridged) == 1011
            assert PASSWORD.encode() not in stranger.heard
            running.broker.port = own
    finally:
        running.stop()


class Stranger:
    """Listens in the broker's place, and has no certificate."""

    def __enter__(self):
        self.heard = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _listen(self):
        with suppress(OSError):
            taken, _ = self._listener.accept()
            with taken:
                self.heard = taken.recv(4096)
                taken.sendall(b"\x20\x02\x00\x00")


def test_a_broker_that_is_away_ends_the_bridge(tmp_path, centre, opened):
    running = start_gateway(settings_in(tmp_path, centre.url))
    try:
        until(lambda: running.book.devices, "the hall's document")
        running.broker.port = free_port()
        bridged = opened(running)
        bridged.send(login("dev-1"))
        assert end_of(bridged) == 1011
    finally:
        running.stop()


@pytest.mark.parametrize(
    "bad", [b"", b"\x10", b"\x10\x80\x80\x80\x80\x80", b"\x10\x10\x00\x04MQTT"]
)
def test_what_is_no_login_names_nobody(bad):
    assert client_of(bad) is None
    assert client_of(login("dev-1")) == "dev-1"
    assert client_of(login("dev-1")[:-20][:16]) is None
    assert client_of(login("dev-1", user="_gateway")) is None  # mosquitto goes by the user
    flags = bytes([4, CLEAN_LOGIN | 0x2C, 0, 20])
    will = text("MQTT") + flags + text("dev-1") + text("topic") + text("{}")
    assert client_of(packet(0x10, will + text("dev-1") + text("x" * 200))) == "dev-1"
    assert client_of(packet(0x10, will + text("_gateway") + text("x"))) is None
    assert client_of(packet(0x10, will) + text("dev-1")) is None  # behind the packet's end
    nameless = text("MQTT") + bytes([4, 2, 0, 20]) + text("dev-1")
    assert client_of(packet(0x10, nameless)) is None


def test_the_origin_is_the_host_that_was_asked():
    def asked(origin, host="hall:8080"):
        return is_own_origin(SimpleNamespace(headers={"origin": origin, "host": host}))

    assert asked("https://hall:8080")
    assert not asked("https://hall")
    assert not asked("https://hall:8080.example")


def test_the_page_is_isolated_loads_nothing_from_elsewhere_and_is_sent_once(gateway, firmware):
    status, headers, body = gateway_get(gateway, "/kiosk")
    assert status == 200
    assert "//" not in body.decode().replace("http://www.w3.org", "")
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert "http" not in policy
    again = gateway_get(gateway, "/kiosk", {"If-None-Match": headers["etag"]})
    assert again[0] == 304
    assert again[2] == b""
    packed = gateway_get(gateway, "/kiosk/kiosk.css", {"Accept-Encoding": "gzip"})[2]
    assert gzip.decompress(packed) == gateway_get(gateway, "/kiosk/kiosk.css")[2]
    worker = gateway_get(gateway, "/kiosk/service.js")
    assert worker[1]["service-worker-allowed"] == "/kiosk"
    listed = json.loads(worker[2].split(b"\n")[0][len("const FILES = ") : -1])
    manifest = json.loads((firmware / "manifest.json").read_text())
    for name, about in manifest["files"].items():
        content = gateway_get(gateway, f"/kiosk/firmware/{name}")[2]
        digest = hashlib.sha256(content).hexdigest()
        assert digest == about["sha256"] == listed[f"firmware/{name}"]
    for path in ("service.js", "../pages.py", "firmware/../identity", "nothing"):
        assert path not in listed
    assert gateway_get(gateway, "/kiosk/nothing")[0] == 404


def test_without_a_firmware_the_page_says_what_to_run(tmp_path, centre, firmware):
    folder = tmp_path / "firmware"
    settings = settings_in(tmp_path, centre.url).model_copy(update={"firmware_dir": folder})
    running = start_gateway(settings)
    try:
        status, _, body = gateway_get(running, "/kiosk")
        assert status == 503
        assert b"make setup firmware" in body
        shutil.copytree(firmware, folder)
        assert gateway_get(running, "/kiosk")[0] == 200
    finally:
        running.stop()


@pytest.mark.rule("R44")
def test_the_chinese_reasons_are_the_national_catalogue_s_and_english_lacks_none(gateway):
    packs = [
        json.loads(gateway_get(gateway, f"/kiosk/language.{name}.json")[2])
        for name in json.loads(gateway_get(gateway, "/kiosk/languages.json")[2])
    ]
    english, chinese = packs
    assert {int(code): said for code, said in chinese["reasons"].items()} == TEXTS
    for part in ("words", "reasons"):
        assert english[part].keys() == chinese[part].keys()
        assert all(english[part].values())
        assert all(chinese[part].values())


def gateway_get(gateway, path, headers=None):
    """(status, headers, body) of a page."""
    place = urlsplit(gateway.api_url)
    connection = http.client.HTTPConnection(place.netloc, timeout=10)
    connection.request("GET", path, headers=headers or {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {name.lower(): one for name, one in answer.getheaders()}, body
