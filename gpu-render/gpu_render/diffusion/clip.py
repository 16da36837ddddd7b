"""One clip: from noise to latents, and from latents to pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

from ..engine import Cancelled, Pictures, Stop
from . import planes
from .codec import Codec
from .colour import Palette, hold
from .gpu import on, wait, within_memory
from .sampling import Noise, Path


@dataclass(frozen=True)
class Condition:
    """What a network knows of one avatar."""

    given: Mapping[str, object]
    motion: Tensor
    """The latents that a clip begins with when nothing was drawn before it: the reference's own."""


class Network(Protocol):
    def condition(self, reference: Tensor, prompt: str) -> Condition:
        """The reference as one frame, (1, 3, 1, height, width), -1…1."""
        ...

    def velocity(self, latents: Tensor, time: Tensor, sound: Tensor, condition: Condition) -> Tensor:
        """Which way the clean latents lie; `sound` as `Hearing.frames` gives it."""
        ...


@dataclass(frozen=True)
class Task:
    like: Tensor
    """Latents of the clip's shape."""
    sound: Tensor
    condition: Condition
    motion: Tensor
    """The latents that the clip begins with. They are put back before each step as they were."""


def denoise(network: Network, path: Path, task: Task, noise: Noise, stop: Stop) -> Tensor:
    known = task.motion.shape[1]
    latents = noise(task.like)
    for now, after in pairwise(path.times):
        wait(latents.device)
        if stop():
            raise Cancelled
        latents[:, :known] = task.motion
        velocity = network.velocity(latents, now, task.sound, task.condition)
        latents = path.sampler(latents, velocity, now, after, noise)
    latents[:, :known] = task.motion
    wait(latents.device)
    return latents


@dataclass(frozen=True)
class Finish:
    """What makes pictures of latents."""

    codec: Codec
    palette: Palette
    colour: float
    overlap_frames: int
    stream: torch.cuda.Stream | None


class LatentClip:
    """Decoded as it is iterated, a latent at a time, on a stream of its own: the GPU denoises another session's clip meanwhile."""

    def __init__(self, finish: Finish, latents: Tensor, skip: int, stop: Stop) -> None:
        self._finish = finish
        self._latents = latents
        self._skip = skip
        self._stop = stop
        self._motion: Tensor | None = None

    def __iter__(self) -> Iterator[Pictures]:
        pieces = self.frames()
        while True:
            if self._stop():
                raise Cancelled
            with torch.no_grad(), within_memory(), on(self._finish.stream):
                piece = next(pieces, None)
                if piece is None:
                    break
                batch: Pictures = planes.to_i420(piece).cpu().numpy()
            yield batch

    @property
    def motion(self) -> Tensor:
        if self._motion is None:
            raise RuntimeError("A clip's motion is there once all its pictures are out.")
        return self._motion

    def frames(self) -> Iterator[Tensor]:
        """At full precision, in the reference's colours; those that the clip before has shown are decoded and left out."""
        skip = self._skip
        tail: list[Tensor] = []
        for decoded in self._finish.codec.decode(self._latents):
            fresh = decoded[:, :, min(skip, decoded.shape[2]) :]
            skip -= decoded.shape[2] - fresh.shape[2]
            if fresh.shape[2]:
                held = hold(fresh, self._finish.palette, self._finish.colour)
                tail = [*tail, held][-self._finish.overlap_frames :]
                yield held
        self._motion = self._finish.codec.encode(torch.cat(tail, 2)[:, :, -self._finish.overlap_frames :])
        if self._finish.stream:
            self._finish.stream.synchronize()
