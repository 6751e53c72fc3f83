"""What is said of the hall is so: devices, broker, centre. DESIGN 6, FAULTS 25"""

import os
import signal
import time
import urllib.request

import pytest
from gateway_hall import (
    HandTime,
    Pen,
    health_of,
    settings_in,
    start_gateway,
    until,
    write_private,
)
from test_gateway_broker import standing  # noqa: F401

import gateway.broker.mqtt
import gateway.upward.credentials
from gateway.broker.mqtt import Link, Message
from gateway.hall.hall_book import HallBook
from gateway.hall.presence import LOST_S, Presence
from gateway.keep.alarms import Alarms
from gateway.store import states
from gateway.store.database import Database
from protocol.hall import Device, Hall, Window, encode_hall
from protocol.message import Will, encode_message

WINDOWS = (Window("w1", "一"),)


@pytest.fixture
def time_of(tmp_path):
    """A hall of one device whose database says that it is online, and clocks in the hand."""
    hand = HandTime()
    hand.database = Database(tmp_path / "gateway.sqlite")
    hand.alarms = Alarms()
    hand.book = HallBook("demo", hand.database, hand.alarms, hand.clock(hand.database))
    device = Device("dev-1", "w1", 29333341, "", False, None, None, ())
    document = Hall(1, "demo", WINDOWS, None, None, None, None, (device,))
    hand.book.take(encode_hall(document))
    with hand.database.write() as connection:
        states.put(connection, "dev-1", Pen("dev-1").state(), hand.wall_ms)
    hand.presence = Presence(hand.database, hand.book, hand.alarms, lambda: hand.seconds)
    hand.presence.listen(True)

    def state() -> str:
        with hand.database.read() as connection:
            return hand.presence.state_of("dev-1", states.get(connection, "dev-1"))

    hand.state = state
    yield hand
    hand.database.close()


def test_what_a_database_remembers_is_unknown_and_then_lost(time_of):
    """The control is the row itself: it says online all the time."""
    assert time_of.state() == "unknown"
    time_of.presence.look()
    assert time_of.alarms.standing() == {}
    time_of.pass_s(LOST_S + 1)
    assert time_of.state() == "lost"
    time_of.presence.look()
    assert "dev-1" in time_of.alarms.standing()["device_lost"]
    time_of.presence.hear(["dev-1"])
    assert time_of.state() == "online"
    time_of.presence.look()
    assert time_of.alarms.standing() == {}
    with time_of.database.read() as connection:
        assert states.get(connection, "dev-1").online


def test_a_device_that_falls_silent_is_lost_after_two_of_its_intervals(time_of):
    time_of.presence.hear(["dev-1"])
    time_of.pass_s(LOST_S)
    assert time_of.state() == "online"
    time_of.pass_s(1)
    assert time_of.state() == "lost"
    assert time_of.presence.silent_s("dev-1") == LOST_S + 1


def test_a_gateway_that_hears_nothing_itself_calls_nobody_lost(time_of):
    time_of.presence.hear(["dev-1"])
    time_of.presence.listen(False)
    time_of.pass_s(LOST_S * 10)
    assert time_of.state() == "unknown"
    time_of.presence.listen(True)
    time_of.pass_s(LOST_S)
    assert time_of.state() == "unknown"
    time_of.pass_s(1)
    assert time_of.state() == "lost"


@pytest.mark.parametrize("is_told", [True, False], ids=["ours", "control: all is news"])
def test_what_the_broker_has_kept_of_a_dead_device_is_no_news(
    standing,  # noqa: F811
    connect,
    monkeypatch,
    is_told,
):
    """The device hangs while the gateway is away, and its last state stays retained."""
    if not is_told:
        fields = Message.__new__
        monkeypatch.setattr(
            gateway.broker.mqtt, "Message", lambda *given: fields(Message, *given[:5])
        )
    first = start_gateway(standing)
    device = connect(first, "dev-1").enter()
    device.tell(Pen("dev-1").state())
    device.hear_hall(0)
    assert health_of(first.api_url)[1]["devices"]["online"] == 1
    first.stop()
    second = start_gateway(standing)
    try:
        time.sleep(0.5)
        devices = until(lambda: health_of(second.api_url)[1]["devices"], "the devices")
        assert devices["unknown"] == is_told
        assert devices["online"] == (not is_told)
    finally:
        second.stop()


