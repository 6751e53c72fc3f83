"""What somebody types on purpose: addresses that no device finds, names that are markup."""

import re

import pytest
from central_hall import bearer, document
from markup import MARKUP, faults
from test_central_directory import Desk, small
from test_central_pages import HTML

from central.directory import cells
from central.directory.cells import WrongCellError
from hosting.error import OperatorError
from protocol.batch import Matter

# Each would have stranded all devices of a hall with their next bundles.
NO_HOSTS = ("", " ", "a b", "mqtt://10.0.0.5", "host/path", "user@host", "10.0.0.5:1883", "[::1")
NO_HOSTS += (
    "10.0.0.999",
    "0",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "*",
    "$(id)",
    "-rf",
    "a..b",
    ".a",
    "a.",
)
NO_HOSTS += ("<b>", "中文", "fe80::1%eth0", "a\u200bb", "a\u202eb", "a" * 64, "a." * 127 + "a")
HOSTS = ("10.0.0.5", "::1", "fd00::5", "localhost", "mqtt-2.xj-01.example", "b", "under_score.lan")


@pytest.mark.parametrize("host", NO_HOSTS)
def test_what_is_no_host_is_no_broker_wherever_it_is_typed(hall, tmp_path, host):
    halls, before = hall.halls, hall.halls.broker("demo")[0]
    for take in (
        lambda: halls.add("two", "二", host, 1883, None, tmp_path / "two.token"),
        lambda: halls.set_broker("demo", {"mqtt_host": host}, moves=True),
        lambda: halls.set_further("demo", host, 1883, None, True),
    ):
        with pytest.raises(OperatorError, match="the broker's host") as told:
            take()
        assert not re.search(r"[\u200b\u202e]", f"{told.value}"), "it moves no terminal"
    with pytest.raises(WrongCellError):
        cells.host(host)
    assert halls.broker("demo")[0] == before
    assert not (tmp_path / "two.token").exists()


@pytest.mark.parametrize("host", HOSTS)
def test_the_control_what_is_a_host_is_taken(hall, host):
    hall.halls.set_broker("demo", {"mqtt_host": host}, moves=True)
    assert hall.halls.broker("demo")[0].mqtt_host == cells.host(host) == host


@pytest.mark.parametrize("name", ["", " ", "\u3000", "a\u200bb", "\ufeff"], ids=ascii)
def test_a_name_is_seen_or_it_is_none(hall, tmp_path, name):
    for take in (
        lambda: hall.halls.add("two", name, "b", 1883, None, tmp_path / "two.token"),
        lambda: hall.halls.add_window("demo", "w2", name),
        lambda: hall.halls.rename("demo", None, name, None),
        lambda: hall.halls.rename("demo", "w1", name, None),
    ):
        with pytest.raises(OperatorError, match="name"):
            take()


def test_the_control_markup_is_found():
    assert faults(f'<a href="/{MARKUP}">x</a>') == {"x-evil", "onevil"}
    assert faults(f"<b title='{MARKUP}'>x</b>") == {"x-evil", "onevil"}
    assert faults("<b>539</b>") == {"539"}


def test_a_name_is_words_on_every_page(hall, device, tmp_path):
    """Of halls, windows, staff, matters, regions, institutions, devices' reasons and tokens."""
    desk = Desk(hall, tmp_path)
    staff = [["大厅", "工号", "名称", "机构"], ["xj-1", "0231", MARKUP, "ia"]]
    matters = [["事项编码", "名称"], ["t-1", MARKUP]]
    lines = [["条线编号", "名称"], ["fire", MARKUP]]
    desk.bring(small(人员=staff, 事项=matters, 条线=lines))
    for where in (("demo", None), ("demo", "w1"), ("xj-1", None)):
        hall.halls.rename(*where, MARKUP, None)
    item, name = document(matters=(Matter("p-1", 1, "t-1", MARKUP),))
    # A chain that is broken is a mark of the window.
    rated = device.rating(service="S-1", facts=name, ticket_no="A1")
    hall.post(item, rated, device.rating(prev="f" * 16))
    hall.count_shares()
    # A page holds its live part; by itself that part is a stream, which does not end.
    paths = [
        *("/", "/halls/demo", "/halls/demo/windows/w1", "/marks", "/marks?hall=demo", "/devices"),
        *("/directory", "/directory/hall", "/directory/hall/demo", "/directory/window"),
        *("/directory/window/demo/w1", "/directory/staff", "/directory/staff/xj-1/0231"),
        *("/directory/matter", "/directory/matter/t-1", "/directory/line", "/directory/line/fire"),
        f"/directory/staff?q={MARKUP}",
    ]
    shown = set()
    for scope in ("pages:read", "directory:write", "devices:approve", "pages:read:hall:demo"):
        token = tmp_path / f"{len(shown)}-{scope}.token".replace(":", "-")
        hall.tokens.add(scope, token, name=MARKUP)
        hall.client.cookies.clear()
        data = {"token": token.read_text().strip()}
        assert hall.client.post("/login", data=data, headers=HTML).status_code < 400
        for path in paths:
            for language in ("zh", "en"):
                headers = {**HTML, "accept-language": language}
                answer = hall.client.get(path, headers=headers)
                assert answer.status_code < 500, (path, answer.text)
                assert faults(answer.text) == set(), (scope, path)
                if "x-evil" in answer.text:
                    shown.add((scope, path.partition("?")[0]))
    assert {path for scope, path in shown if scope == "pages:read"} >= {
        *("/", "/halls/demo", "/halls/demo/windows/w1", "/marks")
    }
    assert {path for scope, path in shown if scope == "directory:write"} >= {
        *("/directory/hall", "/directory/hall/demo", "/directory/staff", "/directory/matter"),
        *("/directory/matter/t-1", "/directory/line/fire"),
    }


def test_ids_and_numbers_have_an_alphabet_that_is_no_markup(hall, tmp_path):
    """Of services, tickets, projects, windows and staff, however they are told."""
    hall.tokens.add("services:write:demo", tmp_path / "w.token")
    headers = bearer(tmp_path / "w.token")
    good = {"hall": "demo", "service": "S-9", "channel": "web"}
    for field in ("service", "window", "staff_no", "task_code", "part_of"):
        body = {**good, field: "<b>"}
        answer = hall.client.post("/v1/services", json=body, headers=headers)
        assert answer.status_code == 422, field
    body = {**good, "project_nos": ["<b>"]}
    assert hall.client.post("/v1/services", json=body, headers=headers).status_code == 422
    assert hall.client.post("/v1/services", json=good, headers=headers).status_code == 201
    for path in ("/v1/projects/<b>", "/v1/services/demo/<b>"):
        answer = hall.client.get(path, headers=headers)
        assert answer.headers["content-type"].startswith("application/"), "no page"
    with pytest.raises(OperatorError, match="the window's id"):
        hall.halls.add_window("demo", "<b>", "1号窗口")
