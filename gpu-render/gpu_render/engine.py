"""What a render engine is: it draws a talking face clip by clip, on one GPU, for many sessions in turn.

The worker calls `prepare` once per avatar and size, `begin` once per lease, `reset_motion` where speech takes over from frames that
are already on air, and `step` once per clip:

    static = engine.prepare(reference, prompt, size)
    state = engine.begin(static)
    motion = engine.reset_motion(state, idle_frames)      # or None: from the reference alone
    clip = engine.step(state, audio, motion, stop)        # denoises; returns when the latents are there
    for pictures in clip:                                 # decodes and copies; each batch as soon as it has left the decoder
        send(pictures)
    motion = clip.motion                                  # what the next clip goes on from
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

FPS = 25
SAMPLE_RATE = 16_000
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS

Audio = NDArray[np.float32]
"""Mono, 16 kHz, -1…1."""

Pictures = NDArray[np.uint8]
"""Consecutive frames as I420 (BT.601, limited range): shape (frames, height * 3 // 2, width), C-contiguous, in host memory."""

Picture = NDArray[np.uint8]
"""One picture as RGB: shape (height, width, 3)."""

Stop = Callable[[], bool]
"""Whether the clip is no longer wanted. Cheap: ask before each denoising step and before each batch is decoded."""

Progress = Callable[[float, str], None]
"""How far loading is, 0…1, and what is being done, in words."""

Settings = Mapping[str, str]
"""The worker's environment. Only `load` reads it."""


class Size(NamedTuple):
    """Both sides even."""

    width: int
    height: int


@dataclass(frozen=True)
class Geometry:
    """How an engine's clips lie in time. Clip n draws the frames n * fresh … n * fresh + overlap + fresh - 1."""

    fresh_frames: int
    """What each clip adds."""
    overlap_frames: int
    """What it carries over from before. A clip without motion emits these too."""
    look_ahead_frames: int
    """How much sound it hears past its last frame."""
    sizes: tuple[Size, ...]
    """What it can draw, largest first."""

    @property
    def clip_frames(self) -> int:
        return self.overlap_frames + self.fresh_frames

    @property
    def audio_samples(self) -> int:
        """The sound of one step: its overlap, its fresh frames, its look-ahead."""
        return (self.clip_frames + self.look_ahead_frames) * SAMPLES_PER_FRAME


class Cancelled(Exception):
    """The clip was stopped because nobody wants it any more. The state is fit for further steps."""


class OutOfMemory(Exception):
    """The GPU has no room for this clip. The engine has freed what it could and is fit for smaller ones."""


Static = TypeVar("Static")
State = TypeVar("State")
Motion = TypeVar("Motion")
MotionOut = TypeVar("MotionOut", covariant=True)


class Clip(Protocol[MotionOut]):
    """One clip on its way out of the decoder."""

    def __iter__(self) -> Iterator[Pictures]:
        """
        Batches in order: fresh frames, after the overlap ones where there was no motion. Called once, maybe in another thread than
        `step`, while a step of another session runs: an engine decodes on a stream of its own. Raises Cancelled or OutOfMemory.
        """
        ...

    @property
    def motion(self) -> MotionOut:
        """What the session's next clip goes on from, at the engine's full precision. There once the last batch is out."""
        ...


class ClipEngine(Protocol[Static, State, Motion]):
    """
    All but a clip's iteration is called in one thread. What `prepare` returns is shared by sessions and never changed;
    a state belongs to one session; no state lives on the class or in a module.
    """

    @property
    def name(self) -> str:
        """As leases ask for it."""
        ...

    @property
    def geometry(self) -> Geometry: ...

    def measured_clip_ms(self, size: Size) -> float:
        """Milliseconds per clip of that size, decoding and copying included, as the warm-up has measured."""
        ...

    def prepare(self, reference: Picture, prompt: str, size: Size) -> Static:
        """What is the same for every clip of an avatar: embeddings of the reference (any size; the engine crops) and of the prompt."""
        ...

    def begin(self, static: Static) -> State:
        """A session's own state: its random numbers, the sound it has heard."""
        ...

    def reset_motion(self, state: State, frames: Pictures) -> Motion:
        """
        Speech goes on from these frames, the last one being the last on air: exactly `overlap_frames`, in the size of `state`. What
        the session has heard is silence from here on back.
        """
        ...

    def step(self, state: State, audio: Audio, motion: Motion | None, stop: Stop) -> Clip[Motion]:
        """
        Draws one clip from `geometry.audio_samples` samples of sound, the overlap's first. Blocks while it denoises; raises
        Cancelled within one denoising step of `stop`, OutOfMemory, or whatever is a bug.
        """
        ...

    def close(self) -> None:
        """Gives the GPU back. Twice does no harm."""
        ...


# Each module of `engines/` has one function `load(settings: Settings, progress: Progress) -> ClipEngine[…]`: it checks that everything
# needed is there (a ConfigurationError names what is missing and where it looked), loads it, and warms up two clips per size.


class ConfigurationError(Exception):
    """The worker can't start like this; the message names the setting or file, and what is allowed."""
