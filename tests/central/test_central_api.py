"""The HTTP edge: who may ask, how much they may send, and what errors look like."""

import asyncio
import gzip
import json
import re
import sqlite3
import zlib

import pytest
from central_hall import decoded, item_of, verdicts
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from hosting.body import unpack
from protocol.batch import encode_batch
from protocol.hall import decode_hall
from protocol.limits import BATCH_BYTES

GZIP = {"content-encoding": "gzip"}


def sqlite_error(code: int) -> Exception:
    """As the driver raises it."""
    error = sqlite3.OperationalError()
    error.sqlite_errorcode = code
    return error


def test_health_needs_no_token_and_tells_nothing(hall):
    assert hall.client.get("/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize(
    "path", ["/v1/halls/demo", "/v1/records", "/v1/rejections", "/v1/figures", "/v1/marks"]
)
@pytest.mark.parametrize("token", ["", "Bearer", "Bearer pj_00_x", "Basic eDp5", "Bearer \u00e9"])
def test_without_a_valid_token_nothing_is_told(hall, path, token):
    response = hall.client.get(path, headers={"authorization": token.encode("latin-1")})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["content-type"] == "application/problem+json"


def test_a_token_with_the_right_id_and_another_secret_is_refused(hall):
    name, _, secret = hall.reader["authorization"].rpartition("_")
    wrong = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    response = hall.client.get("/v1/records", headers={"authorization": f"{name}_{wrong}"})
    assert response.status_code == 401


def test_a_scope_opens_only_its_own_door(hall, other_hall):
    for method, path, headers in [
        ("GET", "/v1/records", hall.headers),
        ("GET", "/v1/rejections", hall.headers),
        ("GET", "/v1/halls/demo", hall.reader),
        ("GET", "/v1/halls/demo", other_hall.headers),
        ("GET", "/v1/halls/nowhere", hall.headers),
        ("POST", "/v1/batches", hall.reader),
        ("GET", "/v1/figures", hall.headers),
        ("GET", "/v1/marks", hall.reader),
    ]:
        assert hall.client.request(method, path, headers=headers).status_code == 403


def test_the_database_holds_no_token_and_no_password(hall, device, tmp_path):
    secrets = [hall.headers["authorization"].split("_", 2)[2]]
    for bundle in tmp_path.glob("*.json"):
        members = json.loads(bundle.read_text())
        secrets += [members["mqtt"]["password"], members["key"], device.key.decode("latin-1")]
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("central.db*"))
    assert [secret for secret in secrets if secret.encode("latin-1") in stored] == []


def test_the_halls_document_answers_304_until_something_changes(hall, device):
    answer = hall.post(device.rating())
    first = hall.client.get("/v1/halls/demo", headers=hall.headers)
    document = decode_hall(first.content)
    assert first.headers["etag"] == f'"{document.version}"'
    assert answer.hall_version == document.version
    assert document.devices[0].receipts == answer.receipts
    assert document.windows[0].name == "1号窗口"
    for tag in (first.headers["etag"], f"W/{first.headers['etag']}", '"1", "4", "3"'):
        again = {**hall.headers, "if-none-match": tag}
        is_same = str(document.version) in tag
        assert hall.client.get("/v1/halls/demo", headers=again).status_code == (
            304 if is_same else 200
        )
    hall.halls.add_window("demo", "w2", "2号窗口")
    again = {**hall.headers, "if-none-match": first.headers["etag"]}
    changed = decode_hall(hall.client.get("/v1/halls/demo", headers=again).content)
    assert changed.version > document.version
    assert [window.window for window in changed.windows] == ["w1", "w2"]


def test_a_device_that_moves_stands_in_its_new_hall_only(hall, other_hall, device):
    before = hall.post().hall_version
    moved = other_hall.enrol(device.device)
    here = decode_hall(hall.client.get("/v1/halls/demo", headers=hall.headers).content)
    there = decode_hall(
        other_hall.client.get("/v1/halls/other", headers=other_hall.headers).content
    )
    assert (here.devices, here.version) == ((), before + 1)
    assert [(row.device, row.epoch) for row in there.devices] == [(moved.device, moved.epoch)]
    assert verdicts(hall.post(device.rating())) == ["stored"]  # what still lies in the old hall


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b'{"items":{}}', {}, 400),
        (json.dumps({"items": [{}] * 501}).encode(), {}, 400),
        (b"\xff\xfe", {}, 400),
        (b'{"items":' + b"[" * 5000 + b"]" * 5000 + b"}", {}, 400),
        (b'{"items":[' + b"9" * 5000 + b"]}", {}, 400),
        (b"not gzip", GZIP, 400),
        (b"", GZIP, 400),
        (gzip.compress(b'{"items":[]}', mtime=0)[:-9], GZIP, 400),
        (gzip.compress(b'{"items":[]}', mtime=0) * 2, GZIP, 400),
        (gzip.compress(b'{"items":[]}', mtime=0), {"content-encoding": "br"}, 415),
        (gzip.compress(b" " * (BATCH_BYTES + 1), mtime=0), GZIP, 413),
        (b" " * (BATCH_BYTES + 1), {}, 413),
    ],
)
def test_only_an_unreadable_body_is_an_error(hall, body, headers, status):
    """BAT-2"""
    response = hall.client.post("/v1/batches", content=body, headers={**hall.headers, **headers})
    assert (response.status_code, response.json()["field"]) == (status, "body")
    assert response.headers["content-type"] == "application/problem+json"


