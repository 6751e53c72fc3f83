"""A five-key board's connection to the broker: the look-up of a name, TLS, and the byte stream.

What MicroPython's own does otherwise than one would think stands in the comments; each was seen on
its unix port (tests/simulator/test_unix_board.py). What only some halls need is imported when it
is needed: it takes memory.
"""

import asyncio
import binascii
import gc
import os
import socket
import time

import machine
import tls

from firmware.dialler import RefusedError

_CA = "/ca.der"
_ADDRESS = "/address"  # the broker's name and its last good address
_NAME_SERVER = 53  # port (RFC 1035, 4.2.1)
_ASK_MS = 2000
_LOOK_MS = 50
_ASKS = 3
_2000_S = 946684800  # the epoch of some ports
_TRUSTED_MS = 600000


class Trust:
    """Whom a board believes: chain and name always, dates once the hall has told the time.

    A board's clock starts in 2000 or 2021, where no certificate is valid yet. So until `tell` was
    called a refused handshake sets it into the validity that the certificates themselves state
    (the callback shows them), and the next connection tries again. Whoever had the time, and is
    refused for dates for ten minutes, is as after a start: a hall whose clock was wrong for a
    while would lock its devices out until somebody took their power.
    """

    def __init__(self):
        self._is_told = False
        self._dates = None  # Unix seconds from and to which all certificates seen are valid
        self._refused_at = None  # ticks_ms
        self._context = self._pem = None  # and the CA that it was made of

    def context(self, pem):
        """The TLS context for the next connection, None without a CA. It is 3 KB in one piece, so
        it is kept while the CA is the same (BRK-1 may bring another one).

        Raises ValueError, IndexError for a CA that is none.
        """
        self._dates = None
        if self._context is None or pem != self._pem:
            self._context, self._pem = None, pem  # two at a time would not fit
            gc.collect()
            ca = _der(pem)
            if ca is None:
                return None
            # Not `ssl`, which is a wrapper around this and hands no callback on.
            context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
            setattr(context, "verify_mode", tls.CERT_REQUIRED)  # noqa: B010 - the stubs lack it
            context.load_verify_locations(ca)
            setattr(context, "verify_callback", self._see)  # noqa: B010
            self._context = context
        return self._context

    def tell(self, now_s):
        """Takes the hall's time; whether the connection's certificate has expired by it."""
        _set_clock(now_s)
        self._is_told, self._refused_at = True, None
        return self._dates is not None and now_s > self._dates[1]

    def refused(self, error):
        """The error to raise for a handshake that was refused with the ValueError `error`."""
        now_s, why = _clock(), str(error).strip()
        if self._dates is None:
            return RefusedError("tls_refused", why)
        first, last = self._dates
        if first <= now_s <= last:
            return RefusedError("tls_refused", why)
        if first > last:
            return RefusedError("tls_refused", "its certificates are never valid together")
        if self._is_told and not self._is_over():
            return RefusedError("tls_expired" if now_s > last else "tls_refused", why)
        self._is_told, self._refused_at = False, None
        _set_clock(first)
        return OSError("the clock was outside the certificate's dates: set into them")

    def _is_over(self):
        now = time.ticks_ms()
        if self._refused_at is None:
            self._refused_at = now
        return time.ticks_diff(now, self._refused_at) >= _TRUSTED_MS

    def _see(self, der, depth):
        from firmware.boards.certificate import validity

        try:
            first, last = validity(der)
        except ValueError:
            return 0  # TLS itself judges it
        if self._dates is not None:
            first, last = max(self._dates[0], first), min(self._dates[1], last)
        self._dates = first, last
        return 0


