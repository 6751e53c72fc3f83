"""A broker that does what a test says: it notes packets, and answers only what it is told to."""

import asyncio
from dataclasses import dataclass

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, PINGREQ = 1, 3, 4, 8, 12


@dataclass
class Packet:
    """One MQTT 3.1.1 packet: type (1 … 14), flags, and its body after the length."""

    kind: int
    flags: int
    body: bytes

    def strings(self, start: int) -> list[bytes]:
        """The length-prefixed strings from `start` to the end."""
        found = []
        while start < len(self.body):
            length = int.from_bytes(self.body[start : start + 2])
            found.append(self.body[start + 2 : start + 2 + length])
            start += 2 + length
        return found

    @property
    def topic(self) -> str:
        """A PUBLISH's topic."""
        return self.body[2 : 2 + int.from_bytes(self.body[:2])].decode()

    @property
    def payload(self) -> bytes:
        """A PUBLISH's payload (QoS 1)."""
        return self.body[4 + int.from_bytes(self.body[:2]) :]

    @property
    def packet_id(self) -> bytes:
        """A PUBLISH's packet id."""
        start = 2 + int.from_bytes(self.body[:2])
        return self.body[start : start + 2]


class ScriptedBroker:
    """Listens on a free loopback port; `packets` is a list per connection.

    connack: the return code of CONNACK, None for silence. puback, pong: whether to answer those.
    suback: what it says to a subscription, 128 refuses it. tls: an SSLContext, None for none.
    """

    def __init__(self, connack=0, puback=True, pong=True, suback=1, tls=None):
        self.tls = tls
        self.port = 0
        self.connack = connack
        self.suback = suback
        self.puback = puback
        self.pong = pong
        self.connections: list[list[Packet]] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._something = asyncio.Event()

    async def __aenter__(self):
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, ssl=self.tls
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        self.drop()

    def drop(self):
        """Ends all connections."""
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    def send(self, data: bytes):
        """Sends bytes on the newest connection."""
        self._writers[-1].write(data)

    def publish(self, topic: str, payload: bytes):
        """Sends a QoS 0 PUBLISH on the newest connection."""
        body = len(topic).to_bytes(2) + topic.encode() + payload
        self.send(b"\x30" + _length(len(body)) + body)

    async def until(self, is_true, timeout_s=10):
        """Waits until is_true() holds; looks again after every packet."""
        async with asyncio.timeout(timeout_s):
            while not is_true():
                self._something.clear()
                await self._something.wait()

    def published(self, name: str, connection: int = -1) -> list[bytes]:
        """The payloads published on topics that end in `name`."""
        if not self.connections:
            return []
        return [
            packet.payload
            for packet in self.connections[connection]
            if packet.kind == PUBLISH and packet.topic.endswith(name)
        ]

    async def _serve(self, reader, writer):
        self._writers.append(writer)
        packets = []
        self.connections.append(packets)
        try:
            while True:
                packet = await read_packet(reader)
                packets.append(packet)
                self._answer(writer, packet)
                self._something.set()
        except (asyncio.IncompleteReadError, OSError):  # TLS has its own, too
            writer.close()

    def _answer(self, writer, packet):
        if packet.kind == CONNECT and self.connack is not None:
            writer.write(bytes([0x20, 2, 0, self.connack]))
        elif packet.kind == SUBSCRIBE:
            writer.write(b"\x90\x05" + packet.body[:2] + bytes([1, self.suback, 1]))
        elif packet.kind == PUBLISH and self.puback:
            writer.write(b"\x40\x02" + packet.packet_id)
        elif packet.kind == PINGREQ and self.pong:
            writer.write(b"\xd0\x00")


async def read_packet(reader: asyncio.StreamReader) -> Packet:
    """The next packet. Raises IncompleteReadError at the end, ConnectionError."""
    first = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return Packet(first >> 4, first & 15, await reader.readexactly(length))


def write_packet(packet: Packet) -> bytes:
    """The packet's bytes."""
    return bytes([packet.kind << 4 | packet.flags]) + _length(len(packet.body)) + packet.body


def _length(value):
    encoded = b""
    while True:
        value, byte = value >> 7, value & 0x7F
        encoded += bytes([byte | 0x80 if value else byte])
        if not value:
            return encoded
