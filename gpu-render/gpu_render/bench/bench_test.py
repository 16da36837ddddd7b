from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from ..engine import ConfigurationError, Size
from ..engines.compared import on_a_cpu
from .__main__ import main, shapes_of
from .subject import Shape

HOME = os.environ.get("INFINITETALK_HOME", "")


@pytest.fixture(autouse=True)
def cpu() -> Iterator[None]:
    yield from on_a_cpu()


def test_every_size_is_timed_with_every_length_of_clip() -> None:
    shapes = shapes_of("448x448,704x416", "81/9,33/5")
    assert shapes[0] == Shape(Size(704, 416), 81, 9)
    assert [(shape.size.width, shape.clip_frames) for shape in shapes] == [(704, 81), (704, 33), (448, 81), (448, 33)]
    assert Shape(Size(448, 448), 81, 9).fresh_s == 2.88


@pytest.mark.parametrize("frames", ["81", "80/9", "81/8", "9/5"])
def test_clips_that_no_network_could_draw_are_refused(frames: str) -> None:
    with pytest.raises(ConfigurationError, match="--frames must be such as"):
        shapes_of("448x448", frames)


def test_without_the_code_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("INFINITETALK_HOME", raising=False)
    assert main(["--tiny"]) == 2
    assert "INFINITETALK_HOME must name a checkout" in capsys.readouterr().err


@pytest.mark.skipif(not HOME, reason="INFINITETALK_HOME is not set: the bench is not run with toy networks")
def test_the_whole_bench_runs_with_toy_networks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--tiny", "--out", str(tmp_path / "gpu.json")]) == 0
    record = json.loads((tmp_path / "gpu.json").read_text())
    row = record["rows"][0]
    assert record["tiny"]
    assert row["size"] == "64x64"
    numbers = {name: value for name, value in row.items() if not isinstance(value, str)}
    assert all(value > 0 for name, value in numbers.items() if name != "peak_gib")
    assert row["first_frames"] < row["clip"]
    assert "| adapter_to_bare |" in capsys.readouterr().out
