"""A rehearsal: its clock, its database for ever, its banner; and a year in a minute."""

import json
import random
import time

import pytest
from central_hall import SECRET, Clock, Hall, bearer, logged_in
from empty_file import central_in
from rehearsal_hall import DIRECTORY, Practice, world
from rules_parts import at
from typer.testing import CliRunner

from central.centre import open_centre as open_real
from central.centre import open_rehearsal
from central.config import Config
from central.keys import DeviceKeys, read_master_secret
from central.ratings.rehearsal import RehearsalClock, mark
from central.store.judged import standings
from hosting.error import OperatorError
from pingjia import app


@pytest.fixture
def practice(tmp_path):
    made = Practice(tmp_path)
    yield made
    made.close()


def config(folder) -> Config:
    secret = folder / "master.secret"
    if not secret.exists():
        secret.write_bytes(SECRET)
        secret.chmod(0o600)
    return Config(database_url=f"sqlite:///{folder}/central.db", master_secret_file=secret)


def figures(practice) -> dict:
    """All counts of all profiles, and all standings, without the hours of judging."""
    with practice.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM figure WHERE ratings != 0 ORDER BY 1, 2")
        stood = connection.exec_driver_sql("SELECT * FROM standing ORDER BY 1, 2, 3")
        return {"figures": sorted(map(tuple, rows)), "standings": sorted(map(str, stood))}


@pytest.mark.rule("R27", "R28", "R29", "R30", "R31", "R46")
def test_facts_in_any_order_and_any_steps_of_the_clock_give_the_same(tmp_path):
    seen = []
    for n in range(3):
        (folder := tmp_path / str(n)).mkdir()
        practice = Practice(folder)
        facts = world(11, 40)
        parts = [{name: [one]} for name, ones in facts.items() for one in ones]
        parts += [{"directory": [one]} for one in DIRECTORY]
        rng = random.Random(n)
        if n == 0:
            practice.give(directory=DIRECTORY, **facts)
        else:
            rng.shuffle(parts)
            for start in range(0, len(parts), 17):
                together: dict[str, list] = {}
                for part in parts[start : start + 17]:
                    for name, ones in part.items():
                        together.setdefault(name, []).extend(ones)
                practice.give(**together)
                if rng.random() < 0.5 and start < 100:
                    practice.go(f"2026-09-{2 + start // 17:02d} {rng.randrange(24):02d}:00")
        practice.go("2026-11-20 00:00")
        seen.append(figures(practice))
        practice.close()
    assert seen[0]["figures"]
    assert seen[0] == seen[1] == seen[2]


def test_the_last_second_is_in_time_and_the_next_is_not(practice):
    visit = {"hall": "demo", "service": "S1", "window": "w1", "opened_at": "2026-09-01 09:00"}
    visit |= {"progress": [{"what": "finished", "at": "2026-09-01 10:00"}]}
    practice.give(directory=DIRECTORY, services=[visit])
    assert practice.go("2026-09-02 09:59:59")["judged"] == 0
    moved = practice.go("2026-09-02 10:00:00")
    assert (moved["steps"], moved["judged"]) == (1, 1)
    assert moved["next_due_ms"] == at("2026-09-09 00:00")
    assert practice.go("2026-09-08 23:59:59")["judged"] == 0
    assert practice.get("/v1/services/demo/S1")["standings"][0]["state"] == "waiting"
    assert practice.go("2026-09-09 00:00:00")["judged"] == 1
    assert practice.get("/v1/services/demo/S1")["standings"][0]["state"] == "unrated"
    assert practice.go("2027-09-09 00:00:00") | {"steps": 0, "next_due_ms": None} == (
        practice.client.get(
            "/v1/rehearsal/clock", headers=practice.headers("rehearsal:write")
        ).json()
    )


def test_whoever_jumps_is_told_everything_in_its_order(practice):
    """Over weeks at once: each reminder before the 未评 of the same service, all by their time."""
    services = [
        {
            **{"hall": "demo", "service": f"S{n}", "window": "w1"},
            "opened_at": f"2026-09-{1 + n % 2:02d} {9 + n % 7:02d}:{n % 60:02d}",
            "progress": [{"what": "finished", "at": f"2026-09-{1 + n % 2:02d} 17:{n % 60:02d}"}],
        }
        for n in range(130)
    ]
    practice.give(directory=DIRECTORY, services=services)
    moved = practice.go("2026-10-31 00:00")
    items = practice.feed()
    assert moved["judged"] == len(items) == 260
    assert [one["at_ms"] for one in items] == sorted(one["at_ms"] for one in items)
    assert [one["noted_ms"] for one in items] == sorted(one["noted_ms"] for one in items)
    for one in items:
        assert 0 <= one["noted_ms"] - one["at_ms"] < 86_400_000
        if one["what"] == "unrated":
            assert one["noted_ms"] == one["at_ms"]


