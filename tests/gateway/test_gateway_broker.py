"""Who may log in, publish and subscribe: with both brokers where the rule is the same. TOP-1 TOP-3

What is forbidden reaches nobody; that, and no broker's answer, is the criterion for both. The
embedded broker also refuses to the face, mosquitto acknowledges and drops.
"""

import os
import signal
import socket
import sqlite3
import time

import pytest
from gateway_hall import (
    BROKERS,
    HALL,
    MOSQUITTO,
    PASSWORD,
    PASSWORD_HASH,
    Pen,
    broker_files_in,
    port_of,
    settings_in,
    start_gateway,
    until,
)

from gateway.broker.embedded import EmbeddedBroker
from gateway.broker.users import gateway_password
from gateway.desk.services import Opening
from gateway.keep.alarms import Alarms
from gateway.store import quarantine, states
from hosting.password import password_hash
from protocol.access import FROM_GATEWAY
from protocol.topic import topic

WILL = b'{"online":false,"session":"0000000000000000"}'


@pytest.mark.parametrize(
    "login",
    [
        {"device": "dev-9"},
        {"device": "dev-1", "password": "wrong"},
        {"device": "dev-1", "password": None},
        {"device": "dev-1", "user": "dev-9"},
        {"device": "_gateway"},
        {"device": "__proto__"},
    ],
    ids=str,
)
def test_a_wrong_login_is_refused(lasting_hall, connect, login):
    """TOP-1"""
    client = connect(lasting_hall, **login)
    until(lambda: client.reason is not None, "the broker's answer")
    assert not client.is_connected
    assert str(client.reason) in ("Not authorized", "Unspecified error")


@pytest.mark.parametrize(
    "login",
    [
        {"device": "dev-1", "user": "dev-2"},
        {"device": "dev-1", "will": (topic(HALL, "dev-2", "state"), WILL, 1, True)},
        {"device": "dev-1", "will": (topic(HALL, "dev-1", "ticket"), WILL, 1, True)},
        {"device": "dev-1", "will": (topic(HALL, "dev-1", "record"), WILL, 1, True)},
    ],
    ids=str,
)
def test_the_embedded_broker_refuses_a_foreign_client_id_and_a_foreign_will(
    lasting, connect, login
):
    """TOP-1"""
    client = connect(lasting, **login)
    until(lambda: client.reason is not None, "the broker's answer")
    assert not client.is_connected


def test_a_foreign_client_id_takes_nobody_s_place(lasting_hall, connect):
    """TOP-1: who logs in with a foreign client id is refused, or is the client of its name."""
    device = connect(lasting_hall, "dev-1").enter()
    other = connect(lasting_hall, "dev-1", user="dev-2")
    until(lambda: other.reason is not None, "the broker's answer")
    device.tell(Pen("dev-1").state())
    device.hear_hall(0)
    assert not device.is_gone.is_set()
    if other.is_connected:
        other.subscribe(topic(HALL, "dev-1", "ack"))
        other.client.publish(topic(HALL, "dev-1", "record"), Pen("dev-1").rating(), 1)
    device.tell(Pen("dev-1").state())
    device.hear_hall(0)
    assert other.topics == []


def test_a_last_will_on_the_own_state_is_delivered(hall, connect):
    """TOP-1: so that the test below can fail."""
    will = (topic(HALL, "dev-1", "state"), WILL, 1, True)
    device = connect(hall, "dev-1", will=will).enter()
    device.tell(Pen("dev-1").state())
    until(lambda: _is_online(hall, "dev-1"), "the state")
    device.break_off()
    until(lambda: not _is_online(hall, "dev-1"), "the last will")


