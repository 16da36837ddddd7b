"""Loads the parts of an engine that is built like InfiniteTalk.

A 14B network; T5 for the prompt; CLIP and Wan's autoencoder for the picture; wav2vec2 for the sound.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import torch

from ..diffusion import wan
from ..diffusion.checkout import Checkout
from ..diffusion.codec import WanCodec
from ..diffusion.ear import load_ear
from ..diffusion.files import Weights, find
from ..diffusion.hearing import Hearing
from ..diffusion.prompts import Prompts
from ..diffusion.talking_head import Parts, Recipe, TalkingHead
from ..diffusion.weights import fill, merge_lora, read
from ..engine import Progress, Settings
from ..settings import choice, number
from .infinitetalk_network import InfiniteTalk, Manner, Model

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


Network = Callable[[], tuple[list[Path], Path | None]]
"""Finds the network's tensors and their LoRA."""


def found_files(settings: Settings, home: Path, store: Weights, ear: Weights, network: Network) -> Files:
    """`store` has what is Wan's, `ear` wav2vec2."""
    names = (wan.VAE_FILE, wan.CLIP_FILE, wan.T5_FILE, wan.T5_TOKENIZER)
    vae, clip, t5, tokenizer = (find(settings, home, store, name) for name in names)
    tensors, lora = network()
    return Files(
        config=find(settings, home, store, "config.json"),
        tensors=tensors,
        lora=lora,
        vae=vae,
        clip=clip,
        t5=t5,
        tokenizer=tokenizer.parent,
        ear_config=find(settings, home, ear, "config.json"),
        ear_weights=find(settings, home, ear, "model.safetensors"),
    )


@dataclass(frozen=True)
class Names:
    """Of the modules in the checkout."""

    network: str
    attention: str
    vae: str
    clip: str
    t5: str


@dataclass(frozen=True)
class Source:
    code: Checkout
    names: Names


@dataclass(frozen=True)
class Options:
    prompt: str
    manner: Manner
    lora_scale: float
    decoding: torch.dtype | None
    prompts: Path


def options(settings: Settings, engine: str, *, prompt: str, clip_frames: int, masked: bool) -> Options:
    """`engine` is how the settings' names begin."""
    cache = Path(settings.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Options(
        prompt=settings.get(f"{engine}_PROMPT") or prompt,
        manner=Manner(clip_frames, DTYPE, masked, guidance=number(settings, f"{engine}_AUDIO_GUIDANCE", 1, 1, 10)),
        lora_scale=number(settings, f"{engine}_LORA_SCALE", 1, 0, 2),
        decoding=decoding(settings, engine),
        prompts=cache / "gpu-render" / "prompts",
    )


def decoding(settings: Settings, engine: str) -> torch.dtype | None:
    """Half as precise is what the real-time relatives decode in."""
    return {"bf16": DTYPE, "fp32": None}[choice(settings, f"{engine}_VAE_PRECISION", ("bf16", "fp32"))]


def warmed(recipe: Recipe, source: Source, files: Files, wanted: Options, device: torch.device, progress: Progress) -> TalkingHead:
    """The engine, which has drawn its warm-up clips."""
    parts = load_parts(source, files, wanted, device, lambda done, what: progress(done * 0.6, what))
    engine = TalkingHead(recipe, parts, device)
    engine.warm_up(wanted.prompt, lambda done, what: progress(0.6 + 0.4 * done, what))
    return engine


def load_parts(source: Source, files: Files, wanted: Options, device: torch.device, progress: Progress) -> Parts:
    code, names = source.code, source.names
    progress(0.0, "encoding the default prompt")
    encode = wan.t5_once(lambda: code.module(names.t5), files.t5, files.tokenizer, device)
    prompts = Prompts(encode, str(files.t5.resolve()), wanted.prompts)
    prompts.context(wanted.prompt)
    progress(0.1, "loading the autoencoder, CLIP and wav2vec2")
    vae = code.module(names.vae).WanVAE(16, str(files.vae), device=device)
    codec = WanCodec(vae.model, vae.scale, wanted.decoding)
    look = wan.clip_eye(code.module(names.clip), files.clip, device)
    hearing = Hearing(load_ear(files.ear_config, files.ear_weights, device), device)
    progress(0.2, "loading the network")
    model = fill(builder(source, files.config), files.tensors, DTYPE, device)
    if files.lora:
        merge_lora(model, dict(read(files.lora)), wanted.lora_scale)
    return Parts(InfiniteTalk(ready(model), look, codec, prompts, wanted.manner), codec, hearing)


def builder(source: Source, config: Path) -> Callable[[], torch.nn.Module]:
    """A network without what costs time and changes nothing."""
    module = source.code.module(source.names.network)
    wan.attend_by_pytorch(module, source.code.module(source.names.attention))
    wan.skip_attention_map(module)
    wan.rotate_in_single_precision(module)
    given = {name: value for name, value in json.loads(config.read_text()).items() if not name.startswith("_")}
    return lambda: module.WanModel(weight_init=False, **given)


class Stored(Model, Protocol):
    """The network as it is when its weights are in."""

    enable_teacache: bool

    def init_freqs(self) -> None: ...


def ready(model: object) -> Model:
    """What isn't stored is computed: the rotations. TeaCache, which would keep one session's state for all, stays off."""
    stored = cast(Stored, model)
    stored.init_freqs()
    stored.enable_teacache = False
    return stored