def test_the_clock_goes_forward_only_and_goes_on_after_a_restart(tmp_path, practice):
    practice.go("2026-10-01 08:00")
    problem = practice.go("2026-10-01 07:59", status=422)
    assert problem["field"] == "at"
    assert "2026-10-01 08:00:00 and only goes forward" in problem["detail"]
    practice.close()
    again = open_rehearsal(config(tmp_path))
    assert 0 <= again.rehearsal.state().now_ms - at("2026-10-01 08:00") < 60_000
    again.close()
    with pytest.raises(OperatorError, match="only goes forward: leave --at out"):
        open_rehearsal(config(tmp_path), at("2026-09-30 00:00"))


def test_a_centre_that_never_listens_lets_no_rules_hold(tmp_path):
    """One whose port is taken is opened, and ends: what it touched would be judged by the rules
    of the one that runs.
    """
    first = open_rehearsal(config(tmp_path))
    first.begin()
    with first.database.read() as connection:
        before = standings.state(connection).versions
    second = open_rehearsal(config(tmp_path).model_copy(update={"profile": "qinnan"}))
    with first.database.read() as connection:
        assert standings.state(connection).versions == before
    second.begin()
    with first.database.read() as connection:
        assert standings.state(connection).versions != before, "the control"
    for one in (first, second):
        one.close()


def test_between_two_settings_the_clock_goes_by_itself():
    seconds = [5.0]
    clock = RehearsalClock(1000, lambda: seconds[0])
    seconds[0] += 2
    assert clock.now_ms() == 3000
    clock.stand(9000)
    seconds[0] += 2
    assert clock.now_ms() == 9000
    clock.go_on()
    seconds[0] += 1
    assert clock.now_ms() == 10_000
    assert clock.doubt() is None


def test_no_rehearsal_becomes_real_and_nothing_real_a_rehearsal(tmp_path):
    open_rehearsal(config(tmp_path)).close()
    with pytest.raises(OperatorError, match="a rehearsal's, for ever"):
        open_real(config(tmp_path))
    (other := tmp_path / "real").mkdir()
    real = open_real(config(other))
    real.start()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with real.database.read() as connection:
            if connection.exec_driver_sql("SELECT 1 FROM centre_clock").first():
                break
        time.sleep(0.05)
    real.close()
    with pytest.raises(OperatorError, match="a real centre's"):
        open_rehearsal(config(other))


@pytest.mark.parametrize("held", ["token", "hall", "directory"])
def test_whatever_was_put_into_a_database_made_it_real(tmp_path, held):
    database = central_in(tmp_path)
    with database.write() as connection:
        statement = {
            "token": "INSERT INTO token (id, secret_sha256, scopes, created_at_ms)"
            " VALUES ('a', 'b', 'pages:read', 0)",
            "hall": "INSERT INTO hall (hall, name, version, mqtt_host, mqtt_port, proven_ms)"
            " VALUES ('demo', 'd', 1, 'h', 1, 0)",
            "directory": "INSERT INTO directory (kind, id, first_day, name, noted_ms)"
            " VALUES ('line', 'fire', 0, 'x', 0)",
        }[held]
        connection.exec_driver_sql(statement)
    with pytest.raises(OperatorError, match=f"it holds rows of {held}"):
        mark(database)
    database.close()


def test_a_real_centre_has_no_clock_to_set_and_takes_no_facts(hall, tmp_path):
    for scope in ("figures:read", "records:read"):
        token = tmp_path / f"{scope[:4]}.token"
        hall.tokens.add(scope, token)
        headers = bearer(token)
        for method, path in (
            ("PUT", "/v1/rehearsal/clock"),
            ("GET", "/v1/rehearsal/clock"),
            ("POST", "/v1/rehearsal/facts"),
        ):
            answer = hall.client.request(method, path, json={"at": 0}, headers=headers)
            assert answer.status_code == 404
    described = hall.client.get("/openapi.json").json()
    assert not [path for path in described["paths"] if "rehearsal" in path]
    with pytest.raises(OperatorError, match="this is a real centre"):
        hall.tokens.add("rehearsal:write", tmp_path / "r.token")
    assert "演练" not in hall.client.get("/login").text


def test_no_real_halls_token_is_taken_and_every_page_says_what_it_is(tmp_path, practice):
    (real := tmp_path / "real").mkdir()
    hall = Hall(real, "demo", central_in(real), Clock())
    practice.give(directory=DIRECTORY)
    for path in ("/v1/halls/demo", "/v1/rehearsal/clock", "/v1/records"):
        assert practice.client.get(path, headers=hall.headers).status_code == 401
    assert practice.client.post("/v1/batches", headers=hall.headers).status_code == 401
    hall.database.close()
    practice.headers("pages:read")
    token = (practice.folder / "pages-read.token").read_text().strip()
    practice.client.cookies.update(logged_in(practice.centre.site, token))
    pages = {
        route.path
        for route in practice.centre.site.router.routes
        if "GET" in route.methods and not route.path.endswith("/live")
    }
    shown = pages - {"/static/{digest}/{name}", "/language/{language}", "/devices"}
    assert len(shown) >= 5
    for path in (*shown, "/nowhere"):
        where = path.replace("{hall}", "demo").replace("{window}", "w1")
        answer = practice.client.get(where, headers={"accept": "text/html"})
        assert "演练环境" in answer.text, where
    english = practice.client.get("/login", headers={"accept-language": "en"})
    assert "Rehearsal: no rating here is real" in english.text


