"""200 damaged journals, and power cut at every operation, on whatever files there are.

tests/firmware/test_power_cuts.py shows that real littlefs leaves nothing else behind a cut than
what stands before or after a file's operation; here the same is done on MicroPython too.
"""

import random
import unittest

from flash_files import FlashFiles
from journal_oracle import judge, live, start, thanked_by
from journal_parts import KEY
from weak_journals import OneFile

from firmware.enrolment import create

CASES = 200
LIVES = 10


def lived(seed, begin=start):
    """A journal's files after some life, as ({name: data}, what the world knows)."""
    files = FlashFiles()
    create(files, KEY)
    known = live(files, 20 + seed * 7, lambda: 0, begin)
    return files.contents(), known


def flipped(data):
    data = bytearray(data)
    for _ in range(random.randrange(1, 4)):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return bytes(data)


def overwritten(byte):
    def overwrite(data):
        first = random.randrange(len(data))
        last = random.randrange(first, len(data)) + 1
        return data[:first] + byte * (last - first) + data[last:]

    return overwrite


def truncated(data):
    return data[: random.randrange(len(data))]


DAMAGES = (
    ("flipped", flipped),
    ("truncated", truncated),
    ("zeros", overwritten(b"\x00")),
    ("erased", overwritten(b"\xff")),
    ("emptied", lambda data: b""),
    ("all erased", lambda data: b"\xff" * len(data)),
    ("doubled", lambda data: data + data),
    ("missing", None),
)


def damage(contents, number):
    """Damages one or two segments, or slots, of a copy; gives it with the damage's name."""
    contents = dict(contents)
    random.seed(number)
    name, change = DAMAGES[number % len(DAMAGES)]
    is_segment = number // len(DAMAGES) % 3 != 0
    targets = sorted([one for one in contents if one.endswith(".seg") == is_segment])
    for _ in range(random.randrange(1, 3)):
        target = targets[random.randrange(len(targets))]
        if change is None:
            contents.pop(target, None)
        elif contents.get(target):
            contents[target] = change(contents[target])
    return name, contents


def counted(begin=start):
    """What the oracle counts over all cases: {damage: {…}}, and how many there were."""
    lives = [lived(seed, begin) for seed in range(LIVES)]
    total = {}
    for number in range(CASES):
        contents, known = lives[number % LIVES]
        name, contents = damage(contents, number)
        thanked, covered = thanked_by(known, 0)
        files = FlashFiles(contents)
        try:
            count = judge(files, thanked, covered, begin)
        except Exception as error:
            raise AssertionError(f"case {number}, {name}: {error!r}")
        files.wipe()
        sums = total.setdefault(name, {"cases": 0})
        sums["cases"] += 1
        for word in count:
            sums[word] = sums.get(word, 0) + count[word]
    return total


def summed(total, word):
    return sum([sums.get(word, 0) for sums in total.values()])


class TestDamaged(unittest.TestCase):
    def test_it_starts_and_tells_what_is_missing_and_gives_no_seq_twice(self):
        """JRN-3 JRN-4 REC-3"""
        total = counted()
        print(total)
        self.assertEqual(summed(total, "cases"), CASES)
        for word in ("unnamed", "unused", "altered", "twice"):
            self.assertEqual((word, summed(total, word)), (word, 0))
        self.assertTrue(summed(total, "lost") > CASES / 2)

    def test_control_a_journal_that_trusts_its_file_loses_alters_and_doubles(self):
        total = counted(OneFile)
        for word in ("unnamed", "altered", "twice"):
            self.assertTrue(summed(total, word) > 0, word)


class TestCut(unittest.TestCase):
    def test_power_cut_before_any_operation_of_200_ratings_loses_nothing(self):
        """JRN-1 JRN-2"""
        self.assertEqual(
            self.swept(200, start), {"lost": 0, "altered": 0, "twice": 0, "alarms": 0}
        )

    def test_control_a_journal_that_is_written_anew_at_its_start_loses_ratings(self):
        self.assertTrue(self.swept(60, OneFile)["lost"] > 0)

    def swept(self, ratings, begin):
        files = FlashFiles()
        create(files, KEY)
        left = []
        files.watch = lambda: left.append(files.contents())
        known = live(files, ratings, lambda: len(left), begin)
        total = {"lost": 0, "altered": 0, "twice": 0, "alarms": 0}
        for number, contents in enumerate(left):
            thanked, covered = thanked_by(known, number)
            files = FlashFiles(contents)
            count = judge(files, thanked, covered, begin)
            files.wipe()
            for word in total:
                total[word] += count[word]
        return total


if __name__ == "__main__":
    unittest.main()
