"""A touchscreen: touch to thanks, usable after a load, how large, does it grow: `-m bench kiosk`.

The real page of a real hall in Debian's Chromium, and in the same browser a bare page with the
same libraries: the interpreter loaded and nothing run on it, a record's bytes put into IndexedDB
with strict durability and a text changed. Times are the page's own (`performance.now()`), from the
touch to the first frame after the thanks, and from the navigation's begin to the first face that a
citizen could press on.
"""

import asyncio
import gzip
import json
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import httpx2

from simulator.parts.hall import KIOSK, KIOSK_BUNDLE, KIOSK_WINDOW, Hall

ROOT = Path(__file__).resolve().parents[2]
sys.path[:] = [*sys.path, str(ROOT / "tests"), str(ROOT / "tests" / "journey")]

from kiosk_parts import Kiosk  # noqa: E402

RATINGS = 500  # a day
WARM = 20
LOADS = 5
P99_MS, USABLE_MS, KB, GROWN = 100, 600, 700, 0.1

# The touch, and the first frame after the thanks.
WATCH = """
window.took = [];
addEventListener('pointerdown', () => { window.touchedAt = performance.now(); }, true);
new MutationObserver(() => {
    if (document.body.dataset.face !== 'thanking' || !window.touchedAt) return;
    const at = window.touchedAt;
    window.touchedAt = 0;
    requestAnimationFrame(() => setTimeout(() => took.push(performance.now() - at)));
}).observe(document.body, { attributeFilter: ['data-face'] });
"""
USABLE = """
document.addEventListener('DOMContentLoaded', () =>
    new MutationObserver(() => {
        if (document.body.dataset.face === 'standby') window.usableAt ??= performance.now();
    }).observe(document.body, { attributeFilter: ['data-face'] }));
"""
BARE_LOAD = """
(async () => {
    const began = performance.now();
    const { loadMicroPython } = await import('/kiosk/micropython.mjs');
    await loadMicroPython({ url: '/kiosk/micropython.wasm' });
    return performance.now() - began;
})()
"""
BARE_PRESSES = """
(async (count) => {
    const request = indexedDB.open('bare', 1);
    request.onupgradeneeded = () => request.result.createObjectStore('flash');
    const base = await new Promise((done) => { request.onsuccess = () => done(request.result); });
    const took = [];
    for (let n = 0; n < count; n++) {
        const began = performance.now();
        const one = base.transaction('flash', 'readwrite', { durability: 'strict' });
        one.objectStore('flash').put(new Uint8Array(480), n);
        await new Promise((done) => { one.oncomplete = done; one.commit(); });
        document.documentElement.textContent = n;
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        took.push(performance.now() - began);
    }
    return took;
})
"""


def at(times: list[float], share: float) -> float:
    """The time that this share of them does not pass."""
    return sorted(times)[int(len(times) * share)]


async def live_bytes(kiosk: Kiosk) -> int:
    """What the page keeps: the firmware's heap and the page's own, collected."""
    await kiosk.cdp.send("HeapProfiler.enable")
    await kiosk.cdp.send("HeapProfiler.collectGarbage")
    used = await kiosk.cdp.send("Runtime.getHeapUsage")
    worker = next(one for one in kiosk.page.workers if one.url.endswith("device.js"))
    status = await worker.evaluate(
        "new Promise((done) => { const post = self.postMessage; self.postMessage = (said) => "
        "said.number === -1 ? (self.postMessage = post, done(said.told)) : post.call(self, said); "
        "self.onmessage({ data: { ask: 'status', number: -1 } }); })"
    )
    return int(used["usedSize"] + status["heap"])


