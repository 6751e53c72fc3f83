"""Devices that publish as fast as a broker takes it: packets made beforehand, plain sockets.

    python tests/journey/publisher.py PLAN.json

A process of its own, and as little work as possible in it, so that it is never what is measured.
The plan: {"port", "window", "per_s" (records a second and device, 0: no limit), "wants_acks",
"devices": [{"device", "password", "packets",
"last_seq", "topic and state" as BusyHall.write_plan has them}]}; `packets` names a file of whole
PUBLISH packets, made by `write_packets`. Prints {"begin_s", "published_s", "acknowledged_s"} of
the monotonic clock, which all processes of a machine share.
"""

import json
import selectors
import socket
import struct
import sys
import time
from collections.abc import Iterable
from pathlib import Path

_PUBACK, _PUBLISH, _CONNACK, _SUBACK = 4, 3, 2, 9
_PUBLISH_QOS1, _SUBSCRIBE = 0x32, 0x82
_PATIENCE_S = 300  # without anything acknowledged


def write_packets(path: Path, topic: str, payloads: Iterable[bytes]) -> None:
    """The PUBLISH packets (QoS 1, ids from 1 on) of `payloads`, each after its length."""
    with path.open("wb") as file:
        for number, payload in enumerate(payloads):
            packet = publish_packet(topic, number % 65535 + 1, payload)
            file.write(struct.pack("!I", len(packet)) + packet)


def publish_packet(topic: str, packet_id: int, payload: bytes, is_retained: bool = False) -> bytes:
    """One PUBLISH packet with QoS 1."""
    body = _text(topic) + struct.pack("!H", packet_id) + payload
    return bytes([_PUBLISH_QOS1 | is_retained]) + _length(len(body)) + body


class Device:
    """One connection: logged in, subscribed to its own `ack`, and told its state."""

    def __init__(self, port: int, plan: dict):
        self.name = plan["device"]
        self.last_seq = plan["last_seq"]
        self.packets = list(_read_packets(Path(plan["packets"])))
        self.next = 0
        self.unacknowledged = 0
        self.is_acknowledged = False
        self._rest = b""
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        flags = struct.pack("!BBH", 4, 0xC2, 600)
        login = _text("MQTT") + flags + b"".join(map(_text, (self.name,) + _login(plan)))
        self.socket.sendall(b"\x10" + _length(len(login)) + login)
        self._expect(_CONNACK)
        wanted = struct.pack("!H", 1) + _text(plan["ack_topic"]) + b"\x01"
        self.socket.sendall(bytes([_SUBSCRIBE]) + _length(len(wanted)) + wanted)
        self._expect(_SUBACK)
        state = publish_packet(plan["state_topic"], 65535, plan["state"].encode(), True)
        self.socket.sendall(state)
        self._expect(_PUBACK)

    def send(self, most: int) -> None:
        """Send up to `most` further packets in one piece."""
        some = self.packets[self.next : self.next + most]
        if some:
            self.next += len(some)
            self.unacknowledged += len(some)
            self.socket.setblocking(True)
            self.socket.sendall(b"".join(some))
            self.socket.setblocking(False)

    def receive(self) -> None:
        """Read what came: PUBACKs, and `ack` messages, which are answered."""
        data = self.socket.recv(1 << 18)
        if not data:
            raise ConnectionError(f"the broker hung up on {self.name}")
        data, at, answers = self._rest + data, 0, []
        while (end := _packet_end(data, at)) is not None:
            kind, start = data[at] >> 4, _payload_start(data, at)
            if kind == _PUBACK:
                self.unacknowledged -= 1
            elif kind == _PUBLISH:
                topic_end = start + 2 + int.from_bytes(data[start : start + 2], "big")
                answers.append(b"\x40\x02" + data[topic_end : topic_end + 2])
                ack = json.loads(data[topic_end + 2 : end])
                self.is_acknowledged = ack["hall"] >= self.last_seq
            at = end
        self._rest = data[at:]
        if answers:
            self.socket.setblocking(True)
            self.socket.sendall(b"".join(answers))
            self.socket.setblocking(False)

    def _expect(self, kind: int) -> None:
        while True:
            data = self._rest + self.socket.recv(65536)
            at = 0
            while (end := _packet_end(data, at)) is not None:
                found, at = data[at] >> 4, end
                if found == kind:
                    self._rest = data[at:]
                    return
            self._rest = data[at:]


def run(plan: dict) -> dict:
    """Publish all of it; the times."""
    devices = [Device(plan["port"], one) for one in plan["devices"]]
    selector = selectors.DefaultSelector()
    for device in devices:
        device.socket.setblocking(False)
        selector.register(device.socket, selectors.EVENT_READ, device)
    window, wants_acks, per_s = plan["window"], plan["wants_acks"], plan["per_s"]

    def send(device: Device) -> None:
        most = window - device.unacknowledged
        if per_s:
            due = int((time.monotonic() - begin_s) * per_s) + 1
            most = min(most, due - device.next)
        if most > 0:
            device.send(most)

    begin_s = moved_s = time.monotonic()
    moved, published_s = 0, 0.0
    for device in devices:
        send(device)
    while time.monotonic() < moved_s + _PATIENCE_S:
        for key, _ in selector.select(0.02 if per_s else 1):
            device = key.data
            device.receive()
            if device.unacknowledged <= window // 2:
                send(device)
        for device in devices if per_s else ():
            send(device)
        if moved != (moved := sum(d.next - d.unacknowledged for d in devices)):
            moved_s = time.monotonic()
        is_published = all(d.next == len(d.packets) and d.unacknowledged <= 0 for d in devices)
        if is_published and not published_s:
            published_s = time.monotonic()
        if is_published and (not wants_acks or all(d.is_acknowledged for d in devices)):
            break
    else:
        raise TimeoutError("not everything was acknowledged in time")
    acknowledged_s = time.monotonic()
    for device in devices:
        device.socket.close()
    return {
        "begin_s": begin_s,
        "published_s": published_s,
        "acknowledged_s": acknowledged_s,
    }


def _login(plan: dict) -> tuple[str, str]:
    return plan["device"], plan["password"]


def _read_packets(path: Path):
    data, at = path.read_bytes(), 0
    while at < len(data):
        (length,) = struct.unpack_from("!I", data, at)
        yield data[at + 4 : at + 4 + length]
        at += 4 + length


def _packet_end(data: bytes, at: int) -> int | None:
    """Where the packet that begins at `at` ends, None if it is not all there."""
    length, shift, start = 0, 0, at + 1
    while start < len(data):
        length |= (data[start] & 127) << shift
        if not data[start] & 128:
            end = start + 1 + length
            return end if end <= len(data) else None
        shift, start = shift + 7, start + 1
    return None


def _payload_start(data: bytes, at: int) -> int:
    at += 1
    while data[at] & 128:
        at += 1
    return at + 1


def _text(value: str) -> bytes:
    return struct.pack("!H", len(value)) + value.encode()


def _length(value: int) -> bytes:
    encoded = bytearray()
    while True:
        value, digit = value >> 7, value & 127
        encoded.append(digit | (128 if value else 0))
        if not value:
            return bytes(encoded)


if __name__ == "__main__":
    print(json.dumps(run(json.loads(Path(sys.argv[1]).read_text()))))
