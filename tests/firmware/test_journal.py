"""The journal on real littlefs (CPython), on MicroPython's own files and on a virtual board's.

JRN-2 JRN-3 JRN-4 JRN-5 JRN-6 JRN-7 CHN-1 REC-3 RCT-2
"""

import json
import unittest

from flash_files import FlashFiles, PowerCut

from firmware.bundle import Identity
from firmware.journal import (
    Journal,
    JournalDamageError,
    JournalFullError,
    JournalLostError,
    create,
)
from firmware.runs import subtract
from protocol.envelope import NO_MAC16, is_signed, mac16, seal, split
from protocol.record import Rating, Receipt, encode

KEY = bytes(range(32))
IDENTITY = Identity("xj-0417", 29333341, KEY)
N = 4  # records a segment


def made():
    files = FlashFiles()
    create(files, KEY)
    return files


def start(files, segments=8):
    return Journal(files, IDENTITY, "0.1.0", "power", N, segments)


def rate(journal, service="s1"):
    return journal.append(
        Rating,
        1000,
        None,
        service=service,
        ticket_no="A017",
        staff_no=None,
        facts="0" * 16,
        level=4,
        settings=0,
        took_ms=10,
        input="key",
    )


def held(journal, seq=0):
    return journal.after(seq, 1000)


def members(envelope):
    return json.loads(str(split(envelope)[0], "utf-8"))


def receipt(journal, seq, key=KEY, **changes):
    envelope = dict(held(journal, seq - 1)).get(seq)
    fields = {
        "device": "xj-0417",
        "epoch": 29333341,
        "seq": seq,
        "mac16": NO_MAC16 if envelope is None else mac16(envelope),
        "at": 1,
    }
    fields.update(changes)
    return seal(key, encode(Receipt(**fields))).decode()


class TestStart(unittest.TestCase):
    def test_nothing_is_written_before_the_first_record(self):
        files = made()
        before = files.contents()
        for _ in range(5):
            start(files)
        self.assertEqual(files.contents(), before)

    def test_the_first_record_of_a_start_is_boot(self):
        journal = start(made())
        rate(journal)
        kinds = [members(envelope)["kind"] for _, envelope in held(journal)]
        self.assertEqual(kinds, ["boot", "rating"])

    def test_a_start_opens_the_next_segment_and_names_the_unused_end(self):
        files = made()
        rate(start(files))
        rate(start(files))
        seqs = [seq for seq, _ in held(start(files))]
        self.assertEqual(seqs, [1, 2, 5, 6])
        boot = members(held(start(files))[2][1])
        self.assertEqual((boot["gaps"], boot["boot"]), ([[3, 4, "restart"]], 2))

    def test_each_record_names_the_one_before_it(self):
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
        files = made()
        journal = start(files, 50)
        for n in range(20):
            rate(journal, f"s{n}")
        self.assertEqual(start(files).rated, [f"s{n}" for n in range(4, 20)])


