"""Power cuts on real littlefs: before, within and after every program and erase of the flash.

A cut after one operation is a cut before the next. The oracle has to find fault with a journal
that thanks before its file is closed, and with one whose start writes its file anew.
"""

import random

import pytest
from journal_oracle import judge, live, start, thanked_by
from journal_parts import KEY, rate
from littlefs_flash import BLOCK, Disk, Flash, change
from weak_journals import LateFiles, OneFile

from firmware.enrolment import create
from firmware.files import Files

TORN = ("half", "garbled")


def journal_files(flash, is_new=False):
    disk = Disk(flash, is_new)
    return Files("/", disk, disk.open)


def late_files(flash, is_new=False):
    disk = Disk(flash, is_new)
    return LateFiles(Files("/", disk, disk.open), disk.open, "/")


def enrolled(make_files):
    flash = Flash()
    files = make_files(flash, is_new=True)
    create(files, KEY)
    return flash, files


def cuts(image, log, seed):
    """(operations done, the flash then) for a cut before and within each entry of a log."""
    chance = random.Random(seed)
    image = bytearray(image)
    for number, (kind, begin, data) in enumerate(log):
        yield number, bytes(image)
        for form in TORN:
            torn = bytearray(image)
            whole = data or b"\xff" * BLOCK
            half = len(whole) // 2
            torn[begin : begin + half] = whole[:half]
            if form == "garbled":
                torn[begin + half : begin + len(whole)] = chance.randbytes(len(whole) - half)
            yield number, bytes(torn)
        change(image, kind, begin, data)
    yield len(log), bytes(image)


def add(total, count):
    for name, number in count.items():
        total[name] = total.get(name, 0) + number


def sweep(ratings, every=1, make_files=journal_files, begin=start):
    """What the oracle counts at every `every`th cut of a life, and how many cuts those were."""
    flash, files = enrolled(make_files)
    image = flash.image()
    flash.log.clear()
    known = live(files, ratings, lambda: len(flash.log), begin)
    total = {"cuts": 0}
    for number, (done, left) in enumerate(cuts(image, list(flash.log), ratings)):
        if number % every == 0:
            thanked, covered = thanked_by(known, done)
            files = make_files(Flash(image=left))
            add(total, {"cuts": 1} | judge(files, thanked, covered, begin))
    return total


def sweep_recovery(ratings, starts, begin=start):
    """The same for cuts within `starts` starts that follow cuts, spread over a life."""
    flash, files = enrolled(journal_files)
    image = flash.image()
    flash.log.clear()
    known = live(files, ratings, lambda: len(flash.log), begin)
    log = list(flash.log)
    every = max(1, (len(log) * 3 + 1) // starts)
    total = {"cuts": 0, "starts": 0}
    for number, (done, left) in enumerate(cuts(image, log, ratings)):
        if number % every:
            continue
        thanked, covered = thanked_by(known, done)
        again = Flash(image=left)
        journal = begin(journal_files(again))
        journal.begin(1, None)
        rate(journal)
        total["starts"] += 1
        for _, left_again in cuts(left, list(again.log), number):
            files = journal_files(Flash(image=left_again))
            add(total, {"cuts": 1} | judge(files, thanked, covered, begin))
    return total


def holds(total):
    print(total)
    return not any(total[name] for name in ("lost", "altered", "twice", "alarms"))


def test_a_cut_loses_nothing_that_was_thanked():
    """JRN-1 JRN-2"""
    total = sweep(200, every=4)
    assert holds(total)
    assert total["cuts"] > 2000


def test_a_cut_within_recovery_loses_nothing():
    """JRN-1 JRN-6"""
    total = sweep_recovery(60, starts=25)
    assert holds(total)
    assert total["cuts"] > 1000


class Watched(Files):
    """Files that remember what stood there after each operation: [(length of the log, {…})]."""

    def __init__(self, folder, disk, flash):
        super().__init__(folder, disk, disk.open)
        self._flash = flash
        self.states = []

    def append(self, name, data):
        super().append(name, data)
        self._remember()

    def write(self, name, data):
        if name not in self.names():
            super().write(name, b"")  # committed by itself when littlefs opens a new file
            self._remember()
        super().write(name, data)
        self._remember()

    def remove(self, name):
        super().remove(name)
        self._remember()

    def _remember(self):
        self.states.append((len(self._flash.log), contents(self)))


def contents(files):
    found = {}
    for name in files.names():
        with files.open(name) as file:
            found[name] = file.read()
    return found


def test_a_cut_leaves_what_stood_before_or_after_a_files_operation():
    """So MicroPython, which has no littlefs here, is given just that (test_journal_faults.py)."""
    flash = Flash()
    files = Watched("/", Disk(flash, is_new=True), flash)
    create(files, KEY)
    image = flash.image()
    flash.log.clear()
    files.states[:] = [(0, contents(files))]
    live(files, 50, lambda: 0)
    for done, left in cuts(image, list(flash.log), 1):
        before = [state for at, state in files.states if at <= done][-1]
        after = next((state for at, state in files.states if at > done), before)
        assert contents(journal_files(Flash(image=left))) in (before, after)


@pytest.mark.long
def test_no_cut_of_600_ratings_loses_anything():
    total = sweep(600)
    assert holds(total)


@pytest.mark.long
def test_no_cut_within_recovery_loses_anything():
    total = sweep_recovery(200, starts=400)
    assert holds(total)


def test_control_a_journal_that_thanks_before_close_loses_ratings():
    assert sweep(60, every=7, make_files=late_files)["lost"] > 0


def test_control_a_journal_that_is_written_anew_at_its_start_loses_ratings():
    assert sweep_recovery(30, starts=10, begin=OneFile)["lost"] > 0
