"""`bench/gpu`: times InfiniteTalk's clips on this machine's GPU, prints a table, and writes it where `--out` says.

    INFINITETALK_HOME=/path/to/InfiniteTalk bench/gpu [--sizes 640x640,448x448] [--frames 81/9,33/5] [--out bench/results/gpu.json]

`--tiny` runs the same on a CPU with toy networks: it shows that the bench works, and no figure of it means anything.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import date
from pathlib import Path

import torch

from ..diffusion.files import checkout
from ..engine import ConfigurationError
from ..engines.infinitetalk import CODE, GRAIN, SIZES, gpu, grained_sizes
from ..engines.infinitetalk_random import TINY, WHOLE
from .measures import Row, measure
from .subject import Shape, subject
from .timing import machine

FRAMES = "81/9,33/5"
TINY_SIZES, TINY_FRAMES = "64x64", "13/5"


def main(arguments: list[str]) -> int:
    asked = parse(arguments)
    try:
        home = checkout(os.environ, "INFINITETALK_HOME", "MeiGen-AI/InfiniteTalk", CODE)
        shapes = shapes_of(
            asked.sizes or (TINY_SIZES if asked.tiny else SIZES), asked.frames or (TINY_FRAMES if asked.tiny else FRAMES)
        )
        device = torch.device("cpu") if asked.tiny else gpu("infinitetalk")
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if asked.tiny:
        vars(torch.cuda)["ipc_collect"] = lambda: None  # the checkout calls it in passing
        vars(torch)["compile"] = lambda function: function
    timed = subject(home, TINY if asked.tiny else WHOLE, torch.float32 if asked.tiny else torch.bfloat16, device)
    rows = []
    for shape in shapes:
        sys.stderr.write(f"{shape.size.width}x{shape.size.height}, {shape.clip_frames}/{shape.overlap_frames} frames\n")
        rows.append(measure(timed, shape))
    sys.stdout.write(table(rows))
    if asked.out:
        record = {"name": "gpu", "date": date.today().isoformat(), "machine": machine(device), "tiny": asked.tiny, "rows": rows}
        asked.out.write_text(json.dumps(record, indent=2) + "\n")
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/gpu", description="Times InfiniteTalk's clips with random weights.")
    parser.add_argument("--sizes", help=f"such as {SIZES}")
    parser.add_argument("--frames", help=f"frames of a clip / of its overlap, such as {FRAMES}")
    parser.add_argument("--tiny", action="store_true", help="toy networks on the CPU: does the bench itself work?")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    return parser.parse_args(arguments)


def shapes_of(sizes: str, frames: str) -> list[Shape]:
    clips = [tuple(map(int, clip.split("/"))) for clip in frames.split(",")]
    if any(len(clip) != 2 or any((count - 1) % 4 for count in clip) or clip[0] < 2 * clip[1] for clip in clips):
        rule = "each count one more than a multiple of four, a clip at least twice as long as its overlap"
        raise ConfigurationError(f"--frames must be such as {FRAMES}, {rule}, not {frames!r}.")
    found = grained_sizes({"INFINITETALK_SIZES": sizes}, "INFINITETALK", SIZES, GRAIN)
    return [Shape(size, clip_frames, overlap_frames) for size in found for clip_frames, overlap_frames in clips]


def table(rows: list[Row]) -> str:
    """Markdown, one column per shape."""
    names = list(rows[0])
    lines = [[name, *(cell(row[name]) for row in rows)] for name in names]
    ruler = ["---"] * (len(rows) + 1)
    return "".join(f"| {' | '.join(line)} |\n" for line in [lines[0], ruler, *lines[1:]])


def cell(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.3f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
