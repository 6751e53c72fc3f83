"""A browser that keeps nothing: nobody is thanked for what is not kept, full or forbidden."""

import contextlib
import json
import random

import pytest
from kiosk_parts import Kiosk, at_work

pytestmark = pytest.mark.needs("chromium")

SEED = 26
ROOM = 40_000  # bytes: for some ratings


def test_a_full_storage_thanks_nobody_and_says_so(journey):
    async def scenario(it):
        async with at_work(it, "kiosk-0003", "k3", why_ms=0) as kiosk:
            used = await kiosk.page.evaluate(
                "navigator.storage.estimate().then((one) => one.usage)"
            )
        async with kiosk.browser(quota=used + ROOM):
            await kiosk.online()
            for number in range(20):
                await kiosk.welcome()
                with contextlib.suppress(AssertionError):
                    await kiosk.rate(1 + number % 5, timeout_s=2)
                if kiosk.presses[-1].thanked_at_ms is None:
                    break
                await kiosk.face("standby")
                await kiosk.close()
            assert 0 < number < 19
            await kiosk.face("out_of_service", 30)
            assert "存储故障" in await kiosk.page.inner_text("#more")
            await kiosk.state(lambda view: "flash_refuses" in (view["said"] or {})["problems"])
        async with kiosk.browser():  # room again, and the power is given back
            await kiosk.online()
            await kiosk.close()
            await kiosk.welcome()
            await kiosk.rate(4)
            verdict = await kiosk.verdict()
        assert verdict.holds(), verdict.explanations
        assert verdict.thanked == verdict.in_centre == number + 1

    journey(scenario, timeout_s=150)


def test_a_browser_that_may_keep_nothing_is_no_device(journey):
    async def scenario(it):
        kiosk = Kiosk(it, "kiosk-0004", "k4")
        settings = kiosk.profile / "Default"
        settings.mkdir(parents=True)
        forbidden = {"profile": {"default_content_setting_values": {"cookies": 2}}}
        (settings / "Preferences").write_text(json.dumps(forbidden))
        async with kiosk.browser() as page:
            await kiosk.face("refused")
            assert "浏览器不允许保存数据" in await page.inner_text("#more")

    journey(scenario)


@pytest.mark.long
def test_200_browsers_killed_after_the_thanks_lose_nothing(journey):
    """Each is killed at a moment of its own: while it thanks, while it asks, while it sends."""
    chance = random.Random(SEED)

    async def scenario(it):
        async with at_work(it, "kiosk-0005", "k5", why_ms=1000) as kiosk:
            pass
        for number in range(200):
            with contextlib.suppress(Exception):  # Playwright has lost its browser
                async with kiosk.browser() as page:
                    await page.wait_for_selector("body[data-face='standby']")
                    await kiosk.online()
                    await kiosk.welcome()
                    await kiosk.rate(1 + number % 5)
                    await page.wait_for_timeout(chance.uniform(0, 700))
                    await kiosk.kill()
            await kiosk.close()
        assert len(kiosk.presses) >= 195, f"seed {SEED}"
        async with kiosk.browser():
            await kiosk.online()
            verdict = await kiosk.verdict(60)
        assert verdict.holds(), verdict.explanations
        assert verdict.thanked == verdict.in_centre == len(kiosk.presses)

    journey(scenario, timeout_s=3000)
