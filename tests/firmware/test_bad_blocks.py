"""A block of the flash goes bad, below real littlefs: 200 cases.

A bad block of data costs the records in it, and they are named. A bad block of a folder brings the
folder back to an earlier time, or nothing can be mounted any more: then the device is out of
service, and no seq comes twice.
"""

import random

from journal_oracle import judge, live, thanked_by
from journal_parts import KEY
from littlefs_flash import BLOCK, Disk, Flash

from firmware.enrolment import create
from firmware.files import Files
from firmware.journal import JournalLostError

CASES = 200


class FlatFiles(Files):
    """The slots beside the segments, in one folder."""

    def __init__(self, folder, os, open):
        super().__init__(folder, os, open)
        self._slots = self._folder

    def names(self):
        return [name for name in self._os.listdir(self._folder) if "." in name or name[-1] in "01"]


def lived(seed, make_files):
    flash = Flash()
    disk = Disk(flash, is_new=True)
    files = make_files("/", disk, disk.open)
    create(files, KEY)
    known = live(files, 20 + seed * 13, lambda: 0)
    return flash.image(), known


def broken(image, seed):
    """A copy with one block that was in use gone bad."""
    chance = random.Random(seed)
    blocks = [image[at : at + BLOCK] for at in range(0, len(image), BLOCK)]
    number = chance.choice([n for n, block in enumerate(blocks) if block.strip(b"\xff")])
    block = bytearray(blocks[number])
    kind = seed % 4
    if kind == 0:
        block = bytes(BLOCK)
    elif kind == 1:
        block = b"\xff" * BLOCK
    else:
        for _ in range(1 if kind == 2 else 40):
            block[chance.randrange(BLOCK)] ^= 1 << chance.randrange(8)
    blocks[number] = bytes(block)
    return b"".join(blocks)


def counted(make_files, cases):
    lives = [lived(seed, make_files) for seed in range(10)]
    total = {"out of service": 0}
    for seed in range(cases):
        image, known = lives[seed % len(lives)]
        thanked, covered = thanked_by(known, 0)
        try:
            disk = Disk(Flash(image=broken(image, seed)))
            files = make_files("/", disk, disk.open)
            count = judge(files, thanked, covered)
        except (OSError, JournalLostError):
            count = {"out of service": 1}
        for word, number in count.items():
            total[word] = total.get(word, 0) + number
    print(total)
    return total


def test_a_bad_block_costs_what_is_named_and_gives_no_seq_twice():
    """JRN-2 JRN-4 REC-3"""
    total = counted(Files, CASES)
    assert (total["unnamed"], total["altered"], total["twice"]) == (0, 0, 0)
    assert total["lost"] > 0
    assert total["out of service"] < CASES / 10


def test_control_slots_in_the_segments_folder_go_back_with_it():
    assert counted(FlatFiles, CASES)["twice"] > 0
