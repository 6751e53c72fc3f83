"""The bounded worlds in which a hall lies, or is honest; each can be searched whole."""

from dataclasses import replace

from lying_values import World

ALONE = World("one device", 5, presses=2)
PAUSES = World("pauses, beside another device", 6, until=0, alone=5, presses=1, has_other=True)
HOARDS = World("hoarded heads, beside another device", 6, alone=4, presses=1, has_other=True)
ANEW = World("enrolled anew", 5, presses=1, enrolments=1, has_operator=True)
INVENTED = World("an invented device", 5, presses=1, enrolments=1, invents=True)
SHOWN = World("withheld documents", 6, services=1, cuts=1)
SHOWN_TWICE = World("withheld documents of two services", 5, until=0, services=2, cuts=1)
RATED = World(
    "withheld documents of ratings", 5, until=0, presses=1, services=1, cuts=1, keeps_book=True
)
BOOK = World("withheld numbers", 5, until=0, services=2, cuts=1, keeps_book=True)
LYING = [ALONE, PAUSES, HOARDS, ANEW, INVENTED, SHOWN, SHOWN_TWICE, RATED, BOOK]

DAYS = World(
    "honest: nights and holidays", 7, until=1, alone=5, presses=1, services=1, cuts=1,
    has_other=True, is_honest=True, closures=True,
)  # fmt: skip
DOWN = World(
    "honest: the centre is down", 8, alone=4, has_other=True, is_honest=True,
    outages=5,
)  # fmt: skip
FILES = World(
    "honest: files are carried", 14, until=14, alone=5, presses=2, services=1, has_other=True,
    is_honest=True, carry=3,
)  # fmt: skip
BENCH = World("honest: enrolled anew", 8, until=8, presses=2, is_honest=True, enrolments=1)
HONEST = [DAYS, DOWN, FILES, BENCH]

WORLDS = [*LYING, *HONEST]

# `make test-long`
LONG_WORLDS = [
    replace(ALONE, name="one device, later", last=6, until=2),
    replace(PAUSES, name="pauses, later", last=7, until=1),
    replace(ANEW, name="enrolled anew, two ratings", presses=2),
    replace(BOOK, name="withheld numbers of ratings", presses=1),
    replace(DAYS, name="honest: two ratings", presses=2, until=2, last=8),
]
