"""September 2026 at one hall, worked by hand: each row is something that can be rated.

Its last columns say what it counts as on 1 December under 钦南 (Q), 福建 (F), 鄂州 (E), national
(N), 新疆消防 (X), 广东 (G), and in September 2021, which it bound, under 鄂州's plan (P):
a5 active, d4 a default, x1 excluded, u 未评, w waiting, o out; +s a second rating beside it, +l a
late one. 1 September 2026 is a Tuesday; 1 to 7 October are off, 10 October is worked.

row: V a visit, C the completion of a project, P a part of a theme, S a form. `finished` - : not on
the spot. about `a@t1`: participant a, matter t1. ratings: level, instant, then reasons (214),
`named`, an origin, or a decision on it.
"""

from dataclasses import dataclass, field, replace
from typing import get_args

from rules_parts import CALENDAR, SENDS, at

from central.rules.figure import Attributed, Key, contributions
from central.rules.policy import Policy
from central.rules.sections import Limit, Origin
from central.rules.standing import (
    Decision,
    Family,
    Project,
    Rating,
    Service,
    Side,
    Standing,
    Visit,
    stand,
)

PROFILES = (
    "qinnan",
    "fujian",
    "ezhou-norm",
    "national",
    "xinjiang-fire",
    "guangdong",
    "ezhou-plan",
)
TABLE = """
row | staff | project | opened      | closed      | finished    | about            | ratings                                | Q    | F    | E    | N    | X    | G    | P
V01 | 0231  |         | 09-01 09:00 | 09-01 09:10 | 09-01 09:10 |                  | 5 09-01 09:09                          | a5   | a5   | a5   | a5   | a5   | a5   | a5
V02 | 0231  |         | 09-01 09:20 | 09-01 09:30 | 09-01 09:30 |                  | 4 09-01 09:29 named                    | a4   | a4   | a4   | a4   | a4   | a4   | a4
V03 | 0232  |         | 09-02 09:50 | 09-02 10:00 | 09-02 10:00 |                  | 3 09-02 09:59                          | a3   | a3   | a3   | a3   | a3   | a3   | a3
V04 | 0232  |         | 09-02 10:00 | 09-02 10:10 | 09-02 10:10 |                  | 2 09-02 10:09 214                      | a2   | a2   | a2   | a2   | a2   | a2   | a2
V05 | 0232  |         | 09-02 10:20 | 09-02 10:30 | 09-02 10:30 |                  | 1 09-02 10:29                          | a1   | a1   | a1   | a1   | a1   | a1   | a1
V06 | 0231  |         | 09-01 09:50 | 09-01 10:00 | 09-01 10:00 |                  | 1 09-08 23:59:59                       | a1   | a1   | a1   | a1   | a1   | a1   | a1
V07 | 0231  |         | 09-01 09:50 | 09-01 10:00 | 09-01 10:00 |                  | 5 09-09 00:00:00                       | u+l  | d4+l | d3+l | a5   | a5   | d3+l | d3+l
V08 | 0232  |         | 09-30 15:50 | 09-30 16:00 | 09-30 16:00 |                  | 4 10-08 00:30                          | a4   | d4+l | d3+l | a4   | a4   | d3+l | d3+l
V09 | 0232  |         | 09-10 09:50 | 09-10 10:00 | 09-10 10:00 |                  |                                        | u    | d4   | d3   | w    | w    | d3   | d3
V10 | 0231  |         | 09-11 09:50 | 09-11 10:00 | 09-11 10:00 |                  | 5 09-11 09:59:50; 2 09-11 09:59:30     | a2+s | a2+s | a2+s | a2+s | a2+s | a2+s | a2+s
V11 | 0231  |         | 09-11 10:50 | 09-11 11:00 | 09-11 11:00 |                  | 1 09-11 10:59 malicious                | x1   | a1   | x1   | x1   | x1   | x1   | x1
V12 | 0231  |         | 09-11 11:50 | 09-11 12:00 | 09-11 12:00 |                  | 2 09-11 11:59 appeal_upheld            | a2   | x2   | a2   | a2   | a2   | a2   | a2
V13 | 0231  |         | 09-11 13:50 | 09-11 14:00 | 09-11 14:00 |                  | 2 09-11 13:59 mistaken                 | x2   | a2   | x2   | x2   | a2   | x2   | x2
V14 | 0231  |         | 09-11 14:50 | 09-11 15:00 | 09-11 15:00 |                  | 2 09-11 14:59 mistaken restored        | a2   | a2   | a2   | a2   | a2   | a2   | a2
V15 |       |         | 09-11 15:50 | 09-11 16:00 | 09-11 16:00 | batch of 3       | 5 09-11 15:59                          | a5   | a5   | a5   | a5   | a5   | a5   | a5
V16 | 0231  | A       | 09-14 09:50 | 09-14 10:00 | -           | agent            | 5 09-14 09:59                          | a5   | a5   | o    | a5   | o    | a5   | o
C16 |       | A       |             |             | 09-16 10:00 |                  | 4 09-16 12:00                          | o    | o    | a4   | o    | a4   | o    | a4
V17 | 0232  | B       | 09-14 10:50 | 09-14 11:00 | -           |                  | 5 09-14 10:59                          | a5   | a5   | a5   | a5   | o    | a5   | a5
C17 |       | B       |             |             | 09-17 10:00 |                  | 2 09-17 12:00                          | o    | o    | a2   | o    | a2   | o    | a2
C18 |       | C       |             |             | 09-18 10:00 |                  | 5 09-18 11:00                          | a5   | a5   | a5   | a5   | a5   | a5   | a5
V19 | 0231  | D       | 09-07 09:00 | 09-07 09:10 | -           |                  | 3 09-07 09:09                          | a3   | a3   | a3   | a3   | o    | a3   | a3
C19 |       | D       |             |             | 09-14 10:00 | accepted in 5    | 1 09-13 12:00                          | a1   | o    | a1   | o    | a1   | o    | a1
C20 |       | E       |             |             | -           | due 09-18        | 1 09-20 12:00                          | a1   | o    | o    | o    | o    | o    | o
V21 | 0232  |         | 09-21 09:50 | 09-21 10:00 | 09-21 10:00 | consulting       | 5 09-21 09:59                          | o    | o    | a5   | a5   | a5   | a5   | a5
V22 | 0232  |         | 09-21 10:50 | 09-21 11:00 | -           | no_show          |                                        | o    | o    | o    | o    | o    | o    | o
V23 | 0232  |         | 09-21 11:50 | 09-21 12:00 | 09-21 12:00 | not rateable     | 1 09-21 11:59                          | o    | o    | o    | o    | o    | o    | o
V24 | 0232  |         | 09-22 09:50 | 09-22 10:00 | 09-22 10:00 | theme of 2       | 4 09-22 09:58                          | a4   | a4   | a4   | a4   | a4   | a4   | a4
P24 |       |         | 09-22 09:50 | 09-22 10:00 | 09-22 10:00 | part of V24      | 1 09-22 12:00                          | o+s  | o+s  | o+s  | o+s  | o+s  | o+s  | o+s
V25 | 0231  |         | 09-03 09:50 | 09-03 10:00 | 09-03 10:00 |                  | 5 09-04 09:59:59                       | a5   | a5   | a5   | a5   | a5   | a5   | a5
V26 | 0231  |         | 09-03 09:50 | 09-03 10:00 | 09-03 10:00 |                  | 5 09-04 10:00:00                       | a5   | a5   | a5   | a5   | a5   | a5   | a5
V27 | 0231  |         | 09-03 09:50 | 09-03 10:00 | 09-03 10:00 |                  | 5 09-03 10:30                          | a5   | a5   | a5   | a5   | a5   | a5   | a5
V28 | 0232  |         | 09-23 09:50 | 09-23 10:00 | 09-23 10:00 | uninvited        |                                        | u    | d4   | d3   | w    | w    | d3   | d3
V29 | 0232  |         | 09-24 09:50 | 09-24 10:00 | 09-29 10:00 |                  | 4 10-05 10:00                          | a4   | d4+l | d3+l | a4   | a4   | d3+l | d3+l
S30 |       |         | 09-25 09:50 | 09-25 10:00 |             |                  | 1 09-25 09:59                          | a1   | a1   | a1   | a1   | a1   | a1   | a1
"""  # noqa: E501

