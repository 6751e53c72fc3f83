"""A hall's broker moves without a screwdriver: its devices are told where else to look, and the
centre knows which of them know.
"""

import datetime
import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from test_central_device_settings import document, put, shown
from test_central_directory import Desk

from central.directory import device_settings
from central.directory.halls import broker_ca
from hosting.error import OperatorError
from protocol.batch import HeadItem

EXAMPLE = Path(__file__).parents[2] / "deploy" / "settings.toml"


def certificate(padding: int = 0) -> str:
    """A CA's certificate, PEM, with remarks before it as openssl writes them."""
    key = ec.generate_private_key(ec.SECP256R1())
    more = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.9.9"), bytes(padding))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "政务大厅 CA")])
    begin = datetime.datetime(2025, 1, 1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begin)
        .not_valid_after(begin.replace(year=2035))
        .add_extension(x509.BasicConstraints(True, None), True)
        .add_extension(more, critical=False)
        .sign(key, SHA256())
    )
    return "Issuer: CN = hall\n" + made.public_bytes(Encoding.PEM).decode()


@pytest.fixture(scope="module")
def short_ca():
    return broker_ca(certificate().encode())


def use(hall, device, settings):
    """The device's state names this version; its hall passes it on beside its head."""
    hall.post(device.rating())
    hall.post(HeadItem(device.head(device.seq, device.prev), None, settings))


def unaware(hall):
    return [device for device, _ in hall.halls.broker("demo")[2]]


def test_devices_are_told_the_next_address_as_a_version_of_their_settings(hall, short_ca):
    """BRK-1: those for which nothing was set keep the built-in words."""
    hall.enrol("xj-0001")
    hall.enrol("xj-0002")
    put(hall, device="xj-0002", volume=3)
    version = document(hall).version
    assert hall.halls.set_further("demo", "mqtt-2.example", 8883, short_ca)
    assert document(hall).version == version + 1
    plain, own = shown(hall)["xj-0001"], shown(hall)["xj-0002"]
    assert plain.words._asdict() == device_settings.BUILT_IN["words"]
    assert (own.volume, own.version) == (3, plain.version)
    assert (own.broker, own.broker[:2]) == (plain.broker, ("mqtt-2.example", 8883))
    lines = own.broker.ca.strip().split("\n")
    assert (len(lines), lines[0]) == (3, "-----BEGIN CERTIFICATE-----")
    assert not hall.halls.set_further("demo", "mqtt-2.example", 8883, short_ca), "the same again"
    assert document(hall).version == version + 1

    newer, _ = put(hall, volume=4)
    assert newer > plain.version
    assert {(one.version, one.broker) for one in shown(hall).values()} == {(newer, own.broker)}
    assert hall.halls.end_further("demo")
    gone = shown(hall)["xj-0001"]
    assert (gone.broker, gone.volume, gone.version > newer) == (None, 4, True)


def test_who_knows_it_is_known_by_the_version_that_a_device_uses(hall):
    """Whatever order heads come in; a head without a word about it takes nothing back."""
    first, second = hall.enrol("xj-0001"), hall.enrol("xj-0002")
    hall.halls.set_further("demo", "mqtt-2.example", 8883, None)
    version = shown(hall)["xj-0001"].version
    assert unaware(hall) == ["xj-0001", "xj-0002"]
    use(hall, first, version - 1)
    assert hall.halls.broker("demo")[2] == [("xj-0001", version - 1), ("xj-0002", None)]
    use(hall, first, version)
    assert unaware(hall) == ["xj-0002"]
    use(hall, first, None)
    assert unaware(hall) == ["xj-0002"]
    use(hall, second, version + 5)
    assert unaware(hall) == []
    hall.enrol("xj-0001")
    assert unaware(hall) == ["xj-0001"], "a device that is enrolled anew has not said so yet"
    hall.revoke("xj-0001", None, "lost")
    assert unaware(hall) == []


def test_new_bundles_name_the_next_broker_only_when_all_devices_know_it(hall, short_ca, tmp_path):
    """Without --move; its port and its CA come along."""
    device = hall.enrol("xj-0001")
    broker = {"mqtt_host": "mqtt-2.example"}
    with pytest.raises(OperatorError, match=r"xj-0001.*--broker-next"):
        hall.halls.set_broker("demo", broker, False)
    hall.halls.set_further("demo", "mqtt-2.example", 8883, short_ca)
    with pytest.raises(OperatorError, match=r"1 devices of demo .* do not know this address"):
        hall.halls.set_broker("demo", broker, False)
    use(hall, device, shown(hall)["xj-0001"].version)
    before, lost = hall.halls.set_broker("demo", broker, False)
    assert (before.mqtt_host, lost) == ("broker", [])
    hall.devices.enrol("xj-0003", "demo", "w1", tmp_path / "new.json")
    mqtt = json.loads((tmp_path / "new.json").read_text())["mqtt"]
    assert (mqtt["host"], mqtt["port"]) == ("mqtt-2.example", 8883)
    assert mqtt["ca"] == shown(hall)["xj-0001"].broker.ca


def tell(hall, device, port):
    """What devices are told, and that this one says it knows it."""
    hall.halls.set_further("demo", "mqtt.example", port, None)
    use(hall, device, shown(hall)[device.device].version)


def told(hall):
    return shown(hall)["xj-0001"].broker