@pytest.mark.parametrize("is_read_again", [True, False], ids=["ours", "control"])
def test_a_token_that_is_revoked_is_an_alarm_and_a_new_one_is_read(
    tmp_path, centre, monkeypatch, is_read_again
):
    """Though nothing is to be sent; and the start is not to be done again."""
    centre.good_token = "hall-token"
    settings = settings_in(tmp_path, centre.url, retry_longest_s=60, retry_first_s=30)
    if not is_read_again:
        monkeypatch.setattr(gateway.upward.credentials.Credentials, "renew", lambda self: False)
    hall = start_gateway(settings)
    try:
        assert until(lambda: health_of(hall.api_url)[1]["status"] == "ok", "a good start")
        centre.good_token = "another"
        alarm = until(lambda: hall.alarms.standing().get("poll"), "the alarm")
        assert "Since 20" in alarm
        assert "centre_token_file" in alarm
        assert health_of(hall.api_url)[1]["status"] == "degraded"
        (tmp_path / "token").chmod(0o644)
        if is_read_again:
            until(lambda: "chmod 600" in hall.alarms.standing().get("credentials", ""), "a word")
            (tmp_path / "token").chmod(0o600)
            until(lambda: "credentials" not in hall.alarms.standing(), "its end, as it was")
        (tmp_path / "token").unlink()
        write_private(tmp_path / "token", "another\n")
        if is_read_again:
            until(lambda: not hall.alarms.standing(), "the end of the alarms")
        else:
            time.sleep(3)
            assert "poll" in hall.alarms.standing()
    finally:
        hall.stop()


@pytest.mark.parametrize("keepalive_s", [1, 3600], ids=["ours, quicker", "control"])
def test_a_broker_that_stands_still_is_no_broker(tmp_path, centre, monkeypatch, keepalive_s):
    monkeypatch.setattr(gateway.broker.mqtt, "_KEEPALIVE_S", keepalive_s)
    hall = start_gateway(settings_in(tmp_path, centre.url))
    assert hall.broker is not None
    pid = hall.broker.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        if keepalive_s == 1:
            until(lambda: health_of(hall.api_url)[0] == 503, "the 503")
            assert "stands still" in hall.alarms.standing()["mqtt"]
            os.kill(pid, signal.SIGCONT)
            until(lambda: health_of(hall.api_url)[0] == 200, "the end of it")
        else:
            time.sleep(4)
            assert health_of(hall.api_url)[0] == 200
    finally:
        os.kill(pid, signal.SIGCONT)
        hall.stop()


def test_the_shipped_keepalive_notices_a_broker_that_stands_still_within_half_a_minute():
    assert 2 * gateway.broker.mqtt._KEEPALIVE_S <= 30


@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "control: only what is told"])
def test_nothing_is_degraded_without_a_word(tmp_path, centre, monkeypatch, is_ours):
    """The broker dies and comes back; at every moment the list says why it is not ok."""
    if not is_ours:
        for name in ("_on_disconnect", "_on_connect_fail"):
            monkeypatch.setattr(Link, name, lambda self, *_: self._up.clear())
    hall = start_gateway(settings_in(tmp_path, centre.url, broker_restart_s=1))
    try:
        assert hall.broker is not None
        if not is_ours:
            hall.broker._alarms = Alarms()  # its own word is not at hand either
        os.kill(hall.broker.pid, signal.SIGKILL)  # type: ignore[arg-type]
        told, end_s = [], time.monotonic() + 6
        while time.monotonic() < end_s and not (len(told) > 9 and told[-1][1]["mqtt"]):
            told.append(health_of(hall.api_url))
            time.sleep(0.02)
        wordless = [one for _, one in told if not one["mqtt"] and not one["alarms"]]
        assert (not wordless) == is_ours
        assert all((status == 503) == bool(one["alarms"]) for status, one in told) or not is_ours
        assert any(status == 503 for status, _ in told) or not is_ours
    finally:
        hall.stop()


def test_metrics_tell_devices_by_state_the_centre_and_the_version(gateway, connect):
    connect(gateway, "dev-1").enter().tell(Pen("dev-1").state())

    def text():
        with urllib.request.urlopen(f"{gateway.api_url}/metrics", timeout=10) as answer:
            return answer.read().decode()

    until(lambda: 'pingjia_gateway_devices{state="online"} 1.0' in text(), "the device")
    assert 'pingjia_gateway_devices{state="never"} 2.0' in text()
    assert 'pingjia_gateway_build{version="' in text()
    assert "pingjia_gateway_rejected_records 0.0" in text()
    silence = next(
        line
        for line in text().splitlines()
        if line.startswith("pingjia_gateway_centre_silence_seconds ")
    )
    assert 0 <= float(silence.split()[1]) < 60


def test_devices_that_come_go_and_are_refused_are_a_line_each(gateway, connect, caplog):
    with caplog.at_level("INFO"):
        device = connect(gateway, "dev-1", will=_will("dev-1")).enter()
        device.tell(Pen("dev-1").state())
        until(lambda: "dev-1 has come" in caplog.text, "the line of its coming")
        device.client._sock_close()
        until(lambda: "dev-1 has gone" in caplog.text, "the line of its going")
        stranger = connect(gateway, "dev-9")
        until(lambda: stranger.reason is not None and stranger.reason.is_failure, "the refusal")
        until(lambda: "dev-9: login refused" in caplog.text, "the line of the refusal")
        stranger.leave()
        request = urllib.request.Request(
            f"{gateway.api_url}/api/v1/windows", headers={"Authorization": "Bearer not-the-one"}
        )
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(request, timeout=10)
        assert "refused a token: GET /api/v1/windows from 127.0.0.1" in caplog.text
        assert "not-the-one" not in caplog.text


def _will(device: str):
    will = encode_message(Will(online=False, session=Pen(device).state().session))
    return (f"pj/1/demo/{device}/state", will, 1, True)
