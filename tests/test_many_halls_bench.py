"""The benches of many halls still run: a rehearsal, which reads every answer and the databases."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| (?P<name>.+?) \| .* \| (?P<holds>yes|\*\*no\*\*|–) \|$", re.MULTILINE)


@pytest.mark.long
@pytest.mark.needs("postgresql")
def test_a_rehearsal_of_the_benches_of_many_halls_loses_nothing():
    command = ("-m", "bench", "live", "province", "--halls", "5", "--seconds", "1")
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr  # times of a busy machine may miss
    rows = {row["name"]: row["holds"] for row in ROW.finditer(done.stdout)}
    assert "PostgreSQL, 5 halls, batches of 20: live ratings/s" in rows, done.stderr
    answered = {name: holds for name, holds in rows.items() if "answered well" in name}
    assert len(answered) == 4, done.stderr  # two databases, plain and over TLS
    assert set(answered.values()) == {"yes"}


@pytest.mark.long
def test_a_rehearsal_of_the_bench_of_requests_asks_each_of_them():
    command = ("-m", "bench", "requests", "--halls", "5")
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row["holds"] for row in ROW.finditer(done.stdout)}
    assert "GET /v1/figures, a year, ms" in rows
    assert set(rows.values()) == {"yes"}


@pytest.mark.long
@pytest.mark.needs("postgresql")
def test_a_rehearsal_of_the_benches_of_pages_looks_at_each_of_them():
    command = ("-m", "bench", "grow", "--halls", "5")
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row["holds"] for row in ROW.finditer(done.stdout)}
    assert "PostgreSQL: tables of each window, this year, ms" in rows
    command = ("-m", "bench", "watched", "--halls", "5", "--seconds", "3")
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr  # times of a busy machine may miss
    rows = {row["name"]: row["holds"] for row in ROW.finditer(done.stdout)}
    for store in ("SQLite", "PostgreSQL"):
        assert rows[f"{store}: 350 ratings/s, requests that failed beside them"] == "yes"
        assert rows[f"{store}: 350 ratings/s, states that the pages were sent"] == "yes"
