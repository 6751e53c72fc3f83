"""A name that would become part of a page, and what came of it."""

from html.parser import HTMLParser

MARKUP = "\"'><x-evil onevil=1>{{77*7}}"  # opens an attribute, a tag, and a template's expression


class _Tags(HTMLParser):
    """The tags and attributes that a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names |= {tag, *[name for name, _ in attrs]}


def faults(text: str) -> set[str]:
    """What came of MARKUP in a page beside words."""
    found = {name for name in _Tags(text).names if "evil" in name}
    return found | ({"539"} if "539" in text and "77*7" not in text else set())
