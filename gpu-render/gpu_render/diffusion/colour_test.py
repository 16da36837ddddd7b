from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

import numpy as np
import torch
from torch import Tensor

from .colour import hold, palette

ROUNDING = 2e-3


def picture(frames: int = 1, seed: int = 1) -> Tensor:
    """Coloured blobs, none of them so bright that a correction would be cut off."""
    dice = torch.Generator().manual_seed(seed)
    return (
        torch.nn.functional.interpolate(torch.rand(1, 3, frames, 6, 6, generator=dice), (frames, 48, 48), mode="trilinear") * 1.2
        - 0.6
    )


def tinted(frames: Tensor) -> Tensor:
    return frames * 0.9 + torch.tensor([0.06, -0.02, -0.05])[None, :, None, None, None]


def test_each_frame_gets_the_palette_of_the_reference() -> None:
    reference = palette(picture())
    held = palette(hold(tinted(picture(3, seed=2)), reference, 1))
    assert (held.mean - reference.mean).abs().max() < 0.5
    assert (held.spread - reference.spread).abs().max() < 0.5


def test_a_tint_goes_away_as_far_as_wanted() -> None:
    plain = picture()
    reference, wrong = palette(plain), tinted(plain)
    off, half, full = ((hold(wrong, reference, strength) - plain).abs().mean() for strength in (0, 0.5, 1))
    assert off == (wrong - plain).abs().mean()
    assert full < 0.25 * off
    assert abs(half / off - 0.5) < 0.1


def test_a_tint_per_clip_does_not_add_up() -> None:
    plain = picture()
    reference, drifting, steady = palette(plain), plain, plain
    for _ in range(50):
        drifting = (drifting + 0.01).clamp(-1, 1)
        steady = hold((steady + 0.01).clamp(-1, 1), reference, 1)
    assert (drifting - plain).abs().mean() > 0.4
    assert (steady - plain).abs().mean() < 0.02


def test_flat_frames_survive() -> None:
    reference = palette(picture())
    assert torch.isfinite(hold(torch.full((1, 3, 2, 8, 8), -1.0), reference, 1)).all()


def test_it_is_the_correction_of_the_original() -> None:
    colour = pytest.importorskip("skimage.color", reason="scikit-image is not installed: colours are not compared with its own")
    plain, wrong = picture(), tinted(picture(seed=2))
    reference, source = (colour.rgb2lab((frames[0, :, 0].permute(1, 2, 0).numpy() + 1) / 2) for frames in (plain, wrong))
    moved = (source - source.mean((0, 1))) * (reference.std((0, 1)) / source.std((0, 1))) + reference.mean((0, 1))
    expected = np.clip(colour.lab2rgb(moved), 0, 1) * 2 - 1
    ours = hold(wrong, palette(plain), 1)[0, :, 0].permute(1, 2, 0).numpy()
    assert np.abs(ours - expected).max() < ROUNDING
