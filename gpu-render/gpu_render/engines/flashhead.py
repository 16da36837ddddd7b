"""SoulX-FlashHead, 1.3B: short clips from a picture and the sound alone, in two kinds: `lite` (real time on one GPU) and `pro`.

Written against its code without its weights, which no machine here has had.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import torch

from ..diffusion import wan
from ..diffusion.checkout import Checkout, offline
from ..diffusion.codec import Codec, WanCodec
from ..diffusion.ear import load_ear
from ..diffusion.files import Weights, checkout, find, sharded
from ..diffusion.hearing import Hearing
from ..diffusion.sampling import Path as SamplingPath
from ..diffusion.sampling import even_times, renoise
from ..diffusion.talking_head import Parts, Recipe, TalkingHead
from ..diffusion.weights import fill
from ..engine import Geometry, Progress, Settings
from ..settings import choice, number
from .flashhead_network import FlashHead, LtxCodec, Stored
from .infinitetalk import gpu, grained_sizes
from .infinitetalk_parts import DTYPE, decoding

ENGINE = "FLASHHEAD"
OWN = Weights("FLASHHEAD_WEIGHTS", "Soul-AILab/SoulX-FlashHead-1_3B")
WAV2VEC = Weights("FLASHHEAD_WAV2VEC", "facebook/wav2vec2-base-960h")

NETWORK = "flash_head.src.modules.flash_head_model"
CODE = ("flash_head/src/modules/flash_head_model.py", "flash_head/wan/modules/vae.py")
BARE = ("flash_head", "flash_head.wan", "flash_head.wan.modules")

CLIP_FRAMES = 33
LOOK_AHEAD_FRAMES = 0
STEPS, SHIFT = 4, 5.0
SIZES = "512x512"


@dataclass(frozen=True)
class Kind:
    folder: str
    overlap_frames: int
    channels: int
    pixels_per_latent: int
    grain: int


KINDS = {
    "lite": Kind("Model_Lite", overlap_frames=9, channels=128, pixels_per_latent=32, grain=32),
    "pro": Kind("Model_Pro", overlap_frames=5, channels=16, pixels_per_latent=8, grain=16),
}


def load(settings: Settings, progress: Progress) -> TalkingHead:
    offline()
    home = checkout(settings, "FLASHHEAD_HOME", "Soul-AILab/SoulX-FlashHead", CODE)
    name = choice(settings, "FLASHHEAD_MODEL", ("lite", "pro"))
    kind = KINDS[name]
    sizes = grained_sizes(settings, ENGINE, SIZES, kind.grain)
    geometry = Geometry(CLIP_FRAMES - kind.overlap_frames, kind.overlap_frames, LOOK_AHEAD_FRAMES, sizes)
    device = gpu("flashhead")
    recipe = Recipe(
        name="flashhead",
        geometry=geometry,
        path=SamplingPath(even_times(STEPS, SHIFT, device), renoise),
        channels=kind.channels,
        pixels_per_latent=kind.pixels_per_latent,
        colour=number(settings, "FLASHHEAD_COLOUR", 1, 0, 1),
    )
    progress(0.0, "loading the network")
    engine = TalkingHead(recipe, load_parts(settings, home, name, device), device)
    engine.warm_up("", lambda done, what: progress(0.4 + 0.6 * done, what))
    return engine


def load_parts(settings: Settings, home: Path, kind: str, device: torch.device) -> Parts:
    code = Checkout(home, BARE, needed=("diffusers",) if kind == "lite" else ())
    folder = KINDS[kind].folder
    config = json.loads(find(settings, home, OWN, f"{folder}/config.json").read_text())
    given = {name: value for name, value in config.items() if not name.startswith("_")}
    module = code.module(NETWORK)
    build = partial(module.WanModelAudioProject, **given)
    model = cast(Stored, fill(build, sharded(settings, home, OWN, folder), DTYPE, device))
    model.freqs = module.precompute_freqs_cis_3d(given["dim"] // given["num_heads"])
    ear_config, ear_weights = (find(settings, home, WAV2VEC, name) for name in ("config.json", "model.safetensors"))
    codec = load_codec(code, settings, home, kind, device)
    return Parts(
        FlashHead(model, codec, clip_frames=CLIP_FRAMES, dtype=DTYPE),
        codec,
        Hearing(load_ear(ear_config, ear_weights, device), device),
    )


def load_codec(code: Checkout, settings: Settings, home: Path, kind: str, device: torch.device) -> Codec:
    if kind == "lite":
        folder = find(settings, home, OWN, "VAE_LTX/config.json").parent
        return LtxCodec(code.module("flash_head.ltx_video.ltx_vae").LtxVAE(str(folder), dtype=DTYPE, device=device), DTYPE)
    file = find(settings, home, OWN, f"VAE_Wan/{wan.VAE_FILE}")
    vae = code.module("flash_head.wan.modules.vae").WanVAE(16, str(file), device=device)
    return WanCodec(vae.model, vae.scale, decoding(settings, ENGINE))
