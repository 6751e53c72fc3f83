"""What several processes and commands of one centre agree on about its time."""

import pytest
from central_hall import NOW_MS, Hall
from two_clocks import Machine

from central.store import clocks
from central.timekeeper import accept
from hosting.clock import written

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


def test_a_start_goes_on_from_what_was_kept(machine, database):
    machine.keeper(database).keep()
    machine.true_ms += 30_000
    machine.error_ms = -8 * HOUR_MS
    keeper = machine.keeper(database)
    assert keeper.clock.read() == (NOW_MS, 8 * HOUR_MS - 30_000)
    machine.true_ms += MINUTE_MS
    assert keeper.clock.now_ms() == NOW_MS + MINUTE_MS


def test_it_is_kept_so_often_that_a_quick_restart_is_no_doubt(machine, database):
    keeper = machine.keeper(database)
    for _ in range(12):
        keeper.keep()
        machine.true_ms += 10_000
        assert machine.keeper(database).clock.doubt() is None


def test_two_processes_follow_together_and_move_the_starts_once(machine, database):
    one, other = machine.keeper(database), machine.keeper(database)
    one.keep()
    other.keep()
    keep_start(database, NOW_MS)
    machine.error_ms = 2 * HOUR_MS
    one.keep()
    machine.true_ms += 5000
    other.keep()
    machine.true_ms += 10 * MINUTE_MS - 5000
    assert (one.clock.is_due(), other.clock.is_due()) == (True, False)
    one.keep()
    assert one.clock.read() == (machine.wall_ms(), 0)
    assert other.clock.read().doubt_ms == 2 * HOUR_MS
    machine.true_ms += 1000
    other.keep()
    assert other.clock.read() == one.clock.read() == (machine.wall_ms(), 0)
    assert start(database) == (NOW_MS - 5, NOW_MS + 2 * HOUR_MS)
    one.keep()
    assert one.clock.doubt() is None


@pytest.mark.parametrize("error_ms", [2 * HOUR_MS, -2 * HOUR_MS])
def test_a_process_whose_machine_is_wrong_does_not_leave_the_others(machine, database, error_ms):
    """Two machines on one database; nothing is moved while one of them is sure of the time."""
    wrong = Machine()
    one, other = machine.keeper(database), wrong.keeper(database)
    keep_start(database, NOW_MS)
    wrong.error_ms = error_ms
    for _ in range(130):
        for keeper in (one, other):
            keeper.keep()
        machine.true_ms += 10_000
        wrong.true_ms += 10_000
    assert one.clock.read() == (machine(), 0)
    assert other.clock.read() == (machine(), abs(error_ms))
    assert start(database) == (NOW_MS - 5, NOW_MS)
    machine.error_ms = error_ms  # the control: now nobody is
    for _ in range(64):
        for keeper in (one, other):
            keeper.keep()
        machine.true_ms += 10_000
        wrong.true_ms += 10_000
    assert one.clock.read() == other.clock.read() == (machine.wall_ms(), 0)


def test_at_a_start_one_hall_of_many_does_not_decide(machine, database, tmp_path):
    """It lies, or has its time from where the centre's machine has it; the others are late."""
    halls = [Hall(tmp_path, f"hall-{number}", database, machine) for number in range(3)]
    for hall in halls:
        pen = hall.enrol(f"xj-{hall.name}")
        hall.post(pen.boot(1, boot=1, up_ms=0))
    machine.keeper(database).keep()
    machine.error_ms = 3 * DAY_MS
    keeper = machine.keeper(database)
    keeper.clock.hear("hall-0", machine.wall_ms())
    assert keeper.clock.read() == (NOW_MS, 3 * DAY_MS)
    keeper.clock.hear("hall-1", machine.wall_ms())
    assert keeper.clock.read() == (machine.wall_ms(), 0), "the control: most halls"


