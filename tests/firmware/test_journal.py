"""The journal on real littlefs (CPython), on MicroPython's own files and on a virtual board's."""

import unittest

from flash_files import FlashFiles
from journal_parts import KEY, N, held, made, members, rate, receipt, start

from firmware.journal import JournalLostError
from firmware.segments import subtract
from protocol.envelope import NO_MAC16, is_signed, mac16


def head_of(journal):
    journal.begin(1, None)
    return members(journal.head(5, 3, 2))


class TestStart(unittest.TestCase):
    def test_nothing_is_written_before_the_first_record(self):
        """JRN-5"""
        files = made()
        before = files.contents()
        for _ in range(5):
            start(files)
        self.assertEqual(files.contents(), before)

    def test_the_first_record_of_a_start_is_boot(self):
        """JRN-4"""
        journal = start(made())
        rate(journal)
        kinds = [members(envelope)["kind"] for _, envelope in held(journal)]
        self.assertEqual(kinds, ["boot", "rating"])

    def test_a_start_opens_the_next_segment_and_names_the_unused_end(self):
        """JRN-2 JRN-4"""
        files = made()
        rate(start(files))
        rate(start(files))
        seqs = [seq for seq, _ in held(start(files))]
        self.assertEqual(seqs, [1, 2, 5, 6])
        boot = members(held(start(files))[2][1])
        self.assertEqual((boot["gaps"], boot["boot"]), ([[3, 4, "restart"]], 2))

    def test_each_record_names_the_one_before_it(self):
        """CHN-1"""
        files = made()
        for _ in range(3):
            journal = start(files)
            for _ in range(3):
                rate(journal)
        before = NO_MAC16
        for _, envelope in held(journal):
            self.assertTrue(is_signed(KEY, envelope))
            self.assertEqual(members(envelope)["prev"], before)
            before = mac16(envelope)

    def test_a_seq_is_never_given_twice_whatever_file_vanishes(self):
        """JRN-2 REC-3"""
        files = made()
        given = []
        for _ in range(3):
            journal = start(files)
            given += [members(rate(journal))["seq"] for _ in range(5)]
        self.assertEqual(len(given), len(set(given)))
        for name in files.names():
            other = FlashFiles(files.contents())
            del other[name]
            self.assertTrue(members(rate(start(other)))["seq"] > max(given))

    def test_slots_lost_or_journal_lost_goes_on_both_lost_does_not(self):
        files = made()
        rate(start(files))
        del files["slot0"]
        del files["slot1"]
        journal = start(files)
        self.assertEqual(members(rate(journal))["seq"], 6)
        for name in files.names():
            if name.endswith(".seg"):
                del files[name]
        journal = start(files)
        rate(journal)
        boot = members(held(journal)[0][1])
        self.assertEqual((boot["seq"], boot["gaps"]), (9, [[1, 8, "damage"]]))
        for name in files.names():
            del files[name]
        with self.assertRaises(JournalLostError):
            start(files)

    def test_services_rated_are_read_back_the_last_sixteen(self):
        """TKT-1"""
        files = made()
        journal = start(files, 50)
        for n in range(20):
            rate(journal, f"s{n}")
        self.assertEqual(start(files).rated, [f"s{n}" for n in range(4, 20)])


class TestRound(unittest.TestCase):
    def test_one_by_one_each_record_is_read_once_while_others_are_appended(self):
        files = made()
        journal = start(files)
        for _ in range(2 * N):
            rate(journal)
        read, really_open = [], files.open
        files.open = lambda name: Counted(really_open(name), read)
        seqs = []
        while held_next := journal.after(seqs[-1] if seqs else 0, 1):
            seqs.append(held_next[0][0])
            if len(seqs) == 3:
                rate(journal)
        self.assertEqual(seqs, list(range(1, 2 * N + 3)))
        ends = [piece for piece in read if piece.endswith(b"\n")]
        self.assertEqual(len(ends), 2 * len(seqs))  # a record is two lines

    def test_after_a_step_back_everything_is_there_again(self):
        journal = start(made())
        for _ in range(N):
            rate(journal)
        last = journal.after(3, 1)
        self.assertEqual([seq for seq, _ in journal.after(0, 1000)], [1, 2, 3, 4, 5])
        self.assertEqual(journal.after(3, 1), last)
        self.assertEqual([seq for seq, _ in journal.after(1, 2)], [2, 3])


