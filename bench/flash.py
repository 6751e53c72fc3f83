"""What a rating costs a board's flash, and how long the flash lasts: `python -m bench.flash`.

Real littlefs with the sizes of MicroPython's VfsLfs2 (tests/firmware/littlefs_flash.py) on a
partition of JOURNAL_BYTES. Counts, no times: the result is the same on every machine.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "firmware"))

from journal_oracle import IDENTITY, KEY, members, rate  # noqa: E402
from littlefs_flash import BLOCK, PAGE, Disk, Flash  # noqa: E402

from firmware.files import Files  # noqa: E402
from firmware.journal import Journal, create  # noqa: E402
from firmware.timing import JOURNAL_BYTES, timing  # noqa: E402
from protocol.envelope import mac16  # noqa: E402
from simulator.pen import Pen  # noqa: E402

RATINGS_A_DAY = 500
DAYS = 20
ENDURANCE = 100_000  # erases a block survives, what makers of serial NOR flash state as the least
TEN_YEARS = 3650  # days
MOST_PAGES_MORE = 2


def new_flash():
    """A formatted partition: (flash, disk), with nothing counted yet."""
    flash = Flash(JOURNAL_BYTES // BLOCK)
    return flash, Disk(flash, is_new=True)


def costs(log):
    """(bytes programmed, erases) in a flash's log."""
    erases = sum(kind == "erase" for kind, _, _ in log)
    return sum(len(data) for _, _, data in log), erases


def journal_days(days, make_files=Files):
    """(the flash's log, bytes of a line) after days of ratings, each with a start and receipts."""
    flash, disk = new_flash()
    files = make_files("/", disk, disk.open)
    create(files, KEY)
    flash.log.clear()
    sizes = timing()
    for _ in range(days):
        journal = Journal(files, IDENTITY, "0.1.0", "power", sizes.segment_records, sizes.segments)
        for number in range(RATINGS_A_DAY):
            envelope = rate(journal, "01JQ7V0M3T8K2N5W9X4Y6Z1B2C")
            if number % 3 == 2:  # the centre is a few ratings behind
                seq, mac = members(envelope)["seq"], mac16(envelope)
                journal.take_receipt(Pen(*IDENTITY).receipt(seq=seq, mac16=mac))
    return flash.log, len(envelope) + 1


def plain_days(days, line_bytes):
    """littlefs' own least: the same bytes appended to files of as many lines, nothing else."""
    flash, disk = new_flash()
    flash.log.clear()
    for number in range(days * RATINGS_A_DAY):
        file_number, line_number = divmod(number, timing().segment_records)
        name = f"/{file_number:08d}.seg"
        if line_number == 0:
            disk.open(name, "wb").close()
            if file_number:
                disk.remove(f"/{file_number - 1:08d}.seg")
        with disk.open(name, "ab") as file:
            file.write(bytes(line_bytes))
    return flash.log


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
