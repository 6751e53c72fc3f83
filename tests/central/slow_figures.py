"""Figures the slow way: every service by itself, from what was sent, in the order of the articles.

Shares no code with central/rules or central/ratings, and reads none of their tables: envelopes are
split and opened here (protocol/README.md), documents and progress are read as halls sent them, the
profiles are written again from their texts. When a rating was given is custody's word
(DESIGN 8), so that is taken from GET /v1/records.
"""

import hashlib
import hmac
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

HOUR, DAY = 3_600_000, 86_400_000
# As of September 2026, but for 鄂州's plan, which ended.
PROFILES: dict[str, dict[str, Any]] = {
    "qinnan": {
        "days": 5,  # 第十七条第二款: 5 working days
        "working": True,
        "from": "finished",  # 事项办结后
        "default": None,  # 未评
        "remind": 24,  # 第十七条第一款
        "both": False,
        "agent_after": False,
        "overdue": True,  # 第十七条第三款
        "on_application": True,  # 第四条
        "excluding": {"mistaken", "malicious", "fabricated"},
        "reason": {2, 1},  # 第十八条
    },
    "fujian": {
        "days": 7,  # 五: 7 natural days
        "working": False,
        "from": "closed",
        "default": 4,
        "remind": None,
        "both": False,
        "agent_after": False,
        "overdue": False,
        "on_application": True,  # 二
        "excluding": {"appeal_upheld", "fabricated"},  # 十三
        "reason": set(),
    },
    "ezhou-norm": {
        "days": 7,  # 第十四条
        "working": False,
        "from": "closed",
        "default": 3,
        "remind": 0,  # 第十二条
        "both": True,  # 第十三条
        "agent_after": True,
        "overdue": False,
        "on_application": False,
        "excluding": {"mistaken", "malicious", "fabricated"},  # 第十五条
        "reason": set(),
    },
    "national": {
        "days": None,
        "working": False,
        "from": None,
        "default": None,
        "remind": None,
        "both": False,
        "agent_after": False,
        "overdue": False,
        "on_application": False,
        "excluding": {"mistaken", "malicious", "fabricated"},
        "reason": set(),
    },
}
# The summary's 7 natural days and 基本满意; else one service, one rating.
PROFILES["guangdong"] = PROFILES["national"] | {"days": 7, "from": "closed", "default": 3}
# 第四条: no visit of a project by itself. 第十条: no 误评. 第十二条: who took part is counted.
PROFILES["xinjiang-fire"] = PROFILES["national"] | {
    **{"visits": False, "excluding": {"malicious", "fabricated"}, "participants": True},
}
PROFILES["ezhou-plan"] = PROFILES["ezhou-norm"] | {"until": 20211231}  # 三
# 国办发明电: off and worked days of 2026 from September on that are not as the week has them.
OFF = {date(2026, 9, day) for day in (25,)} | {date(2026, 10, day) for day in range(1, 8)}
WORKED = {date(2026, 9, 20), date(2026, 10, 10)}
ALL_PROGRESS = "invited expired accepted closed finished transferred no_show"


@dataclass
class Evidence:
    """All that was sent and said, in the order of its coming.

    documents: texts. progress: (hall, service, what, at_ms, projects). matters: rows of business
    systems. records: (envelope, device key, stored_ms, rated_at_ms, rated_error_ms, void). held:
    ratings, by id, of devices that nobody has approved yet. decisions: (rating, what, at_ms).
    directory: rows with kind, id, first_day and what holds. days: by an operator's calendar, True
    for worked. versions: (profile, first day, what it changes).
    """

    documents: list[str] = field(default_factory=list)
    progress: list[tuple[str, str, str, int, list[str]]] = field(default_factory=list)
    matters: list[dict[str, Any]] = field(default_factory=list)
    records: list[tuple[str, bytes, int, int | None, int, bool]] = field(default_factory=list)
    held: set[tuple[str, int]] = field(default_factory=set)
    decisions: list[tuple[str, str, int]] = field(default_factory=list)
    directory: list[dict[str, Any]] = field(default_factory=list)
    days: dict[date, bool] = field(default_factory=dict)
    versions: list[tuple[str, int, dict[str, Any]]] = field(default_factory=list)


