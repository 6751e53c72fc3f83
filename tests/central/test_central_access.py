"""Who may see what: every route of the centre walked with every kind of scope, by the table of
docs/scopes.md; what a place's token sees; and what those who are rated cannot work out.
"""

import random
from datetime import date

import pytest
from central_hall import bearer, document, logged_in
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from scope_tables import EVERYBODYS, routes_of, table
from signed_in import COOKIE, signed_in
from test_central_pages import HTML

from central.figures.closed import to_freeze, visible
from central.figures.report import ENOUGH
from central.people import roles
from central.people.tokens import REHEARSAL, SCOPES
from central.store import directory
from central.store.cases import cases
from central.store.cases.cases import CaseRow
from central.store.directory import EVER, Entry
from hosting.clock import start_of
from protocol.batch import Matter

DAY_MS = 86_400_000
COLUMNS, ROUTES = table("The centre")
ROLE_COLUMNS, ROLE_ROUTES = table("Accounts")
OTHERS_KEY = "national.0.other.hall.*.per_visit.waiting"
# What stands in a route for its own place, and for another one.
OWN, OTHER = {"hall": "demo", "window": "w1"}, {"hall": "other", "window": "w1"}
COMMON = {"kind": "window", "what": "demo/w1", "device": "xj-0417", "epoch": "1"}
COMMON |= {"table": "rates", "dim": "window", "form": "csv"}
COMMON |= {"profile": "xinjiang-fire", "region": "6501"}
COMMON |= {"service": "S-1", "no": "p", "key": "national.0.demo.hall.*.per_visit.waiting"}
SENT = {
    "POST /v1/halls/{hall}/devices": {"device": "xj-0999", "window": "w1"},
    "POST /v1/halls/{hall}/rescued": {"envelopes": []},
    "PUT /v1/directory/{kind}": {"rows": [], "dry_run": True},
    "POST /v1/batches": {"items": []},
    "POST /v1/services": {"hall": "demo", "service": "WEB-1", "channel": "web"},
    "POST /v1/cases": {"kind": "complaint", "hall": "demo", "text": "态度生硬"},
    "POST /v1/cases/samples": {"first": "2020-01-01", "last": "2020-01-31", "percent": 5},
    "POST /v1/cases/{no}/steps": {"what": "contacted"},
    "POST /v1/services/{service}/progress": {
        "hall": "demo",
        "progress": [{"what": "closed", "at": "2025-10-09 08:00"}],
    },
}


@pytest.fixture
def province(hall, other_hall, device):
    """Two halls in two regions, of two institutions; a device in the first."""
    entries = [
        Entry("region", "65", EVER, name="自治区", tier="region"),
        Entry("region", "6501", EVER, name="一市", up="65", tier="prefecture"),
        Entry("region", "650102", EVER, name="一区", up="6501", tier="county"),
        Entry("region", "6502", EVER, name="二市", up="65", tier="prefecture"),
        Entry("institution", "ia", EVER, name="甲局", up="6501"),
        Entry("hall", "demo", EVER, name="一厅", up="650102", institution="ia"),
        Entry("hall", "other", EVER, name="二厅", up="6502"),
        Entry("matter", "m1", EVER, name="事项"),
    ]
    with hall.database.write() as connection:
        directory.save(connection, entries, hall.clock())
    hall.settle_directory()
    hall.device = device
    row = dict.fromkeys(CaseRow._fields) | {"no": "p", "kind": "complaint", "policies": "[]"}
    row |= {"hall": "demo", "region": "650102", "institution": "ia", "institution_now": "ia"}
    row |= dict.fromkeys(("received_ms", "day", "opened_ms", "steps", "shown_ms", "tier"), 0)
    row |= {"has_contact": False, "is_open": True, "is_over": False, "state": "handling"}
    with hall.database.write() as connection:
        cases.add(connection, [CaseRow(**row)])
    for place in (hall, other_hall):
        place.post(document(hall=place.name, matters=(Matter("p", 1, "m1", "事项"),))[0])
    return hall


def scope_of(column: str) -> str:
    return {
        "pages:read:region": "pages:read:region:6501",
        "figures:read:region": "figures:read:region:6501",
        "pages:read:institution": "pages:read:institution:ia",
        "figures:read:institution": "figures:read:institution:ia",
        "pages:read:hall": "pages:read:hall:demo",
        "figures:read:hall": "figures:read:hall:demo",
        "hall:<hall>": "hall:demo",
        "enrol:<hall>": "enrol:demo",
        "services:read:<division>": "services:read:6501",
        "services:write:<place>": "services:write:demo",
        "cases:region": "cases:region:6501",
        "cases:institution": "cases:institution:ia",
    }.get(column, column)


