"""What the network hears: wav2vec2's layers for each frame, from the sound of the last seconds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..engine import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, Audio

MEMORY_FRAMES = 8 * FPS
"""Re-encoded for each clip: the encoder attends to all of it, and what was long ago no longer matters."""
REACH = 2
"""The network is given this many frames before and after each."""

NOMINAL = 0.07
"""The loudness (RMS) of speech at -23 LUFS, which the encoders were fed as unit variance, pauses included."""
FLOOR = 0.1
"""Of the loudest frame's loudness: what is quieter is a pause."""
RANGE = (0.25, 4.0)
ENOUGH_FRAMES = 10


Encoder = Callable[[Tensor, int], list[Tensor]]
"""What each layer makes of some sound, (1, samples), in that many frames: (1, frames, channels) each."""


class Heard:
    """One session's sound so far, at one gain: a gain that followed each clip's own loudness would turn breath into speech."""

    def __init__(self) -> None:
        self._past = silence(MEMORY_FRAMES)
        self._gain: float | None = None

    def forget(self) -> None:
        self._past = silence(MEMORY_FRAMES)

    def up_to(self, window: Audio) -> Audio:
        """The last seconds, ending with the window."""
        if self._gain is None:
            self._gain = measured_gain(window)
        sound = np.concatenate([self._past, window])[-MEMORY_FRAMES * SAMPLES_PER_FRAME :]
        gained: Audio = sound * np.float32((self._gain or 1) / NOMINAL)
        return gained

    def go_on(self, window: Audio, fresh_frames: int) -> None:
        """The next window begins this much later."""
        self._past = np.concatenate([self._past, window[: fresh_frames * SAMPLES_PER_FRAME]])[-MEMORY_FRAMES * SAMPLES_PER_FRAME :]


def measured_gain(window: Audio) -> float | None:
    """What brings its speech to the nominal loudness; None while there is too little of it to tell."""
    frames = window[: len(window) // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME].reshape(-1, SAMPLES_PER_FRAME)
    loudness = np.sqrt((frames**2).mean(1))
    spoken = loudness[loudness > max(FLOOR * loudness.max(), 1e-3)]
    if len(spoken) < ENOUGH_FRAMES:
        return None
    return float(np.clip(NOMINAL / np.sqrt((spoken**2).mean()), *RANGE))


def silence(frames: int) -> Audio:
    return np.zeros(frames * SAMPLES_PER_FRAME, np.float32)


class Hearing:
    def __init__(self, encoder: Encoder, device: torch.device) -> None:
        self._encoder = encoder
        self._device = device

    def frames(self, sound: Audio, count: int, look_ahead: int) -> Tensor:
        """(1, count, neighbours, layers, channels) for the `count` frames that end `look_ahead` before the sound does."""
        length = len(sound) * FPS // SAMPLE_RATE
        each = torch.stack(self._encoder(torch.from_numpy(sound)[None].to(self._device), length), 2)[0]
        return neighbours(each, length - look_ahead - count, count)[None]


def neighbours(each: Tensor, first: int, count: int) -> Tensor:
    """For each frame from `first` on: those around it, the outermost repeated where there are no more."""
    centres = torch.arange(first, first + count)[:, None] + torch.arange(-REACH, REACH + 1)
    return each[centres.clamp(0, len(each) - 1).to(each.device)]
