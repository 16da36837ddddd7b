from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

import torch
from torch import Tensor

from ..engine import Audio, Cancelled, Geometry, OutOfMemory, Pictures, Size
from .clip import Condition
from .hearing import Hearing, silence
from .sampling import Path, euler, even_times
from .talking_head import Parts, Recipe, State, TalkingHead

CPU = torch.device("cpu")
SIZE = Size(32, 32)
GEOMETRY = Geometry(12, 5, 2, (SIZE, Size(16, 16)))
FACE = np.full((40, 40, 3), 90, np.uint8)
STEPS = 4
BRIGHTER = 0.03


class Network:
    """Draws what it hears: its last frame's loudness, brighter from latent to latent."""

    def __init__(self) -> None:
        self.begun_with: list[Tensor] = []
        self.broken: Exception | None = None

    def condition(self, reference: Tensor, prompt: str) -> Condition:
        return Condition({"prompt": prompt}, torch.full((1, 1, *(side // 8 for side in reference.shape[-2:])), 0.25))

    def velocity(self, latents: Tensor, time: Tensor, sound: Tensor, condition: Condition) -> Tensor:
        if self.broken:
            raise self.broken
        self.begun_with.append(latents[:, :2].clone())
        brighter = torch.arange(latents.shape[1])[None, :, None, None] * BRIGHTER
        return (sound[0, -1, 2, 0, 0] + brighter - latents) / (time / 1000)


class Codec:
    """A latent is the brightness of its frames."""

    frames_per_latent = 4

    def encode(self, frames: Tensor) -> Tensor:
        small = frames[0, :1, :, ::8, ::8]
        return torch.cat([small[:, :1], small[:, 4::4]], 1)

    def decode(self, latents: Tensor) -> Iterator[Tensor]:
        for index, latent in enumerate(latents.unbind(1)):
            frame = latent.repeat_interleave(8, -1).repeat_interleave(8, -2)
            yield frame.expand(3, *frame.shape[1:])[None, :, None].repeat(1, 1, 4 if index else 1, 1, 1).clamp(-1, 1)


def loudness(sound: Tensor, frames: int) -> list[Tensor]:
    return [sound.reshape(1, frames, -1).mean(-1, keepdim=True)]


def engine(network: Network) -> TalkingHead:
    recipe = Recipe("test", GEOMETRY, Path(even_times(STEPS, 5, CPU), euler), channels=1, pixels_per_latent=8, colour=0)
    return TalkingHead(recipe, Parts(network, Codec(), Hearing(loudness, CPU)), CPU)


def begin(drawing: TalkingHead) -> State:
    return drawing.begin(drawing.prepare(FACE, "", SIZE))


def sound(level: float = 0.0) -> Audio:
    return np.full(GEOMETRY.audio_samples, level, np.float32)


def draw(drawing: TalkingHead, state: State, motion: Tensor | None, level: float = 0.0) -> tuple[list[Pictures], Tensor]:
    clip = drawing.step(state, sound(level), motion, lambda: False)
    return list(clip), clip.motion


def test_a_first_clip_has_its_overlap_too_and_the_others_only_what_is_fresh_as_soon_as_it_is_decoded() -> None:
    drawing = engine(Network())
    state = begin(drawing)
    batches, motion = draw(drawing, state, None)
    assert [batch.shape for batch in batches] == [(frames, 48, 32) for frames in (1, 4, 4, 4, 4)]
    assert all(batch.dtype == np.uint8 and batch.flags.c_contiguous for batch in batches)
    batches, _ = draw(drawing, state, motion)
    assert [len(batch) for batch in batches] == [4, 4, 4]


def test_a_clip_begins_with_the_end_of_the_one_before_at_every_step() -> None:
    network = Network()
    drawing = engine(network)
    state = begin(drawing)
    _, motion = draw(drawing, state, None)
    assert all(bool((begun[:, 0] == 0.25).all()) for begun in network.begun_with)
    network.begun_with.clear()
    draw(drawing, state, motion)
    assert len(network.begun_with) == STEPS
    for begun in network.begun_with:
        assert begun.mean((0, 2, 3)).tolist() == pytest.approx([3 * BRIGHTER, 4 * BRIGHTER], abs=1e-5)


def test_speech_goes_on_from_frames_that_are_on_air() -> None:
    network = Network()
    drawing = engine(network)
    state = begin(drawing)
    draw(drawing, state, None, level=0.05)
    network.begun_with.clear()
    assert state.heard.up_to(sound()).any()
    on_air = np.full((5, 48, 32), 126, np.uint8)
    on_air[:, 32:] = 128
    motion = drawing.reset_motion(state, on_air)
    assert not state.heard.up_to(sound()).any()
    batches, _ = draw(drawing, state, motion)
    assert sum(map(len, batches)) == GEOMETRY.fresh_frames
    assert abs(float(network.begun_with[0].mean())) < 0.01


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_a_clip_that_nobody_wants_stops_between_steps_and_the_session_goes_on(steps: int) -> None:
    network = Network()
    drawing = engine(network)
    state = begin(drawing)
    with pytest.raises(Cancelled):
        drawing.step(state, sound(), None, lambda: len(network.begun_with) >= steps)
    assert len(network.begun_with) == steps
    batches, _ = draw(drawing, state, None)
    assert sum(map(len, batches)) == GEOMETRY.clip_frames


def test_it_also_stops_between_batches() -> None:
    drawing = engine(Network())
    out: list[Pictures] = []
    clip = drawing.step(begin(drawing), sound(), None, lambda: len(out) >= 2)
    with pytest.raises(Cancelled):
        out.extend(batch for batch in clip if out.append(batch))  # type: ignore[func-returns-value]
    assert len(out) == 2
    with pytest.raises(RuntimeError, match="motion is there once all its pictures are out"):
        _ = clip.motion


def test_no_room_on_the_gpu_is_said_as_such_and_the_session_goes_on() -> None:
    network = Network()
    drawing = engine(network)
    state = begin(drawing)
    network.broken = torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nlots of advice")
    with pytest.raises(OutOfMemory, match=r"^CUDA out of memory. Tried to allocate 2 GiB.$"):
        drawing.step(state, sound(), None, lambda: False)
    network.broken = None
    draw(drawing, state, None)


def test_the_same_words_look_the_same_in_every_session() -> None:
    drawing = engine(Network())
    first, second = (draw(drawing, begin(drawing), None, 0.04)[0] for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def test_it_warms_up_with_two_clips_per_size_and_measures_the_second() -> None:
    network, said = Network(), []
    drawing = engine(network)
    with pytest.raises(KeyError):
        drawing.measured_clip_ms(SIZE)
    drawing.warm_up("hello", lambda done, what: said.append((done, what)))
    assert said == [(0.0, "warming up 32x32"), (0.5, "warming up 16x16")]
    assert len(network.begun_with) == 2 * len(GEOMETRY.sizes) * STEPS
    assert all(drawing.measured_clip_ms(size) > 0 for size in GEOMETRY.sizes)


def test_closed_it_lets_go_and_draws_no_more() -> None:
    drawing = engine(Network())
    state = begin(drawing)
    drawing.close()
    drawing.close()
    with pytest.raises(RuntimeError, match="test is closed"):
        drawing.step(state, silence(19), None, lambda: False)
