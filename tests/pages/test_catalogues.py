"""Every sentence that people see has its English, in one catalogue; and the catalogue no other."""

import ast
import re
from pathlib import Path

from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from jinja2 import Environment
from jinja2.ext import extract_from_ast

from central.custody.marks import MARKS, NOT_COUNTED, SEVERITIES
from gateway.web import advice
from pages import words

ROOT = Path(__file__).parents[2]
PO = words.LOCALE / "en.po"
CHINESE = re.compile("[一-鿿]")
PLACE = re.compile(r"\{\w*\}")
# Python that speaks to people, in Chinese; what programs read is elsewhere.
SPEAKING = (
    *("pages", "gateway/web", "gateway/desk", "central/web/pages"),
    *("central/custody/marks.py", "central/people"),
)
SILENT = ("gateway/web/api.py", "gateway/web/kiosk.py")


def catalogue(read=read_po, path=PO):
    """Message -> its English; of one with `count`, for one thing and for more, as a tuple."""
    with path.open("rb") as file:
        entries = read(file, "en") if read is read_po else read(file)
        return {
            one.id if isinstance(one.id, str) else one.id[0]: (
                one.string if isinstance(one.string, str) else tuple(one.string)
            )
            for one in entries
            if one.id
        }


def of_template(source):
    """What a template gives to `_`."""
    found = [text for _, _, text in extract_from_ast(Environment().parse(source), ("_",))]
    return {
        part for text in found for part in (text if isinstance(text, tuple) else (text,)) if part
    }


def of_python(source):
    """The Chinese texts of a module that are no docstrings."""
    tree = ast.parse(source)
    said = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in said
        and CHINESE.search(node.value)
    }


def messages():
    """Message -> where it stands."""
    found = {}
    for folder in SPEAKING:
        files = [ROOT / folder] if folder.endswith(".py") else sorted((ROOT / folder).rglob("*"))
        for path in files:
            name = path.relative_to(ROOT).as_posix()
            if path.suffix == ".html":
                texts = of_template(path.read_text())
            elif path.suffix == ".py" and name not in SILENT:
                texts = of_python(path.read_text())
            else:
                continue
            for text in texts:
                found.setdefault(text, name)
    return found


def test_every_sentence_has_its_english():
    english = catalogue()
    assert {text: name for text, name in messages().items() if not english.get(text)} == {}


def test_the_catalogue_has_nothing_that_nobody_says():
    assert set(catalogue()) - set(messages()) == set()


def test_a_translation_has_the_message_s_places_and_no_chinese():
    for text, string in catalogue().items():
        for english in (string,) if isinstance(string, str) else string:
            assert sorted(PLACE.findall(text)) == sorted(PLACE.findall(english)), text
            assert not CHINESE.search(english) or "评价" in english or english == "中文", text


def test_the_control_a_new_sentence_is_found():
    assert of_template('{{ _("新词") }}') == {"新词"}
    assert of_python('"""新文档"""\nX = {"a": Words("新词", f"{n} 新句")}') == {"新词", " 新句"}
    assert {"新词", " 新句"} & set(catalogue()) == set()


def test_what_is_shown_is_what_the_catalogue_says():
    assert catalogue(read_mo, PO.with_suffix(".mo")) == catalogue()
    assert words.say("en", "{count} 天", count=1) == "1 day"
    assert words.say("en", "{count} 天", count="2") == "2 days"
    assert words.say("en", "{count} 分钟", count=3) == "3 min"
    assert words.say("zh", "{count} 分钟", count=3) == "3 分钟"
    assert words.say("en", "没有人说过") == "没有人说过"
    assert words.say("en", "") == ""


def test_a_checkout_without_compiled_words_speaks_chinese_and_says_why(
    monkeypatch, tmp_path, caplog
):
    monkeypatch.setattr(words, "LOCALE", tmp_path)
    words._catalogue.cache_clear()
    assert [words.say("en", "登录") for _ in range(2)] == ["登录", "登录"]
    words._catalogue.cache_clear()
    assert [("make setup" in one) for one in caplog.messages] == [True]


def test_gateway_and_centre_say_the_same_word_for_the_same_mark():
    assert {code: MARKS[code].title for code in advice.MARKS} == advice.MARKS


def test_every_mark_has_a_severity_and_what_is_not_counted_is_told():
    assert {mark.severity for mark in MARKS.values()} == set(SEVERITIES)
    for code in NOT_COUNTED - {"conflict"}:
        assert "不计入" in MARKS[code].meaning or "只计其中一个" in MARKS[code].meaning, code
