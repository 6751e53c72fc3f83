"""The centre's time: when a wall clock is followed, and what comes while it is in doubt."""

import pytest
from central_hall import NOW_MS, SECRET, Hall, bearer
from empty_file import central_in
from typer.testing import CliRunner

from central.audit.verify import audit
from central.custody import moment
from central.custody.marks import CENTRE_CLOCK, mark_of
from central.ratings.period import last_days
from central.steady import PlainClock
from central.store import clocks
from central.timekeeper import Timekeeper
from hosting import clock as hosting_clock
from hosting.clock import written
from pingjia import app
from protocol.batch import EnvelopeItem, HeadItem
from protocol.record import parse

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


class TestSteadyClock:
    def test_an_empty_database_trusts_the_wall_clock(self, machine):
        machine.error_ms = 40 * DAY_MS
        time = machine.clock(None)
        assert time.read() == (NOW_MS + 40 * DAY_MS, 0)
        assert time.doubt() is None

    @pytest.mark.parametrize("error_ms", [900, MINUTE_MS, -900, -MINUTE_MS])
    def test_up_to_a_minute_is_followed_at_once_and_never_behind_what_was_said(
        self, machine, error_ms
    ):
        time, said = machine.clock(NOW_MS), [NOW_MS]
        machine.error_ms = error_ms
        for _ in range(140):
            assert time.doubt() is None
            said.append(time.now_ms())
            machine.true_ms += 1000
        assert said == sorted(said)
        machine.true_ms += 1000
        assert time.now_ms() == machine.wall_ms()

    def test_many_small_steps_backwards_are_a_doubt_in_the_end(self, machine):
        time = machine.clock(NOW_MS)
        for _ in range(3):
            machine.error_ms -= 40_000
            time.read()
        assert time.now_ms() == NOW_MS
        assert time.read().doubt_ms == 120_000

    @pytest.mark.parametrize(
        "error_ms", [-7 * HOUR_MS, -61_000, 61_000, 3 * DAY_MS, 40 * DAY_MS, 3650 * DAY_MS]
    )
    def test_a_step_that_is_taken_back_changes_nothing(self, machine, error_ms):
        time = machine.clock(NOW_MS)
        machine.error_ms = error_ms
        for _ in range(30):
            machine.true_ms += 1000
            assert time.read() == (machine(), abs(error_ms))
            assert time.read().proves_ms is None
        doubt = time.doubt()
        assert doubt == (machine(), machine.wall_ms(), NOW_MS + 1000)
        assert doubt.difference_ms == error_ms
        machine.error_ms = 0
        assert time.read() == (machine(), 0)
        assert time.doubt() is None

    @pytest.mark.parametrize("error_ms", [-7 * HOUR_MS, 3 * HOUR_MS, DAY_MS])
    def test_a_step_that_stays_is_due_after_ten_minutes(self, machine, error_ms):
        time = machine.clock(NOW_MS)
        machine.error_ms = error_ms
        time.read()
        for _ in range(10):
            assert not time.is_due()
            machine.true_ms += MINUTE_MS
        assert time.is_due()
        time.follow()
        assert time.read() == (machine.wall_ms(), 0)
        assert not time.is_due()

    @pytest.mark.parametrize("error_ms", [DAY_MS + 1, -DAY_MS - 1, 3 * DAY_MS])
    def test_over_a_day_is_never_due(self, machine, error_ms):
        time = machine.clock(NOW_MS)
        machine.error_ms = error_ms
        for _ in range(20):
            machine.true_ms += HOUR_MS
            assert not time.is_due()

    def test_a_wall_clock_that_jumps_about_is_not_even(self, machine):
        time = machine.clock(NOW_MS)
        for _ in range(20):
            machine.error_ms = (2 if machine.error_ms != 2 * HOUR_MS else 3) * HOUR_MS
            machine.true_ms += 5 * MINUTE_MS
            assert not time.is_due()
        machine.true_ms += 10 * MINUTE_MS
        assert time.is_due()

    def test_at_a_start_a_wall_clock_that_is_ahead_is_followed_with_most_halls(self, machine):
        """The centre was off for three days; the first hall has its own trouble with the time."""
        time = machine.clock(NOW_MS - 3 * DAY_MS)
        assert time.is_starting
        time.hear("a", NOW_MS + 2 * HOUR_MS)
        time.hear("b", None)
        time.hear("c", NOW_MS - 30_000)
        assert time.read() == (NOW_MS - 3 * DAY_MS, 3 * DAY_MS), "one of two is not most"
        assert time.heard() == (2, 0, 1)
        time.hear("d", NOW_MS + 30_000)
        assert time.read() == (NOW_MS, 0)
        assert time.heard() == (3, 2, 2)

    def test_at_a_start_it_is_not_followed_against_the_halls(self, machine):
        machine.error_ms = 3 * DAY_MS
        time = machine.clock(NOW_MS)
        for hall in "abcdef":
            machine.true_ms += 1000
            time.hear(hall, machine())
        assert time.read() == (machine(), 3 * DAY_MS)

    def test_at_a_start_a_wall_clock_that_is_behind_is_not_followed_whoever_agrees(self, machine):
        """Halls whose clocks are set by the same wrong server."""
        machine.error_ms = -2 * HOUR_MS
        time = machine.clock(NOW_MS)
        for hall in "abcdef":
            time.hear(hall, machine.wall_ms())
        assert time.read() == (NOW_MS, 2 * HOUR_MS)
        machine.true_ms += 10 * MINUTE_MS
        assert time.is_due()

    def test_while_it_runs_the_halls_are_not_asked(self, machine):
        time = machine.clock(NOW_MS)
        machine.error_ms = 2 * HOUR_MS
        for hall in "abcdef":
            time.hear(hall, machine.wall_ms())
        assert time.read().doubt_ms == 2 * HOUR_MS


