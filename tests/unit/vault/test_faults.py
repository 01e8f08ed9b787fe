"""Killed at any moment, or a disk that fails at any write: nothing said is untrue."""

from __future__ import annotations

import errno
import multiprocessing
import os
import random
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from overt.protocol import routes
from overt.protocol.ids import new_id
from overt.protocol.sealing import sealed_digest
from overt.vault.log.verify import verify
from overt.vault.store.rows import SegmentRow

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from tests.fakes.world import World

KILLS = 200
RANDOM = random.Random()  # noqa: S311 - any moment will do


def work(world: World, device: Any, request: str, told: Connection) -> None:
    """Send and release until killed; tell what was answered."""
    world.database.engine.dispose(close=False)  # connections are the parent's
    while True:
        for _ in range(3):
            header, data = world.segment(device, b"x" * RANDOM.randrange(4000))
            if world.put(device, header, data).status_code == 200:
                told.send(("sent", header.segment))
            device.sent += 1
        told.send(("read", len(world.opened_anyway(request))))


def kill_at_random(world: World, device: Any, request: str) -> list[tuple[str, Any]]:
    """Let a process work for a random time, kill it, and start anew."""
    device.session, device.sent = new_id("sess"), 0
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=work, args=(world, device, request, theirs))
    child.start()
    theirs.close()
    time.sleep(RANDOM.uniform(0.02, 1.5))
    os.kill(child.pid or 0, signal.SIGKILL)
    child.join()
    told = []
    while True:
        try:
            told.append(ours.recv())
        except (EOFError, OSError):
            break
    ours.close()
    world.stop()
    world.start()
    return told


def check_nothing_lost(world: World, sent: set[str]) -> None:
    """Every acknowledged segment is there, whole, and so is its entry."""
    with world.database.read() as session:
        for segment in sent:
            row = session.get_one(SegmentRow, segment)
            assert row.state == "stored"
            assert sealed_digest(world.objects.get(row.object_name)) == row.sha256
    assert world.entries("segment") >= len(sent)
    assert world.kms.unwraps <= world.entries("read")


@pytest.mark.long
def test_killed_two_hundred_times_nothing_said_is_untrue(world: World) -> None:
    device = world.participant(b"first")
    request = world.granted()
    sent: set[str] = set()
    read = 0
    for _ in range(KILLS):
        told = kill_at_random(world, device, request)
        fresh = {what for kind, what in told if kind == "sent"}
        read += sum(what for kind, what in told if kind == "read")
        sent |= fresh
        check_nothing_lost(world, fresh)
        assert read <= world.entries("read")
    assert len(sent) > KILLS / 4
    check_nothing_lost(world, sent)
    device.session, device.sent = new_id("sess"), 0
    assert world.opened_anyway(request)
    report = verify(world.folder / "log", world.services["log"].public_key())
    assert report.ok, report.problems


class FailingDisk:
    """Fails the nth sync of a file with an error, and every later one."""

    def __init__(self, patch: pytest.MonkeyPatch, code: int) -> None:
        self.left, self.code, self.calls = -1, code, 0
        self._fsync = os.fsync
        patch.setattr(os, "fsync", self.fsync)

    def fsync(self, handle: int) -> None:
        self.calls += 1
        if self.left == 0:
            raise OSError(self.code, os.strerror(self.code))
        self.left -= self.left > 0
        self._fsync(handle)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_at_any_sync_costs_an_answer_and_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    device = world.participant(b"first")
    request = world.granted()
    disk = FailingDisk(monkeypatch, code)
    world.send(device, b"counted")
    assert len(world.opened_anyway(request)) == 2
    syncs = disk.calls
    assert syncs > 8
    sent = 2
    for at in range(syncs):
        disk.left = at
        header, data = world.segment(device, b"more")
        target = f"{routes.SEGMENTS}/{header.segment}"
        answer = world.call(device, "PUT", target, data)
        opened = world.opened_anyway(request)
        disk.left = -1
        assert answer.status_code in {200, 503}
        assert len(opened) in {0, sent, sent + 1}
        assert world.kms.unwraps <= world.entries("read")
        # once there is space again, the same bytes are taken, once
        assert world.call(device, "PUT", target, data).status_code == 200
        device.sent += 1
        sent += 1
        check_nothing_lost(world, {header.segment})
    assert len(world.opened_anyway(request)) == sent
    assert world.entries("segment") == sent


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # its own files
def test_a_full_database_costs_an_answer_and_nothing_else(world: World) -> None:
    device = world.participant(b"first")
    request = world.granted()
    header, data = world.segment(device, b"more")
    target = f"{routes.SEGMENTS}/{header.segment}"
    with world.database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    statuses = {world.call(device, "PUT", target, data).status_code for _ in range(3)}
    assert statuses <= {200, 503}
    assert world.kms.unwraps <= world.entries("read")
    world.database.engine.dispose()  # the limit goes with its connections
    assert world.call(device, "PUT", target, data).status_code == 200
    assert len(world.opened_anyway(request)) == 2
    assert world.entries("segment") == 2
