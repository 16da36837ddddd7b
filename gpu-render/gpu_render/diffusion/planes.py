"""`..pictures` for many frames, where they are: on the GPU. Frames are RGB, -1…1, of shape (1, 3, frames, height, width)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

LUMA = (65.738, 129.057, 25.064)
CHROMA = ((-37.945, -74.494, 112.439), (112.439, -94.154, -18.285))


def to_i420(frames: Tensor) -> Tensor:
    """(frames, height * 3 // 2, width) of bytes."""
    rgb = (frames[0].float().transpose(0, 1) + 1) * 127.5
    height, width = rgb.shape[-2:]
    luma = 16 + torch.einsum("nchw,c->nhw", rgb, rgb.new_tensor(LUMA)) / 256
    chroma = 128 + torch.einsum("nchw,pc->nphw", avg_pool2d(rgb, 2), rgb.new_tensor(CHROMA)) / 256
    flat = torch.cat([luma.flatten(1), chroma.flatten(1)], 1)
    return flat.round_().clamp_(0, 255).to(torch.uint8).view(-1, height * 3 // 2, width)


def from_i420(pictures: Tensor) -> Tensor:
    height, width = pictures.shape[1] * 2 // 3, pictures.shape[2]
    luma = (pictures[:, :height].float() - 16) * (255 / 219)
    chroma = (pictures[:, height:].float().view(-1, 2, height // 2, width // 2) - 128) * (255 / 224)
    blue, red = chroma.repeat_interleave(2, -1).repeat_interleave(2, -2).unbind(1)
    rgb = torch.stack([luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue])
    return (rgb / 127.5 - 1).clamp_(-1, 1)[None]
