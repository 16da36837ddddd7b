from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")
HOME = os.environ.get("FLASHHEAD_HOME", "")
if not HOME:
    pytest.skip("FLASHHEAD_HOME is not set: FlashHead's clips are not compared with its own loop's", allow_module_level=True)

import torch
from PIL import Image
from torch import Tensor

from ..diffusion.checkout import Checkout
from ..diffusion.codec import WanCodec
from ..diffusion.hearing import neighbours
from ..diffusion.sampling import Path as SamplingPath
from ..diffusion.sampling import even_times, renoise
from ..diffusion.talking_head import Parts, Recipe, TalkingHead
from ..engine import Geometry
from .compared import CPU, SIZE, Recital, decoded, face, on_a_cpu, some_sound
from .flashhead import BARE, CLIP_FRAMES, KINDS, LOOK_AHEAD_FRAMES, NETWORK, SHIFT, STEPS
from .flashhead_network import FlashHead, Model, Stored
from .infinitetalk_random import TINY, Vae, filled, random_vae

KIND = KINDS["pro"]
FRESH_FRAMES, CLIPS = CLIP_FRAMES - KIND.overlap_frames, 3
SOUND = some_sound(CLIP_FRAMES + (CLIPS - 1) * FRESH_FRAMES)
WIDE = {"dim": 1536, "num_heads": 12}
"""The network takes its sound at this width, whatever its configuration says."""
STRIDE = (4, 8, 8)


@pytest.fixture(scope="module", autouse=True)
def cpu() -> Iterator[None]:
    yield from on_a_cpu()


@pytest.fixture(scope="module")
def code(cpu: None) -> Checkout:
    return Checkout(Path(HOME), BARE)


@pytest.fixture(scope="module")
def vae(code: Checkout) -> Vae:
    torch.manual_seed(7)
    return random_vae(code.module("flash_head.wan.modules.vae"), TINY, CPU)


@pytest.fixture(scope="module")
def model(code: Checkout) -> Model:
    module = code.module(NETWORK)
    sizes = {"in_dim": 32, "out_dim": 16, "ffn_dim": 64, "text_dim": 8, "freq_dim": 16, "eps": 1e-6, "num_layers": 1, **WIDE}
    build = partial(module.WanModelAudioProject, **sizes, vae_stride=STRIDE, patch_size=(1, 2, 2), has_image_input=False)
    network: Stored = cast(Stored, filled(build, torch.float32, CPU))
    network.freqs = module.precompute_freqs_cis_3d(WIDE["dim"] // WIDE["num_heads"])
    return network


def by_the_engine(model: Model, vae: Vae) -> Tensor:
    codec = WanCodec(vae.model, vae.scale)
    own = FlashHead(model, codec, clip_frames=CLIP_FRAMES, dtype=torch.float32)
    geometry = Geometry(FRESH_FRAMES, KIND.overlap_frames, LOOK_AHEAD_FRAMES, (SIZE,))
    path = SamplingPath(even_times(STEPS, SHIFT, CPU), renoise)
    recipe = Recipe("flashhead", geometry, path, KIND.channels, KIND.pixels_per_latent, colour=0)
    return decoded(TalkingHead(recipe, Parts(own, codec, Recital(SOUND, FRESH_FRAMES)), CPU), None, "", CLIPS)


def by_the_original(code: Checkout, model: Model, vae: Vae, folder: Path) -> Tensor:
    Image.fromarray(face()).save(folder / "face.png")
    pipeline = code.module("flash_head.src.pipeline.flash_head_pipeline").FlashHeadPipeline
    running = pipeline.__new__(pipeline)
    vars(running).update(
        device=CPU,
        param_dtype=torch.float32,
        model_type="pro",
        vae=vae,
        model=model,
        config=SimpleNamespace(vae_stride=STRIDE, out_dim=16),
        rank=1,
        num_timesteps=1000,
        use_timestep_transform=True,
    )
    running.prepare_params(str(folder / "face.png"), SIZE, CLIP_FRAMES, KIND.overlap_frames, STEPS, 0, SHIFT, 0.0)
    clips = [running.generate(neighbours(SOUND, clip * FRESH_FRAMES, CLIP_FRAMES)[None]) for clip in range(CLIPS)]
    return torch.cat([clips[0], *(clip[:, KIND.overlap_frames :] for clip in clips[1:])], 1)


def test_clips_are_the_original_ones_bit_by_bit(code: Checkout, model: Model, vae: Vae, tmp_path: Path) -> None:
    original = by_the_original(code, model, vae, tmp_path)
    drawn = by_the_engine(model, vae)
    assert original.std() > 0.05
    assert drawn.shape == original.shape
    assert (drawn - original).abs().max() == 0
