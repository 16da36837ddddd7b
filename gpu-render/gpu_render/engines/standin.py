"""A stand-in for an engine that needs a GPU: the avatar's picture with a mouth that opens with the sound, as slow and as faulty as told.

Each frame carries a number (`barcode.py`). Speech goes on from the number of the last motion frame, so that a test sees whether motion
was carried over; without motion it starts at 0.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import barcode, pictures
from ..engine import (
    FPS,
    SAMPLES_PER_FRAME,
    Audio,
    Cancelled,
    ConfigurationError,
    Geometry,
    OutOfMemory,
    Picture,
    Pictures,
    Progress,
    Settings,
    Size,
    Stop,
)
from ..settings import choice, number, sizes
from .faults import EXIT_CODE, Fault, due, faults

STEPS = 4
DENOISING = 0.8
"""The share of a clip's time that is spent before its first frame leaves the decoder."""
BATCH = 4
LOUD = 0.1
"""The loudness (RMS) at which the mouth is open."""
SWAY_FRAMES = 4 * FPS

Sleep = Callable[[float], None]


@dataclass(frozen=True)
class Static:
    size: Size
    face: NDArray[np.uint8]
    prompt: str


@dataclass
class State:
    static: Static
    clips: int = 0


@dataclass(frozen=True)
class Motion:
    number: int
    """Of the last frame that is carried over."""


@dataclass(frozen=True)
class Options:
    geometry: Geometry
    rtf: float
    faint: bool
    faults: tuple[Fault, ...]


class StandinClip:
    def __init__(self, batches: Iterator[Pictures], motion: Motion) -> None:
        self._batches = batches
        self.motion = motion

    def __iter__(self) -> Iterator[Pictures]:
        return self._batches


class StandinEngine:
    name = "standin"

    def __init__(self, options: Options, sleep: Sleep) -> None:
        self.geometry = options.geometry
        self._options = options
        self._sleep = sleep
        self._clips = 0

    def measured_clip_ms(self, size: Size) -> float:
        largest = self.geometry.sizes[0]
        share = size.width * size.height / (largest.width * largest.height)
        return max(1, self._options.rtf * share * self.geometry.fresh_frames * 1_000 / FPS)

    def prepare(self, reference: Picture, prompt: str, size: Size) -> Static:
        return Static(size, pictures.to_i420(pictures.crop(reference, size)), prompt)

    def begin(self, static: Static) -> State:
        return State(static)

    def reset_motion(self, state: State, frames: Pictures) -> Motion:
        geometry, size = self.geometry, state.static.size
        if pictures.size_of(frames) != size or len(frames) != geometry.overlap_frames:
            raise ValueError(
                f"Motion is {geometry.overlap_frames} frames of {size}, not {len(frames)} of {pictures.size_of(frames)}."
            )
        last = barcode.read_number(frames[-1])
        return Motion(-1 if last is None else last)

    def step(self, state: State, audio: Audio, motion: Motion | None, stop: Stop) -> StandinClip:
        geometry = self.geometry
        if audio.shape != (geometry.audio_samples,):
            raise ValueError(f"A step hears {geometry.audio_samples} samples, not {audio.shape}.")
        self._clips += 1
        state.clips += 1
        fault = due(self._options.faults, state.static.prompt, state.clips, self._clips)
        if fault == "oom":
            raise OutOfMemory("The stand-in is out of memory, as it was told.")
        if fault == "error":
            raise RuntimeError("The stand-in fails, as it was told.")
        seconds = self.measured_clip_ms(state.static.size) / 1_000 * (5 if fault == "slow" else 1)
        for step in range(STEPS):
            if stop():
                raise Cancelled
            if fault == "crash" and step == STEPS // 2:
                os._exit(EXIT_CODE)
            while fault == "hang":
                self._sleep(1)
            self._sleep(DENOISING * seconds / STEPS)
        first = geometry.overlap_frames if motion else 0
        start = motion.number + 1 if motion else 0
        openings = loudness(audio)[first : geometry.clip_frames]
        batches = self._decode(state.static, openings, start, fault, seconds * (1 - DENOISING), stop)
        return StandinClip(batches, Motion(start + len(openings) - 1))

    def close(self) -> None:
        return

    def _decode(
        self, static: Static, openings: list[float], start: int, fault: str | None, seconds: float, stop: Stop
    ) -> Iterator[Pictures]:
        for at in range(0, len(openings), BATCH):
            if stop():
                raise Cancelled
            part = openings[at : at + BATCH]
            self._sleep(seconds * len(part) / len(openings))
            if fault == "count" and at + BATCH >= len(openings):
                return
            batch = np.stack([paint(static, opening, start + at + i, self._options.faint) for i, opening in enumerate(part)])
            if fault == "black":
                batch[:] = pictures.BLACK
            yield batch