async def size_kb(url: str) -> tuple[float, float]:
    """KB of all files as they are sent, and unpacked."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        worker = (await client.get(f"{url}/service.js")).text
        names = json.loads(worker.split("\n")[0].removeprefix("const FILES = ")[:-1])
        files = [(await client.get(f"{url}/{name}")).content for name in (*names, "service.js")]
    return sum(len(gzip.compress(one, 6)) for one in files) / 1000, sum(map(len, files)) / 1000


async def rate(kiosk: Kiosk, count: int) -> None:
    """So many citizens, one after the other."""
    for number in range(count):
        await kiosk.welcome()
        await kiosk.rate(1 + number % 5)
        await kiosk.face("standby")
        await kiosk.close()


async def measure(ratings: int) -> dict:
    """Everything, in one run of one browser."""
    with tempfile.TemporaryDirectory(prefix="pingjia-bench-") as name:
        folder = Path(name).resolve()
        hall = Hall(folder, ROOT / "build" / "firmware", 1, {"hall_poll_s": 0.2}, has_kiosk=True)
        await hall.make()
        try:
            await hall.start()
            kiosk = Kiosk(
                SimpleNamespace(hall=hall, queue=hall.queue_system()), KIOSK, KIOSK_WINDOW
            )
            found = await _in_browser(kiosk, folder / KIOSK_BUNDLE, ratings)
            await kiosk.it.queue.aclose()
        finally:
            await hall.stop()
    return found


async def _in_browser(kiosk: Kiosk, bundle: Path, ratings: int) -> dict:
    async with kiosk.browser() as page:
        await kiosk.enrol(bundle)
        await kiosk.be_quick(500, 0)
        await page.evaluate(WATCH)
        await rate(kiosk, WARM)
        before = await live_bytes(kiosk)
        await rate(kiosk, ratings)
        after = await live_bytes(kiosk)
        took = (await page.evaluate("took"))[WARM:]
        await page.add_init_script(USABLE)
        usable = []
        for _ in range(LOADS):
            await page.reload()
            await kiosk.online()
            usable.append(await page.evaluate("usableAt"))
        other = await page.context.new_page()
        await other.goto(f"{kiosk.url}/language.en.json")
        bare_load = [await other.evaluate(BARE_LOAD)]
        bare = await other.evaluate(f"({BARE_PRESSES.strip()})({ratings})")
        sent, unpacked = await size_kb(kiosk.url)
    return {
        "took": took,
        "bare": bare,
        "usable": usable,
        "bare_load": bare_load,
        "sent": sent,
        "unpacked": unpacked,
        "grown": after / before - 1,
    }


def results(ratings: int = RATINGS) -> list[dict]:
    """The rows of `make bench`."""
    found = asyncio.run(measure(ratings))
    p50, p99 = at(found["took"], 0.5), at(found["took"], 0.99)
    usable, grown = at(found["usable"], 0.5), found["grown"]
    name = f"kiosk: touch to the thanks on the screen, p99 of {len(found['took'])}, ms"
    return [
        _row(f"{name} (p50 {p50:.0f})", p99, at(found["bare"], 0.99), P99_MS),
        _row(
            "kiosk: usable after a load, median, ms",
            usable,
            at(found["bare_load"], 0.5),
            USABLE_MS,
        ),
        _row(
            "kiosk: all that is sent, KB (reference: unpacked)",
            found["sent"],
            found["unpacked"],
            KB,
        ),
        {
            "name": f"kiosk: growth of live memory over {ratings} ratings, %",
            "ours": round(100 * grown, 1),
            "reference": None,
            "ratio": None,
            "target": f"at most {100 * GROWN:.0f}",
            "holds": grown <= GROWN,
        },
    ]


def _row(name: str, ours: float, reference: float, most: float) -> dict:
    return {
        "name": name,
        "ours": round(ours),
        "reference": round(reference),
        "ratio": round(ours / reference, 2),
        "target": f"at most {most}",
        "holds": ours <= most,
    }


if __name__ == "__main__":
    rows = results(int(sys.argv[1]) if len(sys.argv) > 1 else RATINGS)
    for row in rows:
        print(f"{row['name']}: {row['ours']}, reference {row['reference']} ({row['target']})")
    sys.exit(not all(row["holds"] for row in rows))
