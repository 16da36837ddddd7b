"""Faults on demand: `kind@clip`, or `kind@clip/word` for sessions whose prompt has that word, several with commas between."""

from __future__ import annotations

from dataclasses import dataclass

from ..engine import ConfigurationError

KINDS = ("slow", "crash", "hang", "count", "black", "oom", "error")
EXIT_CODE = 70
"""Of a worker that crashes as it was told."""


@dataclass(frozen=True)
class Fault:
    kind: str
    clip: int
    """Counted from 1 within the worker, or within the session where there is a word."""
    word: str | None


def faults(text: str) -> tuple[Fault, ...]:
    return tuple(_fault(part.strip()) for part in text.split(",") if part.strip())


def _fault(text: str) -> Fault:
    kind, _, rest = text.partition("@")
    clip, _, word = rest.partition("/")
    if kind in KINDS and clip.isdecimal() and int(clip) > 0:
        return Fault(kind, int(clip), word or None)
    raise ConfigurationError(
        f"STANDIN_FAULTS must be faults such as crash@3 or error@1/poison, of the kinds {', '.join(KINDS)}, not {text!r}."
    )


def due(known: tuple[Fault, ...], prompt: str, session_clip: int, worker_clip: int) -> str | None:
    """The kind of fault of this clip. `slow` lasts from its clip on, all others are that clip's only."""
    for fault in known:
        if fault.word is not None and fault.word not in prompt:
            continue
        clip = worker_clip if fault.word is None else session_clip
        if clip == fault.clip or (fault.kind == "slow" and clip > fault.clip):
            return fault.kind
    return None
