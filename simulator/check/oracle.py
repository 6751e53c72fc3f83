"""The oracle: what was pressed and thanked, held against what stands in the centre.

Its log is written below the firmware (simulator/devices/fleet.mjs), where no part of the system
can touch it. Ratings match by (device, ticket_no), then by level; ticket numbers are unique in a
run, and what stands before their digits is a run's own.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Press:
    """One line of the log; thanked_at_ms is None if the device never thanked for it."""

    device: str
    ticket_no: str
    level: int
    pressed_at_ms: int
    thanked_at_ms: int | None


@dataclass
class Verdict:
    """lost: thanked and not in the centre. unthanked: in the centre, pressed, and the device died
    between close and thanks. duplicate: in the centre more than once. altered: in the centre, and
    not what was pressed. explanations: a sentence for each of the last three kinds and for lost.
    """

    pressed: int = 0
    thanked: int = 0
    in_centre: int = 0
    unthanked: int = 0
    lost: int = 0
    duplicate: int = 0
    altered: int = 0
    explanations: list[str] = field(default_factory=list)

    def holds(self) -> bool:
        """Whether nothing was lost, doubled or altered, and there was something to lose."""
        return self.thanked > 0 and self.lost == self.duplicate == self.altered == 0


def read_log(path: Path) -> list[Press]:
    """The presses in an oracle's log. Raises OSError, ValueError for a file that is none."""
    return [Press(**json.loads(line)) for line in path.read_text().splitlines()]


def read_ratings(records: Iterable[dict]) -> list[dict]:
    """The ratings among records as the centre gives them, as their members with the level that it
    read in the answer; what is no rating is passed over.
    """
    read = [
        json.loads(one["envelope"].split("\n", 1)[0]) | {"level": one["level"]} for one in records
    ]
    return [record for record in read if record.get("kind") == "rating"]


def run_of(ticket_no: str) -> str:
    """Which run has such tickets: what stands before the digits at the end."""
    return ticket_no.rstrip("0123456789")


def of_runs(presses: list[Press], ratings: list[dict]) -> list[dict]:
    """The ratings that bear tickets of the log's own runs: a centre has those of others, too."""
    runs = {run_of(press.ticket_no) for press in presses}
    return [rating for rating in ratings if run_of(rating["ticket_no"]) in runs]


def judge(presses: list[Press], ratings: list[dict]) -> Verdict:
    """Holds the log against the centre's ratings."""
    by_ticket = defaultdict(list)
    for press in presses:
        by_ticket[press.device, press.ticket_no].append(press)
    found = defaultdict(list)
    for rating in ratings:
        found[rating["device"], rating["ticket_no"]].append(rating)
    verdict = Verdict(pressed=len(presses), in_centre=len(ratings))
    for key in sorted(by_ticket.keys() | found.keys()):
        _judge_ticket(verdict, key, by_ticket[key], found[key])
    return verdict


def summary(verdict: Verdict, in_hall: int | None, seconds: float | None) -> dict:
    """The verdict as the object that `--json` prints, explanations beside it."""
    result = asdict(verdict)
    explanations = result.pop("explanations")
    extra = {"in_hall": in_hall, "seconds": None if seconds is None else round(seconds, 1)}
    return {**result, **extra, "explanations": explanations}


def _judge_ticket(verdict, key, presses, ratings):
    where = f"device {key[0]}, ticket {key[1]}"
    thanked = [press for press in presses if press.thanked_at_ms is not None]
    verdict.thanked += len(thanked)
    if len(thanked) > max(1, len(ratings)):
        verdict.lost += len(thanked) - max(1, len(ratings))
        verdict.explanations.append(f"lost: {where}: thanked {len(thanked)} times")
    if thanked and not ratings:
        verdict.lost += 1
        verdict.explanations.append(
            f"lost: {where}: thanked for level {thanked[0].level}, not in the centre"
        )
    if len(ratings) > 1:
        verdict.duplicate += len(ratings) - 1
        seqs = ", ".join(str(rating["seq"]) for rating in ratings)
        verdict.explanations.append(
            f"duplicate: {where}: {len(ratings)} times in the centre, seq {seqs}"
        )
    levels = {press.level for press in thanked or presses}
    for rating in ratings:
        if rating["level"] not in levels:
            verdict.altered += 1
            pressed = f"pressed {sorted(levels)}" if levels else "never pressed"
            verdict.explanations.append(
                f"altered: {where}: level {rating['level']} in the centre, {pressed}"
            )
        elif not thanked:
            verdict.unthanked += 1
