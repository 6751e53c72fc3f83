"""Workbooks that are no directory: they are refused before they fill the memory."""

import resource
import subprocess
import sys
import zipfile

import openpyxl
import pytest

from central.directory import sheet
from central.directory.sheet import read_tables
from hosting.error import OperatorError

SHEET = "xl/worksheets/sheet1.xml"
BEGIN = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
END = "</sheetData></worksheet>"
ROOM = 300 << 20  # bytes of memory for a reader, in which an honest file is read


def workbook(path, pieces, part=SHEET):
    """An empty workbook, one part of which is made of these pieces."""
    plain = path.with_name("plain.xlsx")
    openpyxl.Workbook().save(plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name != part:
                new.writestr(name, old.read(name))
        with new.open(part, "w") as file:
            for piece in pieces:
                file.write(piece.encode())
    return path


BOMBS = {
    "a row of 100,000 cells": [BEGIN, "<row>", *["<c><v>1</v></c>" * 1000] * 100, "</row>", END],
    "a cell of 70 MB": [BEGIN, '<row><c t="str"><v>', *["x" * 1_000_000] * 70]
    + ["</v></c></row>", END],
    "a cell of many values": [BEGIN, "<row><c>", *["<v/>" * 1000] * 200, "</c></row>", END],
    "empty rows": [BEGIN, *["<row/>" * 1000] * 40, END],
    "elements of another kind": [BEGIN, END[:12], *["<x/>" * 1000] * 40, END[12:]],
    "entities": ['<!DOCTYPE a [<!ENTITY b "bbbbbbbb">]>', BEGIN, END],
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_that_unpacks_to_much_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.setattr(sheet, "_ELEMENTS", 30_000)  # a hundredth, for a faster test
    path = workbook(tmp_path / "名录.xlsx", BOMBS[name])
    with pytest.raises(OperatorError, match=r"unpacks to over|more cells|declares entities"):
        read_tables(path)


def test_a_cell_far_to_the_right_makes_no_row_of_that_length(tmp_path):
    """Excel's last column is XFD; this one would be the 300,000,000th."""
    path = workbook(
        tmp_path / "名录.xlsx", [BEGIN, '<row><c r="A1"><v>1</v></c><c r="ZZZ1"/></row>', END]
    )
    assert read_tables(path)[0].rows == [(1, ["1"])]


def test_an_office_s_file_is_read_in_little_memory(tmp_path):
    """The control of the bounds: 2,000 rows of 12 columns, with shared strings."""
    cells = "".join(f'<c t="inlineStr"><is><t>事项名称{n}</t></is></c>' for n in range(12))
    path = workbook(tmp_path / "名录.xlsx", [BEGIN, *[f"<row>{cells}</row>"] * 2000, END])
    code = (
        "import sys; from pathlib import Path; from central.directory.sheet import read_tables;"
        "print(len(read_tables(Path(sys.argv[1]))[0].rows))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM)),
    )
    assert found.stdout == "2000\n", found.stderr[-500:]


def test_a_text_file_with_an_endless_cell_is_refused(tmp_path):
    path = tmp_path / "窗口.csv"
    path.write_text("大厅\n" + "x" * 200_000, "utf-8")
    with pytest.raises(OperatorError, match="line 2: field larger"):
        read_tables(path)
