"""What a table would change in the directory, found before anything is written. Values in, values
out; central/directory/importer.py carries it out.

A line without a day holds from the import on, and what held before is kept; for something new it
holds as far back as there is anything. A line with the day of a row that is there already is that
row: where they differ the past would be another, which nobody gets without asking for it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from central.directory.cells import day_of
from central.directory.kinds import Kind, nearest
from central.directory.reading import Fault, Line
from central.store.directory import EVER, Entry
from protocol.hall import MATTERS, STAFF, WINDOWS

ADDED, CHANGED, CORRECTED = "added", "changed", "corrected"
_MOST_OF_HALL = {"window": WINDOWS, "staff": STAFF}


class Change(NamedTuple):
    """What becomes another. what: ADDED and so on. first_day: from when. differences: (the
    column's title, before, after), none of something new.
    """

    what: str
    kind: Kind
    id: str
    first_day: int
    differences: tuple[tuple[str, Any, Any], ...] = ()

    def __str__(self) -> str:
        since = "" if self.first_day == EVER else f" from {day_of(self.first_day)}"
        told = [f"{title} {old or '–'} -> {new or '–'}" for title, old, new in self.differences]
        what = f"{self.what} {self.kind.kind} {self.id}{since}"
        return f"{what}: {', '.join(told)}" if told else what


@dataclass
class Plan:
    """entries: the rows to write. Nothing may be written while there is a fault."""

    changes: list[Change] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def plan(lines: list[Line], stored: Iterable[Entry], from_day: int, corrects: bool) -> Plan:
    """What these lines change. from_day: from when a change without a day holds, usually today.
    corrects: whether what held in the past may be another now.
    """
    found = Plan()
    known: dict[tuple[str, str], dict[int, Entry]] = {}
    for entry in stored:
        known.setdefault(entry.what, {})[entry.first_day] = entry
    dated = [line for line in lines if line.kind.is_dated]
    for line in sorted(dated, key=lambda line: _day_of(line, from_day)):
        versions = known.setdefault((line.kind.kind, line.id), {})
        if not line.is_dated():
            continue
        change, entry = _compare(line, versions, from_day)
        if change is None:
            continue
        if change.what == CORRECTED and change.first_day < from_day and not corrects:
            found.faults.append(_of_the_past(line, change))
            continue
        versions[entry.first_day] = entry
        found.changes.append(change)
        found.entries.append(entry)
    _check_references(lines, known, found.faults)
    _check_circles(lines, known, found.faults)
    _check_numbers(lines, known, found.faults)
    return found


def entry_on(versions: Iterable[Entry], day: int) -> Entry | None:
    """What holds of something on a day; versions: all its rows."""
    begun = [one for one in versions if one.first_day <= day]
    last = max(begun, key=lambda one: one.first_day, default=None)
    return last if last is not None and (last.last_day is None or last.last_day >= day) else None


def _day_of(line: Line, from_day: int) -> int:
    given = line.values.get("first_day")
    return from_day if given is None else given


def _compare(line: Line, versions: dict[int, Entry], from_day: int) -> tuple[Change | None, Entry]:
    given = line.values.get("first_day")
    day = given if given is not None else from_day if versions else EVER
    begun = [one for one in versions if one <= day]
    before = versions[max(begun)] if begun else None
    is_same_row = before is not None and before.first_day == day
    base = before or Entry(line.kind.kind, line.id, day)
    values = {name: line.values[name] for name in Entry._fields[4:] if name in line.values}
    entry = base._replace(first_day=day, **values)
    if "last_day" in line.values:
        entry = entry._replace(last_day=line.values["last_day"])
    elif not is_same_row:
        entry = entry._replace(last_day=None)
    if before is None:
        return Change(ADDED, line.kind, line.id, day), entry
    has_ended = before.last_day is not None and before.last_day < day
    old = before._replace(first_day=day, last_day=None) if not is_same_row else before
    titles = {one.field: one.title for one in line.kind.columns}
    differences = tuple(
        (titles[name], getattr(old, name), getattr(entry, name))
        for name in titles
        if name in Entry._fields and name not in ("id", "first_day")
        if getattr(old, name) != getattr(entry, name)
    )
    if not differences and (is_same_row or (not has_ended and given is None)):
        return None, entry
    if not differences and not has_ended:
        return None, entry  # it says again what holds already
    what = CORRECTED if is_same_row else CHANGED
    return Change(what, line.kind, line.id, day, differences), entry


def _of_the_past(line: Line, change: Change) -> Fault:
    title, old, new = change.differences[0]
    name = next(one.field for one in line.kind.columns if one.title == title)
    since = change.first_day or "一直以来"
    return Fault(
        line.cells.get(name, line.cells[""]),
        f"“{line.id}”的{title}自 {since} 起为“{old}”，这里是“{new}”："
        "从某天起变更，请在“生效日期”写那一天；更正过去，请加 --correct",
        f"{line.id}: it was “{old}”, not “{new}”; write the day from which the change holds, or "
        "add --correct if it was wrong from the beginning",
    )


def _check_references(lines: list[Line], known: Any, faults: list[Fault]) -> None:
    ids: dict[str, set[str]] = {}
    for kind, name in known:
        ids.setdefault(kind, set()).add(name)
    for line in lines:
        for column in line.kind.columns:
            value = line.values.get(column.field)
            there = ids.get(column.refers or "", set())
            if column.refers is None or value is None or value in there:
                continue
            if "" in there:  # it may be the one whose id is wrong
                continue
            meant = nearest(value, there)
            told = f"，是不是“{meant}”" if meant else ""
            also = f"; did you mean {meant}?" if meant else ""
            faults.append(
                Fault(
                    line.cells[column.field],
                    f"{column.title}“{value}”既不在这些表中，也不在名录中{told}",
                    f"no {column.refers} is named {value}, here or in the directory{also}",
                )
            )


def _check_circles(lines: list[Line], known: Any, faults: list[Fault]) -> None:
    """No region lies in itself."""
    up = {
        name: max(versions.values(), key=lambda one: one.first_day).up
        for (kind, name), versions in known.items()
        if kind == "region" and versions
    }
    for line in lines:
        above, steps = line.values.get("up"), 0
        while line.kind.kind == "region" and above is not None and steps <= len(up):
            if above == line.id:
                told = f"地区“{line.id}”的上级绕回了自己", f"the region {line.id} lies in itself"
                faults.append(Fault(line.cells["up"], *told))
                break
            above, steps = up.get(above), steps + 1


def _check_numbers(lines: list[Line], known: Any, faults: list[Fault]) -> None:
    """No hall has more than its document carries."""
    counts: dict[tuple[str, str], int] = {}
    there: dict[str, set[str]] = {}  # institutions, by hall
    matters: dict[str | None, int] = {}  # by institution
    for (kind, name), versions in known.items():
        hall = name.split("/")[0]
        if kind in _MOST_OF_HALL:
            counts[kind, hall] = counts.get((kind, hall), 0) + 1
        if not versions or kind not in ("hall", "window", "staff", "matter"):
            continue
        institution = versions[max(versions)].institution
        if kind == "matter":
            matters[institution] = matters.get(institution, 0) + 1
        elif institution is not None:
            there.setdefault(hall, set()).add(institution)
    told: set[tuple[str, str]] = set()
    for line in lines:
        kind = line.kind.kind
        hall = line.id.split("/")[0]
        most = _MOST_OF_HALL.get(kind)
        if most is None or counts.get((kind, hall), 0) <= most or (kind, hall) in told:
            continue
        told.add((kind, hall))
        faults.append(_too_many(line, hall, most, (line.kind.title, line.kind.english)))
    changed = [line for line in lines if line.kind.kind == "matter"]
    changed += [line for line in lines if line.values.get("institution") in matters]
    for hall in sorted(there) if changed else ():
        if sum(matters.get(one, 0) for one in (None, *there[hall])) > MATTERS:
            faults.append(_too_many(changed[0], hall, MATTERS, ("事项", "matters")))


def _too_many(line: Line, hall: str, most: int, what: tuple[str, str]) -> Fault:
    return Fault(
        line.cells[""],
        f"大厅“{hall}”的{what[0]}超过 {most} 个",
        f"the hall {hall} would have more than {most} {what[1]}",
    )
