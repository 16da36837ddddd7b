"""For tests: an engine's clips beside those of the code that it was written against, on tiny parts, on a CPU."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from ..diffusion.hearing import Hearing, neighbours
from ..diffusion.sampling import Noise
from ..diffusion.talking_head import State, TalkingHead
from ..engine import Audio, Picture, Size

CPU = torch.device("cpu")
SIZE = Size(64, 64)
EAR_LAYERS, EAR_CHANNELS = 12, 768


def on_a_cpu() -> Iterator[None]:
    """The checkouts ask for a GPU in passing, where none is needed."""
    patch = pytest.MonkeyPatch()
    for name in ("current_device", "ipc_collect", "synchronize"):
        patch.setattr(torch.cuda, name, lambda: 0)
    patch.setattr(torch, "compile", lambda function: function)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    patch.undo()


def face() -> Picture:
    return np.random.default_rng(2).integers(0, 256, (SIZE.height, SIZE.width, 3), np.uint8)


def some_sound(frames: int) -> Tensor:
    """As wav2vec2 hears it."""
    return torch.randn(frames, EAR_LAYERS, EAR_CHANNELS, generator=torch.Generator().manual_seed(1))


class Recital(Hearing):
    """Hears what it is told, clip after clip."""

    def __init__(self, sound: Tensor, fresh_frames: int) -> None:
        self._sound = sound
        self._first = 0
        self._fresh_frames = fresh_frames

    def frames(self, sound: Audio, count: int, look_ahead: int) -> Tensor:
        heard = neighbours(self._sound, self._first, count)[None]
        self._first += self._fresh_frames
        return heard


def decoded(engine: TalkingHead, noise: Noise | None, prompt: str, clips: int) -> Tensor:
    """Some clips, each going on from the one before, as they are before they become bytes."""
    static = engine.prepare(face(), prompt, SIZE)
    state = State(static, noise) if noise else engine.begin(static)
    drawn, motion = [], None
    for _ in range(clips):
        clip = engine.step(state, np.zeros(engine.geometry.audio_samples, np.float32), motion, lambda: False)
        with torch.no_grad():
            drawn += list(clip.frames())
        motion = clip.motion
    return torch.cat(drawn, 2)[0]
