"""What a rating costs a board's flash, and how long the flash lasts: `python -m bench.flash`.

Real littlefs with the sizes of MicroPython's VfsLfs2 (tests/firmware/flash_days.py) on a partition
of JOURNAL_BYTES. Counts, no times: the result is the same on every machine.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "firmware"))

from flash_days import (  # noqa: E402
    MOST_PAGES_MORE,
    RATINGS_A_DAY,
    costs,
    journal_days,
    plain_days,
)
from littlefs_flash import PAGE  # noqa: E402

DAYS = 20
ENDURANCE = 100_000  # erases a block survives, what makers of serial NOR flash state as the least
TEN_YEARS = 3650  # days


def results():
    """The rows of `make bench`."""
    log, line_bytes = journal_days(DAYS)
    ours, our_erases = costs(log)
    least, least_erases = costs(plain_days(DAYS, line_bytes))
    ratings = DAYS * RATINGS_A_DAY
    pages, least_pages = ours / PAGE / ratings, least / PAGE / ratings
    worn = {}
    for kind, start, _ in log:
        worn[start] = worn.get(start, 0) + (kind == "erase")
    most = max(worn.values()) / DAYS * TEN_YEARS
    return [
        {
            "name": f"flash pages programmed per rating of {line_bytes} bytes",
            "ours": round(pages, 2),
            "reference": round(least_pages, 2),
            "ratio": round(pages / least_pages, 2),
            "target": f"at most {MOST_PAGES_MORE} more than littlefs' own append and close",
            "holds": pages - least_pages <= MOST_PAGES_MORE,
        },
        {
            "name": "flash erases per rating",
            "ours": round(our_erases / ratings, 2),
            "reference": round(least_erases / ratings, 2),
            "ratio": round(our_erases / least_erases, 2),
            "target": "stated",
            "holds": True,
        },
        {
            "name": f"erases of the most worn block in ten years of {RATINGS_A_DAY} ratings a day",
            "ours": round(most),
            "reference": ENDURANCE,
            "ratio": round(most / ENDURANCE, 3),
            "target": "fewer than the part survives",
            "holds": most < ENDURANCE,
        },
    ]


if __name__ == "__main__":
    rows = results()
    for row in rows:
        print(f"{row['name']}: {row['ours']} (reference {row['reference']}): {row['holds']}")
    sys.exit(not all(row["holds"] for row in rows))
