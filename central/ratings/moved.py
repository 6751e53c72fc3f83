"""Bad ratings that a hall's word moves: `finished`, or `closed`, told when the rating had been
given, at an instant that makes it late, second or none at all, or puts it into another month.

The word stands as any other, since nobody here knows better; the officer is told. Ours: no text
speaks of it. Values in, values out, whatever came first.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from central.custody.marks import RATING_MOVED
from central.ratings.dossier import Dossier
from central.ratings.entry import completion_of
from central.ratings.places import Places
from central.ratings.settling import settled
from central.rules.calendar import Calendar
from central.rules.facts import Project, Visit
from central.rules.policy import Policy
from central.rules.standing import Standing
from central.store import services
from central.store.judged import moved as stored
from central.store.judged.facts import Service
from central.store.judged.moved import MovedRating
from central.store.judged.standings import StandingRow
from central.store.tallies import Marked, add_marks, month_of

_WORDS = ("finished", "closed")  # by which limits begin and days are found


class Word(NamedTuple):
    """What was told of a service: what, the instant that was named, when it came here and who told
    it, by the id of a token; None for the hall's gateway.
    """

    service: str
    what: str
    at_ms: int
    told_ms: int
    told_by: str | None


class Suspect(NamedTuple):
    """A service with a bad rating, as it would be without what was told when that was given."""

    before: Dossier
    words: tuple[Word, ...]


def suspects(
    connection: Connection, dossiers: Mapping[Service, Dossier], bad: frozenset[int]
) -> dict[Service, Suspect]:
    """Of these services those of which words came behind a bad rating."""
    given: dict[Service, int] = {}
    for service, dossier in dossiers.items():
        at = [one.place[0] for one in dossier.ratings if one.level in bad and one.void is None]
        if at and _is_told(dossier):
            given[service] = min(at)
    if not given:
        return {}
    keys = {
        (hall, one, what)
        for hall, service in given
        for one in _own(dossiers[hall, service])
        for what in _WORDS
    }
    told: dict[Service, list[Word]] = {}
    for (hall, service, what), values in services.progress(connection, keys).items():
        word = Word(service, what, values[0], values[3], values[4])
        told.setdefault((hall, service), []).append(word)
    found = {}
    for service, at_ms in given.items():
        of_it = [
            one for each in _own(dossiers[service]) for one in told.get((service[0], each), ())
        ]
        later = tuple([one for one in of_it if one.told_ms >= at_ms])
        if later:
            found[service] = Suspect(_without(dossiers[service], later), later)
    return found


def moved(
    suspect: Suspect,
    found: Sequence[tuple[StandingRow, Standing, Policy]],
    places: Places,
    calendar: Calendar,
    now_ms: int,
) -> list[MovedRating]:
    """What became of the bad rating of a suspect, under the first policy where anything did; the
    word that is named is `finished` before `closed`, and the newest. found: as `settled` gives it.
    """
    policies = [policy for _, _, policy in found]
    without = settled(suspect.before, places, calendar, now_ms, policies)
    for (row, now, policy), (_, before, _) in zip(found, without, strict=False):
        became = _became(policy, before, now)
        if became is not None and before.rating is not None:
            word = max(suspect.words, key=lambda one: (one.what == _WORDS[0], one.told_ms))
            of = (row.hall, row.service, before.rating, row.window)
            return [MovedRating(*of, became, before.day, now.day, *word, now_ms)]
    return []


def note_moved(connection: Connection, rows: list[MovedRating], now_ms: int) -> None:
    """Keep these, and count a mark for each service of which none was kept before."""
    new = stored.add(connection, rows)
    marks = [Marked(RATING_MOVED, one.hall, one.window or "", "", 0, 0) for one in new]
    add_marks(connection, marks, now_ms)


def _became(policy: Policy, before: Standing, now: Standing) -> str | None:
    """What became of a bad rating that counted before: late, second, out or month, the month under
    which it counts; None if nothing did.
    """
    if before.rating is None or before.level not in policy.levels.bad.value:
        return None
    if now.rating == before.rating:
        return "month" if month_of(now.day) != month_of(before.day) else None
    if now.state == "out":
        return "out"
    return "late" if now.rating is None else "second"


def _is_told(dossier: Dossier) -> bool:
    own = (dossier.row.finished_at_ms, dossier.row.closed_at_ms, dossier.completed_ms)
    visits = dossier.project.visits if dossier.project else ()
    return any(one is not None for one in own) or any(
        one.finished_ms is not None or one.closed_ms is not None for one in visits
    )


def _own(dossier: Dossier) -> Iterable[str]:
    """The services of a hall whose words decide about one: itself, and those of its project."""
    row = dossier.row
    own = {row.service}
    if row.project_no is not None:
        own.add(completion_of(row.project_no))
    if dossier.project is not None:
        own.update([one.service for one in dossier.project.visits])
    return own


def _without(dossier: Dossier, words: tuple[Word, ...]) -> Dossier:
    """A dossier as if these had not been told."""
    gone = {(one.service, one.what) for one in words}
    row, project, completed_ms = dossier.row, dossier.project, dossier.completed_ms
    if (row.service, "finished") in gone:
        row = row._replace(finished_at_ms=None, finished_projects=None)
    if (row.service, "closed") in gone:
        row = row._replace(closed_at_ms=None)
    if project is not None and row.project_no is not None:
        completion = (completion_of(row.project_no), "finished")
        instants = {one.at_ms for one in words if (one.service, one.what) == completion}
        is_open = completed_ms is not None and completed_ms in instants
        visits = [
            Visit(
                one.service,
                one.opened_ms,
                None if (one.service, "closed") in gone else one.closed_ms,
                None if (one.service, "finished") in gone else one.finished_ms,
                one.kind,
            )
            for one in project.visits
        ]
        project = Project(tuple(visits), project.unfinished or is_open, project.has_online)
        completed_ms = None if is_open else completed_ms
    return dossier._replace(row=row, project=project, completed_ms=completed_ms)