# num, den (for the score: sum, n), counted by hand from the columns; `*`: the excluded counted.
FIGURES = {
    # 第八条 10/8/6/3/0 over visits with staff (第六条): six 5 (V15 has no staff), four 4, two 3,
    # four 2, two 1: 60 + 32 + 12 + 12 + 0. 第二十四条 names the rates; 好评 is 5 and 4, ours.
    "qinnan": {
        "score": (116, 18),
        "score*": (119, 20),  # decision 7: 1 and 2 excluded, shown both ways
        "visit_good_rate": (11, 19),
        "visit_good_rate*": (11, 21),
        "matter_good_rate": (1, 3),  # C18; C19 and C20 were rated overdue (第十七条第三款)
        "matter_good_rate*": (1, 3),
        "active_good_rate": (12, 22),
        "active_good_rate*": (12, 24),
        "unrated_rate": (3, 27),  # V07, V09, V28 (第十七条第二款)
        "rated_rate": (22, 27),
        "rated_rate*": (24, 27),
        "uninvited_rate": (1, 24),
    },
    # 五: five defaults of 满意; 十三: one excluded, by appeal alone; by article, so shown once.
    "fujian": {
        "active_good_rate": (10, 19),
        "good_rate": (15, 24),
        "rated_rate": (19, 25),
        "uninvited_rate": (1, 24),
    },
    # 第十四条: five defaults of 基本满意, no 好评; 第十三条: each visit and the completion.
    "ezhou-norm": {
        "active_good_rate": (11, 21),
        "good_rate": (11, 26),
        "middle_rate": (2, 21),
        "bad_rate": (8, 21),
        "rated_rate": (21, 28),
        "uninvited_rate": (1, 24),
    },
    # No limit: what is not rated waits (V09, V28), what was rated late elsewhere counts.
    "national": {
        "active_good_rate": (14, 22),
        "active_good_rate*": (14, 24),
        "good_rate": (14, 22),
        "good_rate*": (14, 24),
        "rated_rate": (22, 26),
        "rated_rate*": (24, 26),
        "uninvited_rate": (1, 25),
    },
    # 第四条 一事一评: no visit of a project, its completion instead (C16, C17, C19); 第二条:
    # consulting, too (V21). No limit. 第十条 has no 误评: V13 counts; V11 twice, by decision 7.
    "xinjiang-fire": {
        "active_good_rate": (13, 23),
        "active_good_rate*": (13, 24),
        "good_rate": (13, 23),
        "good_rate*": (13, 24),
        "rated_rate": (23, 26),
        "rated_rate*": (24, 26),
        "uninvited_rate": (1, 22),
    },
    # The summary: 7 natural days, then 基本满意, five times; nothing is an article: shown twice.
    "guangdong": {
        "active_good_rate": (11, 19),
        "active_good_rate*": (11, 21),
        "good_rate": (11, 24),
        "good_rate*": (11, 26),
        "rated_rate": (19, 26),
        "rated_rate*": (21, 26),
        "uninvited_rate": (1, 25),
    },
    # As the norm (规范 第十三条、第十四条); what is another's are the limits of its cases.
    "ezhou-plan": {
        "active_good_rate": (11, 21),
        "good_rate": (11, 26),
        "middle_rate": (2, 21),
        "bad_rate": (8, 21),
        "rated_rate": (21, 28),
        "uninvited_rate": (1, 24),
    },
}


