from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")
HOME = os.environ.get("INFINITETALK_HOME", "")
if not HOME:
    pytest.skip("INFINITETALK_HOME is not set: InfiniteTalk's clips are not compared with its own loop's", allow_module_level=True)

import torch
from PIL import Image
from torch import Tensor

from ..diffusion import wan
from ..diffusion.checkout import Checkout
from ..diffusion.clip import LatentClip
from ..diffusion.codec import WanCodec
from ..diffusion.ear import ear
from ..diffusion.hearing import Hearing
from ..diffusion.prompts import Prompts
from ..diffusion.sampling import Path as SamplingPath
from ..diffusion.sampling import euler
from ..diffusion.talking_head import Parts, Recipe, TalkingHead
from ..engine import Geometry, Pictures
from . import toy_weights
from .compared import CPU, EAR_CHANNELS, SIZE, Recital, decoded, face, on_a_cpu, some_sound
from .infinitetalk import BARE, FRESH_FRAMES, LOOK_AHEAD_FRAMES, NAMES, OVERLAP_FRAMES
from .infinitetalk_network import InfiniteTalk, Manner, Model
from .infinitetalk_parts import Source
from .infinitetalk_random import TINY, Random, random_parts

STEPS, SHIFT, SEED, CLIPS = 2, 5.0, 3, 3
CLIP_FRAMES = FRESH_FRAMES + OVERLAP_FRAMES
FRAMES = CLIP_FRAMES + (CLIPS - 1) * FRESH_FRAMES
WORDS = "somebody talks"
ROUNDING = 1e-4
SOUND = some_sound(FRAMES + LOOK_AHEAD_FRAMES)


@pytest.fixture(scope="module", autouse=True)
def cpu() -> Iterator[None]:
    yield from on_a_cpu()


@pytest.fixture(scope="module")
def code(cpu: None) -> Checkout:
    checkout = Checkout(Path(HOME), BARE)
    wan.attend_by_pytorch(checkout.module(NAMES.network), checkout.module(NAMES.attention))
    return checkout


@pytest.fixture(scope="module")
def parts(code: Checkout) -> Random:
    return random_parts(Source(code, NAMES), TINY, torch.float32, CPU)


