"""An attack on what a hall's and an institution's tokens see: everything they can ask for, over
pages and API, put together and subtracted, look after look, and knowing when each citizen left.
"""

import itertools
import random
import re
from datetime import date

import pytest
from central_hall import bearer, logged_in
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from central.figures import closed
from central.figures.closed import told_and_seen
from central.figures.report import ENOUGH
from central.store import directory
from central.store.directory import EVER, Entry
from hosting.clock import start_of

DAY_MS = 86_400_000
HTML = {"accept": "text/html"}
RATED = ("hall:demo", "hall:other", "institution:ia", "institution:ib")
SPANS = (
    {},
    {"from": "2025-10-01", "to": "2025-10-31"},
    {"from": "2025-10-01", "to": "2025-10-20"},
    {"from": "2025-10-20", "to": "2025-10-20"},
    {"from": "2025-10-21", "to": "2025-10-31"},
    {"from": "2025-11-01", "to": "2025-11-30"},
    {"from": "2025-10-01", "to": "2025-10-31", "hall": "demo"},
    {"from": "2025-10-01", "to": "2025-10-31", "hall": "demo", "window": "w3"},
    {"from": "2025-10-01", "to": "2025-10-31", "hall": "demo", "dim": "staff", "id": "0231"},
)
PATHS = ("/", "/?period=2025-10", "/?period=2025-11", "/halls/demo", "/halls/demo?period=2025-10")
PATHS += ("/tables/rates/window?in=demo", "/tables/reasons/staff", "/units/window/demo/w3")
PATHS += ("/halls/demo/windows/w3", "/live", "/marks", "/tables/rates/hall/file.csv")
BARS = re.compile(r'class="count">([\d,]+)<')


@pytest.fixture
def places(hall, other_hall, device):
    """Two halls: w1 and w2 of one institution, w3 of a guest; the second hall of the first."""
    for window in ("w2", "w3"):
        hall.halls.add_window("demo", window, f"{window[1]}号窗口")
    entries = [
        Entry("institution", "ia", EVER, name="甲局"),
        Entry("institution", "ib", EVER, name="乙局"),
        Entry("hall", "demo", EVER, name="一厅", institution="ia"),
        Entry("hall", "other", EVER, name="二厅", institution="ia"),
        *(Entry("window", f"demo/w{n}", EVER, name=f"{n}号", up="demo") for n in (1, 2)),
        Entry("window", "demo/w3", EVER, name="3号", up="demo", institution="ib"),
        Entry("window", "other/w1", EVER, name="1号", up="other"),
    ]
    with hall.database.write() as connection:
        directory.save(connection, entries, hall.clock())
    hall.settle_directory()
    hall.pens = {
        ("demo", "w1"): device,
        ("demo", "w2"): hall.enrol("xj-0002", "w2"),
        ("demo", "w3"): hall.enrol("xj-0003", "w3"),
        ("other", "w1"): other_hall.enrol("xj-0004", "w1"),
    }
    hall.other = other_hall
    return hall


def rate(centre, cell, levels, on=date(2025, 10, 20)):
    at, pen = start_of(on) + DAY_MS // 2, centre.pens[cell]
    by = centre if cell[0] == "demo" else centre.other
    by.post(*[pen.rating(level=one, at=at) for one in levels])


def token(centre, scope):
    file = centre.folder / f"{scope.replace(':', '-')}.scope"
    if not file.exists():
        centre.tokens.add(scope, file)
    return file


def look(centre, places=RATED):
    """Every vector of counts by level that these can see now."""
    found = set()
    for place in places:
        headers = bearer(token(centre, f"figures:read{place and ':'}{place}"))
        for query in SPANS:
            answer = centre.client.get("/v1/figures", params=query, headers=headers)
            assert answer.status_code in (200, 403), answer.text
            if answer.status_code == 200:
                body = answer.json()
                for one in (body["whole"], *body["parts"]):
                    if one["levels"] is not None:
                        found.add(tuple(one["levels"].values()))
        for path in ("/v1/tables/rates/window", "/v1/tables/reasons/staff", "/v1/marks"):
            answer = centre.client.get(path, headers=headers)
            assert (answer.status_code == 200) == (not place), (place, path)
        secret = token(centre, f"pages:read{place and ':'}{place}").read_text().strip()
        centre.client.cookies.clear()
        centre.client.cookies.update(logged_in(centre.site, secret))
        for path in PATHS if place else ():
            answer = centre.client.get(path, headers=HTML, follow_redirects=False)
            assert answer.status_code in (200, 303, 404), (path, answer.text)
            bars = [int(one.replace(",", "")) for one in BARS.findall(answer.text)]
            if answer.status_code == 200 and len(bars) == 5:
                found.add(tuple(bars))
    return found


