"""Settings from afar: who gets which version, signed with which key, and what is refused."""

import json
from pathlib import Path

import pytest

from central.directory import device_settings
from central.directory.hall_document import hall_document
from firmware.settings import built_in
from firmware.timing import Timing
from hosting.error import OperatorError
from protocol.settings import Settings, open_settings

TODAY = 20251009
EXAMPLE = Path(__file__).parents[2] / "deploy" / "settings.toml"


def put(hall, window=None, device=None, **changes):
    content = json.loads(device_settings.read_file(EXAMPLE)) | changes
    place = (hall.name, window, device)
    return device_settings.put(hall.database, hall.clock, place, json.dumps(content))


def document(hall):
    found = hall_document(hall.database, hall.name, hall.keys, TODAY)
    assert found is not None
    return found


def shown(hall):
    """{device: its settings, opened as the device does it}, if there are any."""
    found = {}
    for device in document(hall).devices:
        key = hall.keys.key(device.device, device.epoch)
        if device.settings is not None:
            found[device.device] = open_settings(
                key, device.device, device.epoch, 0, device.settings.encode()
            )
    return found


def test_the_example_holds_the_built_in_settings():
    times = Timing()
    first = built_in(times.thanks_ms, times.why_ms)
    content = json.loads(device_settings.read_file(EXAMPLE))
    assert content == device_settings.BUILT_IN
    for name, _ in Settings.fields[3:-1]:
        value = getattr(first, name)
        wanted = value._asdict() if name == "words" else json.loads(json.dumps(value))
        assert content[name] == wanted, name


@pytest.mark.rule("R8")
def test_a_device_prompts_in_the_words_of_the_form():
    """新疆消防 附件2."""
    times = Timing()
    said = built_in(times.thanks_ms, times.why_ms).words.inviting
    assert said.split(" ")[0] == "请您为我的服务进行评价"


def test_the_newest_version_that_covers_a_device_counts(hall):
    hall.enrol("xj-0001")
    hall.enrol("xj-0002")
    assert shown(hall) == {}
    first, count = put(hall, volume=1)
    assert (first, count) == (hall.clock() // 60_000, 2)
    second, count = put(hall, device="xj-0002", volume=2)
    assert (second, count) == (first + 1, 1)
    assert {name: one.volume for name, one in shown(hall).items()} == {"xj-0001": 1, "xj-0002": 2}
    put(hall, window="w1", volume=3)
    assert {one.volume for one in shown(hall).values()} == {3}
    assert {one.version for one in shown(hall).values()} == {first + 2}


def test_a_device_that_is_enrolled_anew_has_its_settings_at_once(hall):
    put(hall, window="w1", volume=9)
    before = hall.enrol("xj-0001")
    assert hall.enrol("xj-0001").epoch > before.epoch
    assert shown(hall)["xj-0001"].volume == 9


def test_the_halls_document_has_a_new_version_for_its_gateway(hall):
    before = document(hall).version
    put(hall)
    assert document(hall).version == before + 1


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        ("volume = 20", "volume = 31", "volume"),
        ("volume = 20", "", "volume is missing"),
        (
            "volume = 20",
            "volume = 20\nvolumen = 20",
            "volumen is no key of the settings. Did you mean volume",
        ),
        ("volume = 20", "volume = ", "TOML"),
        ('standby = "待机 Ready"', "", "standby is missing"),
        ('"时限"', '"时限时限时限时限时限时限时限时限时"', "reasons"),
        ("[115,", "[215,", "codes.0.0 must be an integer from 100 to 199"),
        ("why_ms = 6000", "why_ms = 15001", "why_ms"),
        ("[words]", "[[words]]", "tables of keys"),
        ("待机 Ready", "😀" * 65, "words.standby must be a string of 0 to 64 characters"),
        ("待机 Ready", r"\u202eReady", "words.standby may have no control characters"),
        ('"时限"', r'"时\u0007限"', "reasons.1 may have no control characters"),
    ],
)
def test_settings_that_a_device_would_refuse_are_refused_here(tmp_path, before, after, word):
    """SET-4 TXT-1"""
    file = tmp_path / "settings.toml"
    text = EXAMPLE.read_text()
    assert before in text
    file.write_text(text.replace(before, after, 1))
    with pytest.raises(OperatorError, match=word):
        device_settings.read_file(file)


def test_the_longest_words_reach_a_device(hall, tmp_path):
    """SET-4: also from a file that escapes each of them."""
    hall.enrol("xj-0001")
    content = json.loads(device_settings.read_file(EXAMPLE))
    content["words"] = dict.fromkeys(content["words"], "😀" * 64)
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(content | {"reasons": ["😀" * 16] * 5}))
    place = (hall.name, None, None)
    device_settings.put(hall.database, hall.clock, place, device_settings.read_file(file))
    assert shown(hall)["xj-0001"].words.standby == "😀" * 64


@pytest.mark.parametrize(
    "place", [("nowhere", None, None), ("demo", "w9", None), ("demo", None, "xj-9999")]
)
def test_a_place_that_is_not_there_is_named(hall, place):
    with pytest.raises(OperatorError, match=[name for name in place if name][-1]):
        device_settings.put(hall.database, hall.clock, place, device_settings.read_file(EXAMPLE))
