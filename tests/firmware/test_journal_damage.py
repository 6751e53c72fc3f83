"""The journal on a flash that is damaged, or fails. Runs where
test_journal.py runs.
"""

import unittest

from flash_files import PowerCut
from journal_parts import N, held, made, members, rate, start

from firmware.journal import JournalDamageError, JournalLostError


class TestDamage(unittest.TestCase):
    def damaged(self, name, change):
        files = made()
        journal = start(files)
        for _ in range(3):
            rate(journal)
        files[name] = change(files[name])
        return files

    def test_a_bad_line_is_named_as_damage_and_the_rest_is_kept(self):
        """JRN-3 JRN-4"""
        files = self.damaged("00000000.seg", lambda data: data.replace(b'"seq":3', b'"seq":8'))
        journal = start(files)
        self.assertEqual([seq for seq, _ in held(journal)], [1, 2, 4])
        rate(journal)
        self.assertEqual(members(dict(held(journal))[5])["gaps"], [[3, 3, "damage"]])
        self.assertEqual([seq for seq, _ in held(start(files))], [1, 2, 4, 5, 6])

    def test_a_line_whose_mac_does_not_hold_is_damage_however_well_it_reads(self):
        """JRN-3 JRN-4"""
        files = self.damaged(
            "00000000.seg", lambda data: data.replace(b'"took_ms":10', b'"took_ms":11', 1)
        )
        journal = start(files)
        self.assertEqual([seq for seq, _ in held(journal)], [1, 3, 4])
        rate(journal)
        self.assertEqual(members(dict(held(journal))[5])["gaps"], [[2, 2, "damage"]])

    def test_garbage_of_every_kind_is_survived_and_named(self):
        """JRN-4"""
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
        """JRN-4"""
        files = self.damaged("00000000.seg", lambda data: b"")
        rate(start(files))
        journal = start(files)
        rate(journal)
        self.assertEqual(members(dict(held(journal))[9])["gaps"], [[7, 8, "restart"]])

    def test_a_line_that_turns_bad_after_the_start_is_not_passed_over(self):
        """JRN-3"""
        files = made()
        journal = start(files)
        rate(journal)
        rate(journal)
        data = files["00000000.seg"]
        files["00000000.seg"] = data.replace(b'"seq":2', b'"seq":7')
        with self.assertRaises(JournalDamageError):
            held(journal)

    def test_a_segment_that_ends_too_early_is_damage_where_a_later_record_shows_it(self):
        """JRN-4"""
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
        """JRN-4"""
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
        """ENV-1 JRN-1"""
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
        """JRN-3 REC-3"""
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
        """JRN-3"""
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


if __name__ == "__main__":
    unittest.main()
