from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from .engine import Cancelled, Clip
from .schedule import capacity, has_room
from .scheduler import Order, Scheduler
from .testing.paper import SIZE, PaperEngine, PaperGpu, order, scheduler
from .testing.virtual_loop import run


def test_the_earliest_deadline_goes_first_and_equals_by_arrival() -> None:
    gpu = PaperGpu()

    async def work() -> None:
        drawing = scheduler(gpu)
        orders = [order("running", 99), order("never"), order("late", 30), order("soon", 10), order("soon too", 10)]
        await asyncio.gather(*(drawing.draw(one) for one in orders))

    run(work())
    assert gpu.begun == ["running", "soon", "soon too", "late", "never"]


def test_what_nobody_waits_for_stands_still_between_two_clips_while_a_conversation_has_the_gpu_and_goes_on_afterwards() -> None:
    gpu = PaperGpu()

    async def work() -> None:
        drawing = scheduler(gpu)

        async def loop_of_an_avatar() -> None:
            for at in range(3):
                one = order(f"idle {at}")
                one.background = True
                await drawing.draw(one)

        async def conversation() -> None:
            await asyncio.sleep(0.5)
            drawing.reserve(True)
            for at in range(2):
                await drawing.draw(order(f"spoken {at}", 10))
                # The server sends the next window when it has the pictures of the one before.
                await asyncio.sleep(0.2)
            drawing.reserve(False)

        await asyncio.gather(loop_of_an_avatar(), conversation())

    run(work())
    assert gpu.begun == ["idle 0", "spoken 0", "spoken 1", "idle 1", "idle 2"]


def test_who_waits_without_a_deadline_goes_before_what_nobody_waits_for() -> None:
    gpu = PaperGpu()

    async def work() -> None:
        drawing = scheduler(gpu)
        orders = [order("running"), order("idle", 1), order("spoken")]
        orders[1].background = True
        await asyncio.gather(*(drawing.draw(one) for one in orders))

    run(work())
    assert gpu.begun == ["running", "spoken", "idle"]


def test_decoding_overlaps_the_next_denoising_and_nothing_else() -> None:
    gpu = PaperGpu()

    async def work() -> float:
        drawing = scheduler(gpu)
        await asyncio.gather(*(drawing.draw(order(str(at))) for at in range(5)))
        return asyncio.get_running_loop().time()

    assert run(work()) == pytest.approx(5 * 1 + 0.3)
    assert gpu.overlapped


def test_a_slow_decoder_holds_the_gpu_up_instead_of_filling_its_memory() -> None:
    gpu = PaperGpu(denoise_s=1, decode_s=3)

    async def work() -> float:
        drawing = scheduler(gpu)
        await asyncio.gather(*(drawing.draw(order(str(at))) for at in range(4)))
        return asyncio.get_running_loop().time()

    assert run(work()) == pytest.approx(1 + 4 * 3)


def test_what_is_stopped_while_it_waits_is_never_begun() -> None:
    gpu = PaperGpu()

    async def work() -> None:
        drawing = scheduler(gpu)
        kept, unwanted = order("kept"), order("unwanted")
        tasks = [asyncio.create_task(drawing.draw(one)) for one in (kept, unwanted)]
        await asyncio.sleep(0.5)
        drawing.stop(unwanted)
        with pytest.raises(Cancelled):
            await tasks[1]
        assert asyncio.get_running_loop().time() == 0.5
        await tasks[0]
        await drawing.draw(order("next"))

    run(work())
    assert gpu.begun == ["kept", "next"]


def test_what_is_stopped_while_it_is_denoised_ends_within_a_step_and_teaches_nothing() -> None:
    gpu = PaperGpu()

    async def work() -> None:
        drawing = scheduler(gpu)
        unwanted = order("unwanted")
        task = asyncio.create_task(drawing.draw(unwanted))
        await asyncio.sleep(0.3)
        drawing.stop(unwanted)
        with pytest.raises(Cancelled):
            await task
        assert asyncio.get_running_loop().time() == pytest.approx(0.5)
        assert drawing.expected_ms(SIZE) == pytest.approx(1_300)

    run(work())


def test_no_batch_follows_once_stopped_in_decoding() -> None:
    received: list[str] = []

    async def work() -> None:
        drawing = scheduler(PaperGpu())
        unwanted = order("unwanted", received=received)
        task = asyncio.create_task(drawing.draw(unwanted))
        await asyncio.sleep(1.15)
        drawing.stop(unwanted)
        with pytest.raises(Cancelled):
            await task

    run(work())
    assert received == ["unwanted"]


