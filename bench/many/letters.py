"""What gateways write to the centre, signed and packed before the clock runs; and how what came
back is checked afterwards.
"""

import gzip
from collections.abc import Iterable
from typing import NamedTuple

from bench.many.client import Call
from bench.many.halls import STARTED_MS, BenchedHall, ManyHalls, window_of
from protocol.batch import (
    STORED,
    EnvelopeItem,
    FactsItem,
    HeadItem,
    ServiceDocument,
    decode_answer,
    encode_batch,
    encode_document,
)
from protocol.envelope import is_signed, split
from protocol.mac import sha256_hex
from protocol.record import Receipt, decode, parse
from simulator.pen import Pen

# What httpx2 sends beside it in a gateway's requests.
_HEADERS = (
    "Host: centre\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n"
    "User-Agent: python-httpx2/2.0\r\nAuthorization: Bearer {token}\r\n"
)
_TOOK_MS = 2_000  # from a rating to its batch, as the records have it


class Letter(NamedTuple):
    """What a request was made from. items: of its batch, 0 for a poll. ratings: their envelopes.
    pens: whose device signed them.
    """

    items: int
    ratings: tuple[bytes, ...]
    pens: tuple[Pen, ...]


def ratings(many: ManyHalls, hall: BenchedHall, numbers: Iterable[int], at_ms: int) -> Call:
    """A batch of the next rating of each of these devices, each with its service document."""
    documents, envelopes, signed, pens = [], [], [], []
    for number in numbers:
        pen, window = hall.pens[number], window_of(number)
        service, ticket_no = f"{pen.device}-S{pen.seq + 1}", f"A{pen.seq + 1}"
        document = encode_document(
            ServiceDocument(
                *(service, sha256_hex(hall.name.encode())[:16], _written(hall) + 1),
                *(hall.name, window, "single", ticket_no, "0231", ()),
                at_ms - 300_000,
            )
        )
        rating = pen.rating(
            service=service,
            ticket_no=ticket_no,
            facts=sha256_hex(document),
            at=at_ms - _TOOK_MS,
            up_ms=at_ms - _TOOK_MS - many.made_ms + STARTED_MS,
        )
        documents.append(FactsItem(document.decode()))
        envelopes.append(EnvelopeItem(rating.decode(), at_ms, window, service, ()))
        signed.append(rating)
        pens.append(pen)
    items = documents + envelopes  # documents first, as the outbox has them
    return Call(_post(hall, items), Letter(len(items), tuple(signed), tuple(pens)))


def _written(hall: BenchedHall) -> int:
    """How many services its devices have rated."""
    return sum(pen.seq - 1 for pen in hall.pens)


def heads(many: ManyHalls, hall: BenchedHall, at_ms: int) -> Call:
    """A batch of the head of each device of the hall, with the receipt of its first record."""
    up_ms = at_ms - many.made_ms + STARTED_MS
    items = [HeadItem(pen.head(up_ms=up_ms), many.first_receipt(pen), None) for pen in hall.pens]
    return Call(_post(hall, items), Letter(len(items), (), ()))


def poll(hall: BenchedHall, version: int = 1) -> Call:
    """A look whether the hall's document has another version than the one it was made with."""
    head = f"GET /v1/halls/{hall.name} HTTP/1.1\r\n{_HEADERS.format(token=hall.token)}"
    request = f'{head}If-None-Match: "{version}"\r\n\r\n'
    return Call(request.encode(), Letter(0, (), ()))


def _post(hall: BenchedHall, items: list) -> bytes:
    body = gzip.compress(encode_batch(items), 3, mtime=0)  # as gateway/upward/centre.py packs it
    head = (
        f"POST /v1/batches HTTP/1.1\r\n{_HEADERS.format(token=hall.token)}"
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def check_answers(calls: Iterable[Call]) -> None:
    """Raise AssertionError unless each call has a good answer: 200, each item `stored` without a
    mark, and for each rating one receipt that covers it; or 304 to a poll.
    """
    for call in calls:
        letter = call.letter
        assert isinstance(letter, Letter)
        assert call.status == (200 if letter.items else 304), (call.status, call.body[:300])
        if letter.items:
            _check_batch(letter, call.body)


def _check_batch(letter: Letter, body: bytes) -> None:
    answer = decode_answer(body)
    assert len(answer.verdicts) == letter.items, answer
    wrong = [one for one in answer.verdicts if one.verdict != STORED or one.marks]
    assert not wrong, wrong
    covered: dict[str, int] = {}
    keys = {pen.device: pen.key for pen in letter.pens}
    for receipt in answer.receipts:
        envelope = receipt.encode()
        told = decode(parse(split(envelope)[0]), (Receipt,))
        assert told.device not in covered, f"two receipts of {told.device}"
        assert told.device not in keys or is_signed(keys[told.device], envelope), "a forged one"
        covered[told.device] = told.seq
    for rating in letter.ratings:
        members = parse(split(rating)[0])
        assert covered.get(members["device"], 0) >= members["seq"], f"no receipt for {members}"