def test_a_body_without_a_length_is_bounded_while_it_is_read(hall):
    def endless():
        for _ in range(100):
            yield b" " * 1_000_000

    response = hall.client.post("/v1/batches", content=endless(), headers=hall.headers)
    assert response.status_code == 413


def test_a_bomb_is_not_unpacked_beyond_the_bound():
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(bomb.compress(b"\0" * 1_000_000) for _ in range(1000)) + bomb.flush()
    with pytest.raises(HTTPException) as caught:
        unpack(packed, "gzip", BATCH_BYTES)
    assert caught.value.status_code == 413


def test_an_empty_batch_tells_the_halls_version(hall):
    answer = hall.post()
    assert (answer.verdicts, answer.receipts, answer.hall_version) == ((), (), 2)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 5001}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"device": "X Y"}, "device"),
        ({"device": "x" * 99}, "device"),
        ({"after": "nonsense"}, "after"),
        ({"after": "\u8bc4"}, "after"),
        ({"after": "WyJhIiwgMSwgMSwgbnVsbF0"}, "after"),
        ({"after": "WyJ4aiIsICJhIiwgMSwgIiJd"}, "after"),
    ],
)
def test_a_bad_question_names_the_field(hall, query, field):
    response = hall.client.get("/v1/records", params=query, headers=hall.reader)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["field"] == field


def test_paging_gives_every_record_once_while_others_arrive(hall):
    devices = [hall.enrol(f"dev-{number}") for number in range(3)]
    envelopes = [device.rating() for device in devices for _ in range(5)]
    twin = devices[1].sign(
        envelopes[5].rpartition("\n")[0].replace('"took_ms":900', '"took_ms":901').encode()
    )
    hall.post(*envelopes, twin)
    seen, after, others = [], None, []
    while True:
        query = {"limit": 2} if after is None else {"limit": 2, "after": after}
        page = hall.client.get("/v1/records", params=query, headers=hall.reader).json()
        seen += [(row["verdict"], row["envelope"]) for row in page["records"]]
        after = page["next"]
        if after is None:
            break
        others.append(devices[len(seen) % 3].rating())
        hall.post(others[-1])
    wanted = [("stored", envelope) for envelope in envelopes] + [("conflict", twin)]
    assert sorted(row for row in seen if row[1] not in others) == sorted(wanted)
    assert len(seen) == len(set(seen))


def test_the_records_of_one_device_can_be_asked_for(hall, device):
    other = hall.enrol("xj-0500")
    hall.post(device.rating(), other.rating(), other.rating())
    rows = hall.records(device="xj-0500")
    assert [decoded(row["envelope"]).device for row in rows] == ["xj-0500"] * 2
    query = {"device": "xj-0500", "limit": 1}
    first = hall.client.get("/v1/records", params=query, headers=hall.reader).json()
    (last,) = hall.records(device="xj-0500", after=first["next"])
    assert decoded(last["envelope"]).seq == 2
    assert hall.records(device="xj-0417", after=first["next"]) == []
    assert len(hall.records(device="nobody")) == 0


def test_the_api_describes_itself(hall):
    paths = hall.client.get("/openapi.json").json()["paths"]
    assert set(paths) == {
        "/v1/batches", "/v1/halls/{hall}", "/v1/records", "/v1/rejections", "/v1/figures",
        "/v1/marks", "/v1/halls/{hall}/devices", "/v1/halls/{hall}/devices/{device}",
        "/v1/halls/{hall}/devices/{device}/epochs/{epoch}", "/v1/halls/{hall}/rescued",
        "/healthz", "/metrics",
        "/v1/directory/{kind}",
        "/v1/figures/{key}/services", "/v1/projects/{no}", "/v1/services/{hall}/{service}",
        "/v1/services", "/v1/services/{service}/progress", "/v1/policies", "/v1/feed",
        "/v1/quota/{profile}/{region}", "/v1/tables/{table}/{dim}", "/v1/fleet",
        "/v1/cases", "/v1/cases/{no}", "/v1/cases/{no}/steps", "/v1/cases/rates",
        "/v1/cases/samples",
    }  # fmt: skip
    assert "requestBody" in paths["/v1/batches"]["post"]


