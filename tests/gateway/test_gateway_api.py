"""The HTTP API: services, tickets, staff, tokens, views. TKT-3 BAT-1"""

import json
import re
import time

import httpx2
import pytest
from gateway_hall import Pen, settings_in, start_gateway, until

from gateway.desk.services import Opening
from gateway.store import tokens
from gateway.web.api import BODY_BYTES
from hosting.clock import now_ms
from hosting.tokens import digest, new_secret
from protocol.batch import decode_document
from protocol.field import ProtocolError
from protocol.mac import sha256_hex
from protocol.message import Ticket, decode_message

MATTER = {"project_no": "370100-1", "service_number": 1, "task_code": "11", "task_name": "医保"}


@pytest.fixture
def api(gateway):
    with caller_of(gateway) as client:
        yield client


@pytest.fixture
def lasting_api(lasting):
    with caller_of(lasting) as client:
        yield client


def caller_of(gateway) -> httpx2.Client:
    """A queue system with a token."""
    token = new_secret()
    with gateway.database.write() as connection:
        tokens.put(connection, "queue", digest(token), now_ms())
    headers = {"Authorization": f"Bearer {token}"}
    return httpx2.Client(base_url=gateway.api_url + "/api/v1", headers=headers, trust_env=False)


def open_at(api, window: str = "w1", ticket_no: str = "A001", headers=None, **other):
    body = {"ticket_no": ticket_no, **other}
    return api.post(f"/windows/{window}/services", json=body, headers=headers)


def test_a_service_is_shown_invites_is_rated_and_closes(gateway, centre, api, connect):
    """BAT-1: the ticket names the hash of the very bytes that are stored and sent up."""
    device = connect(gateway, "dev-1").enter()
    answer = open_at(api, kind="single", matters=[MATTER], staff_no="0231")
    assert answer.status_code == 201
    service = answer.json()
    assert service["phase"] == "serving"
    assert service["outcome"] == "not_rated"
    ticket = device.hear("ticket")
    assert ticket["phase"] == "serving"
    assert ticket["matter"] == "医保"
    assert ticket["staff"] == {"staff_no": "0231", "name": ""}
    assert ticket["invite_ms"] == 20_000

    assert api.post(f"/services/{service['service']}/invite").json()["phase"] == "inviting"
    assert device.hear("ticket")["phase"] == "inviting"
    pen = Pen("dev-1")
    device.tell(pen.state())
    device.send(pen.rating(service["service"], level=1, facts=ticket["facts"]))
    device.hear_hall(1)
    rated = api.get(f"/services/{service['service']}").json()
    assert rated["outcome"] == "rated"
    assert "level" not in rated

    assert api.post(f"/services/{service['service']}/close").json()["phase"] == "closed"
    device.hear("ticket", lambda said: said is None)  # no service
    late = api.post(f"/services/{service['service']}/invite")
    assert late.status_code == 409
    document = until(lambda: centre.documents, "the document")[0]
    assert sha256_hex(document) == ticket["facts"]
    assert decode_document(document).matters[0].task_name == "医保"


def test_only_the_window_s_own_device_sees_the_ticket(gateway, api, connect):
    other = connect(gateway, "dev-2").enter()
    device = connect(gateway, "dev-1").enter()
    open_at(api, "w1")
    device.hear("ticket")
    open_at(api, "w2", "B001")
    assert other.hear("ticket")["ticket_no"] == "B001"


def test_the_ticket_is_retained_for_a_device_that_starts_later(gateway, api, connect):
    service = open_at(api).json()["service"]
    api.post(f"/services/{service}/invite")
    device = connect(gateway, "dev-1").enter()
    assert (
        device.hear("ticket", lambda said: said and said["phase"] == "inviting")["service"]
        == service
    )


def test_an_invitation_ends_once_and_for_all(gateway, api, connect):
    """TKT-5: two seconds after its end the hall says so, and only a new call invites again."""
    gateway.custody._announcer._invite_ms = gateway.desk._invite_ms = 1000
    device = connect(gateway, "dev-1").enter()
    service = open_at(api).json()["service"]
    assert device.hear("ticket")["until_ms"] is None
    ends = []
    for _ in range(2):
        assert api.post(f"/services/{service}/invite").json()["phase"] == "inviting"
        inviting = device.hear("ticket")
        assert (inviting["phase"], inviting["invite_ms"]) == ("inviting", 1000)
        assert 0 < inviting["until_ms"] - now_ms() <= 1000
        ends.append(inviting["until_ms"])
        over = device.hear("ticket")
        assert (over["phase"], over["service"], over["until_ms"]) == ("serving", service, None)
        assert now_ms() >= ends[-1] + 1900
        assert api.get(f"/services/{service}").json()["phase"] == "serving"
    assert ends[0] < ends[1]


