"""The worker's own settings; each engine reads its own."""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass

from .engine import ConfigurationError, Settings
from .log import LEVELS
from .settings import choice, number

ENGINES = ("infinitetalk", "flashtalk", "flashhead", "standin")


@dataclass(frozen=True)
class Options:
    engine: str
    redis_url: str
    worker: str
    health_host: str
    health_port: int
    shutdown_s: float
    log_level: str


def read_options(settings: Settings) -> Options:
    redis_url = settings.get("REDIS_URL", "")
    if not redis_url.startswith(("redis://", "rediss://", "unix://")):
        raise ConfigurationError("REDIS_URL must be set to a redis:// or rediss:// URL: that is where leases come from.")
    return Options(
        engine=choice(settings, "ENGINE", ENGINES),
        redis_url=redis_url,
        # New with each start, so that what a dead one had is never taken for ours.
        worker=f"{socket.gethostname()[:64]}-{secrets.token_hex(4)}",
        health_host=settings.get("HEALTH_HOST", "") or "127.0.0.1",
        health_port=int(number(settings, "HEALTH_PORT", 9_464, 0, 65_535)),
        shutdown_s=number(settings, "SHUTDOWN_S", 60, 1, 3_600),
        log_level=choice(settings, "LOG_LEVEL", LEVELS),
    )
