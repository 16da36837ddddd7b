"""One lease on one link: what the server asks for, one generation after the other, until somebody says goodbye."""

from __future__ import annotations

import asyncio
from enum import Enum

from .drawing import Drawing, Unsupported
from .ended import ended
from .engine import Cancelled, OutOfMemory, Size
from .link import Closed, Link
from .log import Log
from .references import BadReference
from .studio import Studio
from .wire import LINK_VERSION, BadMessage, Message, geometry_of


class Ended(Enum):
    """Why a conversation is over."""

    DONE = "done"
    """The server wants nothing more."""
    BROKEN = "broken"
    """Nobody said goodbye."""
    FAILED = "failed"
    """The engine, or the server's words."""
    LET_GO = "let_go"
    """The lease is another's."""
    LEFT = "left"
    """The worker is leaving."""


# What the server may do about it; anything else is the engine's own failure.
CODES: dict[type[Exception], str] = {
    OutOfMemory: "out_of_memory",
    BadReference: "bad_reference",
    BadMessage: "bad_message",
    Unsupported: "unsupported",
}


class Conversation:
    def __init__(self, link: Link, studio: Studio, lease: str, log: Log, *, background: bool = False) -> None:
        self._link = link
        self._studio = studio
        self._lease = lease
        self._log = log
        self._background = background
        self._drawing: Drawing | None = None
        self._task: asyncio.Task[None] | None = None
        self._ended: Ended | None = None
        self._leaving = False

    @property
    def size(self) -> Size | None:
        """In which it draws now."""
        return None if self._drawing is None else self._drawing.size

    async def run(self) -> Ended:
        engine = self._studio.engine
        try:
            hello = {"type": "hello", "v": LINK_VERSION, "worker": self._studio.worker, "engine": engine.name}
            await self._link.send({**hello, "geometry": geometry_of(engine), "sizes": self._studio.sizes()})
            async for message in self._link.messages():
                await self._hear(message)
        except BadMessage as error:
            await self._fail(error)
        finally:
            await self._stop_drawing()
            await self._link.close()
        return self._ended or self._closed_by_server()

    async def leave(self) -> None:
        """Ends the window that is being drawn, then says goodbye."""
        self._leaving = True
        if self._drawing is None or not self._drawing.is_drawing:
            await self._say_goodbye()

    async def let_go(self) -> None:
        """At once: the lease is another's, or nobody's."""
        await self._end(Ended.LET_GO)

    async def _hear(self, message: Message) -> None:
        generation = message.header.get("generation")
        if message.type == "begin":
            await self._stop_drawing()
            log = self._log.child(generation=generation)
            self._drawing = Drawing(message.header, self._studio, self._link, log, background=self._background)
            self._task = asyncio.create_task(self._draw(self._drawing))
        elif message.type == "bye":
            await self._end(Ended.DONE)
        elif message.type == "cancel":
            if self._drawing is not None and self._drawing.generation == generation:
                await self._stop_drawing()
            await self._link.send({"type": "cancelled", "generation": generation})
        elif self._drawing is not None and generation in (None, self._drawing.generation):
            self._drawing.give(message)

    async def _draw(self, drawing: Drawing) -> None:
        try:
            await drawing.run(self._done_one)
        except Cancelled:
            self._studio.metrics.clips_cancelled.inc()
        except Exception as error:
            await self._fail(error, drawing.generation)

    async def _done_one(self) -> None:
        if self._leaving:
            await self._say_goodbye()

    async def _fail(self, error: Exception, generation: int | None = None) -> None:
        code = CODES.get(type(error), "engine_failed")
        self._studio.metrics.failures.labels(code).inc()
        if code == "engine_failed":
            self._studio.failed.add(self._lease)
        self._log.error("drawing failed", extra={"code": code}, exc_info=error)
        about = {} if generation is None else {"generation": generation}
        await self._link.send({"type": "error", "code": code, "message": f"{type(error).__name__}: {error}"[:500], **about})
        await self._end(Ended.FAILED)

    async def _say_goodbye(self) -> None:
        await self._link.send({"type": "bye", "reason": "The worker is leaving."})
        await self._end(Ended.LEFT)

    async def _end(self, how: Ended) -> None:
        if self._ended is None:
            self._ended = how
        await self._link.close()

    async def _stop_drawing(self) -> None:
        drawing, task = self._drawing, self._task
        self._drawing = self._task = None
        if drawing is None or task is None or task is asyncio.current_task():
            return
        if drawing.stop():
            await asyncio.wait([task])
        else:
            await ended(task)

    def _closed_by_server(self) -> Ended:
        if self._link.closed is None:
            return Ended.BROKEN
        return Ended.FAILED if self._link.closed is Closed.BAD_MESSAGE else Ended.LET_GO
