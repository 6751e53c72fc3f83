"""The bounds that msgspec and pydantic are given are those of protocol's checks."""

import re
from typing import Annotated, Any

import pytest
from pydantic import Field, TypeAdapter, ValidationError

import quick
from protocol import field
from protocol.batch import Matter, ServiceDocument
from protocol.field import Identifier, Integer, Many, Maybe, ProtocolError, Raw, Text
from quick.bounds import READABLE, bounds, letters

BOUNDS = [
    (Integer(1, 5), {"ge": 1, "le": 5}),
    (field.ms, {"ge": 0, "le": 2**53 - 1}),
    (Maybe(field.count), {"ge": 0, "le": 2**31 - 1}),
    (Raw(64), {"max_length": 64}),
    (Text(64), {"max_length": 64, "pattern": READABLE}),
    (Identifier(16), {"min_length": 1, "max_length": 16, "pattern": r"^[\-0-9A-Za-z]*$"}),
    (field.device_id, {"min_length": 4, "max_length": 32, "pattern": r"^[\-0-9a-z]*$"}),
    (field.word, {"min_length": 1, "max_length": 32, "pattern": "^[0-9_a-z]*$"}),
    (field.hex16, {"min_length": 16, "max_length": 16, "pattern": "^[0-9a-f]*$"}),
    (Many(Text(1), 0, 500), {"min_length": 0, "max_length": 500}),
    (dict(ServiceDocument.fields)["matters"], {"min_length": 0, "max_length": 500}),
    (dict(Matter.fields)["task_name"], {"max_length": 128, "pattern": READABLE}),
    (field.truth, {}),
]
STRINGS = [field.device_id, field.place_id, field.version, field.word, field.hex16, Identifier(4)]
ODD = ["", "a", "A-9", "abcd", "a.b+c", "a_b_c", "a b c", "abc\n", "é" * 4, "0" * 16, "f" * 33]


@pytest.mark.parametrize(("check", "wanted"), BOUNDS)
def test_a_check_s_bounds_have_the_names_that_others_use(check, wanted):
    assert bounds(check) == wanted


@pytest.mark.parametrize("check", STRINGS)
def test_pydantic_and_the_check_refuse_the_same_strings(check):
    adapter: TypeAdapter[str] = TypeAdapter(Annotated[str, Field(**bounds(check))])
    taken = 0
    for value in ODD:
        try:
            check(value, "x")
        except ProtocolError:
            with pytest.raises(ValidationError):
                adapter.validate_python(value)
        else:
            assert adapter.validate_python(value) == value
            taken += 1
    assert 0 < taken < len(ODD)


def test_pydantic_quick_and_the_check_refuse_the_same_characters():
    """TXT-1"""
    adapter: TypeAdapter[str] = TypeAdapter(Annotated[str, Field(**bounds(Text(3)))])
    hidden = []
    for code in [*range(0x3000), 0xFEFF, 0xFFFD, 0x1F600, 0xE0001]:
        value = f"a{chr(code)}"
        try:
            Text(3)(value, "x")
        except ProtocolError:
            hidden.append(code)
            assert quick._is_readable(value) is None
            with pytest.raises(ValidationError):
                adapter.validate_python(value)
        else:
            assert quick._is_readable(value)
            assert adapter.validate_python(value) == value
    assert hidden == [*range(32), *range(127, 160), *range(0x2028, 0x202F), *range(0x2066, 0x206A)]


@pytest.mark.parametrize("check", [field.seq, field.ms, Integer(1, 5)])
def test_pydantic_and_the_check_refuse_the_same_numbers(check):
    adapter: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(**bounds(check))])
    for value in (check.low, check.high):
        assert adapter.validate_python(value) == check(value, "x")
    for value in (check.low - 1, check.high + 1):
        with pytest.raises(ValidationError):
            adapter.validate_python(value)


def test_a_class_of_letters_is_the_alphabet_and_nothing_else():
    every = "".join(chr(code) for code in range(300))
    for check in STRINGS:
        found = re.findall(letters(check.alphabet), every)
        assert set(found) == set(check.alphabet)


def test_a_check_that_quick_does_not_know_stops_the_import():
    class Colour:
        def __call__(self, value: Any, name: str) -> Any:
            return value

    with pytest.raises(TypeError, match="no type for Colour"):
        quick._type_of(Colour())
