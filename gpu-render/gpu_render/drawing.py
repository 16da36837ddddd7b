"""One generation of a lease: from its avatar and its motion, window after window, to pictures on the link."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from .engine import SAMPLES_PER_FRAME, Audio, Cancelled, Clip, Geometry, Picture, Pictures, Size
from .formats import from_jpeg
from .link import Link
from .log import Log
from .outbox import Outbox
from .pictures import i420_bytes
from .references import read_reference
from .scheduler import Order, Timing
from .studio import Studio
from .wire import BadMessage, Header, Message, parts, size_of

TELL_EVERY_S = 1.0

Static = Any
State = Any
Motion = Any


class Unsupported(Exception):
    """A size or a geometry that this engine does not have."""


class Drawing:
    def __init__(self, begin: Header, studio: Studio, link: Link, log: Log, *, background: bool = False) -> None:
        self.generation: int = begin["generation"]
        self.reference_hash: str = begin["avatar"]["reference"]
        self._begin = begin
        self.size: Size = size_of(begin)
        self._studio = studio
        self._link = link
        self._log = log
        self._background = background
        loop = asyncio.get_running_loop()
        self._reference: asyncio.Future[memoryview] = loop.create_future()
        self._inbox: asyncio.Queue[tuple[Message, float]] = asyncio.Queue()
        """Motion and windows, in order, and when they came."""
        self._busy = False
        self._order: Order | None = None

    @property
    def is_drawing(self) -> bool:
        """A window has come and is not done."""
        return self._busy or not self._inbox.empty()

    def give(self, message: Message) -> None:
        """What the server says of this generation."""
        if message.type in ("window", "motion"):
            self._inbox.put_nowait((message, asyncio.get_running_loop().time()))
        elif message.type == "reference" and not self._reference.done():
            self._reference.set_result(message.payload)

    def stop(self) -> bool:
        """What is being drawn ends within a denoising step, and `run` raises Cancelled; False while nothing is."""
        if self._order is None:
            return False
        self._studio.scheduler.stop(self._order)
        return True

    async def run(self, done_one: Callable[[], Awaitable[None]]) -> None:
        """Draws what comes, for as long as it is not stopped or cancelled; calls `done_one` after each window."""
        scheduler, engine = self._studio.scheduler, self._studio.engine
        if self.size not in engine.geometry.sizes:
            known = ", ".join(f"{size.width}x{size.height}" for size in engine.geometry.sizes)
            raise Unsupported(f"{self.size.width}x{self.size.height} is none of this engine's sizes ({known}).")
        static = await self._static()
        state: State = await scheduler.between_clips(lambda: engine.begin(static))
        # Without motion the first clip is drawn from the reference alone.
        motion: Motion = None
        tail: Pictures = np.empty((0, self.size.height * 3 // 2, self.size.width), np.uint8)
        while True:
            message, came = await self._inbox.get()
            self._busy = True
            if message.type == "motion":
                motion, tail = None, await asyncio.to_thread(motion_pictures, message, self.size, engine.geometry.overlap_frames)
                self._busy = False
                continue
            if motion is None and len(tail) > 0:
                motion = await scheduler.between_clips(partial(engine.reset_motion, state, tail))
            motion, tail = await self._window(message, came, state, motion, tail)
            self._busy = False
            await done_one()

    async def _static(self) -> Static:
        prompt, engine, avatars = self._begin["avatar"]["prompt"], self._studio.engine, self._studio.avatars
        known = avatars.picture(self.reference_hash)
        picture = await self._fetch_reference() if known is None else known
        return await avatars.static(
            (self.reference_hash, prompt, self.size),
            lambda: self._studio.scheduler.between_clips(lambda: engine.prepare(picture, prompt, self.size)),
        )

    async def _fetch_reference(self) -> Picture:
        await self._link.send({"type": "need_reference", "hash": self.reference_hash})
        picture = await asyncio.to_thread(read_reference, await self._reference, self.reference_hash)
        self._studio.avatars.learn(self.reference_hash, picture)
        return picture

    async def _window(self, message: Message, came: float, state: State, motion: Motion, tail: Pictures) -> tuple[Motion, Pictures]:
        """Draws a window and sends it. What the next one goes on from: motion (None: that of the pictures) and the last pictures."""
        window, engine = message.header, self._studio.engine
        geometry: Geometry = engine.geometry
        audio = sound(message, geometry)
        deadline = came + window["deadlineMs"] / 1_000 if "deadlineMs" in window else float("inf")
        outbox, stepped = Outbox(window, tail, geometry, from_reference=motion is None), asyncio.Event()
        order = Order(self.size, came, deadline, lambda stop: engine.step(state, audio, motion, stop), outbox.put, stepped.set)
        order.background = self._background
        self._order = order
        try:
            clip, timing = await self._draw(order, outbox, stepped, window)
        finally:
            self._order = None
        self._account(timing, deadline)
        done = {"type": "clip_done", "generation": self.generation, "window": window["window"]}
        await self._link.send({**done, "clipMs": timing.took * 1_000, "waitedMs": timing.waited * 1_000})
        shown = np.concatenate([tail, *outbox.pictures])[-geometry.overlap_frames :]
        return clip.motion if window["freshFrames"] == geometry.fresh_frames else None, shown

    async def _draw(self, order: Order, outbox: Outbox, stepped: asyncio.Event, window: Header) -> tuple[Clip[Any], Timing]:
        sending = asyncio.create_task(outbox.send_all(self._link, self._begin["formats"]))
        telling = asyncio.create_task(self._tell(order, stepped, window["window"]))
        try:
            clip, timing = await self._studio.scheduler.draw(order)
            self._order = None
            if order.stopped:
                raise Cancelled
            telling.cancel()
            outbox.end()
            await sending
            return clip, timing
        finally:
            order.stopped = True
            for task in (sending, telling):
                task.cancel()
            await asyncio.gather(sending, telling, return_exceptions=True)

    async def _tell(self, order: Order, stepped: asyncio.Event, window: int) -> None:
        """With each denoising step, and each second."""
        # Not "while True": before Python 3.12 wait_for may swallow the cancellation of who awaits it.
        while not order.stopped:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stepped.wait(), TELL_EVERY_S)
            stepped.clear()
            done, eta = self._studio.scheduler.outlook(order)
            progress = {"type": "progress", "generation": self.generation, "window": window}
            await self._link.send({**progress, "done": done, "etaMs": eta * 1_000})

    def _account(self, timing: Timing, deadline: float) -> None:
        metrics = self._studio.metrics
        metrics.clip_seconds.labels(f"{self.size.width}x{self.size.height}").observe(timing.took)
        metrics.clip_wait_seconds.observe(timing.waited)
        self._studio.failed.clear()
        late = asyncio.get_running_loop().time() - deadline
        if late > 0:
            metrics.clips_late.inc()
            self._log.info("a clip came after its stage ran dry", extra={"lateMs": round(late * 1_000)})


def sound(message: Message, geometry: Geometry) -> Audio:
    """What the engine hears of a window: padded with silence to a whole clip."""
    window = message.header
    if not 0 < window["freshFrames"] <= geometry.fresh_frames or window["overlapFrames"] != geometry.overlap_frames:
        raise Unsupported(
            f"A window of {window['overlapFrames']} and {window['freshFrames']} frames; "
            f"this engine's are {geometry.overlap_frames} and at most {geometry.fresh_frames}."
        )
    frames = window["overlapFrames"] + window["freshFrames"] + window["lookAheadFrames"]
    if len(message.payload) != frames * SAMPLES_PER_FRAME * 2:
        raise BadMessage(f"{frames} frames of sound are {frames * SAMPLES_PER_FRAME * 2} bytes, not {len(message.payload)}.")
    heard = np.frombuffer(message.payload, "<i2").astype(np.float32) / 32_768
    audio = np.zeros(geometry.audio_samples, np.float32)
    audio[: len(heard)] = heard[: len(audio)]
    return audio


def motion_pictures(message: Message, size: Size, count: int) -> Pictures:
    header = message.header
    if size_of(header) != size or len(header["sizes"]) != count:
        raise BadMessage(f"Motion is {count} pictures of {size}, not {len(header['sizes'])} of {size_of(header)}.")
    files = parts(message.payload, header["sizes"])
    shape = (size.height * 3 // 2, size.width)
    if header["format"] == "jpeg":
        try:
            found = [from_jpeg(file) for file in files]
        except (OSError, ValueError) as error:
            raise BadMessage(f"A picture of motion can't be read: {error}") from error
    elif all(len(file) == i420_bytes(size) for file in files):
        found = [np.frombuffer(file, np.uint8).reshape(shape) for file in files]
    else:
        found = []
    if any(picture.shape != shape for picture in found) or len(found) != count:
        raise BadMessage(f"A picture of motion is not {size.width}x{size.height}.")
    return np.stack(found)
