"""The diagram and the pin maps in docs/ are those of the firmware."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from firmware.session import ASKING, INVITED, TABLE, TECHNICIAN
from firmware.timing import RATINGS_A_DAY, Timing

ROOT = Path(__file__).parents[2]
BOARDS = sorted(path.parent.name for path in ROOT.glob("firmware/boards/*/pins.py"))


def test_what_is_drawn_from_the_firmware_is_current():
    drawing = [sys.executable, ROOT / "docs" / "session_diagram.py", "--check"]
    drawn = subprocess.run(drawing, capture_output=True, text=True)
    assert drawn.returncode == 0, drawn.stderr
    for name, parts in (("citizen", 1), ("hardware", len(BOARDS))):
        for end in (".md", ".zh-CN.md"):
            page = (ROOT / "docs" / f"{name}{end}").read_text("utf-8")
            assert page.count("<!-- end -->") == parts, f"{name}{end}"


def test_every_face_answers_a_press_and_a_chord():
    for face in {face for face, _ in TABLE}:
        rows = {event for start, event in TABLE if start == face}
        takes = {INVITED: "rate", ASKING: "reason"}.get(face, "press")
        assert {takes, "chord"} <= rows, face
    assert (TECHNICIAN, "end") in TABLE


def test_the_capacity_of_the_second_board_is_the_page_s():
    source = (ROOT / "firmware" / "boards" / "rp2_five_key" / "board.py").read_text()
    segments = int(re.findall(r'Timing\({"segments": (\d+)}\)', source)[0])
    ratings = (segments - 1) * Timing().segment_records - 1
    page = " ".join((ROOT / "docs" / "hardware.md").read_text().split())
    days = ratings // RATINGS_A_DAY
    assert f"{segments} segments, {ratings} ratings, {days} days" in page


@pytest.mark.parametrize("board", BOARDS)
def test_no_pin_is_used_twice(board):
    numbers = [number for _, number, _ in import_module(f"firmware.boards.{board}.pins").PINS]
    assert len(numbers) == len(set(numbers)) > 13