def token_of(hall, scope: str):
    file = hall.folder / f"{scope.replace(':', '-')}.scope"
    if not file.exists():
        hall.tokens.add(scope, file)
    return file


def is_open(hall, scope: str, route: str, place: dict[str, str]) -> bool:
    """Whether a route answers what it is for; a live part is not waited for."""
    token = token_of(hall, scope)
    path, method = path_of(hall, route, place), route.split(" ")[0]
    if path.startswith("/v1/"):
        answer = hall.client.request(
            method, path, json=SENT.get(route), headers={**bearer(token), "accept": "*/*"}
        )
        assert answer.status_code not in (401, 405, 422, 500), (route, scope, answer.text)
        return answer.status_code < 300
    return is_page_open(hall, logged_in(hall.site, token.read_text().strip()), route, path)


def path_of(hall, route: str, place: dict[str, str]) -> str:
    """The address of a route, in this place."""
    path = route.split(" ")[1]
    for name, value in {**COMMON, **place}.items():
        path = path.replace(f"{{{name}}}", value)
    path = path.replace("/cases/rates", "/cases/rates?from=2026-09-01&to=2026-09-30")
    return path.replace("/epochs/1", f"/epochs/{hall.device.epoch}")


def is_page_open(hall, cookie: dict[str, str], route: str, path: str) -> bool:
    """Whether a browser with this cookie is answered, and neither asked who it is nor led to the
    change of its password.
    """
    hall.client.cookies.clear()
    hall.client.cookies.update(cookie)
    if route.startswith("POST"):
        answer = hall.client.post(path, data={}, headers=HTML, follow_redirects=False)
        # A form that is empty is refused, but not for want of a token.
        return answer.status_code != 403 and not _leads_away(answer, path)
    if path.endswith("/live"):
        hall.site.close()  # its stream ends at once
    answer = hall.client.get(path, headers=HTML, follow_redirects=False)
    if answer.status_code == 303:
        return not _leads_away(answer, path)
    assert answer.status_code in (200, 403, 404), (route, answer.text)
    return answer.status_code == 200


def _leads_away(answer, path: str) -> bool:
    place = answer.headers.get("location", "")
    return place.startswith("/login") or (place == "/account" and path != place)


def test_the_tables_have_every_scope_and_every_route(hall):
    kinds = [one.removesuffix(":<id>") for one in SCOPES if one != REHEARSAL]
    assert sorted(COLUMNS) == sorted(kinds)
    known = {one for one, verb in roles.ROUTES.items() if verb and verb != "rehearse"}
    assert routes_of(hall.client, hall.site) == known
    free = {one.split(" ")[1] for one, verb in roles.ROUTES.items() if not verb}
    assert free == EVERYBODYS | {"/openapi.json"}
    columns = {*COLUMNS, *ROLE_COLUMNS, REHEARSAL}
    assert {who for row in roles.VERBS.values() for who in row} <= columns
    assert {verb for verb in roles.ROUTES.values() if verb} <= set(roles.VERBS)


@pytest.mark.parametrize(
    ("columns", "table"), [(COLUMNS, ROUTES), (ROLE_COLUMNS, ROLE_ROUTES)], ids=["tokens", "roles"]
)
def test_the_docs_say_what_the_table_says(columns, table):
    told = {}
    for route, verb in roles.ROUTES.items():
        row = roles.VERBS.get(verb, {})
        if any(row.get(one) for one in columns):
            told[route] = {one: row.get(one, "") for one in columns}
    assert table == told


@pytest.mark.parametrize("role", [*ROLE_COLUMNS])
def test_every_route_with_every_role(province, role):
    """A role of one place, by its own and by another one's; and no account opens the API."""
    scope = {"officer": "ia", "entry": "demo", "admin": "all"}.get(role, "6501")
    if role == "first":
        first = province.accounts.add("first", "王芳", "supervisor", "6501")
        cookie = {COOKIE: province.sessions.sign_in("first", first, "10.0.0.1")[0]}
    else:
        cookie = signed_in(province, role, scope)
    wrong = {}
    for route, verb in roles.ROUTES.items():
        if not verb or "/v1/rehearsal/" in route:
            continue
        if "/v1/" in route:
            province.client.cookies.clear()
            province.client.cookies.update(cookie)
            path = path_of(province, route, OWN)
            answer = province.client.request(route.split(" ")[0], path, json=SENT.get(route))
            assert answer.status_code == 401, route
            continue
        word = roles.VERBS[verb].get(role, "")
        in_own = is_page_open(province, cookie, route, path_of(province, route, OWN))
        has_place = "{hall}" in route or "{what}" in route or "{key}" in route
        there = {**OTHER, "what": "other/w1", "key": OTHERS_KEY}
        path = path_of(province, route, there)
        in_other = is_page_open(province, cookie, route, path) if has_place else in_own
        whole = {"yes": (True, True), "": (False, False)}
        wanted = whole.get(word, (True, not has_place))
        if (in_own, in_other) != wanted:
            wrong[route] = (word, in_own, in_other)
    assert wrong == {}


