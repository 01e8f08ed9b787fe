"""What was ended stays so in the broker's own file, whatever becomes of the disk."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from overt.protocol.canonical import canonical_bytes
from overt.protocol.errors import VaultError
from overt.vault.broker.denials import Denials
from overt.vault.store.rows import LogEntryRow

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.loopback


@pytest.fixture
def file(world: Any) -> Path:
    """The file of a programme in which one of two people withdrew."""
    ana = world.participant(b"of ana")
    world.participant(b"of ben")
    world.request_id = world.granted()
    world.withdraw(ana)
    return world.folder / "kms" / "denials"


def told(world: Any, path: Path) -> tuple[set[str], str, int]:
    found = read(world, path)
    return found.ended, *found.latest


def read(world: Any, path: Path) -> Denials:
    return Denials(path, world.broker_app.state.parts.log, world.database)


def test_it_holds_ids_and_digests_alone_and_nobody_else_reads_it(
    world: Any, file: Path
) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in file.read_text("ascii").splitlines()]
    kinds = [line["kind"] for line in lines]
    assert sorted(kinds) == [
        "approval", "approval", "consent", "consent", "withdrawal",
    ]  # fmt: skip
    assert all(len(line["subject"]) < 70 for line in lines)
    ended, order, version = told(world, file)
    assert (len(ended), order, version) == (1, "", 0)


def test_what_a_crash_kept_from_the_file_is_taken_from_the_log(
    world: Any, file: Path
) -> None:
    whole, said = file.read_bytes(), told(world, file)
    for cut in (0, 1, len(whole) - 1, len(whole) // 2):
        file.write_bytes(whole[:cut])
        assert told(world, file) == said
        assert sorted(file.read_bytes().splitlines()) == sorted(whole.splitlines())
    file.unlink()
    assert told(world, file) == said


def test_a_file_that_is_malformed_serves_nothing(world: Any, file: Path) -> None:
    for odd in (b"{}\n", b"no line\n", b'{"kind":"halt","number":"x"}\n'):
        file.write_bytes(odd)
        with pytest.raises(VaultError, match="malformed"):
            read(world, file)


def test_a_disk_that_fails_delays_no_denial(world: Any, file: Path) -> None:
    before = file.read_bytes()
    file.unlink()
    file.mkdir()  # nothing can be written there
    assert world.halt("stella").status_code == 503
    assert world.release(world.request_id).status_code == 423
    file.rmdir()
    file.write_bytes(before)
    assert world.halt("stella").status_code == 200
    world.start_again()
    assert world.release(world.request_id).status_code == 423
    assert b'"halt"' in file.read_bytes()


def test_an_entry_that_the_log_does_not_commit_to_is_not_believed(
    world: Any, file: Path
) -> None:
    approvals = [one for one in file.read_bytes().splitlines() if b"approval" in one]
    subject = json.loads(approvals[0])["subject"]
    forged = {"kind": "halt", "subject": subject, "state": "running"}
    with world.database.write() as session:
        row = session.scalars(select(LogEntryRow).order_by(LogEntryRow.number.desc()))
        last = row.first()
        last.kind, last.entry = "halt", canonical_bytes(forged)
    file.write_bytes(b"".join(one + b"\n" for one in approvals))
    with pytest.raises(VaultError, match="commits to"):
        read(world, file)
