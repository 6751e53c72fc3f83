"""What a batch says of services goes to the judge: facts, and no more. Which rating of a service
counts, on which day and as what, is judged elsewhere and later: custody waits for no rule.

Next on a rating's way: central/ratings/judge.py.
"""

import json
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection

from central.custody.documents import Told
from central.custody.marks import SIGNED_AFTER_REVOCATION
from central.custody.offer import SentDocument, SentProgress
from central.store.judged import facts
from central.store.judged.facts import DEVICE, DocumentFacts, RatingRow, Service, rating_id
from central.store.ledger import Epoch, Row
from central.store.places import Enrolment
from protocol.batch import STORED, ServiceDocument
from protocol.record import Reasons

PENDING, REFUSED = "pending_enrolment", "refused_enrolment"


def note(
    connection: Connection,
    documents: Sequence[SentDocument],
    progress: Sequence[SentProgress],
    told: Told,
    new: Sequence[Row],
    dated: Sequence[Row],
    places: Mapping[Epoch, Enrolment],
    now_ms: int,
) -> None:
    """Note what is new about services and their ratings, and let the judge look at them.

    told: what became of documents and progress. dated: ratings that have a time since now.
    """
    services = _note_told(connection, documents, progress, told, now_ms)
    services |= _note_ratings(connection, new, places, now_ms)
    facts.touch(connection, services, now_ms)
    facts.set_times(connection, dated, now_ms)


def _note_told(
    connection: Connection,
    documents: Sequence[SentDocument],
    progress: Sequence[SentProgress],
    told: Told,
    now_ms: int,
) -> set[Service]:
    """Note what new documents and new progress say; the services."""
    new = [one for one, verdict in zip(documents, told.documents) if verdict == STORED]
    says = [
        facts_of(one.document, name, one.opened_at_ms)
        for one, name in zip(new, told.hashes, strict=True)
    ]
    facts.put_documents(connection, says, now_ms)
    facts.count_documents(connection, [(one.hall, one.window) for one in says])
    became = [one for one, verdict in zip(progress, told.progress) if verdict == STORED]
    instants = [_instant(one) for one in became]
    facts.put_instants(connection, instants, now_ms)
    return {(one.hall, one.service) for one in says} | {one[1] for one in instants}


def _note_ratings(
    connection: Connection, new: Iterable[Row], places: Mapping[Epoch, Enrolment], now_ms: int
) -> set[Service]:
    """Note new ratings of devices, and what was answered to the question after them; the
    services. An answer that comes before its rating is found by the judge, who reads both.
    """
    ratings, answers = [], []
    for row in new:
        if row.level is not None:
            ratings.append(rating_of(row, places.get(row.epoch_key)))
        elif row.kind == Reasons.kind and row.is_readable:
            answers.append(answer_of(row, row.codes))
    facts.add_ratings(connection, ratings, now_ms)
    facts.add_reasons(connection, answers)
    answered = facts.services_of(connection, {rating for rating, *_ in answers})
    return {(one.hall, one.service) for one in ratings} | answered


def facts_of(document: ServiceDocument, name: str, opened_at_ms: int) -> DocumentFacts:
    """What of a service document the rules ask. name: its hash. opened_at_ms: on our clock."""
    matters = document.matters
    projects = tuple(dict.fromkeys(one.project_no for one in matters if one.project_no))
    return DocumentFacts(
        hall=document.hall,
        service=document.service,
        facts=name,
        kind=document.kind,
        window=document.window,
        staff_no=document.staff_no,
        task_code=next((one.task_code for one in matters if one.task_code), None),
        projects=projects,
        matters=max(1, len(matters)),
        opened_at_ms=opened_at_ms,
    )


def rating_of(row: Row, place: Enrolment | None) -> RatingRow:
    """The fact that a well-formed rating of a device is. place: its enrolment, None if nobody
    remembers it.
    """
    assert row.service is not None
    assert row.level is not None
    return RatingRow(
        id=rating_id(row.key),
        hall=row.hall,
        service=row.service,
        level=row.level,
        rated_at_ms=row.rated_at_ms,
        rated_error_ms=row.rated_error_ms or 0,
        received_at_ms=row.stored_at_ms,
        origin=DEVICE,
        rated_by="unknown",
        named=False,
        reasons="[]",
        catalogue=None,
        facts=row.facts,
        window=row.window,
        void=void_of(row, place),
    )


def void_of(row: Row, place: Enrolment | None) -> str | None:
    """Why a device's rating does not count; None if it does. An enrolment that nobody remembers
    keeps none back.
    """
    if SIGNED_AFTER_REVOCATION in row.marks:
        return SIGNED_AFTER_REVOCATION
    if place is None or place[:2] != row.epoch_key or place.approved_at_ms is not None:
        return None
    return REFUSED if place.refused_at_ms is not None else PENDING


def answer_of(row: Row, codes: Iterable[int]) -> tuple[str, int, str, int]:
    """What a citizen answered to the question after a rating, as a row of `reasons`."""
    key = (row.device, row.epoch, row.record.of)
    return rating_id(key), row.seq, json.dumps([*codes]), row.record.catalogue


def _instant(one: SentProgress) -> tuple[str, Service, int, list[str]]:
    told = one.progress
    return told.what, (told.hall, told.service), one.at_ms, [*told.projects]
