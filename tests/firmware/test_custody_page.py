"""docs/custody.md says what each lamp and message means, and the figures that the code has."""

import re
from pathlib import Path

from flash_files import FlashFiles
from journal_parts import IDENTITY, KEY

from firmware.app import _CAUSES, _UNFIT
from firmware.enrolment import create
from firmware.journal import Journal
from firmware.link import _REFUSED_SETTINGS
from firmware.timing import RATINGS_A_DAY, Timing
from gateway.web.advice import PROBLEMS
from protocol.message import CLOCK_QUALITIES, FACES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "custody.md").read_text()
CHINESE = (ROOT / "docs" / "custody.zh-CN.md").read_text("utf-8")
SAID = re.compile(r'(?:report|_lament|RefusedError)\("(\w+)"')


def test_every_face_clock_and_problem_is_explained():
    reported = set()
    for source in (ROOT / "firmware").rglob("*.py"):
        reported |= set(
            re.findall(r'(?:report|_lament|RefusedError)\("(\w+)"', source.read_text())
        )
    assert reported >= {"stuck_key", "tls_refused", "tls_expired", "memory_short"}
    words = {
        *FACES,
        *CLOCK_QUALITIES,
        *reported,
        *_REFUSED_SETTINGS,
        "bad_ticket",
        "bad_ack",
        "bad_clock",
        "bad_find",
        *_CAUSES,
    } - {""}
    assert {word for word in words if f"`{word}`" not in PAGE} == set()
    assert {word for _, word in _UNFIT if f"`{word}: …`" not in PAGE} == set()


def test_the_chinese_page_says_problems_as_the_overview_does():
    rows = {line for line in CHINESE.splitlines() if line.startswith("| `")}
    for word, advice in PROBLEMS.items():
        if f"`{word}`" in PAGE:
            assert any(f"`{word}`" in row and advice.what in row for row in rows), word
    assert len({word for word in PROBLEMS if f"`{word}`" in PAGE}) > 12


def test_the_capacity_is_the_firmwares():
    sizes = Timing()
    files = FlashFiles()
    create(files, KEY)
    journal = Journal(files, IDENTITY, "0.1.0", "power", sizes.segment_records, sizes.segments)
    days = journal.capacity() // RATINGS_A_DAY
    assert f"{journal.capacity():,} ratings, {days} days at {RATINGS_A_DAY} a day" in PAGE
