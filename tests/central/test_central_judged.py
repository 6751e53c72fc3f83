"""`pingjia central recount`, `policy preview` and `policy accept`, as an operator runs them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from central_hall import SECRET, client_of
from rehearsal_hall import DIRECTORY, Practice, world

from central.centre import open_rehearsal
from central.config import load_config
from central.ratings.versions import load_rules
from central.rules.policy import SHIPPED

QINNAN = SHIPPED / "qinnan" / "2022-06-07.toml"


@pytest.fixture
def practice(tmp_path):
    """A September, settled, in a folder with its settings."""
    made = Practice(tmp_path)
    made.give(directory=DIRECTORY, **world(4, 40))
    made.go("2026-10-20 00:00")
    put_settings(tmp_path, 'profile = "qinnan"\n')
    yield made
    made.close()


def put_settings(folder: Path, text: str) -> None:
    (folder / "central.toml").write_text(text)
    secret = folder / "master.secret"
    secret.write_bytes(SECRET)
    secret.chmod(0o600)


def pingjia(folder: Path, *arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pingjia", "central", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def rows(practice, table: str) -> list:
    with practice.database.read() as connection:
        return sorted(map(str, connection.exec_driver_sql(f"SELECT * FROM {table}")))


@pytest.mark.rule("R45")
def test_recount_finds_what_is_wrong_and_puts_it_right(practice, tmp_path):
    before = rows(practice, "figure"), rows(practice, "standing")
    right = pingjia(tmp_path, "recount")
    assert right.returncode == 0, right.stderr
    assert "everything was right" in right.stdout
    with practice.database.write() as connection:
        for statement in (
            "UPDATE figure SET ratings = ratings + 3 WHERE dim = 'staff' AND what = 'active-5'"
            " AND span = 202609",
            "UPDATE standing SET state = 'active', level = 5 WHERE service ="
            " (SELECT service FROM standing WHERE state = 'unrated' LIMIT 1)",
        ):
            assert connection.exec_driver_sql(statement).rowcount
    mended = pingjia(tmp_path, "recount")
    assert mended.returncode == 0, mended.stderr
    assert "it lacks -3 services" in mended.stdout
    assert "standing_differs" in mended.stdout
    assert "are put right" in mended.stdout
    assert rows(practice, "standing") == before[1]
    zeros = {one for one in rows(practice, "figure") if not one.endswith(", 0, 0)")}
    assert zeros == {one for one in before[0] if not one.endswith(", 0, 0)")}
    assert "everything was right" in pingjia(tmp_path, "recount").stdout


@pytest.mark.rule("R112", "R45")
def test_a_preview_shows_a_month_under_a_draft_and_writes_nothing(practice, tmp_path):
    (folder := tmp_path / "drafts" / "qinnan").mkdir(parents=True)
    draft = folder / QINNAN.name
    tables = ("figure", "standing", "judged", "policy_use", "judge", "touched")
    stored = [rows(practice, table) for table in tables]
    shutil.copy(QINNAN, draft)
    same = pingjia(tmp_path, "policy", "preview", draft, "--month", "2026-09")
    assert same.returncode == 0, same.stderr
    assert "0 stand otherwise" in same.stdout
    assert "\n*" not in same.stdout
    unrated = practice.get("/v1/figures", **{"from": "2026-09-01", "to": "2026-09-30"})["sets"][0][
        "figures"
    ]
    for figure in unrated:  # in force, it is what the counters say
        if figure["figure"] in ("unrated_rate", "rated_rate", "matter_good_rate"):
            assert f"{figure['num']}/{figure['den']}" in same.stdout
    text = QINNAN.read_text()
    assert text.count("n = 5, unit") == 1
    draft.write_text(text.replace("n = 5, unit", "n = 60, unit"))
    longer = pingjia(tmp_path, "policy", "preview", draft, "--month", "2026-09")
    assert longer.returncode == 0, longer.stderr
    assert "* 未评率" in longer.stdout
    assert "0 stand otherwise" not in longer.stdout
    assert [rows(practice, table) for table in tables] == stored
    of_hall = pingjia(
        *(tmp_path, "policy", "preview", draft, "--month", "2026-09", "--hall", "other")
    )
    assert of_hall.returncode == 0, of_hall.stderr
    assert of_hall.stdout != longer.stdout
    wrong = pingjia(
        *(tmp_path, "policy", "preview", draft, "--month", "2026-09", "--hall", "othr")
    )
    assert "Did you mean other?" in wrong.stderr
    none = pingjia(tmp_path, "policy", "preview", draft, "--month", "2025-01")
    assert "2025-01: 0 services in force, 0 under the draft" in none.stdout


@pytest.mark.rule("R45", "R112")
def test_an_edited_policy_is_refused_until_it_is_accepted_and_then_judges_again(tmp_path):
    (folder := tmp_path / "own" / "town").mkdir(parents=True)
    policy = folder / QINNAN.name
    shutil.copy(QINNAN, policy)
    practice = Practice(tmp_path, load_rules("town", tmp_path / "own"))
    put_settings(tmp_path, 'profile = "town"\nprofiles = "own"\n')
    facts = world(4, 40)
    practice.give(directory=[row for row in DIRECTORY if "profiles" not in row], **facts)
    practice.go("2026-10-20 00:00")
    count = "/v1/figures/town.202609.*.hall.*.per_visit.unrated/services"
    unrated = practice.get(count)["count"]
    assert unrated > 3
    practice.close()
    assert "nothing to accept" in pingjia(tmp_path, "policy", "accept", "town").stdout
    policy.write_text(policy.read_text().replace("n = 5, unit", "n = 60, unit"))
    config = load_config(tmp_path / "central.toml")
    for refused in (pingjia(tmp_path, "recount"), pingjia(tmp_path, "rehearse")):
        assert refused.returncode == 1
        assert "in use and may not be edited" in refused.stderr
    accepted = pingjia(tmp_path, "policy", "accept", "town")
    assert accepted.returncode == 0, accepted.stderr
    assert "accepted the version of town from 2022-06-07" in accepted.stdout
    again = open_rehearsal(config)
    again.begin()
    again.judge.settle_all()
    headers = practice.headers("services:read:all")
    client = client_of(again.app)
    assert client.get(count, headers=headers).json()["count"] == 0
    waiting = count.replace("unrated", "waiting")
    assert client.get(waiting, headers=headers).json()["count"] >= unrated
    again.close()
