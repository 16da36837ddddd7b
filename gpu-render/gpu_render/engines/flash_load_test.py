"""FlashTalk and FlashHead, loaded as a worker loads them, from toy weights with the names that their code asks for."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed: FlashTalk and FlashHead are not loaded")

import numpy as np
import torch
from safetensors.torch import save_file

from ..diffusion import files, wan
from ..diffusion.checkout import Checkout
from ..diffusion.talking_head import TalkingHead
from ..engine import ConfigurationError
from . import flashhead, flashtalk, infinitetalk_parts
from .compared import CPU, SIZE, face, on_a_cpu
from .infinitetalk_random import filled
from .toy_weights import NETWORK, network_tensors, write_ear, write_eye, write_prompt, write_vae

FLASHTALK, FLASHHEAD = (os.environ.get(name, "") for name in ("FLASHTALK_HOME", "FLASHHEAD_HOME"))
HEAD = {"dim": 1536, "num_heads": 12, "in_dim": 32, "out_dim": 16, "ffn_dim": 64, "text_dim": 8, "freq_dim": 16, "eps": 1e-6}
HEAD_SHAPE = {"num_layers": 1, "vae_stride": [4, 8, 8], "patch_size": [1, 2, 2], "has_image_input": False}


@pytest.fixture(autouse=True)
def cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(flashtalk, "gpu", lambda _: CPU)
    monkeypatch.setattr(flashhead, "gpu", lambda _: CPU)
    monkeypatch.setattr(flashhead, "DTYPE", torch.float32)
    monkeypatch.setattr(infinitetalk_parts, "DTYPE", torch.float32)
    monkeypatch.setattr(files, "RUNPOD", tmp_path / "runpod")
    yield from on_a_cpu()


def drawn_frames(engine: TalkingHead, prompt: str) -> int:
    state = engine.begin(engine.prepare(face(), prompt, SIZE))
    sound = np.random.default_rng(1).normal(0, 0.1, engine.geometry.audio_samples).astype(np.float32)
    return sum(len(batch) for batch in engine.step(state, sound, None, lambda: False))


@pytest.mark.skipif(not FLASHTALK, reason="FLASHTALK_HOME is not set: FlashTalk is not loaded")
def test_flashtalk_is_loaded_and_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, own, ear = Checkout(Path(FLASHTALK), flashtalk.BARE), tmp_path / "own", tmp_path / "ear"
    names = flashtalk.NAMES
    own.mkdir()
    (own / "config.json").write_text(json.dumps(NETWORK))
    save_file(network_tensors(code.module(names.network)), own / "diffusion_pytorch_model.safetensors")
    write_vae(code.module(names.vae), own / wan.VAE_FILE, monkeypatch)
    write_eye(code.module(names.clip), own / wan.CLIP_FILE, monkeypatch)
    write_prompt(own, flashtalk.PROMPT, tmp_path / "cache")
    write_ear(ear, ear)
    settings = {"FLASHTALK_HOME": FLASHTALK, "FLASHTALK_WEIGHTS": str(own), "FLASHTALK_WAV2VEC": str(ear)}
    options = {"FLASHTALK_SIZES": "64x64", "FLASHTALK_VAE_PRECISION": "fp32", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    engine = flashtalk.load({**settings, **options}, lambda _done, _what: None)
    assert (engine.name, engine.geometry.fresh_frames) == ("flashtalk", 28)
    assert drawn_frames(engine, flashtalk.PROMPT) == 33


@pytest.mark.skipif(not FLASHHEAD, reason="FLASHHEAD_HOME is not set: FlashHead is not loaded")
def test_flashhead_pro_is_loaded_and_draws_and_lite_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, own, ear = Checkout(Path(FLASHHEAD), flashhead.BARE), tmp_path / "own", tmp_path / "ear"
    for folder in ("Model_Pro", "VAE_Wan"):
        (own / folder).mkdir(parents=True)
    (own / "Model_Pro" / "config.json").write_text(json.dumps({**HEAD, **HEAD_SHAPE}))
    network = filled(lambda: code.module(flashhead.NETWORK).WanModelAudioProject(**HEAD, **HEAD_SHAPE), torch.float32, CPU)
    save_file(network.state_dict(), own / "Model_Pro" / "diffusion_pytorch_model.safetensors")
    write_vae(code.module("flash_head.wan.modules.vae"), own / "VAE_Wan" / wan.VAE_FILE, monkeypatch)
    write_ear(ear, ear)
    settings = {"FLASHHEAD_HOME": FLASHHEAD, "FLASHHEAD_WEIGHTS": str(own), "FLASHHEAD_WAV2VEC": str(ear)}
    options = {"FLASHHEAD_SIZES": "64x64", "FLASHHEAD_VAE_PRECISION": "fp32", "FLASHHEAD_MODEL": "pro"}
    engine = flashhead.load({**settings, **options}, lambda _done, _what: None)
    assert (engine.name, engine.geometry.fresh_frames) == ("flashhead", 28)
    assert drawn_frames(engine, "") == 33
    with pytest.raises(ConfigurationError, match=r"Model_Lite/config.json of Soul-AILab/SoulX-FlashHead-1_3B is missing"):
        flashhead.load({**settings, "FLASHHEAD_SIZES": "64x64"}, lambda _done, _what: None)


def test_sizes_are_those_that_the_kind_can_draw(tmp_path: Path) -> None:
    for name in flashhead.CODE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    settings = {"FLASHHEAD_HOME": str(tmp_path), "FLASHHEAD_SIZES": "528x528"}
    with pytest.raises(ConfigurationError, match="multiples of 32, not '528x528'"):
        flashhead.load(settings, lambda _done, _what: None)
