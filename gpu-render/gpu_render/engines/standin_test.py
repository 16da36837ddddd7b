from __future__ import annotations

import numpy as np
import pytest

from .. import pictures
from ..barcode import read_number, write_number
from ..engine import SAMPLES_PER_FRAME, Cancelled, ConfigurationError, OutOfMemory, Pictures, Size
from .standin import Motion, StandinEngine, State, load

SIZE = Size(256, 256)
FACE = np.full((300, 200, 3), 180, np.uint8)


def engine(**settings: str) -> StandinEngine:
    return load(
        {"STANDIN_SIZES": "256x256", "STANDIN_CLIP": "12+3+2", **settings}, lambda _share, _doing: None, lambda _seconds: None
    )


def begin(drawing: StandinEngine, prompt: str = "") -> State:
    return drawing.begin(drawing.prepare(FACE, prompt, SIZE))


def sound(drawing: StandinEngine, loud: slice = slice(0, 0)) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    audio = np.zeros(drawing.geometry.audio_samples, np.float32)
    audio[loud] = 0.5
    return audio


def draw(drawing: StandinEngine, state: State, motion: Motion | None, loud: slice = slice(0, 0)) -> tuple[Pictures, Motion]:
    clip = drawing.step(state, sound(drawing, loud), motion, lambda: False)
    return np.concatenate(list(clip)), clip.motion


def test_numbers_go_on_from_clip_to_clip_and_from_idle() -> None:
    drawing = engine()
    state = begin(drawing)
    first, motion = draw(drawing, state, None)
    second, _ = draw(drawing, state, motion)
    assert [read_number(picture) for picture in (*first, *second)] == list(range(27))
    idle, _ = draw(drawing, begin(drawing), drawing.reset_motion(state, second[-3:]))
    assert [read_number(picture) for picture in idle] == list(range(27, 39))


def test_the_mouth_opens_on_the_frames_that_are_loud() -> None:
    drawing = engine()
    quiet, _ = draw(drawing, begin(drawing), None)
    loud, _ = draw(drawing, begin(drawing), None, slice(4 * SAMPLES_PER_FRAME, 6 * SAMPLES_PER_FRAME))
    assert [at for at in range(15) if not np.array_equal(quiet[at], loud[at])] == [4, 5]


@pytest.mark.parametrize("faint", [False, True])
def test_a_number_survives_compression(faint: bool) -> None:
    picture = np.full((384, 256), 140, np.uint8)
    write_number(picture, 0xDEADBEEF, faint=faint)
    noise = np.random.default_rng(1).integers(-6, 7, picture.shape)
    assert read_number((picture + noise).astype(np.uint8)) == 0xDEADBEEF


def test_a_picture_without_a_number_has_none() -> None:
    assert read_number(pictures.to_i420(np.random.default_rng(1).integers(0, 256, (256, 256, 3), np.uint8))) is None


def test_motion_of_another_shape_is_refused() -> None:
    drawing = engine()
    with pytest.raises(ValueError, match="3 frames of Size"):
        drawing.reset_motion(begin(drawing), np.zeros((2, 384, 256), np.uint8))


def test_a_clip_stops_when_nobody_wants_it_while_it_denoises_and_while_it_decodes() -> None:
    drawing = engine()
    state = begin(drawing)
    with pytest.raises(Cancelled):
        drawing.step(state, sound(drawing), None, lambda: True)
    wanted = [True]
    batches = iter(drawing.step(state, sound(drawing), None, lambda: not wanted[0]))
    assert len(next(batches)) == 4
    wanted[0] = False
    with pytest.raises(Cancelled):
        next(batches)


def test_it_takes_as_long_as_told() -> None:
    slept: list[float] = []
    settings = {"STANDIN_RTF": "5", "STANDIN_SIZES": "512x512,256x256"}
    drawing = load(settings, lambda _share, _doing: None, slept.append)
    slept.clear()
    drawing_state = drawing.begin(drawing.prepare(FACE, "", Size(512, 512)))
    list(drawing.step(drawing_state, sound(drawing), None, lambda: False))
    assert sum(slept) == pytest.approx(5 * 72 / 25)
    assert drawing.measured_clip_ms(SIZE) == pytest.approx(5 * 72 * 40 / 4)


def test_faults_come_at_their_clip_only() -> None:
    drawing = engine(STANDIN_FAULTS="oom@2,black@3,count@4,error@1/poison")
    state = begin(drawing, "a poison prompt")
    with pytest.raises(RuntimeError, match="as it was told"):
        draw(drawing, state, None)
    other = begin(drawing)
    with pytest.raises(OutOfMemory):
        draw(drawing, other, None)
    black, _ = draw(drawing, other, None)
    assert pictures.are_dark(black)
    short, _ = draw(drawing, other, None)
    assert len(short) == 12
    whole, _ = draw(drawing, other, None)
    assert len(whole) == 15
    assert not pictures.are_dark(whole)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"STANDIN_FAULTS": "explode@1"}, "STANDIN_FAULTS"),
        ({"STANDIN_FAULTS": "crash"}, "STANDIN_FAULTS"),
        ({"STANDIN_RTF": "fast"}, "STANDIN_RTF"),
        ({"STANDIN_SIZES": "513x512"}, "STANDIN_SIZES"),
        ({"STANDIN_SIZES": "128x512"}, "STANDIN_SIZES"),
        ({"STANDIN_CLIP": "72"}, "STANDIN_CLIP"),
        ({"STANDIN_NUMBERS": "loud"}, "STANDIN_NUMBERS"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        engine(**settings)


def test_colours_keep_their_levels() -> None:
    red = pictures.to_i420(np.broadcast_to(np.array([255, 0, 0], np.uint8), (2, 4, 3)))
    assert red.ravel().tolist() == [81] * 8 + [90] * 2 + [240] * 2
    again = pictures.to_rgb(red)
    assert np.abs(again.astype(int) - [255, 0, 0]).max() <= 2
