"""The directory for machines, GET and PUT /v1/directory, and for people, /directory."""

import asyncio
import html
import re

import pytest
from central_hall import bearer
from test_central_directory import Desk, small
from test_central_pages import HTML, see

from central.directory.book import workbook
from central.directory.importer import Options, exported
from central.directory.kinds import KINDS
from central.directory.reading import read_lines
from central.directory.sheet import read_tables

TODAY = "2025-10-09"


@pytest.fixture
def desk(hall, tmp_path):
    """A directory with a hall of two windows, and somebody who serves there."""
    found = Desk(hall, tmp_path)
    staff = [["大厅", "工号", "名称", "机构"], ["xj-1", "0231", "王芳", "ia"]]
    found.bring(small(人员=staff))
    return found


@pytest.fixture
def machine(desk):
    """A program with tokens for both scopes."""
    tokens = {}
    for scope in ("directory:read", "directory:write"):
        tokens[scope] = desk.folder / f"{scope}.token"
        desk.hall.tokens.add(scope, tokens[scope])

    class Machine:
        def get(self, kind, **query):
            answer = desk.hall.client.get(
                f"/v1/directory/{kind}", params=query, headers=bearer(tokens["directory:read"])
            )
            assert answer.status_code == 200, answer.text
            return answer.json()

        def put(self, kind, *rows, status=200, **body):
            answer = desk.hall.client.put(
                f"/v1/directory/{kind}",
                json={"rows": list(rows), **body},
                headers=bearer(tokens["directory:write"]),
            )
            assert answer.status_code == status, answer.text
            return answer.json()

    return Machine()


def test_what_is_read_is_written_back_without_a_change(desk, machine):
    """Of every kind, with versions since ever and since a day; dry or not."""
    machine.put(
        "staff", {"hall": "xj-1", "staff_no": "0231", "name": "王方", "from": "2025-10-20"}
    )
    machine.put("window", {"hall": "demo", "window": "w1", "name": "综合", "from": "2025-10-20"})
    desk.hall.enrol("xj-0417")
    before = desk.rows()
    for kind in KINDS:
        rows = machine.get(kind.kind)["rows"]
        assert rows or kind.kind in ("platform", "matter")
        for dry_run in (True, False):
            assert machine.put(kind.kind, *rows, dry_run=dry_run)["changes"] == []
    assert desk.rows() == before


def test_an_export_of_what_has_changed_imports_to_no_change(desk, machine):
    """The file's half of the same: a first version since ever, and a later one."""
    machine.put("staff", {"hall": "xj-1", "staff_no": "0231", "name": "王方", "from": TODAY})
    with desk.hall.database.read() as connection:
        content = workbook(exported(connection))
    path = desk.folder / "导出.xlsx"
    path.write_bytes(content)
    lines, faults = read_lines(read_tables(path))
    assert faults == []
    assert desk.importer.carry_out(lines, Options()) == []


def test_a_change_holds_from_its_day_and_a_dry_run_changes_nothing(desk, machine):
    row = {"hall": "xj-1", "staff_no": "0231", "name": "王芳", "institution": "ib"}
    before = desk.rows()
    shown = machine.put("staff", row, dry_run=True, **{"from": "2025-10-15"})
    assert desk.rows() == before
    done = machine.put("staff", row, **{"from": "2025-10-15"})
    assert {**shown, "dry_run": False} == done
    (change,) = done["changes"]
    assert change == {
        "what": "changed",
        "id": "xj-1/0231",
        "from": "2025-10-15",
        "differences": [{"column": "institution", "before": "ia", "after": "ib"}],
    }
    assert machine.put("staff", row, **{"from": "2025-10-15"})["changes"] == []
    for day, institution in (("2025-10-14", "ia"), ("2025-10-15", "ib"), ("2026-10-01", "ib")):
        (found,) = machine.get("staff", on=day)["rows"]
        assert (found["institution"], found["name"]) == (institution, "王芳")
    assert [one["from"] for one in machine.get("staff")["rows"]] == ["ever", "2025-10-15"]


