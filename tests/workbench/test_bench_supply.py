"""A bundle is for one board, for ever: which board gets which."""

import pytest
from bench_parts import write_bundle

from hosting.error import OperatorError
from workbench.desk.supply import Supply


def test_each_blank_board_gets_another_bundle_until_none_is_left(tmp_path):
    write_bundle(tmp_path, "xj-0001")
    write_bundle(tmp_path, "xj-0002")
    supply = Supply(tmp_path)
    assert [supply.take(None).device for _ in range(2)] == ["xj-0001", "xj-0002"]
    with pytest.raises(OperatorError, match="no unused bundle"):
        supply.take(None)


def test_a_begun_bundle_goes_only_to_the_board_that_says_it_is_that_device(tmp_path):
    write_bundle(tmp_path, "xj-0001")
    write_bundle(tmp_path, "xj-0002")
    begun = Supply(tmp_path).take(None).begin()
    supply = Supply(tmp_path)
    assert supply.take(None).device == "xj-0002"
    assert supply.take("xj-0001") == begun
    assert supply.take("xj-0003") is None
    with pytest.raises(OperatorError, match="plug that one in"):
        supply.take(None)


def test_a_folder_with_nothing_but_a_begun_bundle_serves_the_board_it_was_begun_on(tmp_path):
    write_bundle(tmp_path, "xj-0001")
    begun = Supply(tmp_path).take(None).begin()
    assert Supply(tmp_path).take("xj-0001") == begun


def test_the_repr_of_a_bundle_shows_no_secret(tmp_path):
    write_bundle(tmp_path, "xj-0001")
    bundle = Supply(tmp_path).take(None)
    assert repr(bundle) == "Bundle('xj-0001', 29333341)"
