"""The outside witness, and that nothing is released without its fresh cosignature."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.protocol import tlog
from overt.protocol.errors import DataError, VaultError
from overt.protocol.release import read_release
from overt.vault.govern.roster import Roster
from overt.vault.log.verify import LogReport, verify
from overt.vault.log.witness import ADD_CHECKPOINT, Witness, create_app

if TYPE_CHECKING:
    from pathlib import Path

OUTSIDE = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
KEY = tlog.WitnessKey("witness.test/1", OUTSIDE.public_key())


@pytest.fixture
def witness(world: Any, tmp_path: Path) -> Witness:
    """A witness that the programme names, and that the broker reaches."""
    known = {f"overt/{world.programme_id}": world.services["log"].public_key()}
    made = Witness(
        KEY.name, OUTSIDE, known, tmp_path / "seen.json", lambda: world.now_s
    )
    named = [{"url": "http://witness.test", "key": KEY.text}]
    body = world.programme(version=2, witnesses=named)
    Roster(world.database, world.anchor).install(body)
    connect(world, made)
    return made


def connect(world: Any, witness: Witness) -> None:
    transport = type(world.vault._transport)(create_app(witness))
    client = httpx.Client(transport=transport)
    world.broker_app.state.parts.releases.witnessed.client = client


def granted(world: Any, *contents: bytes) -> str:
    world.participant(*contents)
    return str(world.granted())


def ended_short(world: Any, request: str) -> bool:
    before = world.kms.unwraps
    try:
        read_release(world.release(request).content)
    except DataError:
        return world.kms.unwraps == before
    return False


def test_a_release_has_a_cosigned_head_that_covers_its_reads(
    world: Any, witness: Witness
) -> None:
    request = granted(world, b"one", b"two")
    assert world.opened(request) == [b"one", b"two"]
    note = (world.folder / "log/witnessed").read_bytes()
    assert tlog.cosigned_at(note, KEY) == world.now_s
    head = tlog.read_checkpoint(note)[0]
    assert head.size > max(one["number"] for one in numbered(world))
    assert witness.memory.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("witness")
def test_an_auditor_sees_what_the_witnesses_cosigned(world: Any) -> None:
    def report() -> LogReport:
        key = world.services["log"].public_key()
        witnesses = world.in_force().witnesses
        return verify(world.folder / "log", key, witnesses=witnesses)

    request = granted(world, b"one")
    assert (report().witnessed, report().problems) == (0, ())
    world.opened(request)
    assert report().problems == ()
    assert report().witnessed > max(one["number"] for one in numbered(world))
    head = world.folder / "log/witnessed"
    head.write_bytes(head.read_bytes().replace(KEY.name.encode(), b"witness.test/2"))
    (problem,) = report().problems
    assert "is not cosigned by witness witness.test/1" in problem
    head.write_bytes((world.folder / "log/checkpoint").read_bytes())
    assert (report().witnessed, len(report().problems)) == (0, 1)


def numbered(world: Any) -> list[dict[str, int]]:
    from overt.vault.log.book import EntryBook

    return [{"number": one[0]} for one in EntryBook(world.database, "").find("read")]


def test_without_the_witness_nothing_is_released(world: Any, witness: Witness) -> None:
    request = granted(world, b"one")

    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("away", request=request)

    client = httpx.Client(transport=httpx.MockTransport(away))
    world.broker_app.state.parts.releases.witnessed.client = client
    assert ended_short(world, request)
    connect(world, witness)
    assert world.opened(request) == [b"one"]


@pytest.mark.parametrize("fault", ["stale", "forged", "none", "error"])
def test_a_bad_cosignature_releases_nothing(
    world: Any, witness: Witness, fault: str
) -> None:
    request = granted(world, b"one")
    other = Ed25519PrivateKey.generate()
    faults = {
        "stale": Witness(KEY.name, OUTSIDE, witness.logs, witness.memory, lambda: 7),
        "forged": Witness(KEY.name, other, witness.logs, witness.memory, witness.clock),
        "none": Witness(
            "other.test", other, witness.logs, witness.memory, witness.clock
        ),
        "error": Witness(KEY.name, OUTSIDE, {}, witness.memory, witness.clock),
    }
    connect(world, faults[fault])
    assert ended_short(world, request)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # its own files
def test_a_log_that_was_rolled_back_with_its_database_is_not_read_from(
    world: Any, witness: Witness
) -> None:
    request = granted(world, b"one")
    world.stop()
    backup = world.folder.parent / "backup"
    world.database.scrub()
    shutil.copytree(world.folder, backup)
    world.start()
    connect(world, witness)
    assert world.opened(request) == [b"one"]
    world.stop()
    world.database.close()
    for name in ("log", "vault.db", "vault.db-wal", "vault.db-shm"):
        path = world.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        copy = backup / name
        if copy.is_dir():
            shutil.copytree(copy, path)
        elif copy.exists():
            shutil.copy(copy, path)
    world.start()  # nothing here knows better
    connect(world, witness)
    assert ended_short(world, request)


def test_a_witness_remembers_over_a_restart(world: Any, witness: Witness) -> None:
    request = granted(world, b"one")
    world.opened(request)
    note = (world.folder / "log/checkpoint").read_bytes()
    size = tlog.read_checkpoint(note)[0].size
    again = Witness(KEY.name, OUTSIDE, witness.logs, witness.memory)
    client = httpx.Client(transport=type(world.vault._transport)(create_app(again)))
    url = f"http://witness.test{ADD_CHECKPOINT}"
    answer = client.post(url, content=b"old 0\n\n" + note)
    assert (answer.status_code, answer.text) == (409, f"{size}\n")
    assert answer.headers["content-type"].startswith("text/x.tlog.size")
    assert client.post(url, content=b"old %d\n\n" % size + note).status_code == 200
    assert client.post(url, content=b"x" * 100_000).status_code == 413
    witness.memory.write_text("{")
    assert client.post(url, content=b"old 0\n\n" + note).status_code == 503
    with pytest.raises(VaultError, match="memory"):
        again.add(b"old 0\n\n" + note)
