"""Types the commands of docs/technician.md into a fresh hall, and writes what they print there.

    .venv/bin/python docs/technician_session.py

The Chinese page gets the same blocks. With `--check` it types and changes nothing, and ends with 1
if the Chinese page has other blocks. simulator/technician.py types;
tests/journey/test_technician_page.py holds the page to it.
"""

import asyncio
import re
import sys
import tempfile
from pathlib import Path

from simulator.technician import typed

ROOT = Path(__file__).resolve().parents[1]
PAGE, TWIN = ROOT / "docs" / "technician.md", ROOT / "docs" / "technician.zh-CN.md"
_BLOCK = re.compile(r"```console\n.*?```", re.DOTALL)


def with_blocks_of(page: str, twin: str) -> str:
    """The twin with the console blocks of the page, in their order; ValueError: one has more."""
    blocks, parts = _BLOCK.findall(page), _BLOCK.split(twin)
    pairs = zip(parts, [*blocks, ""], strict=True)
    return "".join(part + block for part, block in pairs)


def main() -> None:
    """Rewrites every console block of both pages, or checks the Chinese one's."""
    page, twin = PAGE.read_text("utf-8"), TWIN.read_text("utf-8")
    if "--check" in sys.argv:
        if with_blocks_of(page, twin) != twin:
            sys.exit(f"out of date: {TWIN.name}. Run: python docs/technician_session.py")
        return
    with tempfile.TemporaryDirectory(prefix="pingjia-") as name:
        page = asyncio.run(typed(page, Path(name), ROOT))
    twin = with_blocks_of(page, twin)
    PAGE.write_text(page, "utf-8")
    TWIN.write_text(twin, "utf-8")


if __name__ == "__main__":
    main()
