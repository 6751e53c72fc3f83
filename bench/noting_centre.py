"""`pingjia` whose centre notes, for each batch, when it came and when it was durable.

Lines of `centre.times`: begin and end in monotonic seconds, and the envelopes as a JSON list if
there are at most 50 (a backlog's need not be told apart).
"""

import json
import sys
import time
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1])  # not this folder, whose names are other packages'

from central.custody.intake import Intake  # noqa: E402
from pingjia import app  # noqa: E402
from protocol.batch import Answer  # noqa: E402

FEW = 50
notes = Path("centre.times").open("a", buffering=1)  # noqa: SIM115 - as long as the process
real_offer = Intake.offer


def offer(self, token, size, read, reply):
    begin_s, items = time.monotonic(), []

    def noted_read():
        items[:] = read()
        return items

    def noted_reply(outcome):
        end_s = time.monotonic()
        reply(outcome)
        if isinstance(outcome, Answer):
            envelopes = [item["envelope"] for item in items if "envelope" in item]
            told = envelopes if len(envelopes) <= FEW else []
            notes.write(f"{begin_s} {end_s} {json.dumps(told)}\n")

    real_offer(self, token, size, noted_read, noted_reply)


Intake.offer = offer
app()
