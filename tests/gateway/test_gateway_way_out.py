"""The way out of a hall: a proxy, a private CA, a certificate of the hall's own. BAT-6"""

import socket
import ssl
import threading
import time

import pytest
from authority import Authority
from gateway_hall import FixedCredentials, ScriptedCentre, settings_in, start_gateway, until

from gateway.gateway import Gateway
from gateway.upward.centre import Centre, Contact
from hosting.error import OperatorError


class Proxy:
    """An HTTP proxy that knows CONNECT only; `asked` are the places it was asked for."""

    def __init__(self):
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self):
        self._listener.close()

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        place = head.split()[1].decode()
        self.asked.append(place)
        host, port = place.rsplit(":", 1)
        server = socket.create_connection((host, int(port)))
        client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
        back.start()
        _pass_on(client, server)
        back.join()
        client.close()
        server.close()


def _pass_on(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def proxy():
    running = Proxy()
    yield running
    running.stop()


@pytest.fixture
def strict_centre(authority):
    """A centre with a certificate of the private CA, that asks for one, too."""
    centre = ScriptedCentre()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("centre"))
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    centre.server.socket = context.wrap_socket(
        centre.server.socket, server_side=True, do_handshake_on_connect=False
    )
    centre.server.handle_error = lambda *_: None  # refused handshakes
    centre.url = centre.url.replace("http://", "https://")
    yield centre
    centre.stop()


def test_the_hall_s_document_comes_through_proxy_private_ca_and_own_certificate(
    tmp_path, strict_centre, authority, proxy
):
    certificate, key = authority.issue("hall")
    settings = settings_in(
        tmp_path,
        strict_centre.url,
        centre_ca=authority.file,
        centre_certificate=certificate,
        centre_key=key,
        proxy=proxy.url,
    )
    gateway = start_gateway(settings)
    try:
        assert proxy.asked[0] == strict_centre.url.removeprefix("https://")
    finally:
        gateway.stop()


@pytest.mark.parametrize("missing", ["centre_ca", "centre_certificate", "both", "nothing"])
def test_without_one_of_them_it_says_so_and_nothing_leaves(
    tmp_path, strict_centre, authority, missing
):
    """The control: nobody but the province's own centre, and only for its own halls."""
    certificate, key = authority.issue("hall")
    given = {"centre_ca": authority.file, "centre_certificate": certificate, "centre_key": key}
    if missing in ("centre_ca", "both"):
        del given["centre_ca"]
    if missing in ("centre_certificate", "both"):
        del given["centre_certificate"], given["centre_key"]
    gateway = start_gateway(
        settings_in(tmp_path, strict_centre.url, **given), wait_for_hall=missing == "nothing"
    )
    try:
        if missing != "nothing":
            until(lambda: "no_hall" in gateway.alarms.standing(), "the alarm")
        assert (gateway.book.version is not None) == (missing == "nothing")
    finally:
        gateway.stop()


def test_a_connection_is_kept_while_a_hall_is_quiet(centre):
    """Longer than the five seconds after which the library lets it go; only they can be waited."""
    accept, accepted = centre.server.get_request, []

    def counted():
        accepted.append(accept())
        return accepted[-1]

    centre.server.get_request = counted
    client = Centre(centre.url, FixedCredentials(), Contact())
    assert client.hall("demo", None) is not None
    time.sleep(5.5)
    assert client.hall("demo", 1) is None
    client.close()
    assert len(accepted) == 1


def test_a_file_that_is_no_certificate_is_a_sentence(tmp_path):
    (tmp_path / "hall.pem").write_text("no certificate")
    settings = settings_in(
        tmp_path, "https://centre.example", centre_certificate=tmp_path / "hall.pem"
    )
    with pytest.raises(OperatorError, match="centre_certificate"):
        Gateway(settings)
