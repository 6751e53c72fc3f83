"""The directory: tables as offices write them, all or nothing, and never an identity taken."""

import io
import json
import os
import random
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from central.directory.book import workbook
from central.directory.cells import day_number
from central.directory.importer import FaultsError, Importer, Options, exported
from central.directory.kinds import KINDS
from central.directory.reading import read_lines
from central.directory.roll import on_day
from central.directory.sheet import read_tables
from central.store import directory, fleet
from hosting.error import OperatorError

TODAY = 20251009  # of the tests' clock, in China


def province(halls=120, windows=1500, staff=4000, matters=2000):
    """Sheets of a province, as its offices would send them: a list of rows each."""
    regions = [["65", "新疆维吾尔自治区", "", "自治区"]]
    regions += [[f"65{n:02}00", f"第{n}市", "65", "地市"] for n in range(1, 15)]
    institutions = [
        [f"i{n}", f"第{n}局", regions[1 + n % 14][0], ["fire", "tax", ""][n % 3]]
        for n in range(60)
    ]
    of_hall = [f"xj-{n:03}" for n in range(halls)]
    return {
        "地区": [["地区代码", "名称", "上级地区", "层级"], *regions],
        "条线": [["条线编号", "名称"], ["fire", "消防"], ["tax", "税务"]],
        "机构": [["机构编号", "名称", "地区", "条线"], *institutions],
        "大厅": [
            ["大厅编号", "名称", "地区"],
            *[[one, f"大厅{n}", regions[1 + n % 14][0]] for n, one in enumerate(of_hall)],
        ],
        "窗口": [
            ["大厅", "窗口编号", "名称", "机构"],
            *[
                [of_hall[n % halls], f"w{n // halls:02}", f"{n // halls}号窗口", f"i{n % 60}"]
                for n in range(windows)
            ],
        ],
        "人员": [
            ["大厅", "工号", "名称", "机构", "执法岗位资格"],
            *[
                [of_hall[n % halls], f"{n // halls:04}", f"员工{n}", f"i{n % 60}", "是否"[n % 2]]
                for n in range(staff)
            ],
        ],
        "事项": [
            ["事项编码", "名称", "机构", "可评价"],
            *[[f"65-{n:05}", f"事项{n}", f"i{n % 60}", "是"] for n in range(matters)],
        ],
    }


def small(**sheets):
    """A hall with two windows, and what else a test wants."""
    one = {
        "地区": [
            ["地区代码", "名称", "层级"],
            ["6501", "乌鲁木齐市", "地市"],
            ["6502", "克拉玛依市", "地市"],
        ],
        "条线": [["条线编号", "名称"], ["fire", "消防"]],
        "机构": [["机构编号", "名称", "条线"], ["ia", "甲局", ""], ["ib", "乙局", "fire"]],
        "大厅": [["大厅编号", "名称", "地区"], ["xj-1", "一厅", "6501"]],
        "窗口": [
            ["大厅", "窗口编号", "名称", "机构"],
            ["xj-1", "w1", "1号窗口", "ia"],
            ["xj-1", "w2", "2号窗口", "ib"],
        ],
    }
    return {**one, **sheets}


def written(path, sheets):
    """The sheets as Excel would keep them."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


class Desk:
    """The importer over a centre, and the files that it reads."""

    def __init__(self, hall, folder):
        self.hall, self.folder = hall, folder
        self.importer = Importer(hall.database, hall.devices, hall.clock)

    def lines(self, sheets):
        lines, faults = read_lines(read_tables(written(self.folder / "名录.xlsx", sheets)))
        return lines, faults

    def bring(self, sheets, **options):
        lines, faults = self.lines(sheets)
        assert faults == []
        return self.importer.carry_out(lines, Options(**options))

    def faults(self, sheets, **options):
        """What is refused, by cell, and that nothing was changed."""
        before = self.rows()
        lines, faults = self.lines(sheets)
        with pytest.raises(FaultsError) as refused:
            self.importer.carry_out(lines, Options(**options), faults=faults)
        faults = refused.value.faults
        assert self.rows() == before
        return {fault.place.split(" ")[1]: fault for fault in faults}

    def rows(self):
        with self.hall.database.read() as connection:
            return exported(connection)

    def on(self, kind, day):
        with self.hall.database.read() as connection:
            return {entry.id: entry for entry in on_day(connection, kind, day)}


@pytest.fixture
def desk(hall, tmp_path):
    """A desk at the centre of the tests' hall."""
    return Desk(hall, tmp_path)


