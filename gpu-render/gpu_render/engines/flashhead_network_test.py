from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

import torch
from torch import Tensor

from ..diffusion.hearing import Hearing
from ..diffusion.sampling import Path, even_times, renoise
from ..diffusion.talking_head import Parts, Recipe, TalkingHead
from ..engine import Geometry, Size
from .flashhead import CLIP_FRAMES, KINDS
from .flashhead_network import FlashHead, LtxCodec

CPU, SIZE, KIND = torch.device("cpu"), Size(64, 64), KINDS["lite"]
GEOMETRY = Geometry(CLIP_FRAMES - KIND.overlap_frames, KIND.overlap_frames, 0, (SIZE,))


class Ltx:
    """Shaped like the real one: eight frames to a latent after the first, 32 pixels to its sides, 128 channels."""

    def encode(self, video: Tensor) -> Tensor:
        small = video[0, :1, :, ::32, ::32]
        return torch.cat([small[:, :1], small[:, 8::8]], 1).repeat(KIND.channels, 1, 1, 1)

    def decode(self, zs: Tensor) -> Tensor:
        frames = torch.cat([zs[:3, :1], zs[:3, 1:].repeat_interleave(8, 1)], 1)
        return frames.repeat_interleave(32, -1).repeat_interleave(32, -2)[None]


class Model:
    """Draws the reference, shifted by what it hears."""

    def __init__(self) -> None:
        self.given: list[tuple[torch.dtype, int]] = []

    def __call__(self, *, x: Tensor, timestep: Tensor, context: Tensor, y: object) -> Tensor:
        assert isinstance(y, Tensor)
        self.given.append((x.dtype, x.shape[2]))
        return (x - (y + context.mean())) / (timestep / 1000)


def loudness(sound: Tensor, frames: int) -> list[Tensor]:
    return [sound.reshape(1, frames, -1).mean(-1, keepdim=True)]


def test_a_light_clip_comes_at_once_and_the_next_one_goes_on_from_its_last_two_latents() -> None:
    model, codec = Model(), LtxCodec(Ltx(), torch.float32)
    recipe = Recipe("flashhead", GEOMETRY, Path(even_times(4, 5, CPU), renoise), KIND.channels, KIND.pixels_per_latent, colour=0)
    network = FlashHead(model, codec, clip_frames=CLIP_FRAMES, dtype=torch.float32)
    engine = TalkingHead(recipe, Parts(network, codec, Hearing(loudness, CPU)), CPU)
    static = engine.prepare(np.full((80, 80, 3), 90, np.uint8), "", SIZE)
    assert static.condition.motion.shape == (128, 1, 2, 2)
    state, motion, counts = engine.begin(static), None, []
    for level in (0.0, 0.02):
        clip = engine.step(state, np.full(GEOMETRY.audio_samples, level, np.float32), motion, lambda: False)
        batches = list(clip)
        counts.append([len(batch) for batch in batches])
        motion = clip.motion
    assert counts == [[33], [24]]
    assert motion is not None
    assert motion.shape == (128, 2, 2, 2)
    assert set(model.given) == {(torch.float32, 5)}
    assert len(np.unique(batches[0][-1][:64])) == 1
