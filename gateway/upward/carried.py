"""A hall without a network: what waits for the centre goes out as a file, and its answers come
back as one (docs/carry.md). Both may be lost, late or come twice: what has no answer goes out
again.
"""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gateway.hall.hall_book import HallBook
from gateway.keep.alarms import Alarms
from gateway.keep.hall_clock import HallClock
from gateway.store import books
from gateway.store.database import Database
from gateway.upward.alone import Alone
from gateway.upward.batch import Batch, Sent
from gateway.upward.centre import Contact
from gateway.upward.forwarder import Way
from gateway.upward.outbox import Outbox, Pace
from hosting.copies.carried import ANSWERS, BATCHES, read_carried, write_carried
from hosting.error import OperatorError
from protocol.batch import decode_answer
from protocol.field import ProtocolError
from protocol.limits import BATCH_ITEMS

log = logging.getLogger(__name__)

FOLDER = "carried"  # in data_dir: answers that a running gateway is to take
_END = ".answers"
_AGE_MS = 86_400_000  # beyond any record's: none is too new for the file


def carry_out(database: Database, book: HallBook, clock: HallClock, pace: Pace, file: Path) -> int:
    """Write all that waits for the centre into a new file; how many items. Nothing changes here.
    Raises OperatorError.
    """
    alone = Alone(Alarms(), 60, 60, clock.monotonic_s)
    outbox = Outbox(database, book.name, pace, clock, alone)
    with database.read() as connection:
        name = books.name(connection)
    header = {"format": BATCHES, "hall": book.name, "book": name, "version": book.version}
    items = 0

    def lines() -> Iterator[dict[str, Any]]:
        nonlocal items
        for batch in _batches(outbox, clock.now_ms() + pace.live_ms + _AGE_MS):
            items += len(batch)
            # Without the time at which it was packed: it will be another one when it arrives.
            body = batch.body_of_no_time().decode()
            yield {"body": body, "sent": [list(one) for one in batch.sent()]}

    write_carried(file, header, lines())
    return items


def _batches(outbox: Outbox, now_ms: int) -> Iterator[Batch]:
    after_id: int | None = None
    while batch := outbox.backlog_batch(now_ms, after_id, BATCH_ITEMS):
        yield batch
        if batch.last_id <= (after_id or 0):
            break
        after_id = batch.last_id
    is_first = True  # and what rides with none of them: heads, documents, what became of services
    while batch := outbox.live_batch(now_ms, None if is_first else 0, 0):
        yield batch
        is_first = False


class Carried:
    """A ticker's work: takes the answers that lie in `folder`. take_document: of HallWatch."""

    def __init__(
        self,
        folder: Path,
        database: Database,
        hall: str,
        way: Way,
        take_document: Callable[[bytes], None],
        contact: Contact,
        alarms: Alarms,
    ):
        self._folder = folder
        self._database = database
        self._hall = hall
        self._way = way
        self._take_document = take_document
        self._contact = contact
        self._alarms = alarms

    def look(self) -> None:
        """Take each file, and delete it; one that cannot be taken stays, and is an alarm."""
        refused = []
        for file in sorted(self._folder.glob(f"*{_END}")):
            try:
                count = self._take(file)
            except (OperatorError, ProtocolError, ValueError, KeyError, TypeError) as error:
                refused.append(f"{file.name}: {error}")
                continue
            log.info("took the centre's answers to %d batches from %s", count, file.name)
            self._contact.note()
            file.unlink()
        if refused:
            self._alarms.set(
                "carried",
                f"Carried answers cannot be taken ({'; '.join(refused)}). Remove them from "
                f"{self._folder}, and carry the newest ones in again.",
            )
        else:
            self._alarms.clear("carried")

    def _take(self, file: Path) -> int:
        header, lines = read_carried(file, ANSWERS)
        require_ours(header, self._hall, file)
        with self._database.read() as connection:
            is_ours = header.get("book") == books.name(connection)
        count = 0
        for line in lines:
            if (document := line.get("document")) is not None:
                self._take_document(document.encode())
            elif is_ours:  # else the rows that they name were another database's
                batch = _answered(line["sent"], int(header["at_ms"]))
                self._way.settle(batch, decode_answer(line["answer"].encode()))
                count += 1
        return count


def require_ours(header: dict[str, Any], hall: str, file: Path) -> None:
    """Raise OperatorError for another hall's file."""
    if header.get("hall") != hall:
        raise OperatorError(f"{file} is for the hall {header.get('hall')}, and not for {hall}.")


def carry_in(file: Path, hall: str, folder: Path) -> Path:
    """Lay the answers where a running gateway takes them; the path there. Raises OperatorError."""
    header, lines = read_carried(file, ANSWERS)
    require_ours(header, hall, file)
    folder.mkdir(mode=0o700, exist_ok=True)
    count = sum(1 for _ in folder.iterdir())
    there = folder / f"{header.get('at_ms', 0)}-{count}{_END}"
    write_carried(there, header, lines)
    return there


def _answered(sent: list[list[Any]], at_ms: int) -> Batch:
    """The batch that was carried, as far as its answer needs it. at_ms: when the centre answered,
    so that an older file which comes later takes no receipt back.
    """
    batch = Batch()
    batch.began = batch.answered = at_ms
    for one in sent:
        batch.add(None, Sent(*one), 0)
    return batch
