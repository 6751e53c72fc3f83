"""Months: figures read from them are those of their days, whatever moves a rating."""

import random
import tempfile
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from central_hall import Clock, Hall, counting, document
from empty_file import central_in
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from postgresql import Cluster

from central.audit.verify import audit
from central.ratings import judge, settling
from central.ratings.period import ALL, Period
from central.store.tallies import number_of
from protocol.batch import EnvelopeItem

DAY_MS = 86_400_000
FIRST = date(2024, 1, 20)  # the enrolment; days later it is the 29th of February
DAYS = 110
LAST = FIRST + timedelta(days=DAYS)
WEEK = timedelta(days=7)  # 鄂州 第十四条: then an unrated service is 基本满意
ENDS = [  # (first, last): ends of months, whole months, the leap day
    *((date(2024, 2, 1), date(2024, 2, day)) for day in (1, 28, 29)),
    *((date(2024, 2, 29), last) for last in (date(2024, 2, 29), date(2024, 3, 31))),
    *((date(2024, 1, 31), last) for last in (date(2024, 2, 1), date(2024, 3, 1), LAST)),
    *((date(2024, 1, day), date(2024, 4, 30)) for day in (1, 2)),
    (date(2024, 1, 1), date(2024, 12, 31)),
    (date(2023, 5, 10), LAST),
]


