"""What is counted, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

NAMESPACE = "gpu_render"
SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 40, 80)


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.clip_seconds = self._histogram("clip_seconds", "Denoising, decoding and copying a clip", "size")
        self.clip_wait_seconds = self._histogram("clip_wait_seconds", "From a window's arrival until it is begun")
        self.clips_late = self._counter("clips_late", "Clips that were done after their stage had run dry")
        self.clips_cancelled = self._counter("clips_cancelled", "Clips that nobody wanted any more")
        self.failures = self._counter("failures", "What went wrong while drawing", "kind")
        self.frames = self._counter("frames", "Pictures sent", "format")
        self.sent_bytes = self._counter("sent_bytes", "Bytes of pictures sent")
        self.leases = self._gauge("leases", "Leases held now")
        self.leases_ended = self._counter("leases_ended", "Leases, by how they ended", "how")
        self.capacity = self._gauge("capacity", "Leases that fit at once at the present pace")
        self.ready = self._gauge("ready", "1 once it is warm and takes leases")
        self.loading = self._gauge("loading", "How much of loading is done, 0 to 1")
        self.bus_errors = self._counter("bus_errors", "Calls of Redis that failed")

    def _histogram(self, name: str, about: str, *labels: str) -> Histogram:
        return Histogram(name, about, labels, namespace=NAMESPACE, registry=self.registry, buckets=SECONDS)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(name, about, labels, namespace=NAMESPACE, registry=self.registry)

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(name, about, namespace=NAMESPACE, registry=self.registry)
