"""The module `host` of a device on the unix port of MicroPython: what simulator/devices/worker.mjs
is for one on the WebAssembly build. Runs on the device itself.

Events go to standard output and operations come from standard input, a line of JSON each. Sockets,
TLS and the journal's littlefs are the port's own: nothing of them is here.
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportMissingImports=false
# pyright: reportGeneralTypeIssues=false, reportCallIssue=false, reportOptionalMemberAccess=false
# It runs on MicroPython, which has other modules of these names.
import asyncio
import json
import os
import sys
import time

import uctypes
import vfs

_BLOCK = 4096
_START = json.loads(os.getenv("START"))  # unix.mjs; an argument may have 255 bytes only
_CLOCK = _START["clock"]  # the file that moves this process' clock (libfaketime), "" for none
_contacts = _START["closed"]
_fingers = []  # [bit, hold_ms, since]
_seen = _contacts
_pressed = _journalled = 0
_task = None
_on_key = lambda: None  # noqa: E731
_is_plugged = True
timing = lambda: json.dumps(_START["timing"])  # noqa: E731
start_cause = lambda: _START["cause"]  # noqa: E731
note = lambda: _START["note"]  # noqa: E731
is_plugged = lambda: _is_plugged  # noqa: E731


class Blocks:
    """The journal's partition: a file of the machine, so `kill -9` is a power cut."""

    def __init__(self, path, blocks):
        self._blocks = blocks
        try:
            self._file = open(path, "r+b")  # noqa: SIM115 - for as long as the device runs
        except OSError:
            with open(path, "wb") as file:
                for _ in range(blocks):
                    file.write(b"\xff" * _BLOCK)
            self._file = open(path, "r+b")  # noqa: SIM115

    def readblocks(self, block, buffer, offset=0):
        self._file.seek(block * _BLOCK + offset)
        self._file.readinto(buffer)

    def writeblocks(self, block, buffer, offset=0):
        self._file.seek(block * _BLOCK + offset)
        self._file.write(buffer)

    def ioctl(self, operation, _):
        return {4: self._blocks, 5: _BLOCK}.get(operation, 0)


def say(event, **members):
    members.update({"event": event, "device": _START["device"]})
    print(json.dumps(members))


def now_ms():
    return time.time_ns() // 1000000


def on_key(callback):
    global _on_key
    _on_key = callback


def closed_keys():
    """A finger stays until the firmware has seen it closed for its hold_ms."""
    global _seen
    now = time.ticks_ms()
    closed = _contacts
    for finger in _fingers:
        closed |= finger[0]
        if finger[2] is None:
            finger[2] = now
        elif finger[1] is not None and time.ticks_diff(now, finger[2]) >= finger[1]:
            finger[1] = None  # it is leaving: after this look, a board reads pin after pin
            _later(_lift(finger))
    if closed != _seen:
        _seen = closed
        say("seen", closed=closed)
    return closed


def _later(coroutine):
    global _task
    _task = asyncio.create_task(coroutine)


async def _lift(finger):
    _fingers.remove(finger)


def show(face, ticket_no, text):
    say("face", face=face, ticket_no=ticket_no, text=text, at_ms=now_ms())
    if face == "thanking":
        say("thanked", press=_pressed, seq=_journalled, at_ms=now_ms())


def answer(answer):
    say("answer", answer=answer, at_ms=now_ms())


def find(seconds):
    say("find", seconds=seconds, at_ms=now_ms())


def pin(name, value):
    say("pin", name=name, value=value, at_ms=now_ms())


def sound(sound, parameter):
    say("sound", sound=sound, parameter=parameter, at_ms=now_ms())


def log(text):
    say("log", text=text)


def row(face, cause):
    pass


def restart(note):
    say("restart", note=note)
    sys.exit(1)


def appended(address, length):
    global _journalled
    data = bytes(uctypes.bytearray_at(address, length))
    if data.find(b'"kind":"rating"') >= 0:
        _journalled = json.loads(str(data.split(b"\n")[0], "utf-8"))["seq"]


def acknowledged(ack):
    """What the hall holds and the centre has signed for, as the link took it."""
    receipt = 0 if ack.receipt is None else json.loads(ack.receipt.split("\n")[0])["seq"]
    say("ack", hall=ack.hall, receipt=receipt, at_ms=now_ms())


def set_clock(year, month, day, _, hour, minute, second, __):
    """Moves this process' clock, as machine.RTC().datetime does."""
    if not _CLOCK:
        return
    wanted = time.mktime((year, month, day, hour, minute, second, 0, 0))
    path = "/host" + _CLOCK
    with open(path) as file:
        offset = int(file.read())
    offset += wanted - int(time.time())
    with open(path, "w") as file:
        file.write(f"{offset:+d}\n")


async def serve():
    """Takes operations until standard input ends, which ends the device."""
    global _contacts, _is_plugged, _pressed
    lines = asyncio.StreamReader(sys.stdin)
    while True:
        line = await lines.readline()
        if not line:
            sys.exit(0)
        operation = json.loads(line)
        if operation.get("trace"):
            _pressed = operation["press"]
            _later(_follow(operation["trace"]))
        elif "press" in operation:
            if not closed_keys():
                _pressed = operation["press"]
            _fingers.append([1 << (operation["level"] - 1), operation["hold_ms"], None])
            _on_key()
        elif "memory" in operation:
            import gc

            gc.collect()
            told = {"code": 0, "data": gc.mem_alloc(), "free": gc.mem_free()}
            told["descriptors"] = len(os.listdir("/host/proc/self/fd"))
            say("told", text=json.dumps(told))
        elif "plug" in operation or "unplug" in operation:
            _is_plugged = "plug" in operation


async def _follow(trace):
    global _contacts
    at = 0
    for ms, closed in trace:
        await asyncio.sleep_ms(ms - at)
        at, _contacts = ms, closed
        _on_key()


def boot():
    """Gives the device the machine's sockets and its own files, and starts it."""
    folder = _START["folder"]
    vfs.mount(vfs.VfsPosix("/"), "/host")
    vfs.umount("/")
    vfs.mount(vfs.VfsPosix(folder + "/flash"), "/")
    sys.path[:] = ["/lib", "/host" + _START["tools"], ".frozen"]
    journal = Blocks("/host" + folder + "/journal.img", _START["blocks"])
    if _START["enrol"]:  # a board's first start formats it, before anybody enrols it
        vfs.VfsLfs2.mkfs(journal)
    import pins

    pins.install(_START["board"], journal)
    if _START["enrol"]:
        pins.enrol()
        sys.exit(42)  # as the bench does it, which restarts the board afterwards
    say("started")
    _later(serve())
    with open("/main.py") as file:
        program = compile(file.read(), "/main.py", "exec")
    exec(program)
