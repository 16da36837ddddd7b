"""InfiniteTalk's network as the engine asks it: for one person, from one picture, one forward per step unless told otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ..diffusion.clip import Condition
from ..diffusion.codec import Codec
from ..diffusion.prompts import Prompts
from ..diffusion.wan import Look, first_frame_mask

PATCH = 4
"""Latent pixels that make one token."""
CLASSES = 3
"""Two speakers and the background."""


class Model(Protocol):
    """What is used of `wan.modules.multitalk_model.WanModel`."""

    def __call__(self, x: list[Tensor], *, t: Tensor, audio: Tensor, **given: object) -> Tensor: ...


@dataclass(frozen=True)
class Manner:
    """How the network is asked."""

    clip_frames: int
    dtype: torch.dtype
    masked: bool
    """Whether it insists on a mask of who is where."""
    guidance: float
    """Other than 1 it costs a second forward per step, without the sound."""


class InfiniteTalk:
    def __init__(self, model: Model, look: Look, codec: Codec, prompts: Prompts, manner: Manner) -> None:
        self._model = model
        self._look = look
        self._codec = codec
        self._prompts = prompts
        self._manner = manner

    def condition(self, reference: Tensor, prompt: str) -> Condition:
        """Everything that the original computes for each clip anew, among it an encoding of a whole clip that stands still."""
        still = reference.new_zeros(1, 3, self._manner.clip_frames - 1, *reference.shape[-2:])
        latents = self._codec.encode(torch.cat([reference, still], 2)).to(self._manner.dtype)
        mask = first_frame_mask(latents)
        given = {
            "context": [self._prompts.context(prompt).to(reference.device)],
            "clip_fea": self._look(reference).to(self._manner.dtype),
            "seq_len": latents[0].numel() // PATCH,
            "y": torch.cat([mask, latents[None]], 1),
            "ref_target_masks": latents.new_ones(CLASSES, *latents.shape[-2:], dtype=torch.float32)
            if self._manner.masked
            else None,
        }
        return Condition(given, self._codec.encode(reference))

    def velocity(self, latents: Tensor, time: Tensor, sound: Tensor, condition: Condition) -> Tensor:
        sound = sound.to(self._manner.dtype)
        noise = self._model([latents], t=time, audio=sound, **condition.given)[0]
        if self._manner.guidance != 1:
            deaf = self._model([latents], t=time, audio=torch.zeros_like(sound), **condition.given)[0]
            noise = deaf + self._manner.guidance * (noise - deaf)
        return -noise
