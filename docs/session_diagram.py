"""Writes what docs/ shows of the firmware: the session's diagram and the boards' pins.

`python docs/session_diagram.py` fills the marked parts of docs/citizen.md and docs/hardware.md;
a test finds them out of date.
"""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from firmware.session import TABLE  # noqa: E402

BOARDS = ("esp32_five_key", "rp2_five_key")


def diagram() -> str:
    """The table as a Mermaid state diagram: an edge a row, with the answer to a press."""
    rows = [
        f"    {face} --> {following}: {event}{f' / {answer}' if answer else ''}"
        for (face, event), (following, answer) in TABLE.items()
    ]
    return "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> standby", *rows, "```"])


def pins(board: str) -> str:
    """The pin map that stands in a board's file."""
    tree = ast.parse((ROOT / "firmware" / "boards" / f"{board}.py").read_text())
    (value,) = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PINS"
    ]
    rows = [f"| `{name}` | {number} | {wire} |" for name, number, wire in ast.literal_eval(value)]
    return "\n".join(["| part | GPIO | wire |", "|---|---|---|", *rows])


def filled(page: str) -> str:
    """The page with its marked parts made anew."""
    parts = {"session": diagram(), **{board: pins(board) for board in BOARDS}}
    for name, text in parts.items():
        marks = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        page = re.sub(marks, lambda m, text=text: f"{m[1]}{text}\n{m[2]}", page, flags=re.DOTALL)
    return page


if __name__ == "__main__":
    for page in (ROOT / "docs" / "citizen.md", ROOT / "docs" / "hardware.md"):
        page.write_text(filled(page.read_text()))
