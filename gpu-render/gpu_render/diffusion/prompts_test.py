from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

import torch
from torch import Tensor

from .prompts import Prompts


class Encoder:
    def __init__(self) -> None:
        self.loads = 0

    def __call__(self, prompt: str) -> Tensor:
        self.loads += 1
        return torch.full((len(prompt), 4), 0.5, dtype=torch.bfloat16)


def test_a_prompt_is_encoded_once_for_all_workers_that_share_a_cache(tmp_path: Path) -> None:
    first, second = Encoder(), Encoder()
    context = Prompts(first, "t5", tmp_path / "cache").context("hello")
    again = Prompts(second, "t5", tmp_path / "cache")
    assert torch.equal(again.context("hello"), context)
    assert torch.equal(again.context("hello"), context)
    assert (first.loads, second.loads) == (1, 0)
    assert not list((tmp_path / "cache").glob("*.partial"))


def test_other_prompts_and_other_encoders_are_not_taken_for_it(tmp_path: Path) -> None:
    encoder = Encoder()
    prompts = Prompts(encoder, "t5", tmp_path)
    assert len(prompts.context("hello")) != len(prompts.context("hello there"))
    Prompts(encoder, "another t5", tmp_path).context("hello")
    assert encoder.loads == 3
