"""Names, from the centre or typed by clerks, are words on every page of the hall, whatever they
are made of.
"""

import re

import httpx2
import pytest
from gateway_hall import settings_in, start_gateway, until
from markup import MARKUP, faults

from gateway.desk.callers import CONSOLE, PAGES
from gateway.store import tokens
from hosting.clock import now_ms
from hosting.tokens import digest, new_secret
from protocol.hall import HallMatter, StaffCard, Window


class Browser:
    """Logged in with a token of `scope`; `shown` has the pages where MARKUP stood."""

    def __init__(self, gateway, scope, window=None):
        token = new_secret()
        with gateway.database.write() as connection:
            tokens.put(connection, f"{scope} x", digest(token), now_ms(), scope, window)
        headers = {"Origin": gateway.api_url}
        self.client = httpx2.Client(base_url=gateway.api_url, headers=headers, trust_env=False)
        self.client.post("/login", data={"token": token})
        self.shown: set[str] = set()

    def see(self, path: str, **fields) -> str:
        part = {"HX-Request": "true"}
        answer = (
            self.client.post(path, data=fields, headers=part) if fields else self.client.get(path)
        )
        assert answer.status_code == 200, (path, answer.text)
        assert faults(answer.text) == set(), path
        if "x-evil" in answer.text:
            assert "{{77*7}}" in answer.text, path
            self.shown.add(path.partition("?")[0])
        return answer.text


def test_the_control_markup_is_found():
    assert faults(f'<a href="/{MARKUP}">x</a>') == {"x-evil", "onevil"}


@pytest.mark.parametrize("is_listed", [True, False], ids=["named by the centre", "typed"])
def test_a_name_is_words_on_every_page_of_the_hall(tmp_path, centre, is_listed):
    windows = tuple([Window(one.window, MARKUP) for one in centre.hall.windows])
    centre.change_hall(windows=windows)
    if is_listed:
        staff = (StaffCard("01", MARKUP),)
        matters = (HallMatter(MARKUP, MARKUP, True), HallMatter("t-2", f"{MARKUP}barred", False))
        centre.change_hall(staff=staff, matters=matters)
    gateway = start_gateway(settings_in(tmp_path, centre.url))
    try:
        until(lambda: gateway.book.version == centre.hall.version, "the hall's document")
        clerk, watcher = Browser(gateway, CONSOLE, "w1"), Browser(gateway, PAGES)
        clerk.see("/windows/w1/sign-in", staff_no="01", name=MARKUP)
        if is_listed:
            for what, words in (("staff", "evil"), ("matters", "evil"), ("matters", "barred")):
                clerk.see(f"/windows/w1/find/{what}?find={words}")
        clerk.see("/windows/w1/sign-in", staff_no=MARKUP, name=MARKUP)
        clerk.see("/windows/w1/start", ticket_no=MARKUP, task_code=MARKUP)
        html = clerk.see("/windows/w1/start", ticket_no="A001")
        assert re.search(r'name="service" value="([^"]+)"', html)
        clerk.see("/windows/w1/close", service=MARKUP)
        clerk.see("/windows/w1")
        watcher.see("/")
        assert {"/windows/w1", "/windows/w1/start", "/windows/w1/sign-in"} <= clerk.shown
        assert "/" in watcher.shown
        if is_listed:
            assert {"/windows/w1/find/staff", "/windows/w1/find/matters"} <= clerk.shown
    finally:
        clerk.client.close()
        watcher.client.close()
        gateway.stop()
