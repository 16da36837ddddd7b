"""Who is served next, and how many at once: the rules, without a clock or a GPU."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .engine import FPS, Geometry


class Turn(NamedTuple):
    """A clip that waits to be drawn. They sort by whether anybody waits, the moment their stage runs dry, then by who came first."""

    background: bool
    """Nobody waits for it."""
    deadline: float
    """Seconds on the loop's clock; infinite where it isn't known."""
    arrival: int
    expected: float
    """Seconds it is likely to take."""


def earliest(waiting: Iterable[Turn]) -> Turn | None:
    return min(waiting, default=None)


def ahead_of(turn: Turn, waiting: Iterable[Turn]) -> float:
    """Seconds of drawing that come before this one, of those that wait now."""
    return sum(other.expected for other in waiting if other < turn)


def real_time_factor(geometry: Geometry, clip_ms: float) -> float:
    """Seconds to draw one second."""
    return clip_ms * FPS / 1_000 / geometry.fresh_frames


def has_room(factors: Iterable[float], another: float) -> bool:
    """Whether one more session fits: whoever is alone may be slower than real time, several share one second per second."""
    load = list(factors)
    return not load or sum(load) + another <= 1


def capacity(factor: float) -> int:
    """How many sessions of that real-time factor fit at once."""
    return max(1, int(1 / factor + 1e-9))
