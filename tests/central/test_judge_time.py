"""What time alone does, and when: legal instants, reminders, a clock in doubt."""

from datetime import datetime

import pytest
from central_hall import Hall, document
from empty_file import central_in
from rules_parts import at

from central.custody.marks import CENTRE_CLOCK
from central.ratings.judge import Judge
from central.ratings.recount import differences
from central.ratings.versions import begin, load_rules
from central.steady import PlainClock
from central.store.judged import facts, standings, waiting
from central.store.tallies import day_of
from hosting.clock import CHINA
from protocol.batch import Progress, ProgressItem

HOUR, DAY = 3_600_000, 86_400_000
CLOSED = at("2026-09-01 10:00")  # a Tuesday
MIDNIGHT = {"qinnan": at("2026-09-09 00:00"), "fujian": at("2026-09-09 00:00")}


class Court:
    """A hall under two profiles, and the judge of its services."""

    def __init__(self, folder, database, clock, time=None, profiles="qinnan fujian") -> None:
        clock.ms = at("2026-08-31 09:00")
        self.clock = clock
        self.hall = Hall(folder, "demo", database, clock, time)
        self.hall.is_judged = False
        self.database = database
        self.begin(time or PlainClock(clock))
        with database.write() as connection:
            query = "UPDATE directory SET profiles = ? WHERE kind = 'hall'"
            mark = query if connection.dialect.name == "sqlite" else query.replace("?", "%s")
            connection.exec_driver_sql(mark, (profiles,))
            standings.note_directory(connection)
        self.pen = self.hall.enrol("xj-0417")

    def begin(self, time) -> None:
        """The centre starts again."""
        self.judge = Judge(self.database, load_rules("national"), time)

    def serve(self, service: str, closed_ms: int = CLOSED) -> str:
        """A visit that was opened ten minutes before it was closed and finished."""
        item, name = document(service=service, opened_at_ms=closed_ms - 600_000)
        words = [Progress("demo", service, what, closed_ms, None, ()) for what in DONE]
        self.hall.post(item, *map(ProgressItem, words))
        return name

    def rate(self, service: str, name: str, rated_ms: int, level: int = 5) -> str:
        """The envelope of a rating."""
        up_ms = rated_ms - at("2026-08-31 09:00")
        return self.pen.rating(
            service=service, facts=name, at=rated_ms, up_ms=up_ms, level=level, ticket_no="A1"
        )

    def judged(self, service: str, profile: str) -> list[tuple]:
        with self.database.read() as connection:
            rows = standings.judged(connection, 0, 1000)
        return [
            (row.what, row.at_ms, row.noted_ms, row.level)
            for row in rows
            if (row.service, row.profile) == (service, profile)
        ]

    def states(self) -> dict[tuple[str, str], str]:
        with self.database.read() as connection:
            query = "SELECT profile, service, state FROM standing"
            return {row[:2]: row[2] for row in connection.exec_driver_sql(query)}

    def faults(self) -> list:
        with self.database.read() as connection:
            return list(differences(connection, self.judge))


DONE = ("closed", "finished")


@pytest.fixture
def court(tmp_path, database, clock):
    return Court(tmp_path, database, clock)


@pytest.mark.rule("R28")
@pytest.mark.rule("R29")
@pytest.mark.parametrize("late_ms", [0, 1, 3 * HOUR, 40 * DAY])
def test_a_default_is_true_from_midnight_whoever_runs_late(court, late_ms):
    court.clock.ms = CLOSED
    court.serve("01S")
    court.judge.settle_all()
    court.clock.ms = MIDNIGHT["qinnan"] - 1
    court.judge.settle_all()
    assert set(court.states().values()) == {"waiting"}
    now_ms = court.clock.ms = MIDNIGHT["qinnan"] + late_ms
    court.judge.settle_all()
    unrated, default = (court.judged("01S", one)[-1] for one in ("qinnan", "fujian"))
    assert unrated == ("unrated", MIDNIGHT["qinnan"], now_ms, None)
    assert default == ("default", MIDNIGHT["fujian"], now_ms, 4)
    assert f"{datetime.fromtimestamp(default[1] / 1000, CHINA):%H:%M:%S}" == "00:00:00"
    assert court.faults() == []


