"""Days of ratings on a board's flash, counted: real littlefs with the sizes of VfsLfs2."""

from journal_oracle import IDENTITY, KEY, members, rate
from littlefs_flash import BLOCK, Disk, Flash

from firmware.enrolment import create
from firmware.files import Files
from firmware.journal import Journal
from firmware.timing import JOURNAL_BYTES, Timing
from protocol.envelope import mac16
from simulator.pen import Pen

RATINGS_A_DAY = 500
MOST_PAGES_MORE = 2  # of a rating, than littlefs' own append and close


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
    sizes = Timing()
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
        file_number, line_number = divmod(number, Timing().segment_records)
        name = f"/{file_number:08d}.seg"
        if line_number == 0:
            disk.open(name, "wb").close()
            if file_number:
                disk.remove(f"/{file_number - 1:08d}.seg")
        with disk.open(name, "ab") as file:
            file.write(bytes(line_bytes))
    return flash.log