def test_it_learns_what_clips_take() -> None:
    async def work() -> None:
        gpu = PaperGpu()
        drawing = scheduler(gpu)
        gpu.slowdown = 2
        for _ in range(20):
            await drawing.draw(order("slow"))
        assert drawing.expected_ms(SIZE) == pytest.approx(2_600, rel=0.01)
        assert drawing.factor(SIZE) == pytest.approx(1.3, rel=0.01)

    run(work())


def test_the_eta_counts_what_runs_and_what_comes_before() -> None:
    async def work() -> None:
        drawing = scheduler(PaperGpu())
        orders = [order("running"), order("before", 20), order("mine", 30), order("after", 40)]
        tasks = [asyncio.create_task(drawing.draw(one)) for one in orders]
        await asyncio.sleep(0.5)
        assert drawing.outlook(orders[0]) == pytest.approx((0.5 / 1.3, 0.8))
        assert drawing.outlook(orders[2]) == pytest.approx((0, 0.8 + 1.3 + 1.3))
        await asyncio.gather(*tasks)

    run(work())


def test_chores_come_between_clips() -> None:
    gpu = PaperGpu()

    async def work() -> float:
        drawing = scheduler(gpu)
        clips = [asyncio.create_task(drawing.draw(order(str(at), 5))) for at in range(3)]
        await asyncio.sleep(0.1)
        await drawing.between_clips(lambda: gpu.begun.append("chore"))
        at = asyncio.get_running_loop().time()
        await asyncio.gather(*clips)
        return at

    assert run(work()) == pytest.approx(1)
    assert gpu.begun == ["0", "chore", "1", "2"]


def test_an_engine_that_gives_no_sign_of_life_is_overdue() -> None:
    async def work() -> None:
        gpu = PaperGpu(denoise_s=40, steps=4)
        drawing = Scheduler(gpu, PaperEngine(12_000))  # type: ignore[arg-type]
        assert drawing.overdue() < 0
        task = asyncio.create_task(drawing.draw(order("long, but stepping")))
        for _ in range(39):
            await asyncio.sleep(1)
            assert drawing.overdue() < 0
        await task
        gpu.steps = 1
        task = asyncio.create_task(drawing.draw(order("silent")))
        await asyncio.sleep(30)
        assert drawing.overdue() > 0
        await task
        assert drawing.overdue() < 0

    run(work())


def test_a_failure_passes_the_turn_on() -> None:
    def fail(_stop: object) -> Clip[Any]:
        raise RuntimeError("a bug")

    async def work() -> None:
        drawing = scheduler(PaperGpu())
        broken = Order(SIZE, 0, 1, fail, lambda _batch: True)
        results = await asyncio.gather(*(drawing.draw(one) for one in (broken, order("well"))), return_exceptions=True)
        assert isinstance(results[0], RuntimeError)
        assert not isinstance(results[1], BaseException)

    run(work())


@pytest.mark.parametrize("seed", range(30))
def test_any_mix_of_sessions_that_fits_meets_its_deadlines_or_is_late_by_a_clip(seed: int) -> None:
    """Sessions whose factors add up to at most 1 each draw clips that last 2 s; each clip is due when the ones before it are shown."""
    dice = random.Random(seed)
    clip_s = dice.uniform(0.1, 0.6)
    gpu = PaperGpu(denoise_s=clip_s * 0.8, decode_s=clip_s * 0.2)
    late: list[float] = []

    async def session(drawing: Scheduler, start: float, clips: int) -> None:
        await asyncio.sleep(start)
        loop = asyncio.get_running_loop()
        await drawing.draw(order("first", loop.time()))
        begun = loop.time()
        for clip in range(1, clips):
            deadline = begun + 2 * clip
            _, timing = await drawing.draw(order("next", deadline))
            assert timing.took <= clip_s * 1.01
            late.append(loop.time() - deadline)

    async def work() -> None:
        drawing = scheduler(gpu)
        factor = drawing.factor(SIZE)
        fits = capacity(factor)
        assert has_room([factor] * (fits - 1), factor - 1e-9)
        await asyncio.gather(*(session(drawing, dice.uniform(0, 3), dice.randint(3, 12)) for _ in range(fits)))

    run(work())
    assert max(late) <= clip_s