@pytest.mark.rule("R31")
def test_a_rating_in_time_that_arrives_late_takes_the_place_of_the_default(court):
    court.clock.ms = CLOSED
    name = court.serve("01S")
    envelope = court.rate("01S", name, CLOSED + 2 * DAY, level=2)
    court.clock.ms = MIDNIGHT["fujian"] + 30 * DAY
    court.judge.settle_all()
    assert court.states()["fujian", "01S"] == "default"
    court.hall.post(envelope)
    court.judge.settle_all()
    assert court.states() == {("fujian", "01S"): "active", ("qinnan", "01S"): "active"}
    what, at_ms, _, level = court.judged("01S", "fujian")[-1]
    assert (what, at_ms, level) == ("active", CLOSED + 2 * DAY, 2)
    assert court.faults() == []


@pytest.mark.rule("R27")
@pytest.mark.parametrize(
    ("rated_ms", "reminders"),
    [(DAY - 1000, 0), (DAY, 1), (None, 1)],
)
def test_a_reminder_is_noted_once_and_at_its_hour(court, rated_ms, reminders):
    court.clock.ms = CLOSED
    name = court.serve("01S")
    court.judge.settle_all()
    if rated_ms == DAY - 1000:
        court.clock.ms = CLOSED + rated_ms
        court.hall.post(court.rate("01S", name, court.clock.ms))
    court.clock.ms = CLOSED + DAY + 5 * HOUR
    for _ in range(3):  # whatever touches it again
        court.judge.settle_all()
        with court.database.write() as connection:
            facts.touch(connection, {("demo", "01S")}, court.clock.ms)
        court.clock.ms += HOUR
    if rated_ms == DAY:
        court.hall.post(court.rate("01S", name, CLOSED + rated_ms))
        court.judge.settle_all()
    found = [row for row in court.judged("01S", "qinnan") if row[0] == "remind"]
    assert found == [("remind", CLOSED + DAY, CLOSED + DAY + 5 * HOUR, None)] * reminders
    assert "remind" not in [row[0] for row in court.judged("01S", "fujian")]


@pytest.mark.rule("R27")
def test_nobody_is_reminded_twice_because_a_rating_came_and_went(court):
    court.clock.ms = CLOSED
    name = court.serve("01S")
    envelope = court.rate("01S", name, CLOSED + HOUR)
    court.clock.ms = CLOSED + DAY
    court.judge.settle_all()
    court.hall.post(envelope)  # given before the reminder, there after it
    court.judge.settle_all()
    court.clock.ms += HOUR
    court.hall.revoke("xj-0417", CLOSED, "stolen")
    court.judge.settle_all()
    whats = [row[0] for row in court.judged("01S", "qinnan")]
    assert whats == ["remind", "active", "waiting"]


def test_while_the_clock_is_in_doubt_nothing_is_settled_by_time(tmp_path, machine, clock):
    database = central_in(tmp_path)
    machine.true_ms = at("2026-08-31 09:00")
    keeper = machine.keeper(database)
    court = Court(tmp_path, database, clock, keeper)
    court.begin(keeper.clock)
    time = keeper.clock
    clock.ms = machine.true_ms = CLOSED
    assert time.now_ms() == CLOSED
    name = court.serve("01S")
    court.judge.settle_all()
    machine.true_ms += 3 * DAY
    assert time.doubt() is None
    machine.error_ms = 200 * DAY  # somebody set it
    assert time.doubt() is not None
    machine.true_ms = MIDNIGHT["fujian"] + HOUR
    court.judge.settle_all()
    assert set(court.states().values()) == {"waiting"}, "nobody is sure that its limit has ended"
    assert court.judged("01S", "qinnan") == []
    # What comes is judged all the same, and an alarm says why the rest waits.
    court.serve("02S", CLOSED + HOUR)
    court.hall.post(court.rate("01S", name, CLOSED - 1000))
    court.judge.settle_all()
    assert court.states()["qinnan", "01S"] == "active"
    assert ("qinnan", "02S") in court.states()
    found = court.hall.alarms.doubt()
    assert found is not None
    marks = [one.mark for one in court.hall.findings(None)]
    assert CENTRE_CLOCK in marks
    machine.error_ms = 0
    assert time.doubt() is None
    court.judge.settle_all()
    assert court.states()["fujian", "02S"] == "default"
    assert court.faults() == []
    database.close()


def test_time_never_goes_back_for_the_judge(court):
    court.clock.ms = CLOSED
    court.serve("01S")
    court.clock.ms = MIDNIGHT["fujian"]
    court.judge.settle_all()
    court.clock.ms = CLOSED + HOUR
    court.serve("02S")
    court.judge.settle_all()
    assert court.states()["fujian", "01S"] == court.states()["fujian", "02S"] == "default"
    assert court.faults() == []


