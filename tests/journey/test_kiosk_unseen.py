"""Nobody beside the person who touches can see on a touchscreen which level it was."""

import asyncio

import pytest
from kiosk_parts import at_work

pytestmark = pytest.mark.needs("chromium")

DEVICE, WINDOW = "kiosk-0002", "k2"
LEVELS = (1, 2, 3, 4, 5)
TRIES = 4
TICKET = "A017"  # the same for everybody: what is left to differ is the level
BY_KEY = (1, 3, 5)
THANKS_MS = 1500


@pytest.mark.rule("R9")
def test_the_five_levels_look_the_same_after_the_touch(journey):
    async def scenario(it):
        async with at_work(it, DEVICE, WINDOW, thanks_ms=THANKS_MS) as kiosk:
            seen = {level: await look_in_time(kiosk, level) for level in LEVELS}
            for level in LEVELS[1:]:
                for moment, shown in seen[level].items():
                    assert shown == seen[1][moment], f"level {level} {moment}"
            assert seen[1]["thanked"] == seen[1]["thanked by key"]
            assert len({str(one) for one in seen[1].values()}) == len(seen[1]) - 1
            await kiosk.welcome(TICKET)
            await kiosk.rate(3, kiosk.type)
            await kiosk.page.evaluate("document.getElementById('more').style.opacity = '0.9'")
            assert await picture(kiosk) != seen[3]["thanked by key"]  # the control

    journey(scenario, timeout_s=150)


class LateError(Exception):
    """The machine was so busy that the next face was there before the picture was taken."""


async def look_in_time(kiosk, level):
    for _ in range(TRIES):
        try:
            return await look(kiosk, level)
        except LateError:
            await kiosk.face("standby", 30)
            await kiosk.close()
    raise AssertionError("no picture was taken in time")


async def look(kiosk, level):
    """What is to be seen of one level, by moment; by touch and by the keyboard."""
    seen = {}
    await kiosk.welcome(TICKET)
    others = [kiosk.key(other) for other in LEVELS if other != level]
    await kiosk.hold(level)
    await kiosk.face("thanking")
    await at_rest(kiosk)
    # Pictures of the other keys would tell which they are: all are covered, and looked at apart.
    seen["while touched"] = await picture(kiosk, ".key")
    colours = [await other.evaluate(COLOURS) for other in others]
    assert len(set(colours)) == 1
    await kiosk.let_go()
    seen["thanked"] = await picture(kiosk)
    seen["words"] = await kiosk.page.evaluate(WORDS)
    await kiosk.face("asking")
    await at_rest(kiosk)
    seen["asked"] = await picture(kiosk, ".reason span")
    reasons = await kiosk.page.locator(".reason span").all_inner_texts()
    assert len(set(reasons)) == 8
    await kiosk.page.locator("#skip").tap()
    await kiosk.face("standby")
    await at_rest(kiosk)
    seen["afterwards"] = await picture(kiosk)
    await kiosk.close()
    if level not in BY_KEY:
        return seen
    await kiosk.welcome(TICKET)
    await kiosk.key(level).focus()
    await kiosk.rate(level, lambda _: kiosk.page.keyboard.press("Enter"))
    seen["thanked by key"] = await picture(kiosk)
    await kiosk.face("asking")
    await kiosk.page.keyboard.press("Escape")
    await kiosk.face("standby")
    await kiosk.close()
    return seen


COLOURS = "(key) => { const one = getComputedStyle(key); \
    return [one.backgroundColor, one.borderColor, one.color, one.opacity].join(); }"
WORDS = "[document.title, location.href, document.body.innerText, document.activeElement.id, \
    document.body.className, document.getElementById('notice').textContent].join('\\n')"


async def at_rest(kiosk):
    """A notice has gone, fonts and styles have settled."""
    await kiosk.page.evaluate("document.getElementById('notice').textContent === ''")
    await asyncio.sleep(0.05)


async def picture(kiosk, covered=None):
    mask = [kiosk.page.locator(covered)] if covered else []
    face = await kiosk.now()
    taken = await kiosk.page.screenshot(mask=mask, animations="disabled")
    if face != await kiosk.now():
        raise LateError
    return taken
