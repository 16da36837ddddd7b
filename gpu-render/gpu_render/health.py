"""`/healthz`, `/readyz` and `/metrics`, in a thread of its own: it answers while everything else is stuck."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from .metrics import Metrics

ALIVE_WITHIN_S = 15.0


class Health:
    """Written by the worker, read by whoever asks."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self.state = "loading"
        self.doing = "starting"
        self.progress = 0.0
        self.bus_reachable = False
        self.engine_well = True
        self._sign = time.monotonic()

    def sign_of_life(self) -> None:
        self._sign = time.monotonic()

    @property
    def alive(self) -> bool:
        """The loop turns and the engine gives signs of life. Loading may take minutes, and blocks nothing."""
        return self.engine_well and time.monotonic() - self._sign < ALIVE_WITHIN_S

    @property
    def ready(self) -> bool:
        return self.state == "ready" and self.bus_reachable and self.alive


def answer(health: Health, path: str) -> tuple[int, str, bytes]:
    """Status, content type and body."""
    if path == "/metrics":
        return 200, CONTENT_TYPE_LATEST, generate_latest(health.metrics.registry)
    if path not in ("/healthz", "/readyz"):
        return 404, "application/json", b'{"error": "There are /healthz, /readyz and /metrics."}'
    well = health.alive if path == "/healthz" else health.ready
    said = {"state": health.state, "progress": round(health.progress, 3), "doing": health.doing, "bus": health.bus_reachable}
    return 200 if well else 503, "application/json", json.dumps(said).encode()


class HealthServer:
    def __init__(self, health: Health, host: str, port: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            timeout = 5

            def do_GET(self) -> None:
                status, kind, body = answer(health, self.path.partition("?")[0])
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                return

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
