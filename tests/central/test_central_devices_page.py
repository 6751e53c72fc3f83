"""The page of pending enrolments: a list, a button for one, a button for a box."""

import re

import pytest
from test_central_pages import HTML, see

from central.ratings.period import ALL


@pytest.fixture
def approver(hall):
    """A browser at the centre whose token approves, and opens nothing else."""
    token = hall.folder / "approve.token"
    hall.tokens.add("devices:approve", token)
    hall.client.headers.update(HTML)
    answer = hall.client.post(
        "/login", data={"token": token.read_text().strip()}, follow_redirects=False
    )
    assert answer.headers["location"] == "/devices"
    return hall.client


@pytest.fixture
def box(hall):
    """Three devices of a technician's; the first has rated twice."""
    pens = [hall.enrol_by_bench(f"xj-090{number}") for number in range(3)]
    hall.clock.ms += 60_000
    hall.post(pens[0].rating(), pens[0].rating())
    return pens


def forms(page) -> list[dict[str, str]]:
    """The fields of each form that posts to the page."""
    found = re.findall(r'<form method="post" action="/devices">(.*?)</form>', page, re.DOTALL)
    return [dict(re.findall(r'name="(\w+)" value="([^"]*)"', one)) for one in found]


def total(hall) -> int:
    return hall.report(ALL, "demo", None).whole.total


def test_it_lists_what_waits_in_both_languages(approver, hall, box):
    page = see(approver, "/devices")
    for text in ("待批准的评价器", "大厅", "1号窗口", "全部批准（3 台）", "xj-0900", "xj-0902"):
        assert text in page
    assert "2</td>" in page, "how many ratings wait"
    english = see(approver, "/devices", "en")
    for text in ("Pending devices", "Approve all (3)", "Ratings that wait", "Approve xj-0901"):
        assert text in english
    assert "批准" not in english


def test_one_click_approves_one(approver, hall, box):
    fields = forms(see(approver, "/devices"))
    (one,) = [form for form in fields if form.get("enrolment") == f"xj-0900/{box[0].epoch}"]
    answer = approver.post("/devices", data=one, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/devices")
    assert total(hall) == 2
    page = see(approver, "/devices")
    assert "xj-0900" not in page
    assert "xj-0901" in page
    again = approver.post("/devices", data=one)
    assert again.status_code == 409
    assert "可能刚刚处理过" in again.text


def test_one_click_approves_the_box_that_was_shown_and_nothing_later(approver, hall, box):
    (whole,) = [form for form in forms(see(approver, "/devices")) if "hall" in form]
    hall.clock.ms += 1
    hall.enrol_by_bench("late-0001")
    assert approver.post("/devices", data=whole).status_code == 200
    assert [row.device for row in hall.approval.every(None, True)] == ["late-0001"]
    assert total(hall) == 2


def test_nothing_waits(approver):
    assert "没有待批准的评价器" in see(approver, "/devices")


@pytest.mark.parametrize(
    "changed",
    [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"},
     {"sec-fetch-site": "none"}],
)  # fmt: skip
def test_a_click_on_another_site_s_page_approves_nothing(approver, hall, box, changed):
    (whole,) = [form for form in forms(see(approver, "/devices")) if "hall" in form]
    assert approver.post("/devices", data=whole, headers=changed).status_code == 403
    assert len(hall.approval.every(None, True)) == 3


@pytest.mark.parametrize(
    "fields",
    [{}, {"hall": "demo"}, {"hall": "demo", "until": "x"}, {"hall": "no", "until": "1"},
     {"enrolment": ""}, {"enrolment": "xj-0900/0"}, {"until": "9" * 30}],
)  # fmt: skip
def test_a_form_that_is_none_approves_nothing(approver, hall, box, fields):
    assert approver.post("/devices", data=fields).status_code in (409, 422)
    assert len(hall.approval.every(None, True)) == 3


def test_only_its_scope_opens_it(hall, box, tmp_path):
    for scope in ("pages:read", "records:read", "figures:read", "hall:demo", "enrol:demo"):
        token = tmp_path / f"{scope}.scope"
        hall.tokens.add(scope, token)
        hall.client.headers.update(HTML)
        hall.client.post("/login", data={"token": token.read_text().strip()})
        for path in ("/devices", "/devices/live"):
            assert hall.client.get(path, follow_redirects=False).status_code == 303
        fields = {"enrolment": f"xj-0900/{box[0].epoch}"}
        sent = hall.client.post("/devices", data=fields, follow_redirects=False)
        assert sent.headers["location"].startswith("/login")
        hall.client.post("/logout")
    assert len(hall.approval.every(None, True)) == 3


def test_a_pending_rating_is_no_newest_rating(hall, box):
    token = hall.folder / "pages.token"
    hall.tokens.add("pages:read", token)
    hall.client.headers.update(HTML)
    hall.client.post("/login", data={"token": token.read_text().strip()})
    for path in ("/", "/halls/demo", "/halls/demo/windows/w1"):
        assert "还没有评价" in see(hall.client, path)
    hall.approval.approve_all("demo")
    hall.judge.settle_all()
    assert "还没有评价" not in see(hall.client, "/halls/demo")


def test_it_lists_what_ended_open_and_what_closed_the_others(approver, hall, box):
    """A pending device that was enrolled anew, and one whose end an operator gave a reason for."""
    hall.enrol_by_bench("xj-0900")
    hall.enrol_by_bench("xj-0901")
    hall.endings.close("xj-0901", box[1].epoch, "王工", "<旧机>烧毁")
    page = see(approver, "/devices")
    for text in ("尚未结清的旧登记", f"xj-0900/{box[0].epoch}", "运行 rescue", "已结清的旧登记"):
        assert text in page
    assert page.count("1 个</span>") == 1, "epochs are counted as things, not as times"
    assert "王工 的说明：&lt;旧机&gt;烧毁" in page
    english = see(approver, "/devices", "en")
    for text in ("Earlier enrolments that are open", "The word of 王工", "Last proof"):
        assert text in english
    assert "旧登记" not in english
