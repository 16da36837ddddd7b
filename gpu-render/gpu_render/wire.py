"""The words of leases and of the frame link, checked against the JSON Schema that `protocol/` generates (docs/frame-link.md)."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from .engine import ClipEngine, Size

SCHEMAS = Path(__file__).resolve().parents[2] / "protocol" / "schema"
LINK_VERSION = 1
SUBPROTOCOL = f"frame-link.v{LINK_VERSION}"
MAX_MESSAGE = 16 * 1024 * 1024
MAX_HEADER = 16 * 1024
_LENGTH = struct.Struct(">I")

Header = dict[str, Any]
Buffer = bytes | bytearray | memoryview


class BadMessage(Exception):
    """Not a message of this version; the text says what is wrong with it."""


@dataclass(frozen=True)
class Message:
    header: Header
    payload: memoryview

    @property
    def type(self) -> str:
        return str(self.header["type"])


def encode(header: Header, payload: Iterable[Buffer] = ()) -> bytes:
    """A message for the server."""
    check("frame-link.json", ("toServer", str(header["type"])), header)
    text = json.dumps(header, separators=(",", ":")).encode()
    return b"".join((_LENGTH.pack(len(text)), text, *payload))


def decode(data: bytes | str, direction: str = "toWorker") -> Message:
    """A message from the server."""
    if isinstance(data, str):
        raise BadMessage("The message is text; this link is binary.")
    if len(data) < _LENGTH.size or len(data) > MAX_MESSAGE:
        raise BadMessage(f"The message has {len(data)} bytes; {_LENGTH.size} to {MAX_MESSAGE} are allowed.")
    (length,) = _LENGTH.unpack_from(data)
    if length > min(MAX_HEADER, len(data) - _LENGTH.size):
        raise BadMessage(f"The header would have {length} bytes; the message has {len(data)}, and {MAX_HEADER} are allowed.")
    try:
        header = json.loads(data[_LENGTH.size : _LENGTH.size + length])
    except ValueError as error:
        raise BadMessage("The header is no JSON.") from error
    kind = header.get("type") if isinstance(header, dict) else None
    if not isinstance(kind, str):
        raise BadMessage("The header has no type.")
    check("frame-link.json", (direction, kind), header)
    return Message(header, memoryview(data)[_LENGTH.size + length :])


def parts(payload: memoryview, sizes: list[int]) -> list[memoryview]:
    """The pictures of a payload, one after the other."""
    if sum(sizes) != len(payload):
        raise BadMessage(f"The pictures' sizes add up to {sum(sizes)} bytes; the payload has {len(payload)}.")
    found, at = [], 0
    for size in sizes:
        found.append(payload[at : at + size])
        at += size
    return found


def check(file: str, path: tuple[str, ...], value: object) -> None:
    error = next(iter(_validator(file, path).iter_errors(value)), None)
    if error is not None:
        where = ".".join([path[-1], *(str(part) for part in error.absolute_path)])
        raise BadMessage(f"{where}: {error.message[:200]}")


@cache
def _validator(file: str, path: tuple[str, ...]) -> Draft202012Validator:
    node = json.loads((SCHEMAS / file).read_text(encoding="utf-8"))
    for name in path:
        if name not in node:
            raise BadMessage(f"There is no message {name!r}.")
        node = node[name]
    return Draft202012Validator(node)


def geometry_of(engine: ClipEngine[Any, Any, Any]) -> Header:
    geometry = engine.geometry
    return {
        "freshFrames": geometry.fresh_frames,
        "overlapFrames": geometry.overlap_frames,
        "lookAheadFrames": geometry.look_ahead_frames,
    }


def size_of(header: Header) -> Size:
    return Size(header["width"], header["height"])
