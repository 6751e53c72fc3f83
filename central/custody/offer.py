"""One hall's batch, judged: its items by what they are, each with its place among them."""

from typing import NamedTuple

from central.custody.open import Rejected, VerifiedHead
from central.store.ledger import Row
from central.store.places import Enrolment
from protocol.batch import ServiceDocument


class SentDocument(NamedTuple):
    """A service document: its place in the hall's batch, its exact bytes, and their content."""

    at: int
    content: bytes
    document: ServiceDocument


class SentRecord(NamedTuple):
    """A verified record: its place in the batch, its row, and where its device stood."""

    at: int
    row: Row
    place: Enrolment


class SentHead(NamedTuple):
    """A verified head: its place in the batch, and where its device stood."""

    at: int
    head: VerifiedHead
    place: Enrolment


class Refused(NamedTuple):
    """An item that is not taken: its place in the batch, why, and its first bytes."""

    at: int
    why: Rejected
    first_bytes: bytes


class Offer(NamedTuple):
    """One hall's batch of `size` items, judged. halls: of its token; the first is its own."""

    halls: tuple[str, ...]
    size: int
    documents: list[SentDocument]
    records: list[SentRecord]
    heads: list[SentHead]
    refused: list[Refused]