def test_an_address_is_not_forgotten_that_devices_need(hall, tmp_path):
    """A device keeps its bundle's address and one that it was told. After a move the told one is
    the broker's: neither nothing nor a third one replaces it before bundles name it.
    """
    device = hall.enrol("xj-0001")
    tell(hall, device, 1)
    for change in (
        lambda: hall.halls.end_further("demo"),
        lambda: hall.halls.set_further("demo", "mqtt.example", 2, None),
    ):
        with pytest.raises(OperatorError, match=r"1 devices of demo know .*:1.*--mqtt-host"):
            change()
    hall.halls.set_broker("demo", {"mqtt_host": "mqtt.example"}, False)
    second = hall.enrol("xj-0002")
    assert hall.halls.elsewhere("demo") == ["xj-0001"]
    for change in (
        lambda: hall.halls.end_further("demo"),
        lambda: hall.halls.set_further("demo", "mqtt.example", 2, None),
        lambda: hall.halls.set_further("demo", "mqtt.example", 1, certificate()),
    ):
        with pytest.raises(OperatorError, match=r"^1 devices .* xj-0001\. Enrol them anew"):
            change()
        assert told(hall)[:2] == ("mqtt.example", 1)
    assert not hall.halls.set_further("demo", "mqtt.example", 1, None), "the same again"

    device = hall.enrol("xj-0001")
    assert hall.halls.elsewhere("demo") == []
    tell(hall, device, 2)
    use(hall, second, shown(hall)["xj-0002"].version)
    hall.halls.set_broker("demo", {"mqtt_host": "mqtt.example"}, False)
    with pytest.raises(OperatorError, match=r"^2 devices .* bundles"):
        hall.halls.end_further("demo")
    hall.enrol("xj-0001")
    hall.revoke("xj-0002", None, "lost")
    assert hall.halls.end_further("demo")
    assert told(hall) is None


def test_what_no_device_knows_yet_or_is_lost_on_purpose_is_taken_back(hall):
    hall.halls.set_further("demo", "mqtt.example", 1, None)
    device = hall.enrol("xj-0001")
    assert hall.halls.set_further("demo", "mqtt.example", 2, None), "nobody knows it"
    tell(hall, device, 2)
    with pytest.raises(OperatorError, match=r"If it is at broker:1883, .*, add --move"):
        hall.halls.end_further("demo")
    assert hall.halls.end_further("demo", moves=True)
    hall.halls.set_broker("demo", {"mqtt_port": 9}, True)
    assert hall.halls.set_broker("demo", {"mqtt_port": 1883}, True)[1] == []


def test_another_ca_is_another_address(hall, short_ca):
    """Its text may be broken into lines otherwise."""
    device = hall.enrol("xj-0001")
    hall.halls.set_further("demo", "broker", 1883, short_ca)
    use(hall, device, shown(hall)["xj-0001"].version)
    hall.halls.set_broker("demo", {"mqtt_host": "broker"}, False)
    with pytest.raises(OperatorError, match="have bundles with another address"):
        hall.halls.end_further("demo")
    hall.enrol("xj-0001")
    assert hall.halls.end_further("demo")


def test_the_office_s_table_may_name_it_as_soon_as_all_devices_know_it(hall, tmp_path):
    desk = Desk(hall, tmp_path)
    device = hall.enrol("xj-0001")
    table = {"网关": [["大厅", "消息服务器", "端口"], ["demo", "mqtt-2.example", "8883"]]}
    assert "--broker-next" in desk.faults(table)["网关!B2"].chinese
    hall.halls.set_further("demo", "mqtt-2.example", 8883, None)
    assert "网关!B2" in desk.faults(table)
    use(hall, device, shown(hall)["xj-0001"].version)
    (change,) = desk.bring(table)
    assert change.differences == (("消息服务器", "broker:1883", "mqtt-2.example:8883"),)
    assert desk.bring(table) == []
    former = {"网关": [["大厅", "消息服务器", "端口"], ["demo", "broker", "1883"]]}
    assert "请写 mqtt-2.example:8883" in desk.faults(former)["网关!B2"].chinese


def test_what_does_not_fit_one_message_is_refused_and_nothing_is_changed(hall, tmp_path):
    """SET-4: a long CA beside the longest words; in either order."""
    long_ca = broker_ca(certificate(1500).encode())
    hall.enrol("xj-0001")
    content = json.loads(device_settings.read_file(EXAMPLE))
    content["words"] = dict.fromkeys(content["words"], "😀" * 64)
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(content))
    longest = device_settings.read_file(file)
    place = (hall.name, None, None)
    hall.halls.set_further("demo", "mqtt-2.example", 8883, long_ca)
    known = document(hall)
    with pytest.raises(OperatorError, match=r"xj-0001 would be too long .* elliptic"):
        device_settings.put(hall.database, hall.clock, place, longest)
    assert document(hall) == known
    hall.halls.end_further("demo")
    device_settings.put(hall.database, hall.clock, place, longest)
    known = document(hall)
    with pytest.raises(OperatorError, match="xj-0001 would be too long"):
        hall.halls.set_further("demo", "mqtt-2.example", 8883, long_ca)
    assert document(hall) == known


@pytest.mark.parametrize(
    ("pem", "told"),
    [
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "can be read"),
        ("twice", "2 certificates"),
    ],
)
def test_a_ca_is_one_certificate(short_ca, pem, told):
    with pytest.raises(ValueError, match=told):
        broker_ca((short_ca * 2 if pem == "twice" else pem).encode())
