"""Whole workers: real processes, a real Redis, a real WebSocket."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest

from .testing.media_server import BACKGROUND, WORK, MediaServer, idle_frames
from .testing.processes import RedisServer, worker
from .testing.scenario import say, scenario


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
            entry = await media.put("one", kind="idle", work=BACKGROUND)
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
            await media.over(entry, work=BACKGROUND)

    scenario(tmp_path, work)


def test_an_idle_loop_makes_way_for_a_conversation_between_two_clips_and_goes_on_afterwards(tmp_path: Path) -> None:
    async def work(server: RedisServer, media: MediaServer) -> None:
        # A clip takes 0.7 s of which 0.48 are shown: slower than real time, so that one lease is served at a time.
        async with worker(server.url, STANDIN_RTF="1.5"):
            loops = [await media.put(name, kind="idle", work=BACKGROUND) for name in ("loop", "another loop")]
            loop = await media.talk()
            await loop.begin(1, None)
            await loop.window(1, 0, 0)
            await loop.until("progress")
            # Not held up by the loop that is drawn, nor by the one that waits before it.
            spoken = await media.put("spoken")
            talk = await media.talk(1)
            assert talk.lease == "spoken"
            await talk.begin(1, idle_frames(99))
            assert (await loop.spoken()).frames == list(range(12))
            await loop.window(1, 1, 12)
            for at in range(2):
                await talk.window(1, at, at * 12, deadlineMs=1_000)
                assert (await talk.spoken()).numbers == list(range(100 + at * 12, 112 + at * 12))
                # Long enough for a clip of the loop to be begun.
                await asyncio.sleep(0.3)
            await talk.bye()
            await media.over(spoken)
            rest = await loop.spoken()
            assert (rest.frames, rest.numbers) == (list(range(12, 24)), list(range(15, 27)))
            assert rest.done["waitedMs"] > 1_500
            await loop.bye()
            await media.over(loops[0], work=BACKGROUND)
            await (await media.talk()).bye()
            await media.over(loops[1], work=BACKGROUND)

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
