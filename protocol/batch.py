"""Batches: how a gateway hands documents, records and heads to the centre, and what it is told.

Next on a rating's way: central/web/api/batches.py, which answers every item with a verdict.
"""

from collections import namedtuple

from protocol.field import (
    Many,
    Maybe,
    Nested,
    OneOf,
    ProtocolError,
    Raw,
    Text,
    count,
    hex16,
    ms,
    ms_or_null,
    names,
    place_id,
    read,
    seq,
    service,
    staff_no,
    ticket_no,
    word,
    write,
    wrong_field,
    wrong_whole,
)
from protocol.limits import (
    BATCH_ITEMS,
    DOCUMENT_BYTES,
    ENVELOPE_BYTES,
)
from protocol.record import dump_json, parse_json

STORED = "stored"
DUPLICATE = "duplicate"
CONFLICT = "conflict"  # a verified record whose key another verified record holds
REJECTED = "rejected"  # no valid MAC, or nothing that could have one

INVITED, EXPIRED, ACCEPTED = "invited", "expired", "accepted"
SHUT, FINISHED, TRANSFERRED, NO_SHOW = "closed", "finished", "transferred", "no_show"
PROGRESS = (INVITED, EXPIRED, ACCEPTED, SHUT, FINISHED, TRANSFERRED, NO_SHOW)

# What the centre and the hall write beside a record; a mark never keeps a record out (BAT-4).
MALFORMED = "malformed"  # good MAC, but a field has the wrong type or range
UNKNOWN_VERSION = "unknown_version"
UNKNOWN_KIND = "unknown_kind"
BROKEN_CHAIN = "broken_chain"
FACTS_DIFFER = "facts_differ"

_MATTER = (
    ("project_no", Maybe(Text(64))),
    ("service_number", Maybe(count)),
    ("task_code", Maybe(Text(64))),
    ("task_name", Maybe(Text(128))),
)


class Matter(namedtuple("Matter", names(_MATTER))):
    """One case (办件) of a service; names as the upstream platforms have them."""

    fields = _MATTER


_FACTS = (("facts", Raw(DOCUMENT_BYTES)),)
_ENVELOPE = (
    ("envelope", Raw(ENVELOPE_BYTES)),
    ("received_at_ms", ms),
    ("window", Maybe(place_id)),
    ("service", Maybe(service)),
    ("marks", Many(word, 0, 16)),
)
_PROGRESS = (
    ("hall", place_id),
    ("service", service),
    ("what", OneOf(*PROGRESS)),
    ("at_ms", ms_or_null),
    ("staff_no", Maybe(staff_no)),
    ("projects", Many(Text(64), 0, 500)),
)
_HEAD = (
    ("head", Raw(ENVELOPE_BYTES)),
    ("receipt", Maybe(Raw(ENVELOPE_BYTES))),
    ("settings", Maybe(count)),
)
_VERDICT = (
    ("verdict", OneOf(STORED, DUPLICATE, CONFLICT, REJECTED)),
    ("reason", Maybe(Raw(200))),
    ("marks", Many(word, 0, 16)),
)


class Verdict(namedtuple("Verdict", names(_VERDICT))):
    """The centre's word on one item; `reason` is a sentence and stands with `rejected` only."""

    fields = _VERDICT


_ANSWER = (
    ("verdicts", Many(Nested(Verdict), 0, BATCH_ITEMS)),
    ("receipts", Many(Raw(ENVELOPE_BYTES), 0, BATCH_ITEMS)),
    ("hall_version", count),
)
_DOCUMENT = (
    ("service", service),
    ("book", hex16),
    ("number", seq),
    ("hall", place_id),
    ("window", place_id),
    ("kind", OneOf("single", "batch", "theme", "agent")),
    ("ticket_no", ticket_no),
    ("staff_no", Maybe(staff_no)),
    ("matters", Many(Nested(Matter), 0, 500)),
    ("opened_at_ms", ms),
)


class ServiceDocument(namedtuple("ServiceDocument", names(_DOCUMENT))):
    """What the hall says about a service; its hash stands in every rating of it (`facts`).

    book, number: the name of the gateway's database, and which of its documents this is, one by
    one, so that a missing one shows.
    """

    fields = _DOCUMENT