def start_of(day: date) -> int:
    return round((datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000) - (
        8 * 3_600_000
    )


def day_of(at_ms: int) -> date:
    return (datetime.fromtimestamp(at_ms / 1000, UTC) + timedelta(hours=8)).date()


class Months:
    """A centre with one hall of three devices, after some months in which all sorts of things
    happened to their ratings.
    """

    def __init__(self, folder: Path, seed_number: int) -> None:
        self.rng = random.Random(seed_number)
        self.clock = Clock()
        self.clock.ms = start_of(FIRST)
        self.database = central_in(folder)
        self.hall = Hall(folder, "demo", self.database, self.clock, profile="ezhou")
        self.hall.halls.add_window("demo", "w2", "2号窗口")
        self.pens = [self.hall.enrol(f"xj-000{n}", f"w{1 + n % 2}") for n in range(3)]
        self.clock.ms = start_of(LAST) + DAY_MS
        self.opened = []
        self._serve()
        self._rate()
        self._tell_late()
        self.hall.revoke("xj-0002", start_of(date(2024, 3, 10)), "丢失")

    def _some_time(self) -> int:
        return start_of(FIRST) + self.rng.randrange(DAY_MS, DAYS * DAY_MS)

    def _post(self, *envelopes: str) -> None:
        self.hall.post(*(EnvelopeItem(one, self.clock(), "w1", None, ()) for one in envelopes))
        if self.rng.random() < 0.3:  # so that later ones move what is counted already
            self.hall.judge.settle_all()

    def _serve(self) -> None:
        for number in range(60):
            opened = {"opened_at_ms": self._some_time(), "window": self.rng.choice(("w1", "w2"))}
            self.opened.append(opened["opened_at_ms"])
            self.hall.post(document(service=f"D{number}", **opened)[0])

    def _rate(self) -> None:
        """In any order; of many services there are two ratings, and the earlier displaces."""
        sent = [
            pen.rating(
                level=self.rng.randint(1, 5),
                at=self._some_time(),
                service=f"S{self.rng.randrange(60)}",
                boot=boot,
            )
            for boot in range(1, 50)
            for pen in self.pens
        ]
        self.rng.shuffle(sent)
        for start in range(0, len(sent), 9):
            self._post(*sent[start : start + 9])

    def _tell_late(self) -> None:
        """Ratings of a start whose time is told when they are stored already."""
        for number in range(60, 80):
            pen = self.pens[number % 2]
            early = {"at": None, "up_ms": 1000, "boot": number, "level": 2}
            self._post(pen.rating(**early, service=f"E{number}"))
            at = self._some_time()
            self._post(pen.rating(at=at, up_ms=61_000, boot=number, service=f"L{number}"))

    def check(self, periods: list[tuple[date, date]]) -> None:
        """Figures over periods are those of their days, and those of a plain recount."""
        rows = counting(self.hall.records())
        for first, last in periods:
            report = self.hall.report(Period(first, last), "demo", None)
            recounted = Counter(
                (row["window"], row["level"])
                for row in rows
                if first <= day_of(row["rated_at_ms"]) <= last
            )
            for part in report.parts:
                mine = {level: recounted[part.id, level] for level in range(1, 6)}
                assert part.figures.counts == mine, (first, last, part.id)
            assert report.whole.total == recounted.total(), (first, last)
            unrated = [day_of(at_ms) for at_ms in self.opened]
            over = [day for day in unrated if first <= day <= last and day + WEEK <= LAST]
            assert report.whole.defaults == len(over), (first, last)


def faults(months: Months) -> set[str]:
    """What `pingjia central verify` finds; no rating has its document here."""
    months.hall.judge.settle_all()
    with months.database.read() as connection:
        found = audit(connection, months.hall.keys.key, judge=months.hall.judge)
        return {one.name for one in found} - {"facts_missing"}


@pytest.fixture(scope="module")
def months():
    with tempfile.TemporaryDirectory() as folder:
        made = Months(Path(folder), 5)
        yield made
        made.database.close()


def test_all_sorts_of_things_happened(months):
    """Else the tests below prove nothing."""
    rows = months.hall.records()
    found = Counter(mark for row in rows for mark in row["marks"])
    assert len(rows) - len(counting(rows)) > 20
    assert found["signed_after_revocation"] > 5
    late = [row for row in rows if '"at":null' in row["envelope"] and row["rated_at_ms"]]
    assert len(late) == 20
    assert len({day_of(row["rated_at_ms"]).month for row in late}) > 2
    whole = months.hall.report(ALL, "demo", None).whole
    assert (whole.defaults + whole.waiting, whole.waiting > 0) == (60, True)


def test_figures_over_months_are_those_of_their_days(months):
    months.check(ENDS)


@seed(16)
@settings(max_examples=60, deadline=None)
@given(st.integers(-40, DAYS + 40), st.integers(-40, DAYS + 40))
def test_so_they_are_over_any_period(months, some, other):
    first, last = (FIRST + timedelta(days=days) for days in sorted((some, other)))
    months.check([(first, last)])


def test_verify_holds_months_against_the_envelopes(months):
    assert faults(months) == set()


LEFT_OUT = {
    "ratings": lambda row, sign: sign > 0 and row.state == "active",
    "what is taken back": lambda row, sign: sign < 0,
    "defaults": lambda row, sign: row.state == "default",
}


@contextmanager
def without_months_of(is_left_out, monkeypatch):
    """A judge that forgets months in one of its writes."""
    real_add, real_month = settling.add, settling.month_of

    def add(counts, row, sign):
        if not is_left_out(row, sign):
            return real_add(counts, row, sign)
        with monkeypatch.context() as during:
            during.setattr(settling, "month_of", lambda day: day)
            return real_add(counts, row, sign)

    with monkeypatch.context() as all_the_time:
        all_the_time.setattr(judge, "add", add)
        yield
    assert settling.month_of is real_month


@pytest.mark.parametrize("name", LEFT_OUT)
def test_a_centre_that_leaves_out_one_of_the_writes_is_found(name, tmp_path, monkeypatch):
    """The control."""
    with without_months_of(LEFT_OUT[name], monkeypatch):
        months = Months(tmp_path, 5)
        months.hall.judge.settle_all()
    with pytest.raises(AssertionError):
        months.check(ENDS)
    assert faults(months) == {"figure_differs"}
    months.database.close()


@seed(17)
@settings(max_examples=200, deadline=None)
@given(st.dates(date(1970, 1, 1)), st.integers(0, 800))
def test_the_spans_of_a_period_hold_each_of_its_days_once(first, length):
    last = date.fromordinal(min(first.toordinal() + length, date.max.toordinal()))
    spans = Period(first, last).spans()
    days = [number_of(date.fromordinal(n)) for n in range(first.toordinal(), last.toordinal() + 1)]
    months = {span for span in spans if span < 1_000_000}
    singles = {span for span in spans if span >= 1_000_000}
    assert sorted(singles | {day for day in days if day // 100 in months}) == days
    assert not {day // 100 for day in singles} & months
    assert len(spans) == len({*spans}) <= 60 + length // 28


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]
)
def url(request, tmp_path):
    """Of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/central.db"
    else:
        with Cluster() as cluster:
            yield cluster.url
