"""A device is looked for: by the API, and from the overview."""

import pytest
from gateway_hall import Pen
from test_gateway_api import caller_of
from test_gateway_pages import Browser

from gateway.desk.callers import CONSOLE, PAGES


@pytest.fixture
def page(lasting):
    browser = Browser(lasting, PAGES)
    yield browser
    browser.client.close()


@pytest.fixture
def api(lasting):
    with caller_of(lasting) as client:
        yield client


def test_a_device_that_is_connected_is_asked_to_blink(lasting, api, page, connect):
    """FND-1: once, and never retained."""
    state = Pen("dev-1").state(memory=61440)
    device = connect(lasting, "dev-1").enter()
    device.tell(state)
    device.hear_hall(0)
    (view,) = [one for one in api.get("/devices").json()["devices"] if one["device"] == "dev-1"]
    assert view["said"]["memory"] == 61440
    assert api.post("/devices/dev-1/find", json={"seconds": 60}).status_code == 204
    assert device.hear("find") == {"seconds": 60}
    assert api.post("/devices/dev-1/find").status_code == 204
    assert device.hear("find") == {"seconds": 15}
    device.leave()
    late = connect(lasting, "dev-1", clean=False).enter()
    late.tell(state)
    late.hear_hall(0)
    assert not [name for name in late.topics if name.endswith("/find")]
    assert 'hx-post="/devices/dev-1/find"' in page.see("/")
    assert page.client.post("/devices/dev-1/find").status_code == 303  # back to its page
    assert late.hear("find") == {"seconds": 15}
    foreign = {"Origin": "https://elsewhere.example"}
    assert page.client.post("/devices/dev-1/find", headers=foreign).status_code == 403
    clerk = Browser(lasting, CONSOLE, "w1")
    assert clerk.client.post("/devices/dev-1/find").status_code == 401
    clerk.client.close()


def test_one_that_is_not_there_or_for_too_long_is_refused(api, page):
    for device, body, status in (
        ("dev-9", None, 404),
        ("dev-2", None, 409),
        ("Dev_1", None, 422),
        ("dev-2", {"seconds": 61}, 422),
        ("dev-2", {"seconds": 0}, 422),
    ):
        answer = api.post(f"/devices/{device}/find", json=body)
        assert answer.status_code == status, (device, body)
    assert answer.json()["field"] == "seconds"
    html = {"Accept": "text/html"}
    answer = page.client.post("/devices/dev-2/find", headers=html)
    assert answer.status_code == 409
    assert "没有连接，无法让它闪灯" in answer.text
    assert "/devices/dev-2/find" not in page.see("/")