def test_a_province_with_twelve_kinds_of_faults_is_mended_imported_and_exported(desk):
    sheets = province()
    spoilt = {title: [list(row) for row in rows] for title, rows in sheets.items()}
    wanted = {}

    def spoil(title, row, column, value, chinese):
        spoilt[title][row - 1][column] = value
        wanted[f"{title}!{'ABCDEFG'[column]}{row}"] = chinese

    spoil("地区", 3, 3, "市", "不是层级")
    spoil("地区", 5, 0, "65 04", "不合规")
    spoil("机构", 4, 1, "", "不能为空")
    spoil("大厅", 7, 1, "大" * 65, "最多 64 个字")
    spoil("窗口", 8, 2, "8号\n窗口", "不可见字符")
    spoil("窗口", 9, 1, "#REF!", "公式出错")
    spoil("人员", 10, 4, "有", "请写 是 或 否")
    spoil("人员", 11, 1, 4.5e17, "15 位")
    spoil("事项", 12, 0, spoilt["事项"][10][0], "重复")
    spoilt["事项"][0].append("生效日期")
    spoilt["事项"][12].append("2025-13-01")
    wanted["事项!E13"] = "不是日期"
    spoilt["窗口"][0].append("机构编号")
    wanted["窗口!E1"] = "没有“机构编号”这一列"
    spoilt["人原"] = [["大厅", "工号"], ["xj-000", "1"]]
    wanted["人原!A1"] = "是不是“人员”"
    found = desk.faults(spoilt)
    told = {cell: fault.chinese for cell, fault in found.items()}
    wanted["事项!A12"] = wanted.pop("事项!A12")
    assert {cell: wanted[cell] in told.get(cell, "") for cell in wanted} == dict.fromkeys(
        wanted, True
    )
    assert set(told) == set(wanted)
    assert all(fault.english for fault in found.values())

    # References are looked at when every cell is right.
    spoilt = {title: [list(row) for row in rows] for title, rows in sheets.items()}
    spoilt["窗口"][5][3], spoilt["地区"][1][2], spoilt["地区"][1][0] = "i99x", "6501", "6501"
    found = desk.faults(spoilt)
    assert "是不是" in found["窗口!D6"].chinese
    assert "绕回了自己" in found["地区!C2"].chinese

    assert len(desk.bring(sheets)) == 15 + 2 + 60 + 120 + 1500 + 4000 + 2000
    assert desk.bring(sheets) == []
    rows = desk.rows()
    path = desk.folder / "export.xlsx"
    path.write_bytes(workbook(rows))
    lines, faults = read_lines(read_tables(path))
    assert faults == []
    assert len(lines) == sum(map(len, rows.values()))
    assert desk.importer.carry_out(lines, Options()) == []
    assert desk.rows() == rows


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_text_files_as_chinese_windows_writes_them(desk, encoding):
    path = desk.folder / "窗口.csv"
    text = "大厅,窗口编号,名称,,\r\ndemo,ｗ０７,7号窗口,,\r\n,,,,\r\n,,,,\r\n"
    path.write_bytes(text.encode(encoding))
    lines, faults = read_lines(read_tables(path))
    assert faults == []
    assert [change.id for change in desk.importer.carry_out(lines, Options())] == ["demo/w07"]


