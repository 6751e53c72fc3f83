"""Files that were carried: whole, or told what is wrong."""

import gzip

import pytest

from hosting.copies.carried import ANSWERS, BATCHES, read_carried, write_carried
from hosting.error import OperatorError


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "xj-01.out"
    assert (
        write_carried(path, {"format": BATCHES, "hall": "xj-01"}, [{"n": n} for n in (1, 2)]) == 2
    )
    return path


def test_what_was_written_is_read_and_for_its_owner_only(file):
    header, lines = read_carried(file, BATCHES)
    assert (header["hall"], list(lines)) == ("xj-01", [{"n": 1}, {"n": 2}])
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(OperatorError, match="there already"):
        write_carried(file, {}, [])


def test_nothing_half_written_stays(tmp_path):
    def broken():
        yield {"n": 1}
        raise OperatorError("the centre does not answer")

    with pytest.raises(OperatorError, match="does not answer"):
        write_carried(tmp_path / "xj-01.in", {}, broken())
    assert list(tmp_path.iterdir()) == []


def test_the_other_direction_is_named(file):
    with pytest.raises(OperatorError, match="a file each"):
        read_carried(file, ANSWERS)


@pytest.mark.parametrize("harm", ["cut", "flipped", "text", "list", "empty"])
def test_what_was_damaged_is_not_taken_for_whole(file, harm):
    data = bytearray(file.read_bytes())
    if harm == "flipped":
        data[len(data) // 2] ^= 4
    other = {"text": b"hello", "list": gzip.compress(b"[1]\n"), "empty": b""}
    file.write_bytes(other.get(harm, bytes(data[:-5] if harm == "cut" else data)))
    with pytest.raises(OperatorError, match=r"carr"):
        list(read_carried(file, BATCHES)[1])