class Progress(namedtuple("Progress", names(_PROGRESS))):
    """The hall's word, unsigned, on what became of a service.

    at_ms: on the gateway's clock, null if it cannot tell. projects: those that `finished` is
    about, empty for all.
    """

    fields = _PROGRESS


class FactsItem(namedtuple("FactsItem", names(_FACTS))):
    """A service document, its exact text."""

    fields = _FACTS


class EnvelopeItem(namedtuple("EnvelopeItem", names(_ENVELOPE))):
    """A record's envelope with what the hall knows beside it."""

    fields = _ENVELOPE


class ProgressItem(namedtuple("ProgressItem", ("progress",))):
    """What became of a service."""

    fields = (("progress", Nested(Progress)),)


class HeadItem(namedtuple("HeadItem", names(_HEAD))):
    """A device's newest signed head, the receipt that the device holds, and the version of the
    settings that it says it uses: unsigned, null if nobody knows.
    """

    fields = _HEAD


class Answer(namedtuple("Answer", names(_ANSWER))):
    """The centre's answer to a batch: verdicts in item order, a receipt per (device, epoch)."""

    fields = _ANSWER


def encode_document(document: ServiceDocument) -> bytes:
    """The document's bytes: made once by the gateway, before the first `ticket` (BAT-1).

    Raises ProtocolError for a value out of range or more than 64 KB.
    """
    data = dump_json(write(document))
    if len(data) > DOCUMENT_BYTES:
        raise wrong_whole("a service document", "bytes", DOCUMENT_BYTES, len(data))
    return data


def decode_document(data: bytes) -> ServiceDocument:
    """The service document in exact bytes. Raises ProtocolError."""
    if len(data) > DOCUMENT_BYTES:
        raise wrong_whole("a service document", "bytes", DOCUMENT_BYTES, len(data))
    members = parse_json(data, "a service document")
    return ServiceDocument(*read(_DOCUMENT, members, "a service document"))


class Body(namedtuple("Body", ("items", "now_ms"))):
    """The raw items of a batch, and the gateway's time when it was packed; None if unknown."""


def encode_batch(items, now_ms=None) -> bytes:
    """The body of `POST /v1/batches`, before gzip."""
    return dump_json({"now_ms": now_ms, "items": [write(item) for item in items]})


def decode_batch(body: bytes) -> Body:
    """The raw items of a batch. Raises ProtocolError if the body as a whole cannot be read.

    A time that is none counts as unknown: nothing that a hall says keeps a record out.
    """
    members = parse_json(body, "a batch")
    items = members.get("items") if type(members) is dict else None
    if type(items) is not list or len(items) > BATCH_ITEMS:
        raise wrong_field("items", "list", 0, BATCH_ITEMS)
    try:
        return Body(items, ms(members.get("now_ms"), "now_ms"))
    except ProtocolError:
        return Body(items, None)


def decode_item(item):
    """One raw item as FactsItem, EnvelopeItem, ProgressItem or HeadItem.

    Raises ProtocolError: a verdict.
    """
    if type(item) is not dict:
        raise wrong_whole("an item", "object")
    for kind in (FactsItem, EnvelopeItem, ProgressItem, HeadItem):
        if kind.fields[0][0] in item:
            return kind(*read(kind.fields, item, "an item"))
    raise ProtocolError("an item must have facts, envelope, progress or head", rule="item")


def encode_answer(answer: Answer) -> bytes:
    """The body of the centre's answer."""
    known = {}  # most verdicts of an answer are the same one
    for verdict in answer.verdicts:
        if verdict not in known:
            known[verdict] = write(verdict)
    members = write(Answer((), answer.receipts, answer.hall_version))
    members["verdicts"] = [known[verdict] for verdict in answer.verdicts]
    return dump_json(members)


def decode_answer(body: bytes) -> Answer:
    """The centre's answer. Raises ProtocolError, e.g. for half an answer."""
    return Answer(*read(_ANSWER, parse_json(body, "an answer"), "an answer"))
