"""Loads the parts of an engine that is built like InfiniteTalk: a 14B network, T5 for the prompt, CLIP and Wan's autoencoder for the picture,
wav2vec2 for the sound."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from ..diffusion import wan
from ..diffusion.checkout import Checkout
from ..diffusion.codec import WanCodec
from ..diffusion.hearing import Hearing
from ..diffusion.prompts import Prompts
from ..diffusion.talking_head import Parts
from ..diffusion.weights import fill, merge_lora, read
from ..engine import Progress, Settings
from ..settings import choice, number
from .infinitetalk_network import InfiniteTalk, Model

DTYPE = torch.bfloat16


@dataclass(frozen=True)
class Files:
    config: Path
    tensors: list[Path]
    """The network's own, in order: the last one that has a tensor counts."""
    lora: Path | None
    vae: Path
    clip: Path
    t5: Path
    tokenizer: Path
    ear_config: Path
    ear_weights: Path


@dataclass(frozen=True)
class Names:
    """Of the modules in the checkout."""

    network: str
    attention: str
    vae: str
    clip: str
    t5: str
    ear: str


@dataclass(frozen=True)
class Options:
    prompt: str
    clip_frames: int
    masked: bool
    audio_guidance: float
    lora_scale: float
    decoding: torch.dtype | None
    prompts: Path


def options(settings: Settings, engine: str, *, prompt: str, clip_frames: int, masked: bool) -> Options:
    """`engine` is how the settings' names begin."""
    cache = Path(settings.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Options(
        prompt=settings.get(f"{engine}_PROMPT") or prompt,
        clip_frames=clip_frames,
        masked=masked,
        audio_guidance=number(settings, f"{engine}_AUDIO_GUIDANCE", 1, 1, 10),
        lora_scale=number(settings, f"{engine}_LORA_SCALE", 1, 0, 2),
        decoding=decoding(settings, engine),
        prompts=cache / "gpu-render" / "prompts",
    )


def decoding(settings: Settings, engine: str) -> torch.dtype | None:
    """Half as precise is what the real-time relatives decode in."""
    return {"bf16": DTYPE, "fp32": None}[choice(settings, f"{engine}_VAE_PRECISION", ("bf16", "fp32"))]


def load_parts(code: Checkout, names: Names, files: Files, wanted: Options, device: torch.device, progress: Progress) -> Parts:
    progress(0.0, "encoding the default prompt")
    encode = wan.t5_once(lambda: code.module(names.t5), files.t5, files.tokenizer, device)
    prompts = Prompts(encode, str(files.t5.resolve()), wanted.prompts)
    prompts.context(wanted.prompt)
    progress(0.1, "loading the autoencoder, CLIP and wav2vec2")
    vae = code.module(names.vae).WanVAE(16, str(files.vae), device=device)
    codec = WanCodec(vae.model, vae.scale, wanted.decoding)
    look = wan.clip_eye(code.module(names.clip), files.clip, device)
    hearing = Hearing(wan.ear(code.module(names.ear), files.ear_config, files.ear_weights, device), device)
    progress(0.2, "loading the network")
    model = load_model(code, names, files, wanted.lora_scale, device)
    network = InfiniteTalk(
        model, look, codec, prompts, clip_frames=wanted.clip_frames, dtype=DTYPE, masked=wanted.masked, guidance=wanted.audio_guidance
    )
    return Parts(network, codec, hearing)


def load_model(code: Checkout, names: Names, files: Files, lora_scale: float, device: torch.device) -> Model:
    build = builder(code, names, files.config)
    model = fill(build, files.tensors, DTYPE, device)
    if files.lora:
        merge_lora(model, dict(read(files.lora)), lora_scale)
    return ready(model)


def builder(code: Checkout, names: Names, config: Path) -> Callable[[], torch.nn.Module]:
    """A network without what costs time and changes nothing."""
    module = code.module(names.network)
    wan.attend_by_pytorch(module, code.module(names.attention))
    wan.skip_attention_map(module)
    wan.rotate_in_single_precision(module)
    given = {name: value for name, value in json.loads(config.read_text()).items() if not name.startswith("_")}
    return lambda: module.WanModel(weight_init=False, **given)


def ready(model: torch.nn.Module) -> Model:
    """What isn't stored is computed: the rotations; TeaCache, which would keep one session's state for all, stays off."""
    model.init_freqs()  # type: ignore[operator]
    model.enable_teacache = False  # type: ignore[assignment]
    return model  # type: ignore[return-value]
