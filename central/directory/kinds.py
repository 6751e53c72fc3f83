"""What the directory has rows of, and the columns of each sheet. Values in, values out.

One list for all: the importer reads by it, the template and docs/directory.md are made from it.
"""

import difflib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from central.directory import cells
from protocol.field import Identifier, Integer, device_id, place_id
from protocol.limits import STAFF_NO_CHARS
from protocol.message import StaffCard

_TIERS = {word: name for name, word in cells.TIERS.items()}


class Column(NamedTuple):
    """A column of a sheet. title, english: its heading in either language. read: the value of a
    cell that is not empty; raises WrongCellError. refers: the kind of what it names.
    """

    field: str
    title: str
    english: str
    read: Callable[[str], Any]
    about: tuple[str, str]
    example: str = ""
    is_required: bool = False
    refers: str | None = None


class Kind(NamedTuple):
    """What rows of one sheet are about. keys: the columns that make the id, joined by `/`.

    is_dated: its rows hold from a day on, and what held before is kept.
    """

    kind: str
    title: str
    english: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...] = ("id",)
    is_dated: bool = True

    def column(self, field: str) -> Column:
        """The column of a field."""
        return next(one for one in self.columns if one.field == field)


def shown(column: Column, value: Any, language: str = "zh") -> str:
    """A value as its cell says it; in English, as an import reads it, too."""
    if value is None or (column.field == "first_day" and value == 0):
        return ""
    if value == cells.SINCE_EVER:
        return value if language == "zh" else "ever"
    if isinstance(value, bool):
        return ("否是" if language == "zh" else ("no", "yes"))[value]
    if column.field in ("first_day", "last_day"):
        return cells.day_of(value).isoformat()
    return _TIERS[value] if column.field == "tier" and language == "zh" else str(value)


def nearest(wrong: str, words: Iterable[str]) -> str | None:
    """The word that somebody may have meant."""
    found = difflib.get_close_matches(wrong, [*words], 1, 0.5)
    return found[0] if found else None


_PLACE = cells.checked(place_id, "1 到 32 个小写字母、数字或连字符")
_STAFF = cells.checked(Identifier(STAFF_NO_CHARS), f"1 到 {STAFF_NO_CHARS} 个字母、数字或连字符")
_TASK = cells.checked(Identifier(64), "1 到 64 个字母、数字或连字符")
_DEVICE = cells.checked(device_id, "4 到 32 个小写字母、数字或连字符")
_NAME = cells.text(64)


def _id(title: str, example: str, read: Callable[[str], Any] = _PLACE) -> Column:
    about = (f"{title}，全省唯一，不再改变", "unique in the province, never changed")
    return Column("id", title, "id", read, about, example, True)


def _name(example: str, most: int = 64) -> Column:
    about = ("人们看到的名称", "what people read")
    return Column("name", "名称", "name", cells.text(most), about, example, True)


def _to(
    field: str, title: str, english: str, kind: str, about: tuple[str, str], **more: Any
) -> Column:
    return Column(field, title, english, _PLACE, about, refers=kind, **more)


_REGION = _to("up", "地区", "region", "region", ("所属地区的代码", "the region it lies in"))
_INSTITUTION = _to(
    *("institution", "机构", "institution", "institution"),
    ("所属机构的编号", "the institution it belongs to"),
)
_LINE = _to("line", "条线", "line", "line", ("业务条线的编号", "the line of business"))
_PROFILES = Column(
    *("profiles", "适用规则", "profiles", cells.words(_PLACE)),
    ("规则名，多个用空格分开；空着沿用上级", "policies, with spaces; empty: as above it"),
)
_HOURS = Column(
    *("hours", "办公时间", "hours", cells.hours),
    ("如 09:00-12:00 13:30-17:30", "such as 09:00-12:00 13:30-17:30"),
)
_OF_HALL = Column(
    *("up", "大厅", "hall", _PLACE, ("所在大厅的编号", "the hall's id"), "xj-01", True, "hall")
)
_DAYS = (
    Column(
        *("first_day", "生效日期", "from", cells.day),
        (
            "从哪天起；新增的空着表示一直如此，变更的空着表示自导入之日起",
            "since when; empty: for something new since ever, for a change from the import on",
        ),
    ),
    Column(
        *("last_day", "终止日期", "until", cells.day),
        ("到哪天为止（含），空着表示仍然有效", "the last day; empty: it still holds"),
    ),
)

