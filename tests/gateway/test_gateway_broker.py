"""The embedded broker: who may log in, publish and subscribe. TOP-1 TOP-3"""

import os
import signal
import socket
import sqlite3
import time

import pytest
from gateway_hall import (
    HALL,
    PASSWORD,
    PASSWORD_HASH,
    Pen,
    port_of,
    settings_in,
    start_gateway,
    until,
)

from gateway.alarm import Alarms
from gateway.broker import EmbeddedBroker
from gateway.secret import gateway_password, password_hash
from gateway.services import Opening
from protocol.topic import topic

WILL = b'{"online":false,"session":"0000000000000000"}'


@pytest.mark.parametrize(
    "login",
    [
        {"device": "dev-9"},
        {"device": "dev-1", "password": "wrong"},
        {"device": "dev-1", "password": None},
        {"device": "dev-1", "user": "dev-2"},
        {"device": "_gateway"},
        {"device": "dev-1", "will": (topic(HALL, "dev-2", "state"), WILL, 1, True)},
        {"device": "dev-1", "will": (topic(HALL, "dev-1", "ticket"), WILL, 1, True)},
        {"device": "dev-1", "will": (topic(HALL, "dev-1", "record"), WILL, 1, True)},
        {"device": "__proto__"},
    ],
    ids=str,
)
def test_a_wrong_login_is_refused(lasting, connect, login):
    """TOP-1"""
    client = connect(lasting, **login)
    until(lambda: client.reason is not None, "the broker's answer")
    assert not client.is_connected
    assert str(client.reason) in ("Not authorized", "Unspecified error")


def test_a_failed_login_under_a_live_device_s_name_harms_nobody(lasting, connect):
    """TOP-1"""
    device = connect(lasting, "dev-1").enter()
    wrong = connect(lasting, "dev-1", password="wrong")
    until(lambda: wrong.reason is not None, "the refusal")
    pen = Pen("dev-1")
    device.tell(pen.state())
    device.hear_hall(0)
    assert not device.is_gone.is_set()


@pytest.mark.parametrize(
    ("name", "is_retained"),
    [
        (topic(HALL, "dev-2", "record"), False),
        (topic(HALL, "dev-2", "state"), True),
        (topic(HALL, "dev-1", "ack"), False),
        (topic(HALL, "dev-2", "ticket"), True),
        (topic("other", "dev-1", "record"), False),
        (topic(HALL, "dev-1", "record"), True),
        (topic(HALL, "dev-1", "record") + "/more", False),
        ("$SYS/broker", False),
        ("elsewhere", True),
    ],
)
def test_a_forbidden_publish_ends_the_connection_and_reaches_nobody(
    lasting, connect, name, is_retained
):
    """TOP-1"""
    victim = connect(lasting, "dev-2").enter()
    forger = connect(lasting, "dev-1").enter()
    forger.client.publish(name, b'{"epoch":1,"hall":9,"receipt":null}', 1, is_retained)
    assert forger.is_gone.wait(5)
    pen = Pen("dev-2")
    victim.tell(pen.state())
    assert victim.hear("ack")["hall"] == 0
    fresh = connect(lasting, "dev-2").enter()
    time.sleep(0.2)  # a retained message would come at once; nothing is to come
    assert all(name != "ticket" for name, *_ in list(fresh.heard.queue))


def test_a_device_subscribes_to_its_own_topics_only(lasting, connect):
    """TOP-1: no wildcard, no $SYS, no other device, nor what it publishes itself."""
    device = connect(lasting, "dev-1").enter()
    refused = [
        "#",
        "+/#",
        "$SYS/#",
        "pj/1/demo/+/ack",
        "pj/1/demo/dev-2/ticket",
        "pj/1/demo/dev-1/#",
        "pj/1/demo/dev-1/+",
        "pj/1/demo/dev-1/record",
        "pj/1/other/dev-1/ack",
    ]
    assert device.subscribe(*refused) == [128] * len(refused)
    assert device.subscribe(topic(HALL, "dev-1", "ack")) == [1]


def test_no_foreign_message_comes_through_a_refused_subscription(lasting, connect):
    """TOP-1: also not after coming back to a session that was to be kept."""
    ear = connect(lasting, "dev-1", clean=False).enter()
    ear.subscribe("pj/1/demo/+/ack", "#", topic(HALL, "dev-1", "ack"))
    ear.leave()
    other = connect(lasting, "dev-2").enter()
    other.tell(Pen("dev-2").state())
    other.hear_hall(0)
    again = connect(lasting, "dev-1", clean=False).enter()
    again.tell(Pen("dev-1").state())
    again.hear_hall(0)
    assert all("/dev-1/" in message[3] for message in list(again.heard.queue))


