"""Batches of many halls that wait at the same time: filed together, each answered for itself."""

import random
import threading
from collections import deque

import pytest
from central_hall import NOW_MS, SECRET, SigningDevice, document, item_of
from sqlalchemy.exc import OperationalError

from central.custody import batch as batch_module
from central.custody import intake as intake_module
from central.custody import offer
from central.custody.intake import Intake, UnfiledError
from central.custody.marks import UNKNOWN_DEVICE
from central.keys import DeviceKeys
from central.people.callers import UnknownTokenError
from central.people.tokens import Tokens
from central.steady import PlainClock
from central.store.database import open_database
from protocol.batch import Answer, Body, HeadItem
from protocol.envelope import split
from protocol.field import write
from protocol.record import parse

EPOCH = 29333341
LARGE = 100_000  # bytes: a backlog
KEYS = DeviceKeys(SECRET)
_DEVICE = (
    'insert into device (device, epoch, hall, "window", password_hash, enrolled_at_ms,'
    " proven_ms, approved_at_ms) values"
)


def make_halls(database, count: int) -> list[SigningDevice]:
    """Halls h0, h1, … with a window and a device dev-0, dev-1, … each; the devices' pens."""
    with database.write() as connection:
        for number in range(count):
            hall, device = f"h{number}", f"dev-{number}"
            for statement in (
                "insert into hall (hall, name, version, mqtt_host, mqtt_port, proven_ms)"
                f" values ('{hall}', 'd', 1, 'h', 1, 0)",
                'insert into "window" (hall, "window", name, is_closed)'
                f" values ('{hall}', 'w1', 'w', false)",
                f"{_DEVICE} ('{device}', {EPOCH}, '{hall}', 'w1', '', 0, 0, 0)",
            ):
                connection.exec_driver_sql(statement)
    return [pen_of(f"dev-{number}") for number in range(count)]


def pen_of(device: str) -> SigningDevice:
    return SigningDevice(device, EPOCH, KEYS.key(device, EPOCH))


def raw(*items) -> list:
    return [dict(write(item_of(item))) for item in items]


class Together:
    """An intake whose thread is held until all have come, and what each was told.

    group_sizes: of the transactions that were tried.
    """

    def __init__(self, database, monkeypatch, now_ms=lambda: NOW_MS):
        self.intake = Intake(database, KEYS.key, PlainClock(now_ms))
        self.group_sizes, self.halls, self.outcomes = [], [], {}
        self._count, self._heard = 0, threading.Condition()
        real = intake_module.file_batches

        def file_batches(connection, offers, key_of, now):
            self.group_sizes.append(len(offers))
            self.halls += [one.halls[0] for one in offers]
            return real(connection, offers, key_of, now)

        monkeypatch.setattr(intake_module, "file_batches", file_batches)

    def send(self, *batches, token: str | None = None, size: int = 1) -> list:
        """The outcomes of batches (hall, raw items) that waited at the same time, in their order.

        token: instead of the halls; a batch may also be (hall, raw items, size).
        """
        is_held, gate = threading.Event(), threading.Event()

        def hold():
            is_held.set()
            gate.wait()
            return Body([], None)

        self._offer(None, "nobody", hold, 0)
        is_held.wait()
        first = self._count
        for hall, items, *more in batches:
            self._offer(token, hall, lambda items=items: Body(items, None), *(more or (size,)))
        gate.set()
        with self._heard:
            assert self._heard.wait_for(lambda: len(self.outcomes) == self._count, 30)
        self.group_sizes, self.halls = self.group_sizes[1:], self.halls[1:]
        return [self.outcomes[at] for at in range(first, self._count)]

    def _offer(self, token, hall, read, size):
        at, self._count = self._count, self._count + 1

        def reply(outcome):
            with self._heard:
                self.outcomes[at] = outcome
                self._heard.notify_all()

        waiting = intake_module._Waiting(
            token, (hall,) if token is None else (), size, read, reply
        )
        self.intake._put(waiting)


@pytest.fixture
def together(database, monkeypatch):
    one = Together(database, monkeypatch)
    yield one
    one.intake.close()


def verdicts(outcome) -> list[str]:
    assert isinstance(outcome, Answer), outcome
    return [one.verdict for one in outcome.verdicts]


