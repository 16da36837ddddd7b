"""Real processes, each ended by who started it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import redis.asyncio as redis

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RedisServer:
    """Debian's, on a port of its own; what it holds survives `restart`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}"

    async def start(self) -> None:
        self._spawn()
        client = redis.Redis.from_url(self.url)
        for _ in range(200):
            try:
                await client.ping()
                break
            except (redis.ConnectionError, redis.BusyLoadingError):
                await asyncio.sleep(0.05)
        await client.close()

    def _spawn(self) -> None:
        command = ["redis-server", "--port", str(self._port), "--dir", str(self._folder), "--save", "", "--appendonly", "yes"]
        command += ["--appendfsync", "always", "--bind", "127.0.0.1"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None


class WorkerProcess:
    """`python -m gpu_render` with the stand-in, its log at hand."""

    def __init__(self, process: asyncio.subprocess.Process, health: str) -> None:
        self._process = process
        self._health = health
        self.lines: list[dict[str, Any]] = []
        self._reading = asyncio.create_task(self._read())

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def exit_code(self, within: float = 20) -> int:
        await asyncio.wait_for(self._process.wait(), within)
        return self._process.returncode or 0

    async def ask(self, path: str) -> tuple[int, str]:
        return await asyncio.to_thread(_get, self._health + path)

    async def until_ready(self) -> None:
        await self.until_answers("/readyz", 200)

    async def until_answers(self, path: str, status: int) -> None:
        for _ in range(400):
            try:
                if (await self.ask(path))[0] == status:
                    return
            except OSError:
                pass
            await asyncio.sleep(0.05)
        raise AssertionError(f"The worker never answered {path} with {status}: {self.lines}")

    async def end(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            try:
                self.lines.append(json.loads(line))
            except ValueError:
                self.lines.append({"level": "none", "msg": line.decode()})


@asynccontextmanager
async def worker(redis_url: str, **settings: str) -> AsyncIterator[WorkerProcess]:
    port = free_port()
    quick = {"STANDIN_SIZES": "256x256", "STANDIN_CLIP": "12+3+2", "STANDIN_RTF": "0.2"}
    own = {"ENGINE": "standin", "REDIS_URL": redis_url, "HEALTH_PORT": str(port), **quick, **settings}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gpu_render",
        cwd=ROOT,
        env={**os.environ, **own},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    running = WorkerProcess(process, f"http://127.0.0.1:{port}")
    try:
        yield running
    finally:
        await running.end()


def _get(url: str) -> tuple[int, str]:
    from urllib.error import HTTPError  # noqa: PLC0415

    try:
        with urlopen(url, timeout=5) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()
