"""Avatars' reference pictures, as files into pixels."""

from __future__ import annotations

import hashlib
import io

import numpy as np
from PIL import Image, ImageOps

from .engine import Picture

MAX_PIXELS = 50_000_000
MIN_SIDE = 64
MOST_SIDE = 2_048
"""Larger ones are kept smaller: no engine draws more."""


class BadReference(Exception):
    """Not a picture that can be drawn from; the text says why."""


def read_reference(file: bytes | memoryview, expected_hash: str) -> Picture:
    if hashlib.sha256(file).hexdigest() != expected_hash:
        raise BadReference("The reference picture is not the one that was announced: its SHA-256 differs.")
    try:
        with Image.open(io.BytesIO(file), formats=["PNG", "JPEG"]) as image:
            if min(image.size) < MIN_SIDE or image.width * image.height > MAX_PIXELS:
                raise BadReference(
                    f"The reference picture has {image.width}x{image.height} px; "
                    f"sides of at least {MIN_SIDE} and at most {MAX_PIXELS} px in all are allowed."
                )
            upright = ImageOps.exif_transpose(image).convert("RGB")
            upright.thumbnail((MOST_SIDE, MOST_SIDE))
            return np.asarray(upright)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadReference(f"The reference picture can't be read: {error}.") from error
