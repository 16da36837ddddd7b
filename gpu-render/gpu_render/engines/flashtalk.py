"""SoulX-FlashTalk: InfiniteTalk's network distilled to four steps and short clips, from a checkout of its code.

Written against that code without its weights, which no machine here has had. The loop is InfiniteTalk's, whose clips are compared
with the original's; what is FlashTalk's own is only what stands in this file.
"""

from __future__ import annotations

from ..diffusion.checkout import Checkout, offline
from ..diffusion.files import Weights, checkout, sharded
from ..diffusion.sampling import Path as SamplingPath
from ..diffusion.sampling import even_times, renoise
from ..diffusion.talking_head import Recipe, TalkingHead
from ..engine import Geometry, Progress, Settings
from ..settings import number
from .infinitetalk import GRAIN, WAV2VEC_REPOSITORY, gpu, grained_sizes
from .infinitetalk_parts import Names, Source, found_files, options, warmed

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
    # All but wav2vec2 lies in one folder.
    files = found_files(settings, home, OWN, WAV2VEC, lambda: (sharded(settings, home, OWN), None))
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
    return warmed(recipe, Source(Checkout(home, BARE), NAMES), files, wanted, device, progress)