@pytest.mark.parametrize("name", ["ticket", "state"])
def test_a_last_will_on_a_foreign_topic_reaches_nobody(hall, connect, name):
    """TOP-1"""
    victim = connect(hall, "dev-2").enter()
    victim.tell(Pen("dev-2").state())
    victim.hear_hall(0)
    forger = connect(hall, "dev-1", will=(topic(HALL, "dev-2", name), WILL, 1, True))
    until(lambda: forger.reason is not None, "the broker's answer")
    if forger.is_connected:
        forger.break_off()
        assert forger.is_gone.wait(5)
    # What came after the will has been handled, so the will has, too.
    other = connect(hall, "dev-3").enter()
    other.tell(Pen("dev-3").state())
    other.hear_hall(0)
    assert _is_online(hall, "dev-2")
    assert (topic(HALL, "dev-2", name), WILL) not in victim.told
    victim.leave()  # or it would come back by itself and throw the other one out
    fresh = connect(hall, "dev-2").enter()
    fresh.tell(Pen("dev-2").state())
    fresh.hear_hall(0)
    assert topic(HALL, "dev-2", "ticket") not in fresh.topics


@pytest.mark.parametrize("password", ["wrong", None])
def test_a_failed_login_under_a_live_device_s_name_harms_nobody(lasting_hall, connect, password):
    """TOP-1"""
    device = connect(lasting_hall, "dev-1").enter()
    wrong = connect(lasting_hall, "dev-1", password=password)
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
        (topic(HALL, "dev-1", "record") + "/more", False),
        ("$SYS/broker", False),
        ("elsewhere", True),
    ],
)
def test_a_forbidden_publish_reaches_nobody(lasting_hall, connect, name, is_retained):
    """TOP-1"""
    refused = _refused(lasting_hall)
    victim = connect(lasting_hall, "dev-2").enter()
    forger = connect(lasting_hall, "dev-1").enter()
    forged = b'{"epoch":1,"hall":9,"receipt":null}'
    mid = forger.client.publish(name, forged, 1, is_retained).mid
    until(lambda: mid in forger.acked or forger.is_gone.is_set(), "the broker's answer")
    pen = Pen("dev-2")
    victim.tell(pen.state())
    assert victim.hear("ack")["hall"] == 0
    fresh = connect(lasting_hall, "dev-2").enter()
    time.sleep(0.2)  # a retained message would come at once; nothing is to come
    heard = [payload for _, payload, *_ in [*victim.heard.queue, *fresh.heard.queue]]
    assert forged not in heard
    assert _refused(lasting_hall) == refused  # nor did the gateway hear of it


@pytest.mark.parametrize("name", ["ack", "state"])
def test_the_embedded_broker_disconnects_who_publishes_what_is_forbidden(lasting, connect, name):
    """TOP-1: and who makes a record stay."""
    forger = connect(lasting, "dev-1").enter()
    forger.client.publish(topic(HALL, "dev-2", name), b"{}", 1)
    assert forger.is_gone.wait(5)
    keeper = connect(lasting, "dev-1").enter()
    keeper.client.publish(topic(HALL, "dev-1", "record"), b"{}", 1, retain=True)
    assert keeper.is_gone.wait(5)


def test_the_embedded_broker_refuses_foreign_subscriptions(lasting, connect):
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


def test_no_foreign_message_comes_through_a_forbidden_subscription(lasting_hall, connect):
    """TOP-1: neither at once, nor retained, nor in a session that was to be kept."""
    ear = connect(lasting_hall, "dev-1", clean=False).enter()
    forbidden = ("#", "+/#", "$SYS/#", "pj/1/demo/+/ack", "pj/1/demo/dev-2/state")
    ear.subscribe(*forbidden, "pj/1/demo/dev-1/#", "$share/g/pj/1/demo/+/ack")
    other = connect(lasting_hall, "dev-2").enter()
    other.tell(Pen("dev-2").state())
    other.hear_hall(0)
    ear.tell(Pen("dev-1").state())
    ear.hear_hall(0)
    ear.leave()
    other.tell(Pen("dev-2").state(free=99))
    other.hear_hall(0)
    again = connect(lasting_hall, "dev-1", clean=False).enter()
    again.subscribe(*forbidden)
    again.tell(Pen("dev-1").state())
    again.hear_hall(0)
    from_gateway = {topic(HALL, "dev-1", name) for name in FROM_GATEWAY}
    assert {*ear.topics, *again.topics} <= from_gateway


