"""What a visitor sees of the demo in a terminal, and the keys that pull plugs.

Chinese first, English second; no lines and symbols, which a Chinese terminal may draw two columns
wide. `Screen` draws; `keys` reads; neither knows how a hall is run.
"""

import asyncio
import os
import sys
import termios
import time
import tty
from collections import deque
from collections.abc import Callable
from contextlib import contextmanager

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from simulator.check.ladder import RUNGS
from simulator.parts.plugs import BROKER, CENTRE, DEVICE, GATEWAY, Plugs
from simulator.parts.run import Run

KEYS = {"d": DEVICE, "b": BROKER, "g": GATEWAY, "c": CENTRE}
QUIT = "q"
_PARTS = {
    DEVICE: "评价器 device",
    BROKER: "消息 broker",
    GATEWAY: "网关 gateway",
    CENTRE: "省级 centre",
}
_RUNGS = {
    "thanked": ("已致谢", "thanked", "on the device's flash"),
    "in_hall": ("入大厅", "in hall", "committed by the gateway"),
    "in_centre": ("入省级", "in centre", "covered by the centre's receipt"),
}
_FACES = {
    "starting": ("启动 starting", "dim"),
    "standby": ("待机 standby", "dim"),
    "serving": ("办理 serving", "cyan"),
    "inviting": ("请评价 inviting", "bold black on yellow"),
    "thanking": ("谢谢 thanks", "bold black on green"),
    "asking": ("为什么 why?", "black on green"),
    "out_of_service": ("暂停 out of service", "bold white on red"),
    "technician": ("检测 self-test", "bold magenta"),
}
_BLINKING = ("闪灯 blinking", "bold blink")
_DARK = ("断电 no power", "bold red")
_KEY = "bold white on blue"
_LINES = 5
_ROWS_BESIDE = 22  # lines of the screen that are no window's


class Screen:
    """The table of a run, drawn anew each time rich asks for it.

    links: (name, address) of the pages to open. seconds: how long people come, None for ever.
    """

    def __init__(
        self, run: Run, plugs: Plugs, links: list[tuple[str, str]], seconds: float | None
    ):
        self._run = run
        self._plugs = plugs
        self._links = links
        self._seconds = seconds
        self._began = time.monotonic()
        self._lines: deque[str] = deque(maxlen=_LINES)

    def say(self, text: str):
        """A line of news, with the time."""
        self._lines.append(f"{self._clock()}  {text}")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Group(
            Text(f"评价 Pingjia  {self._clock()}", style="bold"),
            *(
                Text.assemble((f"{name}  ", "dim"), (address, f"link {address}"))
                for name, address in self._links
            ),
            self._parts(),
            _help(),
            # Here, because a low screen lacks what stands below.
            *(Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in self._lines),
            "",
            self._windows(max(2, console.height - _ROWS_BESIDE - len(self._links))),
            "",
            self._rungs(),
        )

    def _clock(self):
        lasted = time.monotonic() - self._began
        text = f"{int(lasted) // 60:02}:{int(lasted) % 60:02}"
        return text if self._seconds is None else f"{text} / {self._seconds:.0f} s"

    def _parts(self) -> RenderableType:
        """Each part with its key, and whether it has power."""
        table = Table.grid(padding=(0, 3, 0, 0))
        out = self._plugs.out
        keys = [
            Text.assemble((f" {key} ", _KEY), f" {_PARTS[part]}") for key, part in KEYS.items()
        ]
        table.add_row(*keys)
        table.add_row(*(_power(part, out.get(part)) for part in KEYS.values()))
        return table

    def _windows(self, room) -> RenderableType:
        run, table = self._run, Table(box=None, padding=(0, 3, 0, 0), header_style="dim")
        for zh, en in (
            ("窗口", "window"),
            ("窗口人员", "clerk"),
            ("票号", "ticket"),
            ("灯", "lamp"),
        ):
            table.add_column(f"{zh}\n{en}")
        for rung in RUNGS:
            zh, en, _ = _RUNGS[rung]
            table.add_column(f"{zh}\n{en}", justify="right")
        windows = list(run.hall.windows.items())
        for window, device in windows[:room]:
            table.add_row(
                window,
                run.crowd.clerk(window) or Text("休息 pause", style="dim"),
                *_face(run.fleet.faces.get(device), run.fleet.blinks(device)),
                *map(str, run.ladder.count(device).values()),
            )
        totals = run.ladder.totals()
        hidden = len(windows) - room
        more = f"另有 {hidden} 个 more" if hidden > 0 else ""
        table.add_row()
        table.add_row("合计 all", more, "", "", *(str(totals[r]) for r in RUNGS), style="bold")
        return table

    def _rungs(self) -> RenderableType:
        table = Table.grid(padding=(0, 3))
        table.add_row("按键之后 after the key closed", "p50", "p95", style="dim")
        for rung in RUNGS:
            zh, en, meaning = _RUNGS[rung]
            took = self._run.ladder.latency_ms(rung)
            figures = [f"{ms} ms" for ms in took] if took else ["", ""]
            table.add_row(f"{zh} {en}, {meaning}", *figures)
        return table


def _face(event, blinks):
    if event is None:
        return "", Text(*_DARK)
    words, style = _FACES.get(event["face"], (event["face"], ""))
    return event["ticket_no"] or "", Text(*(_BLINKING if blinks else (words, style)))


def _power(part, name):
    if name is None:
        return Text("    通电 on", "green")
    return Text("    断电 off" + ("" if name == part else f" {name}"), "bold red")


def _help():
    words = ("按键拔掉电源 a key pulls the plug of a part   ", "dim")
    return Text.assemble(words, (f" {QUIT} ", _KEY), " 结束 end")


@contextmanager
def keys(on_key: Callable[[str], None]):
    """Calls on_key(character) for each key pressed in the terminal, without Enter."""
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    loop = asyncio.get_running_loop()
    tty.setcbreak(fd)

    def read():
        for key in os.read(fd, 64).decode(errors="replace"):
            on_key(key)

    loop.add_reader(fd, read)
    try:
        yield
    finally:
        loop.remove_reader(fd)
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
