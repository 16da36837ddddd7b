"""Wan's video autoencoder, latent by latent. What it remembers on the way is kept per call: sessions and threads can share it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor

FRAMES_PER_LATENT = 4
"""After the first one, which stands for one frame."""


class Part(Protocol):
    """Half of it, in both directions."""

    def __call__(self, given: Tensor, feat_cache: list[object], feat_idx: list[int]) -> Tensor: ...

    def modules(self) -> Iterator[object]: ...

    def to(self, dtype: torch.dtype) -> Part: ...


class Packing(Protocol):
    """What lies between such a half and the latents."""

    def __call__(self, given: Tensor) -> Tensor: ...

    def to(self, dtype: torch.dtype) -> Packing: ...


class Autoencoder(Protocol):
    """What is used of the checkouts' `WanVAE_`."""

    encoder: Part
    decoder: Part
    conv1: Packing
    conv2: Packing


class Codec(Protocol):
    frames_per_latent: int

    def encode(self, frames: Tensor) -> Tensor: ...

    def decode(self, latents: Tensor) -> Iterator[Tensor]: ...


class WanCodec:
    frames_per_latent = FRAMES_PER_LATENT

    def __init__(self, model: Autoencoder, scale: Sequence[Tensor], decoding: torch.dtype | None = None) -> None:
        """`scale`: the latents' mean and one over their spread; `decoding`: a precision of its own for the half that costs most."""
        self._model = model
        self._mean, self._inverse = (part.view(1, -1, 1, 1, 1) for part in scale)
        self._encoder = model.encoder
        self._decoding = decoding or self._mean.dtype
        self.decoder = copy.deepcopy(model.decoder).to(decoding) if decoding else model.decoder
        self._unpack = copy.deepcopy(model.conv2).to(decoding) if decoding else model.conv2

    def encode(self, frames: Tensor) -> Tensor:
        """(1, 3, frames, height, width), -1…1 → (channels, latents, height, width). Frames: one, and then fours."""
        frames = frames.to(self._mean.dtype)
        memory = empty_memory(self._encoder)
        parts = [frames[:, :, :1]] + [
            frames[:, :, at : at + FRAMES_PER_LATENT] for at in range(1, frames.shape[2], FRAMES_PER_LATENT)
        ]
        packed = torch.cat([self._encoder(part, feat_cache=memory, feat_idx=[0]) for part in parts], 2)
        mean = self._model.conv1(packed).chunk(2, dim=1)[0]
        return ((mean - self._mean) * self._inverse).squeeze(0)

    def decode(self, latents: Tensor) -> Iterator[Tensor]:
        """(channels, latents, height, width) → (1, 3, frames, height, width) of -1…1 for each latent."""
        spread = latents[None].to(self._mean.dtype) / self._inverse + self._mean
        unpacked = self._unpack(spread.to(self._decoding))
        memory = empty_memory(self.decoder)
        for latent in torch.split(unpacked, 1, 2):
            yield self.decoder(latent, feat_cache=memory, feat_idx=[0]).float().clamp_(-1, 1)


def empty_memory(part: Part) -> list[object]:
    """One place for each causal convolution, which keeps there what it needs of the latents before."""
    return [None for module in part.modules() if type(module).__name__ == "CausalConv3d"]