@pytest.mark.parametrize("error_ms", [3 * DAY_MS, -3 * DAY_MS, 2 * MINUTE_MS])
def test_an_operator_s_word_is_taken_over_by_all(machine, database, error_ms):
    one, other = machine.keeper(database), machine.keeper(database)
    for keeper in (one, other):
        keeper.keep()
    machine.error_ms = error_ms
    for _ in range(6):
        machine.true_ms += 10_000
        one.keep()
        other.keep()
    assert one.clock.read().doubt_ms == other.clock.read().doubt_ms == abs(error_ms)
    accepted = accept(database, machine.wall_ms)
    assert abs(accepted.difference_ms - error_ms) <= 30_000
    machine.true_ms += 9000
    one.keep()
    other.keep()
    for keeper in (one, other):
        assert keeper.clock.read() == (machine.wall_ms(), 0)
    assert machine.keeper(database).clock.doubt() is None
    assert accept(database, machine.wall_ms) is None


def test_a_word_for_another_wall_clock_is_none(machine, database):
    """It was set again between the operator's word and the next look."""
    keeper = machine.keeper(database)
    keeper.keep()
    machine.error_ms = 3 * DAY_MS
    keeper.keep()
    accept(database, machine.wall_ms)
    machine.error_ms = 40 * DAY_MS
    for _ in range(3):
        machine.true_ms += 10_000
        keeper.keep()
    assert keeper.clock.read() == (machine(), 40 * DAY_MS)


def test_nothing_is_due_later_than_now_when_it_goes_back(machine, database, hall):
    """Silence is counted from when somebody spoke: not from next week."""
    keeper = machine.keeper(database)
    keeper.keep()
    machine.error_ms = 3 * DAY_MS
    accept(database, machine.wall_ms)
    keeper.keep()
    ahead_ms = keeper.clock.now_ms()
    assert ahead_ms == machine.wall_ms()
    hall.devices._now_ms = keeper.clock.now_ms
    hall.enrol("xj-0500")
    with database.write() as connection:
        connection.exec_driver_sql(f"update hall set heard_at_ms = {ahead_ms}")
        connection.exec_driver_sql(f'update "window" set rested_at_ms = {ahead_ms}')
        for since_ms in (NOW_MS - DAY_MS, ahead_ms - DAY_MS):
            connection.exec_driver_sql(f"insert into running values ({since_ms}, {ahead_ms})")
    machine.error_ms = 0
    machine.true_ms += 1000
    keeper.keep()
    accept(database, machine.wall_ms)
    keeper.keep()
    with database.read() as connection:
        heard_at_ms = connection.exec_driver_sql("select heard_at_ms from hall").scalar()
        running = connection.exec_driver_sql("select since_ms, until_ms from running").all()
        since = 'select enrolled_at_ms, rested_at_ms from device, "window"'
        assert connection.exec_driver_sql(since).all() == [(machine(), machine())]
    assert heard_at_ms == machine() == keeper.clock.now_ms()
    assert running == [(NOW_MS - DAY_MS, machine())]


def test_the_log_says_both_times_and_what_to_do_once(machine, database, caplog):
    keeper = machine.keeper(database)
    keeper.keep()
    machine.error_ms = 3 * DAY_MS
    for _ in range(3):
        keeper.keep()
    (said,) = [one.getMessage() for one in caplog.records if "central.timekeeper" in one.name]
    assert written(machine()) in said
    assert written(machine.wall_ms()) in said
    assert "pingjia central clock accept" in said
    machine.error_ms = 0
    keeper.keep()
    assert caplog.records[-1].getMessage() == "the wall clock and the centre's time agree again"


def keep_start(database, high_ms: int) -> None:
    with database.write() as connection:
        known = clocks.BootClock("xj-0417", 1, 1, 1, None, None, None, high_ms - 5, high_ms)
        clocks.save_clocks(connection, [known], [])


def start(database) -> tuple[int, int]:
    with database.read() as connection:
        query = "select low_ms, high_ms from boot_clock"
        return tuple(connection.exec_driver_sql(query).one())