class TestDamage(unittest.TestCase):
    def damaged(self, name, change):
        files = made()
        journal = start(files)
        for _ in range(3):
            rate(journal)
        files[name] = change(files[name])
        return files

    def test_a_bad_line_is_named_as_damage_and_the_rest_is_kept(self):
        files = self.damaged("00000000.seg", lambda data: data.replace(b'"seq":3', b'"seq":8'))
        journal = start(files)
        self.assertEqual([seq for seq, _ in held(journal)], [1, 2, 4])
        rate(journal)
        self.assertEqual(members(dict(held(journal))[5])["gaps"], [[3, 3, "damage"]])
        self.assertEqual([seq for seq, _ in held(start(files))], [1, 2, 4, 5, 6])

    def test_garbage_of_every_kind_is_survived_and_named(self):
        changes = (
            lambda data: data[:-30],
            lambda data: data[:-200] + b"\x00" * 200,
            lambda data: data[:-200] + b"\xff" * 200,
            lambda data: b"\xff" * len(data),
            lambda data: b"",
            lambda data: b"\n" * 500,
            lambda data: data + data,
            lambda data: data[100:],
        )
        for change in changes:
            files = self.damaged("00000000.seg", change)
            journal = start(files)
            rate(journal)
            named = members(dict(held(journal))[5])["gaps"]
            seqs = [seq for seq, _ in held(journal)]
            covered = sorted(seqs + [s for a, b, _ in named for s in range(a, b + 1)])
            self.assertEqual(covered, [1, 2, 3, 4, 5, 6])

    def test_what_a_readable_boot_names_is_not_named_again(self):
        files = self.damaged("00000000.seg", lambda data: b"")
        rate(start(files))
        journal = start(files)
        rate(journal)
        self.assertEqual(members(dict(held(journal))[9])["gaps"], [[7, 8, "restart"]])

    def test_a_line_that_turns_bad_after_the_start_is_not_passed_over(self):
        files = made()
        journal = start(files)
        rate(journal)
        rate(journal)
        data = files["00000000.seg"]
        files["00000000.seg"] = data.replace(b'"seq":2', b'"seq":7')
        with self.assertRaises(JournalDamageError):
            held(journal)

    def test_a_segment_that_ends_too_early_is_damage_where_a_later_record_shows_it(self):
        files = made()
        journal = start(files)
        for _ in range(6):
            rate(journal)
        lines = files["00000000.seg"].split(b"\n")
        files["00000000.seg"] = b"\n".join(lines[:4]) + b"\n"
        journal = start(files)
        rate(journal)
        gaps = members(dict(held(journal))[9])["gaps"]
        self.assertEqual(gaps, [[3, 4, "damage"], [8, 8, "restart"]])

    def test_more_gaps_than_a_record_can_name_stand_in_several(self):
        files = made()
        journal = start(files, 100)
        for _ in range(150):
            rate(journal)
        for number in range(0, 36):
            name = f"{number:08d}.seg"
            data = files[name]
            files[name] = data.replace(f'"seq":{number * N + 2},'.encode(), b'"seq":1,')
        journal = start(files, 100)
        rate(journal)
        boots = [
            members(envelope)
            for _, envelope in held(journal, 152)
            if members(envelope)["kind"] == "boot"
        ]
        self.assertEqual(len(boots), 3)
        named = [gap[0] for boot in boots for gap in boot["gaps"] if gap[2] == "damage"]
        self.assertEqual(named, [number * N + 2 for number in range(36)])
        self.assertEqual(len({boot["boot"] for boot in boots}), 1)

    def test_a_power_cut_at_any_operation_keeps_what_was_durable(self):
        for cut_at in range(1, 60):
            files = made()
            durable = []
            files.cut_at = cut_at
            try:
                while True:
                    journal = start(files, 50)
                    for _ in range(6):
                        durable.append(rate(journal))
            except PowerCut:
                files.cut_at = None
            journal = start(files, 50)
            rate(journal)
            kept = [envelope for _, envelope in held(journal)]
            for envelope in durable:
                self.assertIn(envelope, kept)


class TestFlash(unittest.TestCase):
    def test_a_flash_that_refuses_is_damage_and_its_seq_is_not_given_again(self):
        files = made()
        journal = start(files)
        rate(journal)
        append = files.append

        def write_and_fail(name, data):
            append(name, data)
            raise OSError(5)

        files.append = write_and_fail
        with self.assertRaises(JournalDamageError):
            rate(journal)
        files.append = append
        self.assertEqual(members(rate(start(files)))["seq"], 6)

    def test_a_segment_that_vanishes_while_it_runs_is_damage(self):
        files = made()
        journal = start(files)
        rate(journal)
        del files["00000000.seg"]
        with self.assertRaises(JournalDamageError):
            held(journal)

    def test_a_segment_that_cannot_be_read_at_the_start_is_named(self):
        files = made()
        journal = start(files)
        for _ in range(6):
            rate(journal)
        files.open = self.failing(files.open)
        journal = start(files)
        rate(journal)
        self.assertEqual([seq for seq, _ in held(journal)], [5, 6, 7, 9, 10])
        gaps = members(dict(held(journal))[9])["gaps"]
        self.assertEqual(gaps, [[1, 4, "damage"], [8, 8, "restart"]])

    def test_a_segment_that_cannot_be_read_while_it_runs_is_damage(self):
        files = made()
        journal = start(files)
        rate(journal)
        files.open = self.failing(files.open)
        with self.assertRaises(JournalDamageError):
            held(journal)

    def test_a_flash_that_cannot_be_listed_is_a_lost_journal(self):
        files = made()

        def names():
            raise OSError(84)

        files.names = names
        with self.assertRaises(JournalLostError):
            start(files)

    def failing(self, really_open):
        def open_failing(name):
            file = really_open(name)
            return BadBlock(file) if name == "00000000.seg" else file

        return open_failing


