"""`pingjia gateway secure`: the hall's CA, TLS for broker, API and pages, renewed as they run."""

import asyncio
import contextlib
import re
import socket
import ssl
import subprocess
import threading
from datetime import timedelta

import httpx2
import pytest
from authority import Authority
from typer.testing import CliRunner

from gateway.broker.intruder import look
from gateway.cli import app
from gateway.config import load_config, require_safe
from gateway.gateway import Gateway
from gateway.keep.certificates import Certificates, now_utc
from hosting.error import OperatorError
from simulator.parts.mosquitto import Mosquitto
from simulator.parts.part import free_port

LONG_AGO = timedelta(days=360)  # of 397: time to renew


@pytest.fixture
def config(tmp_path):
    (tmp_path / "hall.token").write_text("pjh_secret")
    (tmp_path / "hall.token").chmod(0o600)
    (tmp_path / "gateway.toml").write_text(
        'hall = "demo"\ncentre_url = "http://127.0.0.1:9"\ncentre_token_file = "hall.token"\n'
        f'api_listen_port = {free_port()}\nmqtt_port = {free_port()}\nsecure_dir = "secure"\n'
    )
    return tmp_path / "gateway.toml"


def command(config, *arguments):
    return CliRunner().invoke(app, [*arguments, "--config", str(config)])


def wrong(config):
    """What an intruder finds at the broker: nothing."""
    chosen = load_config(config)
    found = look("127.0.0.1", chosen.mqtt_port, chosen.secure_dir / "ca.pem")
    return [(what, sentence) for what, sentence in found if sentence is not None]


@contextlib.contextmanager
def running(config):
    gateway = Gateway(load_config(config))
    try:
        gateway.start()
        assert gateway.wait_ready(20)
        yield gateway
    finally:
        gateway.stop()


