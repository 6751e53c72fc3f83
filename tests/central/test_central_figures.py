"""Figures: against a plain recount, over days and places, quickly, and after a migration."""

import random
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from central_hall import NOW_MS, Clock, Hall, bearer, counting, decoded, document
from empty_file import central_in
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from sqlalchemy import event

from central.figures.report import ENOUGH, Figures
from central.ratings.period import ALL, Period, last_days
from central.ratings.versions import load_rules
from central.store import tallies
from central.store.judged import counters
from hosting.error import OperatorError

DAY_MS = 86_400_000
HALLS = ("demo", "other")


class Province:
    """A centre with two halls, of two windows and devices each, and random ratings."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.database = central_in(folder)
        self.halls = [
            Hall(folder, name, self.database, self.clock, profile="ezhou") for name in HALLS
        ]
        self.pens = []
        for hall in self.halls:
            hall.halls.add_window(hall.name, "w10", "10号窗口")
            for window in ("w1", "w10"):
                pen = hall.enrol(f"{hall.name}-{window}", window)
                self.pens.append((hall, pen))
        self.clock.ms += 40 * DAY_MS  # ratings of the weeks since the enrolment

    def rate(self, seed_number: int, count: int, undated: float = 0.1) -> None:
        """Ratings in any order and batches, some of one service, some sent again, some undated."""
        rng = random.Random(seed_number)
        sent = []
        for _ in range(count):
            hall, pen = rng.choice(self.pens)
            at = NOW_MS + rng.randrange(40 * DAY_MS) if rng.random() >= undated else None
            name = f"S{rng.randrange(count * 2)}"
            sent.append((hall, pen.rating(level=rng.randint(1, 5), at=at, service=name)))
        sent += rng.choices(sent, k=count // 4)
        rng.shuffle(sent)
        for start in range(0, len(sent), 7):
            for hall in self.halls:
                hall.post(*[one for its_hall, one in sent[start : start + 7] if its_hall is hall])

    def recount(self, first: str, last: str) -> Counter:
        """(hall, window, level) -> ratings, from the records alone."""
        counts = Counter()
        for row in counting(self.halls[0].records()):
            rating = decoded(row["envelope"])
            at_ms = row["rated_at_ms"]
            assert rating.at in (None, at_ms)
            day = (datetime.fromtimestamp(at_ms / 1000, UTC) + timedelta(hours=8)).date()
            if first <= day.isoformat() <= last:
                counts[row["hall"], row["window"], row["level"]] += 1
        return counts


@pytest.fixture(scope="module")
def province():
    with tempfile.TemporaryDirectory() as folder:
        made = Province(Path(folder))
        made.rate(1, 300)
        yield made
        made.database.close()


def levels_of(counts: Counter, hall: str | None, window: str | None) -> dict[int, int]:
    return {
        level: sum(
            count
            for (its_hall, its_window, its_level), count in counts.items()
            if its_level == level and hall in (None, its_hall) and window in (None, its_window)
        )
        for level in range(5, 0, -1)
    }


@pytest.mark.parametrize("seed_number", range(4))
def test_figures_are_what_a_plain_recount_gives(tmp_path, seed_number):
    province = Province(tmp_path)
    province.rate(seed_number, 120)
    reader = province.halls[0]
    for period in (ALL, last_days(1, province.clock.ms), last_days(30, province.clock.ms)):
        first, last = (str(day) for day in (period.first or "0", period.last or "9"))
        recounted = province.recount(first, last)
        for hall in (None, *HALLS):
            report = reader.report(period, hall, None)
            assert report.whole.counts == levels_of(recounted, hall, None)
            for part in report.parts:
                place = (part.id, None) if hall is None else (hall, part.id)
                assert part.figures.counts == levels_of(recounted, *place)
                if hall is not None:
                    assert reader.report(period, hall, part.id).whole == part.figures
    province.database.close()


@seed(4)
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 41), st.integers(0, 41))
def test_any_span_of_days_can_be_asked_for(province, some, other):
    start = datetime.fromtimestamp(NOW_MS / 1000, UTC).date()
    first, last = (start + timedelta(days=days) for days in sorted((some, other)))
    report = province.halls[0].report(Period(first, last), None, None)
    recounted = province.recount(first.isoformat(), last.isoformat())
    assert report.whole.counts == levels_of(recounted, None, None)


def test_the_profile_says_which_levels_are_good(province):
    report = province.halls[0].report(ALL, "demo", None)
    assert (report.policy.profile, set(report.policy.levels.good.value)) == ("ezhou-norm", {4, 5})
    assert report.whole.good == report.whole.counts[5] + report.whole.counts[4]
    assert report.whole.total == sum(report.whole.counts.values())
    with pytest.raises(OperatorError, match="there are ezhou-norm, ezhou-plan, fujian"):
        load_rules("../ezhou")


@pytest.mark.parametrize(
    ("good", "total", "per_mille"),
    [
        (0, 0, None),
        (ENOUGH - 1, ENOUGH - 1, None),
        (ENOUGH, ENOUGH, 1000),
        (9499, 10_000, 949),
        (95, 100, 950),
        (9999, 10_000, 999),
    ],
)
def test_a_rate_needs_enough_ratings_and_never_reaches_a_limit_early(good, total, per_mille):
    assert Figures({}, good, total).good_rate_per_mille == per_mille


def test_windows_stand_in_the_order_of_their_numbers(province, tmp_path):
    province.halls[0].halls.add_window("demo", "w9", "9号窗口")
    parts = province.halls[0].report(ALL, "demo", None).parts
    assert [part.id for part in parts] == ["w1", "w9", "w10"]


def test_the_api_gives_the_figures_of_the_pages(province):
    hall = province.halls[0]
    headers = reader_of(hall, "figures:read")
    query = {"hall": "demo", "from": "2025-10-09", "to": "2025-12-01"}
    answer = hall.client.get("/v1/figures", params=query, headers=headers).json()
    report = hall.report(ALL, "demo", None)
    assert {int(level): n for level, n in answer["whole"]["levels"].items()} == report.whole.counts
    assert answer["whole"]["good_rate_per_mille"] == report.whole.good_rate_per_mille
    assert [part["total"] for part in answer["parts"]] == [
        part.figures.total for part in report.parts
    ]
    assert (answer["good_levels"], answer["article"]) == (
        [5, 4],
        "第十四条 “非常满意”“满意”为“好评”等次",
    )
    whole = hall.client.get("/v1/figures", headers=headers).json()
    assert (whole["from"], whole["whole"]["total"]) == (
        None,
        hall.report(ALL, None, None).whole.total,
    )


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"hall": "nowhere"}, 404),
        ({"hall": "demo", "window": "w99"}, 404),
        ({"hall": "X"}, 422),
        ({"window": "w1"}, 422),
        ({"to": "2025-10-09"}, 422),
        ({"from": "yesterday"}, 422),
        ({"from": "2025-10-09", "to": "2025-10-08"}, 422),
        ({"from": "2024-10-09", "to": "2025-10-10"}, 422),
        ({"from": "2024-10-10", "to": "2025-10-10"}, 200),
    ],
)
def test_wrong_questions_are_told_what_is_wrong(province, query, status):
    hall = province.halls[0]
    headers = reader_of(hall, "figures:read")
    answer = hall.client.get("/v1/figures", params=query, headers=headers)
    assert answer.status_code == status
    if status == 422:
        assert answer.json()["field"] in (*query, "hall", "from")


def test_marks_are_counted_once_each_with_the_newest_record(hall, device):
    facts, name = document(ticket_no="B9")
    hall.post(device.rating(), device.rating(service="S-1", facts=name))
    hall.post(device.rating(prev="f" * 16), device.rating(service="xj-0417-S1"))
    twin = device.sign(b'{"v":1,"kind":"x","device":"xj-0417","epoch":%d,"seq":1}' % device.epoch)
    hall.clock.ms += 5
    for _ in range(2):
        hall.post(facts, twin, device.sign(b'{"device":"xj-0417","epoch":1,"seq":1}')[:-1] + "0")
    found = {one.mark: one for one in hall.findings("demo")}
    counts = {"broken_chain": 1, "facts_differ": 1, "conflict": 1}
    assert {name: one.count for name, one in found.items()} == {**counts, "bad_mac": 2}
    differ = found["facts_differ"]
    assert (differ.window_name, differ.device, differ.seq) == ("1号窗口", "xj-0417", 2)
    assert differ.first_at_ms == differ.last_at_ms == NOW_MS + 5
    headers = reader_of(hall, "figures:read")
    answer = hall.client.get("/v1/marks", params={"hall": "demo"}, headers=headers).json()
    assert Counter(one["mark"] for one in answer["marks"]) == Counter(found.keys())
    assert answer["others"] == 0
    other = hall.client.get("/v1/marks?hall=other", headers=headers).json()
    assert other.pop("now_ms") == other.pop("wall_ms") == NOW_MS + 5
    assert other == {"marks": [], "others": 0, "seldom_rated_at_ms": None}


def test_figures_never_read_the_whole_table(database):
    plans = []

    def explain(connection, _cursor, statement, parameters, _context, _many):
        raw = connection.connection.driver_connection
        plans.extend(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))

    with database.read() as connection:
        event.listen(connection, "before_cursor_execute", explain)
        spans = [20251009, 20251010]
        for hall in (None, "demo"):
            counters.counts(connection, "national", spans, "hall", hall)
            counters.counts(connection, "national", spans, "window", hall, hall and "w1")
            for window in {None, hall and "w1"}:
                tallies.newest_ratings(connection, hall, window, 10)
    reads = [plan for plan in plans if plan.startswith(("SCAN", "SEARCH"))]
    assert len(reads) == 4 + 3 * 5
    scans = [plan for plan in reads if plan.startswith("SCAN")]
    assert scans == ["SCAN record USING INDEX ix_record_rated_at_ms"] or not scans
    assert not any("ORDER BY" in plan for plan in plans)


def reader_of(hall: Hall, scope: str) -> dict[str, str]:
    token = hall.folder / f"{scope}.token"
    if not token.exists():
        hall.tokens.add(scope, token)
    return bearer(token)
