"""A small MQTT 3.1.1 client (OASIS standard, 29 October 2014) over a byte stream handed in.

QoS 1 in both directions, keep-alive, last will, clean sessions. It never retries: whoever uses it
keeps what matters in a journal and offers it again. Section numbers are the standard's.

A stream has `readinto(buffer)` (await; how many bytes came, 0 at the end), `write(data)` (await;
all of it) and `close()` (await). Every failure is an OSError.
"""

import asyncio

from firmware.timing import happens
from protocol.limits import MESSAGE_BYTES

CONNECT = 0x10
CONNACK = 0x20
PUBLISH = 0x30
PUBACK = 0x40
SUBSCRIBE = 0x82
SUBACK = 0x90
PINGREQ = 0xC0
PINGRESP = 0xD0
DISCONNECT = 0xE0

_RETAIN = 0x01
_QOS1 = 0x02
LARGEST = MESSAGE_BYTES + 128  # bytes of an incoming packet: its topic and id are beside it
_REFUSALS = {4: "user name or password is wrong", 5: "the broker does not know this device"}


class MqttError(OSError):
    """The connection is over; the text says why."""


class Mqtt:
    """One connection. Make a new one, on a new stream, after every MqttError.

    buffer: LARGEST bytes for what comes; whoever makes connections keeps one, as a heap that has
    run for a day may have no such piece left. ticks_ms, ticks_diff: MicroPython's. in_flight,
    puback_ms: how many messages may wait for their PUBACK, and for how long each of them holds
    its place.
    """

    def __init__(self, stream, buffer, ticks_ms, ticks_diff, in_flight, puback_ms):
        self._stream = stream
        self._buffer = memoryview(buffer)
        self._ticks_ms = ticks_ms
        self._ticks_diff = ticks_diff
        self._in_flight = in_flight
        self._puback_ms = puback_ms
        self._waiting = {}  # packet id: when it was sent
        self._room = asyncio.Event()
        self._lock = asyncio.Lock()
        self._packet_id = 0
        self._heard_at = ticks_ms()

    async def connect(self, client_id, password, keep_alive_s, will_topic, will):
        """Logs in with client_id as user name too; the will is retained, QoS 1 (3.1)."""
        # clean session, will, will QoS 1, will retain, password, user name (3.1.2.3)
        flags = 0x02 | 0x04 | 0x08 | 0x20 | 0x40 | 0x80
        body = _text("MQTT") + bytes([4, flags]) + _number(keep_alive_s)
        body += _text(client_id) + _text(will_topic) + _number(len(will)) + will
        body += _text(client_id) + _text(password)
        await self._send(CONNECT, body)
        kind, body = await self._receive()
        if kind != CONNACK or len(body) != 2:
            raise MqttError("the broker did not answer CONNECT")
        if body[1] != 0:
            raise MqttError(_REFUSALS.get(body[1], f"the broker refuses: {body[1]}"))

    async def subscribe(self, topics):
        """Asks for QoS 1 on topics; `run` tells the answer."""
        body = _number(self._next_id())
        for topic in topics:
            body += _text(topic) + b"\x01"
        await self._send(SUBSCRIBE, body)

    async def publish(self, topic, payload, retain=False):
        """Sends with QoS 1, after waiting until fewer than in_flight messages are unacknowledged.

        A PUBACK frees a place and proves nothing else.
        """
        while not self._has_room():
            self._room.clear()
            await happens(self._room, self._puback_ms)
        packet_id = self._next_id()
        self._waiting[packet_id] = self._ticks_ms()
        kind = PUBLISH | _QOS1 | (_RETAIN if retain else 0)
        await self._send(kind, _text(topic) + _number(packet_id) + payload)

    async def run(self, on_message, on_subscribed):
        """Takes what comes, calling on_message(topic, payload, is_retained) (3.3.1.3) and
        on_subscribed(whether all topics were granted) (3.9.3), until the connection ends.
        """
        while True:
            kind, body = await self._receive()
            if kind & 0xF0 == PUBLISH:
                await self._take_publish(kind, body, on_message)
            elif kind == PUBACK and len(body) == 2:
                self._waiting.pop(body[0] << 8 | body[1], None)
                self._room.set()
            elif kind == SUBACK:
                on_subscribed(0x80 not in list(body[2:]))

    async def keep_alive(self, keep_alive_s):
        """Asks the broker for a sign of life (3.1.2.10)."""
        while True:
            await asyncio.sleep_ms(keep_alive_s * 500)
            await self._send(PINGREQ, b"")

    async def watch(self, keep_alive_s):
        """Ends the connection when nothing was heard for 1.5 times keep_alive_s.

        Apart from what it supervises: a write that is stuck holds all others up, pings too.
        """
        while True:
            await asyncio.sleep_ms(keep_alive_s * 500)
            if self._ticks_diff(self._ticks_ms(), self._heard_at) > keep_alive_s * 1500:
                raise MqttError("the broker has gone silent")

    async def close(self):
        """Ends the connection without a DISCONNECT, so that the last will speaks."""
        await self._stream.close()

    async def _take_publish(self, kind, body, on_message):
        if len(body) < 2:
            raise MqttError("the broker sent a PUBLISH without a topic")
        start = 2 + (body[0] << 8 | body[1])
        try:
            topic = str(body[2:start], "utf-8")
        except ValueError:
            raise MqttError("the broker sent a topic that is not UTF-8")
        if kind & 0x06:
            packet_id = bytes(body[start : start + 2])
            start += 2
            on_message(topic, bytes(body[start:]), bool(kind & _RETAIN))
            await self._send(PUBACK, packet_id)
        else:
            on_message(topic, bytes(body[start:]), bool(kind & _RETAIN))

    def _has_room(self):
        now = self._ticks_ms()
        for packet_id, sent_at in list(self._waiting.items()):
            if self._ticks_diff(now, sent_at) >= self._puback_ms:
                del self._waiting[packet_id]
        return len(self._waiting) < self._in_flight

    def _next_id(self):
        self._packet_id = self._packet_id % 65535 + 1
        return self._packet_id

    async def _send(self, kind, body):
        packet = bytes([kind]) + _length(len(body)) + body
        async with self._lock:
            await self._stream.write(packet)

    async def _receive(self):
        await self._read(2)
        kind, byte = self._buffer[0], self._buffer[1]
        length = byte & 0x7F
        for shift in (7, 14, 21):
            if byte < 0x80:
                break
            await self._read(1)
            byte = self._buffer[0]
            length |= (byte & 0x7F) << shift
        if length > LARGEST:
            raise MqttError(f"the broker sent {length} bytes, at most {LARGEST} are taken")
        await self._read(length)
        self._heard_at = self._ticks_ms()
        return kind, self._buffer[:length]

    async def _read(self, count):
        """The next `count` bytes, into the buffer's beginning."""
        at = 0
        while at < count:
            got = await self._stream.readinto(self._buffer[at:count])
            if not got:
                raise MqttError("the connection was closed")
            at += got


def _number(value):
    return bytes([value >> 8, value & 0xFF])


def _text(value):
    data = value.encode()
    return _number(len(data)) + data


def _length(value):
    encoded = b""
    while True:
        byte, value = value & 0x7F, value >> 7
        encoded += bytes([byte | 0x80 if value else byte])
        if not value:
            return encoded
