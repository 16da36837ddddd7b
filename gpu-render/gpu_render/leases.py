"""Leases from Redis Streams, at least once each (docs/frame-link.md)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

import redis.asyncio as redis
from redis.exceptions import RedisError, ResponseError

from .log import Log
from .metrics import Metrics
from .wire import BadMessage, Header, check

GROUP = "workers"
NOBODY = "nobody"
"""Consumer of what was handed back."""
HANDED_BACK_MS = 86_400_000
CLAIM_AFTER_MS = 10_000
MAX_TRIES = 3
BLOCK_MS = 200
PRESENCE_MS = 5_000
PARKED_KEPT = 1_000
REMEMBERED_S = 86_400
PATIENCE_S = 5.0
LONGEST_PAUSE_S = 5.0

T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True)
class Lease:
    """What a lease says, checked."""

    url: str
    token: str
    expires_at: float
    """Unix seconds."""


@dataclass(frozen=True)
class Claim:
    """A lease in this worker's hands."""

    entry: str
    id: str
    trace_id: str
    body: str
    tries: int

    def lease(self) -> Lease:
        """Raises BadMessage."""
        try:
            body = json.loads(self.body)
        except ValueError as error:
            raise BadMessage("The lease is no JSON.") from error
        check("lease.json", ("$defs", "Lease"), body)
        return Lease(body["url"], body["token"], body["expiresAt"] / 1_000)


