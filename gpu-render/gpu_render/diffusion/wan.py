"""The parts that every checkout built on Wan 2.1 has in common, and what is left out of its network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace

import torch
from torch import Tensor

from .attention import Operators, flash_attention

TEXT_LENGTH = 512
T5_FILE = "models_t5_umt5-xxl-enc-bf16.pth"
T5_TOKENIZER = "google/umt5-xxl/tokenizer.json"
CLIP_FILE = "models_clip_open-clip-xlm-roberta-large-vit-huge-14.pth"
VAE_FILE = "Wan2.1_VAE.pth"

Look = Callable[[Tensor], Tensor]
"""CLIP's tokens of a reference, (1, 257, 1280)."""


def attend_by_pytorch(network: ModuleType, attention: ModuleType) -> None:
    vars(network)["flash_attention"] = flash_attention
    vars(attention)["xformers"] = SimpleNamespace(ops=Operators)


def skip_attention_map(network: ModuleType) -> None:
    """It tells two speakers apart; for one, all 40 layers compute it and nobody looks."""
    vars(network)["get_attn_map_with_target"] = lambda *_, **__: None


def rotate_in_single_precision(network: ModuleType) -> None:
    """Twice per layer and step, the original rotates queries and keys in double precision, by angles that it puts together anew."""
    known: dict[tuple[object, ...], Tensor] = {}

    def rope_apply(x: Tensor, grid_sizes: Tensor, freqs: Tensor) -> Tensor:
        place = (*grid_sizes[0].tolist(), freqs.shape[1], x.device)
        if place not in known:
            known[place] = angles(freqs, *grid_sizes[0].tolist()).to(x.device, torch.complex64)
        pairs = torch.view_as_complex(x.float().reshape(*x.shape[:3], -1, 2))
        return torch.view_as_real(pairs * known[place]).flatten(3)

    vars(network)["rope_apply"] = rope_apply


def angles(freqs: Tensor, frames: int, rows: int, columns: int) -> Tensor:
    """One complex factor per token and pair of channels: a third of the pairs turns with time, the others with the place."""
    third = freqs.shape[1] // 3
    time, row, column = torch.split(freqs, [freqs.shape[1] - 2 * third, third, third], dim=1)
    grid = (frames, rows, columns, -1)
    parts = (time[:frames, None, None], row[None, :rows, None], column[None, None, :columns])
    return torch.cat([part.expand(grid) for part in parts], dim=-1).reshape(-1, 1, freqs.shape[1])


def clip_eye(module: ModuleType, file: Path, device: torch.device) -> Look:
    """Only the half of CLIP that sees is loaded; the half that reads keeps no memory."""
    dtype = torch.float16 if device.type == "cuda" else torch.float32
    vars(module)["flash_attention"] = flash_attention
    model, transforms = module.clip_xlm_roberta_vit_h_14(return_transforms=True, return_tokenizer=False, dtype=dtype, device="meta")
    stored: Mapping[str, Tensor] = torch.load(file, map_location="cpu", mmap=True, weights_only=True)
    seeing = {name.removeprefix("visual."): tensor for name, tensor in stored.items() if name.startswith("visual.")}
    model.visual.load_state_dict({name: tensor.to(device, dtype) for name, tensor in seeing.items()}, assign=True)
    eye = module.CLIPModel.__new__(module.CLIPModel)
    eye.model, eye.transforms, eye.dtype = model.eval().requires_grad_(False), transforms, dtype
    look: Look = eye.visual
    return look


def t5_once(module: Callable[[], ModuleType], file: Path, tokenizer: Path, device: torch.device) -> Callable[[str], Tensor]:
    """Loads the text encoder for one prompt and lets go of it."""

    def encode(prompt: str) -> Tensor:
        encoder = module().T5EncoderModel(
            text_len=TEXT_LENGTH, dtype=torch.bfloat16, device=device, checkpoint_path=str(file), tokenizer_path=str(tokenizer)
        )
        with torch.no_grad():
            context: Tensor = encoder([prompt], device)[0]
        return context

    return encode


def first_frame_mask(latents: Tensor) -> Tensor:
    """Four channels that say which frames are given: the first one, which has a latent of its own."""
    mask = torch.zeros(1, 4, *latents.shape[1:], dtype=latents.dtype, device=latents.device)
    mask[:, :, 0] = 1
    return mask
