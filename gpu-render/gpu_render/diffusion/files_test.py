from __future__ import annotations

import os
from pathlib import Path

import pytest

from ..engine import ConfigurationError
from . import files
from .files import Weights, checkout, find, sharded

OWN = Weights("OWN_WEIGHTS", "somebody/network")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(files, "RUNPOD", tmp_path / "runpod")
    return tmp_path / "home"


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return path


def snapshot(cache: Path, revision: str, *names: str) -> Path:
    folder = cache / "models--somebody--network" / "snapshots" / revision
    for name in names:
        put(folder / name)
    return folder


def test_a_setting_comes_before_the_checkouts_own_weights_and_those_before_the_cache(home: Path, tmp_path: Path) -> None:
    cached = snapshot(tmp_path / "hf" / "hub", "abc", "a.bin") / "a.bin"
    settings = {"HF_HOME": str(tmp_path / "hf")}
    assert find(settings, home, OWN, "a.bin") == cached
    inside = put(home / "weights" / "network" / "a.bin")
    assert find(settings, home, OWN, "a.bin") == inside
    explicit = put(tmp_path / "mine" / "a.bin")
    assert find({**settings, "OWN_WEIGHTS": str(explicit.parent)}, home, OWN, "a.bin") == explicit
    assert find({**settings, "OWN_WEIGHTS": str(explicit)}, home, OWN, "other name") == explicit


def test_the_cache_that_runpod_mounts_is_found(home: Path, tmp_path: Path) -> None:
    cached = snapshot(tmp_path / "runpod", "abc", "a.bin") / "a.bin"
    assert find({"HF_HOME": str(tmp_path / "nothing")}, home, OWN, "a.bin") == cached


def test_files_of_a_repository_may_come_from_several_of_its_snapshots_the_current_one_first(home: Path, tmp_path: Path) -> None:
    cache = tmp_path / "hub"
    main, pull = snapshot(cache, "main", "config.json", "a.bin"), snapshot(cache, "pull", "model.safetensors", "a.bin")
    os.utime(main, (1, 1))
    refs = put(cache / "models--somebody--network" / "refs" / "main")
    refs.write_text("main\n")
    settings = {"HF_HUB_CACHE": str(cache)}
    assert find(settings, home, OWN, "model.safetensors") == pull / "model.safetensors"
    assert find(settings, home, OWN, "a.bin") == main / "a.bin"


def test_what_is_missing_is_named_with_where_it_was_looked_for_and_what_to_do(home: Path, tmp_path: Path) -> None:
    folder = snapshot(tmp_path / "hub", "abc", "a.bin")
    with pytest.raises(ConfigurationError) as caught:
        find({"HF_HUB_CACHE": str(tmp_path / "hub")}, home, OWN, "b.bin")
    for part in ("b.bin of somebody/network is missing", str(folder), "OWN_WEIGHTS", "hf download somebody/network b.bin"):
        assert part in str(caught.value)


def test_all_shards_must_be_there(home: Path, tmp_path: Path) -> None:
    settings = {"OWN_WEIGHTS": str(tmp_path / "w")}
    names = [f"diffusion_pytorch_model-{index:05d}-of-00003.safetensors" for index in (1, 2, 3)]
    for name in (names[0], names[2]):
        put(tmp_path / "w" / name)
    with pytest.raises(ConfigurationError, match=f"{names[1]} of 3 shards"):
        sharded(settings, home, OWN)
    put(tmp_path / "w" / names[1])
    assert [shard.name for shard in sharded(settings, home, OWN)] == names


def test_a_checkout_must_be_named_and_be_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"HOME_OF_IT must name a checkout of github.com/somebody/code"):
        checkout({}, "HOME_OF_IT", "somebody/code", ("net/model.py",))
    with pytest.raises(ConfigurationError, match=r"net/model.py is missing"):
        checkout({"HOME_OF_IT": str(tmp_path)}, "HOME_OF_IT", "somebody/code", ("net/model.py",))
    put(tmp_path / "net" / "model.py")
    assert checkout({"HOME_OF_IT": str(tmp_path)}, "HOME_OF_IT", "somebody/code", ("net/model.py",)) == tmp_path.resolve()
