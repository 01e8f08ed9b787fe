"""Bodies that are too slow, too large or too many are refused, and said so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx

from overt.protocol import routes
from overt.vault.govern import bodies
from overt.vault.govern.bodies import ROOM_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

TARGET = f"{routes.SEGMENTS}/seg_x"


async def dripping(*, ends: bool) -> AsyncIterator[bytes]:
    yield b"x"
    if not ends:
        await asyncio.sleep(3600)


def put(world: Any, **content: Any) -> httpx.Response:
    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(world.vault_app)
        async with httpx.AsyncClient(transport=transport, base_url="http://v") as own:
            return await own.put(TARGET, **content)

    return asyncio.run(call())


def test_a_body_that_never_ends_is_given_up(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "SLOWEST_S", 0.2)
    answer = put(world, content=dripping(ends=False))
    assert (answer.status_code, answer.json()["code"]) == (408, "TooSlowError")
    assert world.vault_app.state.gate.room.taken_bytes == 0


def test_more_than_there_is_room_for_has_to_wait(world: Any) -> None:
    room = world.vault_app.state.gate.room
    with room.take(ROOM_BYTES):
        answer = put(world, content=b"x")
        assert (answer.status_code, answer.json()["code"]) == (503, "VaultError")
        assert "again" in answer.json()["remedy"]
    assert room.taken_bytes == 0
    assert put(world, content=dripping(ends=True)).status_code == 401
    assert room.taken_bytes == 0


def test_what_lies_about_its_length_is_refused(world: Any) -> None:
    large = {"Content-Length": str(1 << 40)}
    assert put(world, content=b"x", headers=large).status_code == 413
    assert put(world, content=b"x", headers={"Content-Length": "x"}).status_code == 400


def test_an_endless_stream_is_cut_off_at_the_limit(world: Any) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1 << 20)

    assert put(world, content=endless()).status_code == 413
    assert world.vault_app.state.gate.room.taken_bytes == 0
