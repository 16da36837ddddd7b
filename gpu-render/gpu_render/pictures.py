"""Pictures as the link carries them (I420, BT.601, limited range) and as people send them (RGB)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .engine import Picture, Pictures, Size

BLACK = 16
WHITE = 235
NEUTRAL = 128


def i420_bytes(size: Size) -> int:
    return size.width * size.height * 3 // 2


def crop(picture: Picture, size: Size) -> Picture:
    """The middle of the picture in the shape of `size`, scaled to it."""
    image = Image.fromarray(picture)
    scale = max(size.width / image.width, size.height / image.height)
    width, height = size.width / scale, size.height / scale
    left, top = (image.width - width) / 2, (image.height - height) / 2
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC, (left, top, left + width, top + height)))


def to_i420(picture: Picture) -> NDArray[np.uint8]:
    """One RGB picture with even sides; chroma is the mean of its 2×2 pixels (ITU-R BT.601-7 §2.5.3)."""
    height, width = picture.shape[:2]
    red, green, blue = (picture[..., channel].astype(np.float32) for channel in range(3))
    luma = 16 + (65.738 * red + 129.057 * green + 25.064 * blue) / 256
    chroma_blue = 128 + (-37.945 * red - 74.494 * green + 112.439 * blue) / 256
    chroma_red = 128 + (112.439 * red - 94.154 * green - 18.285 * blue) / 256
    planes = [luma, *(plane.reshape(height // 2, 2, width // 2, 2).mean((1, 3)) for plane in (chroma_blue, chroma_red))]
    flat: NDArray[np.uint8] = np.concatenate([np.clip(np.rint(plane), 0, 255).astype(np.uint8).ravel() for plane in planes])
    return flat.reshape(height * 3 // 2, width)


def to_rgb(picture: NDArray[np.uint8]) -> Picture:
    """The reverse of `to_i420`, for one picture."""
    height, width = picture.shape[0] * 2 // 3, picture.shape[1]
    luma = (picture[:height].astype(np.float32) - 16) * (255 / 219)
    chroma = picture[height:].reshape(2, height // 2, width // 2).astype(np.float32) - 128
    blue, red = (plane.repeat(2, 0).repeat(2, 1) * (255 / 224) for plane in chroma)
    rgb = np.stack([luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue], -1)
    rounded: Picture = np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
    return rounded


def are_dark(pictures: Pictures) -> bool:
    """Whether one of them shows nothing: a face never is as black as what a broken decoder gives."""
    height = pictures.shape[1] * 2 // 3
    sample = pictures[:, :height:8, ::8].astype(np.int16)
    return bool((sample.max((1, 2)) <= BLACK + 4).any())


def size_of(pictures: Pictures) -> Size:
    return Size(pictures.shape[2], pictures.shape[1] * 2 // 3)
