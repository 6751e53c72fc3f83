"""MQTT for kiosks: the bytes of a page's WebSocket, passed on to the hall's broker as they are.

A browser has no sockets of its own. The page logs in with its device's own password, and the
broker's rules are the device's; this bridge reads two things only: that the login names a device
of this hall (so that nobody tries the gateway's own password here), and that the broker took it.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.websockets import WebSocket, WebSocketDisconnect

log = logging.getLogger(__name__)

SUBPROTOCOL = "mqtt"
MESSAGE_BYTES = 16 * 1024  # of a WebSocket's message; the longest packet of a device has 5 KB
_MOST = 400  # bridges: a hall with two kiosks at each of its windows
_STRANGERS = 32  # that are not logged in; who comes after them takes the oldest one's place
_LOGIN_S = 10.0
_SILENT_S = 60.0  # three keep-alives of a device
_PIECE = 4096
_CONNECT, _CONNACK_GOOD = 0x10, b"\x20\x02"
_WITH_USER, _WITH_WILL = 0x80, 0x04  # flags of a CONNECT
_GOING_AWAY, _REFUSED, _BROKER_LOST = 1001, 1008, 1011


class Bridge:
    """address: of the broker, once it listens. tls: whom to believe there, None: in the clear.
    is_known: whether a device belongs to the hall. Used by one event loop.
    """

    def __init__(
        self,
        address: Callable[[], tuple[str, int]],
        tls: ssl.SSLContext | None,
        is_known: Callable[[str], bool],
    ) -> None:
        self._address = address
        self._tls = tls
        self._is_known = is_known
        self._strangers: dict[asyncio.Task, None] = {}  # oldest first
        self._open = 0

    async def serve(self, socket: WebSocket) -> None:
        """Carry bytes until one side ends, or keeps silent for too long."""
        if not is_own_origin(socket) or SUBPROTOCOL not in socket.scope["subprotocols"]:
            await socket.close(_REFUSED)  # before it is accepted: HTTP 403
            return
        if self._open >= _MOST:
            await socket.close(_GOING_AWAY)
            return
        task = asyncio.current_task()
        assert task is not None
        self._strangers[task] = None
        if len(self._strangers) > _STRANGERS:
            next(iter(self._strangers)).cancel()
        self._open += 1
        try:
            await socket.accept(SUBPROTOCOL)
            code = await self._carry(socket, task)
            await socket.close(code)
        except (OSError, RuntimeError, WebSocketDisconnect, asyncio.CancelledError) as error:
            log.debug("a kiosk's connection ended: %r", error)
            with contextlib.suppress(RuntimeError):
                await socket.close(_GOING_AWAY)
        finally:
            self._open -= 1
            self._strangers.pop(task, None)

    async def _carry(self, socket: WebSocket, task: asyncio.Task) -> int:
        async with asyncio.timeout(_LOGIN_S):
            login = await _received(socket)
        device = client_of(login)
        if device is None or not self._is_known(device):
            return _REFUSED
        host, port = self._address()
        try:
            async with asyncio.timeout(_LOGIN_S):
                reader, writer = await asyncio.open_connection(host, port, ssl=self._tls)
        except (OSError, TimeoutError) as error:
            log.warning("kiosk %s: the broker does not answer: %s", device, error)
            return _BROKER_LOST
        try:
            writer.write(login)
            async with asyncio.timeout(_LOGIN_S):
                answer = await reader.readexactly(4)
            await socket.send_bytes(answer)
            if answer[:2] != _CONNACK_GOOD or answer[3] != 0:
                return _REFUSED
            self._strangers.pop(task, None)
            ways = [
                asyncio.create_task(_upward(socket, writer)),
                asyncio.create_task(_downward(reader, socket)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
            return _GOING_AWAY
        except (asyncio.IncompleteReadError, TimeoutError):
            return _BROKER_LOST
        finally:
            writer.close()  # without DISCONNECT, so that the last will speaks
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def is_own_origin(socket: WebSocket) -> bool:
    """Whether a page of this very server asks; browsers say so truthfully of every page."""
    origin = urlsplit(socket.headers.get("origin", ""))
    return bool(origin.netloc) and origin.netloc == socket.headers.get("host")


def client_of(packet: bytes) -> str | None:
    """The client id of an MQTT 3.1.1 CONNECT (3.1) whose user name is the same, None for anything
    else: a broker may go by either.
    """
    length, at = 0, 1
    while at < min(len(packet), 5):
        length |= (packet[at] & 0x7F) << 7 * (at - 1)
        at += 1
        if not packet[at - 1] & 0x80:
            break
    body = packet[at : at + length]
    if packet[:1] != bytes([_CONNECT]) or body[:7] != b"\x00\x04MQTT\x04" or len(body) < 10:
        return None
    flags, fields, at = body[7], [], 10  # after protocol, level, flags and keep-alive
    if not flags & _WITH_USER:
        return None
    for _ in range(4 if flags & _WITH_WILL else 2):  # client id, the will's topic and text, user
        end = at + 2 + int.from_bytes(body[at : at + 2], "big")
        if len(body) < end:
            return None
        fields.append(body[at + 2 : end])
        at = end
    is_one = fields[0] == fields[-1] != b""
    return fields[0].decode("ascii", "replace") if is_one else None


async def _received(socket: WebSocket) -> bytes:
    message = await socket.receive()
    if message["type"] != "websocket.receive" or message.get("bytes") is None:
        raise WebSocketDisconnect(_REFUSED)  # it ended, or said something in text
    return message["bytes"]


async def _upward(socket: WebSocket, writer: asyncio.StreamWriter) -> None:
    while True:
        async with asyncio.timeout(_SILENT_S):
            data = await _received(socket)
        writer.write(data)
        async with asyncio.timeout(_SILENT_S):
            await writer.drain()


async def _downward(reader: asyncio.StreamReader, socket: WebSocket) -> None:
    while data := await reader.read(_PIECE):
        async with asyncio.timeout(_SILENT_S):
            await socket.send_bytes(data)
