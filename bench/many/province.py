"""A province's load: 3,000 halls, 36,000 devices, what the gateways' own timers make of them.

    python -m bench province

An open loop: what is sent when is fixed beforehand and waits for nobody, and every time is taken
from the planned moment to the whole answer, so that a centre that is slow cannot slow down what it
is measured by. A request without a good answer counts until the end of the run. Each hall keeps
three connections, as a gateway does: for what is live, for the backlog, for the hall's document.
"""

import asyncio
import random
import ssl
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from bench.hall import row
from bench.many import letters
from bench.many.client import Call, Client, Line
from bench.many.halls import ManyHalls
from bench.many.servers import Served, bare, calibration, centre, raise_file_limit
from bench.many.stores import Postgresql, Sqlite, bare_count, check_held
from hosting.process import look_for_garbage_seldom

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from authority import Authority

HALLS = 3_000
DEVICES = 12  # of a hall
SECONDS = 60.0
RATINGS_PER_S = 350  # of HALLS; fewer halls make as many less
EVERY_S = 60.0  # a gateway's head_every_s, and after how long without an answer it polls
BACKLOG, POLLS, LIVES = range(3)  # the lines of a hall, in the order in which they are opened
LINES = 3
SEED = 20_251_129

MOST_REQUESTS_PER_S = 450
MOST_P99_MS = {"SQLite": 100, "PostgreSQL": 250}
MOST_CORES = 0.5
MOST_MB = 300
MOST_LATE_MS = 5  # a client that is late measures itself
_AT_ONCE = 50  # first requests: more would leave their mark in the centre's memory
_LAST_S = 10.0  # how long an answer is waited for after the last request

LIVE, HEADS, POLL = "live", "heads", "poll"
_LINE = {LIVE: LIVES, HEADS: LIVES, POLL: POLLS}  # the gateway's live lane brings the heads


class Due(NamedTuple):
    """What one hall's gateway sends at a moment of the run. device: its place, of a rating."""

    at_s: float
    hall: int
    what: str
    device: int = 0


class Found(NamedTuple):
    """What one run came to. cores, store, client: used by the server, by the database's own
    processes and by the client. refused: lines that were answered 503. kb, open_ms: of the
    server's memory and processor for a connection.
    """

    p50_ms: float
    p99_ms: float
    failed: int
    refused: int
    cores: float
    store: float
    memory_mb: float
    kb: float
    open_ms: float
    late_p99_ms: float
    client: float


Planned = tuple[int, int, Call]


def load(chance: random.Random, halls: int, seconds: float) -> list[Due]:
    """What is due when: ratings at random moments of random devices, each hall's heads once a
    minute, and the polls that are left.
    """
    due: list[list[Due]] = [[] for _ in range(halls)]
    for _ in range(round(RATINGS_PER_S * halls / HALLS * seconds)):
        hall = chance.randrange(halls)
        due[hall].append(Due(chance.uniform(0, seconds), hall, LIVE, chance.randrange(DEVICES)))
    for own, hall, heads_s, first_s in zip(
        due, range(halls), _moments(chance, halls), _moments(chance, halls), strict=True
    ):
        while heads_s < seconds:
            own.append(Due(heads_s, hall, HEADS))
            heads_s += EVERY_S
        answered = sorted(one.at_s for one in own)
        own += [Due(at_s, hall, POLL) for at_s in polls(first_s, answered, seconds)]
    return sorted(one for own in due for one in own)


def _moments(chance: random.Random, halls: int) -> list[float]:
    """A moment of the first minute for each hall, as many in each second: gateways do not all
    start at once.
    """
    moments = [EVERY_S * (number + chance.random()) / halls for number in range(halls)]
    chance.shuffle(moments)
    return moments


def polls(first_s: float, answered: Iterable[float], seconds: float) -> Iterator[float]:
    """When a gateway polls: at its start, and when a minute has passed without an answer.

    answered: when it got other answers, in order.
    """
    if first_s >= seconds:
        return
    yield first_s
    last_s = first_s
    for at_s in (*answered, seconds):
        while at_s - last_s > EVERY_S:
            last_s += EVERY_S
            yield last_s
        last_s = max(last_s, at_s)