class Story:
    """A hall with the right time whose device rates; the centre's machine has its troubles."""

    def __init__(self, folder, database, machine, plain: bool = False):
        self.machine, self.database, self.folder = machine, database, folder
        self.keeper = machine.keeper(database)
        time = PlainClock(machine.wall_ms) if plain else self.keeper
        self.hall = Hall(folder, "demo", database, machine, time)
        self.pen = self.hall.enrol("xj-0417")
        self.passes(60)
        self.started_ms = machine()
        self.true_ms: dict[int, int] = {}
        self.receipt = None
        self.post(self.pen.boot(1, boot=1, up_ms=0))

    def passes(self, seconds: float) -> None:
        end_ms = self.machine.true_ms + round(seconds * 1000)
        while self.machine.true_ms < end_ms:
            self.machine.true_ms = min(end_ms, self.machine.true_ms + 10_000)
            self.keeper.keep()

    def is_set(self, error_ms: int) -> None:
        self.machine.error_ms = error_ms

    def rate(self, seconds: float = 1, **changes) -> None:
        """A rating, sent at once with the device's head, which has heard the newest receipt."""
        self.passes(seconds)
        up_ms, at = self.machine() - self.started_ms, self.machine()
        rating = self.pen.rating(**{"boot": 1, "up_ms": up_ms, "at": at, "level": 4, **changes})
        self.true_ms[self.pen.seq] = at
        self.passes(0.2)
        self.post(rating)

    def post(self, *items) -> None:
        sent = [EnvelopeItem(one, self.machine(), "w1", None, ()) for one in items]
        heard = parse(self.receipt.encode()[:-65])["at"] if self.receipt else None
        values = {"mac16": self.pen.prev, "boot": 1, "heard": heard}
        values |= {"seq": self.pen.seq, "up_ms": self.machine() - self.started_ms}
        head = HeadItem(super(type(self.pen), self.pen).head(**values), self.receipt, None)
        answer = self.hall.post(*sent, head, sent_ms=self.machine())
        self.receipt = answer.receipts[0] if answer.receipts else None

    def rows(self) -> list[dict]:
        return [row for row in self.hall.records() if row["level"] is not None]

    def off_ms(self) -> list[int]:
        """By how much each rating's time is off."""
        seqs = [parse(row["envelope"].encode()[:-65])["seq"] for row in self.rows()]
        return [row["rated_at_ms"] - self.true_ms[seq] for seq, row in zip(seqs, self.rows())]

    def marks(self) -> list[set[str]]:
        return [set(row["marks"]) for row in self.rows()]

    def holds(self) -> list:
        """What `verify` finds, but the documents that no test here sends."""
        with self.database.read() as connection:
            found = list(audit(connection, self.hall.keys.key))
        return [fault for fault in found if fault.name != "facts_missing"]

    def require_true(self) -> None:
        """No time is off by more than is said, nor by two minutes; no mark is the hall's."""
        errors = [row["rated_error_ms"] for row in self.rows()]
        assert all(abs(off) <= error for off, error in zip(self.off_ms(), errors))
        assert max(map(abs, self.off_ms())) < moment.SLACK_MS
        assert all("clock_wrong" not in marks for marks in self.marks())
        assert self.holds() == []


