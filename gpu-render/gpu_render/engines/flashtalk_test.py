from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")
HOME = os.environ.get("FLASHTALK_HOME", "")
if not HOME:
    pytest.skip("FLASHTALK_HOME is not set: FlashTalk's clips are not compared with its own loop's", allow_module_level=True)

import torch
from PIL import Image
from torch import Tensor

from ..diffusion import wan
from ..diffusion.checkout import Checkout
from ..diffusion.codec import WanCodec
from ..diffusion.hearing import neighbours
from ..diffusion.prompts import Prompts
from ..diffusion.sampling import Path as SamplingPath
from ..diffusion.sampling import even_times, renoise
from ..diffusion.talking_head import Parts, Recipe, TalkingHead
from ..engine import Geometry
from .compared import CPU, SIZE, Recital, decoded, face, on_a_cpu, some_sound
from .flashtalk import BARE, FRESH_FRAMES, LOOK_AHEAD_FRAMES, NAMES, OVERLAP_FRAMES, SHIFT, STEPS
from .infinitetalk_network import InfiniteTalk, Manner
from .infinitetalk_parts import Source
from .infinitetalk_random import TINY, Random, random_parts

CLIP_FRAMES, CLIPS = FRESH_FRAMES + OVERLAP_FRAMES, 3
SOUND = some_sound(CLIP_FRAMES + (CLIPS - 1) * FRESH_FRAMES)
PIPELINE = "flash_talk.src.pipeline.flash_talk_pipeline"


@pytest.fixture(scope="module", autouse=True)
def cpu() -> Iterator[None]:
    yield from on_a_cpu()


@pytest.fixture(scope="module")
def code(cpu: None) -> Checkout:
    checkout = Checkout(Path(HOME), BARE)
    wan.attend_by_pytorch(checkout.module(NAMES.network), checkout.module(NAMES.attention))
    return checkout


@pytest.fixture(scope="module")
def parts(code: Checkout) -> Random:
    return random_parts(Source(code, NAMES), TINY, torch.float32, CPU)


def by_the_engine(parts: Random, folder: Path) -> Tensor:
    codec = WanCodec(parts.vae.model, parts.vae.scale)
    prompts = Prompts(lambda _: parts.context, "random", folder)
    own = InfiniteTalk(parts.model, parts.look, codec, prompts, Manner(CLIP_FRAMES, torch.float32, masked=False, guidance=1))
    geometry = Geometry(FRESH_FRAMES, OVERLAP_FRAMES, LOOK_AHEAD_FRAMES, (SIZE,))
    path = SamplingPath(even_times(STEPS, SHIFT, CPU), renoise)
    recipe = Recipe("flashtalk", geometry, path, channels=16, pixels_per_latent=8, colour=0)
    return decoded(TalkingHead(recipe, Parts(own, codec, Recital(SOUND, FRESH_FRAMES)), CPU), None, "", CLIPS)


def by_the_original(code: Checkout, parts: Random, folder: Path) -> Tensor:
    Image.fromarray(face()).save(folder / "face.png")
    modules = code.module("flash_talk.wan.modules")
    for part, name in (("CLIPModel", NAMES.clip), ("T5EncoderModel", NAMES.t5), ("WanVAE", NAMES.vae)):
        vars(modules)[part] = getattr(code.module(name), part)
    pipeline = code.module(PIPELINE).FlashTalkPipeline
    running = pipeline.__new__(pipeline)
    vars(running).update(
        device=CPU,
        param_dtype=torch.float32,
        cpu_offload=False,
        text_encoder=lambda texts, device: [parts.context for _ in texts],
        clip=SimpleNamespace(visual=parts.look),
        vae=parts.vae,
        model=parts.model,
        vae_stride=(4, 8, 8),
        patch_size=(1, 2, 2),
        sp_size=1,
        rank=1,
        num_timesteps=1000,
        use_timestep_transform=True,
    )
    running.prepare_params("", str(folder / "face.png"), SIZE, CLIP_FRAMES, OVERLAP_FRAMES, STEPS, 0, SHIFT, 0.0)
    clips = [running.generate(neighbours(SOUND, clip * FRESH_FRAMES, CLIP_FRAMES)[None]) for clip in range(CLIPS)]
    return torch.cat(clips, 1)


def test_clips_are_the_original_ones_bit_by_bit(code: Checkout, parts: Random, tmp_path: Path) -> None:
    original = by_the_original(code, parts, tmp_path)
    drawn = by_the_engine(parts, tmp_path)[:, OVERLAP_FRAMES:]
    assert original.std() > 0.05
    assert drawn.shape == original.shape == (3, CLIPS * FRESH_FRAMES, SIZE.height, SIZE.width)
    assert (drawn - original).abs().max() == 0