def test_a_gateway_that_starts_says_only_what_is_true_then(tmp_path, centre, connect):
    """TKT-5: an invitation that ended while it was off is none."""
    settings = settings_in(tmp_path, centre.url, invite_ms=1000)
    gateway = start_gateway(settings)
    with caller_of(gateway) as client:
        service = open_at(client).json()["service"]
        client.post(f"/services/{service}/invite")
    gateway.stop()
    time.sleep(1)
    gateway = start_gateway(settings)
    try:
        device = connect(gateway, "dev-1").enter()
        assert device.hear("ticket")["phase"] == "serving"
    finally:
        gateway.stop()


def test_the_centre_is_told_what_became_of_services(gateway, centre, api, connect):
    """BAT-9: invited, expired, closed by whom, how and with what; each once, with the time."""
    gateway.custody._announcer._invite_ms = gateway.desk._invite_ms = 1000
    device = connect(gateway, "dev-1").enter()
    first = open_at(api, staff_no="0231").json()["service"]
    api.post(f"/services/{first}/invite")
    device.hear("ticket", lambda said: said and said["phase"] == "inviting")
    device.hear("ticket", lambda said: said and said["phase"] == "serving")
    second = open_at(api, ticket_no="A002").json()["service"]
    api.post(f"/services/{second}/close", json={"as": "transferred", "finished": ["p-1"]})
    api.post(f"/services/{second}/close", json={"as": "no_show"})
    third = open_at(api, "w2", "B001").json()["service"]
    api.post(f"/services/{third}/close")  # its document waits for nothing; the rest rides with it
    until(lambda: len(centre.progress) >= 6, "the progress")
    told = [(one.service, one.what, one.staff_no, one.projects) for one in centre.progress]
    assert told == [
        (first, "invited", "0231", ()),
        (first, "expired", "0231", ()),
        (first, "closed", "0231", ()),
        (second, "transferred", None, ()),
        (second, "finished", None, ("p-1",)),
        (third, "closed", None, ()),
    ]
    times = [one.at_ms for one in centre.progress]
    assert times == sorted(times)
    assert all(abs(sent_ms - now_ms()) < 60_000 for sent_ms in centre.sent_ms)
    assert api.post(f"/services/{second}/close", json={"as": "lost"}).status_code == 422


def test_documents_are_numbered_one_by_one_in_the_books_of_their_databases(
    tmp_path, centre, gateway, api
):
    """BAT-8: whatever was let go since; another database is another book."""
    for number in range(3):
        open_at(api, ticket_no=f"A{number}")
    told = documents_in(gateway)
    with gateway.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM service")
    open_at(api, ticket_no="A9")
    told += documents_in(gateway)
    assert [one.number for one in told] == [1, 2, 3, 4]
    (tmp_path / "other").mkdir()
    other = start_gateway(settings_in(tmp_path / "other", centre.url))
    try:
        with caller_of(other) as client:
            open_at(client, ticket_no="A1")
        told += documents_in(other)
    finally:
        other.stop()
    assert told[-1].number == 1
    assert len({one.book for one in told[:-1]}) == 1
    assert len({one.book for one in told}) == 2


def documents_in(gateway):
    with gateway.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT document FROM service ORDER BY id").all()
    return [decode_document(row.document) for row in rows]


def test_a_device_that_moves_leaves_its_old_ticket_behind(gateway, centre, api, connect):
    """Nobody may rate window 1's service on a device that stands at window 2 now."""
    device = connect(gateway, "dev-1").enter()
    open_at(api, "w1")
    assert device.hear("ticket")["phase"] == "serving"
    centre.change_device("dev-1", window="w2")
    device.hear("ticket", lambda said: said is None)
    open_at(api, "w2", "B001")
    assert device.hear("ticket")["ticket_no"] == "B001"


def test_the_same_request_opens_one_service(api):
    """By Idempotency-Key, otherwise by (window, ticket_no) while it is open, for twelve hours."""
    key = {"Idempotency-Key": "k-1"}
    first = open_at(api, headers=key)
    again = open_at(api, headers=key)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["service"] == again.json()["service"]
    assert open_at(api, ticket_no="A002", headers=key).status_code == 409

    plain = open_at(api, "w2", "B001").json()["service"]
    assert open_at(api, "w2", "B001").json()["service"] == plain
    api.post(f"/services/{plain}/close")
    assert open_at(api, "w2", "B001").json()["service"] != plain


