"""A province's fortnight as its halls, business systems and offices send it, in any order: into a
real centre, and into the evidence of slow_figures.py beside it.

Instants lie ten minutes and more from each other and from any midnight, so that no order of coming
decides what is in time: a device's clock may be wrong by minutes after weeks (moment.DRIFT_PPM).
What is told of a theme and of its parts comes together, so that all of it has one limit.
"""

import json
import random
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from central_hall import Clock, Hall, document
from slow_figures import Evidence

from central.directory.importer import Importer, Options
from central.directory.reading import Table, read_lines
from central.ratings.judge import Judge
from central.ratings.versions import accept, begin, load_rules
from central.rules.calendar import Calendar
from central.rules.policy import SHIPPED
from central.steady import PlainClock
from central.store import sql
from central.store.database import Database
from central.store.judged import facts
from central.store.tables import metadata
from hosting.clock import CHINA
from protocol.batch import EnvelopeItem, Matter, Progress, ProgressItem

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
_CODES = {5: 510, 4: 406, 3: 307, 2: 214, 1: 115}


def at(written: str) -> int:
    """Epoch milliseconds of an instant in China."""
    return round(datetime.fromisoformat(written).replace(tzinfo=CHINA).timestamp() * 1000)


FIRST = at("2026-09-01 00:00")
LAST = at("2026-10-25 12:00")  # by then all has come
_HALL = ["大厅编号", "名称", "适用规则", "机构", "报送进度", "生效日期"]
_WINDOW = ["大厅", "窗口编号", "名称", "适用规则", "机构", "条线", "生效日期"]
_STAFF = ["大厅", "工号", "名称", "机构", "生效日期"]
_MATTER = ["事项编码", "名称", "条线", "可评价", "依申请", "生效日期"]
SHEETS = {
    "条线": [["条线编号", "名称"], ["fire", "消防"], ["tax", "税务"]],
    "机构": [["机构编号", "名称", "条线"], ["ia", "甲局", ""], ["ib", "乙局", "fire"]],
    "大厅": [
        _HALL,
        ["demo", "大厅", "ezhou qinnan", "ia", "", ""],
        ["town", "镇", "", "", "closed finished", ""],
    ],
    "窗口": [
        _WINDOW,
        ["demo", "w1", "1号窗口", "qinnan fujian", "ib", "", ""],
        ["demo", "w2", "2号窗口", "", "", "tax", ""],
        # A fire window of a government hall; the plan is in force no more.
        ["demo", "w3", "3号窗口", "guangdong xinjiang-fire ezhou-plan", "ib", "fire", ""],
        ["town", "w1", "1号窗口", "", "", "", ""],
    ],
    "人员": [
        _STAFF,
        ["demo", "0231", "王芳", "ia", ""],
        ["demo", "0232", "李强", "", "2026-08-01"],
    ],
    "事项": [
        _MATTER,
        ["t1", "一", "fire", "", "", ""],
        ["t2", "二", "", "", "否", ""],
        ["t3", "三", "", "否", "", ""],
    ],
}
# What offices change later: a number given to another person, a window's rules and institution
# corrected for the past, a matter that is not rated any more.
CHANGES = (
    {"人员": [_STAFF, ["demo", "0231", "赵敏", "ib", "2026-09-09"]]},
    {"窗口": [_WINDOW, ["demo", "w2", "2号窗口", "fujian", "ib", "", "2026-09-10"]]},
    {"事项": [_MATTER, ["t1", "一", "fire", "否", "", "2026-09-10"]]},
    {"大厅": [_HALL, ["town", "镇", "qinnan", "", "", "2026-09-08"]]},
    {"人员": [_STAFF, ["demo", "0232", "李强", "ib", "2026-08-01"]]},
)
_IMPORTED = 20260830
_SERVICE = metadata.tables["service"]


class Happening(NamedTuple):
    """Something that is sent. at_ms: when it happened; it comes then or later."""

    at_ms: int
    what: str
    value: Any