def test_a_packet_above_the_bound_ends_its_connection_only(lasting, connect):
    device = connect(lasting, "dev-1").enter()
    giant = connect(lasting, "dev-2").enter()
    giant.send(b"x" * 3_000_000)
    assert giant.is_gone.wait(5)
    device.tell(Pen("dev-1").state())
    device.hear_hall(0)


def test_nobody_unknown_gets_memory_for_a_large_packet(lasting):
    with socket.create_connection(("127.0.0.1", port_of(lasting))) as stranger:
        stranger.settimeout(5)
        stranger.sendall(b"\x10\xff\xff\x7f\x00\x04MQTT\x04\xc2\x00\x09")
        stranger.sendall(b"x" * 1000)
        assert stranger.recv(1) == b""


def test_a_revoked_device_is_disconnected_and_stays_out(gateway, centre, connect):
    """TOP-1"""
    device = connect(gateway, "dev-1").enter()
    other = connect(gateway, "dev-2").enter()
    centre.change_device("dev-1", revoked=True)
    assert device.is_gone.wait(5)
    until(lambda: device.reason.is_failure, "the refusal of its next login")
    assert not other.is_gone.is_set()


def test_what_is_retained_is_published_anew_after_a_broker_s_death(gateway, centre, connect):
    """TOP-3: the embedded broker keeps nothing; port and users stay the same."""
    port = port_of(gateway)
    centre.change_device("dev-1", settings="{}\nsettings")
    until(lambda: gateway.book.version == 2, "the settings")
    service, _ = gateway.desk.open(Opening("w1", "A001", "single", (), None, "t", None))
    gateway.desk.invite(service)
    os.kill(gateway.broker.pid, signal.SIGKILL)
    until(lambda: not gateway.link.is_up(), "the end of the session")
    until(gateway.link.is_up, "the new session")
    assert gateway.broker.port == port
    device = connect(gateway, "dev-1").enter()
    assert device.hear("ticket")["phase"] == "inviting"
    other = connect(gateway, "dev-1").enter("settings")
    name, payload, is_retained, _ = other.heard.get(timeout=5)
    assert (name, payload, is_retained) == ("settings", b"{}\nsettings", True)


@pytest.fixture
def standing(tmp_path, centre):
    """Settings of a gateway whose broker stands by itself and survives it."""
    users = {"dev-1": PASSWORD_HASH}
    broker = EmbeddedBroker(HALL, "127.0.0.1", 0, lambda: users, Alarms())
    broker.start()
    settings = settings_in(tmp_path, centre.url, broker="external", mqtt_port=broker.port)
    settings.data_dir.mkdir()
    users["_gateway"] = password_hash(gateway_password(settings.data_dir))
    broker.refresh_users()
    yield settings
    broker.stop()


def test_records_published_while_the_gateway_is_away_wait_in_its_session(standing, connect):
    """The session outlives the connection."""
    first = start_gateway(standing)
    pen = Pen("dev-1")
    device = connect(first, "dev-1").enter()
    device.tell(pen.state())
    device.hear_hall(0)
    first.stop()
    mids = {device.send(pen.rating()) for _ in range(20)}
    until(lambda: mids <= device.acked, "the broker's PUBACKs")
    second = start_gateway(standing)
    device.hear_hall(20)
    second.stop()


def test_what_could_not_be_committed_was_not_acknowledged_to_the_broker(standing, connect):
    """ACK-1: a gateway that dies with a failing database leaves its messages to its successor."""
    first = start_gateway(standing)
    pen = Pen("dev-1")
    device = connect(first, "dev-1").enter()
    device.tell(pen.state())
    device.hear_hall(0)
    _rename(first, "envelope", "elsewhere")
    for _ in range(20):
        device.send(pen.rating())
    until(lambda: "database" in first.alarms.standing(), "the alarm")
    first.stop()
    _rename(first, "elsewhere", "envelope")
    second = start_gateway(standing)
    device.hear_hall(20)
    second.stop()


def _rename(gateway, table: str, name: str) -> None:
    with sqlite3.connect(gateway.settings.data_dir / "gateway.sqlite") as other:
        other.execute(f"ALTER TABLE {table} RENAME TO {name}")
    other.close()


def test_secrets_are_for_the_owner_only(gateway):
    """Also: they are in no process's arguments."""
    data = gateway.settings.data_dir
    assert (data / "mqtt-password").stat().st_mode & 0o777 == 0o600
    assert (data / "gateway.sqlite").stat().st_mode & 0o777 == 0o600
    with open(f"/proc/{gateway.broker.pid}/cmdline") as file:
        arguments = file.read()
    assert PASSWORD not in arguments
    assert (data / "mqtt-password").read_text().strip() not in arguments
