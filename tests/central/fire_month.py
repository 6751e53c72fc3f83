"""September 2026 of a fire service, worked by hand (新疆消防), in the columns of worked_month.py:
five levels at the window, 13, 12, 11 (好, 一般, 差) elsewhere; who took part and by which way.
"""

from datetime import date
from typing import Any, get_args

from rules_parts import CALENDAR, at
from worked_month import Month, read_month

from central.rules.definitions import Share, grade_of
from central.rules.policy import Policy
from central.rules.quota import assessed, participation, ways
from central.rules.ranking import low_again, watched
from central.rules.sections import Origin, Tier

TABLE = """
row | staff | project | opened      | closed      | finished    | about | ratings                  | X
V01 | 0301  |         | 09-01 09:00 | 09-01 09:10 | 09-01 09:10 | a@t1  | 5 09-01 09:09            | a5
V02 | 0301  |         | 09-01 10:00 | 09-01 10:10 | 09-01 10:10 | a@t1  | 5 09-01 10:09            | a5
V03 | 0302  |         | 09-02 09:00 | 09-02 09:10 | 09-02 09:10 | b@t1  | 3 09-02 09:09            | a3
V04 | 0302  |         | 09-02 10:00 |             |             | c@t2  | 5 09-02 10:01 qr         | a5
V05 | 0301  | Q       | 09-03 09:00 | 09-03 09:10 | -           | d@t1  | 5 09-03 09:09            | o
C05 |       | Q       |             |             | 09-10 10:00 | d@t1  | 4 09-10 12:00 sms        | a4
V06 | 0301  |         | 09-04 09:00 | 09-04 09:10 | 09-04 09:10 | e@t1  | 1 09-04 09:09 malicious  | x1
V07 | 0301  |         | 09-05 09:00 | 09-05 09:10 | 09-05 09:10 | @t2   | 2 09-05 09:09 207        | a2
V08 | 0302  |         | 09-06 09:00 | 09-06 09:10 | 09-06 09:10 | f@t1  |                          | w
S09 |       |         | 09-07 09:50 | 09-07 10:00 |             | g@    | 13 09-07 09:59 phone     | a13
S10 |       |         | 09-07 10:50 | 09-07 11:00 |             | a@    | 12 09-07 10:59 written   | a12
S11 |       |         | 09-07 11:50 | 09-07 12:00 |             | h@t1  | 11 09-07 11:59 third_party | a11
S12 |       |         | 09-07 12:50 | 09-07 13:00 |             |       | 13 09-07 12:59 survey    | a13
C13 |       | R       |             |             | 09-15 10:00 | i@t1  | 13 09-15 11:00 web       | a13
C14 |       | S       |             |             | 09-16 10:00 | j@t1  | 12 09-16 11:00 app       | a12
C15 |       | T       |             |             | 09-17 10:00 | j@t1  | 11 09-17 11:00 web       | a11
"""  # noqa: E501

# Forms (S) are in no rate (R16): of nine, 5, 5, 5, 4 and 13 are 好; 3 and 12 一般; 2 and 11 差.
FIGURES = {
    "active_good_rate": (5, 9),
    "active_good_rate*": (5, 10),
    "good_rate": (5, 9),
    "good_rate*": (5, 10),
    "rated_rate": (9, 11),  # beside them V06, excluded, and V08, which waits
    "rated_rate*": (10, 11),
    "uninvited_rate": (0, 6),
}
# 第十二条: a, b, c, d, g, h, i, j; twice a and j. Not e, whose rating is excluded, nor f, who gave
# none. Nobody knows who gave V07 and S12.
KNOWN, UNKNOWN = 8, 2
# 第五条: all five; what the discipline department collects (survey) and paper are none of them.
WAYS = ("window", "internet", "mobile", "phone", "third_party")
OTHERS = ("survey", "written")
# 附件3, of all ways: 好 5, 5, 5, 4 and three 13; 一般 3 and two 12; 差 2 and two 11, two of t1.
RESULTS = (7, 3, 3)
BAD_ITEMS = (("t1", 2), ("t2", 1))


def month() -> Month:
    """The table above."""
    return read_month(TABLE, 2026, ("xinjiang-fire",))


def told_by(of: Policy) -> tuple[Any, ...]:
    """All that a policy says beside standings and figures, each key at its bounds: grades, quota,
    ways, periods, watch list, low ranks, the ends of a case's limits.
    """
    grades = [
        grade_of(Share(n, 100), of, is_vetoed) for n in range(101) for is_vetoed in (False, True)
    ]
    heads = [
        participation(of, tier, known, 2, 100) for tier in get_args(Tier) for known in range(40)
    ]
    used = [ways(of, {origin: 1}) for origin in get_args(Origin)]
    spans = [assessed(of, tier, date(2026, 12, 31)) for tier in get_args(Tier)]
    counts = {
        f"l{level}": {("per_visit", "active-5"): 150, ("per_visit", f"active-{level}"): 1}
        for level in (4, 3, 2, 1)
    }
    ranks = [{f"p{n:02}": Share(n, 100) for n in range(100)} for _ in range(4)]
    for period, low, other in ((0, "p50", "p05"), (1, "p51", "p06")):  # they change places
        each = ranks[period]
        each[low], each[other] = each[other], each[low]
    limits = of.case.limits.value if of.case.limits is not None else ()
    received_ms = at("2026-09-24 10:00")  # before a feast and a weekend
    ends = [(one.step, one.from_, CALENDAR.end_ms(received_ms, one)) for one in limits]
    return grades, heads, used, spans, watched(counts, of), low_again(ranks, of), ends
