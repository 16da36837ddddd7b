"""`python -m gpu_render`: a worker, until SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable
from typing import TypeVar

from .engine import ConfigurationError, Settings
from .health import Health, HealthServer
from .leases import Leases, background, connect
from .log import Log, create_log
from .metrics import Metrics
from .options import Options, read_options
from .threads import Threads
from .worker import Broken, Worker, load

EXIT_CONFIGURATION = 78
EXIT_BROKEN = 75

T = TypeVar("T")


def main() -> int:
    settings = dict(os.environ)
    try:
        options = read_options(settings)
    except ConfigurationError as error:
        print(f"gpu-render: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_CONFIGURATION
    log = create_log(options.log_level).child(worker=options.worker, engine=options.engine)
    try:
        asyncio.run(serve(options, settings, log))
    except ConfigurationError as error:
        log.error(str(error))
        return EXIT_CONFIGURATION
    except Broken as error:
        log.error(str(error))
        return EXIT_BROKEN
    log.info("left")
    return 0


async def serve(options: Options, settings: Settings, log: Log) -> None:
    health = Health(Metrics())
    server = HealthServer(health, options.health_host, options.health_port)
    client = connect(options.redis_url)
    threads = Threads()
    try:
        log.info("loading", extra={"health": f"http://{options.health_host}:{server.port}"})
        leases = Leases(client, options.engine, options.worker, health.metrics, log)
        unhurried = Leases(client, background(options.engine), options.worker, health.metrics, log, block_ms=None)
        told = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told.set)
        studio = await _unless(told, load(options, settings, threads, health, log))
        if studio is None:
            return
        log.info("ready", extra={"sizes": studio.sizes()})
        worker = Worker(studio, leases, unhurried, health, log)
        leaving = asyncio.create_task(told.wait())
        leaving.add_done_callback(lambda _told: worker.leave())
        try:
            await worker.run(options.shutdown_s)
        finally:
            leaving.cancel()
        studio.engine.close()
    finally:
        threads.close()
        await client.close()
        server.close()


async def _unless(told: asyncio.Event, work: Awaitable[T]) -> T | None:
    """What comes of it, or nothing when told to leave before."""
    working, telling = asyncio.ensure_future(work), asyncio.create_task(told.wait())
    try:
        await asyncio.wait([working, telling], return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        telling.cancel()


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Not sys.exit: a thread that hangs in the engine would keep the process.
    os._exit(code)
