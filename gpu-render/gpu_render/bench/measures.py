"""What is measured of one shape of clip."""

from __future__ import annotations

import statistics
import time
from functools import partial
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from ..diffusion import planes
from ..diffusion.codec import WanCodec
from ..diffusion.colour import hold, palette
from ..diffusion.hearing import REACH
from ..engines.infinitetalk_random import EAR_CHANNELS, EAR_LAYERS
from .subject import PROMPT, STEPS, Shape, Subject, face
from .timing import REPEATS, forget_peak, peak_gib, seconds, settle

NEIGHBOURS = 2 * REACH + 1
Row = dict[str, float | str]


def measure(subject: Subject, shape: Shape) -> Row:
    """All in seconds, but for what says otherwise."""
    device = subject.device
    forget_peak(device)
    codec = subject.codec(torch.bfloat16)
    forwards = forward_seconds(subject, shape, codec)
    decodes = decode_seconds(subject, shape)
    frames = torch.rand(1, 3, shape.clip_frames, shape.size.height, shape.size.width, device=device) * 2 - 1
    reference = palette(frames[:, :, :1])
    drawn = clip_seconds(subject, shape, codec)
    bare = STEPS * forwards["forward"] + decodes["decode_bf16"]
    return {
        "size": f"{shape.size.width}x{shape.size.height}",
        "frames": f"{shape.clip_frames}/{shape.overlap_frames}",
        **forwards,
        **decodes,
        "encode_motion": seconds(lambda: codec.encode(frames[:, :, : shape.overlap_frames]), device),
        "colour": seconds(lambda: hold(frames, reference, 1), device),
        "i420_to_host": seconds(lambda: planes.to_i420(frames).cpu(), device),
        **drawn,
        "bare": bare,
        "adapter_to_bare": drawn["clip"] / bare,
        "real_time_factor": drawn["clip"] / shape.fresh_s,
        "peak_gib": peak_gib(device),
    }


def forward_seconds(subject: Subject, shape: Shape, codec: WanCodec) -> dict[str, float]:
    """As the checkout has it, and without what changes nothing."""
    network = subject.network(shape.clip_frames, codec)
    with torch.no_grad():
        condition = network.condition(subject.reference(shape.size), PROMPT)
    latents, now = subject.latents(shape), torch.tensor([500.0], device=subject.device)
    sound = torch.randn(1, shape.clip_frames, NEIGHBOURS, EAR_LAYERS, EAR_CHANNELS, device=subject.device)

    def forward() -> Tensor:
        return network.velocity(latents, now, sound, condition)

    original = seconds(forward, subject.device, repeats=1)
    with subject.spared():
        return {"forward_original": original, "forward": seconds(forward, subject.device)}


def decode_seconds(subject: Subject, shape: Shape) -> dict[str, float]:
    latents = subject.latents(shape)
    codecs = {
        "decode_fp32": subject.codec(None),
        "decode_bf16": subject.codec(torch.bfloat16),
        "decode_bf16_channels_last": subject.codec(torch.bfloat16),
    }
    channels_last(codecs["decode_bf16_channels_last"].decoder)
    return {name: seconds(partial(drain, codec, latents), subject.device) for name, codec in codecs.items()}


def drain(codec: WanCodec, latents: Tensor) -> None:
    for _ in codec.decode(latents):
        pass


def channels_last(part: object) -> None:
    """The layout that tensor cores prefer, where it is one: for images and for videos."""
    layouts = {4: torch.channels_last, 5: torch.channels_last_3d}
    for parameter in cast(nn.Module, part).parameters():
        if parameter.dim() in layouts:
            parameter.data = parameter.data.contiguous(memory_format=layouts[parameter.dim()])


def clip_seconds(subject: Subject, shape: Shape, codec: WanCodec) -> dict[str, float]:
    """The engine's own clips, from sound in to bytes out, each going on from the one before; and their first frames."""
    engine = subject.engine(shape, codec)
    sound = np.zeros(engine.geometry.audio_samples, np.float32)
    first, whole, motion = [], [], None
    with subject.spared():
        prepare = seconds(lambda: engine.prepare(face(shape.size), PROMPT, shape.size), subject.device, repeats=1)
        state = engine.begin(engine.prepare(face(shape.size), PROMPT, shape.size))
        for _ in range(1 + REPEATS):
            settle(subject.device)
            begun = time.perf_counter()
            clip = engine.step(state, sound, motion, lambda: False)
            arrivals = [time.perf_counter() - begun for _ in clip]
            motion = clip.motion
            first.append(arrivals[0])
            whole.append(time.perf_counter() - begun)
    return {"prepare": prepare, "first_frames": statistics.median(first[1:]), "clip": statistics.median(whole[1:])}