def paint(static: Static, opening: float, at: int, faint: bool) -> NDArray[np.uint8]:
    """The face, nodding gently, its mouth as open as the sound is loud, with its number."""
    width, height = static.size
    nod = 2 * round(height / 256 * np.sin(2 * np.pi * at / SWAY_FRAMES))
    luma = np.roll(static.face[:height], nod, 0)
    chroma = np.roll(static.face[height:].reshape(2, height // 2, width // 2), nod // 2, 1)
    picture: NDArray[np.uint8] = np.concatenate([luma.ravel(), chroma.ravel()]).reshape(height * 3 // 2, width)
    middle, left, right = round(height * 0.7) + nod, round(width * 0.4), round(width * 0.6)
    half = round(height * (0.005 + 0.05 * opening))
    rows = np.arange(middle - half, middle + half)[:, None]
    columns = np.arange(left, right)[None, :]
    inside = ((rows - middle) / half) ** 2 + ((columns - (left + right) / 2) / ((right - left) / 2)) ** 2 <= 1
    mouth = picture[middle - half : middle + half, left:right]
    mouth[inside] = pictures.BLACK + 24
    barcode.write_number(picture, at, faint=faint)
    return picture


def loudness(audio: Audio) -> list[float]:
    """Per frame, 0…1."""
    frames = audio[: len(audio) // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME].reshape(-1, SAMPLES_PER_FRAME)
    return [float(value) for value in np.clip(np.sqrt((frames**2).mean(1)) / LOUD, 0, 1)]


def load(settings: Settings, progress: Progress, sleep: Sleep = time.sleep) -> StandinEngine:
    options = Options(
        geometry=_geometry(settings),
        rtf=number(settings, "STANDIN_RTF", 0.2, 0, 1_000),
        faint=choice(settings, "STANDIN_NUMBERS", ("plain", "faint")) == "faint",
        faults=faults(settings.get("STANDIN_FAULTS", "")),
    )
    engine = StandinEngine(options, sleep)
    seconds = number(settings, "STANDIN_LOADING_S", 0, 0, 3_600)
    for step in range(STEPS):
        progress(step / STEPS, "pretending to read weights")
        sleep(seconds / STEPS)
    return engine


def _geometry(settings: Settings) -> Geometry:
    text = settings.get("STANDIN_CLIP", "") or "72+9+2"
    parts = text.split("+")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts) or int(parts[0]) < 1 or int(parts[1]) < 1:
        raise ConfigurationError(f"STANDIN_CLIP must be fresh+overlap+look-ahead frames such as 72+9+2, not {text!r}.")
    fresh, overlap, ahead = (int(part) for part in parts)
    found = sizes(settings, "STANDIN_SIZES", "512x512,384x384")
    if min(size.width for size in found) < barcode.WIDTH:
        raise ConfigurationError(f"STANDIN_SIZES must be at least {barcode.WIDTH} wide: the frame number needs the room.")
    return Geometry(fresh, overlap, ahead, found)
