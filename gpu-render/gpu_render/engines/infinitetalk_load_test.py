"""From files on a disk to pictures: the engine loaded as a worker loads it, from toy weights that lie where real ones would."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")
HOME = os.environ.get("INFINITETALK_HOME", "")
if not HOME:
    pytest.skip("INFINITETALK_HOME is not set: InfiniteTalk is not loaded", allow_module_level=True)
pytest.importorskip("transformers", reason="transformers is not installed: InfiniteTalk is not loaded")

import torch
from safetensors.torch import save_file

from ..diffusion import files, wan
from ..diffusion.checkout import Checkout
from ..diffusion.weights import read
from ..engine import ConfigurationError
from . import infinitetalk, infinitetalk_merge, infinitetalk_parts, toy_weights
from .compared import CPU, SIZE, face, on_a_cpu
from .infinitetalk import BARE, LORA_FILE, NAMES, OWN_FILE, PROMPT
from .infinitetalk_random import TINY


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with pytest.MonkeyPatch.context() as patch:
        running = on_a_cpu()
        next(running)
        patch.setattr(infinitetalk, "gpu", lambda _: CPU)
        patch.setattr(infinitetalk_parts, "DTYPE", torch.float32)
        patch.setattr(files, "RUNPOD", tmp_path_factory.mktemp("runpod"))
        cache = tmp_path_factory.mktemp("cache")
        write_weights(Checkout(Path(HOME), BARE), cache / "huggingface" / "hub", cache, patch)
        yield {
            "INFINITETALK_HOME": HOME,
            "INFINITETALK_SIZES": f"{SIZE.width}x{SIZE.height}",
            "INFINITETALK_VAE_PRECISION": "fp32",
            "XDG_CACHE_HOME": str(cache),
        }
        next(running, None)


def snapshot(hub: Path, repository: str, revision: str = "main") -> Path:
    folder = hub / f"models--{repository.replace('/', '--')}" / "snapshots" / revision
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_weights(code: Checkout, hub: Path, cache: Path, patch: pytest.MonkeyPatch) -> None:
    """The network's tensors in two shards and InfiniteTalk's own file, as they are divided in the real ones."""
    base, own = snapshot(hub, "Wan-AI/Wan2.1-I2V-14B-480P"), snapshot(hub, "MeiGen-AI/InfiniteTalk")
    (base / "config.json").write_text(json.dumps(toy_weights.NETWORK))
    tensors = toy_weights.network_tensors(code.module(NAMES.network))
    audio = {name: tensor for name, tensor in tensors.items() if "audio" in name or "norm_x" in name}
    rest = [(name, tensor) for name, tensor in tensors.items() if name not in audio]
    for index, part in enumerate((rest[::2], rest[1::2]), 1):
        save_file(dict(part), base / f"diffusion_pytorch_model-{index:05d}-of-00002.safetensors")
    (own / OWN_FILE).parent.mkdir()
    save_file(audio, own / OWN_FILE)
    lora = {"diffusion_model.blocks.0.ffn.0.diff_b": torch.ones(TINY.ffn_dim)}
    save_file(lora, snapshot(hub, "Kijai/WanVideo_comfy") / LORA_FILE)
    toy_weights.write_vae(code.module(NAMES.vae), base / wan.VAE_FILE, patch)
    toy_weights.write_eye(code.module(NAMES.clip), base / wan.CLIP_FILE, patch)
    toy_weights.write_prompt(base, PROMPT, cache)
    wav2vec = "TencentGameMate/chinese-wav2vec2-base"
    toy_weights.write_ear(snapshot(hub, wav2vec), snapshot(hub, wav2vec, "pull"))


def test_it_is_loaded_from_a_cache_warmed_up_and_draws_what_it_hears(settings: dict[str, str]) -> None:
    said: list[tuple[float, str]] = []
    engine = infinitetalk.load(settings, lambda done, what: said.append((done, what)))
    assert [done for done, _ in said] == sorted(done for done, _ in said)
    assert any("warming up 64x64" in what for _, what in said)
    assert engine.measured_clip_ms(SIZE) > 0
    static = engine.prepare(face(), PROMPT, SIZE)
    drawn = []
    for loudness in (0.0, 0.3):
        sound = np.random.default_rng(1).normal(0, loudness, engine.geometry.audio_samples).astype(np.float32)
        clip = engine.step(engine.begin(static), sound, None, lambda: False)
        drawn.append(np.concatenate(list(clip)))
    assert drawn[0].shape == (81, SIZE.height * 3 // 2, SIZE.width)
    assert not np.array_equal(drawn[0], drawn[1])
    engine.close()


def test_one_merged_checkpoint_is_enough_for_the_network(settings: dict[str, str], tmp_path: Path) -> None:
    merged = tmp_path / "merged.safetensors"
    merged.write_bytes(b"")
    home = Path(HOME)
    assert infinitetalk.network_files({**settings, "INFINITETALK_CHECKPOINT": str(merged)}, home) == ([merged], None)
    tensors, lora = infinitetalk.network_files(settings, home)
    assert [file.name[:30] for file in tensors] == [
        "diffusion_pytorch_model-00001-",
        "diffusion_pytorch_model-00002-",
        "infinitetalk.safetensors",
    ]
    assert lora is not None
    with pytest.raises(ConfigurationError, match=r"must be one merged .safetensors file; /nowhere is none"):
        infinitetalk.network_files({**settings, "INFINITETALK_CHECKPOINT": "/nowhere"}, home)


def test_merged_it_is_the_same_network_with_the_lora_in_it(settings: dict[str, str], tmp_path: Path) -> None:
    infinitetalk_merge.merge(settings, tmp_path / "merged.safetensors")
    merged = dict(read(tmp_path / "merged.safetensors"))
    shards, _ = infinitetalk.network_files(settings, Path(HOME))
    apart = {name: tensor for file in shards for name, tensor in read(file)}
    changed = [name for name, tensor in merged.items() if not torch.equal(tensor, apart[name].to(tensor.dtype))]
    assert merged.keys() == apart.keys()
    assert changed == ["blocks.0.ffn.0.bias"]
    with pytest.raises(ConfigurationError, match="it is merged already"):
        infinitetalk_merge.merge({**settings, "INFINITETALK_CHECKPOINT": str(tmp_path / "merged.safetensors")}, tmp_path / "again")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"XDG_CACHE_HOME": "/nowhere"}, r"Wan2.1_VAE.pth of Wan-AI/Wan2.1-I2V-14B-480P is missing"),
        ({"INFINITETALK_LORA": "/nowhere"}, rf"{LORA_FILE} of Kijai/WanVideo_comfy is missing(.|\n)*Set INFINITETALK_LORA"),
        ({"INFINITETALK_HOME": "/nowhere"}, r"INFINITETALK_HOME=/nowhere is not a checkout of github.com/MeiGen-AI/InfiniteTalk"),
        ({"INFINITETALK_SIZES": "500x500"}, r"multiples of 16, not '500x500'"),
        ({"INFINITETALK_STEPS": "0"}, r"INFINITETALK_STEPS must be a number from 1 to 50"),
        ({"INFINITETALK_VAE_PRECISION": "int4"}, r"INFINITETALK_VAE_PRECISION must be one of bf16, fp32"),
    ],
)
def test_what_is_wrong_is_named(settings: dict[str, str], change: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        infinitetalk.load({**settings, **change}, lambda _done, _what: None)
