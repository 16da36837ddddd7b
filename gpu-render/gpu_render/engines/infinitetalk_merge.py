"""Merges Wan, InfiniteTalk's own layers and the LoRA into one bf16 file, which loads in half the time and needs half the disk.

INFINITETALK_HOME=/path/to/InfiniteTalk python3 -m gpu_render.engines.infinitetalk_merge merged.safetensors
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from ..diffusion.checkout import Checkout, offline
from ..diffusion.files import checkout
from ..diffusion.weights import fill, merge_lora, read
from ..engine import ConfigurationError, Settings
from ..settings import number
from .infinitetalk import BARE, CODE, NAMES, find_files
from .infinitetalk_parts import DTYPE, Source, builder


def merge(settings: Settings, out: Path) -> None:
    offline()
    home = checkout(settings, "INFINITETALK_HOME", "MeiGen-AI/InfiniteTalk", CODE)
    files = find_files(settings, home)
    if files.lora is None:
        raise ConfigurationError("INFINITETALK_CHECKPOINT is set: it is merged already.")
    source = Source(Checkout(home, BARE), NAMES)
    network = fill(builder(source, files.config), files.tensors, DTYPE, torch.device("cpu"))
    merge_lora(network, dict(read(files.lora)), number(settings, "INFINITETALK_LORA_SCALE", 1, 0, 2))
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, out)


if __name__ == "__main__":
    try:
        merge(os.environ, Path(sys.argv[1]))
    except (IndexError, ConfigurationError) as error:
        sys.exit(f"{error}" if isinstance(error, ConfigurationError) else __doc__)
