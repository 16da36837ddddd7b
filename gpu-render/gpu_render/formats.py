"""How pictures travel: as they are where the link is quick enough, else smaller."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from av.codec import CodecContext
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image

from .engine import FPS, Pictures, Size
from .pictures import i420_bytes, size_of

JPEG_QUALITY = 90
JPEG_SHARE = 1 / 8
"""Of the raw picture's bytes, roughly."""
RAW_WITHIN = 0.25
JPEG_WITHIN = 0.5
"""A format is used where the link carries pictures in this share of the time they last."""
NEWEST = 0.5
TELLING = 128 * 1024
"""Bytes of a message that tells how quick a link is."""
SURE_FOR = 200
"""Messages for which what one told is believed."""
HOPE = 8


class LinkSpeed:
    """What a link carries, learned from what it has carried."""

    def __init__(self) -> None:
        self._bytes_per_second: float | None = None
        self._sure_for = 0

    def measured(self, carried: int, seconds: float) -> None:
        """Of a small message the link's delay is most of the time: it only says what the link carries at least."""
        speed = carried / max(seconds, 1e-4)
        known = self._bytes_per_second or 0
        self._sure_for = max(0, self._sure_for - 1)
        if carried >= TELLING:
            self._bytes_per_second = known + NEWEST * (speed - known) if self._sure_for else speed
            self._sure_for = SURE_FOR
        elif not self._sure_for:
            self._bytes_per_second = max(known, speed)

    def choose(self, allowed: Sequence[str], size: Size) -> str:
        """Until something was carried, the link is taken to be neither quick nor slow; raw pictures are tried where they may well fit."""
        speed = self._bytes_per_second
        raw = i420_bytes(size) * FPS
        wanted = ["jpeg", "i420", "h264"] if speed is None else ["h264", "jpeg", "i420"]
        if speed is not None and raw <= RAW_WITHIN * speed * (1 if self._sure_for else HOPE):
            wanted = ["i420", "jpeg", "h264"]
        elif speed is not None and raw * JPEG_SHARE <= JPEG_WITHIN * speed:
            wanted = ["jpeg", "h264", "i420"]
        return next(form for form in wanted if form in allowed)


class H264:
    """Of one window: its first picture is an IDR with its parameter sets, and none waits for another."""

    def __init__(self, size: Size) -> None:
        self._context = CodecContext.create("libx264", "w")
        self._context.width, self._context.height = size
        self._context.pix_fmt = "yuv420p"
        self._context.time_base = Fraction(1, FPS)
        self._context.options = {
            "preset": "superfast",
            "tune": "zerolatency",
            "profile": "baseline",
            "crf": "18",
            "g": "1000",
            "threads": "1",
        }
        self._count = 0

    def encode(self, pictures: Pictures) -> list[bytes]:
        return [self._encode(picture) for picture in pictures]

    def _encode(self, picture: NDArray[np.uint8]) -> bytes:
        frame = VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = self._count
        self._count += 1
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


def to_jpeg(pictures: Pictures) -> list[bytes]:
    """The same samples, range unchanged: no colour is converted."""
    size = size_of(pictures)
    return [_to_jpeg(picture, size) for picture in pictures]


def _to_jpeg(picture: NDArray[np.uint8], size: Size) -> bytes:
    chroma = picture[size.height :].reshape(2, size.height // 2, size.width // 2).repeat(2, 1).repeat(2, 2)
    file = io.BytesIO()
    image = Image.fromarray(np.dstack([picture[: size.height], *chroma]), "YCbCr")
    image.save(file, "JPEG", quality=JPEG_QUALITY, subsampling="4:2:0")
    return file.getvalue()


def from_jpeg(file: bytes | memoryview) -> NDArray[np.uint8]:
    """The reverse of `to_jpeg`, for one picture."""
    with Image.open(io.BytesIO(file), formats=["JPEG"]) as image:
        image.draft("YCbCr", image.size)
        if image.mode != "YCbCr" or image.width % 2 or image.height % 2:
            raise ValueError(
                f"a JPEG picture of motion is in colour, with even sides, not {image.mode} {image.width}x{image.height}"
            )
        samples = np.asarray(image)
    height, width = samples.shape[:2]
    halves = (samples[..., at].reshape(height // 2, 2, width // 2, 2).mean((1, 3)) for at in (1, 2))
    planes = [samples[..., 0].ravel(), *(np.rint(half).astype(np.uint8).ravel() for half in halves)]
    picture: NDArray[np.uint8] = np.concatenate(planes).reshape(height * 3 // 2, width)
    return picture
