"""What strangers send is harmless in a log: one line, and nothing that moves a terminal."""

import io
import logging
import os
import re
import subprocess
import sys
import time

import pytest

from hosting.log import CHANGE, Counting, harmless

NASTY = "a\r\nINFO forged: b\x1b[2J\x00\u202ec\u2028\ud800\u0085"


def test_a_log_line_stays_one_line_whatever_it_quotes():
    """In a process of its own, as servers log; the traceback of our own fault keeps its lines."""
    code = (
        "import logging; from hosting.log import log_to_stderr; log_to_stderr();"
        f"logging.getLogger('x').warning('topic %s', {NASTY!r});"
        "logging.getLogger('x').warning('plain 中文 %s', 1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 2
    assert "topic a\\r\\nINFO forged: b\\x1b[2J\\x00\\u202ec\\u2028\\ud800\\x85" in lines[0]
    assert lines[1].endswith("plain 中文 1")


@pytest.mark.parametrize("is_journal", [True, False], ids=["journal", "control: a file"])
def test_the_journal_gets_the_level_and_no_second_time(tmp_path, is_journal):
    code = (
        "import logging; from hosting.log import log_to_stderr; log_to_stderr();"
        "logging.getLogger('x').warning('plain');"
        "logging.getLogger('x').error('bad', exc_info=ValueError('why'))"
    )
    with (tmp_path / "log").open("wb") as log:
        status = os.fstat(log.fileno())
        told = f"{status.st_dev}:{status.st_ino}" if is_journal else "1:2"
        environment = os.environ | {"JOURNAL_STREAM": told}
        subprocess.run([sys.executable, "-c", code], stderr=log, env=environment, check=True)
    lines = (tmp_path / "log").read_text().splitlines()
    expected = ["<4>x: plain", "<3>x: bad", "<3>ValueError: why"]
    assert (lines == expected) == is_journal
    assert re.match(r"\d{4}-", lines[0]) is None or not is_journal


@pytest.mark.parametrize("text", ["评价器 1号窗口", "a\u3000b", "é ß", ""])
def test_what_people_write_stays_as_it_is(text):
    assert harmless(text) == text


def timeless(text: str) -> list[str]:
    """Lines, without when something was seen last."""
    return re.sub(r", last at \d\d:\d\d:\d\d\)", ")", text).splitlines()


def logged(every_s: float, *lines: str) -> list[str]:
    """What is written of these lines within a minute, and at its end."""
    stream = io.StringIO()
    handler = Counting(stream, every_s, lambda: 0.0 if every_s else time.monotonic())
    logger = logging.Logger("x")
    logger.addHandler(handler)
    for line in lines:
        logger.warning("refused %s", line)
    handler.close()
    return timeless(stream.getvalue())


def test_what_comes_again_and_again_is_one_line_and_a_count():
    assert logged(60.0, *["a"] * 215, "b") == [
        "refused a",
        "refused b",
        "refused a (214 times the same)",
    ]


def test_a_thousand_different_strangers_are_some_lines_and_a_count():
    lines = logged(60.0, *map(str, range(1000)))
    assert len(lines) == 21
    assert lines[-1] == "refused 999 (980 times of the same kind)"


def test_without_a_minute_each_is_a_line_of_its_own():
    """The control."""
    assert len(logged(0.0, *["a"] * 215)) == 215


def test_what_was_counted_is_told_when_the_minute_is_over():
    stream = io.StringIO()
    handler = Counting(stream, 0.2)
    logger = logging.Logger("x")
    logger.addHandler(handler)
    for _ in range(3):
        logger.warning("again")
    time.sleep(0.6)
    assert timeless(stream.getvalue()) == ["again", "again (2 times the same)"]
    logger.warning("again")
    assert timeless(stream.getvalue())[2:] == ["again"]
    handler.close()


def test_what_was_counted_says_when_it_came_last():
    stream = io.StringIO()
    handler = Counting(stream, 60.0)
    for created in (1e9, 1e9 + 61, 1e9 + 122):
        record = logging.makeLogRecord({"msg": "again", "created": created})
        handler.handle(record)
    handler.close()
    at = time.strftime("%H:%M:%S", time.localtime(1e9 + 122))
    assert stream.getvalue().splitlines()[1:] == [f"again (2 times the same, last at {at})"]


@pytest.mark.parametrize("is_told", [True, False], ids=["a change", "control: any line"])
def test_a_log_ends_with_what_is_so(is_told):
    """An alarm that came, went and came again within a minute stands. FAULTS 25"""
    stream = io.StringIO()
    handler = Counting(stream, 60.0)
    logger = logging.Logger("x")
    logger.addHandler(handler)
    more = {"extra": CHANGE} if is_told else {}
    for line in ("alarm disk", "alarm disk is over", "alarm disk"):
        logger.warning(line, **more)
    assert (stream.getvalue().splitlines()[-1] == "alarm disk") is is_told
    handler.close()


def test_an_alarm_that_flaps_is_bounded():
    stream = io.StringIO()
    handler = Counting(stream, 60.0)
    logger = logging.Logger("x")
    logger.addHandler(handler)
    for _ in range(1000):
        logger.warning("alarm %s is over", "disk", extra=CHANGE)
    handler.close()
    lines = timeless(stream.getvalue())
    assert len(lines) == 22
    assert lines[-1] == "alarm disk is over (979 times the same)"