def test_a_route_that_asks_no_table_is_found(hall):
    """The control: a route that nobody has put into the table."""

    @hall.site.router.get("/forgotten")
    async def forgotten() -> None: ...

    known = {one for one, verb in roles.ROUTES.items() if verb and verb != "rehearse"}
    assert routes_of(hall.client, hall.site) - known == {"GET /forgotten"}


def test_a_region_answers_the_marks_of_its_own_halls_only(province):
    province.post(province.device.rating(), province.device.rating(prev="f" * 16))
    form = {"mark": "broken_chain", "hall": "demo", "window": "w1", "what": "seen"}
    form["until"] = str(province.clock())
    for region, status in (("6502", 404), ("6501", 303)):
        token = token_of(province, f"pages:read:region:{region}").read_text().strip()
        province.client.cookies.clear()
        province.client.cookies.update(logged_in(province.site, token))
        answer = province.client.post("/marks", data=form, headers=HTML, follow_redirects=False)
        assert answer.status_code == status, answer.text


@pytest.mark.parametrize("column", COLUMNS)
def test_every_route_with_every_scope(province, column):
    """yes: also in another place; place, own: there only; month: tried further below."""
    scope, wrong = scope_of(column), {}
    for route, words in ROUTES.items():
        word = words[column]
        in_own = is_open(province, scope, route, OWN)
        has_place = "{hall}" in route or "{what}" in route
        there = {**OTHER, "what": "other/w1"}
        in_other = is_open(province, scope, route, there) if has_place else in_own
        wanted = {
            "yes": (True, True),
            "": (False, False),
        }.get(word, (True, not has_place))
        if (in_own, in_other) != wanted:
            wrong[route] = (word, in_own, in_other)
    assert wrong == {}


@pytest.mark.parametrize("path", ["/", "/marks", "/directory/window"])
def test_a_region_sees_its_halls_and_no_others(province, path):
    page = seen(province, "pages:read:region:6501", path)
    assert "二厅" not in page
    assert "other" not in page
    whole = seen(province, "pages:read", path)
    assert path == "/marks" or "二厅" in whole or "other" in whole, "the control"


def seen(hall, scope: str, path: str) -> str:
    hall.client.cookies.clear()
    hall.client.cookies.update(logged_in(hall.site, token_of(hall, scope).read_text().strip()))
    answer = hall.client.get(path, headers=HTML)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_region_has_the_sum_of_its_halls(province, other_hall):
    elsewhere = other_hall.enrol("xj-0500")
    province.clock.ms += 60_000
    province.post(*[province.device.rating() for _ in range(3)])
    other_hall.post(*[elsewhere.rating() for _ in range(5)])
    totals = {}
    for scope in ("figures:read", "figures:read:region:65", "figures:read:region:6501"):
        answer = province.client.get("/v1/figures", headers=bearer(token_of(province, scope)))
        totals[scope] = answer.json()["whole"]["total"], len(answer.json()["parts"])
    assert [*totals.values()] == [(8, 2), (8, 2), (3, 1)]
    headers = bearer(token_of(province, "figures:read:region:6501"))
    asked = province.client.get("/v1/figures?hall=other", headers=headers)
    assert (asked.status_code, "region of this token" in asked.text) == (403, True)
    marks = province.client.get("/v1/marks", headers=headers).json()["marks"]
    assert {one["hall"] for one in marks} <= {"demo"}


def rate(hall, pens, at_day: date, levels):
    """Ratings of a day at midday, taken in now."""
    at = start_of(at_day) + DAY_MS // 2
    hall.post(*[pen.rating(level=one, at=at) for pen, one in zip(pens, levels, strict=True)])


def coarse(centre, place="hall:demo", **query):
    headers = bearer(token_of(centre, f"figures:read:{place}"))
    return centre.client.get("/v1/figures", params=query, headers=headers)


