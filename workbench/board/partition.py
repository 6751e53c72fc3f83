"""The journal's partition in the table of an ESP32 image, which micropython.org's images lack.

The table: 32 bytes a partition from 0x8000 of the flash on, then the MD5 of them (Espressif,
"Partition Tables"). docs/hardware.md says what `journal` is.
"""

import struct
from hashlib import md5

from hosting.error import OperatorError

_AT, _LENGTH = 0x8000, 0xC00
_ROW = struct.Struct("<2sBBLL16sL")  # magic, type, subtype, offset, size, name, flags
_MAGIC, _MD5_MAGIC = b"\xaa\x50", b"\xeb\xeb" + b"\xff" * 14
_DATA, _LITTLEFS = 1, 0x83
_NAME = b"journal"
_BYTES = 1792 * 1024  # firmware/timing.py, JOURNAL_BYTES


def with_journal(image: bytes, start: int) -> tuple[bytes, int]:
    """(an image with the partition, behind the others; how many bytes of flash it needs).

    start: where in the flash the image begins. Raises OperatorError if it holds no table.
    """
    at = _AT - start
    rows = []
    for place in range(at, min(at + _LENGTH, len(image) - _ROW.size), _ROW.size):
        row = image[place : place + _ROW.size]
        if row[:2] != _MAGIC:
            break
        rows.append(row)
    if not rows:
        raise OperatorError(
            "the image holds no partition table, so it is none of an ESP32 (or of another chip: "
            "see --chip). Nothing was written to the board."
        )
    found = [_ROW.unpack(row) for row in rows]
    end = max(offset + size for _, _, _, offset, size, _, _ in found)
    if any(name.rstrip(b"\0") == _NAME for *_, name, _ in found):
        return image, end
    rows.append(_ROW.pack(_MAGIC, _DATA, _LITTLEFS, end, _BYTES, _NAME, 0))
    body = b"".join(rows)
    table = (body + _MD5_MAGIC + md5(body).digest()).ljust(_LENGTH, b"\xff")
    return image[:at] + table + image[at + _LENGTH :], end + _BYTES