class Stream:
    """A TCP or TLS connection as firmware/mqtt.py wants it. found: what a name server told,
    (name, address), to be kept once the broker has proven itself; None if nothing is to be kept.
    """

    def __init__(self, pair, trust, found):
        self._reader, self._writer = pair
        self._trust = trust
        self._found = found

    async def readinto(self, buffer):
        """Fills the buffer's beginning; how many bytes came, 0 at the end. Raises OSError."""
        try:
            count = await self._reader.readinto(buffer) or 0
        except ValueError as error:
            raise self._refused(error)
        if count and self._found is not None:
            _keep(*self._found)
            self._found = None
        return count

    async def write(self, data):
        """Sends all of data. Raises OSError."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except ValueError as error:  # the handshake is done with the first bytes
            raise self._refused(error)

    async def close(self):
        """Ends the connection."""
        # StreamWriter.close does nothing on MicroPython; without this one the socket stays, and
        # with it 27 KB of TLS.
        await self._writer.wait_closed()

    def _refused(self, error):
        _forget()  # another machine may have the address by now
        return self._trust.refused(error)


async def open_stream(trust, host, port, pem, server):
    """A stream to the broker, with TLS if there is a CA. server: the name server's address.

    Raises RefusedError, OSError.
    """
    gc.collect()  # the last connection's TLS context
    try:
        context = trust.context(pem)
    except (ValueError, IndexError) as error:
        raise RefusedError("tls_refused", f"the hall's CA cannot be read: {error}")
    found, address = None, host if _is_address(host) else _kept(host)
    if address is None:
        found = host, await _look_up(host, server)
        address = found[1]
    try:
        if context is None:
            pair = await asyncio.open_connection(address, port)
        else:
            pair = await asyncio.open_connection(address, port, ssl=context, server_hostname=host)
    except OSError:
        _forget()
        raise
    return Stream(pair, trust, found)


async def _look_up(host, server):
    """The host's address, from a name server that is asked three times. Raises OSError."""
    from firmware.boards.names import answer, question

    asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        asking.setblocking(False)
        asking.connect(socket.getaddrinfo(server, _NAME_SERVER)[0][-1])
        asked = question(host, os.urandom(2))
        for _ in range(_ASKS):
            asking.send(asked)
            for _ in range(_ASK_MS // _LOOK_MS):
                await asyncio.sleep_ms(_LOOK_MS)
                try:
                    found = answer(asking.recv(512), asked)
                except OSError:
                    found = None  # nothing came yet
                if found:
                    return found
    finally:
        asking.close()
    raise OSError(f"the name server {server} knows no {host}, or does not answer")


def _is_address(host):
    parts = host.split(".")
    return len(parts) == 4 and all(part.isdigit() and int(part) < 256 for part in parts)


def _kept(host):
    """The last good address of a broker that has a name, None if there is none."""
    try:
        with open(_ADDRESS) as file:
            name, address = file.read().split(" ")
    except (OSError, ValueError):
        return None
    return address if name == host and _is_address(address) else None


def _keep(host, address):
    try:
        with open(_ADDRESS, "w") as file:
            file.write(f"{host} {address}")
    except OSError:
        pass  # it is looked up again


def _forget():
    try:
        os.remove(_ADDRESS)
    except OSError:
        pass


def _der(pem):
    """A CA in DER, which is what boards take: from the bundle's PEM, or as the bench wrote it.

    Raises ValueError, IndexError.
    """
    if pem is not None:
        inside = pem.split("-----BEGIN CERTIFICATE-----")[1].split("-----END")[0]
        return binascii.a2b_base64(inside.encode())
    try:
        with open(_CA, "rb") as file:
            return file.read()
    except OSError:
        return None


def _epoch_s():
    return _2000_S if time.gmtime(0)[0] == 2000 else 0


def _clock():
    """The board's clock, Unix seconds."""
    return int(time.time()) + _epoch_s()


def _set_clock(now_s):
    year, month, day, hour, minute, second, weekday = time.gmtime(now_s - _epoch_s())[:7]
    machine.RTC().datetime((year, month, day, weekday, hour, minute, second, 0))