def whole(call: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Goes on to its end when its caller is cancelled: redis-py before 4.5.3 hands the next caller the answer that was not awaited."""

    @wraps(call)
    async def shielded(*args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.shield(asyncio.ensure_future(call(*args, **kwargs)))

    return shielded


def background(engine: str) -> str:
    """The queue of what nobody waits for."""
    return f"{engine}:background"


class Leases:
    """A queue of an engine, seen by one worker."""

    def __init__(
        self, client: redis.Redis[str], queue: str, worker: str, metrics: Metrics, log: Log, block_ms: int | None = BLOCK_MS
    ) -> None:
        """Taking waits `block_ms` for something to come; None: not at all."""
        self._redis = client
        self._block_ms = block_ms
        self._worker = worker
        self._metrics = metrics
        self._log = log
        prefix = f"infinitetalk:{{{queue}}}:"
        self._work = f"{prefix}work"
        self._parked = f"{prefix}parked"
        self._cancelled = f"{prefix}cancelled"
        self._takers = f"{prefix}takers"
        self._id = f"{prefix}id:"
        self._taker = f"{prefix}taker:{worker}"
        self._held: set[str] = set()
        self.reachable = False

    @whole
    async def take(self) -> Claim | None:
        """The next one; None when there was none for a moment, or Redis is away. What was left behind comes first."""
        try:
            claim = await self._left_behind() or await self._fresh()
        except ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            await self._create_group()
            claim = None
        self.reachable = True
        if claim is not None:
            self._held.add(claim.entry)
        return claim

    def forget(self, claim: Claim) -> None:
        """It is no longer held; if it is still in our name, that is an accident."""
        self._held.discard(claim.entry)

    @whole
    async def keep(self, claim: Claim) -> bool:
        """Still at it. False when it is another's by now, or nobody's."""
        if not await self._is_mine(claim):
            return False
        await self._redis.xclaim(self._work, GROUP, self._worker, 0, [claim.entry], justid=True)
        return True

    @whole
    async def done(self, claim: Claim) -> None:
        """Never given out again; harmless for what is another's by now."""
        if not await self._is_mine(claim):
            return
        async with self._redis.pipeline() as together:
            together.xack(self._work, GROUP, claim.entry)
            together.xdel(self._work, claim.entry)
            await together.execute()

    @whole
    async def hand_back(self, claim: Claim, *, counted: bool) -> None:
        """For another to take at once. Not counted: it was no fault of the lease."""
        if not await self._is_mine(claim):
            return
        count = None if counted else claim.tries - 1
        await self._redis.xclaim(self._work, GROUP, NOBODY, 0, [claim.entry], idle=HANDED_BACK_MS, retrycount=count, justid=True)

    @whole
    async def park(self, claim: Claim) -> None:
        """Tried too often, or no lease at all: kept aside for a person to look at."""
        fields = {"id": claim.id, "traceId": claim.trace_id, "body": claim.body, "tries": claim.tries, "taker": self._worker}
        async with self._redis.pipeline() as together:
            together.xadd(self._parked, fields, maxlen=PARKED_KEPT, approximate=True)
            together.set(self._id + claim.id, "parked", ex=REMEMBERED_S)
            together.xack(self._work, GROUP, claim.entry)
            together.xdel(self._work, claim.entry)
            await together.execute()
        self._log.error("a lease is parked", extra={"lease": claim.id, "traceId": claim.trace_id, "tries": claim.tries})

    @whole
    async def announce(self, presence: Header) -> None:
        check("lease.json", ("$defs", "WorkerPresence"), presence)
        async with self._redis.pipeline() as together:
            together.set(self._taker, json.dumps(presence), px=PRESENCE_MS)
            together.sadd(self._takers, self._worker)
            await together.execute()
        self.reachable = True

    @whole
    async def withdraw(self) -> None:
        """This worker goes; what it has was handed back before."""
        async with self._redis.pipeline() as together:
            together.delete(self._taker)
            together.srem(self._takers, self._worker)
            await together.execute()
        if not await self._redis.xpending_range(self._work, GROUP, "-", "+", 1, self._worker):
            await self._redis.xgroup_delconsumer(self._work, GROUP, self._worker)

    async def cancelled(self) -> AsyncIterator[str]:
        """Ids of leases that nobody wants any more, from now on."""
        # Not "$" again and again: what comes between two calls would be missed.
        last = await self.patiently("cancels", self._last_cancel)
        while True:
            found = await self.patiently("cancels", partial(self._cancels, last))
            for entry, fields in found:
                last = entry
                yield fields.get("id", "")

    async def patiently(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        """Until Redis answers, with growing pauses."""
        pause = 0.1
        while True:
            try:
                return await call()
            except (RedisError, OSError, asyncio.TimeoutError) as error:
                self.failed(what, error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def failed(self, what: str, error: BaseException) -> None:
        if self.reachable:
            self._log.warning("Redis is away", extra={"doing": what, "why": type(error).__name__})
        self.reachable = False
        self._metrics.bus_errors.inc()

    async def _is_mine(self, claim: Claim) -> bool:
        return bool(await self._redis.xpending_range(self._work, GROUP, claim.entry, claim.entry, 1, self._worker))

    async def _fresh(self) -> Claim | None:
        answer: Any = await self._redis.xreadgroup(GROUP, self._worker, {self._work: ">"}, 1, self._block_ms)
        for _stream, entries in answer:
            for entry, fields in entries:
                return _claim(entry, fields, 1)
        return None

    async def _left_behind(self) -> Claim | None:
        """What its worker has not kept, or has handed back."""
        found: Any = await self._redis.xpending_range(self._work, GROUP, "-", "+", 1, idle=CLAIM_AFTER_MS)
        for pending in found:
            entry, tries = str(pending["message_id"]), int(pending["times_delivered"])
            if entry in self._held:
                # Redis was away for longer than it could be kept.
                await self._redis.xclaim(self._work, GROUP, self._worker, 0, [entry], justid=True)
                continue
            claimed: Any = await self._redis.xclaim(self._work, GROUP, self._worker, CLAIM_AFTER_MS, [entry])
            for mine, fields in claimed:
                claim = _claim(mine, fields, tries + 1)
                if tries < MAX_TRIES:
                    return claim
                await self.park(Claim(claim.entry, claim.id, claim.trace_id, claim.body, tries))
        return None

    @whole
    async def _last_cancel(self) -> str:
        found: Any = await self._redis.xrevrange(self._cancelled, count=1)
        return str(found[0][0]) if found else "0-0"

    @whole
    async def _cancels(self, last: str) -> list[tuple[str, dict[str, str]]]:
        answer: Any = await self._redis.xread({self._cancelled: last}, None, BLOCK_MS * 5)
        return [entry for _stream, entries in answer for entry in entries]

    async def _create_group(self) -> None:
        try:
            await self._redis.xgroup_create(self._work, GROUP, "0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise


def _claim(entry: str, fields: dict[str, str], tries: int) -> Claim:
    return Claim(entry, fields.get("id", ""), fields.get("traceId", ""), fields.get("body", ""), tries)


def connect(url: str) -> redis.Redis[str]:
    """Connects when it is first asked something."""
    return redis.Redis.from_url(url, decode_responses=True, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S)
