from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

import torch

from .. import pictures
from . import planes

RGB = np.random.default_rng(1).integers(0, 256, (2, 16, 24, 3), np.uint8)


def frames() -> torch.Tensor:
    return torch.from_numpy(RGB).permute(3, 0, 1, 2)[None] / 127.5 - 1


def test_pictures_are_those_that_the_worker_makes_one_by_one() -> None:
    ours = planes.to_i420(frames()).numpy().astype(int)
    theirs = np.stack([pictures.to_i420(picture) for picture in RGB]).astype(int)
    assert ours.shape == theirs.shape == (2, 24, 24)
    assert np.abs(ours - theirs).max() <= 1


def test_and_so_are_frames_made_of_pictures() -> None:
    i420 = np.stack([pictures.to_i420(picture) for picture in RGB])
    back = (planes.from_i420(torch.from_numpy(i420)) + 1) * 127.5
    theirs = np.stack([pictures.to_rgb(picture) for picture in i420]).astype(int)
    assert np.abs(back[0].permute(1, 2, 3, 0).numpy() - theirs).max() < 1
