"""Tasks that are cancelled for good."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN_S = 1.0


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancels until they are over: before Python 3.12 `wait_for` loses a cancellation that comes just when it has its answer."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)
