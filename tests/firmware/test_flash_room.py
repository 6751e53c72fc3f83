"""What fits on a board's flash and what a rating costs it, counted on real littlefs."""

import pytest
from flash_days import MOST_PAGES_MORE, RATINGS_A_DAY, costs, journal_days, plain_days
from journal_parts import IDENTITY, KEY
from littlefs_flash import BLOCK, PAGE, Disk, Flash

from firmware.enrolment import create
from firmware.files import Files
from firmware.journal import Journal, JournalFullError
from firmware.timing import JOURNAL_BYTES, Timing
from protocol.answer import of_level
from protocol.limits import MS_MAX, SEQ_MAX
from protocol.record import Rating

LONGEST = {
    "service": "s" * 64,
    "ticket_no": "t" * 16,
    "staff_no": "s" * 16,
    "facts": "f" * 64,
    "answer": of_level(5),
    "settings": SEQ_MAX,
    "took_ms": MS_MAX,
    "shown": SEQ_MAX,
    "input": "kiosk",
}


def test_the_partition_holds_the_capacity_in_the_longest_ratings():
    disk = Disk(Flash(JOURNAL_BYTES // BLOCK), is_new=True)
    files = Files("/", disk, disk.open)
    create(files, KEY)
    sizes = Timing()
    journal = Journal(files, IDENTITY, "0.1.0", "power", sizes.segment_records, sizes.segments)
    for _ in range(journal.capacity()):
        journal.append(Rating, MS_MAX, MS_MAX, **LONGEST)
    with pytest.raises(JournalFullError):
        journal.append(Rating, MS_MAX, MS_MAX, **LONGEST)


def test_a_rating_costs_what_littlefs_needs_for_one_append_and_close():
    log, line_bytes = journal_days(1)
    pages = costs(log)[0] / PAGE / RATINGS_A_DAY
    least = costs(plain_days(1, line_bytes))[0] / PAGE / RATINGS_A_DAY
    print(pages, least)
    assert pages - least <= MOST_PAGES_MORE


def test_control_a_journal_that_notes_every_record_in_slots_costs_more():
    log, line_bytes = journal_days(1, Noting)
    least = costs(plain_days(1, line_bytes))[0] / PAGE / RATINGS_A_DAY
    assert costs(log)[0] / PAGE / RATINGS_A_DAY - least > MOST_PAGES_MORE


class Noting(Files):
    """Files that note each append in two slots."""

    def append(self, name, data):
        super().append(name, data)
        self.write("slot.a", data)
        self.write("slot.b", data)
