"""Working days, limits that end, and years without a notice."""

from datetime import date

import pytest
from rules_parts import at

from central.rules.calendar import Calendar, day_number, day_of, end_of_day, read_overrides
from central.rules.sections import Limit
from hosting.clock import china
from hosting.error import OperatorError

WORKING = Limit(n=5, unit="working_days")
NATURAL = Limit(n=7, unit="natural_days")
CALENDAR = Calendar()


def end(from_: str, limit: Limit, calendar: Calendar = CALENDAR) -> tuple[str, bool]:
    found = calendar.end_ms(at(from_), limit)
    return f"{china(found.ms):%Y-%m-%d %H:%M:%S}", found.provisional


# Off and on by the State Council's notices for 2026.
@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2026-01-04", True),  # a Sunday made up for New Year
        ("2026-02-14", True),  # a Saturday made up for Spring Festival
        *((f"2026-02-{day}", False) for day in range(15, 24)),  # Spring Festival, nine days
        ("2026-02-24", True),
        ("2026-02-28", True),  # another Saturday made up
        ("2026-04-06", False),  # Qingming's Monday
        *((f"2026-05-0{day}", False) for day in range(1, 6)),  # Labour Day
        ("2026-05-09", True),  # its Saturday
        *((f"2026-10-0{day}", False) for day in range(1, 8)),  # National Day
        ("2026-09-20", True),
        ("2026-10-10", True),
        ("2026-10-11", False),
    ],
)
def test_a_notice_says_which_days_are_worked(day, works):
    assert CALENDAR.is_working(date.fromisoformat(day)) == (works, False)


@pytest.mark.rule("R28")
@pytest.mark.parametrize(
    ("from_", "ends"),
    [
        ("2026-09-01 09:00", "2026-09-09 00:00:00"),  # Tuesday to the end of the next Tuesday
        ("2026-09-01 23:59", "2026-09-09 00:00:00"),
        ("2026-09-05 10:00", "2026-09-12 00:00:00"),  # a Saturday is day 0 as well
        ("2026-04-30 16:00", "2026-05-12 00:00:00"),  # Labour Day: 6, 7, 8, 9 (Saturday), 11
        ("2026-02-13 16:00", "2026-02-28 00:00:00"),  # Spring Festival: 14 (Sat), 24, 25, 26, 27
        ("2026-09-30 16:00", "2026-10-14 00:00:00"),  # National Day: 8, 9, 10 (Saturday), 12, 13
    ],
)
def test_five_working_days_end_with_the_fifth(from_, ends):
    assert end(from_, WORKING) == (ends, False)


@pytest.mark.rule("R29")
@pytest.mark.rule("R30")
def test_seven_natural_days_go_on_over_a_holiday():
    assert end("2026-09-30 16:00", NATURAL) == ("2026-10-08 00:00:00", False)
    assert end("2026-09-30 00:00", NATURAL) == ("2026-10-08 00:00:00", False)
    assert end("2026-12-29 12:00", NATURAL) == ("2027-01-06 00:00:00", False)


@pytest.mark.rule("R27")
def test_hours_are_clock_hours_from_the_instant():
    assert end("2026-04-30 16:00:01", Limit(n=24, unit="hours")) == ("2026-05-01 16:00:01", False)
    assert end("2026-12-31 16:00", Limit(n=48, unit="hours")) == ("2027-01-02 16:00:00", False)


def test_a_limit_of_december_2026_ends_in_a_year_without_a_notice():
    # 29, 30, 31 December count; 1 January is off in every year; 4 and 5 January are guesses.
    assert end("2026-12-28 10:00", WORKING) == ("2027-01-06 00:00:00", True)
    assert end("2026-12-24 10:00", WORKING) == ("2027-01-01 00:00:00", False)


@pytest.mark.parametrize(
    "day", ["2027-01-01", "2027-05-01", "2028-05-02", "2027-10-01", "2030-10-02", "2028-10-03"]
)
def test_holidays_of_known_date_are_off_without_a_notice(day):
    assert CALENDAR.is_working(date.fromisoformat(day)) == (False, True)


def test_other_days_without_a_notice_are_monday_to_friday():
    assert CALENDAR.is_working(date(2027, 2, 8)) == (True, True)  # Spring Festival, not known yet
    assert CALENDAR.is_working(date(2027, 2, 13)) == (False, True)
    assert CALENDAR.is_working(date(2003, 6, 2)) == (True, True)
    assert CALENDAR.is_working(date(2004, 1, 1)) == (False, False)


def test_an_operators_file_says_single_days_and_whole_years(tmp_path):
    file = tmp_path / "days.toml"
    file.write_text('[days]\n2027-01-04 = "off"\n2026-09-03 = "off"\n', "utf-8")
    calendar = Calendar(read_overrides(file))
    assert end("2026-12-28 10:00", WORKING, calendar) == ("2027-01-07 00:00:00", True)
    assert end("2026-09-01 09:00", WORKING, calendar) == ("2026-09-10 00:00:00", False)
    assert calendar.is_working(date(2027, 1, 4)) == (False, False)
    file.write_text(
        'complete = [2027]\n[days]\n2027-01-04 = "off"\n2027-01-09 = "work"\n', "utf-8"
    )
    calendar = Calendar(read_overrides(file))
    assert end("2026-12-28 10:00", WORKING, calendar) == ("2027-01-07 00:00:00", False)
    assert calendar.is_working(date(2027, 1, 9)) == (True, False)
    assert calendar.is_working(date(2027, 1, 1)) == (False, False)
    assert calendar.is_working(date(2028, 1, 3)) == (True, True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[day]\n2027-02-05 = "off"\n', "no key is named day. Did you mean days?"),
        ('[days]\n2027-02-05 = "of"\n', 'days.2027-02-05 is "off" or "work", not \'of\'.'),
        ('[days]\n2027-02-30 = "off"\n', "days.2027-02-30 is no day: write it as 2027-02-05."),
        ('[days]\n20270205 = "off"\n', "days.20270205 is no day"),
        ("days = 3\n", "[days] is a table"),
        ("complete = 2027\n", "complete is a list of years"),
        ('complete = ["2027"]\n', "'2027' is no year"),
        ("[days]\n2027-02-05 = false\n", 'days.2027-02-05 is "off" or "work", not False.'),
        ("days\n", "is not TOML"),
    ],
)
def test_a_wrong_file_of_days_is_refused_with_its_line(tmp_path, text, told):
    file = tmp_path / "days.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(OperatorError) as caught:
        read_overrides(file)
    assert str(file) in str(caught.value)
    assert told in str(caught.value)


def test_the_days_of_a_limit_are_shown_one_by_one():
    found = CALENDAR.days_of(at("2026-04-30 16:00"), WORKING)
    assert [(day.day.day, day.counts) for day in found] == [
        *((30, False), (1, False), (2, False), (3, False), (4, False), (5, False)),
        *((6, True), (7, True), (8, True), (9, True), (10, False), (11, True)),
    ]
    assert len(CALENDAR.days_of(at("2026-09-01 09:00"), NATURAL)) == 8
    hours = CALENDAR.days_of(at("2026-09-01 09:00"), Limit(n=24, unit="hours"))
    assert [day.day.day for day in hours] == [1, 2]


def test_days_are_chinas():
    assert day_number(at("2026-09-01 00:00")) == 20260901
    assert day_number(at("2026-09-01 00:00") - 1) == 20260831
    assert end_of_day(20260901) == at("2026-09-02 00:00")
    assert day_of(20260901) == date(2026, 9, 1)
    with pytest.raises(ValueError, match="day"):
        day_of(20260931)
