"""Counts of what is over, kept in memory: they are those of the database, always."""

import pytest
from rehearsal_hall import DIRECTORY, Practice, world

from central.figures.columns import Columns
from central.ratings.period import ALL, named
from central.store.judged import counters

TODAY = 20261020
DIMS = {"hall": True, "window": True, "staff": True, "institution": False, "matter": False}
WORDS = (("active-5", "active-4"), ("active-5", "active-4", "active-3", "active-2", "active-1"))
LISTED = ("active-5", "active-4", "active-3", "active-2", "active-1", "unrated", "reason-214")
MODES = ("per_visit", "per_matter")


@pytest.fixture
def practice(tmp_path, database):
    practice = Practice(tmp_path, database=database)
    practice.give(directory=DIRECTORY, **world(1, 120))
    practice.go("2026-10-20 00:00")
    return practice


def counted(rows):
    """Rows of counts as they are compared: kind and unit -> counts, without those of nothing."""
    found = {}
    for row in rows:
        key = (row.hall, row.id, row.mode, row.what, row.policy_from)
        before = found.get(key, (0, 0))
        found[key] = before[0] + int(row.ratings), before[1] + int(row.projects)
    return found


def asked(connection, profile, columns=None):
    """All that can be asked of a profile's counts; of `columns`, or of the database."""
    found = {}
    for name in ("2026-09", "2026Q3", "2026-10", "2026"):
        spans = named(name).spans()
        told = (connection, profile, spans)
        if columns is None:
            found[name, "counts"] = counted(counters.counts(*told, "hall"))
            found[name, "whole"] = counted(counters.sums(*told, "hall", None, ()))
        else:
            found[name, "counts"] = counted(columns.counts(*told))
            found[name, "whole"] = counted(columns.whole(*told))
        for dim, is_of_hall in DIMS.items():
            for halls in (None, {"demo"}):
                for are_projects in (False, True):
                    more = (dim, halls, MODES, WORDS, LISTED, are_projects, is_of_hall)
                    if columns is None:
                        read = counters.two_sums(*told, *more)
                        rows = {(one[0], one[1]): (int(one[2]), int(one[3])) for one in read}
                    else:
                        read = columns.two_sums(*told, *more)
                        rows = {unit: (num, den) for unit, num, den in read}
                    found[name, dim, halls is None, are_projects] = rows
    assert any(found.values())
    return found


@pytest.mark.parametrize("most", [12_000_000, 1], ids=["all is kept", "hardly anything is"])
def test_what_is_kept_is_what_the_database_has_before_and_after_a_change(practice, most):
    columns = Columns(lambda: TODAY, most)
    for _ in range(2):  # the second time from memory
        with practice.database.read() as connection:
            assert asked(connection, "qinnan", columns) == asked(connection, "qinnan")
    late = {"id": "R-late", "hall": "demo", "service": "late", "level": 1, "reasons": [214]}
    visit = {"hall": "demo", "service": "late", "window": "w1", "staff_no": "0231"}
    visit |= {"opened_at": "2026-09-15 09:00"}
    visit["progress"] = [{"what": "finished", "at": "2026-09-15 09:10"}]
    practice.give(services=[visit], ratings=[{**late, "rated_at": "2026-09-15 09:11"}])
    practice.centre.judge.settle_all()
    with practice.database.read() as connection:
        now = asked(connection, "qinnan")
        assert asked(connection, "qinnan", columns) == now


def test_what_is_over_is_read_once(practice):
    """The control of the test above: what changes without a word is not seen. What goes on is read
    each time.
    """
    columns = Columns(lambda: TODAY)
    with practice.database.read() as connection:
        before = asked(connection, "qinnan", columns)
    with practice.database.write() as connection:
        connection.exec_driver_sql("UPDATE figure SET ratings = ratings + 1000")
    with practice.database.read() as connection:
        after = asked(connection, "qinnan", columns)  # on 20 October September is over
        all_days = columns.counts(connection, "qinnan", ALL.spans())
        assert counted(all_days) == counted(counters.counts(connection, "qinnan", [0], "hall"))
        going_on = asked(connection, "qinnan", Columns(lambda: 20260915))
    assert after["2026-09", "counts"] == before["2026-09", "counts"]
    assert going_on["2026-09", "counts"] != before["2026-09", "counts"]
