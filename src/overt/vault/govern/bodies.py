"""The body of a call, within limits of size, time and of what is in memory at once.

Stage: before every rule. In: a request's stream; out: its bytes until the call is
answered. What comes too slowly, too large or while too much is on its way is refused
and said so; a device keeps what it could not send and tries again.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from overt.protocol.errors import DataError, VaultError
from overt.protocol.routes import MAX_SEGMENT_BYTES, SEGMENTS
from overt.vault.govern.refusals import TooLargeError, TooSlowError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

MAX_BODY_BYTES = 1 << 20
SLOWEST_S = 300.0  # for a whole body: 64 MiB at some 220 kB/s
ROOM_BYTES = 512 << 20


@dataclass
class Room:
    """How many bytes of bodies are held at once in one server.

    Attributes:
        taken_bytes: By calls that are not answered yet.
    """

    taken_bytes: int = 0

    @contextmanager
    def take(self, size_bytes: int) -> Iterator[None]:
        """Hold so many bytes.

        Raises:
            VaultError: There is no room; the call can be made again.
        """
        if self.taken_bytes and self.taken_bytes + size_bytes > ROOM_BYTES:
            raise VaultError(
                "The server takes as much in as it can; nothing was kept.",
                remedy="What waits is kept at the device; send it again later.",
            )
        self.taken_bytes += size_bytes
        try:
            yield
        finally:
            self.taken_bytes -= size_bytes


async def read_body(request: Request) -> AsyncIterator[bytes]:
    """Yield the body, up to the limit of its route.

    Raises:
        TooLargeError: It is larger.
        TooSlowError: It does not come to its end in time.
        VaultError: Too much is on its way.
        DataError: Its announced length is no number.
    """
    sealed = request.url.path.startswith(f"{SEGMENTS}/")
    limit = MAX_SEGMENT_BYTES if sealed else MAX_BODY_BYTES
    announced = request.headers.get("content-length", str(limit))
    if not announced.isdecimal():
        raise DataError("The call's Content-Length is no number.")
    if int(announced) > limit:
        raise TooLargeError(f"The call's body is larger than {limit} bytes.")
    room: Room = request.app.state.gate.room
    with room.take(int(announced)):
        try:
            async with asyncio.timeout(SLOWEST_S):
                body = await _read(request, limit)
        except TimeoutError as error:
            raise TooSlowError(
                f"The call's body did not come within {SLOWEST_S:g} s.",
                remedy="Send it again over a better line.",
            ) from error
        yield body


async def _read(request: Request, limit: int) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            raise TooLargeError(f"The call's body is larger than {limit} bytes.")
    return b"".join(chunks)


Body = Annotated[bytes, Depends(read_body)]
