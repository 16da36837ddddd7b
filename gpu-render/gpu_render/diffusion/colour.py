"""Holds the picture's colours where the reference has them: clips go on from each other, so that small shifts would add up."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

PRIMARIES = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
WHITE = (0.95047, 1.0, 1.08883)
"""sRGB's primaries and its white, D65, in XYZ (IEC 61966-2-1)."""
TO_WHITE = torch.tensor(PRIMARIES) / torch.tensor(WHITE)[:, None]
FROM_WHITE = torch.linalg.inv(TO_WHITE)
DARK, DARK_LINEAR = 0.04045, 0.0031308
"""Below these sRGB's curve is a line."""
KNEE, SLOPE, LIFT = 0.008856, 7.787, 16 / 116
"""Where CIE L*a*b*'s cube root becomes a line, and that line."""


@dataclass(frozen=True)
class Palette:
    """Mean and spread of lightness and of the two colour axes."""

    mean: Tensor
    spread: Tensor


def palette(frames: Tensor) -> Palette:
    """Of each frame; (1, 3, frames, height, width), -1…1."""
    return _palette(_to_lab(frames))


def hold(frames: Tensor, reference: Palette, strength: float) -> Tensor:
    """Gives each frame the palette of the reference, as far as `strength` (0…1) says."""
    if strength == 0:
        return frames
    lab = _to_lab(frames)
    own = _palette(lab)
    gain = torch.where(own.spread > 0, reference.spread / own.spread.clamp_min(1e-8), torch.zeros_like(own.spread))
    held = _from_lab((lab - own.mean) * gain + reference.mean)
    return torch.lerp(frames.float(), held, strength)


def _palette(lab: Tensor) -> Palette:
    return Palette(lab.mean((-2, -1), keepdim=True), lab.std((-2, -1), keepdim=True, unbiased=False))


def _to_lab(frames: Tensor) -> Tensor:
    rgb = ((frames.float() + 1) / 2).clamp_(0, 1)
    linear = torch.where(rgb > DARK, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    ratio = _mix(linear, TO_WHITE)
    x, y, z = torch.where(ratio > KNEE, ratio.clamp_min(1e-9) ** (1 / 3), SLOPE * ratio + LIFT).unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def _from_lab(lab: Tensor) -> Tensor:
    lightness, green_red, blue_yellow = lab.unbind(1)
    y = (lightness + 16) / 116
    root = torch.stack([y + green_red / 500, y, (y - blue_yellow / 200).clamp_min(0)], 1)
    ratio = torch.where(root**3 > KNEE, root**3, (root - LIFT) / SLOPE)
    linear = _mix(ratio, FROM_WHITE).clamp_(0, 1)
    rgb = torch.where(linear > DARK_LINEAR, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    return rgb * 2 - 1


def _mix(channels: Tensor, matrix: Tensor) -> Tensor:
    return torch.einsum("bcthw,pc->bpthw", channels, matrix.to(channels))
