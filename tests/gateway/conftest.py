"""A fresh hall for each test: centre, gateway, and devices that leave at the end."""

import pytest
from gateway_hall import Client, ScriptedCentre, port_of, settings_in, start_gateway


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


@pytest.fixture(scope="module")
def lasting(tmp_path_factory):
    """One gateway for all refusals of a file: nothing that they do may leave a trace."""
    centre = ScriptedCentre()
    running = start_gateway(settings_in(tmp_path_factory.mktemp("hall"), centre.url))
    yield running
    running.stop()
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
