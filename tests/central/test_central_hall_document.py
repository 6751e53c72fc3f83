"""The hall's document: who may sign in and what is dealt with there, today; and when it moves."""

from datetime import date

import pytest
from central_hall import NOW_MS, SECRET, bearer
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from test_central_directory import Desk

from hosting.clock import day, start_of
from hosting.error import OperatorError
from protocol.hall import MATTERS, decode_hall

STAFF = ("大厅", "工号", "名称", "机构", "终止日期")
MATTER = ("事项编码", "名称", "机构", "可评价")
PEOPLE = [STAFF, ("demo", "0231", "王芳", "ia", ""), ("demo", "0240", "李强", "", "")]
LISTED = [("0231", "王芳"), ("0240", "李强")]
INSTITUTIONS = [("机构编号", "名称"), ("ia", "甲局"), ("ib", "乙局"), ("ic", "丙局")]


@pytest.fixture
def desk(hall, tmp_path):
    return Desk(hall, tmp_path)


def get(hall, version=None):
    """The document as the hall's gateway gets it; None if it still has the one of `version`."""
    headers = dict(hall.headers)
    if version is not None:
        headers["If-None-Match"] = f'"{version}"'
    answer = hall.client.get(f"/v1/halls/{hall.name}", headers=headers)
    assert answer.status_code in (200, 304), answer.text
    assert answer.headers["etag"]
    return decode_hall(answer.content) if answer.status_code == 200 else None


def test_it_lists_the_hall_s_staff_and_what_its_institutions_deal_with(desk, other_hall):
    """HAL-1: of an institution that is the hall's, a window's or of staff there, or of none."""
    matters = [
        MATTER,
        ("m-a", "甲事", "ia", ""),
        ("m-b", "乙事", "ib", "否"),
        ("m-c", "丙事", "ic", ""),
        ("m-all", "咨询", "", "是"),
    ]
    windows = [("大厅", "窗口编号", "名称", "机构"), ("demo", "w1", "1号窗口", "ib")]
    elsewhere = [*PEOPLE, ("other", "0231", "张敏", "ic", "")]
    options = {"moves": True, "corrects": True}
    desk.bring(
        {"机构": INSTITUTIONS, "窗口": windows, "人员": elsewhere, "事项": matters}, **options
    )
    document = get(desk.hall)
    assert [tuple(one) for one in document.staff] == LISTED
    assert [(one.task_code, one.rateable) for one in document.matters] == [
        ("m-a", True),
        ("m-all", True),
        ("m-b", False),
    ]
    assert set(document.invites) == {True}
    assert [tuple(one) for one in get(other_hall).staff] == [("0231", "张敏")]
    assert [one.task_code for one in get(other_hall).matters] == ["m-all", "m-c"]


def test_its_version_moves_when_they_do_and_not_otherwise(desk):
    """HAL-1"""
    first = get(desk.hall).version
    desk.bring({"机构": INSTITUTIONS, "人员": PEOPLE})
    second = get(desk.hall, first)
    assert (second.version, len(second.staff)) == (first + 1, 2)
    desk.bring({"机构": INSTITUTIONS, "人员": PEOPLE})
    desk.hall.settle_directory()
    assert get(desk.hall, second.version) is None
    desk.bring({"事项": [MATTER, ("m-a", "甲事", "ia", "")]})
    third = get(desk.hall, second.version)
    assert [one.task_name for one in third.matters] == ["甲事"]
    desk.bring({"事项": [MATTER, ("m-c", "丙事", "ic", "")]})
    assert get(desk.hall, third.version) is None, "nobody of ic is there"
    desk.bring(
        {"事项": [MATTER, ("m-a", "甲事", "ia", "否")]}, from_day=today(desk), corrects=True
    )
    assert [one.rateable for one in get(desk.hall, third.version).matters] == [False]


def test_whoever_s_last_day_has_passed_is_not_listed_from_midnight_on(desk):
    """HAL-1: the version moves by itself."""
    last = day(NOW_MS)
    people = [STAFF, ("demo", "0231", "王芳", "", last.isoformat()), PEOPLE[2]]
    desk.bring({"人员": people})
    document = get(desk.hall)
    desk.hall.clock.ms = start_of(date.fromordinal(last.toordinal() + 1)) - 1
    desk.hall.settle_directory()
    assert get(desk.hall, document.version) is None
    desk.hall.clock.ms += 1
    desk.hall.settle_directory()
    after = get(desk.hall, document.version)
    assert [one.staff_no for one in after.staff] == ["0240"]
    desk.hall.settle_directory()
    assert get(desk.hall, after.version) is None


def test_a_new_hall_s_first_document_is_version_1(desk):
    hall = desk.hall
    hall.halls.add("third", "三厅", "broker", 1883, None, desk.folder / "third.token")
    answer = hall.client.get("/v1/halls/third", headers=bearer(desk.folder / "third.token"))
    assert answer.json()["version"] == 1


def test_the_key_of_links_is_the_hall_s_own(desk, other_hall):
    """HAL-2: a hall may be named by a number, so no device is named `link`."""
    info = b"pingjia/1/link/demo"
    made = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(SECRET)
    assert get(desk.hall).link_key == made.hex()
    assert get(other_hall).link_key != made.hex()
    with pytest.raises(OperatorError, match="no device may be named link"):
        desk.hall.enrol("link")


def test_a_hall_never_has_more_than_its_document_carries(desk):
    """HAL-1: who imports is told; of 2,000 matters each is in the document."""
    most = [MATTER, *[(f"m-{n:04}", f"事项{n}", "", "") for n in range(MATTERS)]]
    desk.bring({"机构": INSTITUTIONS, "人员": PEOPLE, "事项": most})
    assert len(get(desk.hall).matters) == MATTERS
    desk.bring({"事项": [MATTER, ("m-of-c", "丙事", "ic", "")]})
    refused = desk.faults({"事项": [MATTER, ("m-of-a", "甲事", "ia", "")]})
    assert "“demo”的事项超过 2000 个" in refused["事项!A2"].chinese
    refused = desk.faults(
        {"窗口": [("大厅", "窗口编号", "名称", "机构"), ("demo", "w9", "九", "ic")]}
    )
    assert "more than 2000 matters" in refused["窗口!A2"].english


def test_a_name_fits_the_card_that_a_device_shows(desk):
    refused = desk.faults({"人员": [STAFF, ("demo", "0231", "王" * 33, "", "")]})
    assert "最多 32 个字" in refused["人员!C2"].chinese


def today(desk):
    return int(day(desk.hall.clock()).strftime("%Y%m%d"))