def test_what_a_row_does_not_name_stays_and_null_empties_it(desk, machine):
    (row,) = machine.get("staff")["rows"]
    machine.put("staff", {"hall": "xj-1", "staff_no": "0231", "name": "王芳", "qualified": True})
    assert machine.get("staff", on=TODAY)["rows"] == [{**row, "qualified": True, "from": TODAY}]
    machine.put("staff", {"hall": "xj-1", "staff_no": "0231", "name": "王芳", "institution": None})
    assert machine.get("staff", on=TODAY)["rows"][0]["institution"] is None


def test_all_faults_are_told_at_once_by_row_and_column(desk, machine):
    before = desk.rows()
    rows = [
        {"hall": "xj-1", "window": "w1", "name": "一" * 65},
        {"hall": "xj-1", "window": "w 2", "name": "二", "last": None},
        {"hall": "xj-1", "name": "三"},
        {"hall": "xj-9", "window": "w3", "name": "四", "institution": "ic"},
        {"hall": "xj-1", "window": "w4", "name": ["五"]},
        {"hall": "xj-1", "window": "w5", "name": "六", "from": "2025-13-01"},
        {"hall": "xj-1", "window": "w1", "name": "七"},
        {"hall": "xj-1", "window": "w1", "name": "八"},
    ]
    answer = machine.put("window", *rows, status=422)
    assert answer["field"] == "rows.0.name"
    found = {(one["row"], one["column"]): one for one in answer["faults"]}
    assert {*found} == {
        (0, "name"), (1, "last"), (1, "window"), (2, "window"), (3, "hall"),
        (3, "institution"), (4, "name"), (5, "from"), (6, None), (7, None),
    }  # fmt: skip
    assert found[4, "name"]["english"] == "name: it must be a text"
    assert "重复" in found[7, None]["chinese"]
    answer = machine.put("window", rows[3], status=422)
    found = {one["column"]: one for one in answer["faults"]}
    assert {*found} == {"hall", "institution"}
    assert "did you mean xj-1" in found["hall"]["english"]
    assert "是不是“xj-1”" in found["hall"]["chinese"]
    assert desk.rows() == before


def test_one_wrong_row_of_a_thousand_and_none_is_written(desk, machine):
    rows = [{"id": f"m-{n}", "name": f"事项{n}"} for n in range(1000)]
    machine.put("matter", *rows, {"id": "m-x", "name": "", "line": "fire"}, status=422)
    assert machine.get("matter")["rows"] == []
    assert len(machine.put("matter", *rows)["changes"]) == 1000
    seen, after = [], None
    while True:
        page = machine.get("matter", limit=300, **({"after": after} if after else {}))
        seen += [row["id"] for row in page["rows"]]
        after = page["next"]
        if after is None:
            break
    assert seen == sorted(row["id"] for row in rows)


def test_no_device_is_enrolled_moved_or_taken_by_accident(desk, machine, other_hall):
    """The control of each refusal is the same call with what it asks for."""
    desk.hall.enrol("xj-0417")
    other_hall.enrol("xj-0500")
    desk.hall.halls.add_window("demo", "w2", "2号窗口")
    before = desk.rows()["device"]

    def told(row, kind="device", **body):
        return machine.put(kind, row, status=422, **body)["faults"][0]["english"]

    assert "let a technician enrol it" in told({"id": "xj-0999", "hall": "demo", "window": "w1"})
    stolen = {"id": "xj-0500", "hall": "demo", "window": "w1"}
    for body in ({}, {"move": True}, {"correct": True}):
        assert "is enrolled at other/w1" in told(stolen, **body)
    moved = {"id": "xj-0417", "hall": "demo", "window": "w2"}
    assert '"move": true' in told(moved)
    gateway = {"hall": "demo", "mqtt_host": "elsewhere", "mqtt_port": 8883}
    assert '"move": true' in told(gateway, "gateway")
    assert desk.rows()["device"] == before
    (change,) = machine.put("device", moved, move=True)["changes"]
    assert change["differences"] == [{"column": "place", "before": "demo/w1", "after": "demo/w2"}]
    assert machine.put("gateway", gateway, move=True)["changes"][0]["what"] == "changed"