def test_a_new_service_closes_the_one_before_it(api):
    before = open_at(api).json()["service"]
    open_at(api, ticket_no="A002")
    assert api.get(f"/services/{before}").json()["phase"] == "closed"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"ticket_no": "A 01"}, "ticket_no"),
        ({"ticket_no": "A01\n"}, "ticket_no"),
        ({"ticket_no": "号01"}, "ticket_no"),
        ({"ticket_no": "A" * 17}, "ticket_no"),
        ({"ticket_no": ""}, "ticket_no"),
        ({"ticket_no": 17}, "ticket_no"),
        ({}, "ticket_no"),
        ({"ticket_no": "A1", "staff_no": "x\x00"}, "staff_no"),
        ({"ticket_no": "A1", "kind": "other"}, "kind"),
        ({"ticket_no": "A1", "matters": [{"service_number": -1}]}, "matters.0.service_number"),
        ({"ticket_no": "A1", "matters": [{"task_name": "x" * 129}]}, "matters.0.task_name"),
        ({"ticket_no": "A1", "tiket": 1}, "tiket"),
    ],
    ids=str,
)
def test_what_may_not_enter_a_record_is_refused_with_the_field_s_name(lasting_api, body, field):
    """TKT-3"""
    answer = lasting_api.post("/windows/w1/services", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"] == field


@pytest.mark.parametrize("changes", [{"ticket_no": "A 01"}, {"staff_no": "x\x00"}], ids=str)
def test_the_desk_itself_refuses_what_may_not_enter_a_record(lasting, changes):
    """TKT-3: whoever else asks it, without the API's own checks before."""
    opening = Opening("w1", "A001", "single", (), None, "t", None)._replace(**changes)
    with pytest.raises(ProtocolError, match=next(iter(changes))):
        lasting.desk.open(opening)


def test_other_bad_requests_are_problems_too(lasting_api):
    document = json.dumps({"ticket_no": "A1", "matters": [{"task_name": "办" * 120}] * 200})
    answers = {
        404: open_at(lasting_api, "w9"),
        400: _post(lasting_api, b'{"ticket_no":'),
        413: _post(lasting_api, b"x" * (BODY_BYTES + 1)),
        422: _post(lasting_api, document.encode()),
    }
    for status, answer in answers.items():
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]
    assert lasting_api.get("/services/nothing").status_code == 404


HIDDEN = ("\r\n", "\x1b[2J", "\x00", "\u202e", "\u2028", "\x85", "\u2066")


@pytest.mark.parametrize("hidden", HIDDEN, ids=ascii)
def test_text_that_people_read_is_seen_where_it_stands(lasting_api, lasting, hidden):
    """TXT-1: refused where people type it, with the field's name, and by whoever else asks."""
    text = f"a{hidden}b"
    for field in ("task_name", "task_code", "project_no"):
        answer = open_at(lasting_api, matters=[{field: text}])
        assert (answer.status_code, answer.json()["field"]) == (422, f"matters.0.{field}")
    body = {"presence": "in", "staff_no": "0231", "name": text}
    answer = lasting_api.put("/windows/w1/staff", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, "name")
    service = open_at(lasting_api).json()["service"]
    answer = lasting_api.post(f"/services/{service}/close", json={"finished": [text]})
    assert answer.status_code == 422
    assert "finished" in answer.json()["field"]
    with pytest.raises(ProtocolError, match="finished"):
        lasting.desk.close(service, finished=[text])
    with pytest.raises(ProtocolError, match="name"):
        lasting.desk.set_staff("w1", "in", "0231", text)


def test_half_a_character_in_a_project_s_number_is_refused(lasting_api):
    """It would stop the batch that carries it: no UTF-8 can."""
    service = open_at(lasting_api).json()["service"]
    body = b'{"finished":["\\ud800"]}'
    assert lasting_api.post(f"/services/{service}/close", content=body).status_code == 422


@pytest.mark.parametrize("length", [65, 128])
def test_the_longest_name_of_rare_characters_reaches_the_device_whole(
    gateway, api, connect, length
):
    """TKT-3: both sides count characters, and no pair of surrogates stands for one of them."""
    name = "\U00020bb7" * length
    device = connect(gateway, "dev-1").enter("ticket")
    assert open_at(api, matters=[{"task_name": name}]).status_code == 201
    _, payload, _, _ = device.heard.get(timeout=10)
    assert name.encode() in payload
    assert decode_message(Ticket, payload).matter == name
    too_long = open_at(api, matters=[{"task_name": "\U00020bb7" * 129}])
    assert (too_long.status_code, too_long.json()["field"]) == (422, "matters.0.task_name")