KINDS = (
    Kind(
        *("region", "地区", "regions"),
        (
            _id("地区代码", "650100"),
            _name("乌鲁木齐市"),
            _to("up", "上级地区", "up", "region", ("上级地区的代码", "the region above it")),
            Column(
                "tier",
                "层级",
                "tier",
                cells.tier,
                ("、".join(cells.TIERS), "its tier"),
                "地市",
                True,
            ),
            _PROFILES,
            *_DAYS,
        ),
    ),
    Kind(*("line", "条线", "lines"), (_id("条线编号", "fire"), _name("消防"), *_DAYS)),
    Kind(
        *("institution", "机构", "institutions"),
        (_id("机构编号", "wlmq-fire"), _name("乌鲁木齐市消防救援支队"), _REGION, _LINE, *_DAYS),
    ),
    Kind(
        *("hall", "大厅", "halls"),
        (
            _id("大厅编号", "xj-01"),
            _name("天山区政务服务中心"),
            _REGION,
            _INSTITUTION,
            _PROFILES,
            _HOURS,
            Column(
                *("sends", "报送进度", "sends", cells.words(cells.sends)),
                (
                    "大厅网关会报送的进度，空着表示全部",
                    "which progress its gateway sends; empty: all of it",
                ),
            ),
            *_DAYS,
        ),
    ),
    Kind(
        *("window", "窗口", "windows"),
        (
            _OF_HALL,
            Column(
                *("window", "窗口编号", "window", _PLACE),
                ("大厅内唯一，不再改变", "unique in its hall, never changed"),
                *("w01", True),
            ),
            _name("1号窗口"),
            _INSTITUTION,
            _LINE,
            _PROFILES,
            _HOURS,
            *_DAYS,
        ),
        ("up", "window"),
    ),
    Kind(
        *("platform", "平台", "platforms"),
        (_id("平台编号", "xjzwfw"), _name("新疆政务服务网"), _REGION, _INSTITUTION, *_DAYS),
    ),
    Kind(
        *("staff", "人员", "staff"),
        (
            _OF_HALL,
            Column(
                *("staff_no", "工号", "staff_no", _STAFF, ("大厅内唯一", "unique in its hall")),
                *("0231", True),
            ),
            _name("王芳", dict(StaffCard.fields)["name"].most),
            _INSTITUTION,
            _LINE,
            Column(
                *("qualified", "执法岗位资格", "qualified", cells.truth),
                ("是 或 否", "是 (yes) or 否 (no)"),
            ),
            *_DAYS,
        ),
        ("up", "staff_no"),
    ),
    Kind(
        *("matter", "事项", "matters"),
        (
            _id("事项编码", "650100-0042", _TASK),
            _name("公众聚集场所投入使用前消防安全检查", 128),
            _INSTITUTION,
            _LINE,
            Column(
                *("rateable", "可评价", "rateable", cells.truth),
                ("是 或 否，空着为是", "是 (yes) or 否 (no); empty: yes"),
            ),
            Column(
                *("needs_application", "依申请", "needs_application", cells.truth),
                ("是 或 否，空着为是", "是 (yes) or 否 (no); empty: yes"),
            ),
            *_DAYS,
        ),
    ),
    Kind(
        *("gateway", "网关", "gateways"),
        (
            _to(
                "id",
                "大厅",
                "hall",
                "hall",
                ("有网关的大厅", "a hall with a gateway"),
                is_required=True,
            ),
            Column(
                *("host", "消息服务器", "mqtt_host", cells.host),
                ("评价器连接的主机名或地址", "where devices reach the hall's broker"),
                *("mqtt.xj-01.example", True),
            ),
            Column(
                *("port", "端口", "mqtt_port", cells.number(Integer(1, 65535), "1 到 65535")),
                *(("它的端口", "its port"), "8883", True),
            ),
        ),
        is_dated=False,
    ),
    Kind(
        *("device", "评价器", "devices"),
        (
            _id("评价器编号", "xj-0417", _DEVICE),
            _OF_HALL,
            Column(
                *("window", "窗口编号", "window", _PLACE),
                *(("放在哪个窗口", "the window where it stands"), "w01", True),
            ),
        ),
        is_dated=False,
    ),
)
BY_NAME = {name: kind for kind in KINDS for name in (kind.title, kind.english, kind.kind)}
