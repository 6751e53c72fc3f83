"""What is filed together, in one transaction (BAT-3): one or several halls' batches, as a recipe.

Read `STEPS`, at the end. Each step is a function of the batch: it reads what the steps before it
found, and keeps what it finds under a name of its own, which no later step sets again; the rows
themselves gain times and marks. Every item was judged with the authority of its own hall's token
before; central/custody/offer.py says what a judged batch is.
Next on a rating's way: `file_records`, in central/custody/filing.py.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from central.custody import (
    clones,
    cover,
    dating,
    documents,
    facts,
    filing,
    links,
    revocation,
)
from central.custody.documents import Told
from central.custody.filing import Filed
from central.custody.heads import Heads, close_ended, file_heads
from central.custody.marks import CLONED_DEVICE, FORGED_RECEIPT, OLDER_HEAD, REPLAYED, RESCUED
from central.custody.offer import Offer
from central.custody.open import KeyOf, VerifiedHead
from central.steady import Instant
from central.store import covers, ledger, places, rejections
from central.store.covers import ChainRow
from central.store.ledger import Epoch, Row, Rows
from central.store.places import Enrolment
from central.store.tallies import Marked
from protocol.batch import CONFLICT, DUPLICATE, REJECTED, STORED, Answer, Verdict

log = logging.getLogger(__name__)

_REPLAY_MS = 24 * 3_600_000  # an answer that was lost is asked for again within minutes


@dataclass(slots=True)
class Batch:
    """What is filed together, and what the steps found; above a name stands the step that sets it.
    known: records that were read, so that each is read once.
    """

    connection: Connection
    offers: Sequence[Offer]
    key_of: KeyOf
    now: Instant
    known: Rows
    rows: list[Row] = field(init=False)
    heads: list[VerifiedHead] = field(init=False)
    # lock
    versions: dict[str, int] = field(init=False)
    # find_places: where the device of each epoch that is named stood, as it is known now
    places: dict[Epoch, Enrolment] = field(init=False)
    # file_told
    told: Told = field(init=False)
    # lock_chains: as they were before
    before: dict[Epoch, ChainRow] = field(init=False)
    # keep_heads: verdicts, the highest head of each epoch, what devices said they wrote last
    kept: Heads = field(init=False)
    # date_ratings: the lowest start of each epoch with ratings that have no time yet
    undated: dict[Epoch, int] = field(init=False)
    # file_records: what became of each; the new ones, conflicts, and conflicts not known before
    filed: list[Filed] = field(init=False)
    new: list[Row] = field(init=False)
    conflicts: list[Row] = field(init=False)
    new_conflicts: list[Row] = field(init=False)
    # mark_clones, mark_documents, mark_links: the rows they marked
    marked_clones: list[Row] = field(init=False)
    marked_documents: list[Row] = field(init=False)
    marked_links: list[Row] = field(init=False)
    # find_events
    events: list[Marked] = field(init=False)
    # extend_cover, date_waiting: the chains after it, and the ratings that waited for their time
    covered: dict[Epoch, ChainRow] = field(init=False)
    after: dict[Epoch, ChainRow] = field(init=False)
    dated_late: list[Row] = field(init=False)

    def __post_init__(self) -> None:
        self.rows = [one.row for offer in self.offers for one in offer.records]
        self.heads = [one.head for offer in self.offers for one in offer.heads]


def file_batches(
    connection: Connection, offers: Sequence[Offer], key_of: KeyOf, now: Instant
) -> list[Answer]:
    """File judged batches in the caller's transaction; the answer to each, to be said after it.

    Each place from 0 to an offer's size is taken by one of its items. If this raises, nothing may
    be kept: the caller's transaction has to roll back.
    """
    batch = Batch(connection, offers, key_of, now, Rows(connection))
    for step in STEPS:
        step(batch)
    return _answers(batch)


def lock(batch: Batch) -> None:
    """Let the halls' batches follow each other: nobody else files for them meanwhile, nor for the
    halls where devices stood that now speak through another one.
    """
    halls = {hall for offer in batch.offers for hall in offer.halls}
    halls |= {one.place.hall for offer in batch.offers for one in offer.records}
    halls |= {one.place.hall for offer in batch.offers for one in offer.heads}
    batch.versions = places.lock_halls(batch.connection, halls)


def find_places(batch: Batch) -> None:
    """See again where devices stood: one may have been revoked since its item was judged."""
    judged = [(one.head.epoch_key, one.place) for offer in batch.offers for one in offer.heads]
    judged += [(one.row.epoch_key, one.place) for offer in batch.offers for one in offer.records]
    devices = {place.device for _, place in judged}
    found = places.enrolments(batch.connection, devices) if devices else ()
    known = {place[:2]: place for place in found}
    batch.places = {epoch: known.get(place[:2], place) for epoch, place in judged}


def file_told(batch: Batch) -> None:
    """Keep what the halls say of their services: documents and progress that are new."""
    sent = [one for offer in batch.offers for one in offer.documents]
    progress = [one for offer in batch.offers for one in offer.progress]
    batch.told = documents.file_told(batch.connection, sent, progress, batch.now.ms)


def lock_chains(batch: Batch) -> None:
    """Read and lock the chain of each epoch that is named, made if it is missing."""
    batch.before = covers.lock_chains(batch.connection, batch.places)


def keep_heads(batch: Batch) -> None:
    """Keep the highest head of each epoch, and note which devices are proven to be fresh."""
    known = (batch.before, batch.heads, batch.places, batch.now.ms)
    batch.kept = file_heads(batch.connection, *known)


def date_ratings(batch: Batch) -> None:
    """Give each rating its time, if that can be told."""
    heads = [one for one in batch.heads if one.epoch_key in batch.kept.newer]
    batch.undated = dating.date_rows(batch.connection, batch.rows, heads, batch.now)


def mark_revoked(batch: Batch) -> None:
    """Mark what revoked devices signed, or may have signed, after their revocation."""
    revocation.mark(batch.connection, batch.rows, batch.places, batch.kept.highest)


def file_records(batch: Batch) -> None:
    """Insert the new records; keep those whose key another one holds as conflicts; all others are
    duplicates.
    """
    batch.filed = filing.file_records(batch.connection, batch.rows, batch.before, batch.known)
    batch.new = [one.row for one in batch.filed if one.verdict == STORED]
    batch.conflicts = [one.row for one in batch.filed if one.verdict == CONFLICT]
    batch.new_conflicts = filing.file_conflicts(batch.connection, batch.conflicts)


def mark_clones(batch: Batch) -> None:
    """Mark boots that name damage, and what one device cannot have said."""
    batch.marked_clones = clones.mark_boots(
        batch.connection, batch.new, batch.before, batch.kept.claims
    )


def mark_documents(batch: Batch) -> None:
    """Mark ratings whose service document tells another story; await those that have not come."""
    batch.marked_documents = documents.mark_ratings(
        batch.connection, batch.new, batch.told.hashes, batch.known, batch.now.ms
    )


def mark_links(batch: Batch) -> None:
    """Judge each chain link that now has both its records."""
    shown = batch.kept.receipt_seqs
    receipts = {
        epoch: max(chain.receipt_seq, shown.get(epoch, 0)) for epoch, chain in batch.before.items()
    }
    batch.marked_links = links.mark(
        batch.connection, batch.new, batch.before, receipts, batch.known
    )


def save_marks(batch: Batch) -> None:
    """Write the marks, before the cover is judged by them."""
    marked = batch.marked_clones + batch.marked_documents + batch.marked_links
    ledger.save_marks(batch.connection, {row.key: row for row in marked}.values())


def extend_cover(batch: Batch) -> None:
    """See how far each chain is covered now, and sign a receipt where the highest record held in
    that part has risen (RCT-3).
    """
    chains = {
        epoch: chain._replace(undated_boot=_lower(chain.undated_boot, batch.undated.get(epoch)))
        for epoch, chain in batch.before.items()
    }
    batch.covered = cover.extend(
        batch.connection,
        chains,
        batch.places,
        batch.kept.seqs,
        batch.new,
        batch.conflicts,
        batch.known,
        batch.key_of,
        batch.now.ms,
    )


def date_waiting(batch: Batch) -> None:
    """Date ratings that waited for the time of their start."""
    batch.after, batch.dated_late = {}, []
    for epoch, chain in batch.covered.items():
        batch.after[epoch], dated = dating.date_later(batch.connection, chain)
        batch.dated_late += dated


def save_chains(batch: Batch) -> None:
    """Write the chains that have moved, with their receipts."""
    moved = [chain for epoch, chain in batch.after.items() if chain != batch.before[epoch]]
    covers.save_chains(batch.connection, moved)


def close_epochs(batch: Batch) -> None:
    """Close the epochs of which it is proven now that nothing was kept back."""
    known = (batch.heads, batch.places, batch.before, batch.after)
    close_ended(batch.connection, *known, batch.now.ms)


def find_events(batch: Batch) -> None:
    """Find out what is no mark of a record in particular: heads that went back or contradict, what
    is offered again though a receipt covers it, and documents of one number.
    """
    found = [(OLDER_HEAD, (*one.epoch_key, one.head.seq)) for one in batch.kept.older]
    forged = [one for one in batch.heads if one.receipt_seq is None]
    found += [(FORGED_RECEIPT, (*one.epoch_key, one.head.seq)) for one in forged]
    cloned = clones.find_in_heads(
        batch.connection, batch.heads, batch.new, batch.kept.claims, batch.before
    )
    found += [(CLONED_DEVICE, key) for key in cloned]
    for row, one in zip(batch.rows, batch.filed):
        if one.verdict != DUPLICATE or batch.now.ms - one.row.stored_at_ms <= _REPLAY_MS:
            continue
        # What no receipt covers is offered again for as long as that lasts (BAT-5).
        is_covered = row.seq <= batch.before[row.epoch_key].receipt_seq
        if is_covered and RESCUED not in row.hall_marks:
            found.append((REPLAYED, row.key))
    places_of = [(mark, key, batch.places[key[:2]]) for mark, key in found]
    batch.events = [Marked(mark, at.hall, at.window, *key) for mark, key, at in places_of]
    batch.events += batch.told.events


def note_facts(batch: Batch) -> None:
    """Hand to the judge what is new about services and their ratings."""
    documents = [one for offer in batch.offers for one in offer.documents]
    progress = [one for offer in batch.offers for one in offer.progress]
    facts.note(
        *(batch.connection, documents, progress, batch.told),
        *(batch.new, batch.dated_late, batch.places, batch.now.ms),
    )


def count_marks(batch: Batch) -> None:
    """Count the marks of new records, those that older ones got, new conflicts, and the events."""
    marked = batch.marked_clones + batch.marked_documents + batch.marked_links
    marked += [row for row in batch.dated_late if row.added_marks]
    filing.count_marks(
        batch.connection, batch.new, marked, batch.new_conflicts, batch.events, batch.now.ms
    )


def hear(batch: Batch) -> None:
    """Note which halls' devices said something new."""
    heard = {row.hall for row in batch.new}
    heard |= {batch.places[epoch].hall for epoch in batch.kept.newer}
    places.hear(batch.connection, heard, batch.now.ms)


