import asyncio

import pytest
from fedcmr_server.waiting import LONGEST_S, Waiting, wait_of


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait=5", 5),
        (" wait=5", 5),
        ("wait=100000000000", LONGEST_S),
        ("", 0),
        ("wait", 0),
        ("wait=-5", 0),
        ("wait=²", 0),
        ("return=minimal", 0),
    ],
)
def test_preference_of_a_client(prefer: str, seconds: float) -> None:
    assert wait_of(prefer) == seconds


def test_who_waits_is_told_at_once_by_another_thread() -> None:
    async def scenario() -> None:
        waiting = Waiting()
        one = asyncio.create_task(waiting.until(1, lambda: False, 1000))
        two = asyncio.create_task(waiting.until(2, lambda: False, 1000))
        await asyncio.sleep(0)
        await asyncio.to_thread(waiting.ring, 1)
        await one
        assert not two.done()
        await asyncio.to_thread(waiting.end)
        await two
        await waiting.until(3, lambda: False, 1000)

    asyncio.run(scenario())


def test_nobody_waits_for_what_is_there_nor_for_ever() -> None:
    async def scenario() -> None:
        waiting = Waiting()
        await waiting.until(1, lambda: True, 1000)
        await waiting.until(1, lambda: False, 0.01)

    asyncio.run(scenario())