def count(database, table: str = "record") -> int:
    with database.read() as connection:
        return connection.exec_driver_sql(f"select count(*) from {table}").scalar()


def test_halls_that_come_at_the_same_time_share_a_transaction(database, together):
    """BAT-3 RCT-1: and each is told of its own devices alone."""
    pens = make_halls(database, 60)
    told = together.send(*[(f"h{n}", raw(pen.rating())) for n, pen in enumerate(pens)])
    assert together.group_sizes == [60]
    assert [verdicts(one) for one in told] == [["stored"]] * 60
    receipts = [parse(split(one.receipts[0].encode())[0])["device"] for one in told]
    assert receipts == [f"dev-{n}" for n in range(60)]
    assert count(database) == 60


def poison(monkeypatch, *halls: str):
    """Let every transaction with a batch of these halls fail."""

    def fail(batch):
        if any(one.halls[0] in halls for one in batch.offers):
            raise ArithmeticError("poison")

    monkeypatch.setattr(batch_module, "STEPS", (*batch_module.STEPS, fail))


@pytest.mark.parametrize("at", [0, 31, 59])
def test_a_batch_that_cannot_be_filed_costs_nobody_else_a_verdict(
    database, together, monkeypatch, at, caplog
):
    """Its own hall gets a sentence, and so does the log; of it nothing is kept."""
    pens = make_halls(database, 60)
    poison(monkeypatch, f"h{at}")
    told = together.send(*[(f"h{n}", raw(pen.rating())) for n, pen in enumerate(pens)])
    guilty = told.pop(at)
    assert isinstance(guilty, UnfiledError)
    assert "ArithmeticError" in str(guilty)
    assert [verdicts(one) for one in told] == [["stored"]] * 59
    assert [one.verdicts[0].marks for one in told] == [()] * 59
    assert count(database) == 59
    assert len(together.group_sizes) < 2 * 6 + 4  # halves, not one by one
    assert [r.getMessage() for r in caplog.records] == [f"a batch of hall h{at} cannot be filed"]


def test_control_a_group_that_is_not_split_costs_everybody_the_verdict(
    database, together, monkeypatch
):
    pens = make_halls(database, 3)
    poison(monkeypatch, "h1")

    def fail(self, chosen, error, now_ms, is_last):
        for waiting, _ in chosen:
            waiting.reply(UnfiledError())
        return []

    monkeypatch.setattr(Intake, "_fail", fail)
    told = together.send(*[(f"h{n}", raw(pen.rating())) for n, pen in enumerate(pens)])
    assert not any(isinstance(one, Answer) for one in told)


@pytest.mark.parametrize("step", ["judge", "enrolled"])
def test_so_does_one_that_cannot_be_judged(database, together, monkeypatch, step):
    pens = make_halls(database, 5)
    real = getattr(offer, step)

    def fail(connection, what, *more):
        devices = what.devices if step == "judge" else what
        if "dev-2" in devices:
            raise ArithmeticError("poison")
        return real(connection, what, *more)

    monkeypatch.setattr(offer, step, fail)
    told = together.send(*[(f"h{n}", raw(pen.rating())) for n, pen in enumerate(pens)])
    assert isinstance(told.pop(2), UnfiledError)
    assert [verdicts(one) for one in told] == [["stored"]] * 4


def test_a_hall_whose_batch_could_not_be_filed_travels_alone_for_ten_minutes(
    database, together, monkeypatch
):
    pens = make_halls(database, 4)
    now_s = [1000.0]
    monkeypatch.setattr(intake_module.time, "monotonic", lambda: now_s[0])
    everybody = [(f"h{n}", raw(pen.rating())) for n, pen in enumerate(pens)]
    with monkeypatch.context() as poisoned:
        poison(poisoned, "h1")
        together.send(*everybody)
    for passed_s, sizes in ((599, [3, 1]), (2, [4])):
        now_s[0] += passed_s
        together.group_sizes = []
        told = together.send(*everybody)
        assert sorted(together.group_sizes, reverse=True) == sizes
        assert all(isinstance(one, Answer) for one in told)


