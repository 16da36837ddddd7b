"""What a worker does with a lease, from taking it to being done with it (the table in docs/frame-link.md)."""

from __future__ import annotations

import asyncio
import time
from enum import Enum
from urllib.parse import urlsplit

from redis.exceptions import RedisError

from .conversation import Conversation, Ended
from .formats import LinkSpeed
from .leases import Claim, Lease, Leases
from .link import Link, NotWanted, Refused, Unreachable, dial
from .log import Log
from .studio import Studio
from .wire import BadMessage

KEEP_EVERY_S = 3.0
KEPT_FOR_S = 10.0
"""After so long without a word from us it is another's."""
DIAL_FOR_S = 10.0
DIAL_PAUSE_S = 0.5
DIALS = 2


class Fate(Enum):
    """What becomes of a lease."""

    DONE = "done"
    HAND_BACK = "handed back"
    HAND_BACK_UNCOUNTED = "handed back, not counted"
    LET_GO = "let go"
    PARK = "parked"


FATES = {
    Ended.DONE: Fate.DONE,
    Ended.BROKEN: Fate.HAND_BACK_UNCOUNTED,
    Ended.FAILED: Fate.HAND_BACK,
    Ended.LET_GO: Fate.LET_GO,
    Ended.LEFT: Fate.HAND_BACK_UNCOUNTED,
}


class Holding:
    """One lease that this worker has."""

    def __init__(self, claim: Claim, leases: Leases, studio: Studio, log: Log, *, background: bool = False) -> None:
        self.claim = claim
        self.background = background
        """Nobody waits for it."""
        self.since = asyncio.get_running_loop().time()
        self._leases = leases
        self._studio = studio
        self._log = log.child(lease=claim.id, traceId=claim.trace_id)
        self._conversation: Conversation | None = None
        self._leaving = False
        self._lost = False

    @property
    def factor(self) -> float:
        """Its share of the GPU's time."""
        size = None if self._conversation is None else self._conversation.size
        return self._studio.scheduler.factor(size or self._studio.engine.geometry.sizes[0])

    async def run(self) -> None:
        keeping = asyncio.create_task(self._keep())
        try:
            fate = await self._serve()
        finally:
            keeping.cancel()
        self._studio.metrics.leases_ended.labels(fate.value).inc()
        self._log.info("lease ended", extra={"how": fate.value})
        await self._settle(fate)
        self._leases.forget(self.claim)

    async def leave(self) -> None:
        """Hands it back when the window that is being drawn is done."""
        self._leaving = True
        if self._conversation is not None:
            await self._conversation.leave()

    async def lose(self) -> None:
        """It is another's by now, or nobody's."""
        self._lost = True
        if self._conversation is not None:
            await self._conversation.let_go()

    async def hand_back(self, *, counted: bool) -> None:
        """At once, whatever the engine is at."""
        await self._settle(Fate.HAND_BACK if counted else Fate.HAND_BACK_UNCOUNTED)

    async def _serve(self) -> Fate:
        try:
            lease = self.claim.lease()
        except BadMessage as error:
            self._log.error("not a lease", extra={"why": str(error)})
            return Fate.PARK
        fate = Fate.HAND_BACK_UNCOUNTED
        for _ in range(DIALS):
            if lease.expires_at <= time.time():
                return Fate.DONE
            try:
                link = await self._dial(lease)
            except NotWanted:
                return Fate.DONE
            except Refused as error:
                self._log.error("refused", extra={"why": str(error)})
                return Fate.DONE
            except Unreachable as error:
                self._log.warning("the server can't be reached", extra={"why": str(error)})
                return Fate.LET_GO if self._lost else Fate.HAND_BACK_UNCOUNTED
            ended = await self._converse(link)
            fate = FATES[ended]
            if ended is not Ended.BROKEN or self._leaving or self._lost:
                break
            self._log.warning("the link broke")
        return Fate.LET_GO if self._lost else fate

    async def _dial(self, lease: Lease) -> Link:
        parts = urlsplit(lease.url)
        speed = self._studio.speeds.setdefault(parts.netloc, LinkSpeed())
        give_up = asyncio.get_running_loop().time() + DIAL_FOR_S
        while True:
            try:
                return await dial(lease, speed, self._studio.metrics)
            except Unreachable:
                if self._leaving or self._lost or asyncio.get_running_loop().time() > give_up:
                    raise
            await asyncio.sleep(DIAL_PAUSE_S)

    async def _converse(self, link: Link) -> Ended:
        self._conversation = Conversation(link, self._studio, self.claim.id, self._log, background=self.background)
        if self._leaving or self._lost:
            await link.close()
            return Ended.LEFT
        self._log.info("lease begun", extra={"tries": self.claim.tries, "background": self.background})
        try:
            return await self._conversation.run()
        finally:
            self._conversation = None

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        kept = loop.time()
        while not self._lost:
            await asyncio.sleep(KEEP_EVERY_S)
            try:
                mine = await self._leases.keep(self.claim)
                kept = loop.time()
            except (RedisError, OSError, asyncio.TimeoutError) as error:
                # The server lets two have it for a moment; with Redis away nobody else can take it.
                self._leases.failed("keep", error)
                mine = True
            if not mine:
                self._log.warning("the lease is another's by now", extra={"keptBefore": round(loop.time() - kept, 1)})
                await self.lose()

    async def _settle(self, fate: Fate) -> None:
        """Tries as long as it counts: after that it is another's anyway."""
        calls = {
            Fate.DONE: lambda: self._leases.done(self.claim),
            Fate.HAND_BACK: lambda: self._leases.hand_back(self.claim, counted=True),
            Fate.HAND_BACK_UNCOUNTED: lambda: self._leases.hand_back(self.claim, counted=False),
            Fate.PARK: lambda: self._leases.park(self.claim),
        }
        call = calls.get(fate)
        if call is None:
            return
        try:
            await asyncio.wait_for(self._leases.patiently("settle", call), KEPT_FOR_S)
        except asyncio.TimeoutError:
            self._log.error("Redis was not told what became of the lease", extra={"fate": fate.value})