def keep_refused(batch: Batch) -> None:
    """Count what is rejected, and keep its beginning for the person who looks for the cause."""
    rows = []
    for offer in batch.offers:
        rows += [one.kept(offer.halls[0], batch.now.ms) for one in offer.refused]
        if offer.refused:
            told = (offer.halls[0], len(offer.refused), offer.refused[0].why.reason)
            log.warning("hall %s: %d of its items rejected, first: %s", *told)
    rejections.add(batch.connection, rows)


# In this order, because: times before revocation, which is judged by them; marks before the cover,
# which stops at some; late times after the cover, which ends the wait for some.
STEPS: tuple[Callable[[Batch], None], ...] = (
    lock,
    find_places,
    file_told,
    lock_chains,
    keep_heads,
    date_ratings,
    mark_revoked,
    file_records,
    mark_clones,
    mark_documents,
    mark_links,
    save_marks,
    extend_cover,
    date_waiting,
    save_chains,
    close_epochs,
    find_events,
    note_facts,
    count_marks,
    hear,
    keep_refused,
)


def _answers(batch: Batch) -> list[Answer]:
    """The answer to each offer: verdicts in its items' order, receipts of the epochs it names."""
    documents, filed = iter(batch.told.documents), iter(batch.filed)
    progress, heads = iter(batch.told.progress), iter(batch.kept.verdicts)
    answers = []
    for offer in batch.offers:
        said = {one.at: Verdict(REJECTED, one.why.reason, ()) for one in offer.refused}
        for one in offer.documents:
            said[one.at] = Verdict(next(documents), None, ())
        for one in offer.progress:
            said[one.at] = Verdict(next(progress), None, ())
        for one in offer.records:
            it = next(filed)
            said[one.at] = Verdict(it.verdict, None, tuple(it.row.marks))
        for one in offer.heads:
            said[one.at] = Verdict(next(heads), None, ())
        named = {one.row.epoch_key for one in offer.records}
        named |= {one.head.epoch_key for one in offer.heads}
        chains = [batch.after[epoch] for epoch in sorted(named)]
        receipts = [chain.receipt.decode() for chain in chains if chain.receipt]
        verdicts = tuple([said[at] for at in range(offer.size)])
        answers.append(Answer(verdicts, tuple(receipts), batch.versions.get(offer.halls[0], 0)))
    return answers


def _lower(one: int | None, other: int | None) -> int | None:
    return min((boot for boot in (one, other) if boot is not None), default=None)
