"""What tests of whole workers begin with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from .media_server import FRESH, MediaServer, Talk, idle_frames, media_server
from .processes import RedisServer

Scenario = Callable[[RedisServer, MediaServer], Awaitable[None]]


def scenario(folder: Path, work: Scenario) -> None:
    """Runs it with a Redis and a media server of its own."""

    async def whole() -> None:
        server = RedisServer(folder)
        await server.start()
        try:
            async with media_server(server.url) as media:
                await asyncio.wait_for(work(server, media), 60)
        finally:
            server.kill()

    asyncio.run(whole())


async def say(talk: Talk, windows: int = 2) -> None:
    """A whole utterance, and goodbye."""
    await talk.begin(1, idle_frames(99))
    for at in range(windows):
        await talk.window(1, at, at * FRESH)
        spoken = await talk.spoken()
        assert spoken.frames == list(range(at * FRESH, (at + 1) * FRESH))
    await talk.bye()
