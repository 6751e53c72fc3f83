r"""The sealed answer: what a citizen answered can be read by the device and the centre alone.

`answer` is 16 bytes in hex: plain text XOR the first 16 bytes of HMAC-SHA256(device key,
"answer\n" + the record's bytes with 32 zeros as answer). The mask is the record's own, because no
two records have one identity; and every answer has the same length. Plain text of a rating: its
level and 15 zero bytes; of reasons: up to eight codes of two bytes, big-endian, and zeros.
Next: protocol/envelope.py signs the record with its sealed answer. protocol/opened.py is what the
centre does.
"""

from protocol.field import Integer, Many
from protocol.limits import REASON_CODES
from protocol.mac import hmac_sha256, to_hex

NO_ANSWER = "00000000000000000000000000000000"  # where the answer will stand

ANSWER_BYTES = 16
_LABEL = b"answer\n"
MEMBER = b'"answer":"'

level = Integer(1, 5)
codes = Many(Integer(100, 999), 1, REASON_CODES)


def of_level(pressed: int) -> bytes:
    """The plain text of a rating's answer. Raises ProtocolError for what is no level."""
    return bytes([level(pressed, "level")]) + bytes(ANSWER_BYTES - 1)


def of_codes(given) -> bytes:
    """The plain text of the answer of `reasons`. Raises ProtocolError for what is no code."""
    text = b""
    for code in codes(given, "codes"):
        text += bytes([code >> 8, code & 0xFF])
    return text + bytes(ANSWER_BYTES - len(text))


def seal_answer(key: bytes, record: bytes, plain: bytes) -> bytes:
    """A record's bytes with its answer sealed; `record` has NO_ANSWER in its place."""
    at = record.index(MEMBER) + len(MEMBER)
    sealed = to_hex(masked(key, record, plain)).encode()
    return record[:at] + sealed + record[at + len(sealed) :]


def masked(key: bytes, record: bytes, text: bytes) -> bytes:
    """An answer's text sealed, or opened: `record` has NO_ANSWER in its place."""
    mask = hmac_sha256(key, _LABEL + record)
    return bytes([one ^ other for one, other in zip(text, mask)])
