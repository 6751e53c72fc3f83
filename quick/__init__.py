"""What comes most, read by msgspec at a fifth of the cost: ratings, batches, documents, answers.

Only ever a shortcut: what does not fit here is read by protocol/, which alone decides what is
wrong with it. The types are made from protocol's own tables, so the two cannot drift apart, and
tests/quick/test_quick.py holds both to the same verdicts.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec

from protocol.batch import Answer, Body, EnvelopeItem, Matter, ServiceDocument, Verdict
from protocol.field import Integer, Many, Maybe, Nested, OneOf, Raw, String, Text, ms
from protocol.limits import BATCH_ITEMS, DOCUMENT_BYTES
from protocol.record import Head, Rating, Receipt, V
from quick.bounds import READABLE, bounds


def read_rating(record: bytes) -> Rating | None:
    """The rating in a record's bytes; None if it is anything else, or not wholly well-formed."""
    try:
        return _RATING.read(_ratings.decode(record))
    except _BAD:
        return None


def read_head(record: bytes) -> Head | None:
    """The head in a record's bytes; None if it is anything else, or not wholly well-formed."""
    try:
        return _HEAD.read(_heads.decode(record))
    except _BAD:
        return None


def read_receipt(record: bytes) -> Receipt | None:
    """The receipt in a record's bytes; None if it is anything else, or not wholly well-formed."""
    try:
        return _RECEIPT.read(_receipts.decode(record))
    except _BAD:
        return None


def read_batch(body: bytes) -> Body | None:
    """The raw items of a batch and its time; None if it cannot be read here."""
    try:
        found = _batches.decode(body)
        return Body(found.items, found.now_ms)
    except _BAD:
        return None


def read_item(raw: object) -> EnvelopeItem | None:
    """The item of a batch in its members if it is a record's; None for anything else."""
    try:
        item = _ITEM.read(msgspec.convert(raw, _ITEM.struct))
        return item if item.envelope.isascii() else None  # half a surrogate pair would pass
    except _BAD:
        return None


def read_document(data: bytes) -> ServiceDocument | None:
    """The service document in exact bytes; None if it is not wholly well-formed."""
    if len(data) > DOCUMENT_BYTES:
        return None
    try:
        document = _DOCUMENT.read(_documents.decode(data))
        return document._replace(matters=tuple([_MATTER.read(one) for one in document.matters]))
    except _BAD:
        return None


def read_answer(body: bytes) -> Answer | None:
    """The centre's answer; None if it is not wholly well-formed."""
    try:
        answer = _ANSWER.read(_answers.decode(body))
        return answer._replace(verdicts=tuple([_VERDICT.read(one) for one in answer.verdicts]))
    except _BAD:
        return None


class _Shape:
    """A namedtuple of protocol/ as a struct with the types and bounds of its fields' checks."""

    def __init__(self, shape: Any, /, **before: Any):
        """before: members that stand in the object and not in the namedtuple."""
        self._make = shape._make
        self._skipped = len(before)
        types = [*before.items(), *[(name, _type_of(check)) for name, check in shape.fields]]
        # Unknown members are for protocol/ to pass over: msgspec would not look at their bytes.
        self.struct: Any = msgspec.defstruct(
            f"Quick{shape.__name__}", types, gc=False, forbid_unknown_fields=True
        )
        alphabets = [_alphabet_of(check) for _, check in shape.fields]
        self._alphabets = [(at, one) for at, one in enumerate(alphabets) if one]
        self._texts = [at for at, (_, check) in enumerate(shape.fields) if _is_text(check)]

    def read(self, found: Any) -> Any:
        """The namedtuple of a struct. Raises ValidationError for a character out of place."""
        values = _astuple(found)[self._skipped :]
        for at, alphabet in self._alphabets:
            value = values[at]
            # As protocol/field.py does it.
            if value and (value if type(value) is str else "".join(value)).strip(alphabet):
                raise msgspec.ValidationError
        for at in self._texts:
            if values[at] and not _is_readable(values[at]):
                raise msgspec.ValidationError
        return self._make(values)


def _type_of(check: Callable[..., Any]) -> Any:
    """What msgspec calls the values that one of protocol/field.py's checks lets pass.

    An unknown check stops the import.
    """
    meta = bounds(check)
    meta.pop("pattern", None)  # it would cost msgspec more than all the rest: _Shape.read
    match check:
        case Integer():
            return Annotated[int, msgspec.Meta(**meta)]
        case String() | Raw():
            return Annotated[str, msgspec.Meta(**meta)]
        case OneOf():
            return Literal[check.choices]
        case Maybe():
            return _type_of(check.check) | None
        case Many():
            items = tuple[_type_of(check.check), ...]  # type: ignore[misc]
            return Annotated[items, msgspec.Meta(**meta)]
        case Nested():
            return _NESTED[check.kind].struct
    raise TypeError(f"quick knows no type for {type(check).__name__}; add it to _type_of")


def _alphabet_of(check: Callable[..., Any]) -> str | None:
    """The characters that a check allows, also of each string in a list; None for any."""
    if isinstance(check, Maybe | Many):
        return _alphabet_of(check.check)
    return check.alphabet if isinstance(check, String) else None


def _is_text(check: Callable[..., Any]) -> bool:
    return _is_text(check.check) if isinstance(check, Maybe) else isinstance(check, Text)


def _decoder(kind: Any) -> Any:
    return msgspec.json.Decoder(kind)


_is_readable = re.compile(READABLE).fullmatch
_BAD = (msgspec.MsgspecError, UnicodeError, RecursionError)
_astuple = msgspec.structs.astuple
_RATING = _Shape(Rating, v=Literal[V], kind=Literal[Rating.kind])
_HEAD = _Shape(Head, v=Literal[V], kind=Literal[Head.kind])
_RECEIPT = _Shape(Receipt, v=Literal[V], kind=Literal[Receipt.kind])
_MATTER, _VERDICT, _ITEM = _Shape(Matter), _Shape(Verdict), _Shape(EnvelopeItem)
_NESTED = {Matter: _MATTER, Verdict: _VERDICT}
_DOCUMENT, _ANSWER = _Shape(ServiceDocument), _Shape(Answer)
_raw_items = Annotated[list[Any], msgspec.Meta(max_length=BATCH_ITEMS)]
_batches = _decoder(
    msgspec.defstruct(
        "QuickBatch",
        [("now_ms", _type_of(ms) | None), ("items", _raw_items)],
        forbid_unknown_fields=True,
    )
)
_ratings, _documents = _decoder(_RATING.struct), _decoder(_DOCUMENT.struct)
_heads, _receipts = _decoder(_HEAD.struct), _decoder(_RECEIPT.struct)
_answers = _decoder(_ANSWER.struct)
