"""The number in a picture's top left: 32 squares of 16×16 px in two rows of 16, most significant bit first, white = 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .pictures import BLACK, NEUTRAL, WHITE

BITS = 32
SQUARE = 16
WIDTH = BITS // 2 * SQUARE
HEIGHT = 2 * SQUARE
FAINT = 16
"""How far faint squares are from grey; flat ones are told from a picture's own by it."""


def write_number(picture: NDArray[np.uint8], number: int, *, faint: bool = False) -> None:
    """Into one I420 picture, in place. Faint squares are read the same, and hardly change how alike two pictures are."""
    middle = (BLACK + WHITE + 1) // 2
    dark, light = (middle - FAINT, middle + FAINT) if faint else (BLACK, WHITE)
    bits = [(number >> (BITS - 1 - bit)) & 1 for bit in range(BITS)]
    squares = np.where(np.array(bits).reshape(2, BITS // 2), light, dark).astype(np.uint8)
    picture[:HEIGHT, :WIDTH] = squares.repeat(SQUARE, 0).repeat(SQUARE, 1)
    height, width = picture.shape[0] * 2 // 3, picture.shape[1]
    chroma = picture[height:].reshape(2, height // 2, width // 2)
    chroma[:, : HEIGHT // 2, : WIDTH // 2] = NEUTRAL


def read_number(picture: NDArray[np.uint8]) -> int | None:
    """The number in one I420 picture, compressed or not; None where there is none."""
    squares = picture[:HEIGHT, :WIDTH].reshape(2, SQUARE, BITS // 2, SQUARE)[:, 4:12, :, 4:12].astype(np.float32)
    levels = squares.mean((1, 3)).ravel()
    from_grey = levels - (BLACK + WHITE) / 2
    if squares.std((1, 3)).max() > FAINT / 2 or np.abs(from_grey).min() < FAINT / 2:
        return None
    return int("".join("1" if level > 0 else "0" for level in from_grey), 2)
