"""Fields: one function a type, which returns the value or says in a sentence what is wrong.

A check is called as `check(value, name)` in both directions, when a record is written and when
one is read. `type(x) is int` rather than `isinstance`: `True` is not a number, and the two
interpreters disagree about it.
"""

from collections import OrderedDict

from protocol.limits import DEVICE_CHARS, MS_MAX, PLACE_CHARS, SEQ_MAX, VERSION_CHARS

_HEX = "0123456789abcdef"
_LOWER = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
_ID = _LOWER + _DIGITS + "-"
_NUMBER = _LOWER + _LOWER.upper() + _DIGITS + "-"
_VERSION = _NUMBER + ".+"
_WORD = _LOWER + _DIGITS + "_"


class ProtocolError(ValueError):
    """The other side sent something the protocol does not allow; the text names field and rule.

    Anything else that leaves a decoder is our own bug.
    """


def integer(low, high):
    """A check for an integer from low to high, both included."""

    def check(value, name):
        if type(value) is not int or not low <= value <= high:
            raise ProtocolError(f"{name} must be an integer from {low} to {high}")
        return value

    return check


def _string(alphabet, shortest, longest, words):
    def check(value, name):
        if type(value) is not str or not shortest <= len(value) <= longest:
            raise ProtocolError(f"{name} must be a string of {shortest} to {longest} characters")
        if value.strip(alphabet):  # what is left begins with a character that is not in it
            raise ProtocolError(f"{name} may only contain {words}")
        return value

    return check


def identifier(longest):
    """A check for what a hall may put into a record: `[A-Za-z0-9-]`, 1 to longest characters."""
    return _string(_NUMBER, 1, longest, "A-Z, a-z, 0-9 and -")


def text(longest):
    """A check for words shown to people: any characters, 0 to longest of them."""

    def check(value, name):
        if type(value) is not str or len(value) > longest:
            raise ProtocolError(f"{name} must be a string of at most {longest} characters")
        try:
            value.encode()
        except ValueError:  # half a surrogate pair, which no UTF-8 can carry
            raise ProtocolError(f"{name} must be text that UTF-8 can carry")
        return value

    return check


def one_of(*choices):
    """A check for one of a few words."""

    def check(value, name):
        if type(value) is not str or value not in choices:
            raise ProtocolError(f"{name} must be one of {', '.join(choices)}")
        return value

    return check


def maybe(check):
    """The same check, with null allowed."""

    def check_or_null(value, name):
        return None if value is None else check(value, name)

    return check_or_null


def many(check, least, most):
    """A check for a list of least to most items, each of which passes `check`; gives a tuple."""

    def check_all(value, name):
        if type(value) not in (list, tuple) or not least <= len(value) <= most:
            raise ProtocolError(f"{name} must be a list of {least} to {most} items")
        return tuple([check(item, name) for item in value])

    return check_all


def truth(value, name):
    """A check for true or false."""
    if value is not True and value is not False:
        raise ProtocolError(f"{name} must be true or false")
    return value


device_id = _string(_ID, DEVICE_CHARS[0], DEVICE_CHARS[1], "a-z, 0-9 and -")
place_id = _string(_ID, 1, PLACE_CHARS, "a-z, 0-9 and -")
version = _string(_VERSION, 1, VERSION_CHARS, "A-Z, a-z, 0-9, ., + and -")
word = _string(_WORD, 1, 32, "a-z, 0-9 and _")
hex16 = _string(_HEX, 16, 16, "0-9 and a-f")
hex64 = _string(_HEX, 64, 64, "0-9 and a-f")
seq = integer(1, SEQ_MAX)
count = integer(0, SEQ_MAX)
ms = integer(0, MS_MAX)


def nested(kind):
    """A check for an object inside an object: JSON members or an instance; gives an instance."""

    def check(value, name):
        if type(value) is kind:
            value = dict(zip(names(kind.fields), value))
        return kind(*read(kind.fields, value, name))

    return check


def names(fields):
    """The field names of `fields` ((name, check), ...), for namedtuple."""
    return [name for name, _ in fields]


def read(fields, values, source) -> list:
    """The checked values of `fields` ((name, check), ...) in a decoded JSON object, in order.

    Unknown members are ignored (REC-6). A member that is not there counts as null.
    Raises ProtocolError if `values` is no object or a field fails its check.
    """
    if type(values) is not dict:
        raise ProtocolError(f"{source} must be a JSON object")
    return [check(values.get(name), name) for name, check in fields]


def write(value):
    """The JSON members of a namedtuple with `fields`, checked, in the order of `fields`.

    Raises ProtocolError for a value that its check refuses: we send nothing that we would not
    read.
    """
    members = OrderedDict()
    for (name, check), member in zip(value.fields, value):
        members[name] = _plain(check(member, name))
    return members


def _plain(value):
    if hasattr(value, "fields"):
        return write(value)
    if type(value) is tuple:
        return [_plain(item) for item in value]
    return value
