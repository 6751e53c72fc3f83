"""Which ratings open a case: every bad one that came, late and second ones too (DOMAIN decision
14). In the judge's transaction and order, never in intake's.
"""

import logging
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection

from central.ratings.casebook import fold, new_number, written
from central.ratings.dossier import Dossier
from central.ratings.places import Places
from central.ratings.settling import rated_at
from central.ratings.versions import PolicyKey, Rules, key_of
from central.rules.calendar import day_number
from central.rules.facts import Rating
from central.rules.policy import Policy
from central.rules.terms import terms_of
from central.store.cases import cases, steps
from central.store.cases.cases import NEVER_MS, CaseRow, Folded
from central.store.judged.facts import Service

log = logging.getLogger(__name__)

_UNFOLDED = Folded(0, True, "new", None, None, None, NEVER_MS, None, False, 0, None)


class Openings(NamedTuple):
    """new: cases to open. retold: those of which the directory says something else now. uses: the
    versions by which they are handled. failed: services whose ratings cannot be read so, and why.
    """

    new: list[CaseRow]
    retold: list[CaseRow]
    uses: dict[PolicyKey, str]
    failed: dict[Service, str]


def look(
    connection: Connection,
    dossiers: Mapping[Service, Dossier],
    places: Places,
    rules: Rules,
    bad: frozenset[int],
    since_ms: int,
    now_ms: int,
) -> Openings:
    """What judging these services opens. bad: the levels that any version calls bad. since_ms:
    ratings that came before have none.
    """
    found = Openings([], [], {}, {})
    wanted: dict[str, tuple[CaseRow, list[tuple[Policy, bool]]]] = {}
    for service, dossier in dossiers.items():
        try:
            for rating in dossier.ratings:
                is_wanted = rating.level in bad and rating.void is None
                if is_wanted and rating.received_at_ms >= since_ms:
                    told = _told(dossier, rating, places, now_ms)
                    if told is not None:
                        wanted[rating.id] = told
        except Exception as error:  # a fault in a rule stops this service's cases, nothing else
            log.exception("no case can be opened for service %s of hall %s", *service[::-1])
            found.failed[service] = f"{type(error).__name__}: {error}"
    known = cases.of_ratings(connection, wanted) if wanted else {}
    for rating, (row, policies) in wanted.items():
        stored = known.get(rating)
        if stored is not None and (stored.steps or stored.told == row.told):
            continue
        row = row if stored is None else row._replace(no=stored.no, opened_ms=stored.opened_ms)
        taken = [] if stored is None else steps.of(connection, [row.no])[row.no]
        _, value = fold(row, taken, rules, now_ms)
        (found.new if stored is None else found.retold).append(cases.folded(row, value))
        found.uses.update({key_of(policy): policy.sha256 for policy, _ in policies})
    return found


def write(connection: Connection, found: Openings) -> None:
    """Open these."""
    cases.add(connection, found.new)
    cases.retell(connection, found.retold)


def _told(
    dossier: Dossier, rating: Rating, places: Places, now_ms: int
) -> tuple[CaseRow, list[tuple[Policy, bool]]] | None:
    """What a bad rating's case is about; None where no policy of its place and day calls it bad,
    or the service is none that is rated.
    """
    row, day = dossier.row, day_number(rating.place[0])
    matter = places.matter(row, rated_at(dossier))
    policies = [
        (one, rating.level in one.levels.bad.value)
        for one in places.policies_at(row.hall, row.window, day)
        if not (terms_of(one).needs_application and matter.needs_application is False)
    ]
    if not matter.is_rateable or not any(is_bad for _, is_bad in policies):
        return None
    whose, regions = places.attributed(row, day), places.regions(row.hall, day)
    made = CaseRow(
        no=new_number(),
        kind="rating",
        hall=row.hall,
        service=row.service,
        rating=rating.id,
        window=row.window,
        staff=whose.staff,
        task_code=row.task_code,
        about=None,
        region=regions[0] if regions else None,
        institution=whose.institution,
        received_ms=rating.received_at_ms,
        day=day,
        policies=written(policies),
        due_day=None,
        has_contact=False,
        opened_ms=now_ms,
        **_UNFOLDED._asdict(),
    )
    return made, policies