@pytest.fixture
def story(tmp_path, database, machine):
    return Story(tmp_path, database, machine)


def steps_of_half_a_minute(story, error_ms: int) -> None:
    """A few ratings, thirty seconds with another wall clock, and 24 ratings after that."""
    for _ in range(3):
        story.rate(10)
    story.is_set(error_ms)
    for _ in range(3):
        story.rate(10)
    story.is_set(0)
    for _ in range(24):
        story.rate(10)


@pytest.mark.parametrize("error_ms", [-7 * HOUR_MS, 3 * DAY_MS, 3650 * DAY_MS])
def test_a_wall_clock_that_is_wrong_for_half_a_minute_misdates_nothing(story, error_ms):
    steps_of_half_a_minute(story, error_ms)
    story.require_true()
    in_doubt = [number for number, marks in enumerate(story.marks()) if marks]
    assert in_doubt == [3, 4, 5]
    assert story.marks()[3] == {"time_unproven"}
    assert story.rows()[3]["rated_error_ms"] >= abs(error_ms)
    assert story.rows()[6]["rated_error_ms"] < 1000
    assert story.hall.report(last_days(1, story.machine()), None, None).whole.total == 30


def test_the_control_with_the_plain_wall_clock_misdates(tmp_path, database, machine):
    """It dates what comes afterwards seven hours early, and calls that the hall's fault."""
    story = Story(tmp_path, database, machine, plain=True)
    steps_of_half_a_minute(story, -7 * HOUR_MS)
    misdated = [off for off in story.off_ms() if off < -6 * HOUR_MS]
    assert len(misdated) >= 24
    assert sum("clock_wrong" in marks for marks in story.marks()) >= 24


def goes_and_comes_back(story) -> None:
    """Three hours behind for so long that it is followed; then right again, for as long."""
    for _ in range(3):
        story.rate(10)
    for error_ms in (-3 * HOUR_MS, 0):
        story.is_set(error_ms)
        story.rate(10)
        story.passes(605)
        assert story.keeper.clock.read() == (story.machine.wall_ms(), 0)
        story.rate(10)
        story.rate(10)


def test_what_was_followed_and_taken_back_misdates_nothing_afterwards(story):
    """What is known of a start goes along when the centre's time is another one."""
    goes_and_comes_back(story)
    story.rate(10)
    assert max(map(abs, story.off_ms()[-3:])) < 1000
    assert story.marks()[-3:] == [set()] * 3
    assert story.holds() == []


def test_a_wrong_clock_at_a_start_that_was_followed_misdates_nothing_afterwards(story):
    """Nobody can tell it from a centre that was off: what is known of a start allows for both."""
    for _ in range(3):
        story.rate(10)
    story.passes(30)
    story.is_set(8 * HOUR_MS)
    story.keeper = story.machine.keeper(story.database)
    assert story.keeper.clock.is_starting
    story.passes(620)
    assert story.keeper.clock.read() == (story.machine.wall_ms(), 0)
    story.is_set(0)
    story.passes(620)
    assert story.keeper.clock.read() == (story.machine(), 0)
    story.hall.intake._clock = story.keeper.clock
    for _ in range(3):
        story.rate(10)
    assert max(map(abs, story.off_ms())) < 1000
    assert story.marks()[-3:] == [set()] * 3
    assert story.holds() == []


def test_nobody_is_named_for_the_hours_by_which_the_clock_was_ahead(story):
    """Not in the minute either until the centre notes that it runs; the control: an hour more."""
    story.rate(10)  # its document is to come
    story.is_set(8 * HOUR_MS)
    for _ in range(10):
        story.hall.note_running()
        story.passes(60)
    story.passes(20)
    assert story.keeper.clock.read() == (story.machine.wall_ms(), 0)
    assert "facts_missing" not in names(story)
    for _ in range(48):
        story.hall.note_running()
        assert "facts_missing" not in names(story)
        story.passes(60)
    for _ in range(4):
        story.hall.note_running()
        story.passes(60)
    assert "facts_missing" in names(story)


