from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

import torch
from torch import Tensor

from ..engine import SAMPLES_PER_FRAME, Audio
from .hearing import MEMORY_FRAMES, NOMINAL, Heard, Hearing, neighbours, silence

FRESH, WINDOW, AHEAD = 24, 35, 2
CPU = torch.device("cpu")


def loudness(sound: Tensor, frames: int) -> list[Tensor]:
    """Hears one number per frame, in two layers."""
    each = sound.reshape(1, frames, -1).mean(-1, keepdim=True)
    return [each, -each]


def speech(frames: int, loudness: float = NOMINAL) -> Audio:
    """Each frame at a level of its own, of that loudness on the whole."""
    steps = np.sqrt(3) * loudness * (np.arange(frames) + 1) / frames
    return np.repeat(steps, SAMPLES_PER_FRAME).astype(np.float32)


def test_each_frame_hears_its_neighbours_and_the_outermost_are_repeated() -> None:
    each = torch.arange(10.0)
    assert neighbours(each, 0, 2).tolist() == [[0, 0, 0, 1, 2], [0, 0, 1, 2, 3]]
    assert neighbours(each, 8, 2).tolist() == [[6, 7, 8, 9, 9], [7, 8, 9, 9, 9]]


def test_the_frames_asked_for_end_a_look_ahead_before_the_sound() -> None:
    sound = np.repeat(np.arange(MEMORY_FRAMES, dtype=np.float32), SAMPLES_PER_FRAME)
    heard = Hearing(loudness, CPU).frames(sound, 5, AHEAD)
    assert heard.shape == (1, 5, 5, 2, 1)
    last = MEMORY_FRAMES - 1 - AHEAD
    assert heard[0, :, 2, 0, 0].tolist() == list(range(last - 4, last + 1))
    assert heard[0, -1, :, 1, 0].tolist() == [-(last - 2), -(last - 1), -last, -(last + 1), -(last + 2)]


def test_a_window_is_heard_after_what_came_before_it_and_once_only() -> None:
    whole, heard = speech(4 * FRESH + WINDOW), Heard()
    gains = []
    for clip in range(4):
        window = whole[clip * FRESH * SAMPLES_PER_FRAME :][: WINDOW * SAMPLES_PER_FRAME]
        sound = heard.up_to(window)
        assert len(sound) == MEMORY_FRAMES * SAMPLES_PER_FRAME
        said = whole[: (clip * FRESH + WINDOW) * SAMPLES_PER_FRAME]
        gains.append(np.linalg.norm(sound) / np.linalg.norm(said))
        assert np.allclose(sound[-len(said) :], said * gains[-1], rtol=1e-4)
        assert not sound[: -len(said)].any()
        heard.go_on(window, FRESH)
    assert np.ptp(gains) < 1e-3 * gains[0]


def test_a_quiet_voice_is_heard_as_well_as_a_loud_one_and_a_pause_stays_a_pause() -> None:
    loud, quiet = (Heard().up_to(speech(WINDOW, loudness)) for loudness in (NOMINAL, NOMINAL / 3))
    assert np.allclose(loud, quiet, rtol=1e-3)
    assert abs(loud[-WINDOW * SAMPLES_PER_FRAME :].std()) > 0.1
    heard = Heard()
    before = np.abs(heard.up_to(speech(WINDOW))).max()
    breath = speech(WINDOW, NOMINAL / 50)
    assert np.abs(heard.up_to(breath)[-len(breath) :]).max() < before / 40


def test_silence_says_nothing_about_the_voice() -> None:
    heard = Heard()
    assert not heard.up_to(silence(WINDOW)).any()
    assert np.allclose(heard.up_to(speech(WINDOW, 0.02)), Heard().up_to(speech(WINDOW, 0.02)))


def test_what_was_heard_is_forgotten_when_told() -> None:
    heard = Heard()
    heard.go_on(speech(WINDOW), WINDOW)
    heard.forget()
    assert not heard.up_to(silence(WINDOW)).any()
