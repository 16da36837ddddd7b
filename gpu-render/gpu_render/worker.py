"""A worker: one process, one GPU, one engine. Loads, takes leases while there is room, leaves when told."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any

from redis.exceptions import RedisError

from .ended import ended
from .engine import ClipEngine, Settings
from .health import Health
from .holding import Holding
from .leases import Claim, Leases
from .log import Log
from .metrics import Metrics
from .options import Options
from .schedule import capacity, has_room
from .scheduler import Scheduler
from .studio import Studio
from .threads import Threads
from .wire import Header, geometry_of

SAY_EVERY_S = 1.0
FULL_PAUSE_S = 0.05
LAST_TAKE_S = 2.0
MOST_FAILURES = 3
NEWEST = 0.3
FIRST_LEASE_CLIPS = 4
"""Until one has ended, a lease is taken to be so many clips."""


class Broken(Exception):
    """The engine can't be trusted any more; only a new process helps."""


class Worker:
    """Ready to take leases; made by `load`."""

    def __init__(self, studio: Studio, leases: Leases, unhurried: Leases, health: Health, log: Log) -> None:
        self._studio = studio
        self._leases = leases
        self._unhurried = unhurried
        """What nobody waits for: conversations come before it."""
        self._health = health
        self._log = log
        self._held: dict[Holding, asyncio.Task[None]] = {}
        self._leaving = asyncio.Event()
        largest = studio.engine.geometry.sizes[0]
        self._largest = largest
        self._lease_s = FIRST_LEASE_CLIPS * studio.scheduler.expected_ms(largest) / 1_000

    def leave(self) -> None:
        """Takes nothing more, ends the clips it is at, hands the rest back."""
        self._leaving.set()

    async def run(self, shutdown_s: float) -> None:
        """Until told to leave. Raises Broken when the engine is stuck or fails again and again."""
        self._health.state = "ready"
        self._studio.metrics.ready.set(1)
        taking = asyncio.create_task(self._take())
        others = [taking, *(asyncio.create_task(work()) for work in (self._say, self._watch_cancels, self._watch_engine))]
        leaving = asyncio.create_task(self._leaving.wait())
        try:
            await asyncio.wait([leaving, *others], return_when=asyncio.FIRST_COMPLETED)
            for task in others:
                if task.done():
                    task.result()
            self._health.state = "draining"
            await ended(taking)
            await self._drain(shutdown_s)
        finally:
            self._studio.metrics.ready.set(0)
            await ended(leaving, *others)
            await self._give_up()

    async def _take(self) -> None:
        while True:
            claim = None
            if self._has_room():
                claim = await self._claim(self._leases)
                if claim is not None:
                    self._hold(Holding(claim, self._leases, self._studio, self._log))
            else:
                await asyncio.sleep(FULL_PAUSE_S)
            if claim is None and self._has_room_in_background():
                claim = await self._claim(self._unhurried)
                if claim is not None:
                    self._hold(Holding(claim, self._unhurried, self._studio, self._log, background=True))

    async def _claim(self, leases: Leases) -> Claim | None:
        # Shielded: a lease that Redis has given out just as we leave is handed back, not forgotten.
        taking = asyncio.ensure_future(leases.patiently("take", leases.take))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            await asyncio.wait([taking], timeout=LAST_TAKE_S)
            if taking.done() and (claim := taking.result()) is not None:
                await leases.hand_back(claim, counted=False)
            taking.cancel()
            raise

    def _hold(self, holding: Holding) -> None:
        task = asyncio.create_task(holding.run())
        self._held[holding] = task
        self._reserve()
        task.add_done_callback(lambda done: self._release(holding, done))

    def _release(self, holding: Holding, done: asyncio.Task[None]) -> None:
        del self._held[holding]
        self._reserve()
        if not holding.background:
            self._lease_s += NEWEST * (self._now() - holding.since - self._lease_s)
        if not done.cancelled() and done.exception() is not None:
            self._log.error("a lease ended badly", exc_info=done.exception())

    async def _say(self) -> None:
        """Each second: who we are and how busy."""
        while True:
            self._health.sign_of_life()
            self._studio.metrics.leases.set(len(self._held))
            self._studio.metrics.capacity.set(self._capacity())
            try:
                await self._leases.announce(self._presence())
            except (RedisError, OSError, asyncio.TimeoutError) as error:
                self._leases.failed("announce", error)
            self._health.bus_reachable = self._leases.reachable
            await asyncio.sleep(SAY_EVERY_S)

    def _presence(self) -> Header:
        return {
            "v": 1,
            "engine": self._studio.engine.name,
            "geometry": geometry_of(self._studio.engine),
            "sizes": self._studio.sizes(),
            "state": self._health.state,
            "leases": len(self._conversations()),
            "capacity": self._capacity(),
            "freeInMs": 0 if self._has_room() else self._free_in() * 1_000,
            "leaseMs": self._lease_s * 1_000,
        }

    def _conversations(self) -> list[Holding]:
        return [holding for holding in self._held if not holding.background]

    def _has_room(self) -> bool:
        """For one more conversation: what nobody waits for makes way."""
        return has_room([holding.factor for holding in self._conversations()], self._studio.scheduler.factor(self._largest))

    def _has_room_in_background(self) -> bool:
        held = list(self._held)
        if any(holding.background for holding in held):
            return False
        return has_room([holding.factor for holding in held], self._studio.scheduler.factor(self._largest))

    def _reserve(self) -> None:
        """While conversations leave no room, what nobody waits for stands still between two of its clips."""
        talking = [holding.factor for holding in self._conversations()]
        resting = [holding.factor for holding in self._held if holding.background]
        self._studio.scheduler.reserve(any(not has_room(talking, factor) for factor in resting))

    def _capacity(self) -> int:
        return capacity(self._studio.scheduler.factor(self._largest))

    def _free_in(self) -> float:
        """The first of them to end, as long as leases took so far; one that takes longer takes a tenth longer still."""
        held = [self._now() - holding.since for holding in self._conversations()]
        return min((max(self._lease_s - taken, 0.1 * taken) for taken in held), default=0)

    async def _watch_cancels(self) -> None:
        async def watch(leases: Leases) -> None:
            async for lease in leases.cancelled():
                for holding in list(self._held):
                    if holding.claim.id == lease:
                        await holding.lose()

        await asyncio.gather(watch(self._leases), watch(self._unhurried))

    async def _watch_engine(self) -> None:
        while True:
            await asyncio.sleep(SAY_EVERY_S)
            if self._studio.scheduler.overdue() > 0:
                raise Broken("The engine gives no sign of life.")
            if len(self._studio.failed) >= MOST_FAILURES:
                raise Broken(f"The engine has failed {len(self._studio.failed)} leases, one after the other.")

    async def _drain(self, shutdown_s: float) -> None:
        tasks = list(self._held.values())
        self._log.info("leaving", extra={"leases": len(tasks)})
        await asyncio.gather(*(holding.leave() for holding in list(self._held)))
        if tasks:
            await asyncio.wait(tasks, timeout=shutdown_s)

    async def _give_up(self) -> None:
        """What is left is handed back at once; links break when the process ends."""
        self._health.engine_well = self._studio.scheduler.overdue() <= 0
        for holding, task in list(self._held.items()):
            task.cancel()
            await holding.hand_back(counted=not self._health.engine_well)
        for leases in (self._unhurried, self._leases):
            try:
                await leases.withdraw()
            except (RedisError, OSError, asyncio.TimeoutError) as error:
                leases.failed("withdraw", error)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


async def load(options: Options, settings: Settings, threads: Threads, health: Health, log: Log) -> Studio:
    """The engine, warm. Says meanwhile how far it is."""
    metrics: Metrics = health.metrics

    def progress(share: float, doing: str) -> None:
        health.progress, health.doing = share, doing
        metrics.loading.set(share)

    def make() -> ClipEngine[Any, Any, Any]:
        engine: ClipEngine[Any, Any, Any] = import_module(f".engines.{options.engine}", __package__).load(settings, progress)
        return engine

    loading = asyncio.ensure_future(threads.call(make))
    told = ""
    while not loading.done():
        health.sign_of_life()
        if health.doing != told:
            told = health.doing
            log.info(told, extra={"progress": round(health.progress, 2)})
        await asyncio.wait([loading], timeout=SAY_EVERY_S)
    engine = loading.result()
    progress(1, "warm")
    return Studio(options.worker, engine, Scheduler(threads, engine), metrics)