def prepare(many: ManyHalls, due: list[Due]) -> list[Planned]:
    """The calls in order, each with its line's number among those of its hall, and the hall's."""
    many.begin_anew()
    planned = []
    for one in due:
        hall, at_ms = many.halls[one.hall], many.made_ms + round(one.at_s * 1000)
        if one.what == LIVE:
            call = letters.ratings(many, hall, (one.device,), at_ms)
        elif one.what == HEADS:
            call = letters.heads(many, hall, at_ms)
        else:
            call = letters.poll(hall)
        call.planned_s = one.at_s
        planned.append((_LINE[one.what], one.hall, call))
    look_for_garbage_seldom(1_000_000)  # the client's own: all of this stays
    return planned


def run(
    served: Served, many: ManyHalls, planned: list[Planned], trusted: ssl.SSLContext | None
) -> tuple[Found, list[Call]]:
    """What was found, and all calls."""
    refused, connections = set(), len(many.halls) * LINES
    client = Client(
        served.url,
        trusted,
        lambda line, call: refused.add(line) if call.status == 503 else None,
    )
    before = served.memory_mb(), served.processor_s()
    lines = [_open(client, many) for _ in range(LINES)]
    after = served.memory_mb(), served.processor_s()
    plan = [
        (lines[number][hall], Call(call.request, call.letter, call.planned_s))
        for number, hall, call in planned
    ]
    begin = _look(served)
    client.drive(plan, begin[0])
    lasted_s, *used_s = (now - then for now, then in zip(_look(served), begin, strict=True))
    memory_mb = max(after[0], served.memory_mb())
    client.finish(_LAST_S)
    end_s = time.monotonic()
    client.close()
    calls = [call for _, call in plan]
    took_ms = sorted(
        ((call.answered_s if _is_good(call) else end_s) - call.planned_s) * 1000 for call in calls
    )
    late_ms = sorted((call.asked_s - call.planned_s) * 1000 for call in calls)
    found = Found(
        p50_ms=took_ms[len(took_ms) // 2],
        p99_ms=took_ms[len(took_ms) * 99 // 100],
        failed=sum(not _is_good(call) for call in calls),
        refused=len(refused),
        cores=used_s[0] / lasted_s,
        store=used_s[1] / lasted_s,
        memory_mb=memory_mb,
        kb=(after[0] - before[0]) * 1000 / connections,
        open_ms=(after[1] - before[1]) * 1000 / connections,
        late_p99_ms=late_ms[len(late_ms) * 99 // 100],
        client=used_s[2] / lasted_s,
    )
    return found, calls


def _open(client: Client, many: ManyHalls) -> list[Line]:
    """A line of each hall. No gateway connects without a request, and a centre hangs up on who
    does: each line begins with a poll.
    """
    lines = client.open(len(many.halls))
    for number, line in enumerate(lines):
        client.ask(line, letters.poll(many.halls[number]))
        if client.unanswered >= _AT_ONCE:
            client.finish(_LAST_S)
    client.finish(_LAST_S)
    return lines


def _look(served: Served) -> tuple[float, ...]:
    """The time, and the processor of the server, of the database and of the client until now."""
    used_s = served.processor_s(), served.store.processor_s(), time.thread_time()
    return time.monotonic(), *used_s


def _is_good(call: Call) -> bool:
    assert isinstance(call.letter, letters.Letter)
    return call.answered_s is not None and call.status == (200 if call.letter.items else 304)


def check(url: str, calls: list[Call]) -> None:
    """Raise AssertionError unless what was answered well is in the centre, each once.

    If nothing failed, every answer is looked at as well: what is missing leaves gaps that no
    receipt passes.
    """
    good = [call for call in calls if _is_good(call)]
    if len(good) == len(calls):
        letters.check_answers(calls)
    check_held(
        url, *([one for call in some for one in call.letter.ratings] for some in (good, calls))
    )


async def of_store(
    store: Sqlite | Postgresql, folder: Path, many: ManyHalls, planned: list[Planned]
) -> list[dict]:
    """The rows of one database: the yardstick, ours, ours over TLS."""
    await asyncio.to_thread(many.make, store.made_url)
    halls = len(many.halls)
    async with bare(store) as served:
        theirs, calls = await asyncio.to_thread(run, served, many, planned, None)
    assert bare_count(served.database) >= sum(call.status == 200 for call in calls)
    authority, found = Authority(folder), []
    tls = authority.issue("centre")
    trusted = ssl.create_default_context(cafile=str(authority.file))
    for certificate, trust in ((None, None), (tls, trusted)):
        async with centre(folder, many, store, certificate) as served:
            ours, calls = await asyncio.to_thread(run, served, many, planned, trust)
        await asyncio.to_thread(check, served.database, calls)
        found.append(ours)
    plain, secured = found
    rows = _rows(f"{store.name}:", plain, theirs, store.name, len(planned), halls)
    rows += _rows(f"{store.name}, TLS:", secured, theirs, store.name, len(planned), halls)
    name = f"{store.name}: a connection over TLS against a plain one,"
    rows.append(row(f"{name} KB of the centre's memory", secured.kb, plain.kb, "said", True))
    name += " ms of its processor for it and a poll"
    rows.append(row(name, secured.open_ms, plain.open_ms, "said", True))
    return rows


def _rows(
    name: str, ours: Found, theirs: Found, store: str, requests: int, halls: int
) -> list[dict]:
    p99_ms, lines = MOST_P99_MS[store], halls * LINES
    is_plain = "TLS" not in name
    served, kept = requests - ours.failed, lines - ours.refused
    is_slow = ours.p99_ms > p99_ms or ours.failed
    rows = [
        row(f"{name} ms from plan to answer, p50", ours.p50_ms, theirs.p50_ms, "said", True),
        row(
            *(f"{name} ms from plan to answer, p99", ours.p99_ms, theirs.p99_ms),
            *(f"<= {p99_ms} ms", not is_slow),
        ),
        row(f"{name} requests answered well", served, requests, "all", not ours.failed),
        row(
            *(f"{name} processor of the centre, cores", ours.cores, theirs.cores),
            *(f"<= {MOST_CORES}", ours.cores <= MOST_CORES and not ours.failed),
        ),
        row(f"{name} connections without a 503", kept, lines, "all", not ours.refused),
        row(
            *(
                f"{name} memory of the centre with {lines} connections, MB",
                ours.memory_mb,
                MOST_MB,
            ),
            f"<= {MOST_MB}" if is_plain else "said",
            ours.memory_mb <= MOST_MB or not is_plain,
        ),
        row(
            *(f"{name} how late the client was, ms, p99", ours.late_p99_ms, MOST_LATE_MS),
            *(f"<= {MOST_LATE_MS}", ours.late_p99_ms <= MOST_LATE_MS),
        ),
        row(f"{name} processor of the client, cores", ours.client, 1, "said", True),
    ]
    if store == Postgresql.name:
        own = f"{name} processor of PostgreSQL itself, cores"
        rows.append(row(own, ours.store, theirs.store, "said", True))
    return rows


async def measure(halls: int, seconds: float) -> list[dict]:
    """All of it on both databases, with the same requests."""
    raise_file_limit(halls * LINES + 500)
    due = load(random.Random(SEED), halls, seconds)
    most = MOST_REQUESTS_PER_S * halls / HALLS
    per_s = len(due) / seconds
    rows = [
        calibration(),
        row(f"{halls} halls' requests/s", per_s, most, f"<= {most:g}", per_s <= most),
    ]
    with tempfile.TemporaryDirectory(prefix="pingjia-bench-") as name:
        folder = Path(name)
        many = ManyHalls(folder, halls, DEVICES)
        planned = await asyncio.to_thread(prepare, many, due)
        for kind in (Sqlite, Postgresql):
            with kind(folder) as store:
                rows += await of_store(store, folder, many, planned)
    return rows


def results(halls: int | None = None, seconds: float | None = None) -> list[dict]:
    """The rows of `make bench`, or of a rehearsal with fewer halls or another time."""
    return asyncio.run(measure(halls or HALLS, seconds or SECONDS))