OCTOBER = {"from": "2025-10-01", "to": "2025-10-31"}


def test_a_hall_sees_a_month_when_it_is_closed_and_then_frozen(province):
    """October 2025, closed from 16 November on; ratings that come late do not show one by one."""
    pen = province.device
    rate(province, [pen] * 25, date(2025, 10, 20), [5] * 24 + [1])
    province.clock.ms += 37 * DAY_MS  # 15 November
    assert coarse(province, **OCTOBER).status_code == 403, "the control: one day too early"
    province.clock.ms += DAY_MS
    first = coarse(province, **OCTOBER).json()
    assert first["whole"]["levels"] == {"5": 24, "4": 0, "3": 0, "2": 0, "1": 1}
    for late in range(1, ENOUGH):
        rate(province, [pen], date(2025, 10, 21), [2])
        assert coarse(province, **OCTOBER).json() == first, late
        assert whole_of(province, **OCTOBER)["levels"]["2"] == late, "the control"
    rate(province, [pen], date(2025, 10, 21), [2])
    renewed = coarse(province, **OCTOBER).json()
    assert renewed["whole"]["levels"]["2"] == ENOUGH
    assert renewed["parts"][0]["levels"] == renewed["whole"]["levels"]


def whole_of(centre, **query):
    """What the province sees of the hall."""
    headers = bearer(token_of(centre, "figures:read"))
    query = {"hall": "demo", **query}
    return centre.client.get("/v1/figures", params=query, headers=headers).json()["whole"]


SPANS = (
    {"from": "2025-10-20", "to": "2025-10-20"},
    {"from": "2025-10-01", "to": "2025-10-30"},
    {"from": "2025-10-02", "to": "2025-10-31"},
    {"from": "2025-09-01", "to": "2025-10-31"},
    {"from": "2025-11-01", "to": "2025-11-30"},
    {"from": "2025-10-01"},
    {"to": "2025-10-31"},
    {**OCTOBER, "window": "w1", "hall": "demo"},
    {**OCTOBER, "hall": "other"},
)


def test_a_hall_sees_no_other_span_and_no_other_place(province):
    province.clock.ms += 40 * DAY_MS
    found = {str(query): coarse(province, **query).status_code for query in SPANS}
    assert set(found.values()) == {403}, found
    assert coarse(province, **OCTOBER).status_code == 200, "the control"
    assert coarse(province, **OCTOBER, hall="demo").status_code == 200
    assert coarse(province).json()["from"] == "2025-10-01"


def test_below_twenty_a_hall_sees_nothing_not_even_how_many(province):
    rate(province, [province.device] * 19, date(2025, 10, 20), [5] * 19)
    province.clock.ms += 40 * DAY_MS
    answer = coarse(province, **OCTOBER).json()
    hidden = {"levels": None, "good": None, "total": None, "good_rate_per_mille": None}
    hidden |= dict.fromkeys(("defaults", "unrated", "waiting", "excluded"))
    assert answer["whole"] == {"id": "demo", "name": "一厅", **hidden}
    assert answer["parts"] == [{"id": "w1", "name": "1号窗口", **hidden}]
    page = seen(province, "pages:read:hall:demo", "/?period=2025-10")
    assert "不足 20 条，不显示" in page
    assert ">19<" not in page


def test_no_window_can_be_worked_out_from_the_others(province):
    """Three windows, of which one has few: its neighbour with the fewest is hidden with it."""
    pens = {"w1": province.device}
    for window, device in (("w2", "xj-0002"), ("w3", "xj-0003")):
        province.halls.add_window("demo", window, f"{window[1]}号窗口")
        pens[window] = province.enrol(device, window)
    for window, count in (("w1", 40), ("w2", 30), ("w3", 5)):
        rate(province, [pens[window]] * count, date(2025, 10, 20), [5] * count)
    province.clock.ms += 40 * DAY_MS
    answer = coarse(province, **OCTOBER).json()
    totals = {part["id"]: part["total"] for part in answer["parts"]}
    assert totals == {"w1": 40, "w2": None, "w3": None}
    assert answer["whole"]["total"] == 75
    # The institution of the hall has all its windows; another one has none.
    of_institution = coarse(province, "institution:ia", **OCTOBER).json()
    assert of_institution["whole"]["total"] == 75
    parts = {part["id"]: part["total"] for part in of_institution["parts"]}
    assert parts == {f"demo/{window}": total for window, total in totals.items()}


