"""A picture of the demo in a terminal, while a plug is out: `python docs/terminal_screenshot.py`.

Writes docs/images/terminal.png. Needs the built firmware, Debian's chromium and fonts-noto-cjk.
"""

import asyncio
import io
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from screenshots import IMAGES, ROOT, chromium

from simulator.parts.hall import Hall
from simulator.parts.plugs import GATEWAY, Plugs
from simulator.parts.run import Run
from simulator.terminal import Screen

_COLUMNS, _ROWS = 84, 36
_PULL_S, _LOOK_S, _SECONDS = 12, 14, 60
_PAGE = (
    "<body style='margin:0'><pre style='display:inline-block;margin:0;padding:16px 20px;"
    "color:{foreground};background:{background};"
    'font:15px/1.25 "Noto Sans Mono CJK SC",monospace\'>{code}</pre></body>'
)


async def main() -> None:
    """Let people come, pull the gateway's plug, look."""
    with tempfile.TemporaryDirectory() as folder:
        hall = Hall(Path(folder), ROOT / "build" / "firmware", 8)
        async with Run(hall, seed=1) as run:
            plugs = Plugs(run, 1, lambda text: screen.say(text))
            # The pages' addresses, without the tokens of a hall that is gone.
            links = [(name, address.split("#")[0]) for name, address in run.hall.pages()]
            screen = Screen(run, plugs, links, _SECONDS)
            people = asyncio.create_task(run.crowd.run(None))
            await asyncio.sleep(_PULL_S)
            plugs.pull(GATEWAY)
            await asyncio.sleep(_LOOK_S - _PULL_S)
            html = draw(screen)
            run.crowd.stop()
            await plugs.until_all_in()
            await people
    async with chromium() as browser:
        page = await browser.new_page(device_scale_factor=1.5)
        await page.set_content(html)
        await page.locator("pre").screenshot(path=IMAGES / "terminal.png")


def draw(screen: Screen) -> str:
    """The screen as a page, in a font whose Chinese characters are two columns wide."""
    console = Console(
        record=True, width=_COLUMNS, height=_ROWS, file=io.StringIO(), force_terminal=True
    )
    console.print(screen)
    return console.export_html(theme=MONOKAI, inline_styles=True, code_format=_PAGE)


if __name__ == "__main__":
    asyncio.run(main())
