from __future__ import annotations

import numpy as np
import pytest

from .engine import Geometry, Pictures, Size
from .outbox import EngineFault, Outbox

SIZE = Size(64, 64)
GEOMETRY = Geometry(8, 3, 2, (SIZE,))


def pictures(count: int, level: int = 120) -> Pictures:
    return np.full((count, 96, 64), level, np.uint8)


def outbox(fresh: int = 8, before: int = 120, from_reference: bool = False) -> Outbox:
    return Outbox({"freshFrames": fresh}, pictures(3, before), GEOMETRY, from_reference=from_reference)


def test_a_whole_clip_is_taken_to_its_end_and_no_further() -> None:
    box = outbox()
    assert box.put(pictures(4))
    assert box.put(pictures(4))
    box.end()
    with pytest.raises(EngineFault, match="more than"):
        box.put(pictures(1))


def test_a_short_window_says_when_it_has_enough() -> None:
    box = outbox(fresh=5)
    assert box.put(pictures(4))
    assert not box.put(pictures(4))
    box.end()
    assert sum(len(batch) for batch in box.pictures) == 5


def test_a_clip_from_the_reference_is_not_sent_from_its_beginning() -> None:
    box = outbox(from_reference=True)
    assert box.put(pictures(1))
    assert box.put(pictures(4))
    assert box.put(pictures(6))
    box.end()
    assert sum(len(batch) for batch in box.pictures) == 11


def test_too_few_too_dark_or_misshapen_is_no_clip() -> None:
    box = outbox()
    box.put(pictures(4))
    with pytest.raises(EngineFault, match="4 of 8"):
        box.end()
    dark = pictures(4)
    dark[2] = 16
    with pytest.raises(EngineFault, match="black"):
        box.put(dark)
    with pytest.raises(EngineFault, match="shape"):
        box.put(np.zeros((4, 48, 64), np.uint8))
    # An avatar in the dark may stay there.
    assert outbox(before=16).put(dark)
