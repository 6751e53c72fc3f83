"""What the gateway counts, for Prometheus: `GET /metrics`. No names of devices or people.

Next to it: gateway/keep/alarms.py, for what a person must act on.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


class Metrics:
    """The counters of one gateway, in a registry of its own. Any thread may count."""

    def __init__(self):
        self._registry = CollectorRegistry()
        self._received = self._counter("received", "Deliveries from the broker.", "what")
        self._commit_s = self._histogram("commit_seconds", "A commit of the intake.", _SECONDS)
        self._commit_size = self._histogram("commit_messages", "Deliveries in it.", _SIZES)
        self._answer_s = self._histogram(
            "answer_seconds", "The centre's answer to a batch.", _SECONDS, "lane"
        )
        self._sent = self._counter("sent_items", "Items that the centre answered.", "lane")
        self._verdicts = self._counter("verdicts", "What the centre said of them.", "verdict")

    def committed(self, kinds: Iterable[str], size: int, seconds: float) -> None:
        """A commit of `size` deliveries: what each was, `record`, `state` or `refused`."""
        counts: dict[str, int] = {}
        for kind in kinds:
            counts[kind] = counts.get(kind, 0) + 1
        for kind, count in counts.items():
            self._received.labels(kind).inc(count)
        self._commit_s.observe(seconds)
        self._commit_size.observe(size)

    def answered(self, lane: str, items: int, seconds: float) -> None:
        """The centre answered a batch of a lane."""
        self._answer_s.labels(lane).observe(seconds)
        self._sent.labels(lane).inc(items)

    def judged(self, verdicts: Iterable[str]) -> None:
        """The centre's verdicts of one answer."""
        for verdict in verdicts:
            self._verdicts.labels(verdict).inc()

    def watch(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """A gauge that is read when somebody asks."""
        gauge = Gauge(f"pingjia_gateway_{name}", help_text, registry=self._registry)
        gauge.set_function(value)

    def watch_each(
        self, name: str, help_text: str, label: str, values: Callable[[], dict[str, int]]
    ) -> None:
        """A gauge with a value for each word of a label, read when somebody asks."""
        self._registry.register(_Each(f"pingjia_gateway_{name}", help_text, label, values))

    def tell_version(self, version: str) -> None:
        """Which version runs, as a label."""
        gauge = Gauge(
            "pingjia_gateway_build", "The version that runs.", ["version"], registry=self._registry
        )
        gauge.labels(version).set(1)

    def watch_disk(self, folder: Path) -> None:
        """The free bytes where the database is."""
        self.watch("disk_free_bytes", "Free space.", lambda: shutil.disk_usage(folder).free)

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, help_text: str, label: str) -> Counter:
        return Counter(f"pingjia_gateway_{name}", help_text, [label], registry=self._registry)

    def _histogram(self, name: str, help_text: str, buckets, *labels: str) -> Histogram:
        return Histogram(
            f"pingjia_gateway_{name}", help_text, labels, registry=self._registry, buckets=buckets
        )


class _Each(Collector):
    """A gauge whose values are read together."""

    def __init__(
        self, name: str, help_text: str, label: str, values: Callable[[], dict[str, int]]
    ):
        self._told = name, help_text, label
        self._values = values

    def describe(self) -> list[GaugeMetricFamily]:
        return [self._family()]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = self._family()
        for word, value in self._values().items():
            family.add_metric([word], value)
        yield family

    def _family(self) -> GaugeMetricFamily:
        name, help_text, label = self._told
        return GaugeMetricFamily(name, help_text, labels=[label])
