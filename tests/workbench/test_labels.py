"""Sheets of labels, judged as they print: every page is rendered, and every code on it read."""

import io
import re

import numpy
import pypdfium2
import pytest
import resvg_py
import segno
import zxingcpp
from bench_parts import workbench
from PIL import Image

from workbench.desk import label, sheet

DPI = 200
MM = DPI / 25.4
WIDTH, HEIGHT = 70, 37  # of a label
LONGEST = [
    label.Labelled(
        *("d" * 28 + f"{number:04d}", "W" * 32, "29333341", "2026-11-22"),
        *(f"/dev/cu.usbserial-{number:04d}", f"{number:032d}"),
    )
    for number in range(24)
]


def pages_of(path):
    """The pages of a file as grey images."""
    if path.suffix == ".svg":
        # The fonts that Chromium brings; resvg's own choice may be none that is installed.
        fonts = {"sans_serif_family": "Noto Sans CJK SC"}
        fonts["monospace_family"] = "Noto Sans Mono CJK SC"
        png = resvg_py.svg_to_bytes(svg_path=str(path), dpi=DPI, **fonts)
        return [numpy.array(Image.open(io.BytesIO(bytes(png))).convert("L"))]
    with pypdfium2.PdfDocument(path) as document:
        return [page.render(scale=DPI / 72, grayscale=True).to_numpy() for page in document]


