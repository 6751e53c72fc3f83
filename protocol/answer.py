r"""The sealed answer: what a citizen answered can be read by the device and the centre alone.

`answer` is 16 bytes in hex: plain text XOR the first 16 bytes of HMAC-SHA256(device key,
"answer\n" + the record's bytes with 32 zeros as answer). The mask is the record's own, because no
two records have one identity; and every answer has the same length. Plain text of a rating: its
level and 15 zero bytes; of reasons: up to eight codes of two bytes, big-endian, and zeros.
Next: protocol/envelope.py signs the record with its sealed answer.
"""

from binascii import unhexlify

from protocol.field import Integer, Many, wrong_field
from protocol.limits import REASON_CODES
from protocol.mac import hmac_sha256, to_hex

NO_ANSWER = "00000000000000000000000000000000"  # where the answer will stand

_BYTES = 16
_LABEL = b"answer\n"
_MEMBER = b'"answer":"'

level = Integer(1, 5)
codes = Many(Integer(100, 999), 1, REASON_CODES)


def of_level(pressed: int) -> bytes:
    """The plain text of a rating's answer. Raises ProtocolError for what is no level."""
    return bytes([level(pressed, "level")]) + bytes(_BYTES - 1)


def of_codes(given) -> bytes:
    """The plain text of the answer of `reasons`. Raises ProtocolError for what is no code."""
    text = b""
    for code in codes(given, "codes"):
        text += bytes([code >> 8, code & 0xFF])
    return text + bytes(_BYTES - len(text))


def level_in(plain: bytes) -> int:
    """The level in a rating's plain text. Raises ProtocolError, e.g. for padding that is not 0."""
    if plain[1:] != bytes(_BYTES - 1):
        raise wrong_field("answer", "padding")
    return level(plain[0], "level")


def codes_in(plain: bytes) -> tuple:
    """The codes in the plain text of `reasons`. Raises ProtocolError."""
    found = [plain[at] << 8 | plain[at + 1] for at in range(0, _BYTES, 2)]
    while found and found[-1] == 0:
        found.pop()
    return codes(found, "codes")


def seal_answer(key: bytes, record: bytes, plain: bytes) -> bytes:
    """A record's bytes with its answer sealed; `record` has NO_ANSWER in its place."""
    at = record.index(_MEMBER) + len(_MEMBER)
    return record[:at] + to_hex(_masked(key, record, plain)).encode() + record[at + 2 * _BYTES :]


def open_answer(key: bytes, record: bytes, answer: str) -> bytes:
    """The plain text of `answer`, as it was read from a record's bytes whose MAC was good.

    Raises ProtocolError if it does not stand in them as REC-1 has it.
    """
    at = record.find(_MEMBER) + len(_MEMBER)
    end = at + len(answer)
    if record[at : end + 1] != answer.encode() + b'"':
        raise wrong_field("answer", "answer")
    return _masked(key, record[:at] + NO_ANSWER.encode() + record[end:], unhexlify(answer))


def _masked(key, record, text):
    mask = hmac_sha256(key, _LABEL + record)
    return bytes([one ^ other for one, other in zip(text, mask)])
