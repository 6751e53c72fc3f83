"""Acts: one for each change, before each answer of a reading, chained so that nothing is edited,
inserted or deleted unnoticed.
"""

import ast
import os
import re
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path

import pytest
from central_hall import SECRET, bearer, logged_in
from signed_in import OWN_PAGE, made, signed_in
from test_central_access import COMMON, province  # noqa: F401

from central.audit import acts as chain
from central.audit.export import write_export
from central.directory import device_settings
from central.keys import DeviceKeys
from central.people.deeds import DEEDS
from central.store.people import acts
from hosting.clock import day
from hosting.error import OperatorError

SETTINGS = Path(__file__).parents[2] / "deploy"
KEY = DeviceKeys(SECRET).acts_key()
COUNT = COMMON["key"]
WHAT = re.compile(r"[a-z]+\.[a-z]+")


def kept(hall) -> list:
    with hall.database.read() as connection:
        return [*acts.every(connection)]


def faults(hall, known=None) -> list[str]:
    with hall.database.read() as connection:
        return [name for name, *_ in chain.differences(connection, KEY, known)]


def change(hall, statement):
    with hall.database.write() as connection:
        connection.exec_driver_sql(statement)


FORGERIES = {
    "edited": ("UPDATE act SET who = 'account:0' WHERE n = 2", {"act_forged"}),
    "edited detail": ("UPDATE act SET detail = 'nothing' WHERE n = 3", {"act_forged"}),
    "deleted": ("DELETE FROM act WHERE n = 2", {"act_deleted"}),
    "deleted and renumbered": (
        "DELETE FROM act WHERE n = 2; UPDATE act SET n = n - 1 WHERE n > 2",
        {"act_chain_broken", "act_forged", "act_deleted"},
    ),
    "inserted at the end": (
        "INSERT INTO act SELECT n + 1, at_ms, who, place, what, about, detail, substr(mac, 1, 16),"
        " mac FROM act WHERE n = (SELECT n FROM act_head)",
        {"act_forged", "act_head_differs"},
    ),
    "tail cut off": ("DELETE FROM act WHERE n > 2", {"act_deleted"}),
    "tail and head": (
        "DELETE FROM act WHERE n > 2; UPDATE act_head SET n = 2, mac ="
        " (SELECT mac FROM act WHERE n = 2)",
        {"act_head_forged"},
    ),
    "head": ("DELETE FROM act_head", {"act_head_missing"}),
    "two exchanged": (
        "UPDATE act SET n = -n WHERE n IN (2, 3); UPDATE act SET n = 5 + n WHERE n < 0",
        {"act_forged", "act_chain_broken", "act_head_differs"},
    ),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_verify_finds_what_was_done_to_acts(hall, what):
    assert len(kept(hall)) == 3
    assert faults(hall) == [], "the control"
    statements, found = FORGERIES[what]
    for statement in statements.split(";"):
        change(hall, statement)
    names = set(faults(hall))
    assert names
    assert names <= found


def test_all_cut_off_is_found_by_who_wrote_the_newest_down(hall):
    newest = kept(hall)[-1]
    known = newest["n"], newest["mac"][:16]
    assert faults(hall, known) == []
    change(hall, "DELETE FROM act")
    change(hall, "DELETE FROM act_head")
    assert faults(hall) == [], "the control: as new"
    assert faults(hall, known) == ["act_deleted"]


def test_nothing_is_changed_where_no_act_can_be_signed(hall):
    """No act, no deed: and what was begun is as it was."""
    hall.database._writer = hall.database._writer.execution_options(pingjia_acts=None)
    with pytest.raises(OperatorError, match="master secret"):
        hall.halls.add_window("demo", "w9", "9号窗口")
    assert [row.window for row, _ in hall.halls.windows("demo")] == ["w1"]


KILLED = textwrap.dedent(
    """
    import os, sys
    from central_hall import SECRET
    from central.directory.halls import Halls
    from central.keys import DeviceKeys
    from central.store.database import open_database
    from central.store.people import acts

    database = open_database("sqlite:///" + sys.argv[1])
    database.sign_acts(DeviceKeys(SECRET).acts_key())
    add = acts.add

    def die(*told):
        if sys.argv[2] == "behind":
            add(*told)
        os._exit(9)

    acts.add = die
    Halls(database, lambda: 1_760_000_000_000).add_window("demo", "w9", "9号窗口")
    """
)


@pytest.mark.parametrize("where", ["between", "behind"])
def test_a_process_killed_between_change_and_act_leaves_neither(hall, where):
    """Killed before its act, and with both done and not committed."""
    before = kept(hall)
    here = Path(__file__).parent
    path = os.pathsep.join(map(str, (here, here.parent, here.parents[1])))
    run = subprocess.run(
        [sys.executable, "-c", KILLED, f"{hall.folder}/central.db", where],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        timeout=60,
    )
    assert run.returncode == 9, run.stderr.decode()
    assert kept(hall) == before
    assert [row.window for row, _ in hall.halls.windows("demo")] == ["w1"]
    hall.halls.add_window("demo", "w9", "9号窗口")
    assert len(kept(hall)) == len(before) + 1, "the control"
    assert faults(hall) == []


def test_every_command_that_changes_something_is_an_act(hall, tmp_path):
    """One each, by `command`, with what it was about; beside them those of accounts."""
    halls, until = hall.halls, day(hall.clock()) + timedelta(days=9)
    pen = hall.enrol("xj-0417")
    settings = (("demo", None, None), (SETTINGS / "settings.toml"))
    refused = hall.enrol_by_bench("xj-0500").device
    token = hall.tokens.every()[0].id
    login = "wangfang"
    done = {
        "window.add": lambda: halls.add_window("demo", "w2", "2号窗口"),
        "window.change": lambda: halls.rename("demo", "w2", "二号窗口", None),
        "window.rest": lambda: halls.rest("demo", "w2", until, "装修"),
        "window.rest ended": lambda: halls.end_rest("demo", "w2"),
        "hall.change carry": lambda: halls.carry("demo", 7),
        "hall.change broker": lambda: halls.set_broker("demo", {"mqtt_host": "b2"}, True),
        "hall.change further": lambda: halls.set_further("demo", "b3", 1883, None),
        "hall.add": lambda: halls.add("h2", "二厅", "b", 1883, None, tmp_path / "h2.token"),
        "hall.change": lambda: halls.rename("h2", None, "第二大厅", None),
        "device.enrol": lambda: hall.enrol("xj-0418", "w2"),
        "device.move": lambda: hall.devices.move("xj-0418", "w1"),
        "device.refuse": lambda: hall.approval.refuse(refused, "未知"),
        "device.revoke": lambda: hall.revoke("xj-0418", None, "丢失"),
        "epoch.close": lambda: hall.endings.close("xj-0418", _epoch(hall), "王芳", "丢失"),
        "settings.set": lambda: device_settings.put(
            hall.database, hall.clock, settings[0], device_settings.read_file(settings[1])
        ),
        "token.add": lambda: hall.tokens.add("records:read", tmp_path / "r.token"),
        "token.revoke": lambda: hall.tokens.revoke(token),
        "export": lambda: write_export(hall.database, tmp_path / "e.jsonl.gz", hall.clock),
        "account.add": lambda: hall.accounts.add(login, "王芳", "admin", "all"),
        "account.role": lambda: hall.accounts.set_role(login, "auditor", "all"),
        "account.password": lambda: hall.accounts.reset_password(login),
        "account.lock": lambda: hall.accounts.lock(login),
        "account.unlock": lambda: hall.accounts.unlock(login),
        "account.sessions": lambda: hall.accounts.end_sessions(login),
        "account.remove": lambda: hall.accounts.remove(login),
    }
    assert pen.device == "xj-0417"
    for what, do in done.items():
        before = len(kept(hall))
        do()
        new = kept(hall)[before:]
        assert [(act["who"], act["what"]) for act in new] == [("command", what.split(" ")[0])], (
            what
        )
    assert faults(hall) == []


def _epoch(hall) -> int:
    with hall.database.read() as connection:
        query = "SELECT epoch FROM device WHERE device = 'xj-0418'"
        return connection.exec_driver_sql(query).scalar_one()


def test_a_count_is_opened_only_when_its_act_is_there(province):  # noqa: F811
    """The page and the API; the act is committed before anything of the list is read."""
    cookie = signed_in(province, "supervisor", "6501")
    token = province.folder / "s.token"
    province.tokens.add("services:read:6501", token, name="上级平台")
    seen = []
    open_page = province.client.get
    province.client.cookies.update(cookie)
    answer = open_page(f"/counts/{COUNT}", headers=OWN_PAGE)
    assert answer.status_code == 200
    act = kept(province)[-1]
    login = next(row for row, _ in province.accounts.every())
    assert (act["who"], act["what"], act["about"]) == (
        f"account:{login.id}",
        "services.open",
        COUNT,
    )
    assert act["place"] == "region:6501"
    for path in (f"/v1/figures/{COUNT}/services", "/v1/projects/p", "/v1/services/demo/S-1"):
        answer = province.client.get(path, headers=bearer(token))
        assert answer.status_code == 200, answer.text
        seen.append(kept(province)[-1]["what"])
        assert kept(province)[-1]["who"].startswith("token:")
    assert seen == ["services.open", "project.open", "service.open"]
    count = len(kept(province))
    province.database._writer = province.database._writer.execution_options(pingjia_acts=None)
    for path in (f"/v1/figures/{COUNT}/services", "/v1/projects/p", "/v1/services/demo/S-1"):
        answer = province.client.get(path, headers=bearer(token))
        assert answer.status_code >= 500
        assert "S-1" not in answer.text
    answer = open_page(f"/counts/{COUNT}", headers=OWN_PAGE)
    assert answer.status_code >= 500
    assert len(kept(province)) == count


def test_records_are_noted_once_a_day_of_each_program(hall):
    for _ in range(3):
        hall.records()
    assert [act["what"] for act in kept(hall)].count("records.read") == 1
    hall.clock.ms += 86_400_000
    hall.records()
    assert [act["what"] for act in kept(hall)].count("records.read") == 2


def test_who_changes_the_directory_and_approves_stands_in_the_act(province):  # noqa: F811
    token = province.folder / "d.token"
    province.tokens.add("directory:write", token)
    rows = [{"id": "m2", "name": "另一事项"}]
    body = {"rows": rows, "dry_run": True}
    count = len(kept(province))
    province.client.put("/v1/directory/matter", json=body, headers=bearer(token))
    assert len(kept(province)) == count, "a look changes nothing"
    body["dry_run"] = False
    answer = province.client.put("/v1/directory/matter", json=body, headers=bearer(token))
    assert answer.status_code == 200, answer.text
    assert kept(province)[-1]["who"].startswith("token:")
    assert kept(province)[-1]["what"] == "directory.change"
    assert "m2" in kept(province)[-1]["detail"]
    pen = province.enrol_by_bench("xj-0600")
    enrolled = kept(province)[-1]
    assert (enrolled["what"], enrolled["who"][:6]) == ("device.enrol", "token:")
    cookie = signed_in(province, "admin")
    province.client.cookies.update(cookie)
    form = {"enrolment": f"{pen.device}/{pen.epoch}"}
    answer = province.client.post("/devices", data=form, headers=OWN_PAGE, follow_redirects=False)
    assert answer.headers["location"] == "/devices", answer.text
    approved = kept(province)[-1]
    assert (approved["what"], approved["who"][:8]) == ("device.approve", "account:")


def test_auditors_see_the_acts_of_those_in_their_division(province):  # noqa: F811
    made(province, "supervisor", "6501", login="one")
    made(province, "supervisor", "6502", login="two")
    made(province, "entry", "other", login="three")
    pages = {}
    for scope in ("all", "6501", "6502"):
        cookie = signed_in(province, "auditor", scope)
        province.client.cookies.clear()
        province.client.cookies.update(cookie)
        pages[scope] = province.client.get("/acts", headers=OWN_PAGE).text
    for login, sees in (("one", {"6501"}), ("two", {"6502"}), ("three", {"6502"})):
        found = {scope for scope, page in pages.items() if f'soft">{login}<' in page}
        assert found == {"all", *sees}, login
    assert "命令" in pages["all"]
    assert "命令" not in pages["6501"]
    only = province.client.get("/acts?who=two&what=password.change", headers=OWN_PAGE).text
    assert only.count('data-head="何事"') == 1
    later = province.client.get("/acts?from=2025-10-10", headers=OWN_PAGE).text
    assert "没有符合条件的" in later
    assert (
        "没有符合条件的" not in province.client.get("/acts?to=2025-10-10", headers=OWN_PAGE).text
    )


def test_every_act_has_its_words():
    """What the code calls an act stands in the table that the page reads."""
    written = set()
    for path in (Path(__file__).parents[2] / "central").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node.func, "attr", "") if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and name in ("add", "_note", "note", "note_daily"):
                words = [one.value for one in node.args if isinstance(one, ast.Constant)]
                written |= {one for one in words if WHAT.fullmatch(str(one))}
    assert written <= set(DEEDS)
    assert len(written) > 20


def test_a_token_that_looks_writes_nothing(hall):
    """The control of all these: pages of figures are no acts."""
    token = hall.folder / "p.token"
    hall.tokens.add("pages:read", token)
    count = len(kept(hall))
    hall.client.cookies.update(logged_in(hall.site, token.read_text().strip()))
    assert hall.client.get("/marks", headers=OWN_PAGE).status_code == 200
    assert len(kept(hall)) == count