class Plan:
    """What happens: the same of one seed. services: how many visits and matters there are.
    is_shared: some have several projects, or another hall's number, besides.
    """

    def __init__(self, seed: int, services: int = 24, is_shared: bool = True) -> None:
        self._seed, self._random = seed, random.Random(seed)
        self.happenings: list[Happening] = []
        self.writes: list[tuple[int, str, dict[str, Any]]] = []  # at, device, of a rating
        for n in range(services):
            self._service(n)
        if is_shared:
            for n in range(services // 2):
                self._shared(n)
        for n, change in enumerate(CHANGES):
            self._add(FIRST + (5 + 3 * n) * DAY, "directory", change)
        self._add(FIRST + 12 * DAY, "version", "qinnan/2026-09-08")
        self._add(FIRST + 20 * DAY, "calendar", {date(2026, 9, 16): False})
        self._add(FIRST + 9 * DAY, "approve", "demo-w2-p")
        self._add(FIRST + 8 * DAY, "revoke", "demo-w1-r")

    def _add(self, at_ms: int, what: str, value: Any) -> None:
        self.happenings.append(Happening(at_ms, what, value))

    def _service(self, n: int) -> None:
        rng = self._random
        places = [("demo", "w1"), ("demo", "w2"), ("demo", "w3"), ("town", "w1")]
        hall, window = rng.choices(places, [4, 4, 4, 3])[0]
        opened = FIRST + rng.randrange(16) * DAY + rng.randrange(9, 17) * HOUR
        kind = rng.choices(
            ["single", "batch", "agent", "theme", "done", "overdue", "stub", "gone"],
            [10, 2, 6, 3, 3, 4, 2, 2],
        )[0]
        service, number = f"01S{n:03}", f"P{n:03}"
        if kind in ("done", "overdue"):
            return self._matter(n, hall, window, opened, kind)
        closed = opened + 20 * MINUTE
        became = {"closed": closed} if rng.random() < 0.9 or kind == "theme" else {}
        if kind == "theme" or rng.random() < 0.6:
            became["finished"] = closed
        elif rng.random() < 0.5:
            became["finished"] = opened + rng.randrange(1, 6) * DAY + 40 * MINUTE
        if rng.random() < 0.7:
            became["invited"] = opened
        if rng.random() < 0.1:
            became["expired"] = closed
        if kind == "gone":
            became[rng.choice(["no_show", "transferred"])] = opened + 10 * MINUTE
        numbers = [number, f"{number}b", f"{number}c"][: rng.randrange(2, 4)]
        about = {"batch": numbers, "agent": [number]}.get(kind, rng.choice([[], [number]]))
        if kind in ("gone", "theme"):
            about = []
        task = rng.choice(["t1", "t1", "t2", "t3", None])
        matters = tuple(Matter(one, 1, task, None) for one in about)
        if not matters and task is not None:
            matters = (Matter(None, None, task, None),)
        told = "single" if kind in ("gone", "stub") else kind
        item, name = document(
            **{"service": service, "hall": hall, "window": window, "kind": told},
            **{"ticket_no": "A1", "staff_no": rng.choice(["0231", "0232", None])},
            **{"matters": matters, "opened_at_ms": opened},
        )
        before = len(self.happenings)
        if kind != "stub":
            self._add(opened, "document", item)
            for what, at_ms in became.items():
                projects = tuple(about[:1]) if what == "finished" and len(about) > 1 else ()
                word = Progress(hall, service, what, at_ms, None, projects)
                self._add(at_ms, "progress", word)
        ratings = rng.choice([0, 0, 1, 1, 1, 2]) + (kind == "stub")
        self._rate(service, hall, window, opened, name, ratings)
        if about and "finished" not in became and rng.random() < 0.7:
            self._complete(about[0], hall, None, opened + rng.randrange(1, 9) * DAY, None, n)
        elif about and window == "w3" and "finished" in became:  # who was served knows that alone
            self._complete(about[0], hall, None, became["finished"], None, n)
        if kind == "theme":
            told = [one for one in self.happenings[before:] if one.what != "matter"]
            del self.happenings[before:]
            for part in ("a", "b"):
                row = {"hall": hall, "service": f"{service}{part}", "mode": "per_matter"}
                row |= {"part_of": service, "window": window, "opened": opened}
                row |= {"became": {"closed": closed, "finished": closed}, "numbers": []}
                told.append(Happening(closed, "matter", row))
                self._rate(row["service"], hall, window, opened, None, rng.choice([0, 0, 1]))
            self._add(closed, "together", told)  # whole and parts have one limit

    def _shared(self, n: int) -> None:
        """A visit with several projects of which the second is completed and rated by itself, and
        a visit in the other hall that names the same number.
        """
        rng = self._random = random.Random(f"{self._seed} shared {n}")
        halls = rng.sample([("demo", "w1"), ("town", "w1")], 2)
        opened = FIRST + rng.randrange(12) * DAY + rng.randrange(9, 17) * HOUR
        numbers = [f"Q{n:03}", f"Q{n:03}b", f"Q{n:03}c"]
        for m, (hall, window) in enumerate(halls[: rng.randrange(1, 3)]):
            service, about = f"01T{n:03}{m}", numbers if m == 0 else numbers[1:2]
            item, name = document(
                **{"service": service, "hall": hall, "window": window, "kind": "batch"},
                **{"ticket_no": "A1", "staff_no": "0231", "opened_at_ms": opened + m * HOUR},
                **{"matters": tuple(Matter(one, 1, "t1", None) for one in about)},
            )
            self._add(opened + m * HOUR, "document", item)
            closed = opened + m * HOUR + 20 * MINUTE
            self._add(closed, "progress", Progress(hall, service, "closed", closed, None, ()))
            if rng.random() < 0.5:
                some = tuple(rng.sample(about, rng.randrange(0, len(about))))
                word = Progress(hall, service, "finished", closed, None, some)
                self._add(closed, "progress", word)
            self._rate(service, hall, window, opened, name, rng.choice([0, 1]))
        hall, window = halls[0]
        done = opened + rng.randrange(1, 6) * DAY + 40 * MINUTE
        name = self._complete(numbers[1], hall, None, done, None, 10_000 + n)
        self._rate(name, hall, window, opened, None, rng.choice([1, 1, 2]))

    def _matter(self, n: int, hall: str, window: str, opened: int, kind: str) -> None:
        rng = self._random
        last_day = datetime.fromtimestamp(opened / 1000, CHINA) + timedelta(rng.randrange(1, 5))
        due = int(f"{last_day:%Y%m%d}") if kind == "overdue" else None
        finished = opened + rng.randrange(1, 20) * DAY + 40 * MINUTE
        is_finished = kind == "done" or rng.random() < 0.5
        finished = finished if is_finished else None
        seat = window if window == "w3" else None  # its matters are the fire service's
        name = self._complete(f"P{n:03}", hall, opened, finished, due, n, seat)
        self._rate(name, hall, window, opened, None, rng.choice([0, 1, 1, 2]))

    def _complete(self, number, hall, accepted, finished, due_day, n, window=None) -> str:
        """A business system's word on a project: that it is open, and that it is finished."""
        name = f"done-{n:032x}"
        row = {"hall": hall, "service": name, "mode": "per_matter", "numbers": [number]}
        row |= {"accepted": accepted, "due_day": due_day, "became": {}}
        who = random.Random(f"who {n}").choice([None, *range(5)])
        row["window"] = window
        row["participant"] = None if who is None else f"{who:032x}"
        if accepted is not None:
            self._add(accepted, "matter", row)
        if finished is not None:
            self._add(finished, "matter", {**row, "became": {"finished": finished}})
        return name

    def _rate(self, service, hall, window, opened, facts_name, count: int) -> None:
        rng = self._random
        for _ in range(count):
            later = rng.choice([0, 0, 0, 1, 2, 4, 5, 6, 7, 8, 12])
            at_ms = opened + later * DAY + (rng.randrange(-1, 3) * HOUR if later else 0)
            device = f"{hall}-{window}-{rng.choice('aab')}"
            if rng.random() < 0.2 and (hall, window) in (("demo", "w1"), ("demo", "w2")):
                device = f"demo-{window}-{'r' if window == 'w1' else 'p'}"
            elif rng.random() < 0.15:
                device = f"{hall}-{window}-u"
            level = rng.randrange(1, 6)
            said = {"service": service, "level": level, "facts": facts_name or "0" * 64}
            said |= {"ticket_no": "A1", "codes": rng.choice([None, None, (_CODES[level],)])}
            self.writes.append((at_ms + 10 * MINUTE, device, said))


class World:
    """A centre, and the evidence of all that came to it."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.clock = Clock()
        self.clock.ms = FIRST - 2 * DAY
        self.evidence = Evidence()
        self.halls = {name: Hall(folder, name, database, self.clock) for name in ("demo", "town")}
        for hall in self.halls.values():
            hall.is_judged = False
        self.database = database
        self.importer = Importer(database, self.halls["demo"].devices, self.clock)
        self._folder, self._days = folder, {}
        self._revoked: set[str] = set()
        self._stored_ms: dict[str, int] = {}
        self._profiles: Path | None = None
        self._matters: dict[str, dict[str, Any]] = {}
        self._pens = {}
        self.halls["demo"].halls.add_window("demo", "w2", "2号窗口")
        self.halls["demo"].halls.add_window("demo", "w3", "3号窗口")
        for place in ("demo-w1", "demo-w2", "demo-w3", "town-w1"):
            hall, window = place.split("-")
            for n in "abu":
                self._pens[f"{place}-{n}"] = self.halls[hall].enrol(f"{place}-{n}", window)
        self._pens["demo-w1-r"] = self.halls["demo"].enrol("demo-w1-r", "w1")
        pen = self._pens["demo-w2-p"] = self.halls["demo"].enrol_by_bench("demo-w2-p", "w2")
        self.evidence.held.add((pen.device, pen.epoch))
        self._start()
        self._bring(SHEETS)
        self.clock.ms = FIRST

    def _start(self) -> None:
        """The centre starts, by the rules that stand beside it now."""
        rules = load_rules("national", self._profiles)
        rules = rules._replace(calendar=Calendar(self._days))
        for profile in rules.policies.profiles():  # the version may be of a day that is over
            accept(self.database, rules, profile, self.clock())
        begin(self.database, rules, self.clock())
        self.judge = Judge(self.database, rules, PlainClock(self.clock))

    def signed(self, writes) -> list[Happening]:
        """Devices sign what was given to them, in the order of time."""
        found = []
        for at_ms, device, said in sorted(writes, key=lambda one: one[:2]):
            pen = self._pens[device]
            said = dict(said)
            codes = said.pop("codes")
            clock = {"at": None if device.endswith("u") else at_ms, "up_ms": at_ms - FIRST + DAY}
            found.append(Happening(at_ms, "envelope", (device, pen.rating(**clock, **said))))
            found += self._decided(device, said["service"], at_ms)
            if codes is not None:
                clock["up_ms"] += 1000
                clock["at"] = clock["at"] and clock["at"] + 1000
                reasons = pen.reasons(pen.seq, codes=codes, catalogue=1, **clock)
                found.append(Happening(at_ms + 1000, "envelope", (device, reasons)))
        for device, pen in self._pens.items():
            if device.endswith("u"):  # it hears the time at last
                at_ms = LAST - DAY
                text = pen.selftest(at=at_ms, up_ms=at_ms - FIRST + DAY)
                found.append(Happening(at_ms, "envelope", (device, text)))
        return found

    def _decided(self, device: str, service: str, at_ms: int) -> list[Happening]:
        """What people decide about a third of the ratings, and sometimes otherwise a day later."""
        rng, pen = random.Random(f"{service} {at_ms}"), self._pens[device]
        if rng.random() > 0.35:
            return []
        rating = f"{device}.{pen.epoch}.{pen.seq:010}"
        what = rng.choice(["mistaken", "malicious", "appeal_upheld", "fabricated"])
        whats = [what, *rng.choice([[], [], ["restored"], ["restored", what]])]
        place = (device.split("-")[0], service, rating)
        days = [(at_ms + (n + 1) * DAY, one) for n, one in enumerate(whats)]
        return [Happening(when, "decision", (*place, one, when)) for when, one in days]

    def take(self, one: Happening) -> None:
        """It comes now."""
        getattr(self, f"_take_{one.what}")(one.value)

    def _take_together(self, told: list[Happening]) -> None:
        for one in told:
            self.take(one)

    def _take_document(self, item) -> None:
        hall = "town" if '"hall":"town"' in item.facts else "demo"
        (verdict,) = self.halls[hall].post(item).verdicts
        assert verdict.verdict in ("stored", "duplicate"), verdict
        self.evidence.documents.append(item.facts)

    def _take_progress(self, word: Progress) -> None:
        self.halls[word.hall].post(ProgressItem(word))
        self.evidence.progress.append((*word[:4], list(word.projects)))

    def _take_envelope(self, value) -> None:
        device, text = value
        hall, window, _ = device.split("-")
        item = EnvelopeItem(text, self.clock(), window, None, ())
        (verdict,) = self.halls[hall].post(item).verdicts
        assert verdict.verdict in ("stored", "duplicate"), verdict
        if verdict.verdict == "stored":
            self._stored_ms[text] = self.clock()

    def _take_matter(self, row: dict[str, Any]) -> None:
        """As a business system says it: the first word on each instant stays."""
        before = self._matters.get(row["service"], {"became": {}})
        told = {**row, "became": {**row["became"], **before["became"]}}
        if told not in self.evidence.matters:
            self.evidence.matters = [
                one for one in self.evidence.matters if one["service"] != row["service"]
            ] + [told]
        self._matters[row["service"]] = told
        place = (row["hall"], row["service"])
        values = {"hall": row["hall"], "service": row["service"], "mode": row["mode"]}
        values |= {"kind": "single", "channel": "web", "projects": 1, "window": row.get("window")}
        values |= {"part_of": row.get("part_of"), "opened_at_ms": row.get("opened")}
        values |= {"accepted_at_ms": row.get("accepted"), "due_day": row.get("due_day")}
        values |= {"project_no": (row["numbers"] or [None])[0], "stored_at_ms": self.clock()}
        values["participant"] = row.get("participant")
        values |= {f"{what}_at_ms": ms for what, ms in told["became"].items()}
        with self.database.write() as connection:
            sql.run(connection, "DELETE FROM service WHERE hall = ? AND service = ?", [place])
            sql.insert_many(connection, _SERVICE, tuple(values), [tuple(values.values())])
            facts.add_projects(connection, [(one, *place) for one in row["numbers"]])
            facts.touch(connection, {place}, self.clock())

    def _take_decision(self, value) -> None:
        hall, service, rating, what, at_ms = value
        with self.database.write() as connection:
            told = (hall, service, rating, what, at_ms, "test")
            facts.add_decision(connection, told, self.clock())
        self.evidence.decisions.append((rating, what, at_ms))

    def _take_directory(self, sheets) -> None:
        self._bring(sheets)

    def _take_version(self, name: str) -> None:
        """钦南 has a limit of two working days from then on."""
        self._profiles = self._folder / "profiles"
        path = self._profiles / f"{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = (SHIPPED / "qinnan" / "2022-06-07.toml").read_text("utf-8")
        text = text.replace("valid_from = 2022-06-07", f"valid_from = {path.stem}")
        path.write_text(text.replace('n = 5, unit = "working', 'n = 2, unit = "working'), "utf-8")
        first_day = int(path.stem.replace("-", ""))
        self.evidence.versions = [("qinnan", first_day, {"days": 2})]
        self._start()

    def _take_calendar(self, days: dict[date, bool]) -> None:
        self._days |= days
        self.evidence.days = {**self._days}
        self._start()

    def _take_approve(self, device: str) -> None:
        pen = self._pens[device]
        if (device, pen.epoch) in self.evidence.held:
            self.halls["demo"].approval.approve([device])
            self.evidence.held.discard((device, pen.epoch))

    def _take_revoke(self, device: str) -> None:
        if device not in self._revoked:
            self._revoked.add(device)
            self.halls["demo"].revoke(device, FIRST + 8 * DAY, "stolen")

    def gathered(self) -> Evidence:
        """The evidence so far: envelopes with the times that the centre gave them."""
        self.evidence.records = []
        for row in self.halls["demo"].records():
            text = row["envelope"]
            device = json.loads(text.rpartition("\n")[0])["device"]
            times = (self._stored_ms[text], row["rated_at_ms"], row["rated_error_ms"] or 0)
            is_void = "signed_after_revocation" in row["marks"]
            self.evidence.records.append((text, self._pens[device].key, *times, is_void))
        return self.evidence

    def counted(self):
        """(what each service counts as, what all add up to), as the judge has written it."""
        with self.database.read() as connection:
            names = "profile, hall, service, state, level, rating, late, second, day, end_ms,"
            query = f"SELECT {names} reminded FROM standing"
            stands = {row[:3]: tuple(row[3:]) for row in connection.exec_driver_sql(query)}
            key = "profile, span, dim, hall, id, mode, what"
            sums = "SUM(ratings), SUM(projects)"
            query = f"SELECT {key}, {sums} FROM figure GROUP BY {key}"
            rows = connection.exec_driver_sql(query).all()
        return stands, {tuple(row[:7]): tuple(row[7:]) for row in rows if any(row[7:])}

    def _bring(self, sheets) -> None:
        tables = [
            Table("名录.xlsx", title, [(n, [*row]) for n, row in enumerate(rows, 1)])
            for title, rows in sheets.items()
        ]
        lines, faults = read_lines(tables)
        assert not faults
        self.importer.carry_out(lines, Options(corrects=True))
        for line in lines:
            values = line.values
            row = {"kind": line.kind.kind, "id": line.id, **values}
            was_there = line.kind.kind in ("hall", "window")  # from the import on, then
            row["first_day"] = values.get("first_day") or (_IMPORTED if was_there else 0)
            if row["kind"] in ("hall", "window") and row["profiles"]:
                names = row["profiles"].split()
                row["profiles"] = " ".join("ezhou-norm" if n == "ezhou" else n for n in names)
            same = (row["kind"], row["id"], row["first_day"])
            self.evidence.directory = [
                one
                for one in self.evidence.directory
                if (one["kind"], one["id"], one["first_day"]) != same
            ] + [row]
