"""A board's chip and radio as its firmware sees them: runs on the virtual device itself.

`install` puts fakes of `machine`, `network` and `esp32` where MicroPython looks for modules, and a
board of firmware/boards/ on them. What goes through a pin or a serial line is told to `host`
(simulator/devices/worker.mjs, or unix_host.py); contacts and the air come from it.
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false
# The modules that it replaces are other ones on a board.
import json
import sys
import time

import host  # pyright: ignore[reportMissingImports]
import uctypes  # pyright: ignore[reportMissingImports]

_names = {}  # GPIO number: the board's name for it
_handlers = {}  # GPIO number: interrupt handler


class Pin:
    """A contact reads 0 when it is closed to ground."""

    IN, OUT, PULL_UP = 0, 1, 2
    IRQ_FALLING, IRQ_RISING = 1, 2

    def __init__(self, number, mode=None, pull=None, value=None):
        self.number = number
        self._value = None
        if value is not None:
            self.value(value)

    def value(self, value=None):
        name = _names[self.number]
        if value is None and name.startswith("key_"):
            return 1 - (host.closed_keys() >> (int(name[4:]) - 1) & 1)
        if value is not None and value != self._value:
            self._value = value
            host.pin(name, value)
        return self._value

    def irq(self, handler, trigger):
        _handlers[self.number] = handler


class Pwm:
    """The buzzer."""

    def __init__(self, pin, freq, duty_u16):
        pass

    def duty_u16(self, duty):
        host.sound("buzzer", duty)


class Uart:
    """A DFPlayer: checks a frame as its data sheet has it, and acknowledges it if it is there."""

    has_player = True

    def __init__(self, number, baudrate, tx, rx):
        self._answer = b""

    def write(self, frame):
        total = sum(frame[1:7]) + (frame[7] << 8 | frame[8]) & 0xFFFF
        is_good = len(frame) == 10 and frame[0] == 0x7E and frame[9] == 0xEF and total == 0
        host.sound("voice" if is_good else "noise", frame[3] << 16 | frame[5] << 8 | frame[6])
        if Uart.has_player:
            self._answer += b"\x7e\xff\x06\x41\x00\x00\x00\xfe\xba\xef"

    def any(self):
        return len(self._answer)

    def read(self):
        answer, self._answer = self._answer, b""
        return answer


class Rtc:
    """A few bytes that a restart does not empty."""

    _memory = b""

    def datetime(self, fields):
        host.set_clock(*fields)

    def memory(self, data=None):
        if not Rtc._memory:
            Rtc._memory = bytes([host.note()])
        if data is not None:
            Rtc._memory = data
        return Rtc._memory


class Registers:
    """The chip's: one outlives a restart, one (it clears bits) stops the watchdog."""

    def __setitem__(self, address, value):
        if address == 0x4005B000:
            Watchdog.limit_ms = None
        else:
            Rtc().memory(bytes([value]))

    def __getitem__(self, address):
        return Rtc().memory()[0]


class Watchdog:
    """Bites whoever feeds it too late; nothing here can end a program that never feeds it again.

    Made a second time it is the same one with another limit, as the ESP32's is.
    """

    limit_ms = None
    hurried_ms = None  # a limit in place of the firmware's
    _fed = 0

    def __init__(self, timeout):
        if Watchdog.limit_ms is not None:
            host.log(f"the watchdog waits {timeout} ms")
        Watchdog.limit_ms = Watchdog.hurried_ms or timeout
        Watchdog._fed = time.ticks_ms()

    def feed(self):
        late_ms = time.ticks_diff(time.ticks_ms(), Watchdog._fed)
        Watchdog._fed = time.ticks_ms()
        if Watchdog.limit_ms is not None and late_ms > Watchdog.limit_ms:
            host.log(f"the watchdog bites: {late_ms} ms")
            host.restart(0)


