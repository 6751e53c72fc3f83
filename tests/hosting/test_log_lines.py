"""What strangers send is harmless in a log: one line, and nothing that moves a terminal."""

import subprocess
import sys

import pytest

from hosting.process import harmless

NASTY = "a\r\nINFO forged: b\x1b[2J\x00\u202ec\u2028\ud800\u0085"


def test_a_log_line_stays_one_line_whatever_it_quotes():
    """In a process of its own, as servers log; the traceback of our own fault keeps its lines."""
    code = (
        "import logging; from hosting.process import log_to_stderr; log_to_stderr();"
        f"logging.getLogger('x').warning('topic %s', {NASTY!r});"
        "logging.getLogger('x').warning('plain 中文 %s', 1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 2
    assert "topic a\\r\\nINFO forged: b\\x1b[2J\\x00\\u202ec\\u2028\\ud800\\x85" in lines[0]
    assert lines[1].endswith("plain 中文 1")


@pytest.mark.parametrize("text", ["评价器 1号窗口", "a\u3000b", "é ß", ""])
def test_what_people_write_stays_as_it_is(text):
    assert harmless(text) == text
