"""Puts stored tensors into a network that has no memory of its own yet: each is read, cast and moved once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import safe_open
from torch import Tensor, nn

from ..engine import ConfigurationError

Network = TypeVar("Network", bound=nn.Module)

PREFIX = "diffusion_model."
PAIRS = (("lora_down.weight", "lora_up.weight"), ("lora_A.weight", "lora_B.weight"))
DIFFERENCES = {"diff": "weight", "diff_b": "bias"}


def fill(build: Callable[[], Network], files: Sequence[Path], dtype: torch.dtype, device: torch.device) -> Network:
    """Where files hold the same tensor, the last one counts."""
    with torch.device("meta"):
        network = build()
    tensors: dict[str, Tensor] = {}
    for file in files:
        tensors.update((name, tensor.to(device, dtype)) for name, tensor in read(file))
    expected = network.state_dict().keys()
    if missing := sorted(expected - tensors.keys()):
        raise ConfigurationError(f"{', '.join(map(str, files))}: {len(missing)} tensors are missing, such as {missing[0]}.")
    network.load_state_dict({name: tensors[name] for name in expected}, assign=True)
    network.eval().requires_grad_(False)
    return network


def read(file: Path) -> Iterator[tuple[str, Tensor]]:
    with safe_open(str(file), framework="pt") as opened:
        for name in opened.keys():  # noqa: SIM118 (not a dict)
            yield name, opened.get_tensor(name)


def merge_lora(network: nn.Module, lora: Mapping[str, Tensor], scale: float) -> int:
    """Adds a LoRA to the weights it was made for, for good: it then costs nothing per step. Returns how many it has changed."""
    parameters = dict(network.named_parameters())
    changed = 0
    for name, delta in _deltas(lora):
        if (parameter := parameters.get(name)) is None:
            raise ConfigurationError(f"The LoRA changes {name}, which this network does not have.")
        with torch.no_grad():
            parameter.copy_(parameter.float() + scale * delta.to(parameter.device).float())
        changed += 1
    if changed == 0:
        raise ConfigurationError(f"The LoRA holds nothing that is known here; its first tensor is {next(iter(lora), 'missing')}.")
    return changed


def _deltas(lora: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    for key, tensor in lora.items():
        layer, _, kind = key.removeprefix(PREFIX).rpartition(".")
        if kind in DIFFERENCES:
            yield f"{layer}.{DIFFERENCES[kind]}", tensor
        for down, up in PAIRS:
            if key.endswith(down):
                base = key.removesuffix(down)
                alpha = float(lora.get(f"{base}alpha", torch.tensor(float(len(tensor)))))
                product = lora[base + up].float() @ tensor.float()
                yield f"{base.removeprefix(PREFIX)}weight", product * (alpha / len(tensor))
