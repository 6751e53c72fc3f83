"""Whom a service belongs to, worked by hand."""

from central.directory.attribution import Register
from central.store.directory import Entry

ENTRIES = [
    Entry("region", "65", 0, name="新疆", tier="region"),
    Entry("region", "6501", 0, name="乌鲁木齐", up="65"),
    Entry("region", "6502", 0, name="克拉玛依", up="65"),
    Entry("line", "fire", 0, name="消防"),
    Entry("institution", "police", 0, name="公安局"),
    Entry("institution", "brigade", 0, name="消防支队", line="fire"),
    # The hall moves to another region on 1 October.
    Entry("hall", "xj-1", 0, name="一厅", up="6501", institution="office"),
    Entry("hall", "xj-1", 20251001, name="一厅", up="6502", institution="office"),
    # The window is renamed on 10 October; it stays that of the police.
    Entry("window", "xj-1/w1", 0, name="1号窗口", up="xj-1", institution="police"),
    Entry("window", "xj-1/w1", 20251010, name="综合窗口", up="xj-1", institution="police"),
    # 0231 changes to the brigade in mid-month, and leaves at its end; then the number is Li's.
    Entry("staff", "xj-1/0231", 0, name="王芳", up="xj-1", institution="police"),
    Entry("staff", "xj-1/0231", 20251015, 20251031, "王芳", up="xj-1", institution="brigade"),
    Entry("staff", "xj-1/0231", 20251110, name="李强", up="xj-1"),
    # The matter is the brigade's line at all times, and not rateable from 20 October on.
    Entry("matter", "m1", 0, name="安全检查", line="fire", rateable=True),
    Entry("matter", "m1", 20251020, name="安全检查", line="fire", rateable=False),
]


def test_worked_cases():
    register = Register(ENTRIES)

    def on(day, staff_no="0231", task_code=None, window="w1"):
        found = register.attribution("xj-1", window, staff_no, task_code, day)
        return found.institution, found.line, found.regions[0], found.is_rateable

    assert on(20250930) == ("police", None, "6501", True)
    assert on(20251001) == ("police", None, "6502", True)
    assert on(20251014) == ("police", None, "6502", True)
    assert on(20251015) == ("brigade", "fire", "6502", True)
    assert on(20251031) == ("brigade", "fire", "6502", True)
    # Nobody had the number then: the window's institution.
    assert on(20251101) == ("police", None, "6502", True)
    assert on(20251110) == ("police", None, "6502", True)
    assert register.on("staff", "xj-1/0231", 20251110).name == "李强"
    assert on(20251019, task_code="m1", staff_no=None) == ("police", "fire", "6502", True)
    assert on(20251020, task_code="m1", staff_no=None) == ("police", "fire", "6502", False)
    assert on(20251020, None, None, None) == ("office", None, "6502", True)
    assert register.on("window", "xj-1/w1", 20251009).name == "1号窗口"
    assert register.on("window", "xj-1/w1", 20251010).name == "综合窗口"
    assert register.attribution("xj-1", "w1", None, None, 20251001).regions == ("6502", "65")
    assert register.attribution("no-such", None, None, None, 20251001).regions == ()


def test_regions_that_lie_in_each_other_end():
    circle = [
        Entry("region", "a", 0, name="甲", up="b"),
        Entry("region", "b", 0, name="乙", up="a"),
        Entry("hall", "h", 0, name="厅", up="a"),
    ]
    assert Register(circle).attribution("h", None, None, None, 1).regions == ("a", "b")