def count(evidence: Evidence, now_ms: int, profiles: dict[str, dict[str, Any]] | None = None):
    """(what each service counts as, by (profile, hall, service); what all add up to, by (profile,
    span, dim, hall, id, mode, what)).
    """
    services = _services(evidence)
    stands, total = {}, defaultdict(Counter)
    for place, one in services.items():
        speaks = (one["told"], one["became"], one["opened"], one["accepted"], one["due_day"])
        if not any(speaks) and not any(r["counts"] or r["held"] for r in one["ratings"]):
            continue  # only ratings that do not count speak of it
        for name in _profiles_at(evidence, one, profiles or PROFILES):
            rules = {**(profiles or PROFILES)[name]}
            for profile, first_day, change in sorted(evidence.versions, key=lambda v: v[1]):
                if profile == name and first_day <= one["policy_day"]:
                    rules |= change
            found = _stand(evidence, rules, services, one, now_ms)
            stands[(name, *place)] = found
            adds = _adds(evidence, one, found)
            if rules.get("participants") and found["state"] == "active":
                in_hall = {what: n for (dim, _, what), n in adds.items() if dim == "hall"}
                who = one["participant"]
                adds.update({("participant", who, what): n for what, n in in_hall.items() if who})
            for (dim, id, what), n in adds.items():
                for span in {found["day"], found["day"] // 100, 0}:  # once in all, without day
                    key = (name, span, dim, one["hall"], id, one["mode"], what)
                    total[key]["ratings"] += n
                    total[key]["projects"] += n * one["projects"]
    return stands, {key: (both["ratings"], both["projects"]) for key, both in total.items()}


def _services(evidence: Evidence) -> dict[tuple[str, str], dict[str, Any]]:
    services: dict[tuple[str, str], dict[str, Any]] = {}

    def of(hall: str, service: str) -> dict[str, Any]:
        blank = {"hall": hall, "service": service, "mode": "per_visit", "kind": "single"}
        blank |= {"window": None, "staff": None, "numbers": [], "projects": 1, "task": None}
        blank |= {"opened": None, "accepted": None, "part_of": None, "due_day": None}
        blank["participant"] = None
        blank |= {"became": {}, "finishes": [], "ratings": [], "told": [], "about": set()}
        return services.setdefault((hall, service), blank)

    told: dict[str, dict[str, Any]] = {}
    for text in evidence.documents:
        said = json.loads(text)
        name = hashlib.sha256(text.encode()).hexdigest()
        if name not in told:
            told[name] = said
            one = of(said["hall"], said["service"])
            one["told"].append(name)
            one["about"] |= {m["project_no"] for m in said["matters"] if m["project_no"]}
    for hall, service, what, at_ms, projects in evidence.progress:
        one = of(hall, service)
        if what not in one["became"]:
            one["became"][what] = at_ms
            one["finishes"] = projects if what == "finished" else one["finishes"]
    for row in evidence.matters:
        one = of(row["hall"], row["service"])
        one.update({name: value for name, value in row.items() if name != "became"})
        one["became"] = dict(row["became"])
        one["about"] = set(row["numbers"])
    for rating in _ratings(evidence):
        one = of(rating["hall"], rating["service"])
        one["ratings"].append(rating)
        if not one["told"] and one["mode"] == "per_visit":
            one["window"] = one["window"] or rating["window"]
    for one in services.values():
        one["ratings"].sort(key=lambda rating: (rating["place"], rating["id"]))
        counting = [rating for rating in one["ratings"] if rating["counts"]]
        signed = counting[0]["facts"] if counting else None
        if one["told"]:
            said = told[signed if signed in one["told"] else one["told"][0]]
            numbers = [m["project_no"] for m in said["matters"] if m["project_no"]]
            one |= {"kind": said["kind"], "window": said["window"], "staff": said["staff_no"]}
            one |= {"opened": said["opened_at_ms"], "numbers": numbers}
            one["projects"] = max(1, len(said["matters"]))
            one["task"] = next((m["task_code"] for m in said["matters"] if m["task_code"]), None)
        one["number"] = one["numbers"][0] if one["numbers"] else None
        one["finished"] = one["became"].get("finished")
        if one["finishes"] and one["number"] and one["number"] not in one["finishes"]:
            one["finished"] = None
        described = [one["opened"], one["accepted"]]
        if one["mode"] == "per_matter":
            described.append(one["became"].get("finished"))
        rated = [rating["place"] for rating in counting or one["ratings"]][:1]
        known = [ms for ms in described if ms is not None]
        known = known or [min([*one["became"].values(), *rated])]
        one["policy_day"] = _day(known[0])
    for one in services.values():
        if one["participant"] is None and one["number"]:  # its project's business system knows
            people = {other["participant"] for other in _about(services, one["number"])}
            one["participant"] = next(iter(people - {None}), None)
    return services


def _about(services, number) -> list[dict[str, Any]]:
    return [one for one in services.values() if number in one["about"]]


def _ratings(evidence: Evidence) -> list[dict[str, Any]]:
    """The ratings, with what was answered after them."""
    found, answers = [], {}
    for envelope, key, stored_ms, rated_ms, error_ms, is_void in evidence.records:
        text = envelope.encode().rpartition(b"\n")[0]
        record = json.loads(text)
        if record["kind"] not in ("rating", "reasons"):
            continue
        hidden = text.replace(record["answer"].encode(), b"0" * 32)
        mask = hmac.new(key, b"answer\n" + hidden, hashlib.sha256).digest()
        plain = bytes(a ^ b for a, b in zip(bytes.fromhex(record["answer"]), mask))
        name = (record["device"], record["epoch"])
        if record["kind"] == "reasons":
            codes = [plain[n] << 8 | plain[n + 1] for n in range(0, 16, 2)]
            spoken = [code for code in codes if code]
            answers.setdefault((*name, record["of"]), []).append((record["seq"], spoken))
            continue
        at = stored_ms if rated_ms is None else rated_ms
        found.append(
            {
                "id": f"{record['device']}.{record['epoch']}.{record['seq']:010}",
                "key": (*name, record["seq"]),
                **{part: record[part] for part in ("service", "facts")},
                "level": plain[0],
                "place": at,
                "by": stored_ms if rated_ms is None else min(rated_ms - error_ms, stored_ms),
                "counts": not is_void and name not in evidence.held,
                "held": not is_void and name in evidence.held,
            }
        )
    for rating in found:
        hall, window = evidence_place(evidence, rating["key"][0])
        said = sorted(answers.get(rating["key"], []))
        rating |= {"hall": hall, "window": window, "codes": said[0][1] if said else []}
    return found


def evidence_place(evidence: Evidence, device: str) -> tuple[str, str]:
    """Where a device stands: its name says it here, HALL-WINDOW and more."""
    hall, window, *_ = device.split("-")
    return hall, window


def _stand(evidence, rules, services, one, now_ms) -> dict[str, Any]:
    valid = [rating for rating in one["ratings"] if rating["counts"]]
    held = [rating for rating in one["ratings"] if rating["held"]]
    end = _end(evidence, rules, services, one)
    begin = _begin(evidence, rules, services, one)
    in_time = [rating for rating in valid if end is None or rating["by"] < end]
    first = in_time[0] if in_time else None
    found = {"level": None, "rating": None, "late": 0, "second": 0, "end": end, "codes": []}
    found |= {"reminded": False, "day": _standing_day(one, begin, valid or held)}
    why = _out(evidence, rules, services, one, first, now_ms)
    if why is not None:
        if why in ("part", "whole"):
            found["second"] = len(valid)
        return found | {"state": "out", "why": why}
    if rules["remind"] is not None and begin is not None:
        hour = begin + rules["remind"] * HOUR
        before = [rating for rating in valid + held if rating["by"] < hour]
        found["reminded"] = hour <= now_ms and not before
    if first is not None:
        found |= {"level": first["level"], "rating": first["id"], "codes": first["codes"]}
        found |= {"second": len(valid) - 1, "state": "active"}
        known = rules["excluding"] | {"restored"}
        about = [d for d in evidence.decisions if d[0] == first["id"] and d[1] in known]
        if about and max(enumerate(about), key=lambda pair: (pair[1][2], pair[0]))[1][1] != (
            "restored"
        ):
            found["state"] = "excluded"
        found["missing"] = first["level"] in rules["reason"] and not first["codes"]
        return found
    found["late"] = len(valid)
    if end is None or now_ms < end or any(rating["by"] < end for rating in held):
        return found | {"state": "waiting"}
    if rules["default"] is None:
        return found | {"state": "unrated"}
    return found | {"state": "default", "level": rules["default"]}


def _completed(services, one) -> int | None:
    """When the business system finished the project of a service."""
    done = [
        other["became"]["finished"]
        for other in services.values()
        if other["service"].startswith("done-")
        and other["hall"] == one["hall"]
        and one["number"] in other["about"]
        and "finished" in other["became"]
    ]
    return min(done) if one["number"] and done else None


def _begin(evidence, rules, services, one) -> int | None:
    finished = one["finished"] or _completed(services, one)
    if one["mode"] == "per_matter" and not one["part_of"]:
        return finished
    if rules["from"] is None:
        return None
    closed = one["became"].get("closed")
    if rules["from"] == "finished":
        if finished:
            return finished
        if closed and "finished" in _sends(evidence, one):
            return None
        ours = [s for s in services.values() if s["hall"] == one["hall"]]
        project = [s for s in ours if one["number"] in s["about"] and one["number"]]
        if any(s["service"].startswith("done-") for s in project):
            return None
    return closed or one["opened"]


def _end(evidence, rules, services, one) -> int | None:
    begin = _begin(evidence, rules, services, one)
    if begin is None or rules["days"] is None:
        return None
    at, left = _date(begin), rules["days"]
    while left:
        at += timedelta(days=1)
        is_worked = (at.weekday() < 5 and at not in OFF) or at in WORKED
        left -= evidence.days.get(at, is_worked) if rules["working"] else 1
    after = at + timedelta(days=1)
    return round(datetime(after.year, after.month, after.day, tzinfo=UTC).timestamp() * 1000) - (
        8 * HOUR
    )


def _out(evidence, rules, services, one, first, now_ms) -> str | None:
    """Why it is no subject."""
    matter = _on(evidence, "matter", one["task"], one["policy_day"])
    if matter and matter.get("rateable") is False:
        return "not_rateable"
    if rules["on_application"] and matter and matter.get("needs_application") is False:
        return "no_application"
    if one["part_of"] or one["kind"] == "theme":
        why = _theme_out(evidence, rules, services, one, first)
        if why is not None or one["part_of"]:
            return why
    took_place = [
        other
        for other in services.values()
        if one["number"] and one["number"] in other["about"] and other["mode"] == "per_visit"
        if other["hall"] == one["hall"]  # a hall speaks of its own services
        if not {"no_show", "transferred"} & set(other["became"])
    ]
    on_the_spot = [
        other
        for other in took_place
        if "finished" in other["became"] and one["number"] in (other["finishes"] or other["about"])
    ]
    if one["mode"] == "per_matter":
        if rules["overdue"] and _rated_overdue(one, now_ms):
            return None
        if on_the_spot or (took_place and rules.get("visits", True) and not rules["both"]):
            return "counted_elsewhere"
        return None if one["finished"] else "unfinished"
    if not rules.get("visits", True) or (rules["agent_after"] and one["kind"] == "agent"):
        if one["number"] is None:
            if "closed" not in one["became"] and not one["finished"] and first is None:
                return "unfinished"
        elif not one["finished"] or one is not max(
            on_the_spot, key=lambda other: (other["opened"] or 0, other["service"])
        ):
            return "counted_elsewhere"
    if first is None:
        for what in ("transferred", "no_show"):
            if what in one["became"]:
                return what
    return None


def _rated_overdue(one, now_ms) -> bool:
    """Rated while overdue and unfinished, or before it was finished late."""
    valid = [rating for rating in one["ratings"] if rating["counts"]]
    if one["due_day"] is None or not valid:
        return False
    due = datetime.strptime(str(one["due_day"]), "%Y%m%d").replace(tzinfo=UTC)
    late_from = round(due.timestamp() * 1000) + DAY - 8 * HOUR
    finished = one["finished"]
    if finished is None:
        return late_from <= now_ms
    return late_from <= finished and any(rating["by"] < finished for rating in valid)


def _theme_out(evidence, rules, services, one, first) -> str | None:
    """第十六条, 第十三条: the rating made first decides whether whole or parts are rated."""
    whole = one["part_of"] or one["service"]
    firsts = {}
    for other in services.values():
        if other["hall"] == one["hall"] and whole in (other["service"], other["part_of"]):
            end = _end(evidence, rules, services, other)
            for rating in other["ratings"]:
                if rating["counts"] and (end is None or rating["by"] < end):
                    side = "part" if other["part_of"] else "whole"
                    place = (rating["place"], rating["id"])
                    firsts[side] = min(firsts.get(side, place), place)
    parts_are = "part" in firsts and firsts["part"] < firsts.get("whole", (now_far, ""))
    if one["part_of"]:
        return None if parts_are and first is not None else "part"
    return "whole" if parts_are else None


now_far = 1 << 62


def _adds(evidence, one, found) -> Counter:
    """What a service adds, by (dim, id, what)."""
    whats: Counter = Counter()
    whats["no-show"] = int("no_show" in one["became"])
    whats["second"] = found["second"]
    state = found["state"]
    belongs = _belongs(evidence, one, found["day"])
    if state != "out":
        whats["late"] = found["late"]
        outcome = state if found["level"] is None else f"{state}-{found['level']}"
        whats[outcome] = 1
        if "closed" in one["became"] and "invited" in _sends(evidence, one):
            was_invited = "invited" in one["became"]
            whats["invited" if was_invited else "uninvited"] = 1
            whats[f"uninvited-{outcome}"] = int(not was_invited)
        whats["expired"] = int("expired" in one["became"])
        if state == "active":
            whats["reason-missing"] = int(found["missing"])
            whats.update({f"reason-{code}": 1 for code in found["codes"]})
        if found["rating"] and one["mode"] == "per_visit" and belongs["staff"]:
            word = {"active": "direct", "excluded": "direct-excluded"}[state]
            whats[f"{word}-{found['level']}"] = 1
    adds: Counter = Counter()
    for dim, id in belongs.items():
        for what, n in whats.items():
            if id is not None and n:
                adds[dim, id, what] = n
    if found["level"] is not None:
        origin = "default" if state == "default" else "device"
        adds["origin", origin, f"{state}-{found['level']}"] = 1
    return adds


def _belongs(evidence, one, day) -> dict[str, str | None]:
    hall = _on(evidence, "hall", one["hall"], day) or {}
    seat = _on(evidence, "window", f"{one['hall']}/{one['window']}", day) or {}
    person = _on(evidence, "staff", f"{one['hall']}/{one['staff']}", day) or {}
    matter = _on(evidence, "matter", one["task"], day) or {}
    bodies = [row.get("institution") for row in (person, seat, hall)]
    institution = next((id for id in bodies if id), None)
    body = _on(evidence, "institution", institution, day) or {}
    lines = [row.get("line") for row in (matter, person, seat, body)]
    return {
        "hall": "",
        "window": one["window"],
        "institution": institution,
        "line": next((id for id in lines if id), None),
        "staff": _person(evidence, one, day),
        "matter": one["task"],
    }


def _person(evidence, one, day) -> str | None:
    """A number that was given to somebody else on a day is two persons."""
    if one["staff"] is None:
        return None
    id = f"{one['hall']}/{one['staff']}"
    rows = [r for r in evidence.directory if (r["kind"], r["id"]) == ("staff", id)]
    rows = sorted((r for r in rows if r["first_day"] <= day), key=lambda r: r["first_day"])
    since = 0
    for earlier, later in pairwise(rows):
        if earlier["name"] != later["name"]:
            since = later["first_day"]
    return f"{one['staff']}@{since}" if since else one["staff"]


def _profiles_at(evidence, one, profiles) -> list[str]:
    day = one["policy_day"]
    seat = _on(evidence, "window", f"{one['hall']}/{one['window']}", day) or {}
    hall = _on(evidence, "hall", one["hall"], day) or {}
    named = seat.get("profiles") or hall.get("profiles") or "national"
    in_force = [name for name in named.split() if day <= profiles[name].get("until", day)]
    return in_force or ["national"]


def _sends(evidence, one) -> list[str]:
    hall = _on(evidence, "hall", one["hall"], one["policy_day"])
    return (hall.get("sends") or ALL_PROGRESS).split() if hall else []


def _on(evidence, kind: str, id: str | None, day: int) -> dict[str, Any] | None:
    rows = [r for r in evidence.directory if (r["kind"], r["id"]) == (kind, id)]
    rows = [r for r in rows if r["first_day"] <= day]
    return max(rows, key=lambda r: r["first_day"]) if rows else None


def _standing_day(one, begin, rated) -> int:
    for ms in (begin, one["became"].get("closed"), one["opened"]):
        if ms is not None:
            return _day(ms)
    if rated:
        return _day(rated[0]["place"])
    return _day(one["accepted"]) if one["accepted"] else one["due_day"] or 0


def _date(ms: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms + 8 * HOUR)).date()


def _day(ms: int) -> int:
    return int(_date(ms).strftime("%Y%m%d"))
