"""`pingjia` on a disk that takes 8 ms longer for every sync that SQLite asks for.

SQLite's own file layer with one of its functions replaced, in this process (sqlite.org/vfs.html).
Nothing else is slowed down; strace, which could delay the system call, makes every other call of
the process 50 times as slow.
"""

import ctypes
import sqlite3
import sys
import time
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1])  # not this folder, whose names are other packages'

from pingjia import app  # noqa: E402

DELAY_S = 0.008
_WORD = ctypes.sizeof(ctypes.c_void_p)
# Offsets in sqlite3_vfs and sqlite3_io_methods, as sqlite3.h has them on 64-bit machines.
_VFS_BYTES, _VFS_NAME, _VFS_OPEN = 21 * _WORD, 3 * _WORD, 5 * _WORD
_METHODS_BYTES, _METHODS_SYNC = 19 * _WORD, 5 * _WORD

_Open = ctypes.CFUNCTYPE(
    ctypes.c_int,
    *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p),
)
_Sync = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
_kept = []  # what SQLite points to from now on


def slow_down() -> None:
    """From now on every new connection of this process has the slow disk."""
    maps = Path("/proc/self/maps").read_text().split()
    library = ctypes.CDLL(next(word for word in maps if "libsqlite3" in word))
    library.sqlite3_vfs_find.restype = ctypes.c_void_p
    vfs = ctypes.create_string_buffer(
        ctypes.string_at(library.sqlite3_vfs_find(None), _VFS_BYTES), _VFS_BYTES
    )
    name = ctypes.create_string_buffer(b"slow-disk")
    open_file = _Open(_word(vfs, _VFS_OPEN))
    methods: dict[int, ctypes.Array] = {}

    def slow_open(its_vfs, path, file, flags, out_flags):
        code = open_file(its_vfs, path, file, flags, out_flags)
        found = ctypes.c_void_p.from_address(file)
        if code == 0 and found.value:
            if found.value not in methods:
                methods[found.value] = _slow_methods(found.value)
            found.value = ctypes.addressof(methods[found.value])
        return code

    callback = _Open(slow_open)
    _kept.extend([vfs, name, methods, callback])
    _set_word(vfs, _VFS_NAME, ctypes.addressof(name))
    _set_word(vfs, _VFS_OPEN, ctypes.cast(callback, ctypes.c_void_p).value)
    assert library.sqlite3_vfs_register(vfs, 1) == 0


def _slow_methods(address: int) -> ctypes.Array:
    methods = ctypes.create_string_buffer(
        ctypes.string_at(address, _METHODS_BYTES), _METHODS_BYTES
    )
    sync = _Sync(_word(methods, _METHODS_SYNC))

    def slow_sync(file, flags):
        time.sleep(DELAY_S)
        return sync(file, flags)

    callback = _Sync(slow_sync)
    _kept.append(callback)
    _set_word(methods, _METHODS_SYNC, ctypes.cast(callback, ctypes.c_void_p).value)
    return methods


def _word(struct, offset: int) -> int:
    return ctypes.c_void_p.from_buffer(struct, offset).value or 0


def _set_word(struct, offset: int, value) -> None:
    ctypes.c_void_p.from_buffer(struct, offset).value = value


def is_slow(path: str) -> bool:
    """Whether a commit into a new database takes at least the delay."""
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        began_s = time.monotonic()
        database.execute("CREATE TABLE proof (x)")
        database.commit()
        took_s = time.monotonic() - began_s
    database.close()
    return took_s >= DELAY_S


slow_down()
proof = Path("slow-disk-proof.sqlite")
proof.unlink(missing_ok=True)
assert is_slow(str(proof)), "the disk is not slow"
app()
