"""A rating's last step in a centre that runs as it is shipped: from its batch to the figures."""

import statistics
import time

import pytest
from central_hall import SECRET, Hall, bearer, client_of, document, verdicts

from central.centre import Centre
from central.clockwork import Limits
from central.keys import DeviceKeys
from central.ratings import judge
from central.ratings.versions import load_rules
from central.steady import PlainClock
from hosting.clock import now_ms

TIMES = 5


@pytest.mark.rule("R40")
@pytest.mark.parametrize("every_s", [None, 3.0], ids=["ours", "control: a judge that is slow"])
def test_a_rating_is_in_the_figures_within_a_second_of_its_batch(
    tmp_path, database, monkeypatch, every_s
):
    """Five times, each asked for without a pause until it is there: the median."""
    if every_s is not None:
        monkeypatch.setattr(judge, "EVERY_S", every_s)
    hall = Hall(tmp_path, "demo", database, now_ms)
    hall.is_judged = False
    pen = hall.enrol("xj-0417")
    hall.tokens.add("figures:read", tmp_path / "figures.token")
    headers = bearer(tmp_path / "figures.token")
    centre = Centre(database, DeviceKeys(SECRET), load_rules("national"), Limits(), PlainClock())
    hall.client = client_of(centre.app)
    took_s = []
    centre.start()
    try:
        for n in range(TIMES):
            at_ms = now_ms()
            item, name = document(service=f"S-{n}", opened_at_ms=at_ms - 1000)
            said = {"service": f"S-{n}", "facts": name, "ticket_no": "A1", "at": at_ms - 500}
            assert verdicts(hall.post(item, pen.rating(**said))) == ["stored", "stored"]
            answered_s, total = time.monotonic(), n
            while total == n and time.monotonic() - answered_s < 20:
                answer = hall.client.get("/v1/figures", headers=headers)
                total = answer.json()["whole"]["total"]
            took_s.append(time.monotonic() - answered_s)
            assert total == n + 1
            assert answer.json()["pending"] == 0
    finally:
        centre.close()
    assert (statistics.median(took_s) < 1) == (every_s is None), took_s
