"""A window's pictures on their way to the link: checked, counted, made small enough."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from .engine import Geometry, Pictures
from .formats import H264, to_jpeg
from .link import Link
from .pictures import are_dark, i420_bytes, size_of
from .wire import MAX_HEADER, MAX_MESSAGE, Header

MOST_PICTURES = 16
"""In a message."""
MAX_PAYLOAD = MAX_MESSAGE - MAX_HEADER - 4


class EngineFault(Exception):
    """The engine drew something that is no clip of this window."""


class Outbox:
    """Holds at most one window, so that a slow link never holds up the decoder, which others wait for."""

    def __init__(self, window: Header, before: Pictures, geometry: Geometry, *, from_reference: bool) -> None:
        self.pictures: list[Pictures] = []
        self._window = window
        self._size = size_of(before)
        self._dark_before = are_dark(before)
        self._wanted: int = window["freshFrames"]
        self._whole = self._wanted == geometry.fresh_frames
        self._count = 0
        # A clip from the reference alone begins with what others carry over: nobody asked for that.
        self._skip = geometry.overlap_frames if from_reference else 0
        self._queue: asyncio.Queue[Pictures | None] = asyncio.Queue()

    def put(self, batch: Pictures) -> bool:
        """A batch from the decoder; False when no more is wanted."""
        if batch.ndim != 3 or size_of(batch) != self._size:
            raise EngineFault(f"The engine drew pictures of shape {batch.shape}, not {self._size}.")
        self.pictures.append(batch[: self._skip])
        self._skip, batch = max(0, self._skip - len(batch)), batch[self._skip :]
        room = self._wanted - self._count
        if self._whole and len(batch) > room:
            raise EngineFault(f"The engine drew more than the {self._wanted} frames of a clip.")
        kept = batch[:room]
        if not self._dark_before and are_dark(kept):
            raise EngineFault("The engine drew a black picture.")
        self._count += len(kept)
        self.pictures.append(kept)
        most = min(MOST_PICTURES, MAX_PAYLOAD // i420_bytes(self._size))
        for at in range(0, len(kept), most):
            self._queue.put_nowait(kept[at : at + most])
        return self._whole or self._count < self._wanted

    def end(self) -> None:
        if self._count < self._wanted:
            raise EngineFault(f"The engine drew {self._count} of {self._wanted} frames.")
        self._queue.put_nowait(None)

    async def send_all(self, link: Link, allowed: Sequence[str]) -> None:
        """Sends what is put until the end."""
        video = None
        at: int = self._window["startFrame"]
        header = {"type": "frames", "generation": self._window["generation"], "window": self._window["window"]}
        header |= {"width": self._size.width, "height": self._size.height}
        while (pictures := await self._queue.get()) is not None:
            # One H.264 stream per window, once begun: its pictures build on each other.
            form = "h264" if video else link.speed.choose(allowed, self._size)
            if form == "h264":
                video = video or H264(self._size)
                files = await asyncio.to_thread(video.encode, pictures)
            elif form == "jpeg":
                files = await asyncio.to_thread(to_jpeg, pictures)
            else:
                files = [picture.tobytes() for picture in pictures]
            sizes = [len(file) for file in files]
            await link.send_pictures({**header, "firstFrame": at, "format": form, "sizes": sizes}, files)
            at += len(pictures)