def test_another_profile_of_the_centre_judges_all_again(tmp_path, database, clock):
    """`profile` of central.toml, for places to which the directory gives none."""
    court = Court(tmp_path, database, clock, profiles=None)
    court.clock.ms = CLOSED
    court.serve("01S")
    states = []
    for profile in ("fujian", "qinnan", "qinnan"):
        rules = load_rules(profile)
        begin(database, rules, clock())
        court.judge = Judge(database, rules, PlainClock(clock))
        court.judge.settle_all()
        states.append(court.states())
        assert court.faults() == []
    assert states == [{("fujian", "01S"): "waiting"}, *[{("qinnan", "01S"): "waiting"}] * 2]


def test_a_service_that_finished_before_it_opened_has_the_version_of_its_opening(
    tmp_path, database, clock
):
    """By a hall's wrong word: it counts before the version's first day, and is opened behind."""
    court = Court(tmp_path, database, clock, profiles=None)
    court.clock.ms = CLOSED
    court.serve("01S")
    begin(database, load_rules("qinnan"), clock())
    judge = Judge(database, load_rules("qinnan"), PlainClock(clock))
    judge.settle_all()
    opened_day = day_of(CLOSED)
    with database.write() as connection:
        connection.exec_driver_sql(f"UPDATE service SET finished_at_ms = {CLOSED - 9 * 24 * HOUR}")
        facts.touch(connection, {("demo", "01S")}, clock())
    judge.settle_all()
    with database.write() as connection:
        (day,) = connection.exec_driver_sql("SELECT day FROM standing").scalars()
        assert day < opened_day
        standings.touch_from(connection, opened_day + 1, clock())
        assert waiting.in_turn(connection, 9, waiting.Turns())[0] == [], "the control"
        standings.touch_from(connection, opened_day, clock())
        assert [row[2] for row in waiting.in_turn(connection, 9, waiting.Turns())[0]] == ["01S"]


@pytest.mark.parametrize("is_held", [True, False], ids=["held", "control: any rules judge"])
def test_a_centre_with_the_rules_of_before_judges_nothing(
    tmp_path, database, clock, monkeypatch, is_held
):
    """It would use up what another one touched for the rules that hold since."""
    court = Court(tmp_path, database, clock, profiles=None)
    if not is_held:
        monkeypatch.setattr("central.ratings.judge.not_in_force", lambda *_: None)
    court.clock.ms = CLOSED
    court.serve("01S")
    judges = []
    for profile in ("fujian", "qinnan"):
        rules = load_rules(profile)
        begin(database, rules, clock())
        judges.append(Judge(database, rules, PlainClock(clock)))
        if profile == "fujian":
            judges[0].settle_all()
    judges[0].settle_all()
    with database.read() as connection:
        assert (judges[0].lag(connection).pending == 1) == is_held
    clock.ms += 20_000
    judges[0].settle_all()
    if is_held:
        with database.read() as connection:
            assert "until it is started again" in judges[0].lag(connection).failure
    judges[1].settle_all()
    assert (court.states() == {("qinnan", "01S"): "waiting"}) == is_held
    with database.read() as connection:
        assert (judges[1].lag(connection).pending, judges[1].lag(connection).failure) == (0, None)


@pytest.mark.rule("R26")
def test_a_matter_becomes_a_subject_at_the_instant_it_is_overdue(court):
    with court.database.write() as connection:
        values = ("demo", "done-" + "0" * 32, "per_matter", 20260910, "P1")
        connection.exec_driver_sql(
            "INSERT INTO service (hall, service, mode, kind, channel, projects, due_day,"
            f" project_no, stored_at_ms) VALUES ('{values[0]}', '{values[1]}', '{values[2]}',"
            f" 'single', 'web', 1, {values[3]}, '{values[4]}', 0)"
        )
    court.clock.ms = at("2026-09-05 10:00")
    court.hall.post(court.rate("done-" + "0" * 32, "0" * 64, court.clock.ms, level=1))
    court.judge.settle_all()
    name = "done-" + "0" * 32
    assert court.states()["qinnan", name] == "out"
    court.clock.ms = at("2026-09-10 23:59:59")
    court.judge.settle_all()
    assert court.states()["qinnan", name] == "out"
    court.clock.ms = at("2026-09-11 00:00")
    court.judge.settle_all()
    assert court.states() == {("qinnan", name): "active", ("fujian", name): "out"}
    assert court.faults() == []
