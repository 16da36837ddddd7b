"""Lets one through at a time, whoever's deadline is earliest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from .schedule import Turn, earliest


class Turnstile:
    def __init__(self, may_pass: Callable[[Turn], bool]) -> None:
        self._may_pass = may_pass
        self._waiting: dict[Turn, asyncio.Future[None]] = {}
        self._inside = False

    @property
    def waiting(self) -> list[Turn]:
        return list(self._waiting)

    @asynccontextmanager
    async def pass_through(self, turn: Turn) -> AsyncIterator[None]:
        """Waits for its turn, and holds all others up until the end."""
        entered = asyncio.get_running_loop().create_future()
        self._waiting[turn] = entered
        self._let_in()
        try:
            await entered
        except BaseException:
            # Let in and called off in the same moment: the next one's turn.
            if self._waiting.pop(turn, None) is None:
                self._inside = False
                self._let_in()
            raise
        try:
            yield
        finally:
            self._inside = False
            self._let_in()

    def call_off(self, turn: Turn, why: Exception) -> None:
        """Who waits with that turn gets `why` instead; who is inside already stays."""
        entered = self._waiting.pop(turn, None)
        if entered is not None and not entered.done():
            entered.set_exception(why)

    def look_again(self) -> None:
        """Whoever might not pass before may do so now."""
        self._let_in()

    def _let_in(self) -> None:
        while not self._inside:
            turn = earliest(filter(self._may_pass, self._waiting))
            if turn is None:
                return
            entered = self._waiting.pop(turn)
            if not entered.done():
                self._inside = True
                entered.set_result(None)
