"""The few places where it matters that work happens on a GPU, later than it is asked for. On a CPU all of this does nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from ..engine import OutOfMemory


def stream_of_its_own(device: torch.device) -> torch.cuda.Stream | None:
    create: Callable[[torch.device], torch.cuda.Stream] = torch.cuda.Stream
    return create(device) if device.type == "cuda" else None


def on(stream: torch.cuda.Stream | None) -> AbstractContextManager[object]:
    switched: AbstractContextManager[object] = torch.cuda.stream(stream) if stream else nullcontext()
    return switched


def wait(device: torch.device) -> None:
    """Until the calling thread's stream has done what it was given."""
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()


@contextmanager
def within_memory() -> Iterator[None]:
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise OutOfMemory(str(error).partition("\n")[0]) from error