def test_plain_and_packed_bodies_are_both_read(hall, device):
    envelope = device.rating()
    plain = encode_batch([item_of(envelope)])
    for body, headers in ((plain, {}), (gzip.compress(plain), GZIP)):
        response = hall.client.post(
            "/v1/batches", content=body, headers={**hall.headers, **headers}
        )
        assert response.status_code == 200
    assert len(hall.records()) == 1


@pytest.mark.parametrize("length", ["70000", None], ids=["announced", "endless"])
def test_nobody_without_a_token_makes_the_centre_hold_a_large_body(hall, length):
    """Whoever is refused is refused before any of it is read."""
    headers = [(b"content-length", length.encode())] if length else []
    scope = {
        "type": "http", "method": "POST", "path": "/v1/batches", "query_string": b"",
        "headers": headers, "http_version": "1.1", "scheme": "http",
    }  # fmt: skip
    told = []

    async def receive():
        raise AssertionError("the body was asked for")

    async def send(message):
        told.append(message)

    asyncio.run(hall.client.app(scope, receive, send))
    assert told[0]["status"] == 401


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (ArithmeticError("poison"), 500, "this batch cannot be filed (ArithmeticError)"),
        (OperationalError("INSERT", (), sqlite_error(13)), 503, "the store takes nothing now"),
    ],
    ids=["poison", "full"],
)
def test_a_batch_that_is_not_filed_gets_a_sentence(hall, device, monkeypatch, error, status, told):
    def fail(*_):
        raise error

    envelope = device.rating()
    with monkeypatch.context() as failing:
        failing.setattr("central.custody.intake.file_batches", fail)
        response = hall.client.post(
            "/v1/batches", content=encode_batch([item_of(envelope)]), headers=hall.headers
        )
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"].startswith(told)
    assert ("retry-after" in response.headers) == (status == 503)
    assert verdicts(hall.post(envelope)) == ["stored"]


def test_a_batch_is_answered_by_post_alone(hall):
    response = hall.client.get("/v1/batches", headers=hall.headers)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer ", "bearer  ", "Basic eDp5", "Bearer x"])
def test_who_has_no_token_stops_nobody(hall, device, token):
    """An empty one, too, is somebody's word, and no other batch waits for ever because of it."""
    body = encode_batch([item_of(device.rating())])
    for _ in range(2):
        response = hall.client.post("/v1/batches", content=body, headers={"authorization": token})
        assert response.status_code == 401
    assert verdicts(hall.post(device.rating(seq=1))) == ["stored"]


def test_no_route_passes_over_a_parameter_that_it_does_not_know(hall):
    """It would answer another question: `/v1/figures?month=2026-10` those of all days."""
    described = hall.client.get("/openapi.json").json()["paths"]
    seen = 0
    for path, methods in described.items():
        for method, route in methods.items():
            if path == "/v1/batches":  # no live rating is refused for what stands beside it
                continue
            place = re.sub(r"\{\w+\}", "1", path)
            answer = hall.client.request(
                method, place, params={"mouth": "1"}, headers=hall.reader, json={}
            )
            assert answer.status_code == 422, (method, path)
            assert answer.json()["field"] == "mouth", (method, path, answer.json())
            known = [one["name"] for one in route.get("parameters", ()) if one["in"] == "query"]
            assert all(name in answer.json()["detail"] for name in known), path
            seen += 1
    assert seen >= 18
    near = hall.client.get("/v1/records", params={"limits": 1}, headers=hall.reader)
    assert "did you mean limit?" in near.json()["detail"]
    assert hall.client.get("/v1/records?limit=1", headers=hall.reader).status_code == 200


@pytest.mark.parametrize("kind", [None, "application/x-www-form-urlencoded"])
def test_json_needs_no_header_that_says_so(hall, kind):
    """curl says it is a form."""
    headers = hall.reader | ({} if kind is None else {"content-type": kind})
    answer = hall.client.post("/v1/services", content=b'{"severity": 1}', headers=headers)
    assert answer.status_code == 422
    assert answer.json()["field"] != "body"
    csv = hall.reader | {"content-type": "text/csv"}
    answer = hall.client.post("/v1/services", content=b'{"severity": 1}', headers=csv)
    assert answer.json()["field"] == "body"
