"""The gateway's connection to the broker; the only file with paho.

MQTT 3.1.1, a session that outlives the connection, PUBACK only on demand (`manual_ack`): with
paho's default a failing callback is still acknowledged, which is silent loss.
Next on a rating's way: gateway/hall/inbox.py.
"""

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from gateway.broker.intruder import lets_anybody_in
from gateway.keep.alarms import Alarms
from protocol.access import GATEWAY_USER
from protocol.topic import RECORD, STATE, topic

log = logging.getLogger(__name__)

_KEEPALIVE_S = 15  # a broker that stands still is noticed within twice that
_THROWN_TIMES, _THROWN_S = 5, 120.0  # so many ends of sessions within so long
_PUBACK = b"\x40\x02"  # MQTT 3.1.1, section 3.4: this, and the message's id
_QUEUED = 20_000  # publishes that wait in paho's memory; more are let fall, and said anew later


class Message(NamedTuple):
    """One delivery from the broker. mid and connection say what its PUBACK must name.

    is_kept: the broker had it before the gateway subscribed (MQTT 3.1.1, 3.3.1.3).
    """

    topic: str
    payload: bytes
    mid: int
    qos: int
    connection: int
    is_kept: bool = False


class Thrown:
    """How often the broker ended the session of a gateway that it takes back at once: it does so
    when somebody else logs in with the same name (MQTT 3.1.1, 3.1.4-2), as a copy of this gateway.
    """

    def __init__(self, alarms: Alarms, monotonic_s: Callable[[], float]):
        self._alarms = alarms
        self._monotonic_s = monotonic_s
        self._ends_s: list[float] = []

    def note(self) -> None:
        """A session that stood was ended by the other side."""
        now_s = self._monotonic_s()
        self._ends_s = [at_s for at_s in self._ends_s if now_s - at_s < _THROWN_S] + [now_s]
        if len(self._ends_s) >= _THROWN_TIMES:
            self._alarms.set(
                "mqtt_taken",
                "Somebody else logs in as this hall's gateway: the broker ends the session again "
                "and again. Does a copy of the data folder run on another machine? Stop it there, "
                "and let only one gateway run.",
            )

    def forget(self) -> None:
        """The broker itself was away, or has ended in between."""
        self._ends_s.clear()

    def look(self) -> None:
        """End the alarm when the session has not been ended for a while."""
        if not self._ends_s or self._monotonic_s() - self._ends_s[-1] >= _THROWN_S:
            self._alarms.clear("mqtt_taken")


