"""wav2vec2 as the checkouts use it: at the frame rate of the video, and layer by layer.

Theirs overrides a method of transformers' model, and from release 5 on is not told of the layers any more. This asks the model's
parts instead, which are the same in all releases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, cast

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from .hearing import Encoder


class Handle(Protocol):
    def remove(self) -> None: ...


class Layer(Protocol):
    def register_forward_hook(self, hook: Callable[..., None]) -> Handle: ...


class Layers(Protocol):
    layers: Iterable[Layer]

    def __call__(self, features: Tensor) -> object: ...


class Model(Protocol):
    """What is used of `Wav2Vec2Model`."""

    feature_extractor: Callable[[Tensor], Tensor]
    feature_projection: Callable[[Tensor], tuple[Tensor, Tensor]]
    encoder: Layers


def load_ear(config: Path, weights: Path, device: torch.device) -> Encoder:
    """Its configuration and its weights may lie in different snapshots, but are loaded from one folder."""
    from transformers import Wav2Vec2Model  # noqa: PLC0415 (seconds, which nothing else here needs)

    with TemporaryDirectory() as folder:
        (Path(folder) / "config.json").symlink_to(config.resolve())
        (Path(folder) / weights.name).symlink_to(weights.resolve())
        model: torch.nn.Module = Wav2Vec2Model.from_pretrained(folder, local_files_only=True)
    return ear(cast(Model, model.eval().requires_grad_(False).to(device)))


def ear(model: Model) -> Encoder:
    def layers(sound: Tensor, frames: int) -> list[Tensor]:
        heard: list[Tensor] = []
        hooks = [
            layer.register_forward_hook(lambda _layer, _given, out: heard.append(first(out))) for layer in model.encoder.layers
        ]
        try:
            features = interpolate(model.feature_extractor(sound), frames, mode="linear", align_corners=True)
            model.encoder(model.feature_projection(features.transpose(1, 2))[0])
        finally:
            for hook in hooks:
                hook.remove()
        return heard

    return layers


def first(out: Tensor | tuple[Tensor, ...]) -> Tensor:
    return out[0] if isinstance(out, tuple) else out
