from __future__ import annotations

from .engine import Geometry, Size
from .schedule import capacity, has_room, real_time_factor

GEOMETRY = Geometry(50, 5, 2, (Size(64, 64),))


def test_several_fit_while_they_are_faster_than_real_time_together_and_one_always() -> None:
    assert real_time_factor(GEOMETRY, 10_000) == 5
    assert has_room([], 5)
    assert not has_room([0.2], 5)
    assert has_room([0.3, 0.3], 0.4)
    assert not has_room([0.3, 0.3], 0.5)
    assert [capacity(factor) for factor in (5, 1, 0.5, 0.34, 0.1)] == [1, 1, 2, 2, 10]
