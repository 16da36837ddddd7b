"""Reading one setting at a time, with a message that names it when it is wrong."""

from __future__ import annotations

from .engine import ConfigurationError, Settings, Size


def number(settings: Settings, name: str, default: float, low: float, high: float) -> float:
    text = settings.get(name, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if low <= value <= high:
        return value
    raise ConfigurationError(f"{name} must be a number from {low:g} to {high:g}, not {text!r}.")


def choice(settings: Settings, name: str, allowed: tuple[str, ...]) -> str:
    """The first one allowed is the default."""
    value = settings.get(name, "") or allowed[0]
    if value in allowed:
        return value
    raise ConfigurationError(f"{name} must be one of {', '.join(allowed)}, not {value!r}.")


def sizes(settings: Settings, name: str, default: str) -> tuple[Size, ...]:
    """Such as `512x512,256x256`; largest first, whatever order they come in."""
    text = settings.get(name, "") or default
    found = tuple(_size(name, part) for part in text.split(","))
    return tuple(sorted(set(found), key=lambda size: size.width * size.height, reverse=True))


def _size(name: str, text: str) -> Size:
    width, _, height = text.strip().partition("x")
    if width.isdecimal() and height.isdecimal():
        size = Size(int(width), int(height))
        if all(64 <= side <= 4096 and side % 2 == 0 for side in size):
            return size
    raise ConfigurationError(f"{name} must be sizes such as 512x512,256x256 with even sides from 64 to 4096, not {text!r}.")
