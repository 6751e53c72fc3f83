"""Hall IT and a clerk in a real browser, at a real gateway, with a real device beside them."""

import asyncio
import re
from collections.abc import Callable
from contextlib import asynccontextmanager

import pytest
from browser import chromium
from playwright.async_api import Page, expect

from simulator.devices.folder import flash

DEVICE, WINDOW = "page-0001", "p1"
SATISFIED = re.compile("满意|satisf", re.IGNORECASE)


@pytest.mark.needs("chromium")
def test_clerk_and_hall_it_walk_their_pages(journey, firmware):
    async def walk(it):
        bundle = await it.enrol(DEVICE, WINDOW)
        folder = it.hall.folder / DEVICE
        flash(folder, firmware, bundle)
        console = ("--scope", "console", "--window", WINDOW)
        clerk = await it.hall.gateway_token("counter", *console)
        watcher = await it.hall.gateway_token("it", "--scope", "pages:read")
        async with it.fleet("pages") as fleet, chromium() as browser:
            await fleet.start(DEVICE, folder, {"thanks_ms": 500}, enrol=True)
            async with tab(browser, "zh-CN") as console, tab(browser, "en-US") as overview:
                await open_by_address(console, it.hall.gateway.url, clerk)
                await log_in(overview, it.hall.gateway.url, watcher)
                await serve(console, fleet, overview)
                await hand_over(console)
                await be_slow_and_fail(console)
                await lose_the_device(console, overview, fleet)
                await lose_the_gateway(overview, it.hall)
                await change_language(console, overview)

    journey(walk, timeout_s=100)


@asynccontextmanager
async def tab(browser, language: str):
    """A page of a browser of its own; what the page's own policy forbids fails the test."""
    context = await browser.new_context(locale=language)
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console",
        lambda said: faults.append(said.text) if "Content Security" in said.text else None,
    )
    yield page
    assert faults == []
    await context.close()


async def open_by_address(page: Page, url: str, token: str):
    """As a kiosk's bookmark does: the token is gone from the address at once."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{url}/login#{token}")
    await expect(page).to_have_url(f"{url}/windows/{WINDOW}")
    assert not any(token in address.split("#")[0] for address in asked)
    await expect(page.get_by_role("heading", name=WINDOW)).to_be_visible()


async def log_in(page: Page, url: str, token: str):
    await page.goto(url)
    await page.get_by_label("Access token").fill("wrong")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("alert").first).to_contain_text("not valid")
    await page.get_by_label("Access token").fill(token)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Hall overview")).to_be_visible()


async def serve(console: Page, fleet, overview: Page):
    """One citizen, the clerk's hands on the keyboard; the overview follows by itself."""
    await console.get_by_label("工号").fill("0231")
    await console.get_by_label("姓名").fill("王芳")
    await console.keyboard.press("Enter")
    await expect(console.get_by_label("下一位的排队号")).to_have_value("001")
    await console.get_by_label("下一位的排队号").fill("A017")
    serving = fleet.event(is_face("serving"))
    await console.keyboard.press("F2")
    await serving
    await expect(console.get_by_text("A017", exact=True)).to_be_visible()
    await expect(row(overview)).to_contain_text("A017")
    await expect(row(overview)).to_contain_text("Not rated")

    inviting = fleet.event(is_face("inviting"))
    await console.get_by_role("button", name="请评价").dblclick()
    await inviting
    await expect(console.get_by_text("正在邀请评价")).to_be_visible()
    fleet.press(DEVICE, 1, "A017")
    await expect(console.get_by_text("已评价", exact=True)).to_be_visible()
    await expect(row(overview)).to_contain_text("Rated")
    for page in (console, overview):
        assert not SATISFIED.search(await page.content())
    await settle(console)
    # The second click of a double click must not start the next citizen's service.
    await console.get_by_role("button", name="结束服务").dblclick()
    await expect(console.get_by_text("上一位 A017")).to_be_visible()
    await expect(console.get_by_label("下一位的排队号")).to_have_value("A018")


async def hand_over(console: Page):
    await console.keyboard.press("F9")
    await expect(console.get_by_text("窗口暂停服务")).to_be_visible()
    await console.keyboard.press("F9")
    await expect(console.get_by_label("下一位的排队号")).to_be_visible()
    await console.get_by_text("换岗（A/B 岗）").click()
    await console.get_by_label("工号").fill("0232")
    await console.get_by_label("姓名").fill("李强")
    await settle(console)
    await console.get_by_role("button", name="换岗").click()
    await expect(console.get_by_text("李强")).to_be_visible()
    await expect(console.get_by_label("工号")).to_be_hidden()


async def be_slow_and_fail(console: Page):
    """A slow gateway: the keys wait. One that does not answer: said in words."""
    may_go = asyncio.Event()

    async def hold(route):
        await may_go.wait()
        await route.continue_()

    await console.route("**/start", hold)
    await settle(console)
    await console.get_by_role("button", name="开始服务").click()
    await expect(console.get_by_role("button", name="签退")).to_be_disabled()
    await expect(console.get_by_role("button", name="开始服务")).to_be_disabled()
    may_go.set()
    await expect(console.get_by_role("button", name="请评价")).to_be_enabled()
    await console.unroute("**/start")

    await console.route("**/close", lambda route: route.abort())
    await console.keyboard.press("F8")
    await expect(console.get_by_text("操作没有完成，请再试一次。")).to_be_visible()
    await console.unroute("**/close")
    await console.keyboard.press("F8")
    await expect(console.get_by_text("上一位 A018")).to_be_visible()
    await expect(console.get_by_text("操作没有完成，请再试一次。")).to_be_hidden()


async def lose_the_device(console: Page, overview: Page, fleet):
    await fleet.kill(DEVICE)
    await expect(console.get_by_text("评价器没有连接")).to_be_visible(timeout=15_000)
    await expect(overview.get_by_text("Not connected.").first).to_be_visible()


async def lose_the_gateway(overview: Page, hall):
    await hall.gateway.stop()
    lost = overview.get_by_text("The connection is lost")
    await expect(lost).to_be_visible(timeout=10_000)
    await hall.gateway.start()
    await expect(lost).to_be_hidden(timeout=15_000)


async def change_language(console: Page, overview: Page):
    await overview.get_by_role("link", name="中文").click()
    await expect(overview.get_by_role("heading", name="大厅概览")).to_be_visible()
    await console.get_by_role("link", name="English").click()
    await expect(console.get_by_role("button", name="Start")).to_be_visible()
    await console.get_by_text("This computer", exact=True).click()
    await console.get_by_role("button", name="Unbind").click()
    await expect(console.get_by_label("Access token")).to_be_visible()


def row(overview: Page):
    """This window's line in the table of windows."""
    return overview.locator("tr", has_text=WINDOW).first


def is_face(face: str) -> Callable[[dict], bool]:
    return lambda event: event["device"] == DEVICE and event.get("face") == face


async def settle(console: Page):
    """A person's pause between two clicks, so that they are no double click."""
    await console.wait_for_timeout(500)
