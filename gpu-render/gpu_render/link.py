"""The frame link (docs/frame-link.md): dialled by the worker, one per lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING

from websockets.client import WebSocketClientProtocol, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatusCode

from .formats import LinkSpeed
from .metrics import Metrics
from .wire import MAX_MESSAGE, SUBPROTOCOL, Buffer, Header, Message, decode, encode

if TYPE_CHECKING:
    from .leases import Lease

CONNECT_S = 4.0
PING_S = 5.0
NOT_WANTED = (404, 410)
UNAUTHORIZED = 401


class Closed(Enum):
    """How the server has closed the link."""

    BAD_MESSAGE = 4400
    TOO_SLOW = 4408
    TAKEN_OVER = 4409


class NotWanted(Exception):
    """Nobody wants this lease any more."""


class Refused(Exception):
    """The server does not know the token."""


class Unreachable(Exception):
    """Not now; maybe later."""


class Link:
    def __init__(self, socket: WebSocketClientProtocol, speed: LinkSpeed, metrics: Metrics) -> None:
        self.speed = speed
        self._socket = socket
        self._metrics = metrics
        self._measuring: asyncio.Task[None] | None = None

    @property
    def closed(self) -> Closed | None:
        """How the server has closed it, where it has said so."""
        return next((how for how in Closed if how.value == self._socket.close_code), None)

    async def send(self, header: Header, payload: Sequence[Buffer] = ()) -> None:
        """Waits while the link is full; of a link that is closed, quietly nothing: reading tells that it is."""
        with suppress(ConnectionClosed):
            await self._socket.send(encode(header, payload))

    async def send_pictures(self, header: Header, files: Sequence[Buffer]) -> None:
        message = encode(header, files)
        with suppress(ConnectionClosed):
            # Only what goes into an empty pipe tells how quick it is.
            if self._measuring is None or self._measuring.done():
                since = asyncio.get_running_loop().time()
                await self._socket.send(message)
                self._measuring = asyncio.create_task(self._measure(len(message), since, await self._socket.ping()))
            else:
                await self._socket.send(message)
        self._metrics.frames.labels(header["format"]).inc(len(files))
        self._metrics.sent_bytes.inc(len(message))

    async def messages(self) -> AsyncIterator[Message]:
        """Until the link is closed, whoever closes it. Raises BadMessage."""
        with suppress(ConnectionClosed):
            async for data in self._socket:
                yield decode(data)

    async def close(self, code: int = 1000) -> None:
        if self._measuring is not None:
            self._measuring.cancel()
        await self._socket.close(code)

    async def _measure(self, carried: int, since: float, pong: Awaitable[None]) -> None:
        with suppress(ConnectionClosed):
            await pong
            self.speed.measured(carried, asyncio.get_running_loop().time() - since)


async def dial(lease: Lease, speed: LinkSpeed, metrics: Metrics) -> Link:
    """Raises NotWanted, Refused or Unreachable."""
    try:
        socket = await connect(
            lease.url,
            extra_headers={"Authorization": f"Bearer {lease.token}"},
            subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
            compression=None,
            max_size=MAX_MESSAGE,
            # One raw message at most waits in the socket's buffer: what is cancelled is not still being sent seconds later.
            write_limit=1024 * 1024,
            open_timeout=CONNECT_S,
            close_timeout=2,
            ping_interval=PING_S,
            ping_timeout=2 * PING_S,
        )
    except InvalidStatusCode as error:
        if error.status_code in NOT_WANTED:
            raise NotWanted(f"The server answers {error.status_code}.") from error
        if error.status_code == UNAUTHORIZED:
            raise Refused("The server does not accept the lease's token: its secret or this machine's clock is wrong.") from error
        raise Unreachable(f"The server answers {error.status_code}.") from error
    except (OSError, InvalidHandshake, asyncio.TimeoutError, EOFError) as error:
        raise Unreachable(f"No link to the server: {error!r}.") from error
    return Link(socket, speed, metrics)
