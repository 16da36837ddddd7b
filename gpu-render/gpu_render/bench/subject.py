"""What is timed: the engine as it is in production, but with random weights, silence to hear, and sizes of one's choice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from ..diffusion import wan
from ..diffusion.checkout import Checkout
from ..diffusion.codec import WanCodec
from ..diffusion.hearing import REACH, Hearing
from ..diffusion.prompts import Prompts
from ..diffusion.sampling import Path as SamplingPath
from ..diffusion.sampling import euler, even_times
from ..diffusion.talking_head import Parts, Recipe, TalkingHead
from ..engine import FPS, Audio, Geometry, Picture, Size
from ..engines.infinitetalk import BARE, NAMES
from ..engines.infinitetalk_network import InfiniteTalk, Manner
from ..engines.infinitetalk_parts import Source
from ..engines.infinitetalk_random import EAR_CHANNELS, EAR_LAYERS, Dimensions, Random, random_parts

STEPS, SHIFT = 4, 5.0
PROMPT = ""
LOOK_AHEAD_FRAMES = 2


@dataclass(frozen=True)
class Shape:
    size: Size
    clip_frames: int
    overlap_frames: int

    @property
    def fresh_s(self) -> float:
        return (self.clip_frames - self.overlap_frames) / FPS


class Deaf(Hearing):
    """wav2vec2 takes milliseconds for a clip, and its weights aren't there: a fixed answer stands for it."""

    def __init__(self, device: torch.device) -> None:
        self._each = torch.randn(1, 1, 2 * REACH + 1, EAR_LAYERS, EAR_CHANNELS, device=device)

    def frames(self, sound: Audio, count: int, look_ahead: int) -> Tensor:
        return self._each.expand(1, count, -1, -1, -1)


@dataclass(frozen=True)
class Subject:
    source: Source
    parts: Random
    dtype: torch.dtype
    device: torch.device

    def codec(self, decoding: torch.dtype | None) -> WanCodec:
        return WanCodec(self.parts.vae.model, self.parts.vae.scale, decoding)

    def network(self, clip_frames: int, codec: WanCodec) -> InfiniteTalk:
        with TemporaryDirectory() as folder:
            prompts = Prompts(lambda _: self.parts.context, "random", Path(folder))
            prompts.context(PROMPT)
        manner = Manner(clip_frames, self.dtype, masked=True, guidance=1)
        return InfiniteTalk(self.parts.model, self.parts.look, codec, prompts, manner)

    def engine(self, shape: Shape, codec: WanCodec) -> TalkingHead:
        fresh_frames = shape.clip_frames - shape.overlap_frames
        recipe = Recipe(
            name="infinitetalk",
            geometry=Geometry(fresh_frames, shape.overlap_frames, LOOK_AHEAD_FRAMES, (shape.size,)),
            path=SamplingPath(even_times(STEPS, SHIFT, self.device), euler),
            channels=16,
            pixels_per_latent=8,
            colour=1,
        )
        return TalkingHead(recipe, Parts(self.network(shape.clip_frames, codec), codec, Deaf(self.device)), self.device)

    @contextmanager
    def spared(self) -> Iterator[None]:
        """The network as the engine has it, while this lasts; it is given to us as the checkout has it."""
        module = self.source.code.module(self.source.names.network)
        original = {name: getattr(module, name) for name in ("get_attn_map_with_target", "rope_apply")}
        wan.skip_attention_map(module)
        wan.rotate_in_single_precision(module)
        try:
            yield
        finally:
            vars(module).update(original)

    def reference(self, size: Size) -> Tensor:
        return torch.rand(1, 3, 1, size.height, size.width, device=self.device) * 2 - 1

    def latents(self, shape: Shape) -> Tensor:
        count = 1 + (shape.clip_frames - 1) // WanCodec.frames_per_latent
        return torch.randn(16, count, shape.size.height // 8, shape.size.width // 8, device=self.device)


def subject(home: Path, dimensions: Dimensions, dtype: torch.dtype, device: torch.device) -> Subject:
    source = Source(Checkout(home, BARE), NAMES)
    wan.attend_by_pytorch(source.code.module(NAMES.network), source.code.module(NAMES.attention))
    return Subject(source, random_parts(source, dimensions, dtype, device), dtype, device)


def face(size: Size) -> Picture:
    return np.random.default_rng(1).integers(0, 256, (size.height, size.width, 3), np.uint8)