def faults_of(image, devices):
    """What is wrong with a printed page of these devices; empty if nothing."""
    image = image.reshape(image.shape[:2])
    faults = []
    if [round(side / MM) for side in image.shape] != [297, 210]:
        faults.append(f"no A4: {image.shape}")
    read = {code.text: code.position for code in zxingcpp.read_barcodes(image)}
    wanted = [f"pingjia:{one.hall}/{one.device}" for one in devices]
    if sorted(read) != sorted(wanted):
        faults.append(f"{len(set(wanted) & set(read))} of {len(wanted)} codes are read")
    for place, text in enumerate(wanted):
        left, top = WIDTH * (place % 3), HEIGHT * (place // 3)
        if text in read:
            corner = read[text].top_left
            if not (0 < corner.x / MM - left < 10 and 0 < corner.y / MM - top < 10):
                faults.append(f"the code of {text} is not on its label")
        lines = image[round(top * MM) :, round((left + 34) * MM) :]
        lines = lines[: round(HEIGHT * MM), : round((WIDTH - 34) * MM)]
        if (lines < 128).sum() < 400:
            faults.append(f"no words on label {place}")
        # White all around a label, and between its code and its lines.
        for x, y, width, height in (
            *((0, 0, WIDTH, 2), (0, HEIGHT - 2, WIDTH, 2), (0, 0, 2, HEIGHT)),
            *((WIDTH - 2, 0, 2, HEIGHT), (31, 0, 2, HEIGHT)),
        ):
            rows = slice(round((top + y) * MM), round((top + y + height) * MM))
            columns = slice(round((left + x) * MM), round((left + x + width) * MM))
            if image[rows, columns].min() < 128:
                faults.append(f"ink at {x}, {y} mm of label {place}")
    return faults


def write(tmp_path, name, devices):
    """What `label` says, and the file that it writes."""
    noted = tmp_path / "devices.csv"
    rows = "\n".join(",".join(one) for one in devices)
    noted.write_text(",".join(label.Labelled._fields) + f"\n{rows}\n")
    return workbench("label", "--list", noted, "--out", tmp_path / name), tmp_path / name


@pytest.mark.parametrize("kind", ["pdf", pytest.param("svg", marks=pytest.mark.needs("chromium"))])
def test_every_code_of_a_full_sheet_is_read_and_nothing_overlaps(tmp_path, kind):
    result, path = write(tmp_path, f"labels.{kind}", LONGEST)
    assert result.exit_code == 0, result.output
    (page,) = pages_of(path)
    assert faults_of(page, LONGEST) == []


def test_the_control_sees_the_sheet_of_0_2_0_and_lines_that_are_too_long(tmp_path, monkeypatch):
    code = io.BytesIO()
    qr = segno.make_qr("pingjia:demo/xj-0417", error="m")
    qr.save(code, kind="svg", xmldecl=False, svgns=False, border=0, nl=False, omitsize=True)
    (tmp_path / "old.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="210mm" height="297mm" '
        f'viewBox="0 0 210 297"><rect width="210" height="297" fill="#fff"/><g transform='
        f'"translate(6 6) scale({25 / len(qr.matrix)})">{code.getvalue().decode()}</g></svg>'
    )
    few = [label.Labelled("xj-0417", "demo", "1", "2026-11-22")]
    assert faults_of(pages_of(tmp_path / "old.svg")[0], few)
    monkeypatch.setattr(sheet, "_LINE", 32)
    _, path = write(tmp_path, "long.pdf", LONGEST)
    assert any("ink at" in fault for fault in faults_of(pages_of(path)[0], LONGEST))


def test_a_label_says_whose_board_it_is_on_two_pages_of_one_file(tmp_path):
    devices = [one._replace(device=f"xj-{n:04d}") for n, one in enumerate([*LONGEST, LONGEST[0]])]
    devices[24] = devices[24]._replace(hall="demo", port="/dev/ttyUSB24", serial_number="A9QK")
    result, path = write(tmp_path, "labels.pdf", devices)
    assert result.output.split() == ["wrote", str(path)]
    assert [faults_of(*one) for one in zip(pages_of(path), [devices[:24], devices[24:]])] == [
        [],
        [],
    ]
    with pypdfium2.PdfDocument(path) as document:
        words = document[1].get_textpage().get_text_bounded().split()
    assert " ".join(words) == "xj-0024 大厅 demo 日期 2026-11-22 端口 ttyUSB24 板号 A9QK"
    again, _ = write(tmp_path, "labels.pdf", devices)
    assert "exists already" in again.output
    (tmp_path / "box-2.svg").touch()
    refused, first = write(tmp_path, "box.svg", devices)
    assert "box-2.svg exists already" in refused.output
    assert not first.exists()


@pytest.mark.parametrize("name", ["labels.png", "labels", "labels.svgz"])
def test_a_name_of_another_kind_is_refused_with_what_is_possible(tmp_path, name):
    result, path = write(tmp_path, name, LONGEST)
    assert result.exit_code == 1
    assert "is a .pdf or a .svg: name it labels.pdf" in " ".join(result.output.split())
    assert not path.exists()


def test_a_list_that_0_2_0_began_goes_on_and_a_board_that_moved_is_told(tmp_path):
    noted = tmp_path / "devices.csv"
    noted.write_text("device,hall,epoch,date\nxj-0001,demo,1,2026-10-01\n")
    label.note(noted, "xj-0002", "demo", 2, "/dev/ttyUSB1")
    label.note_port(noted, "xj-0001", "/dev/ttyUSB2")
    label.note_port(noted, "xj-0009", "/dev/ttyUSB3")  # not of this bench
    label.note_port(noted, "xj-0001", "/dev/ttyUSB2")
    assert len(noted.read_text().splitlines()) == 4
    first, second = label.read_list(noted)
    assert first == ("xj-0001", "demo", "1", "2026-10-01", "/dev/ttyUSB2", "")
    assert (second.device, second.port) == ("xj-0002", "/dev/ttyUSB1")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "not enough"),
        ("device,hall\n", "its columns are not device, hall, epoch, date"),
        ("device,hall,epoch,date\nxj-0001,demo\n", "a row of 2 columns"),
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path, text, fault):
    noted = tmp_path / "devices.csv"
    noted.write_text(text)
    result = workbench("label", "--list", noted, "--out", tmp_path / "labels.pdf")
    assert result.exit_code == 1
    assert re.search(fault, " ".join(result.output.split()))
