"""Accounts: the first sign-in, wrong passwords, idle and long sessions, and who ends them."""

import re

import pytest
from signed_in import CHEAP, COOKIE, OWN_PAGE, PASSWORD, made, signed_in

from central.people.sign_in import ABSOLUTE_MS, FREE, IDLE_MS, LONGEST_WAIT_MS, wait_ms
from hosting.error import OperatorError
from pages.session import SignInRefusedError

MINUTE_MS = 60_000


def browser(hall, cookie=None):
    hall.client.cookies.clear()
    hall.client.cookies.update(cookie or {})
    hall.client.headers.update(OWN_PAGE)
    return hall.client


def post(client, path, **fields):
    return client.post(path, data=fields, follow_redirects=False)


def cookie_of(answer) -> dict[str, str]:
    """The newest session that an answer lets the browser keep."""
    kept = re.match(rf"{COOKIE}=([^;]+)", answer.headers["set-cookie"])
    assert kept is not None
    return {COOKIE: kept[1].split(".")[0]}


def place(client, path="/account") -> str:
    """Where a page sends who opens it; empty if it opens."""
    answer = client.get(path, follow_redirects=False)
    return answer.headers.get("location", "") if answer.status_code == 303 else ""


def test_the_first_sign_in_opens_nothing_but_the_change_of_the_password(hall):
    first = hall.accounts.add("wangfang", "王芳", "supervisor", "all")
    client = browser(hall)
    answer = post(client, "/login", login=" WangFang ", password=first, next="/tables")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    client.cookies.clear()
    client.cookies.update(cookie_of(answer))
    for path in ("/", "/tables", "/directory", "/acts", "/accounts"):
        assert place(client, path) == "/account", path
    page = client.get("/account").text
    assert "请先改成只有您知道的密码" in page
    fields = {"before": first, "after": PASSWORD, "again": PASSWORD}
    for wrong, words in (
        ({"before": "wrong"}, "现在的密码不正确"),
        ({"again": "other"}, "不一致"),
        ({"after": "short", "again": "short"}, "10 至 128"),
        ({"after": "12345678901", "again": "12345678901"}, "全是数字"),
        ({"after": "xx wangfang xx", "again": "xx wangfang xx"}, "登录名"),
        ({"after": first, "again": first}, "须与现在的不同"),
    ):
        answer = post(client, "/account/password", **{**fields, **wrong})
        assert answer.status_code == 422
        assert words in answer.text, words
        hall.clock.ms += LONGEST_WAIT_MS
        client.get("/account")
    answer = post(client, "/account/password", **fields)
    assert answer.status_code == 303, answer.text
    assert place(client, "/tables/rates/hall") == "", "the control: now it opens"
    with pytest.raises(SignInRefusedError):
        hall.sessions.sign_in("wangfang", first, "10.0.0.9")


def test_a_first_password_is_good_for_seven_days(hall):
    first = hall.accounts.add("wangfang", "王芳", "admin", "all")
    hall.clock.ms += 7 * 86_400_000 - 1
    hall.sessions.sign_in("wangfang", first, "a")
    hall.clock.ms += 1
    with pytest.raises(SignInRefusedError, match="已过期"):
        hall.sessions.sign_in("wangfang", first, "a")
    again = hall.accounts.reset_password("wangfang")
    hall.sessions.sign_in("wangfang", again, "a")


def test_wrong_passwords_wait_longer_each_time_and_only_there(hall):
    """The hall shares the address 10.0.0.1: neither its others nor the person elsewhere wait."""
    made(hall, "supervisor", login="wangfang")
    made(hall, "auditor", login="liming")
    waits = []
    for n in range(12):
        with pytest.raises(SignInRefusedError, match="不正确"):
            hall.sessions.sign_in("wangfang", f"wrong {n}", "10.0.0.1")
        begun = hall.clock.ms
        while True:  # until the right one is taken
            try:
                hall.people.sign_in._count(_key(hall), "wangfang", "10.0.0.1", hall.clock.ms)
            except SignInRefusedError:
                hall.clock.ms += 1000
                continue
            break
        waits.append(hall.clock.ms - begun)
        _forget_one(hall)
    assert waits[: FREE - 1] == [0] * (FREE - 1)
    assert waits[FREE - 1 :] == [wait_ms(n) for n in range(FREE, 13)]
    assert waits[FREE - 1] == 30_000
    assert waits[-1] == LONGEST_WAIT_MS == max(waits)