def test_the_past_needs_a_word(desk, machine):
    row = {"hall": "xj-1", "staff_no": "0231", "name": "王方", "from": "ever"}
    (fault,) = machine.put("staff", row, status=422)["faults"]
    assert (fault["column"], '"correct": true' in fault["english"]) == ("name", True)
    assert machine.put("staff", row, correct=True)["changes"][0]["what"] == "corrected"
    assert machine.get("staff", on="2020-01-01")["rows"][0]["name"] == "王方"


WRONG = (
    ("GET", "windows", None, 404, None),
    ("GET", "window?on=yesterday", None, 422, "on"),
    ("GET", "window?after=x", None, 422, "after"),
    ("GET", "window?after=WzEsMl0", None, 422, "after"),
    ("GET", "window?limit=0", None, 422, "limit"),
    ("GET", "device?on=2025-10-01", None, 422, "on"),
    ("PUT", "window", b"{", 400, "body"),
    ("PUT", "window", b'{"rows": 1}', 422, "rows"),
    ("PUT", "window", b'{"rows": [1]}', 422, "rows.0"),
    ("PUT", "window", b'{"rows": [], "dryrun": true}', 422, "dryrun"),
    ("PUT", "nothing", b'{"rows": []}', 404, None),
)


def test_wrong_questions_are_told_what_is_wrong(machine, desk):
    for method, path, body, status, field in WRONG:
        scope = "directory:read" if method == "GET" else "directory:write"
        headers = bearer(desk.folder / f"{scope}.token")
        url = f"/v1/directory/{path}"
        answer = desk.hall.client.request(method, url, content=body, headers=headers)
        found = answer.status_code, answer.json().get("field")
        assert found == (status, field), answer.text
        if path == "windows":
            assert "did you mean window?" in answer.json()["detail"]


def test_nobody_s_body_is_read(desk):
    """The token is looked at first: DESIGN 7."""
    sent = []

    async def receive():
        raise AssertionError("the body was asked for")

    async def send(message):
        sent.append(message)

    scope = {
        **{"type": "http", "method": "PUT", "path": "/v1/directory/window", "headers": []},
        **{"query_string": b"", "root_path": "", "scheme": "http", "http_version": "1.1"},
        "asgi": {"version": "3.0"},
    }
    asyncio.run(desk.hall.client.app(scope, receive, send))
    assert sent[0]["status"] == 401


# ---- pages


def log_in(desk, *scopes):
    desk.hall.client.headers.update(HTML)
    desk.hall.client.cookies.clear()
    for scope in scopes:
        token = desk.folder / f"{scope.replace(':', '-')}.page"
        if not token.exists():
            desk.hall.tokens.add(scope, token)
        desk.hall.client.post("/login", data={"token": token.read_text().strip()})
    return desk.hall.client


def fields_of(page, which=0) -> dict[str, str]:
    """Of a form that posts to the page, as a browser would send them."""
    forms = re.findall(r'<form[^>]*method="post" action="/directory/.*?</form>', page, re.DOTALL)
    found = {}
    for tag in re.findall(r"<input[^>]*>", forms[which], re.DOTALL):
        name, value = (re.search(rf'\b{one}="([^"]*)"', tag) for one in ("name", "value"))
        if 'type="checkbox"' not in tag:
            found[name[1]] = html.unescape(value[1])
    return found


def test_whoever_reads_looks_at_each_kind_in_both_languages_and_mends_nothing(desk):
    desk.hall.enrol("xj-0417")
    reader = log_in(desk, "pages:read")
    assert "王芳" in see(reader, "/directory/staff")
    for kind in KINDS:
        assert kind.title in see(reader, f"/directory/{kind.kind}")
        assert kind.english in see(reader, f"/directory/{kind.kind}", "en")
    assert "xj-0417" in see(reader, "/directory/device")
    found = see(reader, "/directory/window?q=2号")
    assert "2号窗口" in found
    assert "1号窗口" not in found
    assert "没有找到" in see(reader, "/directory/window?q=无")
    row = see(reader, "/directory/staff/xj-1/0231")
    assert "沿革" in row
    assert "directory:write" in row
    assert "查看变化" not in row
    sent = reader.post("/directory/staff/xj-1/0231", data={"name": "x"}, follow_redirects=False)
    assert sent.headers["location"].startswith("/login")
    for path in ("/directory/nothing", "/directory/staff/xj-1/0000", "/directory/device/xj-0417"):
        assert reader.get(path).status_code == 404


