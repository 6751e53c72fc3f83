"""Closed months: no correction and no early look tells of single ratings (RULES 7)."""

import pytest
from rehearsal_hall import Practice
from test_rules_policies import changed, put

from central.directory import sight
from central.figures import closed
from central.ratings.versions import load_rules

SEPTEMBER = {"from": "2026-09-01", "to": "2026-09-30"}
LEVELS = ("5", "4", "3", "2", "1")


@pytest.fixture
def practice(tmp_path):
    made = Practice(tmp_path)
    yield made
    made.close()


def window(name, institution, **more):
    return {"kind": "window", "id": name, "name": name[-1], "institution": institution, **more}


def served(hall, window, at, count, levels):
    """Facts of visits, the first ones of which are rated at once."""
    services = [
        {
            **{"hall": hall, "service": f"{window}-{n}", "window": window, "opened_at": at},
            "progress": [{"what": "closed", "at": at}, {"what": "finished", "at": at}],
        }
        for n in range(count)
    ]
    ratings = [
        {
            **{"id": f"{window}-{n}", "hall": hall, "service": f"{window}-{n}", "level": level},
            **{"rated_at": at, "window": window},
        }
        for n, level in enumerate(levels)
    ]
    return {"services": services, "ratings": ratings}


def look(practice, place, status=200):
    """September for a hall or an institution: its sum, and each window's."""
    answer = practice.get("/v1/figures", f"figures:read:{place}", status, **SEPTEMBER)
    if status != 200:
        return answer
    return answer["whole"], {part["id"]: part["total"] for part in answer["parts"]}


def begin(practice):
    """Windows of 30, 3 and 40 ratings; the first two are 甲局's. In a hall of 甲局, too."""
    institutions = [
        {"kind": "institution", "id": one, "name": one, "up": "450702"} for one in ("ia", "ib")
    ]
    region = {"kind": "region", "id": "450702", "name": "钦南区", "tier": "county"}
    hall = {"kind": "hall", "id": "h", "name": "丙厅", "up": "450702", "institution": "ia"}
    windows = [window("h/w1", "ia"), window("h/w2", "ia"), window("h/w3", "ib")]
    practice.give(directory=[region, *institutions, hall, *windows])
    for name, levels in (("w1", [5] * 30), ("w2", [1] * 3), ("w3", [4] * 40)):
        practice.give(**served("h", name, "2026-09-08 09:00", len(levels), levels))
    practice.go("2026-10-20 09:00")


CORRECTIONS = {
    "the window to another": [window("h/w2", "ib")],
    "the large window to another": [window("h/w1", "ib")],
    "the window to another since a day": [
        window("h/w2", "ia", last_day="2026-09-20"),
        window("h/w2", "ib", first_day="2026-09-21"),
    ],
    "the window to nobody, in a hall of another": [
        {"kind": "window", "id": "h/w2", "name": "2"},
        {"kind": "hall", "id": "h", "name": "丙厅", "up": "450702", "institution": "ib"},
    ],
}


@pytest.mark.parametrize("name", CORRECTIONS)
def test_a_correction_of_the_directory_moves_no_frozen_window(practice, name):
    begin(practice)
    before = look(practice, "institution:ia")
    other = look(practice, "institution:ib")
    practice.give(directory=CORRECTIONS[name])
    assert look(practice, "institution:ia") == before
    assert look(practice, "institution:ib") == other
    assert other[0]["total"] == 40, "the control"


def test_the_control_whose_windows_are_as_of_now_tells_of_three(practice, monkeypatch):
    def of_today(connection, month, halls):
        cells, _, frozen_at_ms = held(connection, month, halls)
        return cells, {}, frozen_at_ms

    held = closed._held
    monkeypatch.setattr(closed, "_held", of_today)
    begin(practice)
    before = look(practice, "institution:ia")
    practice.give(directory=CORRECTIONS["the window to another"])
    after = look(practice, "institution:ia")
    gone = [before[0]["levels"][one] - after[0]["levels"][one] for one in LEVELS]
    assert gone == [0, 0, 0, 0, 3]


@pytest.fixture
def slow(tmp_path):
    """A centre with a profile that lets people rate for 60 days."""
    text = changed('n = 5, unit = "working_days"', 'n = 60, unit = "natural_days"')
    put(tmp_path / "profiles", "slow/2022-06-07.toml", text)
    made = Practice(tmp_path, load_rules("slow", tmp_path / "profiles"))
    yield made
    made.close()


def test_a_month_is_closed_when_the_longest_limit_is_over(slow):
    """28 September and 60 days: the 27th of November; of the 30th: the 29th."""
    region = {"kind": "region", "id": "450702", "name": "钦南区", "tier": "county"}
    hall = {"kind": "hall", "id": "h", "name": "慢厅", "up": "450702"}
    slow.give(directory=[region, hall, window("h/w1", None), window("h/w2", None)])
    slow.give(**served("h", "w1", "2026-09-28 09:00", 50, [5] * 25))
    slow.go("2026-10-20 09:00")
    look(slow, "hall:h", 403)
    slow.go("2026-11-29 23:59")
    look(slow, "hall:h", 403)
    slow.go("2026-11-30 00:00")
    assert look(slow, "hall:h")[0]["total"] == 25


def test_a_month_in_which_a_service_waits_is_not_closed(slow):
    """The rating of a device that nobody has approved yet; in the other hall none waits. Two years
    later nobody waits for it any more.
    """
    region = {"kind": "region", "id": "450702", "name": "钦南区", "tier": "county"}
    halls = [{"kind": "hall", "id": one, "name": one, "up": "450702"} for one in ("h", "g")]
    slow.give(directory=[region, *halls, window("h/w1", None), window("g/w2", None)])
    for hall, name in (("h", "w1"), ("g", "w2")):
        facts = served(hall, name, "2026-09-08 09:00", 25, [5] * 25)
        if hall == "h":
            facts["ratings"][0]["void"] = "pending_enrolment"
        slow.give(**facts)
    slow.go("2027-01-20 00:00")
    assert look(slow, "hall:g")[0]["total"] == 25
    look(slow, "hall:h", 403)
    slow.go("2028-11-01 00:00")
    assert look(slow, "hall:h", 403)["detail"].endswith("the newest is 2028-09")
    # What was frozen stays closed, whatever comes to wait in it.
    more = served("g", "w2", "2028-09-08 09:00", 25, [5] * 25)
    for one in (*more["services"], *more["ratings"]):
        one.update({key: f"{one[key]}-b" for key in ("service", "id") if key in one})
    slow.give(**more)
    slow.go("2028-12-20 00:00")
    query = {"from": "2028-09-01", "to": "2028-09-30"}
    frozen = slow.get("/v1/figures", "figures:read:hall:g", **query)
    assert frozen["whole"]["total"] == 25
    waits = served("g", "w2", "2028-09-09 09:00", 1, [5])
    waits["ratings"][0]["void"] = "pending_enrolment"
    for one in (*waits["services"], *waits["ratings"]):
        one.update({key: f"{one[key]}-c" for key in ("service", "id") if key in one})
    slow.give(**waits)
    assert slow.get("/v1/figures", "figures:read:hall:g", **query) == frozen


def test_halls_of_an_institution_are_those_where_it_ever_had_a_window(practice):
    begin(practice)
    with practice.database.read() as connection:
        assert sight.halls_ever(connection, "ib") == {"h"}
        assert sight.halls_ever(connection, "none") == set()