def test_a_window_that_changed_hands_within_the_month_is_in_nobodys(province):
    rate(province, [province.device] * 25, date(2025, 10, 20), [5] * 25)
    entries = [
        Entry("institution", "ib", EVER, name="乙局"),
        Entry("window", "demo/w1", 20251015, name="1号窗口", up="demo", institution="ib"),
        Entry("window", "demo/w1", 20251101, name="1号窗口", up="demo", institution="ia"),
    ]
    with province.database.write() as connection:
        directory.save(connection, entries, province.clock())
    province.clock.ms += 40 * DAY_MS
    for institution in ("ia", "ib"):
        assert coarse(province, f"institution:{institution}", **OCTOBER).json()["parts"] == []
    assert coarse(province, **OCTOBER).json()["whole"]["total"] == 25, "the control"


def test_pages_of_a_hall_show_no_time_no_rating_and_no_link_to_more(province):
    rate(province, [province.device] * 30, date(2025, 10, 20), [5] * 30)
    province.clock.ms += 40 * DAY_MS
    for scope in ("pages:read:hall:demo", "pages:read:institution:ia"):
        page = seen(province, scope, "/")
        assert "100.0%" in page
        for word in ("最新评价", "/marks", "/devices", "period=today", "data-live", "xj-0417"):
            assert word not in page, word
    province.clock.ms += 1
    assert "最新评价" in seen(province, "pages:read", "/"), "the control"


CELLS = st.dictionaries(
    st.sampled_from([("h", w) for w in ("", "a", "b", "c")]),
    st.tuples(*[st.integers(0, 30)] * 5, st.just(0)),
    min_size=1,
)


@seed(19)
@settings(max_examples=120, deadline=None)
@given(st.lists(CELLS, min_size=1, max_size=6))
def test_whatever_arrives_no_look_differs_from_the_last_by_fewer_than_twenty(looks):
    """Of a cell, and of all that is not seen together; and a cell is never small."""
    held, before = {}, None
    for live in looks:
        held = {**held, **to_freeze(held, live)}
        totals = {cell: sum(levels) for cell, levels in held.items()}
        is_whole, shown = visible(totals)
        assert all(totals[cell] >= ENOUGH for cell in shown)
        hidden = sum(totals.values()) - sum(totals[cell] for cell in shown)
        assert not (is_whole and shown) or hidden == 0 or hidden >= ENOUGH
        if before is not None:
            for cell in held:
                one, other = before.get(cell, (0,) * 6), held[cell]
                moved = [a - b for a, b in zip(other, one, strict=True)]
                most = max(sum(m for m in moved if m > 0), -sum(m for m in moved if m < 0))
                assert most == 0 or most >= ENOUGH
        before = dict(held)


@pytest.mark.parametrize("days", [1, 30])
def test_a_token_whose_days_are_over_is_refused_everywhere(province, days):
    """With the sentence that says since when; the control is the same token an instant before."""
    rng = random.Random(19)
    for column in COLUMNS:
        scope = scope_of(column)
        file = province.folder / f"{days}-{scope.replace(':', '-')}.ends"
        province.tokens.add(scope, file, days=days, name="短期")
        open_routes = [route for route, words in ROUTES.items() if words[column]]
        open_routes = [one for one in open_routes if "POST" not in one and "live" not in one]
        route = rng.choice(open_routes or ["POST /v1/services"])
        answers, cookie = [], logged_in(province.site, file.read_text().strip())
        for _ in range(2):
            method, path = route.split(" ")
            for name, value in {**COMMON, **OWN}.items():
                path = path.replace(f"{{{name}}}", value)
            path = path.replace("/epochs/1", f"/epochs/{province.device.epoch}")
            province.client.cookies.clear()
            if not path.startswith("/v1/"):
                province.client.cookies.update(cookie)
            headers = bearer(file) if path.startswith("/v1/") else HTML
            body = SENT.get(route) if method != "GET" else None
            answers.append(
                province.client.request(
                    method, path, json=body, headers=headers, follow_redirects=False
                )
            )
            province.clock.ms += days * DAY_MS
        good, ended = answers
        assert good.status_code < 300 or not good.headers["location"].startswith("/login")
        if ended.status_code == 401:
            assert "this token was good until 20" in ended.json()["detail"]
            assert "ask the centre's operator" in ended.json()["detail"]
        else:
            assert ended.status_code == 303
            assert "ended=1" in ended.headers["location"]
            page = province.client.get(ended.headers["location"], headers=HTML).text
            assert "此令牌已到期" in page
        province.clock.ms -= 2 * days * DAY_MS
