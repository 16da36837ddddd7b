"""FlashHead's network and the LTX autoencoder of its light kind, as the engine asks them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor

from ..diffusion.clip import Condition
from ..diffusion.codec import Codec


class Model(Protocol):
    """What is used of `flash_head_model.WanModelAudioProject`."""

    def __call__(self, *, x: Tensor, timestep: Tensor, context: Tensor, y: object) -> Tensor: ...


class Stored(Model, Protocol):
    freqs: Tensor
    """Rotations; computed, not stored."""


class Autoencoder(Protocol):
    """What is used of `ltx_vae.LtxVAE`."""

    def encode(self, video: Tensor) -> Tensor: ...

    def decode(self, zs: Tensor) -> Tensor: ...


class FlashHead:
    def __init__(self, model: Model, codec: Codec, *, clip_frames: int, dtype: torch.dtype) -> None:
        self._model = model
        self._codec = codec
        self._clip_frames = clip_frames
        self._dtype = dtype

    def condition(self, reference: Tensor, prompt: str) -> Condition:
        """It is given the picture standing still for a clip, and no prompt."""
        latents = self._codec.encode(reference.repeat(1, 1, self._clip_frames, 1, 1))
        return Condition({"y": latents[None].to(self._dtype)}, latents[:, :1])

    def velocity(self, latents: Tensor, time: Tensor, sound: Tensor, condition: Condition) -> Tensor:
        given = latents[None].to(self._dtype)
        return -self._model(x=given, timestep=time, context=sound.to(self._dtype), y=condition.given["y"])[0].float()


class LtxCodec:
    """Its decoder looks ahead, so that a clip's frames come all at once; it is as quick as Wan's is for a few of them."""

    frames_per_latent = 8

    def __init__(self, autoencoder: Autoencoder, dtype: torch.dtype) -> None:
        self._autoencoder = autoencoder
        self._dtype = dtype

    def encode(self, frames: Tensor) -> Tensor:
        return self._autoencoder.encode(frames.to(self._dtype)).float()

    def decode(self, latents: Tensor) -> Iterator[Tensor]:
        yield self._autoencoder.decode(latents.to(self._dtype)).float().clamp_(-1, 1)
