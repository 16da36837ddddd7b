from __future__ import annotations

from itertools import pairwise

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

import torch
from torch import Tensor

from .sampling import Sampler, euler, even_times, renoise

CPU = torch.device("cpu")
CLEAN = torch.full((2, 3, 4, 4), 5.0)


def run(sampler: Sampler) -> Tensor:
    """With a network that always knows the clean latents."""
    latents = noise = torch.ones_like(CLEAN)
    for now, after in pairwise(even_times(4, 5, CPU)):
        share = now / 1000
        velocity = (CLEAN - latents) / share[:, None, None, None]
        latents = sampler(latents, velocity, now, after, lambda like: noise)
        assert torch.allclose(latents, CLEAN + (noise - CLEAN) * after / 1000, atol=1e-4)
    return latents


@pytest.mark.parametrize("sampler", [euler, renoise])
def test_noise_becomes_clean_latents_by_the_steps_share(sampler: Sampler) -> None:
    assert torch.allclose(run(sampler), CLEAN, atol=1e-4)


def test_steps_lie_evenly_before_they_are_shifted_towards_noise() -> None:
    assert [round(time.item(), 3) for time in even_times(4, 1, CPU)] == [1000, 750, 500, 250, 0]
    assert [round(time.item(), 2) for time in even_times(4, 5, CPU)] == [1000, 937.5, 833.33, 625, 0]
