"""The virtual board: keys, lamps, flash and network are functions of the simulator's `host`.

It lists what every board has. Bytes cross the border by address and length only; every host
function that can fail returns a negative errno (a JavaScript exception cannot be caught here).
"""

import asyncio
import gc
import io
import json
import time

import host  # pyright: ignore[reportMissingImports] - simulator/devices/worker.mjs
import uctypes

from firmware.timing import Timing


class Board:
    """A five-key device that exists only in the simulator."""

    input = "key"  # of its ratings
    ticks_ms = staticmethod(time.ticks_ms)
    ticks_diff = staticmethod(time.ticks_diff)

    def __init__(self):
        self.files = HostFiles()
        self.timing = Timing(json.loads(host.timing()))
        self._key_change = asyncio.Event()
        host.on_key(self._key_change.set)

    def read_bundle(self) -> bytes:
        """The bundle's JSON, from where enrolment wrote it. Raises OSError if there is none."""
        bundle = host.bundle()
        if not bundle:
            raise OSError(2)  # ENOENT
        return bundle.encode()

    def read_settings(self) -> bytes:
        """What was kept last. Raises OSError if there is nothing."""
        kept = host.settings()
        if not kept:
            raise OSError(2)  # ENOENT
        return kept.encode()

    def keep_settings(self, data: bytes):
        """Keeps the settings' envelope for the next start, beside the bundle. Raises OSError."""
        _checked(host.keep_settings(uctypes.addressof(data), len(data)))

    def start_cause(self) -> str:
        """Why this start happened, a word for the `boot` record."""
        return host.start_cause()

    def note(self) -> int:
        """What the last `restart` was given, once; 0 for nothing, and after a power cut."""
        return host.note()

    def closed_keys(self) -> int:
        """The contacts that are closed now, bit 0 is level 1."""
        return host.closed_keys()

    async def key_change(self):
        """Waits until a contact has moved."""
        await self._key_change.wait()
        self._key_change.clear()

    def chosen(self):
        """(codes of the reasons that are chosen on a face which lists them, whether that is all);
        None if nobody has chosen since this was asked last. Only such a board has `ask(level)`,
        which comes before its face `asking`: the reasons are the level's.
        """
        return None

    def show(self, face: str, ticket, settings, text: str):
        """Lamps, text and voice of a face, for this ticket or None, in the words of `settings`.
        `thanking` is what a citizen takes as a promise.
        """
        host.show(face, "" if ticket is None else ticket.ticket_no, text)

    def answer(self, answer: str, level):
        """Lamps and sound for a press. level: None but for a technician's, so that no board can
        answer one level otherwise than another.
        """
        host.answer(answer)

    def find(self, seconds: int):
        """Blinks for so long, or until another face is shown, so that somebody finds it."""
        host.find(seconds)

    def set_volume(self, volume: int):
        """How loud the voice is, 0 to 30; 0: no sound at all."""
        host.volume(volume)

    def selftest(self) -> list:
        """The parts that the board can try by itself, as [(word, is_good)]."""
        return []

    def random(self, count: int) -> bytes:
        """Random bytes that nobody can guess."""
        data = bytearray(count)
        host.random(uctypes.addressof(data), count)
        return bytes(data)

    def log(self, text: str):
        """A line for the technician."""
        host.log(text)

    def free_memory(self) -> int:
        """Bytes of the heap that nothing needs."""
        gc.collect()
        return gc.mem_free()

    def restart(self, note: int):
        """Restarts the device; the next start's `note` gives the number, which is below 256."""
        host.restart(note)

    def watch(self):
        """From now on a watchdog bites a program that does not come back."""

    def rest(self):
        """The program was stopped from the cable: no watchdog may bite from now on."""

    def check_network(self):
        """Raises ValueError if what says how to reach the hall cannot be read."""

    async def join(self):
        """Waits until there is a network. Raises OSError."""

    async def connect(self, host_name, port, ca):
        """A byte stream to the broker, with TLS if there is a CA. Raises OSError."""
        stream = HostStream(host.connect(host_name, port, ca or ""))
        await stream.opened()
        return stream

    def tell_time(self, now_ms: int) -> bool:
        """Takes the hall's time; whether the broker's certificate has expired by it."""
        return False  # the host has a clock of its own


class HostStream:
    """A TCP connection of the host."""

    def __init__(self, number):
        self._number = number
        self._event = asyncio.Event()
        host.on_stream(number, self._event.set)

    async def opened(self):
        """Waits until the connection stands. Raises OSError."""
        while True:
            self._event.clear()
            state = _checked(host.stream_state(self._number))
            if state == 1:
                return
            await self._event.wait()

    async def readinto(self, buffer) -> int:
        """Fills the buffer's beginning; how many bytes came, 0 at the end."""
        while True:
            self._event.clear()
            got = host.stream_read(self._number, uctypes.addressof(buffer), len(buffer))
            if got > 0:
                return got
            if got < 0:
                return 0
            await self._event.wait()

    async def write(self, data: bytes):
        """Sends all of data. Raises OSError."""
        _checked(host.stream_write(self._number, uctypes.addressof(data), len(data)))

    async def close(self):
        """Ends the connection."""
        host.stream_close(self._number)


class HostFiles:
    """The journal's files: each operation is complete, as LittleFS has it at a file's close."""

    def names(self):
        """The names of all files."""
        return [name for name in host.file_names().split("\n") if name]

    def open(self, name):
        """The file, open for reading bytes. Raises OSError if there is none."""
        size = _checked(host.file_size(name))
        data = bytearray(size)
        if size:
            _checked(host.file_read(name, uctypes.addressof(data), size))
        return io.BytesIO(bytes(data))

    def append(self, name, data):
        """Adds data to the file's end."""
        _checked(host.file_append(name, uctypes.addressof(data), len(data)))

    def write(self, name, data):
        """Makes the file hold data and nothing else."""
        _checked(host.file_write(name, uctypes.addressof(data), len(data)))

    def remove(self, name):
        """Removes the file."""
        _checked(host.file_remove(name))


def _checked(result):
    if result < 0:
        raise OSError(-result)
    return result
