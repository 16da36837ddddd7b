"""The engine's two threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from .engine import Clip, Pictures
from .scheduler import Receive

T = TypeVar("T")


class Threads:
    def __init__(self) -> None:
        self._denoiser = ThreadPoolExecutor(1, "denoiser")
        self._decoder = ThreadPoolExecutor(1, "decoder")

    async def call(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._denoiser, work)

    async def decode(self, clip: Clip[Any], receive: Receive) -> None:
        loop = asyncio.get_running_loop()
        batches = iter(clip)
        while True:
            batch = await loop.run_in_executor(self._decoder, _next, batches)
            if batch is None:
                return
            if not receive(batch):
                await loop.run_in_executor(self._decoder, _end, batches)
                return

    def close(self) -> None:
        """Waits for nobody: a thread that hangs ends with the process."""
        for executor in (self._denoiser, self._decoder):
            executor.shutdown(wait=False, cancel_futures=True)


def _next(batches: Iterator[Pictures]) -> Pictures | None:
    return next(batches, None)


def _end(batches: Iterator[Pictures]) -> None:
    close = getattr(batches, "close", None)
    if close is not None:
        close()