def names(story) -> set[str]:
    return {one.mark for one in story.hall.findings(None)}


def test_the_control_that_moves_no_start_misdates_what_comes_afterwards(story, monkeypatch):
    monkeypatch.setattr(clocks, "move", lambda *_: None)
    goes_and_comes_back(story)
    assert max(map(abs, story.off_ms()[-2:])) > 2 * HOUR_MS


def test_a_centre_that_was_off_for_days_goes_on_with_the_first_hall(tmp_path, machine):
    """The hall is heard before anything of its batch is filed: no rating is in doubt."""
    database = central_in(tmp_path)
    story = Story(tmp_path, database, machine)
    story.rate()
    machine.true_ms += 3 * DAY_MS
    story.keeper.clock = machine.keeper(database).clock
    assert story.keeper.clock.is_starting
    story.hall.intake._clock = story.keeper.clock
    story.rate(1)
    assert story.keeper.clock.doubt() is None
    story.require_true()
    assert story.marks() == [set(), set()]
    database.close()


def test_a_restored_centre_that_no_hall_tells_the_time_keeps_the_device_s_word(story):
    """Ratings later than the centre's time: so far off they may be, and no further."""
    story.rate()
    story.machine.true_ms += 3 * DAY_MS
    story.keeper.clock = story.machine.clock(NOW_MS + 62_000)
    story.hall.intake._clock = story.keeper.clock
    up_ms = story.machine() - story.started_ms
    rating = story.pen.rating(boot=1, up_ms=up_ms, at=story.machine(), level=4)
    undated = story.pen.rating(boot=2, up_ms=5, at=None, level=2)
    story.true_ms |= {3: story.machine(), 4: story.machine()}
    story.hall.post(
        *(EnvelopeItem(one, story.machine(), "w1", None, ()) for one in (rating, undated))
    )
    assert story.marks()[1:] == [{"time_unproven"}, {"time_unproven", "undated"}]
    assert story.holds() == []
    story.keeper.clock.follow()
    later = story.pen.rating(boot=2, up_ms=1005, at=story.machine() + 1000, level=2)
    story.machine.true_ms += 1000
    story.true_ms[5] = story.machine()
    story.hall.post(EnvelopeItem(later, story.machine(), "w1", None, ()))
    story.require_true()
    assert story.hall.report(last_days(1, story.machine()), None, None).whole.total == 3


def test_a_device_enrolled_by_a_clock_that_was_ahead_rates_with_the_right_time(story):
    """Its epoch is a minute that is still to come."""
    story.is_set(20 * HOUR_MS)
    story.passes(620)
    assert story.keeper.clock.doubt() is None
    story.pen = story.hall.enrol("xj-0500")
    story.is_set(0)
    story.passes(620)
    story.started_ms, story.receipt = story.machine(), None
    story.post(story.pen.boot(1, boot=1, up_ms=0))
    story.rate()
    story.rate()
    assert story.pen.epoch * MINUTE_MS > story.machine()
    story.require_true()


def test_the_supervisor_reads_both_clocks_and_what_to_do(story, tmp_path):
    hall = story.hall
    for scope in ("figures:read", "pages:read"):
        hall.tokens.add(scope, tmp_path / scope)
    figures = bearer(tmp_path / "figures:read")

    def marks():
        return hall.client.get("/v1/marks", headers=figures).json()

    def health():
        return hall.client.get("/healthz").json()["status"]

    assert health() == "ok"
    assert marks()["now_ms"] == marks()["wall_ms"]
    story.is_set(3 * DAY_MS)
    story.passes(60)
    (found,) = [one for one in marks()["marks"] if one["mark"] == CENTRE_CLOCK]
    assert (found["hall"], found["first_at_ms"]) == ("", story.machine() - 50_000)
    assert marks()["now_ms"] == story.machine()
    assert marks()["wall_ms"] == story.machine.wall_ms()
    assert health() == CENTRE_CLOCK
    html = {"accept": "text/html", "sec-fetch-site": "same-origin"}
    token = (tmp_path / "pages:read").read_text().strip()
    hall.client.post("/login", data={"token": token}, headers=html)
    page = hall.client.get("/marks", headers=html).text
    words = mark_of(CENTRE_CLOCK)
    both = (written(story.machine()), written(story.machine.wall_ms()))
    assert all(text in page for text in (words.title, words.meaning, words.advice, *both))
    assert hall.client.get("/", headers=html).status_code == 200
    story.is_set(0)
    assert (health(), marks()["marks"]) == ("ok", [])
    assert words.title not in hall.client.get("/marks", headers=html).text