def _key(hall) -> str:
    with hall.database.read() as connection:
        query = "SELECT key FROM sign_in_failure ORDER BY failures DESC LIMIT 1"
        return connection.exec_driver_sql(query).scalar_one()


def _forget_one(hall) -> None:
    """The look of the loop above counts, too: taken back."""
    with hall.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE sign_in_failure SET failures = failures - 1, until_ms = 0"
        )


def test_who_guesses_keeps_neither_the_person_nor_the_hall_out(hall):
    made(hall, "supervisor", login="wangfang")
    made(hall, "auditor", login="liming")
    for _ in range(FREE):
        with pytest.raises(SignInRefusedError, match="不正确"):
            hall.sessions.sign_in("wangfang", "wrong", "10.0.0.1")
    with pytest.raises(SignInRefusedError, match="尝试次数过多"):
        hall.sessions.sign_in("wangfang", PASSWORD, "10.0.0.1")
    hall.sessions.sign_in("liming", PASSWORD, "10.0.0.1")
    hall.sessions.sign_in("wangfang", PASSWORD, "10.0.0.2")
    hall.clock.ms += wait_ms(FREE)
    hall.sessions.sign_in("wangfang", PASSWORD, "10.0.0.1")
    with hall.database.read() as connection:
        assert connection.exec_driver_sql("SELECT * FROM sign_in_failure").all() == []


def test_a_login_that_is_none_is_answered_like_a_wrong_password(hall):
    """With the same sentence, the same work and the same waiting; and its text is kept nowhere."""
    worked = []
    passwords = hall.people.sign_in._passwords
    verify = passwords._hasher.verify

    class Counting:
        def verify(self, kept, password):
            worked.append(kept)
            return verify(kept, password)

        def hash(self, password):
            return CHEAP._hasher.hash(password)

    hall.people.sign_in._passwords = type(passwords)(Counting())
    told = []
    for _ in range(FREE + 1):
        with pytest.raises(SignInRefusedError) as refused:
            hall.sessions.sign_in("my secret password", "wrong", "10.0.0.1")
        told.append(refused.value.sentence)
    assert len(worked) == FREE
    assert told[-1].startswith("尝试次数过多")
    for path in hall.folder.glob("central.db*"):
        assert b"my secret" not in path.read_bytes()


def test_many_tries_at_once_are_no_way_round(hall):
    """Each counts before it is known to be wrong: the sixth waits though none has failed yet."""
    made(hall, "supervisor", login="wangfang")
    counted = []
    is_right = hall.people.sign_in._passwords.is_right

    class Slow:
        def is_right(self, kept, password):
            counted.append(password)
            if len(counted) < FREE + 3:
                with pytest.raises(SignInRefusedError):
                    hall.sessions.sign_in("wangfang", "wrong", "10.0.0.1")
            return is_right(kept, password)

    hall.people.sign_in._passwords = Slow()
    with pytest.raises(SignInRefusedError):
        hall.sessions.sign_in("wangfang", "wrong", "10.0.0.1")
    assert len(counted) == FREE


def test_a_session_ends_idle_and_after_twelve_hours(hall):
    cookie = signed_in(hall, "supervisor")
    client = browser(hall, cookie)
    hall.clock.ms += IDLE_MS - 1
    assert place(client, "/tables/rates/hall") == ""
    hall.clock.ms += IDLE_MS
    assert place(client, "/tables/rates/hall").startswith("/login")
    client = browser(hall, signed_in(hall, "supervisor"))
    began = hall.clock.ms
    while hall.clock.ms + 29 * MINUTE_MS < began + ABSOLUTE_MS:
        hall.clock.ms += 29 * MINUTE_MS
        assert place(client, "/tables/rates/hall") == ""
    hall.clock.ms = began + ABSOLUTE_MS
    assert place(client, "/tables/rates/hall").startswith("/login")


