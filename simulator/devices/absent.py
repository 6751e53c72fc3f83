"""What the WebAssembly build of MicroPython lacks and a board has: sockets, TLS, a flag for
interrupts, mounting. Runs on the virtual device, before pins.py; the unix port has its own.
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false
# The modules that it replaces are other ones on a board.
import asyncio
import os
import sys

import host  # pyright: ignore[reportMissingImports]
import uctypes  # pyright: ignore[reportMissingImports]

_VIRTUAL = "firmware.boards.webassembly_five_key.board"


class Context:
    """TLS is a board's own; what the firmware asks of it is noted."""

    verify_mode = 0

    def __init__(self, protocol):
        pass

    def load_verify_locations(self, cadata):
        host.log(f"trusts {len(cadata)} bytes")


class _Flag(asyncio.Event):
    """MicroPython's ThreadSafeFlag, which the WebAssembly build has not."""

    async def wait(self):
        await super().wait()
        self.clear()
        return True


class _Half:
    """Reader and writer of one of the host's connections."""

    def __init__(self, stream):
        self._stream = stream
        self._unsent = b""
        self.readinto, self.wait_closed = stream.readinto, stream.close

    def write(self, data):
        self._unsent += data

    async def drain(self):
        data, self._unsent = self._unsent, b""
        await self._stream.write(data)


async def _open_connection(address, port, ssl=None, server_hostname=None):
    streams = __import__(_VIRTUAL, None, None, ("*",)).HostStream
    stream = streams(host.connect(address, port, ""))
    await stream.opened()
    half = _Half(stream)
    return half, half


def _random(count):
    data = bytearray(count)
    host.random(uctypes.addressof(data), count)
    return bytes(data)


class _Module:
    def __init__(self, **members):
        for name, member in members.items():
            setattr(self, name, member)


def _mount(partition, folder):
    if folder.strip("/") not in os.listdir("/"):
        os.mkdir(folder)


def install():
    """Puts all of it where MicroPython looks for it."""
    members = {name: getattr(os, name) for name in dir(os) if not name.startswith("__")}
    members["urandom"] = _random
    sys.modules["os"] = _Module(**members)
    sys.modules["socket"] = _Module()
    sys.modules["vfs"] = _Module(mount=_mount)
    sys.modules["tls"] = _Module(SSLContext=Context, PROTOCOL_TLS_CLIENT=0, CERT_REQUIRED=2)
    asyncio.open_connection = _open_connection
    asyncio.ThreadSafeFlag = _Flag
