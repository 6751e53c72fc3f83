"""A page and its twin, `NAME.zh-CN.md`, cannot drift: headings, rows, commands, figures."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
ENGLISH = {"model"}  # for who builds the system
PAGES = sorted(
    path.stem
    for path in DOCS.glob("*.md")
    if not path.stem.endswith(".zh-CN")
    and path.stem not in ENGLISH
    and "\n## 中文\n" not in path.read_text("utf-8")  # it has a Chinese part of its own
)

_BLOCK = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"(^|\s+)# .*", re.MULTILINE)
_FIGURE = re.compile(r"\d(?:[\d,.:]*\d)?")


def shape(text: str) -> dict:
    """sections: of each its heading's depth and its number of table rows. blocks: of code, but for
    their comments. rows: of all tables.
    """
    prose = _BLOCK.sub("", text)
    sections = re.split(r"^(?=#+ )", prose, flags=re.MULTILINE)[1:]
    return {
        "sections": [
            (part.split(" ")[0], len(re.findall(r"^\|", part, re.MULTILINE))) for part in sections
        ],
        "blocks": [_COMMENT.sub("", block) for block in _BLOCK.findall(text)],
        "rows": re.findall(r"^\|.*", prose, re.MULTILINE),
    }


def words(text: str) -> set[str]:
    """What stands in backticks, outside of code blocks."""
    return {" ".join(word.split()) for word in re.findall(r"`([^`]+)`", _BLOCK.sub("", text))}


def figures(text: str) -> set[str]:
    """The numbers that are written in digits, outside of code."""
    return set(_FIGURE.findall(re.sub(r"`[^`]+`|\]\([^)]*\)", "", _BLOCK.sub("", text))))


def differences(english: str, chinese: str) -> list[str]:
    """What one has and the other has not, in words; empty if they are twins."""
    ours, theirs = shape(english), shape(chinese)
    found = []
    for name in ("sections", "blocks"):
        if len(ours[name]) != len(theirs[name]):
            found.append(f"{len(ours[name])} {name}, {len(theirs[name])} in Chinese")
        pairs = zip(ours[name], theirs[name], strict=False)
        found += [f"{name} {n}: {a} / {b}" for n, (a, b) in enumerate(pairs) if a != b]
    pieces = zip(ours["rows"], theirs["rows"], strict=False)
    for one, other in ((english, chinese), *pieces):
        told, said = words(one), words(other)
        for word in sorted(told ^ said):
            found.append(
                f"`{word}` is not in {'Chinese' if word in told else 'English'}: {one:.60}"
            )
        for figure in sorted(figures(one) - figures(other)):
            found.append(f"the figure {figure} is not in Chinese: {one:.60}")
    return found


def read(name: str) -> tuple[str, str]:
    """A page of docs/ and its twin."""
    return (DOCS / f"{name}.md").read_text("utf-8"), (DOCS / f"{name}.zh-CN.md").read_text("utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_and_its_twin_say_the_same(name):
    assert differences(*read(name)) == []


def test_the_readmes_say_the_same():
    pages = [(DOCS.parent / f"README{end}.md").read_text("utf-8") for end in ("", ".zh-CN")]
    drawing = re.compile(r"```\n[^`]*┌[^`]*```\n")  # in each language's own words
    assert differences(*(drawing.sub("", page, count=1) for page in pages)) == []
    led = set(re.findall(r"\]\(docs/(\w+)\.md[)#]", pages[1]))
    assert led & set(PAGES) == set()


@pytest.mark.parametrize("name", PAGES)
def test_each_leads_to_the_other_and_a_twin_to_twins(name):
    english, chinese = read(name)
    assert f"]({name}.zh-CN.md)" in "".join(english.splitlines()[:8])
    assert f"]({name}.md)" in "".join(chinese.splitlines()[:8])
    led = set(re.findall(r"\]\((\w+)\.md[)#]", chinese)) - {name}
    assert led & set(PAGES) == set()


def test_the_control_finds_each_drift():
    english = "# A\n\n1,024 of `x`\n\n| a |\n|---|\n| b |\n\n```\nrun  # now\n```\n"
    chinese = "# 甲\n\n`x` 1,024 条\n\n| 甲 |\n|---|\n| 乙 |\n\n```\nrun  # 现在\n```\n"
    assert differences(english, chinese) == []
    for old, new in (
        ("| 乙 |\n", ""),
        ("```\n", "```\n\n## 乙\n"),
        ("# 甲", "## 甲"),
        ("run", "walk"),
        ("`x`", "`y`"),
        ("1,024", "1,204"),
        ("| 乙 |", "| `x` 乙 |"),
    ):
        assert differences(english, chinese.replace(old, new, 1)) != [], old
