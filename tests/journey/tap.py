"""A tap on the line between devices and their broker: every MQTT packet, noted and passed on."""

import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path

from scripted_broker import PUBLISH, Packet, read_packet, write_packet


@dataclass
class Seen:
    """A PUBLISH on the line; kind: the topic's last part."""

    device: str
    kind: str
    payload: bytes
    at_ms: int


class Tap:
    """Use as `async with Tap(folders) as tap`, before the devices start; `seen` grows.

    folders: {device: its folder}; their bundles are turned to the tap.
    """

    def __init__(self, folders: dict[str, Path]):
        self.seen: list[Seen] = []
        self._bundles = [folder / "identity.json" for folder in folders.values()]

    async def __aenter__(self) -> "Tap":
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        for path in self._bundles:
            bundle = json.loads(path.read_text())
            self._broker_port = bundle["mqtt"]["port"]
            bundle["mqtt"]["port"] = port
            path.write_text(json.dumps(bundle))
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def _pass_on(self, device_reader, device_writer):
        broker_reader, broker_writer = await asyncio.open_connection(
            "127.0.0.1", self._broker_port
        )
        await asyncio.gather(
            self._copy(device_reader, broker_writer), self._copy(broker_reader, device_writer)
        )

    async def _copy(self, reader, writer):
        try:
            while True:
                packet = await read_packet(reader)
                writer.write(write_packet(packet))
                if packet.kind == PUBLISH:
                    self._note(packet)
        except (OSError, EOFError):
            writer.close()

    def _note(self, packet: Packet):
        _, _, _, device, kind = packet.topic.split("/")
        is_counted = packet.flags & 0x06  # QoS 1: a packet id stands before the payload
        start = len(packet.topic.encode()) + (4 if is_counted else 2)
        self.seen.append(Seen(device, kind, packet.body[start:], time.time_ns() // 1_000_000))