def test_the_scope_of_a_rehearsal_opens_it_and_no_other_does(practice):
    for scope in ("figures:read", "services:read:all", "services:write:all"):
        headers = practice.headers(scope)
        clock = practice.client.put(
            "/v1/rehearsal/clock", json={"at": "2026-09-02"}, headers=headers
        )
        assert clock.status_code == 403
    assert practice.client.get("/v1/rehearsal/clock").status_code == 401


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"directory": [{"kind": "floor", "id": "x", "name": "x"}]}, "directory.0.kind"),
        ({"directory": [{"kind": "window", "id": "w1", "name": "x"}]}, "directory.0"),
        (
            {"ratings": [{"id": "R", "hall": "demo", "service": "S", "level": 6}]},
            "ratings.0.level",
        ),
        ({"ratings": [{"id": "R", "hall": "demo", "service": "S", "level": 5}]}, "ratings.0"),
        ({"services": [{"hall": "demo", "service": "S", "opened_at": "noon"}]}, "opened_at"),
        ({"services": [{"service": "S"}]}, "services.0"),
        ({"services": [{"completes": "P"}]}, "services.0.hall"),
        ({"wishes": []}, "wishes"),
        (
            {"directory": [{"kind": "hall", "id": "x", "name": "x", "profiles": ["qinan"]}]},
            "directory.0.profiles",
        ),
    ],
)
def test_wrong_facts_are_told_where_and_nothing_is_kept(practice, facts, field):
    practice.give(directory=DIRECTORY)
    problem = practice.give(status=422, **{"directory": DIRECTORY[:1], **facts})
    assert field in problem["field"] + problem["detail"], problem
    facts = {name: ones for name, ones in world(1, 3).items() if name != "decisions"}
    taken = practice.give(**facts)["taken"]
    other = facts["services"][0] | {"window": "w9"}
    before = figures(practice)
    practice.give(status=409, services=[other], ratings=facts["ratings"])
    assert figures(practice) == before
    assert practice.give(**facts)["taken"] == taken  # word for word again: nothing new
    assert figures(practice) == before


@pytest.mark.long
def test_a_year_in_a_minute(tmp_path):
    """10,000 services of a year with their reminders and defaults, on a file with its fsyncs."""
    practice = Practice(tmp_path, "qinnan", "2025-09-01 00:00")
    practice.give(directory=DIRECTORY)
    services = []
    for n in range(10_000):
        month, day = (8 + n % 12) % 12 + 1, 1 + n % 28
        when = f"{2025 + (month < 9)}-{month:02d}-{day:02d}"
        closed = [{"what": "finished", "at": f"{when} {9 + n % 8:02d}:{n % 60:02d}"}]
        services.append(
            {
                **{"hall": "demo", "service": f"S{n}", "window": "w1", "staff_no": "0231"},
                **{"opened_at": f"{when} 09:00", "progress": closed},
            }
        )
    for start in range(0, len(services), 5000):
        practice.give(services=services[start : start + 5000])
    began = time.monotonic()
    moved = practice.go("2026-10-31 00:00")
    took_s = time.monotonic() - began
    print(f"a year of 10,000 services: {took_s:.1f} s, {moved['steps']} steps")
    assert moved["judged"] == 20_000
    assert took_s < 60
    practice.close()


def test_a_name_with_hidden_characters_is_refused(practice):
    for name in ("a\0b", "a\u202eb"):
        practice.give(422, directory=[{"kind": "hall", "id": "demo", "name": name}])


@pytest.mark.parametrize("is_real", [False, True], ids=["a rehearsal", "control: a real centre"])
def test_a_rehearsal_with_the_real_secret_has_no_real_devices_key(tmp_path, monkeypatch, is_real):
    """Its clock is set, so a device is enrolled there under the epoch that a real one has."""
    monkeypatch.chdir(tmp_path)
    chosen = config(tmp_path)
    for words in (
        ["init", *([] if is_real else ["--rehearsal"])],
        ["hall", "add", "demo", "--mqtt-host", "h", "--mqtt-port", "1", "--token-out", "t"],
        ["window", "add", "--hall", "demo", "--window", "w1", "--name", "1号窗口"],
        ["enrol", "--device", "xj-1", "--hall", "demo", "--window", "w1", "--out", "x.json"],
    ):
        result = CliRunner().invoke(app, ["central", *words])
        assert result.exit_code == 0, result.output
    bundle = json.loads((tmp_path / "x.json").read_text())
    real = DeviceKeys(read_master_secret(chosen.master_secret_file))
    assert (real.key("xj-1", bundle["epoch"]).hex() == bundle["key"]) == is_real
    opened = (open_real if is_real else open_rehearsal)(chosen)
    assert opened.devices._key_of("xj-1", bundle["epoch"]).hex() == bundle["key"], "its own"
    opened.close()
