"""`pingjia central verify`: does everything that is kept still hold, envelope by envelope?

Nothing is believed but the envelopes and the devices' keys: every other column, count and receipt
is held against them. What is found has a name, a place and a sentence.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from central.audit import acts
from central.audit.chains import EpochAudit, unseen
from central.audit.counts import books, count, differences, documents, refused
from central.audit.endings import endings
from central.custody.documents import do_facts_differ
from central.custody.facts import rating_of as rating_of_row
from central.custody.marks import (
    CLOCK_WRONG,
    MALFORMED_ENVELOPE,
    SIGNED_AFTER_REVOCATION,
    TIME_UNPROVEN,
    UNDATED,
)
from central.custody.moment import SLACK_MS
from central.custody.open import (
    KeyOf,
    Opened,
    Rejected,
    Verified,
    judge_record,
    open_record,
    rating_of,
    rejected,
)
from central.ratings import recount
from central.ratings.judge import Judge
from central.store import ledger, places, services, walk
from central.store.judged import facts, standings
from central.store.judged.facts import RatingRow, rating_id
from central.store.ledger import Row
from central.store.places import Enrolment
from protocol.batch import FACTS_DIFFER, MALFORMED, UNKNOWN_KIND, UNKNOWN_VERSION

_AT_ONCE = 1000  # records looked at together
_READING = (MALFORMED, UNKNOWN_KIND, UNKNOWN_VERSION)


class Fault(NamedTuple):
    """Something that does not hold. where: which row."""

    name: str
    where: str
    sentence: str


class Range(NamedTuple):
    """Records stored from `first_ms` on and before `end_ms`; None for no limit."""

    first_ms: int | None = None
    end_ms: int | None = None

    def has(self, row: Row) -> bool:
        """Whether the record is looked at for itself."""
        is_late = self.first_ms is None or row.stored_at_ms >= self.first_ms
        return is_late and (self.end_ms is None or row.stored_at_ms < self.end_ms)


def audit(
    connection: Connection,
    key_of: KeyOf,
    wanted: Range = Range(),  # noqa: B008
    on_records: Callable[[int], None] = lambda count: None,
    judge: Judge | None = None,
    acts_key: bytes | None = None,
    known_act: tuple[int, str] | None = None,
) -> Iterator[Fault]:
    """Everything that does not hold, in the order of devices, epochs and seqs.

    Outside of `wanted` records are looked at only as links of their chains, and counts not at all.
    on_records: is told how many records were read. judge: by whose rules services are judged
    again; None to leave figures out. acts_key: what signs acts; None to leave them out. known_act:
    the number and the first 16 digits of one that must be there.
    """
    read = 0

    def note(count: int) -> None:
        nonlocal read
        read += count
        on_records(count)

    counted: Counter[Any] = Counter()
    walked: list[bool] = []
    yield from _guarded(
        _walk(connection, key_of, wanted, note, counted, walked), lambda: f"behind record {read}"
    )
    parts = {
        "endings": endings(connection, key_of),
        "documents": documents(connection),
        "books": books(connection),
    }
    if acts_key is not None:
        parts["acts"] = acts.differences(connection, acts_key, known_act)
    if wanted == Range():
        parts["rejections"] = refused(connection)
        if walked:  # else what was counted is but a part
            parts["counts of marks"] = differences(connection, counted)
        if judge is not None:
            parts["figures"] = recount.differences(connection, judge)
    for name, found in parts.items():
        yield from _guarded(_faults(found), lambda name=name: name)


def _guarded(found: Iterator[Fault], where: Callable[[], str]) -> Iterator[Fault]:
    """What is found, until a column holds what no centre ever wrote there: that is a fault, and
    ends this part of the walk only.
    """
    try:
        yield from found
    except (SQLAlchemyError, LookupError, TypeError, ValueError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        yield Fault("unreadable_row", where(), f"{reason}; this part of the walk ends here")


def _walk(
    connection: Connection,
    key_of: KeyOf,
    wanted: Range,
    on_records: Callable[[int], None],
    counted: Counter[Any],
    walked: list[bool],
) -> Iterator[Fault]:
    """Record by record. counted: gets the marks; walked: gets True at the end."""
    enrolled = {place[:2]: place for place in places.all_enrolments(connection)}
    seen: set[ledger.Epoch] = set()
    epoch: EpochAudit | None = None
    after = ("", 0, 0, "")
    while found := walk.page(connection, None, after, _AT_ONCE):
        judge = _Judge(connection, [row for row, _ in found], key_of, enrolled)
        for row, is_conflict in found:
            if epoch is None or epoch.key != row.epoch_key:
                if epoch is not None:
                    yield from _faults(epoch.end(connection, key_of))
                epoch = EpochAudit(row.epoch_key)
                seen.add(row.epoch_key)
            where = f"{row.device}, epoch {row.epoch}, seq {row.seq}"
            if row.odd:
                yield Fault("unreadable_row", where, f"no centre wrote that: {row.odd}")
            elif wanted.has(row):
                yield from judge.faults(where, row, is_conflict)
            yield from _faults(epoch.see(row, is_conflict))
            count(counted, row, is_conflict)
        on_records(len(found))
        row, is_conflict = found[-1]
        after = (*row.key, row.mac16 if is_conflict else "")
    if epoch is not None:
        yield from _faults(epoch.end(connection, key_of))
    yield from _faults(unseen(connection, seen, key_of))
    walked.append(True)


def _faults(found: Iterator[tuple[str, str, str]]) -> Iterator[Fault]:
    return (Fault(*one) for one in found)


class _Judge:
    """Holds each of some records against its own envelope, and what is said about it."""

    def __init__(
        self,
        connection: Connection,
        rows: list[Row],
        key_of: KeyOf,
        enrolled: dict[ledger.Epoch, Enrolment],
    ) -> None:
        self._connection, self._key_of, self._enrolled = connection, key_of, enrolled
        self._devices = {device for device, _ in enrolled}
        self._facts = services.facts(connection, {row.facts for row in rows if row.facts})
        awaiting = services.awaiting(connection, {row.facts for row in rows if row.facts})
        self._awaiting = set(awaiting)
        keys = {(row.hall, row.service) for row in rows if row.level is not None and row.service}
        self._is_complete = standings.state(connection).backfill is None
        self._ratings = {
            one.id: one for ones in facts.ratings(connection, keys).values() for one in ones
        }

    def faults(self, where: str, row: Row, is_conflict: bool) -> Iterator[Fault]:
        """What does not hold about this record."""
        verified = self._verified(row)
        if isinstance(verified, Rejected):
            yield Fault(verified.code, where, verified.reason)
            return
        for name, sentence in self._of_row(row, verified, is_conflict):
            yield Fault(name, where, sentence)

    def _verified(self, row: Row) -> Verified | Rejected:
        try:
            text = row.envelope.decode()
        except UnicodeDecodeError:
            return rejected(MALFORMED_ENVELOPE, "an envelope must be UTF-8")
        opened = open_record(text)
        if not isinstance(opened, Opened):
            return opened
        return judge_record(opened, self._devices, self._key_of)

    def _of_row(
        self, row: Row, verified: Verified, is_conflict: bool
    ) -> Iterator[tuple[str, str]]:
        if (verified.device, verified.epoch, verified.seq) != row.key:
            told = f"{verified.device}, epoch {verified.epoch}, seq {verified.seq}"
            yield "key_differs", f"the record in this place is that of {told}"
            return
        rating: Any = rating_of(verified)
        told = (verified.mac16, verified.kind, verified.prev)
        told += (None, None) if rating is None else (verified.level, rating.facts)
        kept = (row.mac16, row.kind, row.prev, row.level, row.facts)
        for name, one, other in zip(("mac16", "kind", "prev", "level", "facts"), told, kept):
            if one != other:
                yield f"{name}_differs", f"the record says {one}, the column {other}"
        if rating is not None and rating.service != row.service:
            yield "service_differs", f"signed was {rating.service}, the column has {row.service}"
        if {*verified.marks} != {*row.marks} & {*_READING}:
            yield "marks_differ", f"the record deserves {verified.marks}, it has {row.marks}"
        yield from self._of_place(row, None if rating is None or is_conflict else rating.at)
        if rating is not None:
            yield from self._of_time(row, rating)
            if not is_conflict and not verified.marks:
                yield from self._of_rating(row, rating)
                yield from self._of_fact(row)

    def _of_place(self, row: Row, at_ms: int | None) -> Iterator[tuple[str, str]]:
        """at_ms: of a rating that is held, the time that its device told."""
        place = self._enrolled.get(row.epoch_key)
        if place is None:
            yield "not_enrolled", "nobody enrolled the device in this epoch"
            return
        if place.hall != row.hall or row.window not in place.windows:
            told = f"{place.hall}/{place.window}"
            yield "place_differs", f"it was enrolled at {told}, not at {row.hall}/{row.window}"
        if SIGNED_AFTER_REVOCATION in row.marks and place.revoked_at_ms is None:
            yield "revocation_invented", "it is marked as revoked, and its device is not"
        elif place.revoked_at_ms is not None:
            yield from _of_revocation(row, place, at_ms)

    def _of_time(self, row: Row, rating: Any) -> Iterator[tuple[str, str]]:
        if row.rated_at_ms is None:
            if rating.at is not None or UNDATED not in row.marks:
                yield "time_removed", "the device told the time, or no mark says that it did not"
            return
        # Stored while the centre's own clock was in doubt: then times are so far off.
        doubt_ms = (row.rated_error_ms or 0) if TIME_UNPROVEN in row.marks else 0
        newest_ms = row.stored_at_ms + doubt_ms
        first_ms = row.epoch * 60_000 - doubt_ms
        if row.epoch * 60_000 > row.stored_at_ms:  # enrolled when that clock was ahead
            first_ms = 0
        is_possible = first_ms <= row.rated_at_ms <= newest_ms
        told = row.rated_at_ms if CLOCK_WRONG in row.marks else rating.at
        is_told = told is None or abs(row.rated_at_ms - told) <= SLACK_MS + doubt_ms
        if not (is_possible and is_told):
            yield "time_differs", f"the device said {rating.at}, kept is {row.rated_at_ms}"

    def _of_rating(self, row: Row, rating: Any) -> Iterator[tuple[str, str]]:
        document = self._facts.get(rating.facts)
        if document is None:
            is_awaited = (rating.facts, row.key) in self._awaiting
            name = "facts_missing" if is_awaited else "document_removed"
            yield name, f"the service document {rating.facts} is not held"
        elif do_facts_differ(document, row.hall, row.window, rating) != (
            FACTS_DIFFER in row.marks
        ):
            yield "facts_mark_wrong", "its mark and its service document do not agree"

    def _of_fact(self, row: Row) -> Iterator[tuple[str, str]]:
        """The fact that the judge reads must say what the record says."""
        kept = self._ratings.get(rating_id(row.key))
        if kept is None:
            if self._is_complete:  # else it is still to be taken in
                yield "not_counted", "no rating stands for it, so that no figure has it"
            return
        told = rating_of_row(row, self._enrolled.get(row.epoch_key))
        for name, one, other in zip(RatingRow._fields, told, kept, strict=True):
            if one != other:
                yield "rating_differs", f"its {name} is {one}, the rating that counts has {other}"


def _of_revocation(row: Row, place: Enrolment, at_ms: int | None) -> Iterator[tuple[str, str]]:
    """Whether its mark is what its device's revocation makes it, by time and by place in order."""
    is_marked = SIGNED_AFTER_REVOCATION in row.marks
    if is_marked and (place.revoked_seq is None or row.seq < place.revoked_seq):
        told = f"it is marked as signed after that, kept is {place.revoked_seq} as the first one"
        yield "revocation_differs", told
    if at_ms is None or row.rated_at_ms is None or {CLOCK_WRONG, TIME_UNPROVEN} & {*row.marks}:
        return  # its time may have been another one when it was marked
    is_later = row.rated_at_ms >= (place.revoked_at_ms or 0)
    is_first = row.seq == place.revoked_seq
    if (is_later and not is_marked) or (is_first and not is_later):
        word = "after" if is_later else "before"
        sentence = f"it was rated {word} the revocation at {place.revoked_at_ms}, and its mark"
        yield "revocation_differs", f"{sentence} says otherwise"
