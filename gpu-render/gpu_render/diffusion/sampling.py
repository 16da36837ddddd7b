"""From noise to latents: at which times the network is asked, and what its answer does to the latents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Noise = Callable[[Tensor], Tensor]
"""Fresh noise in the shape of what is given."""

Sampler = Callable[[Tensor, Tensor, Tensor, Tensor, Noise], Tensor]
"""The next latents, from: latents, velocity (clean minus noise), time now, time next, noise. Times are 1…0, of shape (1,)."""


@dataclass(frozen=True)
class Path:
    """The way from noise to a clip."""

    times: Sequence[Tensor]
    sampler: Sampler


UNITS = 1000
"""The networks count time in thousandths."""


def even_times(steps: int, shift: float, device: torch.device) -> list[Tensor]:
    """
    The steps that few-step distillations were trained on: evenly from 1 to 0, then shifted towards noise. (Spaced from 1000 to 1,
    as in stock InfiniteTalk, the last of four steps has next to nothing to do.)
    """
    times = [torch.tensor([1 - step / steps], device=device) for step in range(steps + 1)]
    return [shift * time / (1 + (shift - 1) * time) * UNITS for time in times]


def euler(latents: Tensor, velocity: Tensor, now: Tensor, after: Tensor, noise: Noise) -> Tensor:
    step = (now - after) / UNITS
    return latents + velocity * step[:, None, None, None]


def renoise(latents: Tensor, velocity: Tensor, now: Tensor, after: Tensor, noise: Noise) -> Tensor:
    """Jumps to the clean latents and goes back to the next time's share of noise."""
    now, after = (time[:, None, None, None] / UNITS for time in (now, after))
    clean = latents + velocity * now
    return (1 - after) * clean + after * noise(clean)
