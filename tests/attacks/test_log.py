"""Attacks on the log and the halt: no byte without an entry; edits are found."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from overt.protocol import tlog
from overt.protocol.errors import DataError, OvertError, VaultError
from overt.protocol.release import read_release
from overt.vault.broker import release as broker_release
from overt.vault.broker.release import Releases
from overt.vault.govern.callers import Caller
from overt.vault.log import log as vault_log
from overt.vault.log import verify as verifier
from overt.vault.log.book import EntryBook
from overt.vault.log.folder import LogFolder
from overt.vault.log.frontier import Frontier
from overt.vault.log.log import Log
from overt.vault.store import files
from tests.attacks.rows import attack, instead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fakes.stacks import Stack
    from tests.fakes.world import World

STEPS = 8  # entries; a tile and a bundle, written and put; so the checkpoint; the head


def parts_of(data: bytes) -> int:
    """Return how many whole segments a release holds, cut short or not."""
    try:
        return len(list(read_release(data)[1]))
    except DataError:
        return 0


def failing_at(patch: pytest.MonkeyPatch, at: int) -> None:
    """Let the disk be full from one durable step of the log on."""
    steps = iter(range(10**6))

    def step(real: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **named: Any) -> Any:
            if next(steps) >= at:
                raise OSError(28, "No space left on device")
            return real(*args, **named)

        return run

    for name in ("_write_fresh", "_put"):
        patch.setattr(files, name, step(getattr(files, name)))
    for name in ("add", "set_head"):
        patch.setattr(EntryBook, name, step(getattr(EntryBook, name)))


def no_entry(patch: pytest.MonkeyPatch) -> None:
    """Number entries without keeping them."""
    patch.setattr(Log, "append", lambda _, entries, *_also: list(range(len(entries))))


@attack(no_entry)
def test_a_full_disk_of_the_log_lets_no_byte_out(stack: Stack) -> None:
    world = stack.world()
    world.participant(b"one")
    request = world.granted()
    for at in range(STEPS):
        before = world.kms.unwraps
        with pytest.MonkeyPatch.context() as patch:
            failing_at(patch, at)
            answer = world.release(request)
        assert parts_of(answer.content) == 0, at
        assert world.kms.unwraps == before
    assert world.opened(request) == [b"one"]
    assert world.kms.unwraps <= len(world.reads())


class KilledError(BaseException):
    """Stands for the broker's process ending here."""


@attack(no_entry)
def test_a_broker_killed_between_two_steps_has_read_nothing_unlogged(
    stack: Stack,
) -> None:
    world = stack.world()
    world.participant(b"one", b"two")
    request = world.granted()
    releases: Releases = world.broker_app.state.parts.releases
    for name in ("load", "_entry", "running", "pieces"):
        with pytest.MonkeyPatch.context() as patch:
            stream = _stream(world, releases, request)
            next(stream)  # the header, which holds no segment
            patch.setattr(Releases, name, _killed)
            with pytest.raises(KilledError):
                next(stream)
        assert world.kms.unwraps <= len(world.reads())
        world.stop()
        world.start()
        releases = world.broker_app.state.parts.releases
    assert world.opened(request) == [b"one", b"two"]
    assert world.kms.unwraps <= len(world.reads())


def _killed(*_: Any) -> Any:
    raise KilledError


def _stream(world: World, releases: Releases, request: str) -> Iterator[bytes]:
    key = world.in_force().member("rob").key
    return releases.begin(Caller("rob", ("researcher",), key), request)


@attack(instead(broker_release, "HALT_LOOK_S", 10**9))
def test_a_halt_ends_a_stream_within_a_segment(stack: Stack) -> None:
    world = stack.world()
    world.participant(bytes(3 << 20))
    request = world.granted()
    releases: Releases = world.broker_app.state.parts.releases
    with pytest.MonkeyPatch.context() as patch:
        if broker_release.HALT_LOOK_S < 10:
            patch.setattr(broker_release, "HALT_LOOK_S", 0.0)  # no test of speed
        stream = _stream(world, releases, request)
        came = [next(stream), next(stream)]
        assert world.halt("rita").status_code == 200
        rest = list(stream)
    assert len(came[1]) == broker_release.PIECE_BYTES
    assert rest == []
    assert world.release(request).status_code == 423


@attack(instead(Releases, "running", lambda self: self.roster._verified[1]))
def test_without_a_halt_service_nothing_is_read(stack: Stack) -> None:
    world = stack.world()
    world.participant(bytes(3 << 20))
    request = world.granted()
    releases: Releases = world.broker_app.state.parts.releases
    stream = _stream(world, releases, request)
    next(stream)

    def lost(*_: Any) -> Any:
        raise VaultError("The state cannot be read.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(broker_release, "current_state", lost)
        assert list(stream) == []
    assert world.kms.unwraps == 0


def sound(world: World) -> bool:
    """Whether the verifier finds the log sound, from its files alone."""
    public = world.services["log"].public_key()
    try:
        return verifier.verify(world.folder / "log", public).ok
    except OvertError:
        return False


def starts(world: World) -> bool:
    """Whether a broker starts on the log."""
    key, origin = world.services["log"], f"overt/{world.programme_id}"
    try:
        Log(world.folder / "log", key, origin, world.database)
    except OvertError:
        return False
    return True


@attack(instead(verifier, "_tree_problems", lambda *_: iter(())))
def test_an_edited_log_is_found_by_the_verifier(stack: Stack) -> None:
    world = stack.world()
    world.participant(b"one")
    world.opened(world.granted())
    assert sound(world)
    for bundle in (world.folder / "log/tile/entries").rglob("*"):
        if bundle.is_file():
            data = bytearray(bundle.read_bytes())
            data[-1] ^= 1
            bundle.write_bytes(data)
    assert not sound(world)


def trusting(patch: pytest.MonkeyPatch) -> None:
    """Start on whatever lies in the folder."""
    patch.setattr(
        Log, "_agreed", lambda self, head, _: self._folder.frontier(head.size)
    )
    patch.setattr(Log, "_begin", lambda *_: Frontier())


@attack(trusting)
def test_a_truncated_or_rolled_back_log_is_found_at_the_start(stack: Stack) -> None:
    world = stack.world()
    world.participant(b"one")
    log, older = world.folder / "log", world.folder / "older"
    shutil.copytree(log, older)
    world.opened(world.granted())
    world.stop()
    kept = world.folder / "kept"
    shutil.copytree(log, kept)
    shutil.rmtree(log)
    shutil.copytree(older, log)
    assert not starts(world)
    shutil.rmtree(log)
    shutil.copytree(kept, log)
    (log / "checkpoint").unlink()
    assert not starts(world)
    shutil.copy(kept / "checkpoint", log / "checkpoint")
    assert starts(world)
    world.start()


@attack(trusting)
def test_a_forked_log_is_found_at_the_start(stack: Stack) -> None:
    world = stack.world()
    world.participant(b"one")
    world.stop()
    head = EntryBook(world.database, f"overt/{world.programme_id}").head()
    assert head is not None
    log, key = world.folder / "log", world.services["log"]
    shutil.rmtree(log)
    forgery = LogFolder(log)
    growth = vault_log.Growth(Frontier())
    for number in range(head[0] + 3):
        growth.add(b"%032d" % number)
    frontier = growth.finish()
    for path, data in growth.files.items():
        forgery.write(path, data)
    origin = f"overt/{world.programme_id}"
    forged = tlog.Checkpoint(origin, frontier.size, frontier.root())
    forgery.write("checkpoint", tlog.sign_checkpoint(forged, key))
    assert not starts(world)
