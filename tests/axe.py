"""axe-core in a page that a browser has open: what somebody could not use."""

from importlib.resources import files

SIZES = ((1366, 768), (390, 844))
THEMES = ("light", "dark")
# The whole square is for the long tests.
QUICK = ((SIZES[0], "light"), (SIZES[1], "dark"))
WHOLE = tuple((size, theme) for size in SIZES for theme in THEMES)
_AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
_RUN = """axe.run().then(({violations}) =>
  violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target).join(" ")}`))"""
_IS_WIDE = "document.documentElement.scrollWidth > innerWidth"


async def faults(page, looks) -> list[str]:
    """Of the page that is open, at each of these sizes and themes: rules of axe that it breaks,
    and whether it is wider than the screen.
    """
    found = []
    await page.evaluate(_AXE)
    for (width, height), theme in looks:
        await page.set_viewport_size({"width": width, "height": height})
        await page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # no fading
        broken = await page.evaluate(_RUN)
        if await page.evaluate(_IS_WIDE):
            broken.append("wider than the screen")
        found += [f"{page.url} {width} {theme}: {one}" for one in broken]
    return found


class Followed:
    """Notes what a page asks of others than its own server, and what goes wrong in it."""

    def __init__(self, page, own: str):
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on(
            "request",
            lambda one: one.url.startswith((own, "data:")) or self.faults.append(one.url),
        )