class Link:
    """Connects, and connects again, for as long as it is started.

    `deliver` takes each delivery; while it waits, nothing more is read. `on_up` is called after
    each subscription, `on_down` when a session ends, both from paho's thread. From the start on
    there is an alarm whenever there is no session.
    """

    def __init__(
        self,
        *,
        hall: str,
        password: str,
        deliver: Callable[[Message], None],
        on_up: Callable[[], None],
        on_down: Callable[[], None] = lambda: None,
        alarms: Alarms,
        ca: Path | None = None,
        reconnect_s: float = 1.0,
    ):
        self._hall = hall
        self._deliver = deliver
        self._on_up = on_up
        self._on_down = on_down
        self._alarms = alarms
        self._thrown = Thrown(alarms, time.monotonic)
        self._up = threading.Event()
        self._is_ending = False
        self._connection = 0
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=GATEWAY_USER,
            clean_session=False,
            protocol=MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        self._client.username_pw_set(GATEWAY_USER, password)
        self._client.max_queued_messages = _QUEUED
        self._client.max_inflight_messages = 200
        self._client.reconnect_delay_set(reconnect_s, max(reconnect_s, 10))  # type: ignore[arg-type]
        self.tls = None if ca is None else ssl.create_default_context(cafile=str(ca))
        if self.tls is not None:
            self._client.tls_set_context(self.tls)
        self._client.on_pre_connect = self._on_pre_connect
        self._client.on_socket_open = _send_at_once
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message

    def start(self, host: str, port: int) -> None:
        """Connect in the background, as often as it takes."""
        host = "127.0.0.1" if host == "0.0.0.0" else host  # a certificate is not for all
        self._alarms.set("mqtt", f"The broker on {host}:{port} has not let the gateway in yet.")
        self._client.connect_async(host, port, _KEEPALIVE_S)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect; the broker keeps the session."""
        self._is_ending = True
        self._client.disconnect()
        self._client.loop_stop()

    def is_up(self) -> bool:
        """Whether the session stands and the subscriptions are granted."""
        return self._up.is_set()

    def wait_up(self, timeout_s: float) -> bool:
        """Wait for the session; whether it stands."""
        return self._up.wait(timeout_s)

    def publish(self, name: str, payload: bytes, retain: bool) -> None:
        """Publish with QoS 1. Without a session nothing is said: everything is said anew then."""
        if self._up.is_set():
            self._client.publish(name, payload, qos=1, retain=retain)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Send the PUBACKs of this connection's messages, in one piece."""
        # An id of an older connection may name another message by now; the broker delivers those
        # messages again.
        connection = self._connection
        mids = [one.mid for one in messages if one.connection == connection and one.qos == 1]
        if mids:
            # Not client.ack for each: it wakes paho's thread by a system call every time, which
            # costs more than the commit. In paho this is the end of all ways that send.
            packets = b"".join([_PUBACK + mid.to_bytes(2, "big") for mid in mids])
            self._client._packet_queue(paho.PUBACK, packets, mids[-1], 1)

    def _on_pre_connect(self, client, userdata) -> None:
        """Raise OSError, which ends this attempt, for a broker that is not this gateway's: one
        without its users and rules would let anybody rate, read along, or take a window over.
        """
        if not lets_anybody_in(client.host, client.port, self.tls):
            self._alarms.clear("mqtt_foreign")
            return
        self._alarms.set(
            "mqtt_foreign",
            f"The broker on {client.host}:{client.port} lets in whoever comes, so it is not this "
            "gateway's, and is not used. Is it another one (Debian's mosquitto.service listens on "
            "1883)? Stop that one, or choose another mqtt_port.",
        )
        raise OSError("the broker lets anybody in")

    def _on_connect(self, client, userdata, flags, reason, properties) -> None:
        if reason.is_failure:
            self._alarms.set(
                "mqtt",
                f"The broker refuses the gateway's login ({reason}). Does it know the user "
                f"{GATEWAY_USER} with the password in the data folder's file mqtt-password?",
            )
            return
        if not flags.session_present:  # of a session that was taken over it would know
            self._thrown.forget()
        self._connection += 1
        topics = [(topic(self._hall, "+", name), 1) for name in (RECORD, STATE)]
        client.subscribe(topics)

    def _on_subscribe(self, client, userdata, mid, reasons, properties) -> None:
        if any(reason.is_failure for reason in reasons):
            self._alarms.set(
                "mqtt",
                "The broker refuses the gateway's subscriptions. Check its rules for the user "
                f"{GATEWAY_USER} (docs/operate.md).",
            )
            client.disconnect()
            return
        self._alarms.clear("mqtt")
        log.info("connected to the broker")
        self._up.set()
        self._on_up()

    def look(self) -> None:
        """See whether the session has stood long enough to end the alarm of `Thrown`."""
        self._thrown.look()

    def _on_connect_fail(self, client, userdata) -> None:
        self._thrown.forget()  # no broker: that was why
        if "mqtt_foreign" in self._alarms.standing():
            return
        self._alarms.set(
            "mqtt",
            f"No broker answers on {client.host}:{client.port}. Does it run (mqtt_host, "
            "mqtt_port)? The gateway goes on trying.",
        )

    def _on_disconnect(self, client, userdata, flags, reason, properties) -> None:
        if not self._up.is_set():
            return
        self._up.clear()
        self._thrown.note()
        if not self._is_ending:
            self._alarms.set(
                "mqtt",
                f"The broker on {client.host}:{client.port} ended the session, or stands still "
                f"({reason}). Does it run, and does the network? The gateway goes on trying.",
            )
        self._on_down()

    def _on_message(self, client, userdata, message) -> None:
        try:
            name = message.topic
        except UnicodeDecodeError:  # paho says it here; an exception would end its thread
            name = "(a topic that is not UTF-8)"
        self._deliver(
            Message(
                *(name, bytes(message.payload), message.mid, message.qos, self._connection),
                bool(message.retain),
            )
        )


def _send_at_once(client, userdata, sock: Any) -> None:
    # Otherwise a PUBACK waits up to 40 ms for the broker's delayed ACK of the packet before it.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
