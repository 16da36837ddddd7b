"""A ClipEngine made of its parts: a network, what encodes and decodes its latents, and what hears."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from .. import pictures
from ..engine import Audio, Geometry, Picture, Pictures, Progress, Size, Stop
from . import planes
from .clip import Condition, Finish, LatentClip, Network, Task, denoise
from .codec import Codec
from .colour import Palette, palette
from .gpu import stream_of_its_own, wait, within_memory
from .hearing import Heard, Hearing, silence
from .sampling import Noise, Path


@dataclass(frozen=True)
class Recipe:
    """How one engine differs from another, in numbers."""

    name: str
    geometry: Geometry
    path: Path
    channels: int
    pixels_per_latent: int
    colour: float
    """How firmly the reference's colours are held, 0…1."""


@dataclass(frozen=True)
class Parts:
    network: Network
    codec: Codec
    hearing: Hearing


@dataclass(frozen=True)
class Static:
    size: Size
    condition: Condition
    palette: Palette


@dataclass
class State:
    static: Static
    noise: Noise
    heard: Heard = field(default_factory=Heard)


class TalkingHead:
    def __init__(self, recipe: Recipe, parts: Parts, device: torch.device) -> None:
        self._recipe = recipe
        self._parts: Parts | None = parts
        self._device = device
        self._stream = stream_of_its_own(device)
        self._measured: dict[Size, float] = {}

    @property
    def name(self) -> str:
        return self._recipe.name

    @property
    def geometry(self) -> Geometry:
        return self._recipe.geometry

    def measured_clip_ms(self, size: Size) -> float:
        return self._measured[size]

    def prepare(self, reference: Picture, prompt: str, size: Size) -> Static:
        cropped = torch.from_numpy(pictures.crop(reference, size).copy()).to(self._device)
        frame = (cropped.permute(2, 0, 1)[None, :, None] / 255 - 0.5) * 2
        with torch.no_grad(), within_memory():
            return Static(size, self._open.network.condition(frame, prompt), palette(frame))

    def begin(self, static: Static) -> State:
        """Seeded alike for every session: the same words look the same, whoever says them."""
        dice = torch.Generator(self._device).manual_seed(0)
        return State(static, lambda like: torch.empty_like(like).normal_(generator=dice))

    def reset_motion(self, state: State, frames: Pictures) -> Tensor:
        state.heard.forget()
        with torch.no_grad(), within_memory():
            motion = self._open.codec.encode(planes.from_i420(torch.from_numpy(frames).to(self._device)))
            wait(self._device)
            return motion

    def step(self, state: State, audio: Audio, motion: Tensor | None, stop: Stop) -> LatentClip:
        geometry, static, parts = self.geometry, state.static, self._open
        with torch.no_grad(), within_memory():
            sound = parts.hearing.frames(state.heard.up_to(audio), geometry.clip_frames, geometry.look_ahead_frames)
            start = static.condition.motion if motion is None else motion
            task = Task(self._latents(static.size), sound, static.condition, start)
            latents = denoise(parts.network, self._recipe.path, task, state.noise, stop)
        state.heard.go_on(audio, geometry.fresh_frames)
        finish = Finish(parts.codec, static.palette, self._recipe.colour, geometry.overlap_frames, self._stream)
        return LatentClip(finish, latents, 0 if motion is None else geometry.overlap_frames, stop)

    def warm_up(self, prompt: str, progress: Progress) -> None:
        """Two clips per size: the first one finds the fastest kernels, the second, which goes on from it, is measured."""
        grey = np.full((64, 64, 3), 128, np.uint8)
        for index, size in enumerate(self.geometry.sizes):
            progress(index / len(self.geometry.sizes), f"warming up {size.width}x{size.height}")
            state = self.begin(self.prepare(grey, prompt, size))
            motion = None
            for _ in range(2):
                since = time.monotonic()
                motion = self._drawn(state, motion)
                self._measured[size] = (time.monotonic() - since) * 1000

    def close(self) -> None:
        self._parts = None
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _drawn(self, state: State, motion: Tensor | None) -> Tensor:
        sound = silence(self.geometry.clip_frames + self.geometry.look_ahead_frames)
        clip = self.step(state, sound, motion, lambda: False)
        for _ in clip:
            pass
        return clip.motion

    def _latents(self, size: Size) -> Tensor:
        """None of them yet: only their shape."""
        count = 1 + (self.geometry.clip_frames - 1) // self._open.codec.frames_per_latent
        height, width = (side // self._recipe.pixels_per_latent for side in (size.height, size.width))
        return torch.empty(self._recipe.channels, count, height, width, device=self._device)

    @property
    def _open(self) -> Parts:
        if self._parts is None:
            raise RuntimeError(f"{self.name} is closed.")
        return self._parts
