"""A media server's end of leases and of the frame link, as docs/frame-link.md has it."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import av
import numpy as np
import redis.asyncio as redis
from numpy.typing import NDArray
from PIL import Image
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.server import WebSocketServer, WebSocketServerProtocol, serve

from ..barcode import read_number, write_number
from ..engine import Pictures, Size
from ..formats import from_jpeg, to_jpeg
from ..pictures import NEUTRAL
from ..wire import Message, check, decode, parts, size_of

ENGINE = "{standin}"
WORK = f"infinitetalk:{ENGINE}:work"
BACKGROUND = "infinitetalk:{standin:background}:work"
SIZE = Size(256, 256)
OVERLAP, FRESH, AHEAD = 3, 12, 2


def reference() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (300, 300), (200, 160, 140)).save(file, "PNG")
    return file.getvalue()


def idle_frames(last: int, count: int = OVERLAP) -> Pictures:
    """Grey pictures numbered up to `last`."""
    pictures = np.full((count, SIZE.height * 3 // 2, SIZE.width), NEUTRAL, np.uint8)
    for at in range(count):
        write_number(pictures[at], last - count + 1 + at)
    return pictures


@dataclass
class Spoken:
    """What came of a window."""

    frames: list[int]
    """Their places in the utterance."""
    numbers: list[int | None]
    """What is painted on them."""
    formats: list[str]
    progress: list[float]
    done: dict[str, Any]


@dataclass
class Talk:
    """One link."""

    socket: WebSocketServerProtocol
    lease: str
    traces: list[Message] = field(default_factory=list)

    async def receive(self) -> Message:
        message = decode(await asyncio.wait_for(self.socket.recv(), 20), "toServer")
        self.traces.append(message)
        return message

    async def until(self, kind: str) -> Message:
        while (message := await self.receive()).type != kind:
            pass
        return message

    async def send(self, header: dict[str, Any], payload: bytes = b"") -> None:
        check("frame-link.json", ("toWorker", header["type"]), header)
        text = json.dumps(header).encode()
        await self.socket.send(struct.pack(">I", len(text)) + text + payload)

    async def begin(self, generation: int, motion: Pictures | None, prompt: str = "", formats: tuple[str, ...] = ("i420",)) -> None:
        """With its reference and, if any, its motion."""
        file = reference()
        known = hashlib.sha256(file).hexdigest()
        avatar = {"id": "nora", "prompt": prompt, "reference": known}
        begin = {"type": "begin", "generation": generation, "traceId": "trace", "avatar": avatar, "formats": list(formats)}
        await self.send({**begin, "width": SIZE.width, "height": SIZE.height})
        await self.send({"type": "reference", "hash": known, "mime": "image/png"}, file)
        if motion is not None:
            await self.motion(generation, motion, "jpeg" if "jpeg" in formats else "i420")

    async def motion(self, generation: int, pictures: Pictures, form: str = "i420") -> None:
        files = to_jpeg(pictures) if form == "jpeg" else [picture.tobytes() for picture in pictures]
        about = {"type": "motion", "generation": generation, "format": form, "sizes": [len(one) for one in files]}
        await self.send({**about, "width": SIZE.width, "height": SIZE.height}, b"".join(files))

    async def window(self, generation: int, index: int, start: int, fresh: int = FRESH, **more: object) -> None:
        frames = {"startFrame": start, "overlapFrames": OVERLAP, "freshFrames": fresh, "lookAheadFrames": AHEAD}
        header = {"type": "window", "generation": generation, "window": index, "endOfClause": False, **frames, **more}
        await self.send(header, bytes((OVERLAP + fresh + AHEAD) * 640 * 2))

    async def spoken(self) -> Spoken:
        """All of a window, to its end."""
        found = Spoken([], [], [], [], {})
        video: Any = None
        while (message := await self.receive()).type != "clip_done":
            if message.type == "error":
                raise AssertionError(message.header)
            if message.type == "progress":
                found.progress.append(message.header["done"])
            if message.type != "frames":
                continue
            header = message.header
            found.formats.append(header["format"])
            if header["format"] == "h264":
                video = video or av.CodecContext.create("h264", "r")
            for at, file in enumerate(parts(message.payload, header["sizes"])):
                found.frames.append(header["firstFrame"] + at)
                found.numbers.append(read_number(_picture(header, file, video)))
        found.done = message.header
        return found

    async def bye(self) -> None:
        await self.send({"type": "bye", "reason": "done"})
        await self.closed()

    async def closed(self) -> int:
        """Reads to the end."""
        try:
            while True:
                self.traces.append(decode(await asyncio.wait_for(self.socket.recv(), 20), "toServer"))
        except ConnectionClosed:
            return self.socket.close_code or 0


def _picture(header: dict[str, Any], file: memoryview, video: Any) -> NDArray[np.uint8]:
    if header["format"] == "jpeg":
        return from_jpeg(file)
    if header["format"] == "h264":
        (frame,) = video.decode(av.Packet(bytes(file)))
        picture: NDArray[np.uint8] = frame.to_ndarray()
        return picture
    size = size_of(header)
    return np.frombuffer(file, np.uint8).reshape(size.height * 3 // 2, size.width)


class MediaServer:
    """Puts leases and answers their links."""

    def __init__(self, client: redis.Redis[str]) -> None:
        self.redis = client
        self.talks: asyncio.Queue[Talk] = asyncio.Queue()
        self.statuses: dict[str, HTTPStatus] = {}
        """By lease: refused with that."""
        self.dialled: list[str] = []
        self._server: WebSocketServer | None = None
        self._over = asyncio.Event()

    async def put(self, lease: str, lives_s: float = 60, work: str = WORK, **other: object) -> str:
        assert self._server is not None
        port = next(iter(self._server.sockets)).getsockname()[1]
        url = f"ws://127.0.0.1:{port}/v1/frame-link"
        body: dict[str, object] = {"v": 1, "sessionId": "s", "utteranceId": "u", "kind": "speech", "url": url, "token": lease}
        body["expiresAt"] = round((time.time() + lives_s) * 1_000)
        body.update(other)
        fields = {"id": lease, "traceId": f"trace-{lease}", "body": json.dumps(body)}
        return str(await self.redis.xadd(work, fields))

    async def talk(self, within: float = 20) -> Talk:
        return await asyncio.wait_for(self.talks.get(), within)

    async def release(self, entry: str) -> None:
        """Its worker is known to be dead."""
        await self.redis.xclaim(WORK, "workers", "nobody", 0, [entry], idle=86_400_000, justid=True)

    async def over(self, entry: str, within: float = 10, work: str = WORK) -> None:
        """Until the lease is done or parked: gone from the queue."""
        for _ in range(int(within / 0.05)):
            if not await self.redis.xrange(work, entry, entry):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{entry} is still there: {await self.redis.xpending_range(work, 'workers', '-', '+', 10)}")

    async def start(self) -> None:
        self._server = await serve(
            self._answer,
            "127.0.0.1",
            0,
            process_request=self._process_request,
            subprotocols=["frame-link.v1"],  # type: ignore[list-item]
            max_size=16 * 1024 * 1024,
            compression=None,
        )

    async def close(self) -> None:
        self._over.set()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _process_request(self, _path: str, headers: Headers) -> tuple[HTTPStatus, Headers, bytes] | None:
        lease = headers["Authorization"].removeprefix("Bearer ")
        self.dialled.append(lease)
        status = self.statuses.get(lease)
        return None if status is None else (status, Headers(), b"")

    async def _answer(self, socket: WebSocketServerProtocol) -> None:
        talk = Talk(socket, socket.request_headers["Authorization"].removeprefix("Bearer "))
        hello = await talk.receive()
        assert hello.type == "hello"
        self.talks.put_nowait(talk)
        closing = asyncio.create_task(self._over.wait())
        await asyncio.wait([closing, asyncio.create_task(socket.wait_closed())], return_when=asyncio.FIRST_COMPLETED)
        closing.cancel()


@asynccontextmanager
async def media_server(redis_url: str) -> AsyncIterator[MediaServer]:
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    server = MediaServer(client)
    await server.start()
    try:
        yield server
    finally:
        await server.close()
        await client.close()
