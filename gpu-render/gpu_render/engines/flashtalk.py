"""SoulX-FlashTalk: InfiniteTalk's network distilled to four steps and short clips, from a checkout of its code.

Written against that code without its weights, which no machine here has had. The loop is InfiniteTalk's, whose clips are compared
with the original's; what is FlashTalk's own is only what stands in this file.
"""

from __future__ import annotations

from pathlib import Path

from ..diffusion import wan
from ..diffusion.checkout import Checkout, offline
from ..diffusion.files import Weights, checkout, find, sharded
from ..diffusion.sampling import Path as SamplingPath
from ..diffusion.sampling import even_times, renoise
from ..diffusion.talking_head import Recipe, TalkingHead
from ..engine import Geometry, Progress, Settings
from ..settings import number
from .infinitetalk import GRAIN, WAV2VEC_REPOSITORY, gpu, grained_sizes
from .infinitetalk_parts import Files, Names, Source, load_parts, options

ENGINE = "FLASHTALK"
OWN = Weights("FLASHTALK_WEIGHTS", "Soul-AILab/SoulX-FlashTalk-14B")
WAV2VEC = Weights("FLASHTALK_WAV2VEC", WAV2VEC_REPOSITORY)

CODE = ("flash_talk/infinite_talk/modules/multitalk_model.py", "flash_talk/wan/modules/vae.py")
BARE = ("flash_talk", "flash_talk.wan", "flash_talk.wan.modules")
NAMES = Names(
    network="flash_talk.infinite_talk.modules.multitalk_model",
    attention="flash_talk.infinite_talk.modules.multitalk_attention",
    vae="flash_talk.wan.modules.vae",
    clip="flash_talk.wan.modules.clip",
    t5="flash_talk.wan.modules.t5",
)

PROMPT = "A person is talking. Only the person moves, the background is still."
FRESH_FRAMES, OVERLAP_FRAMES = 28, 5
LOOK_AHEAD_FRAMES = 0
"""As it was made to stream: the last frames hear nothing after them, which is 80 ms sooner."""
STEPS, SHIFT = 4, 5.0
SIZES = "448x768"


def load(settings: Settings, progress: Progress) -> TalkingHead:
    offline()
    home = checkout(settings, "FLASHTALK_HOME", "Soul-AILab/SoulX-FlashTalk", CODE)
    files = find_files(settings, home)
    wanted = options(settings, ENGINE, prompt=PROMPT, clip_frames=FRESH_FRAMES + OVERLAP_FRAMES, masked=False)
    geometry = Geometry(FRESH_FRAMES, OVERLAP_FRAMES, LOOK_AHEAD_FRAMES, grained_sizes(settings, ENGINE, SIZES, GRAIN))
    device = gpu("flashtalk")
    recipe = Recipe(
        name="flashtalk",
        geometry=geometry,
        path=SamplingPath(even_times(STEPS, SHIFT, device), renoise),
        channels=16,
        pixels_per_latent=8,
        colour=number(settings, "FLASHTALK_COLOUR", 1, 0, 1),
    )
    parts = load_parts(Source(Checkout(home, BARE), NAMES), files, wanted, device, lambda done, what: progress(done * 0.6, what))
    engine = TalkingHead(recipe, parts, device)
    engine.warm_up(wanted.prompt, lambda done, what: progress(0.6 + 0.4 * done, what))
    return engine


def find_files(settings: Settings, home: Path) -> Files:
    """All but wav2vec2 lies in one folder."""
    names = (wan.VAE_FILE, wan.CLIP_FILE, wan.T5_FILE, wan.T5_TOKENIZER)
    vae, clip, t5, tokenizer = (find(settings, home, OWN, name) for name in names)
    return Files(
        config=find(settings, home, OWN, "config.json"),
        tensors=sharded(settings, home, OWN),
        lora=None,
        vae=vae,
        clip=clip,
        t5=t5,
        tokenizer=tokenizer.parent,
        ear_config=find(settings, home, WAV2VEC, "config.json"),
        ear_weights=find(settings, home, WAV2VEC, "model.safetensors"),
    )
