"""InfiniteTalk: Wan 2.1 I2V 14B with InfiniteTalk's own layers and a 4-step LoRA, from a checkout of its code.

docs/gpu.md says what to fetch and what is left out of the original.
"""

from __future__ import annotations

from pathlib import Path

import torch

from ..diffusion.checkout import Checkout, offline
from ..diffusion.files import Weights, checkout, find, sharded
from ..diffusion.sampling import Path as SamplingPath
from ..diffusion.sampling import euler, even_times
from ..diffusion.talking_head import Recipe, TalkingHead
from ..engine import ConfigurationError, Geometry, Progress, Settings, Size
from ..settings import number, sizes
from .infinitetalk_parts import Files, Names, Source, found_files, options, warmed

ENGINE = "INFINITETALK"
WAN = Weights("INFINITETALK_WAN", "Wan-AI/Wan2.1-I2V-14B-480P")
OWN = Weights("INFINITETALK_WEIGHTS", "MeiGen-AI/InfiniteTalk")
LORA = Weights("INFINITETALK_LORA", "Kijai/WanVideo_comfy")
WAV2VEC_REPOSITORY = "TencentGameMate/chinese-wav2vec2-base"
WAV2VEC = Weights("INFINITETALK_WAV2VEC", WAV2VEC_REPOSITORY)

OWN_FILE = "single/infinitetalk.safetensors"
LORA_FILE = "Wan21_T2V_14B_lightx2v_cfg_step_distill_lora_rank32.safetensors"

CODE = ("wan/modules/multitalk_model.py", "wan/modules/vae.py")
BARE = ("wan", "wan.modules", "wan.utils")
NAMES = Names(
    network="wan.modules.multitalk_model",
    attention="wan.modules.attention",
    vae="wan.modules.vae",
    clip="wan.modules.clip",
    t5="wan.modules.t5",
)

PROMPT = "A person looks into the camera and talks calmly, with natural facial expressions. The camera does not move."
FRESH_FRAMES, OVERLAP_FRAMES, LOOK_AHEAD_FRAMES = 72, 9, 2
SIZES = "640x640,704x416,448x448"
GRAIN = 16
"""Sides are multiples of this: eight pixels to a latent, two latents to a token."""


def load(settings: Settings, progress: Progress) -> TalkingHead:
    offline()
    home = checkout(settings, "INFINITETALK_HOME", "MeiGen-AI/InfiniteTalk", CODE)
    files = find_files(settings, home)
    wanted = options(settings, ENGINE, prompt=PROMPT, clip_frames=FRESH_FRAMES + OVERLAP_FRAMES, masked=True)
    geometry = Geometry(FRESH_FRAMES, OVERLAP_FRAMES, LOOK_AHEAD_FRAMES, grained_sizes(settings, ENGINE, SIZES, GRAIN))
    device = gpu("infinitetalk")
    return warmed(recipe(settings, geometry, device), Source(Checkout(home, BARE), NAMES), files, wanted, device, progress)


def recipe(settings: Settings, geometry: Geometry, device: torch.device) -> Recipe:
    steps = round(number(settings, "INFINITETALK_STEPS", 4, 1, 50))
    shift = number(settings, "INFINITETALK_SHIFT", 5, 1, 20)
    return Recipe(
        name="infinitetalk",
        geometry=geometry,
        path=SamplingPath(even_times(steps, shift, device), euler),
        channels=16,
        pixels_per_latent=8,
        colour=number(settings, "INFINITETALK_COLOUR", 1, 0, 1),
    )


def find_files(settings: Settings, home: Path) -> Files:
    return found_files(settings, home, WAN, WAV2VEC, lambda: network_files(settings, home))


def network_files(settings: Settings, home: Path) -> tuple[list[Path], Path | None]:
    """One checkpoint with everything merged into it, or else Wan's shards, InfiniteTalk's own layers and the LoRA."""
    if merged := settings.get("INFINITETALK_CHECKPOINT"):
        if not Path(merged).is_file():
            raise ConfigurationError(f"INFINITETALK_CHECKPOINT must be one merged .safetensors file; {merged} is none.")
        return [Path(merged)], None
    shards = sharded(settings, home, WAN)
    return [*shards, find(settings, home, OWN, OWN_FILE)], find(settings, home, LORA, LORA_FILE)


def grained_sizes(settings: Settings, engine: str, default: str, grain: int) -> tuple[Size, ...]:
    found = sizes(settings, f"{engine}_SIZES", default)
    if any(side % grain for size in found for side in size):
        given = settings.get(f"{engine}_SIZES")
        raise ConfigurationError(f"{engine}_SIZES must be sizes with sides that are multiples of {grain}, not {given!r}.")
    return found


def gpu(engine: str) -> torch.device:
    if not torch.cuda.is_available():
        raise ConfigurationError(f"The engine {engine} needs an NVIDIA GPU; PyTorch {torch.__version__} sees none.")
    return torch.device("cuda", torch.cuda.current_device())