@dataclass
class Row:
    service: Service
    staff: str | None
    ratings: list[Rating]
    decisions: list[Decision]
    expected: dict[str, str]
    project: Project | None = None
    family: Family | None = None


@dataclass
class Month:
    rows: list[Row] = field(default_factory=list)
    year: int = 2026

    def standings(self, policy: Policy) -> list[Standing]:
        """All rows on 1 December."""
        return [
            stand(
                policy,
                CALENDAR,
                *(row.service, row.ratings, row.decisions, at(f"{self.year}-12-01 00:00")),
                *(row.project, row.family),
            )
            for row in self.rows
        ]

    def counters(self, policy: Policy) -> dict[Key, tuple[int, int]]:
        """What they add up to."""
        total: dict[Key, tuple[int, int]] = {}
        for row, standing in zip(self.rows, self.standings(policy)):
            place = Attributed("demo", "w1", staff=row.staff, matter=row.service.task_code)
            for key, (n, projects) in contributions(policy, standing, row.service, place).items():
                before = total.get(key, (0, 0))
                total[key] = (before[0] + n, before[1] + projects)
        return total


def read_month(
    table: str = TABLE, year: int = 2026, profiles: tuple[str, ...] = PROFILES
) -> Month:
    """A table such as the one above, in that year; its last columns are of these profiles."""
    rows = [_row(line, year, profiles) for line in table.strip().splitlines()[1:]]
    by_project: dict[str, list[Row]] = {}
    for row in rows:
        if row.service.project_no:
            by_project.setdefault(row.service.project_no, []).append(row)
    for of in by_project.values():
        done = next((row.service for row in of if row.service.mode == "per_matter"), None)
        seen = [row for row in of if row.service.mode == "per_visit"]
        for row in seen:
            if done is not None and row.service.finished_ms is None:
                row.service = replace(row.service, completed_ms=done.finished_ms)
        visits = tuple(
            Visit(one.service, one.opened_ms, one.closed_ms, one.finished_ms, one.kind)
            for one in (row.service for row in seen)
        )
        for row in of:
            row.project = Project(visits, done is not None)
    for row in rows:
        theme = row.service.part_of or row.service.service
        whole = [one for one in rows if one.service.service == theme]
        parts = [one for one in rows if one.service.part_of == theme]
        if parts:
            row.family = Family(
                (Side(whole[0].service, tuple(whole[0].ratings), whole[0].project),),
                tuple(Side(part.service, tuple(part.ratings), part.project) for part in parts),
            )
    return Month(rows, year)


