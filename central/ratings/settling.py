"""What one service stands as under the policies that concern it, and what that adds to figures.
Values in, values out: the judge and the recount both use it.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import cast

from central.ratings.dossier import Dossier, Kin, finished_ms
from central.ratings.places import Places
from central.rules.calendar import Calendar
from central.rules.facts import PENDING, Family, Kind, Mode, Rating, Side
from central.rules.facts import Service as Subject
from central.rules.figure import contributions
from central.rules.policy import Policy
from central.rules.standing import Standing, stand
from central.store.judged.counters import Count, FigureKey
from central.store.judged.standings import StandingRow
from central.store.tallies import ALL_DAYS, month_of

Counts = dict[FigureKey, Count]


def settled(
    dossier: Dossier,
    places: Places,
    calendar: Calendar,
    now_ms: int,
    policies: Iterable[Policy] | None = None,
) -> list[tuple[StandingRow, Standing, Policy]]:
    """A row for each policy, with the standing it comes from; none for what only ratings speak of
    that do not count. policies: those of its place unless others are asked for.
    """
    row = dossier.row
    if row.facts is None and not _is_spoken_of(dossier):
        return []
    rated_ms = rated_at(dossier)
    subject = _subject(dossier, places, rated_ms)
    family = _family(dossier.family, places) if dossier.family else None
    found = []
    for policy in places.policies(row, rated_ms) if policies is None else policies:
        standing = stand(
            *(policy, calendar, subject, dossier.ratings, dossier.decisions, now_ms),
            project=dossier.project,
            family=family,
        )
        place = places.attributed(row, standing.day)
        added = contributions(policy, standing, subject, place)
        whats = {what: count[0] for (dim, *_, what), count in added.items() if dim == "hall"}
        is_participant = any(dim == "participant" for dim, *_ in added)
        found.append(
            (
                StandingRow(
                    profile=policy.profile,
                    hall=row.hall,
                    service=row.service,
                    state=standing.state,
                    out_because=standing.out_because,
                    level=standing.level,
                    rating=standing.rating,
                    origin=standing.origin,
                    mode=row.mode,
                    projects=row.projects,
                    late=standing.late,
                    second=standing.second,
                    day=standing.day,
                    window=row.window,
                    staff=place.staff,
                    institution=place.institution,
                    line=place.line,
                    task_code=row.task_code,
                    participant=row.participant if is_participant else None,
                    end_ms=standing.end_ms,
                    due_ms=standing.due_ms,
                    reminded=standing.reminded,
                    provisional=standing.provisional,
                    whats=_written(whats),
                    policy_from=policy.valid_from,
                ),
                standing,
                policy,
            )
        )
    return found


def add(counts: defaultdict[FigureKey, list[int]], row: StandingRow, sign: int) -> None:
    """Add what a row adds to figures, or take it away: under its day, its month, and all days.

    The same as `contributions` (central/rules/figure.py) says, from what is stored alone.
    """
    spans = {row.day, month_of(row.day), ALL_DAYS}  # one of what has no day at all
    of_origin = (f"{row.state}-{row.level}", "named")
    dims = _dims(row)
    for what, n in whats_of(row):
        for dim, thing in dims:
            if dim == "origin" and what not in of_origin:
                continue
            for span in spans:
                key = (row.profile, span, dim, row.hall, thing, row.mode, what, row.policy_from)
                count = counts[key]
                count[0] += sign * n
                count[1] += sign * n * row.projects


def whats_of(row: StandingRow) -> list[tuple[str, int]]:
    """What a service adds, and how often."""
    return words_of(row.whats)


def words_of(whats: str) -> list[tuple[str, int]]:
    """The same, of the column."""
    found = []
    for word in whats.split():
        what, _, n = word.partition("=")
        found.append((what, int(n) if n else 1))
    return found


def _written(whats: dict[str, int]) -> str:
    """As it is stored: ` active-5 second=2 `, so that a word can be looked for with its blank."""
    if not whats:
        return ""
    words = [what if n == 1 else f"{what}={n}" for what, n in sorted(whats.items())]
    return f" {' '.join(words)} "


def figures(rows: Iterable[StandingRow]) -> Counts:
    """What rows add up to."""
    counts: defaultdict[FigureKey, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        add(counts, row, 1)
    return {key: (count[0], count[1]) for key, count in counts.items() if count[0] or count[1]}


def _dims(row: StandingRow) -> list[tuple[str, str]]:
    """The parts of its hall that a service belongs to, with what they are called there."""
    dims = (
        ("window", row.window),
        ("staff", row.staff),
        ("institution", row.institution),
        ("line", row.line),
        ("matter", row.task_code),
        ("participant", row.participant),
        ("origin", row.origin),
    )
    return [("hall", ""), *[(dim, thing) for dim, thing in dims if thing]]


def rated_at(dossier: Dossier | Kin) -> int | None:
    """When the rating that came first was given; None if there is none."""
    return min([one.place[0] for one in _valid(dossier)], default=None)


def _valid(dossier: Dossier | Kin) -> list[Rating]:
    """The ratings that count; where none does, all."""
    return [one for one in dossier.ratings if one.void is None] or [*dossier.ratings]


def _is_spoken_of(dossier: Dossier) -> bool:
    """Whether a hall, a business system or a rating that counts, or may, knows of the service."""
    row = dossier.row
    told = (row.opened_at_ms, row.accepted_at_ms, row.invited_at_ms, row.closed_at_ms)
    told += (row.expired_at_ms, row.finished_at_ms, row.transferred_at_ms, row.no_show_at_ms)
    told += (row.due_day,)
    is_told = any(one is not None for one in told)
    return is_told or any(one.void in (None, PENDING) for one in dossier.ratings)


def _family(kin: Iterable[Kin], places: Places) -> Family:
    sides = [Side(_subject(one, places, rated_at(one)), one.ratings, one.project) for one in kin]
    whole = tuple([one for one in sides if one.service.part_of is None])
    return Family(whole, tuple([one for one in sides if one.service.part_of is not None]))


def _subject(dossier: Dossier | Kin, places: Places, rated_ms: int | None) -> Subject:
    row = dossier.row
    matter = places.matter(row, rated_ms)
    return Subject(
        hall=row.hall,
        service=row.service,
        mode=cast(Mode, row.mode),
        kind=cast(Kind, row.kind),
        channel=row.channel,
        window=row.window,
        staff_no=row.staff_no,
        project_no=row.project_no,
        task_code=row.task_code,
        part_of=row.part_of,
        opened_ms=row.opened_at_ms,
        accepted_ms=row.accepted_at_ms,
        invited_ms=row.invited_at_ms,
        expired_ms=row.expired_at_ms,
        closed_ms=row.closed_at_ms,
        finished_ms=finished_ms(row),
        completed_ms=dossier.completed_ms,
        transferred_ms=row.transferred_at_ms,
        no_show_ms=row.no_show_at_ms,
        due_day=row.due_day,
        projects=row.projects,
        rateable=matter.is_rateable,
        needs_application=matter.needs_application,
        sends=matter.sends,
        participant=row.participant,
    )
