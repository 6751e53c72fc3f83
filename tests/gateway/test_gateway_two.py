"""Two gateways on one data folder, and on a copy of it. FAULTS 26"""

import os
import shutil
import signal

import pytest
from gateway_hall import port_of, settings_in, start_gateway, until

from gateway.broker.mqtt import Thrown
from gateway.gateway import Gateway
from gateway.keep.alarms import Alarms
from hosting.error import OperatorError


def test_a_second_gateway_on_a_data_folder_is_refused_with_a_sentence(tmp_path, centre, gateway):
    """Whatever its ports are; the first one goes on, and the folder is free when it has ended."""
    settings = settings_in(tmp_path, centre.url)
    with pytest.raises(OperatorError, match=r"Another gateway runs on .*data.* Stop it first"):
        Gateway(settings)
    assert gateway.health.count().waiting.records == 0
    gateway.stop()
    start_gateway(settings).stop()


def test_a_copy_that_logs_in_as_this_hall_s_gateway_is_an_alarm(tmp_path, centre, gateway):
    """One broker, two gateways: each throws the other out, and both say why."""
    copied = settings_in(
        tmp_path,
        centre.url,
        data_dir=tmp_path / "copy",
        broker="external",
        mqtt_port=port_of(gateway),
    )
    copied.data_dir.mkdir()
    shutil.copy(tmp_path / "data" / "mqtt-password", copied.data_dir)
    other = Gateway(copied)
    try:
        assert "mqtt_taken" not in gateway.alarms.standing()
        other.start()
        alarm = until(lambda: gateway.alarms.standing().get("mqtt_taken"), "the alarm", 30)
        assert "logs in as this hall's gateway" in alarm
    finally:
        other.stop()
    until(gateway.link.is_up, "the session of the one that is left")


def test_only_sessions_that_are_ended_again_and_again_mean_somebody_else():
    """The controls: a broker that was away, and ends that lie far apart, mean nobody."""
    alarms, time = Alarms(), [0.0]
    thrown = Thrown(alarms, lambda: time[0])
    for _ in range(20):
        thrown.note()
        thrown.forget()
        time[0] += 1
    for _ in range(20):
        thrown.note()
        time[0] += 60
    assert alarms.standing() == {}
    for _ in range(5):
        thrown.note()
        time[0] += 1
    assert "mqtt_taken" in alarms.standing()
    time[0] += 60
    thrown.look()
    assert "mqtt_taken" in alarms.standing()
    time[0] += 60
    thrown.look()
    assert alarms.standing() == {}


def test_a_broker_that_dies_again_and_again_is_nobody_else(gateway):
    """It is back at once, so that no login ever failed; what it forgot tells. The control is the
    copy above, which takes a session over that the broker knows.
    """
    broker = gateway.broker
    for _ in range(7):
        until(gateway.link.is_up, "the session")
        pid = broker.pid
        os.kill(pid, signal.SIGKILL)
        until(lambda pid=pid: broker.pid not in (None, pid), "another broker")
    until(gateway.link.is_up, "the session")
    assert "mqtt_taken" not in gateway.alarms.standing()
