"""The diagram and the pin maps in docs/ are those of the firmware."""

import runpy
from pathlib import Path

import pytest

from firmware.session import ASKING, INVITED, TABLE, TECHNICIAN

ROOT = Path(__file__).parents[2]
DRAWN = runpy.run_path(str(ROOT / "docs" / "session_diagram.py"))


@pytest.mark.parametrize("name", ["citizen.md", "hardware.md"])
def test_what_is_drawn_from_the_firmware_is_current(name):
    page = (ROOT / "docs" / name).read_text()
    assert DRAWN["filled"](page) == page, "run: python docs/session_diagram.py"
    assert page.count("<!-- end -->") == (1 if name == "citizen.md" else 2)


def test_every_face_answers_a_press_and_a_chord():
    for face in {face for face, _ in TABLE}:
        rows = {event for start, event in TABLE if start == face}
        takes = {INVITED: "rate", ASKING: "reason"}.get(face, "press")
        assert {takes, "chord"} <= rows, face
    assert (TECHNICIAN, "end") in TABLE


@pytest.mark.parametrize("board", DRAWN["BOARDS"])
def test_no_pin_is_used_twice(board):
    lines = [line.split("|") for line in DRAWN["pins"](board).splitlines()[2:]]
    numbers = [cells[2].strip() for cells in lines]
    assert len(numbers) == len(set(numbers)) > 13
