"""What all leases of a worker share: the engine, its turns, the avatars it knows."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from .engine import ClipEngine, Picture, Size
from .formats import LinkSpeed
from .metrics import Metrics
from .scheduler import Scheduler
from .wire import Header

KNOWN_AVATARS = 16


class Avatars:
    """The last few avatars' pictures, and what the engine has made of them."""

    def __init__(self) -> None:
        self._pictures: OrderedDict[str, Picture] = OrderedDict()
        self._statics: OrderedDict[tuple[str, str, Size], asyncio.Future[Any]] = OrderedDict()

    def picture(self, reference_hash: str) -> Picture | None:
        return self._pictures.get(reference_hash)

    def learn(self, reference_hash: str, picture: Picture) -> None:
        self._pictures[reference_hash] = picture
        if len(self._pictures) > KNOWN_AVATARS:
            self._pictures.popitem(last=False)

    async def static(self, key: tuple[str, str, Size], make: Callable[[], Awaitable[Any]]) -> Any:
        """Made once, although several ask for it at the same time."""
        made = self._statics.get(key)
        if made is None or (made.done() and (made.cancelled() or made.exception() is not None)):
            made = self._statics[key] = asyncio.ensure_future(make())
            if len(self._statics) > KNOWN_AVATARS:
                self._statics.popitem(last=False)
        self._statics.move_to_end(key)
        # Shielded: who asked first may go while others still wait for it.
        return await asyncio.shield(made)


@dataclass
class Studio:
    worker: str
    engine: ClipEngine[Any, Any, Any]
    scheduler: Scheduler
    metrics: Metrics
    avatars: Avatars = field(default_factory=Avatars)
    speeds: dict[str, LinkSpeed] = field(default_factory=dict)
    """By the server's address: what links to it carry."""
    failed: set[str] = field(default_factory=set)
    """Leases that the engine has failed since its last whole clip."""

    def sizes(self) -> list[Header]:
        return [
            {"width": size.width, "height": size.height, "clipMs": self.scheduler.expected_ms(size)}
            for size in self.engine.geometry.sizes
        ]