def test_half_a_character_in_a_name_is_refused(lasting_api):
    """TKT-3: a lone surrogate is JSON, but no UTF-8 can carry it."""
    body = b'{"ticket_no":"A1","matters":[{"task_name":"\\ud800"}]}'
    assert _post(lasting_api, body).status_code in (400, 422)


@pytest.mark.parametrize("token", [None, "wrong", "Wrong wrong"])
def test_without_a_token_nothing_is_told(lasting, token):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=lasting.api_url, headers=headers, trust_env=False) as stranger:
        for path in ("services/x", "devices", "windows", "staff", "quarantine"):
            answer = stranger.get(f"/api/v1/{path}")
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
        assert stranger.post("/api/v1/windows/w1/services", json={}).status_code == 401
        assert stranger.get("/healthz").json()["mqtt"] is True


def test_staff_sign_in_pause_and_take_over(gateway, api, connect):
    device = connect(gateway, "dev-1").enter()

    def put(**body):
        return api.put("/windows/w1/staff", json=body).status_code

    def shown(ticket_no: str):
        open_at(api, ticket_no=ticket_no)
        return device.hear("ticket", lambda ticket: ticket and ticket["ticket_no"] == ticket_no)[
            "staff"
        ]

    assert shown("A001") is None
    assert put(presence="in", staff_no="0231", name="王芳") == 204
    assert shown("A002") == {"staff_no": "0231", "name": "王芳"}
    assert put(presence="in", staff_no="0232", name="李强") == 204
    assert shown("A003") == {"staff_no": "0232", "name": "李强"}
    assert put(presence="pause", staff_no="0232", name="李强") == 204
    assert shown("A004") is None
    assert [row["presence"] for row in api.get("/staff").json()["staff"]] == ["pause"]
    assert put(presence="out") == 204
    assert api.get("/staff").json() == {"staff": [], "listed": []}
    assert put(presence="in", staff_no="02 31") == 422
    assert put(presence="in") == 422


def test_views_show_devices_windows_and_what_was_refused(gateway, api, connect):
    device = connect(gateway, "dev-1").enter()
    pen = Pen("dev-1")
    device.tell(pen.state(problems=("bad_receipt",)))
    device.hear_hall(0)
    device.send(b"nonsense")
    device.send(b"nonsense")
    device.send(pen.rating())
    device.hear_hall(1)
    service = open_at(api).json()["service"]
    seen = {view["device"]: view for view in api.get("/devices").json()["devices"]}
    assert seen["dev-1"]["online"]
    assert seen["dev-1"]["said"]["problems"] == ["bad_receipt"]
    assert (seen["dev-1"]["state"], seen["dev-2"]["state"]) == ("online", "never")
    assert not seen["dev-2"]["online"]
    window = api.get("/windows").json()["windows"][0]
    assert window["devices"] == ["dev-1"]
    assert window["service"] == service
    refused = api.get("/quarantine").json()
    assert refused["counts"][0]["count"] == 2
    assert refused["counts"][0]["reason"] == "not_an_envelope"
    assert bytes.fromhex(refused["newest"][0]["beginning"]) == b"nonsense"


def _post(api, body: bytes):
    headers = {"Content-Type": "application/json"}
    return api.post("/windows/w1/services", content=body, headers=headers)


def test_no_route_passes_over_a_parameter_that_it_does_not_know(gateway, api):
    described = httpx2.get(f"{gateway.api_url}/openapi.json", trust_env=False).json()["paths"]
    seen = 0
    for path, methods in described.items():
        for method in methods:
            place = gateway.api_url + re.sub(r"\{\w+\}", "w1", path)
            answer = api.request(method, place, params={"limits": "1"}, json={})
            assert answer.status_code == 422, (method, path)
            assert answer.json()["field"] == "limits", (method, path, answer.json())
            seen += 1
    assert seen >= 12
    assert "did you mean limit?" in api.get("/quarantine?limits=1").json()["detail"]


@pytest.mark.parametrize("kind", [None, "application/x-www-form-urlencoded"])
def test_json_needs_no_header_that_says_so(api, kind):
    headers = {} if kind is None else {"content-type": kind}
    content = json.dumps({"ticket_no": "A7"}).encode()
    answer = api.post("/windows/w1/services", content=content, headers=headers)
    assert (answer.status_code, answer.json().get("ticket_no")) == (201, "A7")