@pytest.fixture
def network(code: Checkout, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Whatever a test takes out of it is there again for the next one."""
    module = code.module(NAMES.network)
    for name in ("get_attn_map_with_target", "rope_apply"):
        monkeypatch.setattr(module, name, getattr(module, name))
    return module


class OriginalDice:
    """The original's random numbers in its order: at each step it also throws for motion frames that it overwrites at once."""

    def __init__(self) -> None:
        self._dice = torch.Generator().manual_seed(SEED)
        self._clips = 0

    def __call__(self, like: Tensor) -> Tensor:
        if self._clips > 1:
            for _ in range(STEPS + 1):
                torch.randn(like.shape[0], 1 + (OVERLAP_FRAMES - 1) // 4, *like.shape[2:], generator=self._dice)
        self._clips += 1
        return torch.randn(like.shape, generator=self._dice)


def original_times() -> list[Tensor]:
    times = [torch.tensor([time]) / 1000 for time in (*np.linspace(1000, 1, STEPS, dtype=np.float32), 0.0)]
    return [SHIFT * time / (1 + (SHIFT - 1) * time) * 1000 for time in times]


def engine(parts: Random, geometry: Geometry, guidance: float, hearing: Hearing, folder: Path) -> TalkingHead:
    codec = WanCodec(parts.vae.model, parts.vae.scale)
    prompts = Prompts(lambda _: parts.context, "random", folder)
    manner = Manner(geometry.clip_frames, torch.float32, masked=True, guidance=guidance)
    own = InfiniteTalk(parts.model, parts.look, codec, prompts, manner)
    recipe = Recipe("infinitetalk", geometry, SamplingPath(original_times(), euler), channels=16, pixels_per_latent=8, colour=0)
    return TalkingHead(recipe, Parts(own, codec, hearing), CPU)


def by_the_engine(parts: Random, guidance: float, folder: Path) -> Tensor:
    geometry = Geometry(FRESH_FRAMES, OVERLAP_FRAMES, LOOK_AHEAD_FRAMES, (SIZE,))
    drawing = engine(parts, geometry, guidance, Recital(SOUND, FRESH_FRAMES), folder)
    return decoded(drawing, OriginalDice(), WORDS, CLIPS)


def by_the_original(code: Checkout, parts: Random, guidance: float, folder: Path) -> Tensor:
    if not hasattr(inspect, "ArgSpec"):
        vars(inspect)["ArgSpec"] = tuple
    module = code.module("wan.multitalk")
    vars(module)["get_video_codec"] = lambda _: "png"
    vars(code.module("wan.utils.multitalk_utils"))["ASPECT_RATIO_627"] = {"1.00": ([SIZE.height, SIZE.width], 1)}
    Image.fromarray(face()).save(folder / "face.png")
    torch.save(SOUND, folder / "sound.pt")
    pipeline = module.InfiniteTalkPipeline.__new__(module.InfiniteTalkPipeline)
    vars(pipeline).update(original_parts(parts))
    drawn: Tensor = pipeline.generate_infinitetalk(
        {"prompt": WORDS, "cond_video": str(folder / "face.png"), "cond_audio": {"person1": str(folder / "sound.pt")}},
        motion_frame=OVERLAP_FRAMES,
        frame_num=CLIP_FRAMES,
        shift=SHIFT,
        sampling_steps=STEPS,
        text_guide_scale=1.0,
        audio_guide_scale=guidance,
        seed=SEED,
        offload_model=False,
        max_frames_num=FRAMES,
        progress=False,
        extra_args=SimpleNamespace(use_teacache=False, use_apg=False),
    )
    return drawn


def original_parts(parts: Random) -> dict[str, object]:
    class Texts:
        model = torch.nn.Identity()

        def __call__(self, texts: list[str], device: object) -> list[Tensor]:
            return [parts.context for _ in texts]

    numbers = {"vae_stride": (4, 8, 8), "patch_size": (1, 2, 2), "sp_size": 1, "rank": 0, "num_timesteps": 1000}
    switches = {"t5_cpu": False, "use_timestep_transform": True, "cpu_offload": False, "vram_management": False}
    return {
        **numbers,
        **switches,
        "device": CPU,
        "param_dtype": torch.float32,
        "sample_neg_prompt": "",
        "text_encoder": Texts(),
        "clip": SimpleNamespace(model=torch.nn.Identity(), visual=parts.look),
        "vae": parts.vae,
        "model": parts.model,
    }


def test_clips_are_the_original_ones_bit_by_bit(code: Checkout, parts: Random, network: ModuleType, tmp_path: Path) -> None:
    original = by_the_original(code, parts, 2.0, tmp_path)
    wan.skip_attention_map(network)
    drawn = by_the_engine(parts, 2.0, tmp_path)
    assert original.std() > 0.05
    assert drawn.shape == original.shape == (3, FRAMES, SIZE.height, SIZE.width)
    assert (drawn - original).abs().max() == 0


class Counted:
    def __init__(self, model: Model) -> None:
        self._model = model
        self.forwards = 0

    def __call__(self, x: list[Tensor], *, t: Tensor, audio: Tensor, **given: object) -> Tensor:
        self.forwards += 1
        return self._model(x, t=t, audio=audio, **given)

    def __getattr__(self, name: str) -> object:
        return getattr(self._model, name)


def test_without_guidance_one_forward_per_step_is_enough(
    code: Checkout, parts: Random, network: ModuleType, tmp_path: Path
) -> None:
    theirs, ours = Counted(parts.model), Counted(parts.model)
    original = by_the_original(code, replace(parts, model=theirs), 1.0, tmp_path)
    wan.skip_attention_map(network)
    drawn = by_the_engine(replace(parts, model=ours), 1.0, tmp_path)
    assert (theirs.forwards, ours.forwards) == (2 * STEPS * CLIPS, STEPS * CLIPS)
    assert (drawn - original).abs().max() < ROUNDING


def test_rotations_in_single_precision_are_the_original_ones(network: ModuleType) -> None:
    model = network.WanModel(dim=48, num_heads=2, num_layers=1, ffn_dim=8, in_dim=36)
    grid, tokens = torch.tensor([[21, 4, 4]]), torch.randn(1, 21 * 4 * 4, 2, 24)
    original = network.rope_apply(tokens, grid, model.freqs)
    wan.rotate_in_single_precision(network)
    ours = network.rope_apply(tokens, grid, model.freqs)
    assert ours.dtype == original.dtype
    assert (ours - original).abs().max() < ROUNDING
    assert (ours - tokens).abs().max() > 0.1


def test_the_ear_hears_what_the_original_one_hears(code: Checkout) -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed: wav2vec2 is not compared")
    config = transformers.Wav2Vec2Config(**toy_weights.EAR, attn_implementation="eager")
    original = code.module("src.audio_analysis.wav2vec2").Wav2Vec2Model(config).eval()
    sound = torch.randn(1, 16_000, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        theirs = original(sound, seq_len=25).last_hidden_state
        ours = ear(original)(sound, 25)
    assert len(ours) == config.num_hidden_layers
    assert ours[-1].shape == (1, 25, EAR_CHANNELS)
    assert (ours[-1] - theirs).abs().max() < ROUNDING
    assert (ours[-1] - ours[0]).abs().max() > ROUNDING


def pictures_of(clip: LatentClip) -> Pictures:
    return np.concatenate(list(clip))


def test_a_session_is_decoded_while_another_one_denoises_and_neither_notices(parts: Random, tmp_path: Path) -> None:
    drawing = engine(parts, Geometry(8, 5, 0, (SIZE,)), 1.0, Recital(SOUND, 0), tmp_path)
    static = drawing.prepare(face(), WORDS, SIZE)
    silence = np.zeros(drawing.geometry.audio_samples, np.float32)
    grounds = [np.full((5, SIZE.height * 3 // 2, SIZE.width), level, np.uint8) for level in (60, 180)]

    def stepped(ground: Pictures) -> LatentClip:
        state = drawing.begin(static)
        return drawing.step(state, silence, drawing.reset_motion(state, ground), lambda: False)

    alone = [pictures_of(stepped(ground)) for ground in grounds]
    with ThreadPoolExecutor(1) as decoder:
        decoding = [decoder.submit(pictures_of, stepped(ground)) for ground in (*grounds, *grounds)]
        together = [future.result() for future in decoding]
    assert not np.array_equal(alone[0][0], alone[1][0])
    for mine, expected in zip(together, (*alone, *alone), strict=True):
        assert np.array_equal(mine, expected)
