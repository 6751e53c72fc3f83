"""A province as the centre has it after a year, made by SQL: 3,000 halls, 36,000 devices.

    python -m bench.many.province_data FILE [HALLS]

FILE becomes a SQLite database of the centre. Nothing in it is signed: it is for what reads the
store, not for what verifies it. The same arguments give the same rows: it is always the middle of
the same month, so that 30 days and a year have few whole months.

Whole halls have a year of counts, windows a month. It is a bad day: of thirty devices one is
silent and one misses a record, so that there are more of these alarms than are told; one rating of
thirty awaits its service document, and five halls have kept back theirs for a year; of a hundred
windows one is seldom rated, and every window has marks of four kinds.
"""

import sqlite3
import sys
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from central.directory.device_settings import read_file
from central.store.database import open_database
from hosting.clock import day

HALLS, WINDOWS = 3000, 12  # a device at each window
DAYS, WINDOW_DAYS = 366, 31
RECORDS = 6  # of each device
EPOCH = 29_000_000
NOW_MS = 1_794_726_000_000  # 2026-11-15 15:00 in China
# When a device was proven fresh last; of thirty one is silent.
_HEARD = "CASE place.n % 30 WHEN 7 THEN ?1 - 40000000 ELSE ?1 - place.n % 1800000 END"
_KEPT_BACK = 5000  # documents of a window
_REJECTIONS = 10_000  # what the store keeps of them
CASES = 100_000  # open ones; the newest half day has as many as any
_MARKS = ("undated", "clock_wrong", "facts_differ", "broken_chain")
_REASONS = ("bad_mac", "unknown_device", "malformed_item")
_SETTINGS = Path(__file__).parents[2] / "deploy" / "settings.toml"
_HOUR_MS = 3_600_000

_COLUMNS = {
    "hall": "hall, name, version, mqtt_host, mqtt_port, heard_at_ms, proven_at_ms, proven_ms",
    "window": 'hall, "window", name, is_closed',
    "directory": "kind, id, first_day, last_day, name, up, tier, noted_ms",
    "device": 'device, epoch, hall, "window", password_hash, enrolled_at_ms,'
    " proven_at_ms, proven_ms, broker, firmware, firmware_seq",
    "device_settings": "version, hall, content, set_at_ms",
    "chain": "device, epoch, covered_seq, highest_seq, receipt_seq, receipt, open_since_ms,"
    " receipt_at_ms",
    "head": "device, epoch, seq, mac16, boot, up_ms, envelope, receipt_seq, stored_at_ms,"
    " shown, surplus, lacking",
    "record": "device, epoch, seq, mac16, kind, prev, envelope, received_at_ms, stored_at_ms,"
    ' hall, "window", service, facts, marks, hall_marks, level, rated_at_ms, rated_error_ms',
    "document": 'facts, bytes, hall, service, "window", ticket_no, staff_no, book, number,'
    " opened_at_ms, stored_at_ms",
    "awaited": 'facts, device, epoch, seq, hall, "window", since_ms',
    "figure": "profile, span, dim, hall, id, mode, what, policy_from, ratings, projects",
    "mark_tally": 'hall, "window", mark, count, first_at_ms, last_at_ms, device, epoch, seq',
    "rating_case": 'no, kind, hall, service, rating, "window", region, institution, received_ms,'
    " day, policies, has_contact, opened_ms, steps, is_open, state, institution_now, next_step,"
    " shown_ms, next_ms, is_over, tier",
    "rejection_count": "hall, reason, count, last_at_ms",
    "rejection": "id, hall, reason, sentence, first_bytes, rejected_at_ms",
}
# What every record has; `head`, `receipt` and `rating` are here all as long as a rating.
_MEMBERS = (
    f'"facts":"{"5" * 64}","answer":"{"a" * 32}","ticket_no":"A017","staff_no":"0231",'
    '"settings":17,"boot":7,"up_ms":61250,"at":1760000000123,"took_ms":4200,"shown":12,'
    '"input":"key"}'
)


