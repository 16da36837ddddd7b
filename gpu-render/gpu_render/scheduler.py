"""One GPU for many sessions: a clip per step, the one whose stage runs dry first before all others.

While a clip is decoded and copied, the next session's is denoised; of each, one is under way at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf
from typing import Any, Protocol, TypeVar

from .engine import Cancelled, Clip, ClipEngine, Geometry, Pictures, Size, Stop
from .schedule import Turn, ahead_of, real_time_factor
from .turnstile import Turnstile

NEWEST = 0.3
"""How much the newest clip counts in what clips are expected to take."""
OVERRUN = 0.1
"""What takes longer than expected is expected to take this much longer than it has taken."""
PATIENCE_S = 10.0
"""An engine gives a sign of life (a denoising step, a batch) at least so often, or in the time of a clip where that is longer."""
CHORE_PATIENCE_S = 120.0

T = TypeVar("T")
Receive = Callable[[Pictures], bool]
"""Takes a batch; False when no more of the clip is wanted."""


class Gpu(Protocol):
    """Two threads: one denoises, one decodes."""

    async def call(self, work: Callable[[], T]) -> T:
        """In the first one."""
        ...

    async def decode(self, clip: Clip[Any], receive: Receive) -> None:
        """In the second one; `receive` is called in the loop."""
        ...


@dataclass(eq=False)
class Order:
    """A clip somebody wants."""

    size: Size
    came: float
    deadline: float
    denoise: Callable[[Stop], Clip[Any]]
    receive: Receive
    stepped: Callable[[], None] = lambda: None
    """Called in the loop with each denoising step."""
    background: bool = False
    """Nobody waits for it."""
    stopped: bool = False
    turn: Turn | None = None
    begun: float | None = None


@dataclass(frozen=True)
class Timing:
    """Seconds."""

    waited: float
    took: float


class Scheduler:
    def __init__(self, gpu: Gpu, engine: ClipEngine[Any, Any, Any]) -> None:
        self._gpu = gpu
        self._geometry: Geometry = engine.geometry
        self._expected = {size: engine.measured_clip_ms(size) / 1_000 for size in self._geometry.sizes}
        self._reserved = False
        self._turnstile = Turnstile(lambda turn: not (self._reserved and turn.background))
        self._decoder = asyncio.Lock()
        self._arrivals = 0
        self._denoising: Order | None = None
        self._signs: dict[object, tuple[float, float]] = {}

    @property
    def waiting(self) -> int:
        return len(self._turnstile.waiting)

    def expected_ms(self, size: Size) -> float:
        """What a clip takes: as the warm-up has measured, then as the last ones have."""
        return self._expected[size] * 1_000

    def factor(self, size: Size) -> float:
        return real_time_factor(self._geometry, self.expected_ms(size))

    async def draw(self, order: Order) -> tuple[Clip[Any], Timing]:
        """Draws the clip when its turn has come, each batch to its receiver as it leaves the decoder. Raises what the engine raises."""
        order.turn = self._turn(order.deadline, self._expected[order.size], background=order.background)
        if order.stopped:
            raise Cancelled
        async with self._turnstile.pass_through(order.turn):
            order.begun = self._now()
            self._denoising = order
            try:
                clip = await self._watched(order, self._denoise(order), self._patience(order))
            finally:
                self._denoising = None
            denoised = self._now()
            # Taken before the next clip is begun: no more than one waits for the decoder.
            await self._decoder.acquire()
        try:
            since = self._now()
            await self._watched(order, self._decode(order, clip), self._patience(order))
        finally:
            self._decoder.release()
        took = denoised - order.begun + self._now() - since
        if not order.stopped:
            self._expected[order.size] += NEWEST * (took - self._expected[order.size])
        return clip, Timing(order.begun - order.came, took)

    def reserve(self, reserved: bool) -> None:
        """For conversations, until it is given free again: no clip is begun that nobody waits for."""
        self._reserved = reserved
        self._turnstile.look_again()

    def stop(self, order: Order) -> None:
        """Nobody wants it any more: it ends within a denoising step, or is never begun."""
        order.stopped = True
        if order.turn is not None:
            self._turnstile.call_off(order.turn, Cancelled())

    async def between_clips(self, work: Callable[[], T]) -> T:
        """Something short for the GPU's thread, before the next clip."""
        async with self._turnstile.pass_through(self._turn(-inf, 0)):
            return await self._watched(object(), self._gpu.call(work), CHORE_PATIENCE_S)

    def outlook(self, order: Order) -> tuple[float, float]:
        """How much of it is done, 0…1, and the seconds until all of it is."""
        expected = self._expected[order.size]
        if order.begun is not None:
            taken = self._now() - order.begun
            return min(taken / expected, 0.99), max(expected - taken, OVERRUN * taken)
        others = 0.0 if self._denoising is None else self.outlook(self._denoising)[1]
        if order.turn is not None:
            others += ahead_of(order.turn, self._turnstile.waiting)
        return 0, others + expected

    def overdue(self) -> float:
        """Seconds since the engine should have given a sign of life; below 0 while it is well."""
        now = self._now()
        return max((now - last - patience for last, patience in self._signs.values()), default=-inf)

    async def _denoise(self, order: Order) -> Clip[Any]:
        loop = asyncio.get_running_loop()

        def stepped() -> None:
            self._sign(order)
            order.stepped()

        def stop() -> bool:
            loop.call_soon_threadsafe(stepped)
            return order.stopped

        return await self._gpu.call(lambda: order.denoise(stop))

    async def _decode(self, order: Order, clip: Clip[Any]) -> None:
        def receive(batch: Pictures) -> bool:
            self._sign(order)
            return not order.stopped and order.receive(batch)

        await self._gpu.decode(clip, receive)
        if order.stopped:
            raise Cancelled

    async def _watched(self, who: object, work: Awaitable[T], patience: float) -> T:
        self._signs[who] = (self._now(), patience)
        try:
            return await work
        finally:
            self._signs.pop(who, None)

    def _sign(self, who: object) -> None:
        if who in self._signs:
            self._signs[who] = (self._now(), self._signs[who][1])

    def _patience(self, order: Order) -> float:
        return max(PATIENCE_S, self._expected[order.size])

    def _turn(self, deadline: float, expected: float, *, background: bool = False) -> Turn:
        self._arrivals += 1
        return Turn(background, deadline, self._arrivals, expected)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
