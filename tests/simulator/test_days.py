"""The oracle's own idea of what days make of visits, by hand; and that it finds a wrong number."""

from datetime import datetime, timedelta, timezone

import pytest

from simulator.check.days import EZHOU, QINNAN, Visit, differences, expected
from simulator.check.oracle import Press

CHINA = timezone(timedelta(hours=8))


def at(text):
    return round(datetime.fromisoformat(text).replace(tzinfo=CHINA).timestamp() * 1000)


VISITS = [
    Visit("S1", "d1", "A1", at("2026-09-29 09:00"), at("2026-09-29 09:10")),
    Visit("S2", "d1", "A2", at("2026-09-29 10:00"), at("2026-09-29 10:10")),
    Visit("S3", "d2", "A1", at("2026-09-29 10:00")),  # of another device, and never closed
]
PRESSES = [
    Press("d1", "A1", 5, at("2026-09-29 09:09"), at("2026-09-29 09:09")),
    Press("d1", "A2", 1, at("2026-09-29 10:09"), None),  # it died before it thanked
]


# 1 to 7 October are off and 10 October is worked: the fifth working day is 12 October.
@pytest.mark.parametrize(
    ("now", "qinnan", "ezhou"),
    [
        ("2026-09-30 09:59:59", {"waiting": 2, "unrated": 0, "reminded": 0}, {"waiting": 2}),
        ("2026-09-30 10:00:00", {"waiting": 2, "unrated": 0, "reminded": 1}, {"waiting": 2}),
        ("2026-10-06 23:59:59", {"waiting": 2, "reminded": 2}, {"waiting": 2, "default": 0}),
        ("2026-10-07 00:00:00", {"waiting": 2, "reminded": 2}, {"waiting": 0, "default": 2}),
        ("2026-10-12 23:59:59", {"waiting": 2, "unrated": 0}, {"default": 2}),
        ("2026-10-13 00:00:00", {"waiting": 0, "unrated": 2, "rated": 1}, {"rated": 1, "good": 1}),
    ],
)
def test_what_becomes_of_visits(now, qinnan, ezhou):
    found = expected(VISITS, PRESSES, at(now))
    assert found[QINNAN] | qinnan == found[QINNAN]
    assert found[EZHOU] | ezhou == found[EZHOU]


def test_a_wrong_number_is_told():
    should = expected(VISITS, PRESSES, at("2026-10-13 00:00:00"))
    assert differences(should, should) == []
    wrong = {**should, QINNAN: {**should[QINNAN], "unrated": 1}}
    assert differences(should, wrong) == ["qinnan: unrated 1 in the centre, must be 2"]
    assert len(differences(should, {EZHOU: should[EZHOU]})) == len(should[QINNAN])
