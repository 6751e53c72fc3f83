"""What was stored before there were rules is taken in as facts, a little at a time, while the
centre serves: the first start after an upgrade (central/migrations/versions/0102_rules.py).
"""

import json
import logging
from typing import Any

from sqlalchemy import Connection

from central.custody.facts import answer_of, facts_of, rating_of
from central.custody.open import KeyOf, answer_in
from central.store import fleet, ledger, places, services
from central.store.database import Database
from central.store.judged import facts, standings
from central.store.ledger import Row
from protocol.batch import decode_document
from protocol.envelope import split
from protocol.record import Reasons

log = logging.getLogger(__name__)

EVERY_S = 0.5
_AT_ONCE = 500


class Backfill:
    """Takes in documents, then progress, then records. key_of: opens answers to questions."""

    def __init__(self, database: Database, key_of: KeyOf) -> None:
        self._database = database
        self._key_of = key_of
        self._is_told = False

    def step(self) -> bool:
        """Take in some; whether there is more."""
        with self._database.read() as connection:
            state = standings.state(connection)
            if state.backfill is None:
                return False
            self._tell(connection)
        with self._database.write() as connection:
            if not standings.take_turn(connection, state.turn, state.settled_ms):
                return True
            at = json.loads(state.backfill)
            is_done = self._take(connection, at)
            standings.note(connection, backfill=None if is_done else json.dumps(at))
        if is_done:
            log.info("everything stored earlier is taken in")
        return not is_done

    def _take(self, connection: Connection, at: dict[str, Any]) -> bool:
        """Take in what stands behind `at`, and move it; whether nothing does."""
        if found := services.documents_after(connection, at.get("documents", ""), _AT_ONCE):
            told = [
                facts_of(decode_document(row.content), row.facts, row.opened_at_ms)
                for row in found
            ]
            now_ms = max(row.stored_at_ms for row in found)
            facts.put_documents(connection, told, now_ms)
            facts.touch(connection, {(one.hall, one.service) for one in told}, now_ms)
            at["documents"] = found[-1].facts
            return False
        if found := services.progress_after(
            connection, at.get("progress", ["", "", ""]), _AT_ONCE
        ):
            instants = [
                (row.what, (row.hall, row.service), row.at_ms, json.loads(row.projects))
                for row in found
            ]
            now_ms = max(row.stored_at_ms for row in found)
            facts.put_instants(connection, instants, now_ms)
            facts.touch(connection, {one[1] for one in instants}, now_ms)
            at["progress"] = [found[-1].hall, found[-1].service, found[-1].what]
            return False
        device, epoch, seq = at.get("records", ["", 0, 0])
        rows = ledger.rows_after(connection, (device, epoch, seq), _AT_ONCE)
        if not rows:
            return True
        self._take_records(connection, rows)
        at["records"] = [*rows[-1].key]
        return False

    def _take_records(self, connection: Connection, rows: list[Row]) -> None:
        known = {
            one[:2]: one for one in places.enrolments(connection, {row.device for row in rows})
        }
        now_ms = max(row.stored_at_ms for row in rows)
        rated = [row for row in rows if row.level is not None and row.service is not None]
        ratings = [rating_of(row, known.get(row.epoch_key)) for row in rated]
        facts.add_ratings(connection, ratings, now_ms)
        answered = [row for row in rows if row.kind == Reasons.kind and row.is_readable]
        answers = [answer_of(row, self._codes(row)) for row in answered]
        facts.add_reasons(connection, answers)
        touched = {(row.hall, row.service or "") for row in rated}
        touched |= facts.services_of(connection, {rating for rating, *_ in answers})
        facts.touch(connection, touched, now_ms)
        fleet.note_boots(connection, rows)

    def _codes(self, row: Row) -> tuple[int, ...]:
        return answer_in(split(row.envelope)[0], row.record, self._key_of)[1]

    def _tell(self, connection: Connection) -> None:
        """Say once how long it will take; 2,000 records a second were measured on one core."""
        if not self._is_told:
            self._is_told = True
            count = ledger.count(connection)
            log.info(
                "%d records that were stored earlier are taken in for figures, which takes about"
                " %d minutes; until then figures lack some of them",
                count,
                1 + count // 2000 // 60,
            )
