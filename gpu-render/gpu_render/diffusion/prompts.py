"""What the text encoder makes of a prompt, kept on disk: the encoder is 11 GB, and most avatars share one prompt."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

Encode = Callable[[str], Tensor]
"""Loads the text encoder, uses it once, and lets go of it."""


class Prompts:
    def __init__(self, encode: Encode, encoder: str, folder: Path) -> None:
        """`encoder` says which weights it is, so that others' results aren't taken for its own."""
        self._encode = encode
        self._encoder = encoder
        self._folder = folder
        self._known: dict[str, Tensor] = {}

    def context(self, prompt: str) -> Tensor:
        if prompt not in self._known:
            self._known[prompt] = self._stored(prompt)
        return self._known[prompt]

    def _stored(self, prompt: str) -> Tensor:
        digest = hashlib.sha256(f"{self._encoder}\n{prompt}".encode()).hexdigest()
        path = self._folder / f"{digest}.safetensors"
        if path.is_file():
            return load_file(path)["context"]
        context = self._encode(prompt)
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{secrets.token_hex(4)}.partial")
        save_file({"context": context.cpu().contiguous()}, partial)
        partial.rename(path)
        return context
