"""What files at the same time on PostgreSQL: nobody misses the other, nobody waits in a circle."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace

import pytest
from central_hall import NOW_MS, item_of, verdicts

from central.custody import batch, revocation
from central.custody.marks import SIGNED_AFTER_REVOCATION
from central.store import places
from protocol.batch import encode_batch

pytestmark = pytest.mark.needs("postgresql")


def put_behind(monkeypatch, step, pause):
    """Let each batch pause behind a step."""
    at = batch.STEPS.index(step) + 1
    monkeypatch.setattr(batch, "STEPS", (*batch.STEPS[:at], pause, *batch.STEPS[at:]))


@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "control: it locks no hall"])
def test_a_revocation_and_a_batch_do_not_miss_each_other(hall, device, monkeypatch, is_ours):
    """What was signed after it is marked, though neither has committed when the other begins."""
    if not is_ours:
        unlocked = SimpleNamespace(**{**vars(places), "lock_halls": lambda *_: {}})
        monkeypatch.setattr(revocation, "place_rows", unlocked)
    with ThreadPoolExecutor(1) as other:
        revoking = []

        def pause(_batch):
            revoking.append(other.submit(hall.revoke, device.device, NOW_MS - 1000, "lost"))
            with suppress(TimeoutError):  # it waits for this batch, as it must
                revoking[0].result(1)

        put_behind(monkeypatch, batch.find_places, pause)
        assert verdicts(hall.post(device.rating(at=NOW_MS))) == ["stored"]
        revoking[0].result(20)
    assert (SIGNED_AFTER_REVOCATION in hall.marks()[1]) == is_ours


@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "control: only its own hall"])
def test_halls_that_speak_for_each_other_do_not_wait_in_a_circle(
    hall, other_hall, monkeypatch, is_ours
):
    """Two devices changed places, and bring with them what they signed where they stood before."""
    here, there = hall.enrol("xj-0001"), other_hall.enrol("xj-0002")
    other_hall.enrol("xj-0001")
    hall.enrol("xj-0002")
    if not is_ours:

        def lock_own(it):
            names = {name for offer in it.offers for name in offer.halls}
            it.versions = places.lock_halls(it.connection, names)

        monkeypatch.setattr(batch, "STEPS", (lock_own, *batch.STEPS[1:]))
    both_have_locked = threading.Barrier(2)

    def pause(_batch):
        with suppress(threading.BrokenBarrierError):  # one waits for the other, as it must
            both_have_locked.wait(1)

    put_behind(monkeypatch, batch.STEPS[0], pause)
    bodies = [(hall, there.rating()), (other_hall, here.rating())]
    with ThreadPoolExecutor(2) as threads:
        posted = [threads.submit(send, *body) for body in bodies]
        statuses = sorted(one.result(30) for one in posted)
    assert statuses == ([200, 200] if is_ours else [200, 503])


def send(hall, envelope):
    body = encode_batch([item_of(envelope)])
    return hall.client.post("/v1/batches", content=body, headers=hall.headers).status_code
