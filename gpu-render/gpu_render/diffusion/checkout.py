"""Imports single modules from someone's research checkout, without the rest of it.

Such a checkout imports everything from everywhere: video readers, quantisers, multi-GPU libraries, some of them hard to install and
one removed from Python since. Only the networks are wanted here, so packages are opened without running their `__init__`, and what
the wanted modules import but never call on one GPU is replaced, where it isn't installed, by names that complain once used.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import logging
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import torch

from ..engine import ConfigurationError

UNUSED = frozenset(
    {
        *("accelerate", "cv2", "decord", "diffusers", "imageio", "librosa", "loguru", "optimum", "pyloudnorm", "skimage"),
        *("mediapipe", "soundfile", "tqdm", "xformers", "xfuser"),
    }
)
STAND_INS: dict[str, object] = {
    "diffusers.ConfigMixin": type("ConfigMixin", (), {}),
    "diffusers.ModelMixin": torch.nn.Module,
    "diffusers.register_to_config": lambda init: init,
    "loguru.logger": logging.getLogger("checkout"),
}
"""All that a network takes from these packages to be defined and loaded."""


class Checkout:
    def __init__(self, home: Path, bare: Sequence[str], needed: Collection[str] = ()) -> None:
        """`bare` names the packages whose `__init__` is left out, outermost first; `needed` those that nothing stands in for."""
        self._home = home
        self._bare = bare
        self._replaced = UNUSED.difference(needed)

    def module(self, name: str) -> ModuleType:
        try:
            with _opened(self._home, self._bare, self._replaced):
                return importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise ConfigurationError(f"{name} of {self._home} needs the Python package {error.name}.") from error


def offline() -> None:
    """Hub libraries read this when they are first imported: nothing is ever fetched, a missing file is an error at once."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TRANSFORMERS_OFFLINE"] = "1"


@contextmanager
def _opened(home: Path, bare: Sequence[str], replaced: Collection[str]) -> Iterator[None]:
    for name in bare:
        if name not in sys.modules:
            package = ModuleType(name)
            package.__path__ = [str(home.joinpath(*name.split(".")))]
            sys.modules[name] = package
    finder = _Inert(home, replaced)
    sys.path.insert(0, str(home))
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        sys.path.remove(str(home))
        sys.meta_path.remove(finder)
        for name in [name for name, module in sys.modules.items() if isinstance(module, _InertModule)]:
            del sys.modules[name]


class _Inert(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Asked last, after every finder that finds something real, and only for the checkout: other packages look who is installed."""

    def __init__(self, home: Path, replaced: Collection[str]) -> None:
        self._home = home
        self._replaced = replaced

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] in self._replaced and _importer().is_relative_to(self._home):
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _InertModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


class _InertModule(ModuleType):
    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        package = self.__name__.partition(".")[0]
        if (stand_in := STAND_INS.get(f"{package}.{name}")) is not None:
            return stand_in
        return type(name, (), {"__init__": _complain(f"{self.__name__}.{name}")})


def _importer() -> Path:
    frame = sys._getframe(1)
    while frame.f_back and ("importlib" in frame.f_code.co_filename or frame.f_code.co_filename == __file__):
        frame = frame.f_back
    return Path(frame.f_code.co_filename)


def _complain(what: str) -> object:
    def called(*_: object, **__: object) -> None:
        raise ConfigurationError(f"{what} is needed after all, but {what.partition('.')[0]} is not installed.")

    return called
