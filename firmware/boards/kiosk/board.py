"""The touchscreen: a browser's page is the face, the keys and, behind them, the flash.

This runs in a worker of the page; `host` is gateway/web/kiosk_page/device.js. What it shares with
the simulator's virtual board is the WebAssembly MicroPython and how bytes cross its border.
"""

import json

import host  # pyright: ignore[reportMissingImports] - gateway/web/kiosk_page/device.js

from firmware.boards.webassembly_five_key.board import Board as WebAssembly
from firmware.timing import Timing

_WORDS = "standby", "serving", "inviting", "thanking", "asking", "out_of_service"
_CHANGES = {"why_ms": 15000}  # eight reasons have to be read; the most that settings may say


class Board(WebAssembly):
    """Five keys and a list of reasons on a touchscreen."""

    input = "kiosk"

    def __init__(self):
        super().__init__()
        self.timing = Timing(_CHANGES)
        self._is_asking = False

    def closed_keys(self) -> int:
        """The keys that are touched now, bit 0 is level 1; while it asks why there are none."""
        closed = host.closed_keys()
        return 0 if self._is_asking else closed

    def chosen(self):
        """(codes that are chosen, whether that is all) if that is new, or None."""
        text = host.chosen()
        return json.loads(text) if text else None

    def ask(self, level: int):
        """The next face asks why; the reasons are this level's."""
        host.ask(level)

    def show(self, face: str, ticket, settings, text: str):
        """Hands the page what it draws. `thanking` is what a citizen takes as a promise."""
        self._is_asking = face == "asking"
        shown = {"face": face, "text": text, "ticket": None}
        if ticket is not None:
            staff = None
            if ticket.staff is not None and settings.staff != "none":
                name = ticket.staff.name if settings.staff == "name" else ""
                staff = {"staff_no": ticket.staff.staff_no, "name": name}
            shown["ticket"] = {
                "ticket_no": ticket.ticket_no,
                "matter": ticket.matter,
                "staff": staff,
                "invite_ms": ticket.invite_ms,
            }
        shown["settings"] = {
            "version": settings.version,
            "words": dict(zip(_WORDS, settings.words)),
            "reasons": settings.reasons,
            "codes": settings.codes,
            "catalogue": settings.catalogue,
        }
        host.show(json.dumps(shown))

    def selftest(self) -> list:
        """What the page can try of itself, as [(word, is_good)]."""
        return [(word, bool(is_good)) for word, is_good in json.loads(host.selftest())]
