"""`pingjia` whose gateway notes in `steps.gateway` when a rating passes its steps."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[2])  # not this folder, whose names are other packages'

from bench.steps.notes import Notes, ratings_in  # noqa: E402
from gateway.broker.mqtt import Link  # noqa: E402
from gateway.hall.filing import Filing  # noqa: E402
from gateway.hall.intake import Accepted  # noqa: E402
from gateway.upward import forwarder  # noqa: E402
from gateway.upward.centre import Centre  # noqa: E402
from pingjia import app  # noqa: E402

notes = Notes(Path("steps.gateway"))
on_message, file, pack, send = Link._on_message, Filing.file, forwarder.pack, Centre.send
bodies: dict[bytes, list[str]] = {}  # of batches on their way: the ratings in them


def noted_message(self, client, userdata, message):
    notes.note("received", ratings_in(message.payload))
    on_message(self, client, userdata, message)


def noted_file(self, judged):
    ratings = [one.mac16 for one in judged if type(one) is Accepted]
    notes.note("judged", ratings)
    filed = file(self, judged)
    notes.note("kept", ratings)
    return filed


def noted_pack(body):
    ratings = ratings_in(body)
    packed = pack(body)
    bodies[packed] = ratings
    notes.note("prepared", ratings)
    return packed


def noted_send(self, packed):
    notes.note("asked", bodies[packed])
    answer = send(self, packed)
    notes.note("answered", bodies.pop(packed))
    return answer


Link._on_message, Filing.file = noted_message, noted_file
forwarder.pack, Centre.send = noted_pack, noted_send
app()
