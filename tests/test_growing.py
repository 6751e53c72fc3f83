"""A field, a kind, a mark: added to a copy of the tree in the files that CONTRIBUTING.md names."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COPIED = ("protocol", "quick", "hosting", "pages", "central", "gateway", "firmware", "simulator")

FIELD = {
    "protocol/record.py": (
        'OneOf("key", "kiosk")))',
        'OneOf("key", "kiosk")), ("light", Maybe(count)))',
    ),
    "protocol/README.md": (
        "| took_ms | rating |",
        "| light | rating | 0 … 2³¹-1 or null | lux at the window |\n| took_ms | rating |",
    ),
    "firmware/app.py": (
        "input=self._board.input,",
        "input=self._board.input,\n                light=3,",
    ),
    "simulator/pen.py": ('"input": "key",', '"input": "key",\n        "light": 3,'),
}
NOTE = """_NOTE = _LINK + (("note", word),) + _WHEN


class Note(namedtuple("Note", names(_NOTE))):
    \"\"\"A word.\"\"\"

    kind = "note"
    fields = _NOTE


JOURNALLED = (Note, Rating,"""
KIND = {
    "protocol/record.py": ("JOURNALLED = (Rating,", NOTE),
    "protocol/README.md": (
        "| took_ms | rating |",
        "| note | note | a word | what it says |\n| took_ms | rating |",
    ),
    "simulator/pen.py": ("    SelfTest: {", '    Note: {"note": "hello"},\n    SelfTest: {'),
}
MARK = {
    "central/custody/marks.py": (
        "MARKS = {",
        'MARKS = {\n    "too_dark": Mark("光线太暗", "评价器前太暗。", "请加装照明。", NOTICE),',
    ),
    "pages/locale/en.po": (
        'msgid "登录"',
        'msgid "光线太暗"\nmsgstr "Too dark"\n\nmsgid "登录"',
    ),
}

BEGIN = """
from pathlib import Path
from gateway.hall import intake
from central.custody.intake import Intake
from central.custody.marks import MARKS, mark_of
from central.steady import PlainClock
from central.store.database import open_database
from protocol import record
from protocol.envelope import split
from simulator.pen import Pen
import pages, quick
assert Path(record.__file__).is_relative_to(Path.cwd()), record.__file__

pen = Pen("xj-0417", 29333341, bytes(32))

def through_the_hall_and_the_centre(envelope):
    judged = intake.judge("pj/1/demo/xj-0417/record", envelope, "demo", ("xj-0417",))
    assert judged.marks == (), judged
    database = open_database("sqlite:///" + str(Path.cwd() / "central.db"))
    with database.write() as connection:
        for statement in (
            "insert into hall (hall, name, version, mqtt_host, mqtt_port, proven_ms)"
            " values ('demo', 'd', 1, 'h', 1, 0)",
            "insert into window (hall, window, name, is_closed) values ('demo', 'w1', 'w', 0)",
            "insert into device (device, epoch, hall, window, password_hash, enrolled_at_ms,"
            " proven_ms, approved_at_ms) values ('xj-0417', 29333341, 'demo', 'w1', '', 0, 0, 0)",
        ):
            connection.exec_driver_sql(statement)
    item = {"envelope": envelope.decode(), "received_at_ms": 1, "window": "w1"}
    item |= {"service": None, "marks": []}
    time = PlainClock(lambda: 1_760_000_000_000)
    answer = Intake(database, lambda device, epoch: bytes(32), time).take(("demo",), [item])
    assert [(one.verdict, one.marks) for one in answer.verdicts] == [("stored", ())], answer
"""
RUN_FIELD = """
envelope = pen.rating(at=1_759_999_999_000)
assert b'"light":3' in envelope
through_the_hall_and_the_centre(envelope)
assert quick.read_rating(split(envelope)[0]).light == 3
before = split(envelope)[0].replace(b',"light":3', b"")
assert record.decode(record.parse(before)).light is None  # of a device that does not know it
"""
RUN_KIND = """
through_the_hall_and_the_centre(pen.write(pen.record(record.Note)))
"""
RUN_MARK = """
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
locale = Path("pages/locale")
write_mo((locale / "en.mo").open("wb"), read_po((locale / "en.po").open("rb"), "en"))
from pages.words import say
assert say("en", mark_of("too_dark").title) == "Too dark"
assert mark_of("too_dark").severity == "notice"
"""


@pytest.mark.parametrize(
    ("changes", "script", "most"),
    [(FIELD, RUN_FIELD, 4), (KIND, RUN_KIND, 4), (MARK, RUN_MARK, 2)],
    ids=["field", "kind", "mark"],
)
@pytest.mark.parametrize("is_done", [True, False], ids=["added", "control"])
def test_it_is_added_in_few_files_and_runs(tmp_path, changes, script, most, is_done):
    assert len(changes) <= most
    for folder in COPIED:
        ignored = shutil.ignore_patterns("__pycache__", "static", "*.mjs")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    for name, (old, new) in changes.items() if is_done else ():
        path = tmp_path / name
        text = path.read_text()
        assert text.count(old) >= 1, f"{name} has no {old}"
        if name == "simulator/pen.py" and "Note" in new:
            text = text.replace("import Boot, Head,", "import Boot, Head, Note,")
        path.write_text(text.replace(old, new, 1))
    ended = subprocess.run(
        [sys.executable, "-c", BEGIN + script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (ended.returncode == 0) == is_done, ended.stderr
    if not is_done:
        assert "AssertionError" in ended.stderr or "AttributeError" in ended.stderr, ended.stderr