def test_one_row_is_mended_after_what_changes_was_shown(desk):
    writer = log_in(desk, "pages:read", "directory:write")
    path = "/directory/staff/xj-1/0231"
    fields = fields_of(see(writer, path))
    assert (fields["name"], fields["institution"], fields["from"]) == ("王芳", "ia", TODAY)
    before = desk.rows()
    shown = writer.post(path, data={**fields, "institution": "ib", "from": "2025-10-15"})
    assert shown.status_code == 200
    for text in ("将要更改", ">ia <", ">甲局<", "<strong>ib ", ">乙局<", "自 2025-10-15 起"):
        assert text in re.sub(r"\s+", " ", shown.text).replace("> ", ">"), text
    assert desk.rows() == before, "not yet"
    agreed = fields_of(shown.text)
    done = writer.post(path, data=agreed, follow_redirects=False)
    assert (done.status_code, done.headers["location"]) == (303, f"{path}?done=1")
    assert "已写入名录" in writer.get(done.headers["location"]).text
    assert desk.on("staff", 20251014)["xj-1/0231"].institution == "ia"
    assert desk.on("staff", 20251015)["xj-1/0231"].institution == "ib"
    assert "没有更改" in writer.post(path, data=fields).text


def test_what_was_agreed_to_is_written_and_nothing_else(desk):
    """Somebody else was faster; and a form that was made up."""
    writer = log_in(desk, "directory:write")
    path = "/directory/staff/xj-1/0231"
    fields = {**fields_of(see(writer, path)), "name": "王方"}
    agreed = fields_of(writer.post(path, data=fields).text)
    staff = [["大厅", "工号", "名称", "机构"], ["xj-1", "0231", "李强", "ib"]]
    desk.bring({"人员": staff})
    before = desk.rows()
    late = writer.post(path, data=agreed)
    assert (late.status_code, "已被更改" in late.text) == (409, True)
    forged = writer.post(path, data={**fields, "agreed": "changed staff xj-1/0231"})
    assert forged.status_code == 409
    assert desk.rows() == before


def test_a_fault_stands_beside_its_field_in_the_reader_s_language(desk):
    writer = log_in(desk, "directory:write")
    path = "/directory/staff/xj-1/0231"
    fields = {**fields_of(see(writer, path)), "institution": "ic", "name": "x" * 65}
    answer = writer.post(path, data=fields)
    assert (answer.status_code, "最多 32 个字" in answer.text) == (422, True)
    fields["name"] = "王芳"
    english = writer.post(path, data=fields, headers={"accept-language": "en"})
    assert "no institution is named ic" in english.text
    assert 'value="ic"' in english.text, "what was typed stays"


def test_a_correction_is_of_the_past_and_says_so(desk):
    writer = log_in(desk, "directory:write")
    path = "/directory/staff/xj-1/0231"
    fields = {**fields_of(see(writer, path)), "name": "王方", "correct": "yes"}
    shown = writer.post(path, data=fields)
    assert "更正：过去也按此计算。" in shown.text
    writer.post(path, data=fields_of(shown.text))
    assert desk.on("staff", 20200101)["xj-1/0231"].name == "王方"
    assert len(desk.rows()["staff"]) == 1


def test_a_click_on_another_site_s_page_changes_nothing(desk):
    writer = log_in(desk, "directory:write")
    path = "/directory/staff/xj-1/0231"
    fields = {**fields_of(see(writer, path)), "name": "王方"}
    agreed = fields_of(writer.post(path, data=fields).text)
    before = desk.rows()
    for site in ("cross-site", "same-site", "none"):
        assert writer.post(path, data=agreed, headers={"sec-fetch-site": site}).status_code == 403
    assert desk.rows() == before
    assert writer.post(path, data=agreed).status_code == 200, "the control"
    assert desk.rows() != before


def test_a_name_is_no_markup(desk):
    desk.bring({"条线": [["条线编号", "名称"], ["fire", "<b>消防</b>"]]})
    writer = log_in(desk, "directory:write")
    for path in ("/directory/line", "/directory/line/fire"):
        assert "<b>消防" not in see(writer, path)
        assert "&lt;b&gt;消防" in see(writer, path)