def test_a_packet_above_the_bound_ends_its_connection_only(lasting_hall, connect):
    device = connect(lasting_hall, "dev-1").enter()
    giant = connect(lasting_hall, "dev-2").enter()
    giant.send(b"x" * 3_000_000)
    assert giant.is_gone.wait(5)
    device.tell(Pen("dev-1").state())
    device.hear_hall(0)


def test_the_embedded_broker_gives_nobody_unknown_memory_for_a_large_packet(lasting):
    with socket.create_connection(("127.0.0.1", port_of(lasting))) as stranger:
        stranger.settimeout(5)
        stranger.sendall(b"\x10\xff\xff\x7f\x00\x04MQTT\x04\xc2\x00\x09")
        stranger.sendall(b"x" * 1000)
        assert stranger.recv(1) == b""


def test_a_revoked_device_is_disconnected_and_stays_out(hall, centre, connect):
    """TOP-1"""
    device = connect(hall, "dev-1").enter()
    other = connect(hall, "dev-2").enter()
    centre.change_device("dev-1", revoked=True)
    assert device.is_gone.wait(15)  # the one before may just have been told
    until(lambda: device.reason.is_failure, "the refusal of its next login")
    assert not other.is_gone.is_set()


def test_a_device_with_a_new_password_is_disconnected_and_comes_back_with_it(
    hall, centre, connect
):
    """TOP-1: enrolled again."""
    device = connect(hall, "dev-1").enter()
    centre.change_device("dev-1", password_hash=password_hash("new-password"))
    assert device.is_gone.wait(15)  # the one before may just have been told
    until(lambda: device.reason.is_failure, "the refusal of the old password")
    device.leave()
    connect(hall, "dev-1", password="new-password").enter()


def test_a_device_that_is_enrolled_while_the_hall_runs_may_log_in(hall, centre, connect):
    """TOP-1"""
    added = centre.hall.devices[0]._replace(device="dev-7")
    device = connect(hall, "dev-7")
    until(lambda: device.reason is not None, "the refusal")
    assert device.reason.is_failure
    centre.change_hall(devices=(*centre.hall.devices, added))
    device.enter()
    device.tell(Pen("dev-7").state())
    device.hear_hall(0)


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


@pytest.fixture(params=BROKERS)
def standing(request, tmp_path, centre, mosquitto):
    """Settings of a gateway whose broker stands by itself and survives it."""
    if request.param == MOSQUITTO:
        settings = broker_files_in(tmp_path, centre.url)
        with mosquitto(settings.broker_files):
            yield settings
        return
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


def _is_online(gateway, device: str) -> bool:
    with gateway.database.read() as connection:
        state = states.get(connection, device)
    return state is not None and state.online


def _refused(gateway) -> list:
    with gateway.database.read() as connection:
        return quarantine.counts(connection)


def _rename(gateway, table: str, name: str) -> None:
    with sqlite3.connect(gateway.config.data_dir / "gateway.sqlite") as other:
        other.execute(f"ALTER TABLE {table} RENAME TO {name}")
    other.close()


def test_secrets_are_for_the_owner_only(gateway):
    """Also: they are in no process's arguments."""
    data = gateway.config.data_dir
    assert (data / "mqtt-password").stat().st_mode & 0o777 == 0o600
    assert (data / "gateway.sqlite").stat().st_mode & 0o777 == 0o600
    with open(f"/proc/{gateway.broker.pid}/cmdline") as file:
        arguments = file.read()
    assert PASSWORD not in arguments
    assert (data / "mqtt-password").read_text().strip() not in arguments
