"""What people told about themselves: sealed, opened, erased for ever; nowhere in the clear."""

import gzip
import shutil

import pytest

from central.audit.export import write_export
from central.people.raters import Raters, SealBrokenError, create_key, erased_file_of, read_key
from central.store.database import open_database
from central.store.people import acts
from hosting.error import OperatorError

TOLD = {"name": "阿不都热依木", "phone": "13912345678"}
NOW_MS = 1_760_000_000_000


def note(connection):
    acts.add(connection, NOW_MS, acts.COMMAND, "rater.erase", "demo/S-1")


@pytest.fixture
def key_file(tmp_path):
    create_key(tmp_path / "personal.key")
    return tmp_path / "personal.key"


@pytest.fixture
def raters(key_file):
    return Raters(read_key(key_file), erased_file_of(key_file), lambda: NOW_MS)


@pytest.fixture
def signed(database):
    database.sign_acts(b"k" * 32)
    return database


def put(database, raters, rater_id="demo/S-1", told=TOLD):
    with database.write() as connection:
        raters.seal(connection, rater_id, told)


def opened(database, raters, rater_id="demo/S-1"):
    with database.read() as connection:
        return raters.open(connection, rater_id)


def test_what_was_sealed_is_opened_by_its_key_and_its_id_only(signed, raters, key_file):
    put(signed, raters)
    put(signed, raters, "demo/S-2", {"phone": "1"})
    assert opened(signed, raters) == TOLD
    assert opened(signed, raters, "demo/S-3") is None
    other = Raters(b"x" * 32, erased_file_of(key_file), lambda: NOW_MS)
    with pytest.raises(SealBrokenError):
        opened(signed, other)
    with signed.write() as connection:
        connection.exec_driver_sql(
            "UPDATE rater SET sealed = (SELECT sealed FROM rater WHERE id = 'demo/S-2'),"
            " wrapped_key = (SELECT wrapped_key FROM rater WHERE id = 'demo/S-2')"
            " WHERE id = 'demo/S-1'"
        )
    with pytest.raises(SealBrokenError):
        opened(signed, raters)
    assert opened(signed, raters, "demo/S-2") == {"phone": "1"}, "the control"


def test_lengths_do_not_tell_a_name_from_another(signed, raters):
    put(signed, raters)
    put(signed, raters, "demo/S-2", {"phone": "1"})
    with signed.read() as connection:
        lengths = connection.exec_driver_sql("SELECT length(sealed) FROM rater").scalars().all()
    assert len(set(lengths)) == 1


def test_erased_is_erased_in_every_file_and_after_a_restore(signed, raters, key_file, tmp_path):
    put(signed, raters)
    with signed.read() as connection:
        query = "SELECT wrapped_key FROM rater"
        wrapped = bytes(connection.exec_driver_sql(query).scalar_one())
    signed.forget_erased()
    copy = tmp_path / "copy.db"
    shutil.copy(tmp_path / "central.db", copy)
    assert wrapped in copy.read_bytes(), "the control"
    assert raters.erase(signed, "demo/S-1", note)
    assert not raters.erase(signed, "demo/S-1", note)
    assert opened(signed, raters) is None
    for path in tmp_path.glob("central.db*"):
        assert wrapped not in path.read_bytes(), path
    restored = open_database(f"sqlite:///{copy}")
    assert opened(restored, raters) == TOLD, "the control"
    assert raters.erase_again(restored) == 1
    assert raters.erase_again(restored) == 0
    assert opened(restored, raters) is None
    restored.close()
    assert wrapped not in copy.read_bytes()


def test_killed_between_list_and_deletion_it_is_erased_at_the_next_start(signed, raters):
    put(signed, raters)

    def die(connection):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        raters.erase(signed, "demo/S-1", die)
    assert opened(signed, raters) == TOLD, "the control: its transaction never was"
    assert raters.erase_again(signed) == 1
    assert opened(signed, raters) is None


def test_nothing_of_it_is_in_any_file_or_export(signed, raters, tmp_path):
    put(signed, raters)
    write_export(signed, tmp_path / "e.jsonl.gz", lambda: NOW_MS)
    exported = gzip.decompress((tmp_path / "e.jsonl.gz").read_bytes())
    assert b"demo/S-1" not in exported
    kept = [path.read_bytes() for path in tmp_path.iterdir() if path.is_file()]
    for word in TOLD.values():
        for encoded in (word.encode(), word.encode("utf-16-le"), ascii(word)[1:-1].encode()):
            assert all(encoded not in one for one in [exported, *kept])


@pytest.mark.parametrize("rater_id", ["", "王芳", "a b", "x" * 101])
def test_an_id_that_could_name_somebody_is_refused(signed, raters, rater_id):
    with pytest.raises(ValueError, match="id"):
        put(signed, raters, rater_id)


def test_a_lost_or_cut_key_is_told(key_file):
    with pytest.raises(OperatorError, match="personal"):
        create_key(key_file)
    key_file.write_bytes(b"short")
    with pytest.raises(OperatorError, match="restore it"):
        read_key(key_file)