def serial(port, ca):
    """Of the certificate that is served now."""
    context = ssl.create_default_context(cafile=ca)
    with (
        socket.create_connection(("127.0.0.1", port), 5) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        return secure.getpeercert()["serialNumber"]


def until(is_true, timeout_s=20):
    stopped = threading.Event()
    for _ in range(int(timeout_s / 0.1)):
        if is_true():
            return
        stopped.wait(0.1)
    raise AssertionError("it took too long")


def overview(config, client, url):
    """The overview page, as somebody with a token for it sees it."""
    out = config.parent / "pages.token"
    command(config, "token", "add", "it", "--scope", "pages:read", "--out", str(out))
    token = {"token": out.read_text().strip()}
    client.post(f"{url}/login", data=token, headers={"Origin": url})
    return client.get(f"{url}/").text


def api_port(gateway):
    return int(gateway.api_url.rsplit(":", 1)[1])


def test_a_ca_and_a_certificate_that_openssl_takes(config):
    made = command(config, "secure", "--name", "10.1.2.3", "--name", "broker.hall")
    assert made.exit_code == 0, made.output
    folder = config.parent / "secure"
    assert {path.name: oct(path.stat().st_mode)[-3:] for path in folder.iterdir()} == {
        "ca.key": "600",
        "ca.pem": "644",
        "server.pem": "600",
    }
    verify = ["openssl", "verify", "-x509_strict", "-CAfile", folder / "ca.pem"]
    if not subprocess.run(["which", "openssl"], capture_output=True).returncode:
        subprocess.run([*verify, folder / "server.pem"], check=True, capture_output=True)
    assert Certificates(folder).names() == ["10.1.2.3", "broker.hall", "127.0.0.1", "localhost"]
    ca = (folder / "ca.pem").read_bytes()
    assert command(config, "secure").exit_code == 0  # again: another certificate of the same CA
    assert (folder / "ca.pem").read_bytes() == ca
    assert Certificates(folder).days_left(now_utc()) == 396


def test_strangers_are_refused_before_and_after_restarts_and_renewals(config):
    """FAULTS 16"""
    folder = config.parent / "secure"
    certificates = Certificates(folder)
    certificates.make("demo", ["127.0.0.1"], now_utc())
    with running(config) as gateway:
        mqtt, api = load_config(config).mqtt_port, api_port(gateway)
        assert wrong(config) == []
        first = serial(mqtt, folder / "ca.pem")
        assert serial(api, folder / "ca.pem") == first
        certificates.make("demo", ["127.0.0.1"], now_utc() - LONG_AGO)
        gateway.renewal.look()
        until(lambda: serial(mqtt, folder / "ca.pem") != first)
        assert serial(api, folder / "ca.pem") == serial(mqtt, folder / "ca.pem")
        assert certificates.days_left(now_utc()) == 396
        assert gateway.link.is_up()  # who was connected stays
        assert wrong(config) == []
        with httpx2.Client(verify=ssl.create_default_context(cafile=folder / "ca.pem")) as client:
            url = gateway.api_url.replace("localhost", "127.0.0.1")
            assert client.get(f"{url}/healthz").json()["mqtt"]
            page = overview(config, client, url)
            metrics = gateway.metrics.text().decode()
        assert "pingjia_gateway_certificate_days 396.0" in metrics
        assert "396 <small>天</small>" in page
    with running(config):
        assert wrong(config) == []
        shown = command(config, "status").output
        assert re.search(r"gateway +runs, ", shown), shown
        assert re.search(r"certificate +of broker and API, ends in 396 days", shown)
        assert re.search(r"certificate +.*good for 396 days", command(config, "doctor").output)


def test_status_finds_a_gateway_that_has_a_certificate_of_its_own(config):
    """Whatever name it is for; the control: another certificate stands in the settings."""
    authority = Authority(config.parent)
    certificate, key = authority.issue("own", "10.1.2.3")
    text = config.read_text().replace('secure_dir = "secure"\n', "")
    config.write_text(f'{text}tls_certificate = "{certificate}"\ntls_key = "{key}"\n')
    with running(config):
        assert re.search(r"gateway +runs, ", command(config, "status").output)
        authority.issue("own", "10.1.2.3")
        assert re.search(r"gateway +DOWN: ", command(config, "status").output)


@pytest.mark.needs("mosquitto")
def test_a_mosquitto_takes_the_renewed_certificate_and_lets_nobody_in(config):
    folder, broker = config.parent / "secure", config.parent / "broker"
    certificates = Certificates(folder)
    certificates.make("demo", ["127.0.0.1"], now_utc())
    with config.open("a") as file:
        file.write('broker = "external"\nbroker_files = "broker"\n')
    assert command(config, "broker-files", "--out", str(broker)).exit_code == 0

    async def scenario():
        mosquitto = Mosquitto(broker)
        await mosquitto.start()
        try:
            await asyncio.to_thread(renew)
        finally:
            await mosquitto.stop()

    def renew():
        with running(config) as gateway:
            mqtt = load_config(config).mqtt_port
            assert wrong(config) == []
            first = serial(mqtt, folder / "ca.pem")
            certificates.make("demo", ["127.0.0.1"], now_utc() - LONG_AGO)
            gateway.renewal.look()
            until(lambda: serial(mqtt, folder / "ca.pem") != first)
            assert gateway.link.is_up()
            assert wrong(config) == []

    asyncio.run(scenario())


def test_the_intruder_finds_an_open_broker(config):
    """The control: without secure_dir it says so."""
    text = config.read_text()
    Certificates(config.parent / "secure").make("demo", ["127.0.0.1"], now_utc())
    config.write_text(text.replace('secure_dir = "secure"\n', ""))
    port = load_config(config).mqtt_port
    with running(config):
        found = dict(look("127.0.0.1", port, config.parent / "secure" / "ca.pem"))
    assert found["TLS with the hall's CA and this name"] is not None
    assert found["MQTT in the clear"] == "it answers without TLS"
    assert "not tried" in found["a login of nobody"]
    away = dict(look("127.0.0.1", free_port(), config.parent / "secure" / "ca.pem"))
    assert all(away.values()), away  # nobody was there to be right about


def test_a_certificate_that_cannot_be_renewed_is_an_alarm(config):
    folder = config.parent / "secure"
    certificates = Certificates(folder)
    certificates.make("demo", ["127.0.0.1"], now_utc() - timedelta(days=380))
    (folder / "ca.key").unlink()
    with running(config) as gateway:
        until(lambda: "certificate" in gateway.alarms.standing())
        assert "16 days" in gateway.alarms.standing()["certificate"]


@pytest.mark.parametrize("spoilt", [None, b"", b"garbage"], ids=["gone", "empty", "garbage"])
def test_a_certificate_that_was_taken_away_is_an_alarm_until_it_is_back(config, spoilt):
    server = config.parent / "secure/server.pem"
    Certificates(config.parent / "secure").make("demo", ["127.0.0.1"], now_utc())
    kept = server.read_bytes()
    with running(config) as gateway:
        server.unlink()
        if spoilt is not None:
            server.write_bytes(spoilt)
        gateway.renewal.look()
        assert "is no certificate" in gateway.alarms.standing()["certificate"]
        assert "pingjia gateway secure" in gateway.alarms.standing()["certificate"]
        server.write_bytes(kept)
        gateway.renewal.look()
        assert "certificate" not in gateway.alarms.standing()


@pytest.mark.parametrize("name", ["a b", "a\u200bb", "评价", "-x", "a" * 254])
def test_a_name_that_no_certificate_can_have_is_refused_in_a_sentence(config, name):
    result = command(config, "secure", f"--name={name}")
    assert result.exit_code == 1
    assert "--name" in f"{result.exception}{result.stderr}"
    assert not (config.parent / "secure/server.pem").exists()


@pytest.mark.needs("mosquitto")
@pytest.mark.parametrize("is_open", [True, False])
def test_a_broker_that_lets_in_whoever_comes_is_not_used(config, is_open):
    """The control: the same mosquitto with the gateway's own files."""
    folder, port = config.parent / "broker", load_config(config).mqtt_port
    text = config.read_text().replace('secure_dir = "secure"\n', "")
    config.write_text(f'{text}broker = "external"\nbroker_files = "broker"\n')
    assert command(config, "broker-files", "--out", str(folder)).exit_code == 0
    if is_open:
        (folder / "mosquitto.conf").write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\n"
        )

    async def scenario():
        mosquitto = Mosquitto(folder)
        await mosquitto.start()
        try:
            await asyncio.to_thread(look_at_it)
        finally:
            await mosquitto.stop()

    def look_at_it():
        gateway = Gateway(load_config(config))
        try:
            gateway.start()
            if is_open:
                until(lambda: "mqtt_foreign" in gateway.alarms.standing())
                assert not gateway.link.wait_up(2)
                assert "mqtt_foreign" in gateway.alarms.standing()
            else:
                assert gateway.link.wait_up(20)
                assert "mqtt_foreign" not in gateway.alarms.standing()
        finally:
            gateway.stop()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ('api_listen_host = "0.0.0.0"', "api_listen_host"),
        ('mqtt_host = "0.0.0.0"', "mqtt_in_the_clear"),
        ('secure_dir = "nothing"', "is not there"),
    ],
)
def test_in_the_clear_only_on_loopback_unless_told_so(config, said, word):
    text = config.read_text().replace('secure_dir = "secure"\n', "")
    config.write_text(f"{text}{said}\n")
    with pytest.raises(OperatorError, match=word):
        require_safe(load_config(config))
    for told in ("behind_proxy", "mqtt_in_the_clear"):
        config.write_text(f"{text}{said}\n{told} = true\n")
        if (
            told == ("behind_proxy" if "api" in said else "mqtt_in_the_clear")
            and "dir" not in said
        ):
            require_safe(load_config(config))
    config.write_text(text)
    require_safe(load_config(config))
