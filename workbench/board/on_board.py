"""What the bench needs on a board; sent over the raw REPL at every connection, stored nowhere.

Every function prints its answer.
"""

import binascii
import hashlib
import io
import json
import os

import deflate

_NEW = "/writing"
_file = io.BytesIO()  # the one that is being written
_journal = None  # of the start that `begin_start` began


def hashes(paths):
    """SHA-256 of each file, a line each, "-" for one that is not there."""
    for path in paths:
        total = hashlib.sha256()
        try:
            with open(path, "rb") as file:
                while True:
                    data = file.read(1024)
                    if not data:
                        break
                    total.update(data)
            print(str(binascii.hexlify(total.digest()), "ascii"))
        except OSError:
            print("-")


def walk(folder):
    """The paths of all files below a folder."""
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        path = folder + "/" + name
        if os.stat(path)[0] & 0x4000:
            walk(path)
        else:
            print(path)


def begin(path):
    """Opens what will become the file at `path`, and makes its folders."""
    global _file
    parts = path.split("/")
    for end in range(2, len(parts)):
        try:
            os.mkdir("/".join(parts[:end]))
        except OSError:
            pass
    _file = open(_NEW, "wb")


def more(data):
    """Adds bytes, packed by zlib and in base64."""
    packed = io.BytesIO(binascii.a2b_base64(data))
    _file.write(deflate.DeflateIO(packed, deflate.ZLIB).read())


def done(path):
    """The file is complete only now: renamed over the old one, which a pulled cable leaves."""
    _file.close()
    os.rename(_NEW, path)


def drop(path):
    """Removes a file, if it is there."""
    try:
        os.remove(path)
    except OSError:
        pass


def free():
    """Bytes that are free."""
    stat = os.statvfs("/")
    print(stat[0] * stat[3])


def set_clock(fields):
    """Sets the real-time clock, where there is one."""
    try:
        import machine

        machine.RTC().datetime(fields)
    except (ImportError, AttributeError):
        pass


def identity(path):
    """Who this device is, without its secrets; null if it is not enrolled."""
    try:
        with open(path) as file:
            members = json.loads(file.read())
        print(json.dumps([members["device"], members["hall"], members["epoch"]]))
    except (OSError, ValueError, KeyError):
        print("null")


def segments():
    """The journal as it stands, read through the board's own firmware: base64, a line a piece."""
    from firmware.boards import this_board

    files = this_board().files
    for name in sorted(files.names()):
        if name.endswith(".seg"):
            with files.open(name) as file:
                while True:
                    data = file.read(768)
                    if not data:
                        break
                    print(str(binascii.b2a_base64(data), "ascii").strip())
            print(".")


def create_journal(path):
    """Makes the empty journal of the device whose bundle stands at `path`; the old one goes."""
    from firmware.boards import load, name_of
    from firmware.bundle import read_bundle
    from firmware.enrolment import create

    with open(path, "rb") as file:
        data = file.read()
    create(load(name_of(data))().files, read_bundle(data).identity.key)


def rename(path, to):
    """Moves a file over another one, in one step."""
    os.rename(path, to)


def begin_start():
    """Begins a start of this device: its `boot` names what it cannot read. Prints what it wrote,
    envelopes in base64, a line each, and last its head; or "!" and why it has no journal.
    """
    global _journal
    from firmware import VERSION
    from firmware.boards import this_board
    from firmware.bundle import read_bundle
    from firmware.guard import JournalDamageError
    from firmware.journal import Journal, JournalLostError

    board = this_board()
    identity, timing = read_bundle(board.read_bundle()).identity, board.timing
    sizes = timing.segment_records, timing.segments
    try:
        _journal = Journal(board.files, identity, VERSION, board.start_cause(), *sizes)
        before = _journal.seq
        _journal.begin(board.ticks_ms(), None)
        written = [envelope for _, envelope in _journal.after(before, 64)]
    except (JournalDamageError, JournalLostError) as error:
        print("!", error)
        return
    for envelope in written:
        print(str(binascii.b2a_base64(envelope), "ascii").strip())
    sign_head(None)


def sign_head(receipt):
    """Takes a receipt, if there is one, and prints the head that says so, in base64."""
    from firmware.boards import this_board

    if receipt is not None:
        _journal.take_receipt(receipt)
    head = _journal.head(this_board().ticks_ms(), 0, 0)
    if head is None:
        print("! nothing in it can be read")
        return
    print(str(binascii.b2a_base64(head), "ascii").strip())


def check_flash():
    """Writes, reads and removes 4 KB beside the journal."""
    from firmware.boards import this_board

    files, data = this_board().files, bytes(range(256)) * 16
    files.write("selftest", data)
    with files.open("selftest") as file:
        print("good" if file.read() == data else "bad")
    files.remove("selftest")


def check_parts():
    """What the board finds out about its own parts: a line "word 1" or "word 0" each."""
    from firmware.boards import this_board

    for word, is_good in this_board().selftest():
        print(word, int(is_good))


def closed_keys():
    """The keys that are closed now, bit 0 is level 1."""
    from firmware.boards import this_board

    print(this_board().closed_keys())


def show(face):
    """Puts a face on lamps and voice."""
    from firmware.boards import this_board

    this_board().show(face, None, None, "")


def sign_selftest(passed, failed):
    """Journals a signed `selftest` record; the next start sends it. Prints its epoch and seq."""
    from firmware import VERSION
    from firmware.boards import this_board
    from firmware.bundle import read_bundle
    from firmware.journal import Journal
    from protocol.record import SelfTest

    board = this_board()
    identity, timing = read_bundle(board.read_bundle()).identity, board.timing
    sizes = timing.segment_records, timing.segments
    journal = Journal(board.files, identity, VERSION, board.start_cause(), *sizes)
    journal.append(SelfTest, board.ticks_ms(), None, passed=passed, failed=failed)
    print(identity.epoch, journal.seq)
