"""Whole workers: real processes, a real Redis, a real WebSocket."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path

import pytest

from .testing.media_server import FRESH, WORK, MediaServer, Talk, idle_frames, media_server
from .testing.processes import RedisServer, worker

Scenario = Callable[[RedisServer, MediaServer], Awaitable[None]]


def scenario(folder: Path, work: Scenario) -> None:
    """Runs it with a Redis and a media server of its own."""

    async def whole() -> None:
        server = RedisServer(folder)
        await server.start()
        try:
            async with media_server(server.url) as media:
                await asyncio.wait_for(work(server, media), 60)
        finally:
            server.kill()

    asyncio.run(whole())


async def say(talk: Talk, windows: int = 2) -> None:
    """A whole utterance, and goodbye."""
    await talk.begin(1, idle_frames(99))
    for at in range(windows):
        await talk.window(1, at, at * FRESH)
        spoken = await talk.spoken()
        assert spoken.frames == list(range(at * FRESH, (at + 1) * FRESH))
    await talk.bye()


def test_draws_a_lease_from_its_motion_to_its_end(tmp_path: Path) -> None:
    async def work(server: RedisServer, media: MediaServer) -> None:
        async with worker(server.url) as running:
            entry = await media.put("one")
            talk = await media.talk()
            await talk.begin(7, idle_frames(99))
            await talk.window(7, 0, 0, deadlineMs=3_000)
            first = await talk.spoken()
            assert first.frames == list(range(12))
            assert first.numbers == list(range(100, 112))
            assert first.progress
            assert 50 < first.done["clipMs"] < 5_000
            # A clause ends within the clip: the next window goes on from what was sent.
            await talk.window(7, 1, 12, fresh=5, endOfClause=True)
            assert (await talk.spoken()).numbers == list(range(112, 117))
            await talk.window(7, 2, 17)
            last = await talk.spoken()
            assert last.frames == list(range(17, 29))
            assert last.numbers == list(range(117, 129))
            await talk.bye()
            await media.over(entry)
            assert any(line.get("traceId") == "trace-one" for line in running.lines)
            _, metrics = await running.ask("/metrics")
            assert 'gpu_render_leases_ended_total{how="done"} 1.0' in metrics

    scenario(tmp_path, work)


def test_an_idle_loop_begins_with_the_reference_and_a_pause_with_new_motion(tmp_path: Path) -> None:
    async def work(server: RedisServer, media: MediaServer) -> None:
        async with worker(server.url):
            entry = await media.put("one", kind="idle")
            talk = await media.talk()
            await talk.begin(1, None)
            await talk.window(1, 0, 0)
            first = await talk.spoken()
            # The frames that other clips carry over are drawn, and not sent.
            assert (first.frames, first.numbers) == (list(range(12)), list(range(3, 15)))
            await talk.window(1, 1, 12)
            assert (await talk.spoken()).numbers == list(range(15, 27))
            await talk.motion(1, idle_frames(499))
            await talk.window(1, 2, 24)
            assert (await talk.spoken()).numbers == list(range(500, 512))
            await talk.bye()
            await media.over(entry)

    scenario(tmp_path, work)


@pytest.mark.parametrize("form", ["i420", "jpeg", "h264"])
def test_pictures_travel_in_the_form_that_is_allowed(tmp_path: Path, form: str) -> None:
    async def work(server: RedisServer, media: MediaServer) -> None:
        async with worker(server.url):
            await media.put("one")
            talk = await media.talk()
            await talk.begin(1, idle_frames(99), formats=(form,))
            for at in range(2):
                await talk.window(1, at, at * 12)
                spoken = await talk.spoken()
                assert spoken.numbers == list(range(100 + at * 12, 112 + at * 12))
                assert set(spoken.formats) == {form}
            await talk.bye()

    scenario(tmp_path, work)


def test_a_quick_link_gets_raw_pictures(tmp_path: Path) -> None:
    async def work(server: RedisServer, media: MediaServer) -> None:
        async with worker(server.url):
            await media.put("one")
            talk = await media.talk()
            await talk.begin(1, idle_frames(99), formats=("i420", "jpeg", "h264"))
            formats: list[str] = []
            for at in range(3):
                await talk.window(1, at, at * 12)
                formats += (await talk.spoken()).formats
            assert formats[0] == "jpeg"
            assert formats[-1] == "i420"

    scenario(tmp_path, work)


def test_what_is_cancelled_is_not_shown_and_the_next_generation_begins_anew(tmp_path: Path) -> None:
    async def work(server: RedisServer, media: MediaServer) -> None:
        async with worker(server.url, STANDIN_RTF="4"):
            entry = await media.put("one")
            talk = await media.talk()
            await talk.begin(1, idle_frames(9))
            await talk.window(1, 0, 0)
            await talk.until("progress")
            loop = asyncio.get_running_loop()
            since = loop.time()
            await talk.send({"type": "cancel", "generation": 1})
            await talk.until("cancelled")
            # The clip takes 1.9 s, a denoising step 0.4 s.
            assert loop.time() - since < 1.5
            seen = len(talk.traces)
            await talk.begin(2, idle_frames(49))
            await talk.window(2, 0, 0)
            assert (await talk.spoken()).numbers == list(range(50, 62))
            assert all(message.header["generation"] == 2 for message in talk.traces[seen:] if "generation" in message.header)
            await talk.bye()
            await media.over(entry)

    scenario(tmp_path, work)


def test_sigterm_ends_the_clip_and_hands_the_rest_back(tmp_path: Path) -> None:
    async def work(server: RedisServer, media: MediaServer) -> None:
        async with worker(server.url, STANDIN_RTF="2") as leaving:
            entry = await media.put("one")
            waiting = await media.put("waits for its turn")
            talk = await media.talk()
            await talk.begin(1, idle_frames(99))
            await talk.window(1, 0, 0)
            await talk.until("progress")
            leaving.signal(signal.SIGTERM)
            assert (await talk.spoken()).frames == list(range(12))
            assert (await talk.until("bye")).type == "bye"
            assert await leaving.exit_code() == 0
            (pending,) = await media.redis.xpending_range(WORK, "workers", "-", "+", 10)
            assert (pending["consumer"], pending["times_delivered"]) == ("nobody", 0)
            assert await media.redis.smembers("infinitetalk:{standin}:takers") == set()
        async with worker(server.url, STANDIN_RTF="2"):
            for lease in (entry, waiting):
                await say(await media.talk())
                await media.over(lease)

    scenario(tmp_path, work)


def test_sigterm_while_loading_and_while_idle_leaves_at_once(tmp_path: Path) -> None:
    async def work(server: RedisServer, _media: MediaServer) -> None:
        async with worker(server.url, STANDIN_LOADING_S="30") as loading, worker(server.url) as idle:
            await idle.until_ready()
            await loading.until_answers("/readyz", 503)
            status, health = await loading.ask("/healthz")
            assert (status, json.loads(health)["state"]) == (200, "loading")
            for running in (loading, idle):
                running.signal(signal.SIGTERM)
                assert await running.exit_code(8) == 0

    scenario(tmp_path, work)


def test_a_dead_workers_lease_goes_to_another(tmp_path: Path) -> None:
    async def work(server: RedisServer, media: MediaServer) -> None:
        async with worker(server.url, STANDIN_FAULTS="crash@2") as dying:
            entry = await media.put("one")
            talk = await media.talk()
            await talk.begin(1, idle_frames(99))
            await talk.window(1, 0, 0)
            assert (await talk.spoken()).numbers == list(range(100, 112))
            await talk.window(1, 1, 12)
            await talk.closed()
            assert await dying.exit_code() == 70
            async with worker(server.url):
                await media.release(entry)
                again = await media.talk()
                await again.begin(2, idle_frames(111))
                await again.window(2, 1, 12)
                spoken = await again.spoken()
                assert spoken.frames == list(range(12, 24))
                assert spoken.numbers == list(range(112, 124))
                await again.bye()
                await media.over(entry)

    scenario(tmp_path, work)


def test_a_worker_that_hangs_goes_and_says_so_and_gives_its_lease_away(tmp_path: Path) -> None:
    async def work(server: RedisServer, media: MediaServer) -> None:
        async with worker(server.url, STANDIN_FAULTS="hang@1") as hanging:
            entry = await media.put("one")
            talk = await media.talk()
            await talk.begin(1, idle_frames(99))
            await talk.window(1, 0, 0)
            await talk.closed()
            assert await hanging.exit_code(30) == 75
            assert any("no sign of life" in line["msg"] for line in hanging.lines)
        async with worker(server.url):
            await say(await media.talk())
            await media.over(entry)

    scenario(tmp_path, work)


def test_poison_is_parked_after_three_tries_and_harms_nobody(tmp_path: Path) -> None:
    async def work(server: RedisServer, media: MediaServer) -> None:
        async with worker(server.url, STANDIN_FAULTS="error@1/poison") as running:
            entry = await media.put("poison")
            for _ in range(3):
                talk = await media.talk()
                await talk.begin(1, idle_frames(9), prompt="poison")
                await talk.window(1, 0, 0)
                assert (await talk.until("error")).header["code"] == "engine_failed"
                await talk.closed()
            await media.over(entry)
            ((_, parked),) = await media.redis.xrange("infinitetalk:{standin}:parked")
            assert (parked["id"], parked["traceId"], parked["tries"]) == ("poison", "trace-poison", "3")
            assert await media.redis.get("infinitetalk:{standin}:id:poison") == "parked"
            well = await media.put("well")
            await say(await media.talk())
            await media.over(well)
            assert (await running.ask("/readyz"))[0] == 200

    scenario(tmp_path, work)


@pytest.mark.parametrize(
    ("fault", "code"),
    [("oom", "out_of_memory"), ("black", "engine_failed"), ("count", "engine_failed"), ("error", "engine_failed")],
)
def test_a_faulty_clip_is_told_and_never_passed_off_as_whole(tmp_path: Path, fault: str, code: str) -> None:
    async def work(server: RedisServer, media: MediaServer) -> None:
        async with worker(server.url, STANDIN_FAULTS=f"{fault}@1"):
            entry = await media.put("one")
            talk = await media.talk()
            await talk.begin(1, idle_frames(99))
            await talk.window(1, 0, 0)
            assert (await talk.until("error")).header["code"] == code
            await talk.closed()
            assert "clip_done" not in {message.type for message in talk.traces}
            # Handed back, counted; taken again, and well this time.
            await say(await media.talk())
            await media.over(entry)

    scenario(tmp_path, work)


def test_leases_that_nobody_wants_are_done_and_others_parked(tmp_path: Path) -> None:
    async def work(server: RedisServer, media: MediaServer) -> None:
        async with worker(server.url) as running:
            media.statuses = {"gone": HTTPStatus.GONE, "unknown": HTTPStatus.NOT_FOUND, "forged": HTTPStatus.UNAUTHORIZED}
            for lease in media.statuses:
                await media.over(await media.put(lease))
            await media.over(await media.put("too late", -1))
            assert "too late" not in media.dialled
            await media.over(await media.put("no lease", url="ftp://example.org", kind=7))
            ((_, parked),) = await media.redis.xrange("infinitetalk:{standin}:parked")
            assert parked["id"] == "no lease"
            assert any(line["msg"] == "refused" for line in running.lines)

    scenario(tmp_path, work)


def test_a_busy_server_is_dialled_again(tmp_path: Path) -> None:
    async def work(server: RedisServer, media: MediaServer) -> None:
        async with worker(server.url):
            media.statuses = {"one": HTTPStatus.SERVICE_UNAVAILABLE}
            entry = await media.put("one")
            while media.dialled.count("one") < 2:
                await asyncio.sleep(0.05)
            media.statuses = {}
            await say(await media.talk())
            await media.over(entry)

    scenario(tmp_path, work)


def test_a_broken_link_is_dialled_once_more(tmp_path: Path) -> None:
    async def work(server: RedisServer, media: MediaServer) -> None:
        async with worker(server.url):
            entry = await media.put("one")
            talk = await media.talk()
            await talk.begin(1, idle_frames(99))
            talk.socket.transport.abort()
            await say(await media.talk())
            await media.over(entry)
            assert media.dialled == ["one", "one"]

    scenario(tmp_path, work)


def test_a_duplicate_is_let_go_and_done(tmp_path: Path) -> None:
    async def work(server: RedisServer, media: MediaServer) -> None:
        async with worker(server.url), worker(server.url):
            first = await media.put("twice")
            talk = await media.talk()
            second = await media.put("twice")
            other = await media.talk()
            await talk.socket.close(4409)
            media.statuses = {"twice": HTTPStatus.GONE}
            await say(other)
            await media.over(second)
            # Nobody has acknowledged the first; released, it is found to be over.
            await media.release(first)
            await media.over(first)

    scenario(tmp_path, work)


def test_slow_engines_serve_one_lease_at_a_time_and_quick_ones_several(tmp_path: Path) -> None:
    async def work(server: RedisServer, media: MediaServer) -> None:
        async with worker(server.url, STANDIN_RTF="3") as slow:
            entries = [await media.put(name) for name in ("one", "two")]
            talk = await media.talk()
            with pytest.raises(asyncio.TimeoutError):
                await media.talk(1)
            presence = json.loads(await presence_of(media))
            assert (presence["leases"], presence["capacity"]) == (1, 1)
            assert presence["freeInMs"] > 0
            await talk.bye()
            await (await media.talk()).bye()
            for entry in entries:
                await media.over(entry)
            slow.signal(signal.SIGTERM)
            await slow.exit_code()
        async with worker(server.url, STANDIN_RTF="0.3"):
            for name in ("one", "two", "three", "four"):
                await media.put(f"quick {name}")
            talks = [await media.talk() for _ in range(3)]
            with pytest.raises(asyncio.TimeoutError):
                await media.talk(1)
            await asyncio.gather(*(say(talk) for talk in talks))
            await say(await media.talk())

    scenario(tmp_path, work)


async def presence_of(media: MediaServer) -> str:
    """Of the only worker that is there."""
    for _ in range(100):
        for name in await media.redis.smembers("infinitetalk:{standin}:takers"):
            presence = await media.redis.get(f"infinitetalk:{{standin}}:taker:{name}")
            if presence and json.loads(presence)["leases"]:
                return str(presence)
        await asyncio.sleep(0.05)
    raise AssertionError("no worker is there")


def test_a_cancelled_lease_is_let_go(tmp_path: Path) -> None:
    async def work(server: RedisServer, media: MediaServer) -> None:
        async with worker(server.url, STANDIN_RTF="3"):
            entry = await media.put("unwanted")
            talk = await media.talk()
            await talk.begin(1, idle_frames(99))
            await talk.window(1, 0, 0)
            await talk.until("progress")
            await media.redis.xack(WORK, "workers", entry)
            await media.redis.xdel(WORK, entry)
            await media.redis.xadd("infinitetalk:{standin}:cancelled", {"id": "unwanted"})
            await talk.closed()
            assert "clip_done" not in {message.type for message in talk.traces}
            await media.put("next")
            await say(await media.talk(), 1)

    scenario(tmp_path, work)


def test_redis_may_go_and_come_back(tmp_path: Path) -> None:
    async def work(server: RedisServer, media: MediaServer) -> None:
        async with worker(server.url) as running:
            await running.until_ready()
            entry = await media.put("one")
            talk = await media.talk()
            await talk.begin(1, idle_frames(99))
            await talk.window(1, 0, 0)
            server.kill()
            # What was begun goes on without it.
            assert (await talk.spoken()).frames == list(range(12))
            for _ in range(100):
                if (await running.ask("/readyz"))[0] == 503:
                    break
                await asyncio.sleep(0.1)
            assert (await running.ask("/readyz"))[0] == 503
            assert (await running.ask("/healthz"))[0] == 200
            await server.start()
            await talk.bye()
            await media.over(entry)
            await running.until_ready()
            another = await media.put("two")
            await say(await media.talk())
            await media.over(another)

    scenario(tmp_path, work)


def test_a_redis_that_has_lost_its_memory_is_furnished_again(tmp_path: Path) -> None:
    async def work(server: RedisServer, media: MediaServer) -> None:
        async with worker(server.url) as running:
            await running.until_ready()
            await media.redis.flushall()
            entry = await media.put("one")
            await say(await media.talk())
            await media.over(entry)

    scenario(tmp_path, work)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"REDIS_URL": ""}, "REDIS_URL"),
        ({"ENGINE": "magic"}, "ENGINE"),
        ({"HEALTH_PORT": "-1"}, "HEALTH_PORT"),
        ({"STANDIN_RTF": "fast"}, "STANDIN_RTF"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_is_named(settings: dict[str, str], named: str) -> None:
    async def work() -> None:
        async with worker(**{"redis_url": "redis://127.0.0.1:1", **settings}) as running:
            assert await running.exit_code() == 78
            await running.end()
            assert any(named in line["msg"] for line in running.lines)

    asyncio.run(work())
