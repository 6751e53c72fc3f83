"""The journal when it fills. Runs where test_journal.py runs."""

import unittest

from flash_files import FlashFiles, PowerCut
from journal_parts import held, made, members, rate, receipt, start

from firmware.journal import JournalFullError


def segments(files):
    return sorted([name for name in files.names() if name.endswith(".seg")])


def records_in(files):
    return {name: data for name, data in files.contents().items() if name.endswith(".seg")}


class TestFull(unittest.TestCase):
    def full(self):
        files = made()
        journal = start(files, 4)
        while not journal.is_full():
            rate(journal)
        return files, journal

    def test_a_full_journal_refuses_and_overwrites_nothing(self):
        """JRN-7"""
        files, journal = self.full()
        before = files.contents()
        self.assertEqual((journal.seq, journal.free()), (12, 0))
        with self.assertRaises(JournalFullError):
            rate(journal)
        self.assertEqual(files.contents(), before)

    def test_a_start_in_a_full_journal_writes_but_its_number_without_damage(self):
        """JRN-2 JRN-7"""
        files, _ = self.full()
        before = records_in(files)
        journal = start(files, 4)
        for _ in range(3):
            journal.begin(5, None)
        self.assertTrue(journal.is_full())
        self.assertEqual(records_in(files), before)
        self.assertEqual(start(files, 4).boot, journal.boot + 1)
        self.assertEqual(files.log[-1][0], "write")

    def test_a_start_in_a_full_journal_names_damage_in_the_spare_segment(self):
        """JRN-7"""
        files, _ = self.full()
        files["00000001.seg"] = files["00000001.seg"].replace(b'"seq":6', b'"seq":7')
        journal = start(files, 4)
        journal.begin(5, None)
        self.assertEqual(members(dict(held(journal))[13])["gaps"], [[6, 6, "damage"]])
        self.assertTrue(journal.is_full())
        with self.assertRaises(JournalFullError):
            rate(journal)
        start(files, 4).begin(5, None)
        self.assertEqual(len(segments(files)), 4)

    def test_a_receipt_makes_room_again(self):
        """JRN-6"""
        files, _ = self.full()
        journal = start(files, 4)
        journal.begin(5, None)
        self.assertTrue(journal.take_receipt(receipt(journal, 12)))
        self.assertFalse(journal.is_full())
        rate(journal)
        self.assertEqual(members(dict(held(journal))[13])["boot"], 2)

    def test_a_cut_while_it_freed_does_not_leave_it_full_for_ever(self):
        """JRN-6"""
        files, journal = self.full()
        text = receipt(journal, 12)
        files.cut_at = len(files.log) + 1  # the slot is noted, nothing is removed
        with self.assertRaises(PowerCut):
            journal.take_receipt(text)
        files.cut_at = None
        again = start(files, 4)
        self.assertFalse(again.is_full())
        rate(again)
        self.assertEqual(segments(files), ["00000002.seg", "00000003.seg"])

    def test_starts_that_were_cut_do_not_use_the_journal_up(self):
        """JRN-7"""
        files = made()
        rate(start(files, 4))
        for _ in range(20):
            for operations in (1, 2):  # the segment is made; it is noted; the boot is not written
                files.cut_at = len(files.log) + operations
                try:
                    rate(start(files, 4))
                except PowerCut:
                    files.cut_at = None
                self.assertTrue(len(segments(files)) <= 4)
        journal = start(files, 4)
        self.assertFalse(journal.is_full())
        rate(journal)
        self.assertTrue(journal.take_receipt(receipt(journal, journal.seq)))

    def test_what_a_cut_start_never_held_is_not_named_as_damage(self):
        """JRN-4"""
        files = made()
        rate(start(files, 4))
        for _ in range(3):  # the segment is made and noted, the boot is not written
            files.cut_at = len(files.log) + 2
            with self.assertRaises(PowerCut):
                rate(start(files, 4))
        contents = files.contents()
        whole = FlashFiles(contents)
        rate(start(whole, 4))
        for operations in range(len(whole.log)):  # the next start makes room, and is cut as well
            files = FlashFiles(contents)
            files.cut_at = operations
            with self.assertRaises(PowerCut):
                rate(start(files, 4))
            files.cut_at = None
            journal = start(files, 4)
            rate(journal)
            gaps = [members(envelope).get("gaps", []) for _, envelope in held(journal)]
            self.assertFalse([gap for found in gaps for gap in found if gap[2] == "damage"])

    def test_three_segments_are_too_few(self):
        """JRN-7"""
        with self.assertRaises(ValueError):
            start(made(), 3)

    def test_free_counts_down_to_full_from_the_capacity(self):
        journal = start(made(), 5)
        journal.begin(5, None)
        self.assertEqual(journal.free(), journal.capacity())
        free = []
        while not journal.is_full():
            rate(journal)
            free.append(journal.free())
        self.assertEqual(free, list(range(len(free) - 1, -1, -1)))


if __name__ == "__main__":
    unittest.main()
