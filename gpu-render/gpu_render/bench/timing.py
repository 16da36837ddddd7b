"""How long the GPU takes for something, and how much memory it has taken."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

REPEATS = 3


def seconds(work: Callable[[], object], device: torch.device, repeats: int = REPEATS) -> float:
    """The median, after one run that doesn't count: the first one looks for the fastest kernels."""
    return statistics.median([once(work, device) for _ in range(repeats + 1)][1:])


def once(work: Callable[[], object], device: torch.device) -> float:
    settle(device)
    begun = time.perf_counter()
    with torch.no_grad():
        work()
    settle(device)
    return time.perf_counter() - begun


def settle(device: torch.device) -> None:
    """Waits for all streams."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def forget_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_gib(device: torch.device) -> float:
    return float(torch.cuda.max_memory_allocated(device)) / 2**30 if device.type == "cuda" else 0.0


def machine(device: torch.device) -> dict[str, str]:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    return {"device": name, "torch": str(torch.__version__), "cuda": str(torch.version.cuda)}
