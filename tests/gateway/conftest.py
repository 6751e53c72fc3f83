"""A fresh hall for each test: centre, gateway, and devices that leave at the end."""

import asyncio
import threading
from contextlib import ExitStack, contextmanager

import pytest
from gateway_hall import (
    BROKERS,
    MOSQUITTO,
    Client,
    ScriptedCentre,
    broker_files_in,
    port_of,
    settings_in,
    start_gateway,
)

from gateway.broker import mosquitto as external
from simulator.parts.mosquitto import Mosquitto


@pytest.fixture(autouse=True)
def quick_reloads(monkeypatch):
    """A mosquitto is told again after a second, not five: three devices' users are soon read."""
    monkeypatch.setattr(external, "_RELOAD_S", 1.0)


@pytest.fixture
def centre():
    running = ScriptedCentre()
    yield running
    running.stop()


@pytest.fixture
def gateway(tmp_path, centre):
    running = start_gateway(settings_in(tmp_path, centre.url))
    yield running
    running.stop()


class StandingBroker:
    """The simulator's mosquitto, started and ended without waiting for an event loop."""

    def __init__(self, folder, run):
        self._broker = Mosquitto(folder)
        self._run = run

    def start(self):
        self._run(self._broker.start())

    def stop(self):
        self._run(self._broker.stop())

    def kill(self):
        self._run(self._broker.kill())


@pytest.fixture(scope="session")
def mosquitto():
    """Starts a mosquitto: `with mosquitto(folder) as broker`; it ends with the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)

    @contextmanager
    def started(folder):
        broker = StandingBroker(folder, run)
        broker.start()
        try:
            yield broker
        finally:
            broker.stop()

    yield started
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@contextmanager
def _hall(folder, centre, broker, mosquitto):
    """A gateway with its own broker or with a mosquitto."""
    with ExitStack() as ending:
        settings = settings_in(folder, centre.url)
        if broker == MOSQUITTO:
            settings = broker_files_in(folder, centre.url)
            ending.enter_context(mosquitto(settings.broker_files))
        running = start_gateway(settings)
        ending.callback(running.stop)
        yield running


@pytest.fixture(params=BROKERS)
def hall(request, tmp_path, centre, mosquitto):
    """A gateway with each of the brokers."""
    with _hall(tmp_path, centre, request.param, mosquitto) as running:
        yield running


@pytest.fixture(scope="module")
def lasting(tmp_path_factory):
    """One gateway for all refusals of a file: nothing that they do may leave a trace."""
    centre = ScriptedCentre()
    running = start_gateway(settings_in(tmp_path_factory.mktemp("hall"), centre.url))
    yield running
    running.stop()
    centre.stop()


@pytest.fixture(scope="module", params=BROKERS)
def lasting_hall(request, tmp_path_factory, mosquitto):
    """The same with each of the brokers."""
    centre = ScriptedCentre()
    folder = tmp_path_factory.mktemp("hall")
    with _hall(folder, centre, request.param, mosquitto) as running:
        yield running
    centre.stop()


@pytest.fixture
def connect():
    """Connects clients to a gateway's broker, and disconnects them at the end."""
    clients = []

    def connect(gateway, device, **how) -> Client:
        clients.append(Client(port_of(gateway), device, **how))
        return clients[-1]

    yield connect
    for client in clients:
        client.leave()
