"""The page of the fleet: devices of each hall, what is pending, and windows without any."""

import pytest

HTML = {"accept": "text/html", "sec-fetch-site": "same-origin"}


def see(hall, scope="pages:read"):
    file = hall.folder / f"{scope.replace(':', '-')}.fleet"
    if not file.exists():
        hall.tokens.add(scope, file)
    hall.client.cookies.clear()
    hall.client.cookies.set("pingjia_centre", file.read_text().strip())
    answer = hall.client.get("/fleet", headers=HTML)
    assert answer.status_code == 200
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
