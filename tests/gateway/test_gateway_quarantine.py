"""What is refused is bounded, shown, and judged again after a fix; metrics count it. TOP-2"""

import urllib.request

import pytest
from gateway_hall import EPOCH, Pen, until
from test_gateway_start import config_in
from typer.testing import CliRunner

from gateway.hall import intake
from gateway.hall.replay import replay
from gateway.store import quarantine as store
from gateway.store.database import Database
from pingjia import app

KEPT = 50
MOST_BYTES = 8_000_000


def refuse(database, *judged, kept: int = KEPT) -> None:
    with database.write() as connection:
        rows = [{**one._asdict(), "received_at_ms": 5} for one in judged]
        store.put(connection, rows, kept)


def refuse_strangers(database, kept: int) -> None:
    """Something from each of 10,000 devices that nobody knows."""
    for start in range(0, 10_000, 500):
        names = [f"pj/1/demo/stranger-{n}/record" for n in range(start, start + 500)]
        judged = [intake.judge(name, b"x" * 900, "demo", {"dev-1"}) for name in names]
        refuse(database, *judged, kept=kept)


def files_bytes(folder) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_ten_thousand_unknown_devices_leave_fifty_rows_and_one_count(tmp_path):
    """FAULTS 14"""
    database = Database(tmp_path / "gateway.sqlite")
    refuse_strangers(database, KEPT)
    with database.read() as connection:
        assert len(store.newest(connection, 100_000)) == KEPT // 10
        counts = [(row.device, row.reason, row.count) for row in store.counts(connection)]
        assert counts == [("", "unknown_device", 10_000)]
    database.close()
    assert files_bytes(tmp_path) < MOST_BYTES


@pytest.mark.parametrize("parts", [10, 1], ids=["ours", "control: one bound for all"])
def test_one_device_does_not_drive_out_what_others_sent(tmp_path, monkeypatch, parts):
    monkeypatch.setattr(store, "_PARTS", parts)
    database = Database(tmp_path / "gateway.sqlite")
    known = {"dev-1", "dev-2"}
    refuse(database, intake.judge("pj/1/demo/dev-2/record", b"{", "demo", known))
    for _ in range(KEPT):
        refuse(database, intake.judge("pj/1/demo/dev-1/record", b"x" * 2000, "demo", known))
    with database.read() as connection:
        kept = {row.device for row in store.newest(connection, 100)}
    assert ("dev-2" in kept) == (parts == 10)
    database.close()


def test_without_the_bound_ten_thousand_unknown_devices_fill_the_disk(tmp_path, monkeypatch):
    """FAULTS 14, the control."""
    monkeypatch.setattr(store, "_PARTS", 1)
    database = Database(tmp_path / "gateway.sqlite")
    refuse_strangers(database, 10_000)
    database.close()
    assert files_bytes(tmp_path) > MOST_BYTES


def test_a_record_refused_for_a_device_that_was_not_known_yet_is_taken_in_later(tmp_path):
    """The fix: the hall's document names the device now. What is nonsense stays."""
    database = Database(tmp_path / "gateway.sqlite")
    pen = Pen("dev-1")
    name, text = "pj/1/demo/dev-1/record", pen.rating()
    refuse(database, intake.judge(name, text, "demo", ()), intake.judge(name, b"{", "demo", ()))
    refuse(database, intake.judge(name, b"x" * 2000, "demo", {"dev-1"}))
    outcomes = replay(database, "demo", {"dev-1"}, [1, 2, 3, 99])
    assert [outcome.is_taken for outcome in outcomes] == [True, False, False, False]
    assert "256 of 2000" in outcomes[2].sentence
    with database.read() as connection:
        held = connection.exec_driver_sql("SELECT envelope, received_at_ms FROM envelope").all()
        assert [row.id for row in store.newest(connection, 10)] == [3, 2]
    assert [tuple(row) for row in held] == [(text, 5)]
    database.close()


def test_the_commands_list_show_and_replay(tmp_path, centre, gateway, connect):
    """Beside the running gateway, which sends what was taken in."""
    config = config_in(tmp_path, centre.url)
    device = connect(gateway, "dev-1").enter()
    pen = Pen("dev-1")
    device.tell(pen.state())
    device.send(b'{"half":')
    stranger = Pen("dev-2").rating()
    refuse(gateway.database, intake.judge("pj/1/demo/dev-2/record", stranger, "demo", {"dev-1"}))

    def run(*words):
        result = CliRunner().invoke(
            app, ["gateway", "quarantine", *words, "--config", str(config)]
        )
        return result.exit_code, result.output

    until(lambda: "not_an_envelope" in run("list")[1], "the refusal")
    listed = run("list")[1]
    assert "unknown_device" in listed
    number = next(
        line.split()[0]
        for line in listed.splitlines()
        if "half" not in line and "dev-2" in line and "whole" in line
    )
    assert "dev-2" in run("show", number)[1]
    assert run("show", "9999")[0] == 1
    assert run("replay")[0] == 1
    code, said = run("replay", number)
    assert (code, "1 taken in" in said) == (0, True)
    until(lambda: centre.seqs("dev-2") == [1], "the record in the centre")
    assert "replayed 1, 0 taken in" in run("replay", "--all")[1]


def test_metrics_count_without_names(gateway, centre, connect):
    pen = Pen("dev-1")
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state())
    device.send(pen.rating())
    device.send(b"nonsense")
    until(lambda: ("dev-1", EPOCH) in centre.held, "the rating")

    def text():
        with urllib.request.urlopen(f"{gateway.api_url}/metrics", timeout=10) as answer:
            return answer.read().decode()

    until(lambda: 'verdicts_total{verdict="stored"} 1.0' in text(), "the verdict's count")
    until(lambda: 'received_total{what="refused"} 1.0' in text(), "the refusal's count")
    assert 'received_total{what="record"} 1.0' in text()
    assert "pingjia_gateway_disk_free_bytes" in text()
    assert "dev-1" not in text()
