"""The pages of the fleet and of halls: devices of each hall, their firmware, what is pending,
windows without any; what commands set, and with which commands.
"""

import re
from datetime import timedelta
from html import unescape

import pytest
import typer
from central_hall import bearer, logged_in
from test_central_device_settings import put

from central.cli import app
from hosting.clock import day
from protocol.batch import HeadItem

HTML = {"accept": "text/html", "sec-fetch-site": "same-origin"}


def see(hall, scope="pages:read", path="/fleet", status=200):
    file = hall.folder / f"{scope.replace(':', '-')}.fleet"
    if not file.exists():
        hall.tokens.add(scope, file)
    hall.client.cookies.clear()
    hall.client.cookies.update(logged_in(hall.site, file.read_text().strip()))
    answer = hall.client.get(path, headers=HTML)
    assert answer.status_code == status
    return " ".join(answer.text.split())


@pytest.mark.rule("R2")
def test_a_window_without_a_device_is_named_until_it_has_one(hall, device):
    assert "2号窗口" not in see(hall)
    hall.halls.add_window("demo", "w2", "2号窗口")
    page = see(hall)
    assert "2号窗口" in page
    assert "1号窗口" not in page, "that one has a device"
    hall.enrol("xj-0002", "w2")
    assert "2号窗口" not in see(hall)


def test_what_is_pending_is_counted_by_hall(hall, device):
    assert '<dt>待批准</dt><dd><a href="/devices">0</a>' in see(hall)
    hall.enrol_by_bench("xj-0009")
    assert '<dt>待批准</dt><dd><a href="/devices">1</a>' in see(hall)


def fleet(hall, **query):
    file = hall.folder / "fleet.token"
    if not file.exists():
        hall.tokens.add("figures:read", file)
    answer = hall.client.get("/v1/fleet", params=query, headers=bearer(file))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_which_firmware_runs_says_the_highest_boot_whenever_it_arrives(hall, device):
    assert fleet(hall)["firmware"] == {"": 1}, "no boot has come"
    first, second = device.boot(1, firmware="0.2.0"), device.boot(2, firmware="0.3.0")
    hall.post(second)
    assert fleet(hall)["firmware"] == {"0.3.0": 1}
    hall.post(first)
    assert fleet(hall)["firmware"] == {"0.3.0": 1}, "the older one came later"
    hall.enrol("xj-0002", "w1")
    assert fleet(hall)["firmware"] == {"0.3.0": 1, "": 1}
    one = fleet(hall, firmware="0.3.0")
    assert (one["found"], one["halls"][0]["firmware"]) == (1, {"0.3.0": 1, "": 1})
    assert fleet(hall, firmware="0.1.0")["halls"] == []
    page = see(hall)
    assert "固件 0.3.0 · 1" in page
    assert "固件 未知 · 1" in page
    assert "没有找到" in see(hall, path="/fleet?firmware=0.1.0")


def test_a_device_is_online_until_four_hours_after_its_last_proof(hall, device):
    assert fleet(hall)["online"] == 0, "it has proven nothing yet"
    hall.post(device.boot(1))
    hall.post(HeadItem(device.head(1, device.prev, heard=hall.clock.ms), None, None))
    told = fleet(hall)
    assert (told["devices"], told["online"], told["silent"]) == (1, 1, 0)
    hall.clock.ms += told["online_ms"] + 60_000
    assert fleet(hall)["online"] == 0


def test_a_hall_s_page_shows_what_commands_set_and_names_commands_that_there_are(hall, device):
    hall.halls.add_window("demo", "w2", "2号窗口")
    hall.halls.rest("demo", "w2", day(hall.clock.ms) + timedelta(days=30), "装修")
    pages = [see(hall, path="/halls"), see(hall, path="/halls?q=demo")]
    pages.append(see(hall, path="/halls/demo/windows"))
    assert "/halls/demo/windows" in pages[0]
    assert "停用至" in pages[2]
    assert "装修" in pages[2]
    assert "xj-0417" in pages[2]
    assert "出厂设置" in pages[2]
    assert "请您为我的服务进行评价" in pages[2]
    assert "没有找到" in see(hall, path="/halls?q=nowhere")
    see(hall, path="/halls/nowhere/windows", status=404)
    found = set()
    for page in pages:
        for block in re.findall(r'<pre class="commands"[^>]*>(.*?)</pre>', page):
            found |= {one.strip() for one in unescape(block).split("pingjia ") if one.strip()}
    assert len(found) >= 15
    for line in found:
        assert line.startswith("central ")
        command = typer.main.get_command(app)
        words = line.split()[1:]
        while words and hasattr(command, "get_command"):
            command = command.get_command(None, words.pop(0))
            assert command is not None, line
        options = {name for one in command.params for name in one.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


def test_settings_that_were_set_are_shown_with_whom_they_are_for(hall, device):
    for window, whose in ((None, "全大厅"), ("w1", "窗口 w1")):
        version, _ = put(hall, window=window, volume=7)
        page = see(hall, path="/halls/demo/windows")
        assert f"版本 {version} · {whose}" in page
    assert "<dt>音量</dt><dd>7</dd>" in page
