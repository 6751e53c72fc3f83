"""Fields: a check a type, which returns the value or raises what is wrong with it as a value.

A check is called as `check(value, name)` in both directions, when a record is written and when
one is read; its bounds are its attributes, from which quick/bounds.py makes other libraries'.
`type(x) is int` rather than `isinstance`: `True` is not a number, and the two interpreters
disagree about it. Here checks are called as `check.__call__(value, name)`: CPython then makes no
detour through the type's slot, which would take a quarter of the time of reading a record.
"""

from collections import OrderedDict

from protocol.limits import (
    DEVICE_CHARS,
    MS_MAX,
    PLACE_CHARS,
    SEQ_MAX,
    SERVICE_CHARS,
    STAFF_NO_CHARS,
    TICKET_NO_CHARS,
    VERSION_CHARS,
)

_HEX = "0123456789abcdef"
_ID = "abcdefghijklmnopqrstuvwxyz0123456789-"
_NUMBER = _ID + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_VERSION = _NUMBER + ".+"
_WORD = _ID[:-1] + "_"


class ProtocolError(ValueError):
    """The other side sent something the protocol does not allow; as text it is a sentence.

    field: the member that is wrong, dotted (`matters.0.task_name`), None if it is the whole.
    rule: a word for what it breaks, mostly of protocol/sentences.py; None if only the sentence
    says it. bounds: the rule's numbers or words, in the sentence's order. subject: the sentence's,
    or the whole sentence where the rule has none.
    Anything else that leaves a decoder is our own bug.
    """

    def __init__(self, subject, field=None, rule=None, bounds=()):
        super().__init__(subject)
        self.subject = subject
        self.field = field
        self.rule = rule
        self.bounds = bounds

    def __str__(self):
        # Made where somebody reads it: a device has no room for sentences, and tells the rule.
        from protocol.sentences import sentence_of

        return sentence_of(self)


def wrong_field(name, rule, *bounds):
    """The ProtocolError of a member that breaks `rule`."""
    return ProtocolError(name, name, rule, bounds)


def wrong_whole(what, rule, *bounds):
    """The ProtocolError of something that breaks `rule` as a whole; `what` is the subject."""
    return ProtocolError(what, None, rule, bounds)


class Integer:
    """An integer from low to high, both included."""

    def __init__(self, low, high):
        self.low = low
        self.high = high

    def __call__(self, value, name):
        if type(value) is not int or not self.low <= value <= self.high:
            raise wrong_field(name, "integer", self.low, self.high)
        return value


class String:
    """least to most characters of an alphabet."""

    def __init__(self, alphabet, least, most):
        self.alphabet = alphabet
        self.least = least
        self.most = most

    def __call__(self, value, name):
        if type(value) is not str or not self.least <= len(value) <= self.most:
            raise wrong_field(name, "string", self.least, self.most)
        if value.strip(self.alphabet):  # what is left begins with a character that is not in it
            raise wrong_field(name, "letters", self.alphabet)
        return value


class Identifier(String):
    """What a hall may put into a record: `[A-Za-z0-9-]`, 1 to most characters."""

    def __init__(self, most):
        super().__init__(_NUMBER, 1, most)


class Raw:
    """What no person reads: any characters, 0 to most of them."""

    def __init__(self, most):
        self.most = most

    def __call__(self, value, name):
        if type(value) is not str or len(value) > self.most:
            raise wrong_field(name, "string", 0, self.most)
        try:
            value.encode()
        except ValueError:  # half a surrogate pair, which no UTF-8 can carry
            raise wrong_field(name, "utf8")
        return value


class Text(Raw):
    """Words that people read: 0 to most characters, each of which is seen where it stands."""

    def __call__(self, value, name):
        super().__call__(value, name)
        for letter in value:
            code = ord(letter)  # C0, C1; separators and bidirectional embeddings; isolates
            if (
                code < 32
                or 127 <= code < 160
                or 0x2028 <= code < 0x202F
                or 0x2066 <= code < 0x206A
            ):
                raise wrong_field(name, "hidden")
        return value


class OneOf:
    """One of a few words."""

    def __init__(self, *choices):
        self.choices = choices

    def __call__(self, value, name):
        if type(value) is not str or value not in self.choices:
            raise wrong_field(name, "one_of", ", ".join(self.choices))
        return value


class Maybe:
    """What `check` lets pass, or null."""

    def __init__(self, check):
        self.check = check

    def __call__(self, value, name):
        return None if value is None else self.check.__call__(value, name)


class Many:
    """A list of least to most items, each of which passes `check`; gives a tuple."""

    def __init__(self, check, least, most):
        self.check = check
        self.least = least
        self.most = most

    def __call__(self, value, name):
        if type(value) not in (list, tuple) or not self.least <= len(value) <= self.most:
            raise wrong_field(name, "list", self.least, self.most)
        check = self.check
        try:
            return tuple([check.__call__(item, name) for item in value])
        except ProtocolError:
            for at, item in enumerate(value):  # once more, to tell which one it is
                check(item, f"{name}.{at}")
            raise


class Nested:
    """An object inside an object: JSON members or an instance; gives an instance of `kind`."""

    def __init__(self, kind):
        self.kind = kind

    def __call__(self, value, name):
        kind = self.kind
        if type(value) is kind:
            value = dict(zip(names(kind.fields), value))
        elif type(value) is not dict:
            raise wrong_field(name, "object")
        try:
            get = value.get
            return kind(*[check.__call__(get(member), member) for member, check in kind.fields])
        except ProtocolError:
            for member, check in kind.fields:  # once more, with its whole name
                check(value.get(member), f"{name}.{member}")
            raise


class Truth:
    """true or false."""

    def __call__(self, value, name):
        if value is not True and value is not False:
            raise wrong_field(name, "truth")
        return value


device_id = String(_ID, DEVICE_CHARS[0], DEVICE_CHARS[1])
place_id = String(_ID, 1, PLACE_CHARS)
service = Identifier(SERVICE_CHARS)
ticket_no = Identifier(TICKET_NO_CHARS)
staff_no = Identifier(STAFF_NO_CHARS)
version = String(_VERSION, 1, VERSION_CHARS)
word = String(_WORD, 1, 32)
hex16 = String(_HEX, 16, 16)
hex32 = String(_HEX, 32, 32)
hex64 = String(_HEX, 64, 64)
seq = Integer(1, SEQ_MAX)
count = Integer(0, SEQ_MAX)
ms = Integer(0, MS_MAX)
ms_or_null = Maybe(ms)
truth = Truth()


def names(fields):
    """The field names of `fields` ((name, check), ...), for namedtuple."""
    return [name for name, _ in fields]


def read(fields, values, source) -> list:
    """The checked values of `fields` ((name, check), ...) in a decoded JSON object, in order.

    Unknown members are ignored (REC-6). A member that is not there counts as null.
    Raises ProtocolError if `values` is no object or a field fails its check.
    """
    if type(values) is not dict:
        raise wrong_whole(source, "object")
    get = values.get
    return [check.__call__(get(name), name) for name, check in fields]


def write(value):
    """The JSON members of a namedtuple with `fields`, checked, in the order of `fields`.

    Raises ProtocolError for a value that its check refuses: we send nothing that we would not
    read.
    """
    members = OrderedDict()
    for (name, check), member in zip(value.fields, value):
        members[name] = _plain(check.__call__(member, name))
    return members


def _plain(value):
    if type(value) is int or type(value) is str:
        return value
    if type(value) is tuple:
        return [_plain(item) for item in value]
    return write(value) if hasattr(value, "fields") else value