def make(path: Path, halls: int = HALLS) -> None:
    """Write the database; `path` must not be there yet."""
    open_database(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-262144")
        connection.execute("BEGIN")
        _make_places(connection, halls, NOW_MS)
        _make_chains(connection, NOW_MS)
        _make_ratings(connection, NOW_MS)
        _make_counts(connection, NOW_MS)
        _make_marks(connection, NOW_MS)
        _make_cases(connection, NOW_MS)
        connection.execute("DROP TABLE place")
        connection.execute("COMMIT")


def _insert(connection: sqlite3.Connection, table: str, query: str, *values: Any) -> None:
    """Insert what a query gives, in the order of `_COLUMNS`; ?1, ?2 … are the values."""
    connection.execute(f'INSERT INTO "{table}" ({_COLUMNS[table]}) {query}', values)


def _up_to(name: str) -> str:
    """A table `name` with the numbers `n` from 1 to ?1, before a SELECT."""
    more = f"SELECT n + 1 FROM {name} WHERE n < ?1"
    return f"WITH RECURSIVE {name}(n) AS (SELECT 1 UNION ALL {more})"


def _make_places(connection: sqlite3.Connection, halls: int, now: int) -> None:
    query = f"""{_up_to("number")} SELECT printf('h%04d', n), printf('第%d政务大厅', n), 1 + n,
        'broker.example', 8883, ?2 - n % 60000, ?2 - n % 3600000, 1000000000 FROM number"""
    _insert(connection, "hall", query, halls, now)
    query = f"{_up_to('number')} SELECT hall, 'w' || n, n || '号窗口', 0 FROM hall, number"
    _insert(connection, "window", query, WINDOWS)
    # A region for every hundred halls; each hall and window since ever, and renamed a year ago.
    query = f"""{_up_to("region")} SELECT 'region', 'r' || n, 0, NULL, '第' || n || '市', NULL,
        'prefecture', 0 FROM region"""
    _insert(connection, "directory", query, -(-halls // 100))
    versions = "(SELECT 0 AS first_day UNION ALL SELECT 20250101)"
    query = f"""SELECT 'hall', hall, first_day, NULL, name,
        'r' || (1 + (CAST(substr(hall, 2) AS INTEGER) - 1) / 100), NULL, 0 FROM hall, {versions}"""
    _insert(connection, "directory", query)
    query = f"""SELECT 'window', hall || '/' || "window", first_day, NULL, name, hall, NULL, 0
        FROM "window", {versions}"""
    _insert(connection, "directory", query)
    connection.execute(
        """CREATE TABLE place AS SELECT hall, "window", hall || '-' || "window" AS device,
        rowid AS n FROM "window" ORDER BY hall, "window" """
    )
    password = "'$7$101$' || printf('%016d', n) || '$' || printf('%086d', n) || '=='"
    query = f"""SELECT device, {EPOCH}, hall, "window", {password}, {EPOCH} * 60000,
        {_HEARD}, CASE n % 30 WHEN 7 THEN 980000000 ELSE 1000000000 END, printf('%016d', n),
        CASE n % 50 WHEN 9 THEN '0.1.0' ELSE '0.2.0' END, 1 FROM place"""
    _insert(connection, "device", query, now)
    query = "SELECT 1 + n, hall, ?1, ?2 FROM place WHERE \"window\" = 'w1'"
    set_at_ms = now - 90 * 24 * _HOUR_MS
    _insert(connection, "device_settings", query, read_file(_SETTINGS), set_at_ms)


def _envelope(kind: str, seq: str) -> str:
    """SQL for the envelope of a record of a place; nobody can verify it."""
    record = f"""'{{"v":1,"kind":"{kind}","device":"' || place.device || '","epoch":{EPOCH},"seq":'
        || ({seq}) || ',"prev":"0123456789abcdef","service":"' || place.device || '-S' || ({seq})
        || '",{_MEMBERS}'"""
    return f"CAST({record} || char(10) || '{'0' * 64}' AS BLOB)"


def _make_chains(connection: sqlite3.Connection, now: int) -> None:
    highest = "60000 + place.n % 1000"
    covered = f"{highest} - (place.n % 30 = 3)"
    query = f"""SELECT device, {EPOCH}, {covered}, {highest}, {covered},
        {_envelope("receipt", covered)}, CASE n % 30 WHEN 3 THEN ?1 - 7200000 END, {_HEARD}
        FROM place"""
    _insert(connection, "chain", query, now)
    query = f"""SELECT device, {EPOCH}, {highest}, '0123456789abcdef', 7, 61250,
        {_envelope("head", highest)}, {covered}, {_HEARD}, 12, 0, 0 FROM place"""
    _insert(connection, "head", query, now)


def _make_ratings(connection: sqlite3.Connection, now: int) -> None:
    """The newest of each device; the others are what their counts say of them."""
    seq = "60000 + place.n % 1000 - older.n"
    query = f"""{_up_to("older")} SELECT device, {EPOCH}, {seq},
        printf('%08x%08x', older.n, place.n), 'rating', '0123456789abcdef',
        {_envelope("rating", seq)}, ?2, ?2, hall, "window", device || '-S' || older.n,
        printf('%032x%032x', place.n, older.n),
        '[]', '[]',
        5 - (place.n + older.n) % 20 / 17,
        ?2 - (place.n * 7919 + older.n) % 86400000, 1000 FROM place, older"""
    _insert(connection, "record", query, RECORDS, now)
    document = """'{"service":"' || service || '","hall":"' || hall
        || '","kind":"single","matters":[{"task_name":"营业执照"}]}'"""
    query = f"""SELECT facts, CAST({document} AS BLOB), hall, service, "window", 'A017', '0231',
        substr(facts, 49), 1, ?1, ?1
        FROM record WHERE rowid % 30 <> 0"""
    _insert(connection, "document", query, now)
    query = """SELECT facts, device, epoch, seq, hall, "window", ?1 - rowid FROM record
        WHERE rowid % 30 = 0"""
    _insert(connection, "awaited", query, now - 2 * _HOUR_MS)
    query = f"""{_up_to("older")} SELECT printf('%08x%08x', place.n, 1000 + older.n), device,
        {EPOCH}, older.n, hall, "window", ?2 + older.n FROM place, older
        WHERE hall IN (SELECT hall FROM hall ORDER BY hall LIMIT 5)"""
    _insert(connection, "awaited", query, _KEPT_BACK, now - 360 * 24 * _HOUR_MS)


def _make_counts(connection: sqlite3.Connection, now: int) -> None:
    """A window has 60 services a day, of which 55 are rated; one of a hundred has 20 rated."""
    today = day(now)
    days = [(int(f"{today - timedelta(days=back):%Y%m%d}"), back) for back in range(DAYS)]
    connection.execute("CREATE TABLE day_of (span INTEGER, back INTEGER)")
    connection.executemany("INSERT INTO day_of VALUES (?, ?)", days)
    rated = "CASE n % 100 WHEN 42 THEN 20 ELSE 55 END"
    of_window = {
        "active-1": "1",
        "active-3": "1 + n % 3",
        "active-4": "2",
        "active-5": f"{rated} - 4 - n % 3",
        "waiting": f"60 - {rated}",
    }
    of_hall = {"active-1": 1, "active-3": 2, "active-4": 2, "active-5": 50, "waiting": 5}
    key, version = "'national', span", 20000101  # that of central/rules/profiles/national
    for what, count in of_window.items():
        query = f"""SELECT {key}, 'window', hall, "window", 'per_visit', '{what}', {version},
            {count}, {count} FROM day_of, place WHERE back < ?1"""
        _insert(connection, "figure", query, WINDOW_DAYS)
    for what, each in of_hall.items():
        count = WINDOWS * each
        query = f"""SELECT {key}, 'hall', hall, '', 'per_visit', '{what}', {version},
            {count}, {count} FROM day_of, hall"""
        _insert(connection, "figure", query)
    for span in ("span / 100", "0"):
        query = f"""SELECT profile, {span}, dim, hall, id, mode, what, policy_from, SUM(ratings),
            SUM(projects) FROM figure WHERE span > 10000000 GROUP BY 1, 2, 3, 4, 5, 6, 7, 8"""
        _insert(connection, "figure", query)
    connection.execute("DROP TABLE day_of")


def _make_marks(connection: sqlite3.Connection, now: int) -> None:
    for number, mark in enumerate(_MARKS):
        query = f"""SELECT hall, "window", ?1, 1 + n % 9, ?2, ?3 - n * ?4, device, {EPOCH}, 60000
            FROM place"""
        _insert(connection, "mark_tally", query, mark, now - 300 * _HOUR_MS, now, 1000 + number)
    for number, reason in enumerate(_REASONS):
        query = "SELECT hall, ?1, 3 + rowid % 7, ?2 - rowid * ?3 FROM hall"
        _insert(connection, "rejection_count", query, reason, now, 1000 + number)
    query = f"""{_up_to("number")} SELECT n, 'h0001', 'bad_mac', 'the MAC does not verify',
        CAST(printf('%0256d', n) AS BLOB), ?2 FROM number"""
    _insert(connection, "rejection", query, _REJECTIONS, now)


def _make_cases(connection: sqlite3.Connection, now: int) -> None:
    """Open cases over all halls; limits end over sixty half days, half of them in the past."""
    half = _HOUR_MS * 12
    noon = (now + 8 * _HOUR_MS) // half * half - 8 * _HOUR_MS
    policies = '[["national", 20000101, "", true]]'
    query = f"""{_up_to("number")} SELECT printf('%010d', number.n * 7919 % 1000003), 'rating',
        place.hall, place.device || '-S1', 'case-' || number.n, place."window",
        'r' || (1 + (CAST(substr(place.hall, 2) AS INTEGER) - 1) / 100),
        'i' || number.n % 500, ?2 - number.n % 2592000 * 1000, 20261101, '{policies}', 0, ?2, 0, 1,
        'handling', 'i' || number.n % 500, 'contacted', ?3 + (number.n % 60 - 30) * {half},
        ?3 + (number.n % 60 - 30) * {half}, number.n % 60 <= 30, 0
        FROM number JOIN place ON place.n = 1 + number.n % (SELECT count(*) FROM place)"""
    _insert(connection, "rating_case", query, CASES, now, noon)


def main() -> None:
    """Make the database that was asked for."""
    path = Path(sys.argv[1])
    halls = int(sys.argv[2]) if len(sys.argv) > 2 else HALLS
    began_s = time.monotonic()
    make(path, halls)
    size_mb = path.stat().st_size / 2**20
    print(f"{path}: {halls:,} halls, {size_mb:,.0f} MB, {time.monotonic() - began_s:.0f} s")


if __name__ == "__main__":
    main()
