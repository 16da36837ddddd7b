"""The engine's clips against InfiniteTalk's own offline loop, on tiny random parts. Needs its code, not its weights."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
HOME = os.environ.get("INFINITETALK_HOME", "")
if not HOME:
    pytest.skip("INFINITETALK_HOME is not set: the engine is not compared with InfiniteTalk's own loop", allow_module_level=True)

from PIL import Image  # noqa: E402
from torch import Tensor  # noqa: E402

from ..diffusion import planes, wan  # noqa: E402
from ..diffusion.checkout import Checkout  # noqa: E402
from ..diffusion.codec import WanCodec  # noqa: E402
from ..diffusion.hearing import Hearing, neighbours, silence  # noqa: E402
from ..diffusion.prompts import Prompts  # noqa: E402
from ..diffusion.sampling import Noise, euler  # noqa: E402
from ..diffusion.sampling import Path as SamplingPath  # noqa: E402
from ..diffusion.talking_head import Parts, Recipe, TalkingHead  # noqa: E402
from ..engine import Audio, Geometry, Size  # noqa: E402
from .infinitetalk import BARE, FRESH_FRAMES, LOOK_AHEAD_FRAMES, NAMES, OVERLAP_FRAMES  # noqa: E402
from .infinitetalk_network import InfiniteTalk  # noqa: E402
from .infinitetalk_random import EAR_CHANNELS, EAR_LAYERS, TINY, Random, random_parts  # noqa: E402

CPU = torch.device("cpu")
SIZE = Size(64, 64)
STEPS, SHIFT, SEED, CLIPS = 2, 5.0, 3, 3
CLIP_FRAMES = FRESH_FRAMES + OVERLAP_FRAMES
FRAMES = CLIP_FRAMES + (CLIPS - 1) * FRESH_FRAMES
WORDS = "somebody talks"


@pytest.fixture(scope="module")
def code() -> Iterator[Checkout]:
    patch = pytest.MonkeyPatch()
    patch.setattr(inspect, "ArgSpec", tuple, raising=False)
    patch.setattr(torch.cuda, "current_device", lambda: 0)
    patch.setattr(torch.cuda, "ipc_collect", lambda: None)
    patch.setattr(torch, "compile", lambda function: function)
    checkout = Checkout(Path(HOME), BARE)
    wan.attend_by_pytorch(checkout.module(NAMES.network), checkout.module(NAMES.attention))
    yield checkout
    patch.undo()


@pytest.fixture(scope="module")
def parts(code: Checkout) -> Random:
    return random_parts(code, TINY, torch.float32, CPU)


@pytest.fixture(scope="module")
def sound() -> Tensor:
    """What wav2vec2 makes of some speech, a little longer than the video."""
    return torch.randn(FRAMES + LOOK_AHEAD_FRAMES, EAR_LAYERS, EAR_CHANNELS, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (SIZE.height, SIZE.width, 3), np.uint8)


class Recital(Hearing):
    """Hears what it is told, clip after clip."""

    def __init__(self, sound: Tensor) -> None:
        self._sound = sound
        self._first = 0

    def frames(self, sound: Audio, count: int, look_ahead: int) -> Tensor:
        heard = neighbours(self._sound, self._first, count)[None]
        self._first += FRESH_FRAMES
        return heard


class OriginalDice:
    """The original's random numbers in the original's order: it also throws, each step, for motion frames that it overwrites at once."""

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
    times = [torch.tensor([time]) for time in (*np.linspace(1000, 1, STEPS, dtype=np.float32), 0.0)]
    return [SHIFT * (time / 1000) / (1 + (SHIFT - 1) * (time / 1000)) * 1000 for time in times]


def drawn_by_the_engine(parts: Random, face: np.ndarray, sound: Tensor, noise: Noise, guidance: float, tmp: Path) -> list[Tensor]:
    codec = WanCodec(parts.vae.model, parts.vae.scale)
    prompts = Prompts(lambda _: parts.context, "random", tmp)
    network = InfiniteTalk(
        parts.model, parts.look, codec, prompts, clip_frames=CLIP_FRAMES, dtype=torch.float32, masked=True, guidance=guidance
    )
    geometry = Geometry(FRESH_FRAMES, OVERLAP_FRAMES, LOOK_AHEAD_FRAMES, (SIZE,))
    recipe = Recipe("infinitetalk", geometry, SamplingPath(original_times(), euler), channels=16, pixels_per_latent=8, colour=0)
    engine = TalkingHead(recipe, Parts(network, codec, Recital(sound)), CPU)
    state = engine.begin(engine.prepare(face, WORDS, SIZE))
    state.noise = noise
    motion, clips = None, []
    for _ in range(CLIPS):
        clip = engine.step(state, silence(CLIP_FRAMES + LOOK_AHEAD_FRAMES), motion, lambda: False)
        with torch.no_grad():
            clips.append(torch.cat(list(clip._pieces()), 2))
        motion = clip.motion
    return clips


def drawn_by_the_original(code: Checkout, parts: Random, face: np.ndarray, sound: Tensor, guidance: float, tmp: Path) -> Tensor:
    module = code.module("wan.multitalk")
    module.get_video_codec = lambda _: "png"
    code.module("wan.utils.multitalk_utils").ASPECT_RATIO_627 = {"1.00": ([SIZE.height, SIZE.width], 1)}
    Image.fromarray(face).save(tmp / "face.png")
    torch.save(sound, tmp / "sound.pt")
    pipeline = original_pipeline(module, parts)
    return pipeline.generate_infinitetalk(
        {"prompt": WORDS, "cond_video": str(tmp / "face.png"), "cond_audio": {"person1": str(tmp / "sound.pt")}},
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


def original_pipeline(module: ModuleType, parts: Random) -> object:
    pipeline = module.InfiniteTalkPipeline.__new__(module.InfiniteTalkPipeline)
    encoder = SimpleNamespace(model=torch.nn.Identity())

    class Texts(SimpleNamespace):
        def __call__(self, texts: list[str], device: object) -> list[Tensor]:
            return [parts.context for _ in texts]

    vars(pipeline).update(
        device=CPU,
        param_dtype=torch.float32,
        t5_cpu=False,
        text_encoder=Texts(model=encoder.model),
        clip=SimpleNamespace(model=torch.nn.Identity(), visual=parts.look),
        vae=parts.vae,
        model=parts.model,
        vae_stride=(4, 8, 8),
        patch_size=(1, 2, 2),
        sp_size=1,
        rank=0,
        num_timesteps=1000,
        use_timestep_transform=True,
        sample_neg_prompt="",
        cpu_offload=False,
        vram_management=False,
    )
    return pipeline


def test_clips_are_those_of_the_original_bit_by_bit(code, parts, face, sound, tmp_path) -> None:
    original = drawn_by_the_original(code, parts, face, sound, 2.0, tmp_path)
    wan.skip_attention_map(code.module(NAMES.network))
    clips = drawn_by_the_engine(parts, face, sound, OriginalDice(), 2.0, tmp_path)
    assert [clip.shape[2] for clip in clips] == [CLIP_FRAMES] + [FRESH_FRAMES] * (CLIPS - 1)
    assert original.shape[1] == FRAMES
    difference = (torch.cat(clips, 2)[0] - original).abs().max().item()
    print(f"maximum difference over {FRAMES} frames in {CLIPS} clips: {difference}")
    assert original.std() > 0.05
    assert difference == 0
