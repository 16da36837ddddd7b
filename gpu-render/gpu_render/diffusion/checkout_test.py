from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from ..engine import ConfigurationError
from .checkout import Checkout

CODE = {
    "bulky/__init__.py": "raise RuntimeError('this package imports everything')",
    "bulky/parts/__init__.py": "raise RuntimeError('so does this one')",
    "bulky/parts/network.py": """
import asking, decord, diffusers.thing
from diffusers import ModelMixin, register_to_config
from decord.bridge import VideoReader
class Network(ModelMixin):
    @register_to_config
    def __init__(self, size): super().__init__(); self.size = size
    def read(self): return VideoReader("a.mp4")
""",
    "bulky/parts/demanding.py": "import surely_not_installed_anywhere",
}


ELSEWHERE = """
import importlib.util
TOLD = importlib.util.find_spec("decord") is not None
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in {**{f"home/{name}": text for name, text in CODE.items()}, "elsewhere/asking.py": ELSEWHERE}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    before = set(sys.modules)
    yield tmp_path / "home"
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_module_is_imported_without_its_packages_and_without_what_it_only_mentions(home: Path) -> None:
    network = Checkout(home, ("bulky", "bulky.parts")).module("bulky.parts.network").Network(3)
    assert network.size == 3
    assert list(network.parameters()) == []


def test_what_is_needed_after_all_says_so(home: Path) -> None:
    network = Checkout(home, ("bulky", "bulky.parts")).module("bulky.parts.network").Network(3)
    with pytest.raises(ConfigurationError, match=r"decord.bridge.VideoReader is needed after all, but decord is not installed"):
        network.read()


@pytest.mark.parametrize(("name", "package"), [("demanding", "surely_not_installed_anywhere"), ("network", "decord")])
def test_a_package_that_nothing_stands_in_for_is_named(home: Path, name: str, package: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"bulky.parts.{name} of .* needs the Python package {package}"):
        Checkout(home, ("bulky", "bulky.parts"), needed=("decord", "diffusers")).module(f"bulky.parts.{name}")


def test_others_are_not_told_that_missing_packages_are_there(home: Path) -> None:
    module = Checkout(home, ("bulky", "bulky.parts")).module("bulky.parts.network")
    assert not module.asking.TOLD
    assert importlib.util.find_spec("decord") is None
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("decord")