class Interface:
    """Wi-Fi or cable: there when it was asked for and the air has it."""

    IF_STA = 0
    PM_NONE = 0

    def __init__(self, *given, **named):
        self._is_joined = bool(named)  # a cable needs no joining
        if named:
            host.log(f"cable, PHY {named['phy_type']} at {named['phy_addr']}")

    def active(self, is_active):
        pass

    def config(self, pm):
        pass

    def ifconfig(self, settings=None):
        return "127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1"

    def disconnect(self):
        self._is_joined = False

    def connect(self, ssid, password):
        self._is_joined = True
        host.log(f"joins {ssid}")

    def isconnected(self):
        return self._is_joined and host.is_plugged()


class Partition:
    """A piece of the flash."""

    TYPE_DATA = 1
    journal = None

    @staticmethod
    def find(kind, label):
        return [Partition.journal]


class _Module:
    def __init__(self, **members):
        for name, member in members.items():
            setattr(self, name, member)


def _moved():
    for handler in _handlers.values():
        handler(None)


def install(board, partition="journal"):
    """Makes firmware.boards.this_board give the board of firmware/boards/{board}/.

    partition: the journal's, as `vfs.mount` takes it.
    """
    Partition.journal = partition
    sys.modules["machine"] = _Module(
        Pin=Pin,
        PWM=Pwm,
        UART=Uart,
        WDT=Watchdog,
        PWRON_RESET=1,
        WDT_RESET=3,
        reset_cause=lambda: 3 if host.start_cause() == "watchdog" else 1,
        RTC=Rtc,
        mem32=Registers(),
        reset=lambda: host.restart(Rtc().memory()[0]),
    )
    sys.modules["network"] = _Module(
        WLAN=Interface,
        LAN=Interface,
        PHY_LAN8720=1,
        country=lambda name: None,
        hostname=lambda name: None,
    )
    sys.modules["esp32"] = _Module(Partition=Partition)
    for name, number, _ in _firmware(f"boards.{board}.pins").PINS:
        _names[number] = name
    kind = _firmware("boards").load(board)
    link = _firmware("link").Link
    link._take_ack = _acknowledged(link._take_ack)
    session = _firmware("session")
    session.TABLE = _Told(session.TABLE)
    _firmware("boards").this_board = lambda: _watched(kind)


def enrol():
    """Makes the empty journal, as the bench does it."""
    _firmware("enrolment").enrol(_firmware("boards").this_board())
    assert Watchdog.limit_ms is None, "a bench feeds no watchdog"


def _told(append):
    def append_and_tell(name, data):
        append(name, data)
        host.appended(uctypes.addressof(data), len(data))

    return append_and_tell


def _slow(open, ms):
    def open_slowly(name):
        file = open(name)
        time.sleep_ms(ms)
        return file

    return open_slowly


def _acknowledged(take):
    def take_and_tell(link, ack):
        take(link, ack)
        if hasattr(host, "acknowledged"):  # else it is read off the wire (worker.mjs)
            host.acknowledged(ack)

    return take_and_tell


def _firmware(name):
    """A module of the firmware: no tier's import, this file runs on the device itself."""
    return __import__(f"firmware.{name}", None, None, ("*",))


class _Told:
    """The session's table; every row that is used is told."""

    def __init__(self, table):
        self._table = table

    def get(self, row):
        if row in self._table:
            host.row(row[0], row[1])
        return self._table.get(row)


def _watched(kind):
    class Watched(kind):
        """The board, and what the simulator's other boards tell their host beside it."""

        def show(self, face, ticket, settings, text):
            super().show(face, ticket, settings, text)
            host.show(face, "" if ticket is None else ticket.ticket_no, text)

        def answer(self, answer, level):
            super().answer(answer, level)
            host.answer(answer)

        def find(self, seconds):
            super().find(seconds)
            host.find(seconds)

        def log(self, text):
            host.log(text)

    changes = json.loads(host.timing())
    Uart.has_player = changes.pop("has_player", True)
    Watchdog.hurried_ms = changes.pop("watchdog_ms", None)
    open_ms = changes.pop("open_ms", 0)
    board = Watched()
    board.files.open = _slow(board.files.open, open_ms)
    if changes:
        board.timing = _firmware("timing").Timing(changes)
    board.files.append = _told(board.files.append)
    host.on_key(_moved)
    return board
