"""Languages: Chinese text is the message, the others come from catalogues, `locale/*.po`.

A catalogue is one file for all tiers, compiled to .mo by `make setup` and packed so. A message
without a translation stands as it is; tests/pages/test_catalogues.py finds it first.
"""

import gettext
import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path

from hosting.clock import china, day, now_ms
from shipped import remedy

log = logging.getLogger(__name__)

CHINESE = "zh"
ENGLISH = "en"
LANGUAGES = (CHINESE, ENGLISH)
LOCALE = Path(__file__).with_name("locale")


def choose(cookie: str | None, accepted: str) -> str:
    """The language of a visitor: the cookie's, else English if the browser prefers it to Chinese.

    accepted: the header Accept-Language.
    """
    if cookie in LANGUAGES:
        return cookie
    best, language = 0.0, CHINESE
    for part in accepted[:200].split(","):
        tag, _, weight = part.strip().partition(";q=")
        name = tag.lower().split("-")[0]
        if name in LANGUAGES and (value := _weight(weight)) > best:
            best, language = value, name
    return language


def say(language: str, message: str, **values: object) -> str:
    """A message in a language, with its values filled in."""
    text = message
    if language != CHINESE and message:  # the empty message is the catalogue's own head
        found = _catalogue(language)
        number = 1 if str(values.get("count")) == "1" else 2
        text = found.ngettext(message, message, number)  # "1 rating", "2 ratings"
        if text == message:  # most have no plural
            text = found.gettext(message)
    return text.format(**values) if values else text


def span(say: Callable[..., str], duration_ms: int) -> str:
    """So long, in one unit."""
    seconds = max(0, duration_ms // 1000)
    if seconds < 60:
        return say("{count} 秒", count=seconds)
    if seconds < 3600:
        return say("{count} 分钟", count=seconds // 60)
    if seconds < 2 * 86400:
        return say("{count} 小时", count=seconds // 3600)
    return say("{count} 天", count=seconds // 86400)


def moment(at_ms: int) -> str:
    """The time of day in China, with the date if it is not today."""
    at, today = china(at_ms), day(now_ms())
    return at.strftime("%H:%M" if at.date() == today else "%Y-%m-%d %H:%M")


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    path = LOCALE / f"{language}.mo"
    try:
        with path.open("rb") as file:
            return gettext.GNUTranslations(file)
    except OSError as error:  # no reason not to serve a hall: it is shown in Chinese
        log.error("%s: %s; %s", path, error.strerror, remedy("setup"))
        return gettext.NullTranslations()


def _weight(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