def test_a_token_neither_ends_nor_comes_back_by_a_wrong_clock(story, tmp_path):
    hall, token = story.hall, tmp_path / "bench.token"
    hall.tokens.add("enrol:demo", token)

    def is_good():
        answer = hall.client.get("/v1/halls/demo/devices", headers=bearer(token))
        return answer.status_code == 200

    story.is_set(3 * DAY_MS)
    assert is_good()
    story.is_set(0)
    story.machine.true_ms += DAY_MS + HOUR_MS
    assert not is_good()
    story.is_set(-7 * HOUR_MS)
    assert not is_good()


@pytest.fixture
def commands(tmp_path):
    """Runs a command beside a centre that is three days behind its machine's clock."""
    (tmp_path / "central.toml").write_text("")
    (tmp_path / "master.secret").touch(0o600)
    (tmp_path / "master.secret").write_bytes(SECRET)
    database = central_in(tmp_path)
    at_ms = hosting_clock.now_ms() - 3 * DAY_MS
    keeper = Timekeeper(database, lambda: at_ms, lambda: 0.0)
    keeper.keep()
    hall = Hall(tmp_path, "demo", database, lambda: at_ms - DAY_MS)
    hall.enrol("xj-0417")

    def run(*words):
        return CliRunner().invoke(app, ["central", *words, "--config", f"{tmp_path}/central.toml"])

    run.database, run.at_ms = database, at_ms
    yield run
    database.close()


def test_the_operator_sees_both_clocks_and_accepts_one(commands):
    shown = commands("clock", "show")
    assert "difference            3 d ahead" in shown.output
    assert written(commands.at_ms) in shown.output
    accepted = commands("clock", "accept")
    assert "3 d ahead" in accepted.output
    assert written(commands.at_ms) in accepted.output
    assert "under a minute" in commands("clock", "show").output
    assert "nothing to accept" in commands("clock", "accept").output


def test_a_command_goes_by_the_centre_s_time_and_says_so(commands):
    made = commands("token", "list")
    assert made.exit_code == 0
    assert "this command goes by the centre's time" in made.stderr
    assert commands("clock", "accept").exit_code == 0
    assert "goes by" not in commands("token", "list").stderr


def test_a_device_is_not_revoked_since_a_time_that_is_in_doubt(commands):
    refused = commands("revoke", "xj-0417", "--reason", "lost")
    assert refused.exit_code != 0
    assert "or give the time with --at" in refused.output
    at = written(commands.at_ms - HOUR_MS)
    done = commands("revoke", "xj-0417", "--reason", "lost", "--at", at)
    assert done.exit_code == 0, done.output
    assert f"since {at} (Asia/Shanghai)" in done.output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("verify", "--to", "9999-12-31"), "--to 9999-12-31"),
        (("verify", "--from", "0001-01-01"), "--from 0001-01-01"),
        (("verify", "--from", "2026-02-02", "--to", "2026-02-01"), "lies before --from"),
        (("revoke", "xj-0417", "--reason", "x", "--at", "1800-01-01"), "--at 1800-01-01"),
    ],
)
def test_an_impossible_time_gets_a_sentence(commands, tmp_path, words, sentence):
    secret = tmp_path / "master.secret"
    secret.touch(0o600)
    secret.write_bytes(bytes(range(32)))
    answer = commands(*words)
    assert answer.exit_code != 0
    assert sentence in answer.output


def test_verify_says_which_days_it_looked_at(commands, tmp_path):
    secret = tmp_path / "master.secret"
    secret.touch(0o600)
    secret.write_bytes(bytes(range(32)))
    said = commands("verify", "--from", "2026-02-01", "--to", "2026-02-01").output
    told = "from 2026-02-01 00:00:00, before 2026-02-02 00:00:00 (Asia/Shanghai)"
    assert told in said