def _row(line: str, year: int, profiles: tuple[str, ...]) -> Row:
    def instant(written: str) -> int | None:
        return at(f"{year}-{written}") if written not in ("", "-") else None

    name, staff, project, opened, closed, finished, about, rated, *expected = (
        cell.strip() for cell in line.split("|")
    )
    is_completion, is_part, is_form = (name.startswith(one) for one in "CPS")
    words = about.split()
    more: dict = {"rateable": about != "not rateable", "projects": 1}
    if about == "consulting":
        more["needs_application"] = False
    if about == "no_show":
        more["no_show_ms"] = instant(closed)
    if about.startswith(("batch", "theme")) or about == "agent":
        more["kind"] = words[0]
        more["projects"] = int(words[-1]) if len(words) > 1 else 1
    if is_part:
        more["part_of"] = words[-1]
    if "@" in about:
        participant, _, matter = about.partition("@")
        more |= {"participant": participant or None, "task_code": matter or None}
    if about.startswith("due"):
        more["due_day"] = int(f"{year}{words[1].replace('-', '')}")
    if about.startswith("accepted"):
        more["accepted_ms"] = instant("09-07 09:00")
        more["promised"] = Limit(n=int(words[-1]), unit="working_days")
    if not (is_completion or is_part or is_form):
        more["sends"] = SENDS
        more["invited_ms"] = None if about == "uninvited" else instant(opened)
    service = Service(
        "demo",
        f"done-{name}" if is_completion else name,
        "per_matter" if is_completion or is_part else "survey" if is_form else "per_visit",
        project_no=project or None,
        staff_no=staff or None,
        opened_ms=instant(opened),
        closed_ms=instant(closed),
        finished_ms=instant(finished),
        **more,
    )
    ratings, decisions = [], []
    for n, text in enumerate(one for one in rated.split(";") if one.strip()):
        level, day, clock, *rest = text.split()
        rated_ms = instant(f"{day} {clock}")
        assert rated_ms is not None
        reasons = tuple(int(word) for word in rest if word.isdecimal())
        id = f"{name}.{n}"
        origin = next((word for word in rest if word in get_args(Origin)), "device")
        told = {"named": "named" in rest, "reasons": reasons, "origin": origin}
        ratings.append(Rating(id, int(level), rated_ms, rated_ms, **told))
        words = ("named", origin)
        whats = [word for word in rest if not word.isdecimal() and word not in words]
        decisions += [Decision(id, what, n, n) for n, what in enumerate(whats)]  # type: ignore[arg-type]
    return Row(service, staff or None, ratings, decisions, dict(zip(profiles, expected)))