def test_a_batch_that_another_process_filed_at_that_moment_is_tried_again(
    database, together, monkeypatch
):
    (pen,) = make_halls(database, 1)
    failures = [ArithmeticError("once")]

    def fail(batch):
        if batch.rows and failures:
            raise failures.pop()

    monkeypatch.setattr(batch_module, "STEPS", (*batch_module.STEPS, fail))
    (told,) = together.send(("h0", raw(pen.rating())))
    assert verdicts(told) == ["stored"]
    assert count(database) == 1


def test_a_store_that_takes_nothing_is_nobodys_guilt(database, together, monkeypatch):
    """No batch is tried again by itself, each of them waiting for a lock or a disk."""
    pens = make_halls(database, 60)

    class Full(Exception):
        sqlite_errorcode = 13

    def fail(batch):
        raise OperationalError("INSERT", (), Full())

    monkeypatch.setattr(batch_module, "STEPS", (fail,))
    told = together.send(*[(f"h{n}", raw(pen.rating())) for n, pen in enumerate(pens)])
    assert together.group_sizes == [60]
    assert {type(one) for one in told} == {OperationalError}
    assert count(database) == 0


def test_two_halls_that_name_one_forgotten_epoch_go_apart(database, together):
    """Where it stood is each hall's own word: neither's record lands in the other's place."""
    make_halls(database, 2)
    with database.write() as connection:
        values = f"('dev-0', {EPOCH + 1}, 'h1', 'w1', '', 0, 0, 0)"
        connection.exec_driver_sql(f"{_DEVICE} {values}")
    pen = SigningDevice("dev-0", EPOCH + 7, KEYS.key("dev-0", EPOCH + 7))
    told = together.send(("h0", raw(pen.rating())), ("h1", raw(pen.rating())))
    assert together.group_sizes == [1, 1]
    assert [verdicts(one) for one in told] == [["stored"], ["stored"]]
    with database.read() as connection:
        query = "select hall from record order by seq"
        assert [row[0] for row in connection.exec_driver_sql(query)] == ["h0", "h1"]


def test_each_item_is_judged_with_its_own_batchs_authority(database, together):
    """A hall cannot bring another's device or document because that one comes beside it."""
    mine, others = make_halls(database, 2)
    envelope = others.rating()
    facts, _ = document(hall="h1")
    told = together.send(("h0", raw(envelope, facts)), ("h1", raw(mine.rating())))
    assert verdicts(told[0]) == ["rejected", "rejected"]
    assert told[0].verdicts[0].reason.startswith(UNKNOWN_DEVICE)
    assert verdicts(told[1]) == ["rejected"]
    assert count(database) == 0


def test_who_sends_many_delays_only_itself(database, together):
    """One batch of each hall goes into a transaction."""
    pens = make_halls(database, 2)
    many = [("h0", raw(pens[0].rating())) for _ in range(50)]
    told = together.send(*many, ("h1", raw(pens[1].rating())))
    assert together.group_sizes[0] == 2
    assert together.halls.index("h1") < 2
    assert [verdicts(one) for one in told] == [["stored"]] * 51
    with database.read() as connection:  # the order of each device is kept
        query = "select covered_seq from chain where device = 'dev-0'"
        assert connection.exec_driver_sql(query).scalar() == 50
        assert count(database) == 51


def test_a_live_rating_waits_for_one_transaction_of_a_backlog(database, together):
    pens = make_halls(database, 6)
    backlog = [(f"h{n}", raw(*[pens[n].rating() for _ in range(400)]), LARGE) for n in range(5)]
    told = together.send(*backlog, ("h5", raw(pens[5].rating())))
    assert together.halls[0] == "h5"
    assert together.group_sizes == [1] * 6  # and no two backlogs of 400 together
    assert {verdict for one in told for verdict in verdicts(one)} == {"stored"}


def test_a_revocation_takes_effect_for_what_waits_already(
    database, together, tmp_path, monkeypatch
):
    pens = make_halls(database, 1)
    tokens = Tokens(database, lambda: NOW_MS)
    tokens.add("hall:h0", tmp_path / "token")
    token = (tmp_path / "token").read_text().strip()
    (told,) = together.send(("", raw(pens[0].rating())), token=token)
    assert verdicts(told) == ["stored"]
    tokens.revoke(token.split("_")[1])
    (told,) = together.send(("", raw(pens[0].rating())), token=token)
    assert isinstance(told, UnknownTokenError)
    assert count(database) == 1


