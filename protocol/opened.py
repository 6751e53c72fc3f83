"""A sealed answer opened, after the MAC held (SEA-3): by the centre alone."""

from binascii import unhexlify

from protocol.answer import ANSWER_BYTES, MEMBER, NO_ANSWER, codes, level, masked
from protocol.field import wrong_field


def level_in(plain: bytes) -> int:
    """The level in a rating's plain text. Raises ProtocolError, e.g. for padding that is not 0."""
    if plain[1:] != bytes(ANSWER_BYTES - 1):
        raise wrong_field("answer", "padding")
    return level(plain[0], "level")


def codes_in(plain: bytes) -> tuple:
    """The codes in the plain text of `reasons`. Raises ProtocolError."""
    found = [plain[at] << 8 | plain[at + 1] for at in range(0, ANSWER_BYTES, 2)]
    while found and found[-1] == 0:
        found.pop()
    return codes(found, "codes")


def open_answer(key: bytes, record: bytes, answer: str) -> bytes:
    """The plain text of `answer`, as it was read from a record's bytes whose MAC was good.

    Raises ProtocolError if it does not stand in them as REC-1 has it.
    """
    at = record.find(MEMBER) + len(MEMBER)
    end = at + len(answer)
    if record[at : end + 1] != answer.encode() + b'"':
        raise wrong_field("answer", "answer")
    return masked(key, record[:at] + NO_ANSWER.encode() + record[end:], unhexlify(answer))
