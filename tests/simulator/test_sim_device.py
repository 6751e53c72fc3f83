"""Virtual devices of bundles that a centre wrote."""

import json

import pytest
from typer.testing import CliRunner

from hosting.error import OperatorError
from simulator.cli.sim import app


def sim(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments])


def test_a_bundle_becomes_a_device_once(tmp_path, firmware):
    mqtt = {"host": "h", "port": 1, "username": "xj-1", "password": "p", "ca": None}
    bundle = tmp_path / "a.json"
    members = {"device": "xj-1", "epoch": 7, "key": "00" * 32, "hall": "demo", "mqtt": mqtt}
    bundle.write_text(json.dumps(members))
    make = "device", bundle, "--devices", tmp_path / "all", "--firmware", firmware
    assert f"made {tmp_path / 'all' / 'xj-1'}" in sim(*make).output
    assert (tmp_path / "all" / "xj-1" / "flash" / "manifest.json").is_file()
    assert "xj-1 is there already" in str(sim(*make).exception)
    for text in ("{}", "[]", '{"device": "../x"}', "{"):
        bundle.write_text(text)
        assert "a.json is no bundle" in str(sim(*make).exception)


def test_a_folder_without_devices_is_told_so(tmp_path):
    token = tmp_path / "t"
    token.write_text("t")
    run = "run", "--devices", tmp_path, "--oracle", tmp_path / "o", "--token-file", token
    with pytest.raises(OperatorError, match=r"there is no device in .* sim device"):
        raise sim(*run, "--gateway", "http://127.0.0.1:1").exception or AssertionError
