"""What the province's operator types about technicians: their tokens, and what they enrolled."""

import json
from pathlib import Path

import pytest
from central_hall import NOW_MS, SigningDevice, bearer, client_of
from test_central_command import add_demo, central, enrol, folder, refused  # noqa: F401

from central.centre import open_centre
from central.config import load_config
from hosting.error import OperatorError

DAY_MS = 86_400_000


def issue(hall, token, device="xj-0900", window="w1"):
    new = {"device": device, "window": window}
    return hall.client.post("/v1/halls/demo/devices", json=new, headers=bearer(token))


def tells(answer, *words, status=403):
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert [word for word in words if word not in answer.json()["detail"]] == []
    return True


@pytest.fixture
def technician(hall):
    """A technician's token for two days and three enrolments."""
    token = hall.folder / "technician.token"
    hall.tokens.add("enrol:demo", token, days=2, devices=3)
    return token


def test_a_technician_s_token_ends_with_its_days(hall, technician):
    hall.clock.ms += 2 * DAY_MS - 1
    assert issue(hall, technician).status_code == 201
    hall.clock.ms += 1
    for method, path, body in (
        ("POST", "/devices", {"device": "xj-0901", "window": "w1"}),
        ("GET", "/devices", None),
        ("DELETE", "/devices/xj-0900", None),
        ("POST", "/rescued", {"envelopes": []}),
    ):
        answer = hall.client.request(
            method, f"/v1/halls/demo{path}", json=body, headers=bearer(technician)
        )
        words = ("good until 2025-10-11 16:53:20", "ask the centre's operator")
        assert tells(answer, *words, status=401)
    assert len(hall.approval.every(None, False)) == 1


def test_it_enrols_as_many_as_it_may_and_no_step_more_is_closed(hall, technician):
    """What was enrolled last is still tried, replaced and rescued."""
    for number in range(3):
        assert issue(hall, technician, f"xj-090{number}").status_code == 201
    one_more = issue(hall, technician, "xj-0903")
    assert tells(one_more, "as many devices", "ask the centre's operator")
    assert len(hall.approval.every(None, True)) == 3
    devices = hall.client.get("/v1/halls/demo/devices", headers=bearer(technician))
    assert len(devices.json()["devices"]) == 3
    gone = hall.client.delete("/v1/halls/demo/devices/xj-0900", headers=bearer(technician))
    assert gone.status_code == 200


def test_an_enrolment_that_is_refused_uses_nothing_up(hall, technician):
    for _ in range(5):
        assert issue(hall, technician, window="w9").status_code == 422
    assert issue(hall, technician).status_code == 201
    (row,) = [one for one in hall.tokens.every() if one.scopes == "enrol:demo"]
    assert row.devices_left == 2


def test_others_have_no_end_unless_they_are_told(hall):
    for scope in ("hall:demo", "devices:approve", "pages:read"):
        with pytest.raises(OperatorError, match="for technicians' tokens"):
            hall.tokens.add(scope, hall.folder / "other.token", devices=1)
    assert {(one.ends_at_ms, one.devices_left) for one in hall.tokens.every()} == {(None, None)}
    hall.tokens.add("pages:read", hall.folder / "other.token", days=30, name="王芳")
    (row,) = [one for one in hall.tokens.every() if one.name == "王芳"]
    assert row.ends_at_ms == NOW_MS + 30 * DAY_MS


def test_a_day_and_two_hundred_unless_it_is_told(hall):
    hall.tokens.add("enrol:demo", hall.folder / "t.token")
    (row,) = [one for one in hall.tokens.every() if one.scopes == "enrol:demo"]
    assert (row.ends_at_ms, row.devices_left) == (NOW_MS + DAY_MS, 200)


def test_token_list_shows_what_is_left(folder):  # noqa: F811
    add_demo(folder)
    made = central("token", "add", "--scope", "enrol:demo", "--devices", 30, "--out", "t.token")
    assert made.exit_code == 0
    (line,) = [one for one in central("token", "list").output.splitlines() if "enrol:" in one]
    assert ", until 20" in line
    assert line.endswith("devices left: 30")
    wrong = central("token", "add", "--scope", "pages:read", "--devices", 2, "--out", "p.token")
    assert refused(wrong, "technicians' tokens")


