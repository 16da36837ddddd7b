"""For tests: weights on a disk under their real names, small enough for a CPU."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import save_file

from ..diffusion import wan
from .compared import CPU, EAR_CHANNELS, EAR_LAYERS
from .infinitetalk_random import CLIP_CHANNELS, TINY, filled

NETWORK = {"_class_name": "WanModel", "in_dim": 36, **{name: value for name, value in vars(TINY).items() if name != "vae_dim"}}
EYE = {"vision_dim": CLIP_CHANNELS, "vision_layers": 2, "vision_mlp_ratio": 1, "vocab_size": 9, "text_dim": 16, "text_layers": 1}
EAR = {"num_hidden_layers": EAR_LAYERS, "hidden_size": EAR_CHANNELS, "intermediate_size": 32, "conv_dim": (16,) * 7}
PROMPT_TOKENS = 7


def network_tensors(module: ModuleType) -> dict[str, torch.Tensor]:
    given = {name: value for name, value in NETWORK.items() if not name.startswith("_")}
    tensors: dict[str, torch.Tensor] = filled(lambda: module.WanModel(weight_init=False, **given), torch.float32, CPU).state_dict()
    return tensors


def write_vae(module: ModuleType, file: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(module, "_video_vae", partial(module._video_vae, dim=TINY.vae_dim))
    sizes = {"dim": TINY.vae_dim, "z_dim": 16, "temperal_downsample": [False, True, True]}
    torch.save(filled(lambda: module.WanVAE_(**sizes), torch.float32, CPU).state_dict(), file)


def write_eye(module: ModuleType, file: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(module, "clip_xlm_roberta_vit_h_14", partial(module.clip_xlm_roberta_vit_h_14, **EYE))
    eye = filled(lambda: module.clip_xlm_roberta_vit_h_14(dtype=torch.float32), torch.float16, CPU)
    torch.save(eye.state_dict(), file)


def write_ear(config: Path, weights: Path) -> None:
    transformers = pytest.importorskip("transformers")
    ear = transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(**EAR))
    ear.save_pretrained(weights)
    if config != weights:
        (weights / "config.json").rename(config / "config.json")


def write_prompt(base: Path, prompt: str, cache: Path) -> None:
    """What T5 made of it, where it would have been kept; T5 itself is a file that can't be read."""
    (base / wan.T5_FILE).write_bytes(b"")
    (base / wan.T5_TOKENIZER).parent.mkdir(parents=True)
    (base / wan.T5_TOKENIZER).write_text("{}")
    digest = hashlib.sha256(f"{(base / wan.T5_FILE).resolve()}\n{prompt}".encode()).hexdigest()
    folder = cache / "gpu-render" / "prompts"
    folder.mkdir(parents=True)
    save_file({"context": torch.randn(PROMPT_TOKENS, TINY.text_dim)}, folder / f"{digest}.safetensors")
