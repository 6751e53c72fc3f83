"""Types the commands of docs/technician.md into a fresh hall, and writes what they print there.

    .venv/bin/python docs/technician_session.py

simulator/technician.py types; tests/journey/test_technician_page.py holds the page to it.
"""

import asyncio
import tempfile
from pathlib import Path

from simulator.technician import typed

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "technician.md"


def main() -> None:
    """Rewrites every console block of the page."""
    with tempfile.TemporaryDirectory(prefix="pingjia-") as name:
        PAGE.write_text(asyncio.run(typed(PAGE.read_text("utf-8"), Path(name), ROOT)), "utf-8")


if __name__ == "__main__":
    main()
