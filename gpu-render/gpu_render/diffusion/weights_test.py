from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ..engine import ConfigurationError
from .weights import fill, merge_lora, read

CPU = torch.device("cpu")


def stored(path: Path, **tensors: Tensor) -> Path:
    save_file({name.replace("__", "."): tensor for name, tensor in tensors.items()}, path)
    return path


def build() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2, bias=False))


def test_tensors_come_from_all_files_the_last_one_counting_in_the_precision_asked_for(tmp_path: Path) -> None:
    one = torch.ones(2, 3)
    files = [
        stored(tmp_path / "a", **{"0.weight": one, "0.bias": torch.zeros(2), "unknown": one.clone()}),
        stored(tmp_path / "b", **{"0.weight": one * 2, "1.weight": torch.ones(2, 2)}),
    ]
    network = fill(build, files, torch.bfloat16, CPU)
    assert {parameter.dtype for parameter in network.parameters()} == {torch.bfloat16}
    assert not any(parameter.is_meta or parameter.requires_grad for parameter in network.parameters())
    assert network.state_dict()["0.weight"].unique().tolist() == [2]


def test_a_missing_tensor_is_named_with_the_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"a: 2 tensors are missing, such as 0.bias"):
        fill(build, [stored(tmp_path / "a", **{"0.weight": torch.ones(2, 3)})], torch.bfloat16, CPU)


@pytest.mark.parametrize(("down", "up"), [("lora_down", "lora_up"), ("lora_A", "lora_B")])
def test_a_lora_is_added_for_good_by_its_own_and_the_given_scale(tmp_path: Path, down: str, up: str) -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    a, b = torch.randn(4, 3), torch.randn(2, 4)
    file = stored(
        tmp_path / "lora",
        **{
            f"diffusion_model.0.{down}.weight": a,
            f"diffusion_model.0.{up}.weight": b,
            "diffusion_model.0.alpha": torch.tensor(2.0),
            "diffusion_model.1.diff": torch.ones(2, 2),
            "diffusion_model.1.diff_b": torch.ones(2),
        },
    )
    assert merge_lora(network, dict(read(file)), 0.5) == 3
    after = network.state_dict()
    assert torch.allclose(after["0.weight"], before["0.weight"] + 0.5 * (2 / 4) * (b @ a), atol=1e-6)
    assert torch.equal(after["0.bias"], before["0.bias"])
    assert torch.allclose(after["1.weight"], before["1.weight"] + 0.5)
    assert torch.allclose(after["1.bias"], before["1.bias"] + 0.5)


def test_a_lora_for_something_else_is_refused() -> None:
    network = build()
    with pytest.raises(ConfigurationError, match=r"changes 7.weight, which this network does not have"):
        merge_lora(network, {"7.diff": torch.ones(1)}, 1)
    with pytest.raises(ConfigurationError, match=r"nothing that is known here; its first tensor is strange.name"):
        merge_lora(network, {"strange.name": torch.ones(1)}, 1)