def test_what_cannot_be_read_is_its_senders_alone(database, together):
    pens = make_halls(database, 1)

    def unreadable():
        raise ValueError("no JSON")

    gate = deque([unreadable])
    read = offer.read

    def once(halls, *letter):
        return gate.popleft()() if halls == ("bad",) else read(halls, *letter)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(offer, "read", once)
        told = together.send(("bad", []), ("h0", raw(pens[0].rating())))
    assert isinstance(told[0], ValueError)
    assert verdicts(told[1]) == ["stored"]


TABLES = {
    "record": "device, epoch, seq", "conflict": "device, epoch, seq, mac16",
    "document": "facts", "service": "hall, service", "rating": "id", "reasons": "rating, seq",
    "mark_tally": 'hall, "window", mark', "chain": "device, epoch", "head": "device, epoch",
    "boot_clock": "device, epoch, boot", "gap": "device, epoch, boot_seq, first_seq",
    "awaited": "facts, device, epoch, seq", "rejection_count": "hall, reason",
}  # fmt: skip


def state(database) -> dict[str, list]:
    with database.read() as connection:
        return {
            table: [tuple(row) for row in connection.exec_driver_sql(
                f"select * from {table} order by {order}"
            )]
            for table, order in TABLES.items()
        }  # fmt: skip


def some_batches(chance: random.Random, pens, rounds: int) -> list[list]:
    """Rounds of one batch a hall: what devices, gateways and liars send, in any order."""
    kept, plan = {pen.device: [] for pen in pens}, []
    for number in range(rounds):
        batches = []
        for at, pen in enumerate(pens):
            items, hall = [], f"h{at}"
            for _ in range(chance.randint(0, 4)):
                service = f"S{chance.randint(1, 6)}"
                told = {"service": service, "ticket_no": f"A{chance.randint(1, 2)}"}
                facts, name = document(hall=hall, **told)
                what = chance.randint(0, 9)
                if what < 5:
                    boot = 1 + number // 4
                    envelope = pen.rating(
                        **told, facts=name, level=chance.randint(1, 5), boot=boot,
                        at=chance.choice([None, NOW_MS - 1000 * number]),
                    )  # fmt: skip
                    kept[pen.device].append(envelope)
                    items += [facts, envelope][chance.randint(0, 1) :]
                elif what == 5:
                    items.append(facts)
                elif what == 6 and kept[pen.device]:
                    items.append(chance.choice(kept[pen.device]))  # again, in any order
                elif what == 7:
                    twin = pen_of(pen.device)
                    twin.seq, twin.prev = chance.randint(0, pen.seq), "ab" * 8
                    items.append(twin.rating(level=1))
                elif what == 8:
                    items.append(pen_of("nobody").rating())
                elif pen.seq:
                    items.append(_head(pen, chance))
            batches.append((hall, raw(*items)))
        plan.append(batches)
    return plan


def _head(pen, chance):
    return HeadItem(pen.head(seq=max(1, pen.seq - chance.randint(0, 1)), mac=pen.prev), None, None)


@pytest.mark.parametrize("seed", range(6))
def test_filed_together_or_one_after_the_other_is_the_same(tmp_path, monkeypatch, seed):
    """Records, marks, counts, covers and receipts: whatever many halls send at the same time."""
    databases = [open_database(f"sqlite:///{tmp_path}/{name}.db") for name in ("one", "many")]
    pens, _ = [make_halls(database, 5) for database in databases]
    plan = some_batches(random.Random(seed), pens, 12)
    one = Intake(databases[0], KEYS.key, PlainClock(lambda: NOW_MS))
    many = Together(databases[1], monkeypatch)
    for batches in plan:
        apart = [one.take((hall,), items) for hall, items in batches]
        assert many.send(*batches) == apart
        assert many.group_sizes[-1] == len(batches)
    assert state(databases[0]) == state(databases[1])
    one.close()
    many.intake.close()
    for database in databases:
        database.close()
