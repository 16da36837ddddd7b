from __future__ import annotations

import av
import numpy as np
import pytest

from .engine import Size
from .formats import H264, LinkSpeed, from_jpeg, to_jpeg
from .pictures import to_i420

ALL = ("i420", "jpeg", "h264")
SIZE = Size(512, 512)


def picture(size: Size = SIZE) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Soft colours from corner to corner, darkest and lightest levels included."""
    across, down = np.meshgrid(np.linspace(0, 255, size.width), np.linspace(0, 255, size.height))
    return to_i420(np.stack([across, down, 255 - across], -1).astype(np.uint8))


def test_jpeg_keeps_the_samples_and_their_range() -> None:
    original = picture(Size(128, 96))
    (file,) = to_jpeg(original[None])
    again = from_jpeg(file)
    assert np.abs(again.astype(int) - original).mean() < 1
    assert abs(int(again.min()) - int(original.min())) <= 3


def test_grey_jpeg_is_refused() -> None:
    from io import BytesIO  # noqa: PLC0415

    from PIL import Image  # noqa: PLC0415

    file = BytesIO()
    Image.new("L", (16, 16)).save(file, "JPEG")
    with pytest.raises(ValueError, match="in colour"):
        from_jpeg(file.getvalue())


def test_h264_begins_with_its_parameter_sets_and_gives_a_picture_per_packet() -> None:
    original = picture()
    video = H264(SIZE)
    packets = [packet for _ in range(3) for packet in video.encode(original[None])]
    decoder = av.CodecContext.create("h264", "r")
    assert packets[0][4] & 31 == 7
    for packet in packets:
        (frame,) = decoder.decode(av.Packet(packet))
        assert np.abs(frame.to_ndarray().astype(int) - original).mean() < 2


@pytest.mark.parametrize(("megabytes_per_second", "form"), [(100, "i420"), (30, "jpeg"), (5, "jpeg"), (1, "h264")])
def test_the_form_follows_what_the_link_carries(megabytes_per_second: float, form: str) -> None:
    speed = LinkSpeed()
    assert speed.choose(ALL, SIZE) == "jpeg"
    for _ in range(3):
        speed.measured(400_000, 0.4 / megabytes_per_second)
    assert speed.choose(ALL, SIZE) == form
    assert speed.choose(("jpeg",), SIZE) == "jpeg"


def test_a_small_message_that_took_a_moment_says_nothing_against_a_quick_link() -> None:
    speed = LinkSpeed()
    speed.measured(20_000, 0.003)
    assert speed.choose(ALL, SIZE) == "i420"
    speed.measured(1_500_000, 0.015)
    speed.measured(1_000, 0.1)
    assert speed.choose(ALL, SIZE) == "i420"
    for _ in range(3):
        speed.measured(1_500_000, 0.5)
    assert speed.choose(ALL, SIZE) == "jpeg"
