"""The examples of docs/rehearsal.md and docs/services.md are asked, in their order."""

import json
import re
from pathlib import Path

import pytest
from rehearsal_hall import DIRECTORY, Practice

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```request\n(\w+) (\S+)\n(.*?)```\n```answer\n(.*?)```$", re.M | re.S)


def is_within(expected, found) -> bool:
    """Whether everything that is expected is there; members that are not named may be anything."""
    if isinstance(expected, dict):
        return all(name in found and is_within(one, found[name]) for name, one in expected.items())
    if isinstance(expected, list):
        return len(expected) == len(found) and all(map(is_within, expected, found))
    return expected == found


@pytest.mark.parametrize(("name", "least"), [("rehearsal.md", 8), ("services.md", 5)])
def test_the_examples_are_answered_as_they_say(tmp_path, name, least):
    practice = Practice(tmp_path, "qinnan" if name == "rehearsal.md" else "national")
    if name == "services.md":
        practice.give(directory=DIRECTORY)
    examples = BLOCK.findall((DOCS / name).read_text())
    assert len(examples) >= least
    for method, path, body, answer in examples:
        scope = "rehearsal:write" if "/rehearsal/" in path else "services:write:all"
        if method == "GET":
            is_figure = path.startswith(("/v1/figures?", "/v1/quota/"))
            scope = "figures:read" if is_figure else "services:read:all"
        told = {"json": json.loads(body)} if body.strip() else {}
        found = practice.client.request(method, path, headers=practice.headers(scope), **told)
        assert found.status_code < 300, (path, found.text)
        practice.centre.judge.settle_all()
        assert is_within(json.loads(answer), found.json()), (path, found.text)
    practice.close()


def test_the_control_sees_what_is_missing():
    assert not is_within({"a": [{"b": 1}]}, {"a": [{"b": 2}]})
    assert not is_within({"a": [1, 2]}, {"a": [1]})
    assert is_within({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 3}], "d": 0})
