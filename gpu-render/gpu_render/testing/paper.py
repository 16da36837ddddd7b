"""A GPU of paper: it takes time on the clock, and draws nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Any, TypeVar

import numpy as np

from ..engine import Cancelled, Clip, Geometry, Pictures, Size
from ..scheduler import Order, Receive, Scheduler

T = TypeVar("T")
SIZE = Size(64, 64)
GEOMETRY = Geometry(50, 5, 2, (SIZE,))
BATCH = np.zeros((4, 96, 64), np.uint8)


class Paper:
    """A clip of nothing but time."""

    motion = None

    def __iter__(self) -> Iterator[Pictures]:
        return iter([BATCH] * 3)


@dataclass
class PaperEngine:
    """All that a scheduler asks of an engine."""

    clip_ms: float
    geometry: Geometry = GEOMETRY

    def measured_clip_ms(self, _size: Size) -> float:
        return self.clip_ms


@dataclass
class PaperGpu:
    """Denoises and decodes in virtual time, and notices when two do the same at once."""

    denoise_s: float = 1
    decode_s: float = 0.3
    steps: int = 4
    slowdown: float = 1
    denoising: int = 0
    decoding: int = 0
    overlapped: bool = False
    begun: list[str] = field(default_factory=list)

    async def call(self, work: Callable[[], T]) -> T:
        self.denoising += 1
        assert self.denoising == 1
        try:
            result = work()
            if isinstance(result, Denoising):
                self.begun.append(result.name)
                await result.take(self)
            return result
        finally:
            self.denoising -= 1

    async def decode(self, clip: Clip[Any], receive: Receive) -> None:
        self.decoding += 1
        assert self.decoding == 1
        try:
            for batch in clip:
                await asyncio.sleep(self.decode_s / 3 * self.slowdown)
                self.overlapped |= self.denoising > 0
                if not receive(batch):
                    return
        finally:
            self.decoding -= 1


class Denoising(Paper):
    def __init__(self, name: str, stop: Callable[[], bool]) -> None:
        self.name = name
        self._stop = stop

    async def take(self, gpu: PaperGpu) -> None:
        for _ in range(gpu.steps):
            if self._stop():
                raise Cancelled
            await asyncio.sleep(gpu.denoise_s / gpu.steps * gpu.slowdown)


def order(name: str, deadline: float = inf, received: list[str] | None = None) -> Order:
    def receive(_batch: Pictures) -> bool:
        if received is not None:
            received.append(name)
        return True

    return Order(SIZE, 0, deadline, lambda stop: Denoising(name, stop), receive)


def scheduler(gpu: PaperGpu) -> Scheduler:
    return Scheduler(gpu, PaperEngine((gpu.denoise_s + gpu.decode_s) * 1_000))  # type: ignore[arg-type]
