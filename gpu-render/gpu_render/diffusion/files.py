"""Where weights lie on this machine. Nothing is ever downloaded: what is missing is named, with where it was looked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..engine import ConfigurationError, Settings

RUNPOD = Path("/runpod-volume/huggingface-cache/hub")
SHARDS = "diffusion_pytorch_model-*.safetensors"
COUNTED = re.compile(r"-(\d{5})-of-(\d{5})")


@dataclass(frozen=True)
class Weights:
    """One thing to find: by its own setting, in the checkout's `weights/` or `models/`, or in a Hugging Face cache."""

    setting: str
    repository: str
    """As on Hugging Face: ORG/NAME."""

    @property
    def folder(self) -> str:
        return self.repository.partition("/")[2]


def checkout(settings: Settings, setting: str, repository: str, needed: Sequence[str]) -> Path:
    """The folder with someone's code, from the setting alone: code that is run is never searched for."""
    if not settings.get(setting):
        raise ConfigurationError(f"{setting} must name a checkout of github.com/{repository}.")
    home = Path(settings[setting])
    for name in needed:
        if not (home / name).is_file():
            raise ConfigurationError(f"{setting}={home} is not a checkout of github.com/{repository}: {home / name} is missing.")
    return home.resolve()


def find(settings: Settings, home: Path, weights: Weights, name: str) -> Path:
    """The file of that name, wherever the weights lie. Files of one repository may come from several of its snapshots."""
    places = folders(settings, home, weights)
    for place in places:
        if place.is_file():
            return place
        if (place / name).is_file():
            return place / name
    looked = "\n".join(f"  {place}" for place in places) or f"  no folder of {weights.repository} anywhere"
    raise ConfigurationError(
        f"{name} of {weights.repository} is missing. Looked in:\n{looked}\n"
        f"Set {weights.setting} to it or to the folder that holds it, or fetch it into a Hugging Face cache "
        f"(hf download {weights.repository} {name})."
    )


def find_all(settings: Settings, home: Path, weights: Weights, pattern: str) -> list[Path]:
    """All files of one folder that match, sorted; empty if there are none."""
    for place in folders(settings, home, weights):
        if found := sorted(place.glob(pattern)):
            return found
    return []


def folders(settings: Settings, home: Path, weights: Weights) -> list[Path]:
    if explicit := settings.get(weights.setting):
        return [Path(explicit)]
    repository = f"models--{weights.repository.replace('/', '--')}"
    snapshots = [snapshot for cache in caches(settings) for snapshot in _snapshots(cache / repository)]
    return [place for place in (home / "weights" / weights.folder, home / "models" / weights.folder, *snapshots) if place.is_dir()]


def caches(settings: Settings) -> list[Path]:
    """In Hugging Face's own order, and the one that RunPod mounts for cached models."""
    if explicit := settings.get("HF_HUB_CACHE"):
        return [Path(explicit), RUNPOD]
    default = Path(settings.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"
    return [Path(settings.get("HF_HOME") or default) / "hub", RUNPOD]


def sharded(settings: Settings, home: Path, weights: Weights, folder: str = ".") -> list[Path]:
    """A network's own files, all of them: `…-00002-of-00007.safetensors` says how many there are."""
    shards = find_all(settings, home, weights, f"{folder}/{SHARDS}")
    if not shards:
        return [find(settings, home, weights, f"{folder}/diffusion_pytorch_model.safetensors")]
    pattern, total = COUNTED.sub(r"-{:05d}-of-\2", shards[0].name), int(shards[0].stem[-5:])
    there = {shard.name for shard in shards}
    if missing := [name for index in range(1, total + 1) if (name := pattern.format(index)) not in there]:
        raise ConfigurationError(f"{shards[0].parent}: {', '.join(missing)} of {total} shards are missing.")
    return shards


def _snapshots(repository: Path) -> list[Path]:
    """The one that `main` stands for first, then the others, newest first."""
    main = repository / "refs" / "main"
    current = main.read_text().strip() if main.is_file() else ""
    found = sorted(repository.glob("snapshots/*"), key=lambda snapshot: snapshot.stat().st_mtime, reverse=True)
    return sorted(found, key=lambda snapshot: snapshot.name != current)
