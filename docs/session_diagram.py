"""Writes what docs/ shows of the firmware: the session's diagram and the boards' pins.

`python docs/session_diagram.py` fills the marked parts of docs/citizen.md, docs/hardware.md and
their Chinese twins; with `--check` it changes nothing and ends with 1 if one is out of date.
"""

import re
import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from firmware.session import TABLE  # noqa: E402

PAGES = [
    ROOT / "docs" / f"{name}{end}"
    for name in ("citizen", "hardware")
    for end in (".md", ".zh-CN.md")
]
BOARDS = [path.parent.name for path in ROOT.glob("firmware/boards/*/pins.py")]


def diagram() -> str:
    """The table as a Mermaid state diagram: an edge a row, with the answer to a press."""
    rows = [
        f"    {face} --> {following}: {event}{f' / {answer}' if answer else ''}"
        for (face, event), (following, answer) in TABLE.items()
    ]
    return "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> standby", *rows, "```"])


def pins(board: str) -> str:
    """The pin map that stands in a board's folder."""
    table = import_module(f"firmware.boards.{board}.pins").PINS
    rows = [f"| `{name}` | {number} | {wire} |" for name, number, wire in table]
    return "\n".join(["| part | GPIO | wire |", "|---|---|---|", *rows])


def filled(page: str) -> str:
    """The page with its marked parts made anew."""
    parts = {"session": diagram(), **{board: pins(board) for board in BOARDS}}
    for name, text in parts.items():
        marks = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        page = re.sub(marks, lambda m, text=text: f"{m[1]}{text}\n{m[2]}", page, flags=re.DOTALL)
    return page


if __name__ == "__main__":
    old = [page for page in PAGES if filled(page.read_text("utf-8")) != page.read_text("utf-8")]
    if "--check" in sys.argv and old:
        names = ", ".join(page.name for page in old)
        sys.exit(f"out of date: {names}. Run: python docs/session_diagram.py")
    for page in old:
        page.write_text(filled(page.read_text("utf-8")), "utf-8")