class BadBlock:
    """A file whose blocks cannot be read, as LittleFS finds out when it comes to them."""

    def __init__(self, file):
        self.seek = file.seek
        self.close = file.close

    def readline(self, most):
        raise OSError(84)


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
        self.assertEqual(len(read), 2 * len(seqs))  # a record is two lines

    def test_after_a_step_back_everything_is_there_again(self):
        journal = start(made())
        for _ in range(N):
            rate(journal)
        last = journal.after(3, 1)
        self.assertEqual([seq for seq, _ in journal.after(0, 1000)], [1, 2, 3, 4, 5])
        self.assertEqual(journal.after(3, 1), last)
        self.assertEqual([seq for seq, _ in journal.after(1, 2)], [2, 3])


class Counted:
    """A file that notes each line that is read."""

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
        journal = start(made())
        for _ in range(9):
            rate(journal)
        head = journal.head(5).decode()
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


class TestFull(unittest.TestCase):
    def full(self):
        files = made()
        journal = start(files, 4)
        while not journal.is_full():
            rate(journal)
        return files, journal

    def test_a_full_journal_refuses_and_overwrites_nothing(self):
        files, journal = self.full()
        before = files.contents()
        self.assertEqual((journal.seq, journal.free()), (12, 0))
        with self.assertRaises(JournalFullError):
            rate(journal)
        self.assertEqual(files.contents(), before)

    def test_a_start_in_a_full_journal_writes_nothing_without_damage(self):
        files, _ = self.full()
        before = files.contents()
        journal = start(files, 4)
        journal.begin(5, None)
        self.assertTrue(journal.is_full())
        self.assertEqual(files.contents(), before)

    def test_a_start_in_a_full_journal_names_damage_in_the_spare_segment(self):
        files, _ = self.full()
        files["00000001.seg"] = files["00000001.seg"].replace(b'"seq":6', b'"seq":7')
        journal = start(files, 4)
        journal.begin(5, None)
        self.assertEqual(members(dict(held(journal))[13])["gaps"], [[6, 6, "damage"]])
        self.assertTrue(journal.is_full())
        with self.assertRaises(JournalFullError):
            rate(journal)
        start(files, 4).begin(5, None)
        self.assertEqual(len([name for name in files.names() if name.endswith("seg")]), 4)

    def test_a_receipt_makes_room_again(self):
        files, _ = self.full()
        journal = start(files, 4)
        journal.begin(5, None)
        self.assertTrue(journal.take_receipt(receipt(journal, 12)))
        self.assertFalse(journal.is_full())
        rate(journal)
        self.assertEqual(members(dict(held(journal))[13])["boot"], 2)

    def test_a_cut_while_it_freed_does_not_leave_it_full_for_ever(self):
        files, journal = self.full()
        text = receipt(journal, 12)
        files.cut_at = len(files.log) + 1  # the slot is noted, nothing is removed
        with self.assertRaises(PowerCut):
            journal.take_receipt(text)
        files.cut_at = None
        again = start(files, 4)
        self.assertFalse(again.is_full())
        rate(again)

    def test_starts_that_were_cut_do_not_use_the_journal_up(self):
        files = made()
        rate(start(files, 4))
        for _ in range(20):
            for operations in (1, 2):  # the segment is made; it is noted; the boot is not written
                files.cut_at = len(files.log) + operations
                try:
                    rate(start(files, 4))
                except PowerCut:
                    files.cut_at = None
        journal = start(files, 4)
        self.assertFalse(journal.is_full())
        rate(journal)
        self.assertTrue(journal.take_receipt(receipt(journal, journal.seq)))

    def test_what_a_cut_start_never_held_is_not_named_as_damage(self):
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


class TestRuns(unittest.TestCase):
    def test_what_is_not_known_is_left(self):
        self.assertEqual(subtract(1, 10, []), [[1, 10]])
        self.assertEqual(subtract(1, 10, [[8, 20], [1, 2], [5, 5]]), [[3, 4], [6, 7]])
        self.assertEqual(subtract(5, 10, [[1, 4], [20, 30]]), [[5, 10]])
        self.assertEqual(subtract(1, 10, [[1, 10]]), [])
        self.assertEqual(subtract(11, 10, []), [])


if __name__ == "__main__":
    unittest.main()