@pytest.fixture
def box(folder):  # noqa: F811
    """A centre's folder in which a technician enrolled three devices; one has rated twice."""
    add_demo(folder)
    assert central("token", "add", "--scope", "enrol:demo", "--out", "t.token").exit_code == 0
    centre = open_centre(load_config(Path("central.toml")))
    client = client_of(centre.app)
    pens = []
    for number in range(3):
        new = {"device": f"xj-090{number}", "window": "w1"}
        sent = client.post("/v1/halls/demo/devices", json=new, headers=bearer(Path("t.token")))
        members = sent.json()
        key = bytes.fromhex(members["key"])
        pens.append(SigningDevice(members["device"], members["epoch"], key))
    items = [{"envelope": pens[0].rating(at=None), "received_at_ms": 1} for _ in range(2)]
    items = [one | {"window": "w1", "service": None, "marks": []} for one in items]
    taken = client.post(
        "/v1/batches",
        content=json.dumps({"now_ms": 0, "items": items}),
        headers=bearer(Path("hall.token")),
    )
    assert [one["verdict"] for one in taken.json()["verdicts"]] == ["stored"] * 2
    centre.close()
    return {pen.device: f"{pen.device}/{pen.epoch}" for pen in pens}


def lines(*words):
    result = central("device", *words)
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def test_what_waits_is_listed_with_where_when_and_by_whom(box):
    enrol("province.json", "xj-0001")
    token_id = Path("t.token").read_text()[3:19]
    waiting = lines("list", "--hall", "demo", "--pending")
    assert [line.split()[0] for line in waiting] == list(box.values())
    assert all("demo/w1, enrolled 20" in line for line in waiting)
    assert all(f"by the token {token_id}, waits for approval" in line for line in waiting)
    assert "and 2 ratings with it" in waiting[0]
    (own,) = [line for line in lines("list") if "xj-0001" in line]
    assert "approved 20" in own
    assert "token" not in own
    assert refused(central("device", "list", "--hall", "nowhere"), "hall add nowhere")


def test_a_box_is_one_command(box):
    done = lines("approve", "--hall", "demo", "--all")
    first = box["xj-0900"]
    assert done[0] == f"approved {first} at demo/w1; 2 ratings are judged now"
    assert len(done) == 3
    assert lines("list", "--pending") == ["no enrolment waits for approval"]
    again = lines("approve", "--hall", "demo", "--all")
    assert again == ["no enrolment of the hall demo waits for approval"]
    assert central("verify").exit_code == 1, "no service document came, and no count is wrong"
    assert "differs" not in central("verify").output


def test_one_is_refused_with_a_reason_and_the_others_approved(box):
    assert lines("refuse", "xj-0901", "--reason", "来历不明") == [
        f"refused {box['xj-0901']} at demo/w1; it never counts"
    ]
    assert len(lines("approve", "xj-0900", "xj-0902")) == 2
    (line,) = [one for one in lines("list") if "xj-0901" in one]
    assert "refused 20" in line
    assert line.endswith("来历不明")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("approve", "xj-9999"), ("xj-9999", "pingjia central device list")),
        (("approve", "xj-0900/1"), ("xj-0900/1", "pingjia central device list")),
        (("approve",), ("--hall HALL --all",)),
        (("approve", "--hall", "demo"), ("--hall HALL --all",)),
        (("approve", "xj-0900", "--all"), ("--hall HALL --all",)),
        (("approve", "--hall", "nowhere", "--all"), ("pingjia central hall add nowhere",)),
        (("refuse", "xj-9999", "--reason", "?"), ("xj-9999", "pingjia central device list")),
        (("refuse", "xj-0900", "--reason", "x" * 201), ("the reason",)),
    ],
)
def test_what_cannot_be_done_is_said_with_its_remedy(box, command, words):
    assert refused(central("device", *command), *words)


def test_what_is_approved_already_is_said(box):
    lines("approve", "xj-0900")
    assert refused(central("device", "approve", "xj-0900"), "already", "pingjia central revoke")
    late = central("device", "refuse", "xj-0900", "--reason", "?")
    assert refused(late, "already", "pingjia central revoke")