def test_a_page_that_renews_itself_keeps_nobody_signed_in(hall):
    client = browser(hall, signed_in(hall, "supervisor"))
    for _ in range(3):
        hall.clock.ms += 10 * MINUTE_MS
        hall.site.close()
        client.get("/live", headers={"accept": "text/html"}, follow_redirects=False)
    assert place(client, "/tables/rates/hall").startswith("/login")


def test_people_end_their_own_sessions_and_no_others(hall):
    mine, other = signed_in(hall, "supervisor"), signed_in(hall, "supervisor")
    theirs = signed_in(hall, "auditor")
    sessions = {row.login: found for row, found in hall.accounts.every()}
    auditors = sessions["auditor-all"][0].id
    client = browser(hall, mine)
    assert client.get("/account").text.count("本次登录") == 1
    post(client, "/account/sessions", session=auditors)
    post(client, "/account/sessions", session="others")
    assert hall.sessions.holder(mine[COOKIE]) is not None
    assert hall.sessions.holder(other[COOKIE]) is None
    assert hall.sessions.holder(theirs[COOKIE]) is not None, "the control"


def test_the_cookie_is_kept_nowhere_and_is_no_password(hall):
    cookie = signed_in(hall, "admin")
    for path in hall.folder.glob("central.db*"):
        assert cookie[COOKIE].encode() not in path.read_bytes()
        assert PASSWORD.encode() not in path.read_bytes()


def test_an_administrator_manages_accounts_on_their_page(hall):
    client = browser(hall, signed_in(hall, "admin"))
    answer = post(
        client, "/accounts", do="add", login="liming", name="李明", role="auditor", scope="all"
    )
    assert answer.headers["cache-control"] == "no-store"
    first = re.search(r'id="first-password">([^<]+)<', answer.text)
    assert first is not None
    secret, _ = hall.sessions.sign_in("liming", first[1], "10.0.0.3")
    assert "10.0.0.3" in client.get("/accounts").text
    post(client, "/accounts", do="sessions", login="liming")
    assert hall.sessions.holder(secret) is None
    post(client, "/accounts", do="lock", login="liming")
    with pytest.raises(SignInRefusedError, match="已停用"):
        hall.sessions.sign_in("liming", first[1], "10.0.0.3")
    post(client, "/accounts", do="unlock", login="liming")
    secret, _ = hall.sessions.sign_in("liming", first[1], "10.0.0.3")
    post(client, "/accounts", do="role", login="liming", role="admin", scope="all")
    assert hall.sessions.holder(secret) is None, "another role begins with another sign-in"
    post(client, "/accounts", do="remove", login="liming")
    with pytest.raises(SignInRefusedError, match="不正确"):
        hall.sessions.sign_in("liming", first[1], "10.0.0.3")
    again = post(client, "/accounts", do="add", login="liming", name="x", role="admin")
    assert (again.status_code, "already" in again.text) == (422, True)
    refused = client.post(
        "/accounts", data={"do": "lock", "login": "x"}, headers={"sec-fetch-site": "cross-site"}
    )
    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("login", "role", "scope", "words"),
    [
        ("王芳", "admin", "all", "is not possible"),
        ("w", "admin", "all", "is not possible"),
        ("wang", "boss", "all", "no role is named boss"),
        ("wang", "officer", "all", "officer is of one institution"),
        ("wang", "entry", "nowhere", "the directory has no"),
        ("wang", "supervisor", "demo", "supervisor is of all or region"),
    ],
)
def test_what_no_account_can_be_is_said(hall, login, role, scope, words):
    with pytest.raises(OperatorError, match=words):
        hall.accounts.add(login, "王芳", role, scope)
    assert hall.accounts.every() == []