def test_excels_million_empty_rows_and_a_title_above_the_headings(desk):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = " 窗口 "
    sheet["A1"] = "政务大厅窗口登记表（2025年）"
    for at, title in enumerate(["大厅 *", "窗口编号（唯一）", "名称"], start=1):
        sheet.cell(3, at, title)
        sheet.cell(4, at, ["demo", "w8", "8号窗口"][at - 1])
    sheet.cell(1_048_576, 60).number_format = "@"
    book.save(desk.folder / "w.xlsx")
    lines, faults = read_lines(read_tables(desk.folder / "w.xlsx"))
    assert faults == []
    assert [line.id for line in lines] == ["demo/w8"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nothing", b"\xd0\xcf\x11\xe0 an old .xls"])
def test_what_is_no_workbook_gets_a_sentence(desk, content):
    path = desk.folder / "x.xlsx"
    path.write_bytes(content)
    with pytest.raises(OperatorError, match="save it anew"):
        read_tables(path)


def test_no_device_is_enrolled_twice_stolen_revived_or_moved_by_itself(desk):
    """Each is refused with the option that allows it; nothing is changed by then."""
    device = [["大厅", "窗口编号", "评价器编号"], ["demo", "w1", "demo-0001"]]
    bundles = desk.folder / "bundles"
    assert "--bundles" in desk.faults({"评价器": device})["评价器!C2"].chinese
    desk.bring({"评价器": device}, bundles=bundles)
    first = json.loads((bundles / "demo-0001.json").read_text())
    (bundles / "demo-0001.json").unlink()  # delivered
    assert desk.bring({"评价器": device}, bundles=bundles) == []
    assert not (bundles / "demo-0001.json").exists()

    desk.bring(small(网关=[["大厅", "消息服务器", "端口"], ["xj-1", "broker", "8883"]]))
    stolen = [device[0], ["xj-1", "w1", "demo-0001"]]
    refused = desk.faults({"评价器": stolen}, bundles=bundles)["评价器!C2"]
    assert "demo/w1" in refused.chinese
    assert "--replace" in refused.english
    (change,) = desk.bring({"评价器": stolen}, bundles=bundles, replaces=True)
    assert change.what == "replaced"
    second = json.loads((bundles / "demo-0001.json").read_text())
    assert (second["hall"], second["epoch"] > first["epoch"]) == ("xj-1", True)

    desk.hall.revoke("demo-0001", None, "lost")
    refused = desk.faults({"评价器": stolen}, bundles=bundles)["评价器!C2"]
    assert "已吊销" in refused.chinese


def test_a_broker_is_not_moved_by_itself(desk):
    device = [["大厅", "窗口编号", "评价器编号"], ["demo", "w1", "demo-0001"]]
    desk.bring({"评价器": device}, bundles=desk.folder / "bundles")
    gateway = [["大厅", "消息服务器", "端口"], ["demo", "elsewhere", "8883"]]
    assert "--move" in desk.faults({"网关": gateway})["网关!B2"].english
    (change,) = desk.bring({"网关": gateway}, moves=True)
    assert change.differences == (("消息服务器", "broker:1883", "elsewhere:8883"),)


def test_a_change_holds_from_a_day_and_what_held_before_stays(desk):
    staff = [["大厅", "工号", "名称", "机构", "生效日期"], ["xj-1", "0231", "王芳", "ia", ""]]
    desk.bring(small(人员=staff))
    staff[1][3:] = ["ib", "2025-10-15"]
    (change,) = desk.bring(small(人员=staff))
    assert (change.what, change.first_day) == ("changed", 20251015)
    assert desk.on("staff", 20251014)["xj-1/0231"].institution == "ia"
    assert desk.on("staff", 20251015)["xj-1/0231"].institution == "ib"
    # The number is given to a new person, from the import on.
    staff[1][2:] = ["李强", "ib", ""]
    desk.hall.clock.ms += 30 * 86_400_000
    (change,) = desk.bring(small(人员=staff))
    assert change.differences == (("名称", "王芳", "李强"),)
    assert desk.on("staff", 20251020)["xj-1/0231"].name == "王芳"
    assert desk.on("staff", day_number(date(2025, 11, 9)))["xj-1/0231"].name == "李强"


def test_the_past_is_another_only_on_an_operators_word(desk):
    desk.bring(small())
    export = desk.rows()
    export["window"][1]["name"] = "壹号窗口"
    path = desk.folder / "export.xlsx"
    export["window"][1]["first_day"] = TODAY - 1
    desk.bring(
        {"窗口": [["大厅", "窗口编号", "名称", "生效日期"], ["xj-1", "w1", "1号窗", "2025-10-08"]]}
    )
    path.write_bytes(workbook(export))
    lines, faults = read_lines(read_tables(path))
    assert faults == []
    with pytest.raises(FaultsError, match="--correct") as refused:
        desk.importer.carry_out(lines, Options())
    assert len(refused.value.faults) == 1
    changes = desk.importer.carry_out(lines, Options(corrects=True))
    assert [change.what for change in changes] == ["corrected"]
    assert desk.on("window", TODAY - 1)["xj-1/w1"].name == "壹号窗口"


def test_a_renamed_window_reaches_its_hall_and_one_that_ends_leaves_it(desk):
    desk.bring(
        {"窗口": [["大厅", "窗口编号", "名称"], ["demo", "w1", "综合窗口"], ["demo", "w2", "2号"]]}
    )
    document = desk.hall.client.get("/v1/halls/demo", headers=desk.hall.headers).json()
    assert [one["name"] for one in document["windows"]] == ["综合窗口", "2号"]
    ends = [["大厅", "窗口编号", "名称", "终止日期"], ["demo", "w2", "2号", "2025-10-08"]]
    desk.bring({"窗口": ends})
    after = desk.hall.client.get("/v1/halls/demo", headers=desk.hall.headers).json()
    assert [one["window"] for one in after["windows"]] == ["w1"]
    assert after["version"] > document["version"]


def test_what_begins_later_begins_by_itself_on_its_day(desk):
    rows = [["大厅", "窗口编号", "名称", "生效日期"]]
    rows += [["demo", "w1", "综合窗口", "2025-10-11"], ["demo", "w2", "2号窗口", "2025-10-11"]]
    desk.bring({"窗口": rows})

    def named():
        document = desk.hall.client.get("/v1/halls/demo", headers=desk.hall.headers).json()
        return [one["name"] for one in document["windows"]], document["version"]

    before = named()
    assert before[0] == ["1号窗口"]
    desk.hall.settle_directory()
    assert named() == before, "the control: not before its day"
    desk.hall.clock.ms += 2 * 86_400_000
    desk.hall.settle_directory()
    assert named() == (["综合窗口", "2号窗口"], before[1] + 1)


def test_names_are_no_formulas():
    rows = {kind.kind: [] for kind in KINDS}
    rows["line"] = [{"id": "a", "name": '=HYPERLINK("http://x")', "first_day": 0}]
    sheet = openpyxl.load_workbook(io.BytesIO(workbook(rows)))["条线"]
    assert (sheet["B2"].data_type, sheet["B2"].value) == ("s", '=HYPERLINK("http://x")')


_IMPORT = """
import sys
from pathlib import Path
from central.directory.devices import Devices
from central.directory.importer import Importer, Options
from central.directory.reading import read_lines
from central.directory.sheet import read_tables
from central.keys import DeviceKeys
from central.store.database import open_database
database = open_database(sys.argv[1])
database.sign_acts(DeviceKeys(bytes(range(32))).acts_key())
devices = Devices(database, DeviceKeys(bytes(range(32))).key, lambda: 1_760_000_000_000)
lines, _ = read_lines(read_tables(Path(sys.argv[2])))
print("read", flush=True)
Importer(database, devices, lambda: 1_760_000_000_000).carry_out(
    lines, Options(bundles=Path(sys.argv[3]))
)
print("done", flush=True)
"""


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.long)])
def test_an_import_that_is_killed_is_all_or_nothing(desk, kills):
    """Nothing of it, or all of it; then the same import goes through, and each bundle is that of
    the enrolment that the centre has.
    """
    url = f"sqlite:///{desk.folder / 'killed.db'}"
    sheets = province(halls=10, windows=200, staff=100, matters=100)
    sheets["网关"] = [["大厅", "消息服务器", "端口"]]
    sheets["网关"] += [[row[0], "broker", 8883] for row in sheets["大厅"][1:]]
    sheets["评价器"] = [["大厅", "窗口编号", "评价器编号"]]
    sheets["评价器"] += [[row[0], row[1], f"{row[0]}-{row[1]}"] for row in sheets["窗口"][1:]]
    path = written(desk.folder / "all.xlsx", sheets)
    bundles = desk.folder / "killed"
    command = [sys.executable, "-c", _IMPORT, url, path, bundles]
    chance, outcomes = random.Random(19), set()
    database = None
    from central.store.database import open_database

    for number in range(kills):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "read\n"
            try:
                process.wait(chance.uniform(0.0, 0.35) * (number < kills - 1) or 60)
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
        database = database or open_database(url)
        with database.read() as connection:
            rows, enrolled = directory.entries(connection), fleet.standing(connection)
        assert (len(rows), len(enrolled)) in ((0, 0), (487, 200)), (len(rows), len(enrolled))
        outcomes.add(len(rows))
    assert outcomes == {0, 487}
    for row in enrolled:
        assert json.loads((bundles / f"{row.device}.json").read_text())["epoch"] == row.epoch
    database.close()