def isolated(vectors):
    """What one set of ratings has beyond another, or beyond two others together, of fewer than
    ENOUGH: as levels.
    """
    pairs = {
        tuple(map(sum, zip(a, b, strict=True))) for a, b in itertools.product(vectors, vectors)
    }
    found = set()
    for a in vectors | pairs:
        for b in vectors | pairs:
            rest = tuple(x - y for x, y in zip(a, b, strict=True))
            if min(rest) >= 0 and 0 < sum(rest) < ENOUGH:
                found.add(rest)
    return found


def story(centre, places):
    """Looks of a closed month: before, and after each of single ratings that come late."""
    rate(centre, ("demo", "w1"), [5] * 41 + [2])
    rate(centre, ("demo", "w2"), [4] * 27 + [3])
    rate(centre, ("demo", "w3"), [1])  # one citizen, whom the clerk saw leave
    rate(centre, ("other", "w1"), [5] * 30 + [3] * 20)
    centre.clock.ms += 40 * DAY_MS
    seen = look(centre, places)
    for cell, level in ((("demo", "w1"), 1), (("other", "w1"), 2), (("demo", "w3"), 1)):
        rate(centre, cell, [level], on=date(2025, 10, 21))
        seen |= look(centre, places)
    return seen


@pytest.mark.parametrize(
    "database",
    ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))],
    indirect=True,
)
def test_no_rating_is_isolated_by_all_that_halls_and_institutions_see(places):
    seen = story(places, RATED)
    assert seen, "they see something"
    assert isolated(seen) == set()


@pytest.mark.parametrize("rule", ["owners", "few", "frozen", "coarse"])
def test_the_control_without_one_of_the_rules_a_single_level_is_isolated(
    places, monkeypatch, rule
):
    """owners: sums of institutions are not seen together with halls'; few: cells below 20 are
    seen; frozen: each look is of now; coarse: they see what the province sees.
    """
    if rule == "owners":
        whole = closed.told_and_seen
        monkeypatch.setattr(
            closed, "told_and_seen", lambda totals, _: (set(totals), whole(totals, {})[1])
        )
    if rule == "few":
        monkeypatch.setitem(globals(), "PATHS", ())  # pages say no share of so few
        everything = lambda totals, _=None: (set(totals), set(totals))  # noqa: E731
        monkeypatch.setattr(closed, "told_and_seen", everything)
    if rule == "frozen":
        monkeypatch.setattr(closed, "to_freeze", lambda _, live: live)
    seen = story(places, ("",) if rule == "coarse" else RATED)
    assert any(sum(one) == 1 for one in isolated(seen))


CELLS = [("h", f"w{n}") for n in range(5)]


@seed(21)
@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(0, 45), min_size=5, max_size=5),
    st.lists(st.sampled_from(["", "a", "b"]), min_size=5, max_size=5),
)
def test_hidden_parts_of_a_hall_are_nothing_or_at_least_twenty(counts, owners):
    totals = dict(zip(CELLS, counts, strict=True))
    owned = {cell: owner for cell, owner in zip(CELLS, owners, strict=True) if owner}
    told, seen = told_and_seen(totals, owned)
    assert seen <= told
    assert all(totals[cell] >= ENOUGH for cell in seen)
    untold = sum(count for cell, count in totals.items() if cell not in told)
    assert not told or untold == 0 or untold >= ENOUGH
    for owner in {"", *owned.values()}:
        own = [cell for cell in told if owned.get(cell, "") == owner]
        hidden = sum(totals[cell] for cell in own if cell not in seen)
        has_seen = any(cell in seen for cell in own)
        assert not has_seen or hidden == 0 or hidden >= ENOUGH
        assert not own or sum(totals[cell] for cell in own) >= ENOUGH


def test_the_attack_finds_what_it_looks_for():
    rng = random.Random(21)
    many = tuple(rng.randrange(20, 50) for _ in range(5))
    less = (many[0] - 1, *many[1:])
    assert (1, 0, 0, 0, 0) in isolated({many, less})
