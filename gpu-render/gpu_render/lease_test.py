"""What becomes of a whole worker's leases when something goes wrong."""

from __future__ import annotations

import asyncio
import json
import signal
from http import HTTPStatus
from pathlib import Path

import pytest

from .testing.media_server import WORK, MediaServer, idle_frames
from .testing.processes import RedisServer, worker
from .testing.scenario import say, scenario


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