def test_the_docs_tell_every_column():
    """docs/directory.md and its Chinese twin have each sheet with its headings."""
    docs = Path(__file__).parents[2] / "docs"
    told, chinese = (docs / "directory.md").read_text(), (docs / "directory.zh-CN.md").read_text()
    for kind in KINDS:
        assert f"**{kind.english}** ({kind.title})" in told
        assert f"**{kind.title}**（{kind.english}）" in chinese
        for column in kind.columns:
            if column.field not in ("first_day", "last_day"):
                assert f"| {column.english} ({column.title}) |" in told
                assert f"| {column.title}（{column.english}） |" in chinese
                assert column.about[0] in chinese
                assert column.about[1] in told


def test_what_is_wrong_in_the_right_cells_of_a_row_is_told_with_the_wrong_ones(hall, tmp_path):
    """In one go, whatever finds it. A row whose id is wrong may be the one that others mean."""
    desk = Desk(hall, tmp_path)
    sheets = small(
        条线=[["条线编号", "名称"], ["消 防", "消防"]],
        事项=[["事项编码", "名称", "机构", "可评价"], ["m1", "事项一", "ic", "也许"]],
        人员=[["大厅", "工号", "名称", "机构"], ["xj-9", "01", "", "ic"]],
        网关=[["大厅", "消息服务器", "端口"], ["xj-1", "h", "七"]],
        评价器=[
            ["评价器编号", "大厅", "窗口编号"],
            ["d 1", "xj-1", "w9"],
            ["dev-2", "xj-1", "w9"],
        ],
    )
    assert {*desk.faults(sheets)} == {
        *("条线!A2", "事项!C2", "事项!D2", "人员!A2", "人员!C2", "人员!D2"),
        *("网关!C2", "评价器!A2", "评价器!C3"),
    }
    sheets["条线"][1][0] = "tax"
    assert "机构!C3" in desk.faults(sheets)