class Counted:
    """A file that notes each piece of a line that is read."""

    def __init__(self, file, read):
        self.seek = file.seek
        self.close = file.close
        self._readline = file.readline
        self._read = read

    def readline(self, most):
        line = self._readline(most)
        self._read.append(line)
        return line


class TestReceipt(unittest.TestCase):
    def test_a_receipt_frees_whole_segments_but_not_the_newest_nor_the_newest_ratings(self):
        """JRN-6"""
        files = made()
        journal = start(files)
        for _ in range(9):
            rate(journal)
        self.assertTrue(journal.take_receipt(receipt(journal, 7)))
        self.assertEqual(journal.first(), 5)
        self.assertTrue(journal.take_receipt(receipt(journal, 10)))
        self.assertEqual(journal.first(), 9)
        again = start(files)
        again.begin(5, None)
        self.assertEqual(members(dict(held(again))[13])["gaps"], [[11, 12, "restart"]])
        self.assertTrue(again.take_receipt(receipt(again, 13)))
        self.assertEqual(again.first(), 9)  # the newest rating is there
        self.assertEqual(start(files).rated, ["s1"] * 2)

    def test_a_receipt_that_is_not_for_this_record_frees_nothing(self):
        """RCT-2"""
        journal = start(made())
        for _ in range(9):
            rate(journal)
        head = journal.head(5, 3, 2).decode()
        for wrong in (
            receipt(journal, 7, key=bytes(32)),
            receipt(journal, 7, device="xj-0418"),
            receipt(journal, 7, epoch=29333342),
            receipt(journal, 7, mac16="f" * 16),
            receipt(journal, 99),
            head,
            "",
            "receipt",
        ):
            self.assertFalse(journal.take_receipt(wrong))
            self.assertEqual((journal.first(), journal.receipt()), (1, None))

    def test_what_was_heard_is_the_time_of_the_receipt_taken_last(self):
        """RCT-4"""
        files = made()
        journal = start(files)
        self.assertEqual((journal.heard, head_of(journal)["heard"]), (None, None))
        for _ in range(9):
            rate(journal)
        for text, heard in (
            (receipt(journal, 7, at=70), 70),
            (receipt(journal, 7, at=80), 80),  # the same once more
            (receipt(journal, 3, at=60), 60),
            (receipt(journal, 9, at=90, mac16="f" * 16), 90),  # frees nothing, and was signed
            (receipt(journal, 9, at=95, key=bytes(32)), 90),
            (receipt(journal, 9, at=95, epoch=29333342), 90),
        ):
            log = list(files.log)
            journal.take_receipt(text)
            self.assertEqual((journal.heard, head_of(journal)["heard"]), (heard, heard))
            self.assertTrue(heard == 70 or files.log == log)  # nothing is written
        self.assertEqual(members(journal.receipt().encode())["at"], 80)
        self.assertEqual(start(files).heard, 70)  # what the flash has

    def test_an_older_receipt_takes_nothing_back(self):
        journal = start(made())
        for _ in range(9):
            rate(journal)
        older, newer = receipt(journal, 3), receipt(journal, 7)
        self.assertTrue(journal.take_receipt(newer))
        self.assertTrue(journal.take_receipt(older))
        self.assertEqual(journal.receipt(), newer)

    def test_the_receipt_survives_a_restart_once_it_has_freed_something(self):
        files = made()
        journal = start(files)
        for _ in range(9):
            rate(journal)
        text = receipt(journal, 7)
        journal.take_receipt(text)
        self.assertEqual(start(files).receipt(), text)


class TestRuns(unittest.TestCase):
    def test_what_is_not_known_is_left(self):
        self.assertEqual(subtract(1, 10, []), [[1, 10]])
        self.assertEqual(subtract(1, 10, [[8, 20], [1, 2], [5, 5]]), [[3, 4], [6, 7]])
        self.assertEqual(subtract(5, 10, [[1, 4], [20, 30]]), [[5, 10]])
        self.assertEqual(subtract(1, 10, [[1, 10]]), [])
        self.assertEqual(subtract(11, 10, []), [])


if __name__ == "__main__":
    unittest.main()
