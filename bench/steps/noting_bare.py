"""`bench.bare` that notes in the file NOTES when a rating passes its steps.

python -m bench.steps.noting_bare NOTES gateway|centre …
"""

import sys
from pathlib import Path

import httpx2

from bench import bare
from bench.steps.notes import Door, Notes, ratings_in

notes = Notes(Path(sys.argv[1]))
step = {"gateway": "kept", "centre": "durable"}[sys.argv[2]]
subscribe, open_database, serve, post = bare.subscribe, bare._open, bare._serve, httpx2.Client.post


class NotedDatabase:
    """A connection that notes its commits."""

    def __init__(self, path: str):
        self._connection = open_database(path)
        self._ratings: list[str] = []

    def execute(self, statement: str, values: tuple[bytes]) -> None:
        self._ratings = ratings_in(values[0])
        self._connection.execute(statement, values)

    def commit(self) -> None:
        self._connection.commit()
        notes.note(step, self._ratings)


def noted_subscribe(port, password_file, count, keep):
    def noted_keep(payload: bytes) -> None:
        notes.note("received", ratings_in(payload))
        keep(payload)

    subscribe(port, password_file, count, noted_keep)


def noted_post(self, url, *, content, **more):
    notes.note("asked", ratings_in(content))
    answer = post(self, url, content=content, **more)
    notes.note("answered", ratings_in(content))
    return answer


bare.subscribe, bare._open, httpx2.Client.post = noted_subscribe, NotedDatabase, noted_post
bare._serve = lambda app: serve(Door(app, notes))
{"gateway": bare.gateway, "centre": bare.centre}[sys.argv[2]](*sys.argv[3:])
