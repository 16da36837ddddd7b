"""The parts of an engine like InfiniteTalk with random weights: tiny ones to compare loops on a CPU, whole ones to time a GPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol

import torch
from torch import Tensor, nn

from ..diffusion.codec import Autoencoder
from ..diffusion.wan import Look
from .infinitetalk_network import Model
from .infinitetalk_parts import Source, ready

CLIP_TOKENS, CLIP_CHANNELS = 257, 1280
TEXT_TOKENS = 40
EAR_LAYERS, EAR_CHANNELS = 12, 768


@dataclass(frozen=True)
class Dimensions:
    dim: int
    ffn_dim: int
    num_heads: int
    num_layers: int
    text_dim: int
    vae_dim: int


WHOLE = Dimensions(dim=5120, ffn_dim=13824, num_heads=40, num_layers=40, text_dim=4096, vae_dim=96)
TINY = Dimensions(dim=48, ffn_dim=96, num_heads=2, num_layers=2, text_dim=32, vae_dim=8)


class Vae(Protocol):
    """What is used of `WanVAE`."""

    model: Autoencoder
    scale: list[Tensor]


@dataclass(frozen=True)
class Random:
    """As much of a checkout's pipeline as a loop touches."""

    model: Model
    vae: Vae
    look: Look
    context: Tensor


def random_parts(source: Source, dimensions: Dimensions, dtype: torch.dtype, device: torch.device) -> Random:
    torch.manual_seed(7)
    return Random(
        model=random_model(source, dimensions, dtype, device),
        vae=random_vae(source.code.module(source.names.vae), dimensions, device),
        look=random_eye(device),
        context=torch.randn(TEXT_TOKENS, dimensions.text_dim, device=device).to(dtype),
    )


def random_model(source: Source, dimensions: Dimensions, dtype: torch.dtype, device: torch.device) -> Model:
    given = {name: value for name, value in vars(dimensions).items() if name != "vae_dim"}
    network = source.code.module(source.names.network)
    return ready(filled(lambda: network.WanModel(in_dim=36, weight_init=False, **given), dtype, device))


def random_vae(module: ModuleType, dimensions: Dimensions, device: torch.device) -> Vae:
    """The original reads a file in its constructor; it is given one that isn't there, and weights made up."""
    model = filled(
        lambda: module.WanVAE_(dim=dimensions.vae_dim, z_dim=16, temperal_downsample=[False, True, True]), torch.float32, device
    )
    loading = module._video_vae
    vars(module)["_video_vae"] = lambda **_: model
    try:
        vae: Vae = module.WanVAE(16, "random", device=device)
    finally:
        vars(module)["_video_vae"] = loading
    return vae


def random_eye(device: torch.device) -> Look:
    """Other tokens for other pictures."""
    tokens = torch.randn(1, CLIP_TOKENS, CLIP_CHANNELS, device=device)
    return lambda reference: tokens * (1 + reference.mean())


def filled(build: Callable[[], nn.Module], dtype: torch.dtype, device: torch.device) -> nn.Module:
    """With weights such that what goes through neither vanishes nor explodes."""
    with torch.device("meta"):
        network = build().to(dtype)
    network.to_empty(device=device)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, parameter[0].numel() ** -0.5)
            else:
                parameter.normal_(1 if name.endswith("weight") else 0, 0.1)
    return network.eval().requires_grad_(False)
