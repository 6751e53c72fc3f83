"""What the notes say: how long ratings took from each step to the next."""

import itertools
from collections.abc import Iterable, Mapping

from bench.steps.notes import ratings_in

# In order; the bare chain has no use for some. Each with what has just been done.
STEPS = {
    "published": "",
    "received": "paho, mosquitto, paho",
    "judged": "to the custody thread; judged without a key",
    "kept": "the gateway's commit",
    "prepared": "to the live lane; the batch made and packed",
    "asked": "to the thread that sends",
    "arrived": "the HTTP client, the way, the server's parser",
    "filing": "to the centre's intake; token, items, MACs",
    "durable": "filed; the centre's commit",
}

Passed = Mapping[str, Mapping[str, float]]  # {mac16: {step: second}}


def published(sent: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """The first step, from {envelope: second}."""
    return {ratings_in(text.encode())[0]: {"published": at_s} for text, at_s in sent.items()}


def milliseconds(passed: Passed) -> dict[str, list[float]]:
    """From the step before that was noted, by step, ascending; and the whole way, as `total`."""
    took: dict[str, list[float]] = {}
    for at_s in passed.values():
        known = [step for step in STEPS if step in at_s]
        for before, step in itertools.pairwise(known):
            took.setdefault(step, []).append(1000 * (at_s[step] - at_s[before]))
        took.setdefault("total", []).append(1000 * (at_s["durable"] - at_s["published"]))
    return {step: sorted(values) for step, values in took.items()}


def lines(ours: Passed, bare: Passed) -> Iterable[str]:
    """Both chains side by side, as Markdown: medians and 99th percentiles in milliseconds."""
    own, reference = milliseconds(ours), milliseconds(bare)
    yield "| step | what was done | ours p50 | p99 | bare p50 | p99 |"
    yield "|---|---|---|---|---|---|"
    for step in (*list(STEPS)[1:], "total"):
        cells = [step, STEPS.get(step, "published to durable")]
        for values in (own.get(step), reference.get(step)):
            cells += [f"{_at(values, share):.2f}" if values else "" for share in (0.5, 0.99)]
        yield f"| {' | '.join(cells)} |"


def _at(values: list[float], share: float) -> float:
    return values[int(len(values) * share)]
