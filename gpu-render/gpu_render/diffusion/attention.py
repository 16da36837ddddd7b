"""Attention by PyTorch itself, under the signatures that the checkouts call: one dependency instead of three, on any device."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """All of shape (batch, tokens, heads, channels); query and key may be more precise than the value, which decides."""
    q, k, v = (part.to(value.dtype).transpose(1, 2) for part in (query, key, value))
    return scaled_dot_product_attention(q, k, v).transpose(1, 2)


def flash_attention(q: Tensor, k: Tensor, v: Tensor, **_: object) -> Tensor:
    """For the checkouts' function of that name. A call holds one clip and no padding: its other arguments change nothing."""
    return attend(q, k, v).to(q.dtype)


class Operators:
    """For `xformers.ops`."""

    @staticmethod
    def memory_efficient_attention(q: Tensor, k: Tensor, v: Tensor, attn_bias: None = None, op: None = None) -> Tensor:
        return attend(q, k, v)
