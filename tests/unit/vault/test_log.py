"""The log: durable numbers, crashes at every step, roll-back, forks, verification."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import threading
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.protocol import tlog
from overt.protocol.errors import DataError, SealError, VaultError
from overt.vault.log.book import EntryBook
from overt.vault.log.frontier import Frontier, Growth
from overt.vault.log.log import Log
from overt.vault.log.verify import LogReport, verify
from overt.vault.store import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from overt.vault.store.database import Database

ORIGIN = "vault.test/log"


class KilledError(BaseException):
    """Stands for the process ending here."""


@pytest.fixture
def open_log(
    tmp_path: Path, log_key: Ed25519PrivateKey, database: Database
) -> Callable[[], Log]:
    return lambda: Log(tmp_path / "log", log_key, ORIGIN, database)


@pytest.fixture
def check(
    tmp_path: Path, log_key: Ed25519PrivateKey, database: Database
) -> Callable[[], LogReport]:
    def run() -> LogReport:
        entries = EntryBook(database, ORIGIN).entries(0, 10**6)
        return verify(tmp_path / "log", log_key.public_key(), entries)

    return run


def entries(count: int, start: int = 0) -> list[bytes]:
    return [b"entry %d" % number for number in range(start, start + count)]


def test_numbers_follow_and_survive_a_restart(
    open_log: Callable[[], Log], check: Callable[[], LogReport]
) -> None:
    log = open_log()
    assert log.append([]) == []
    assert log.append(entries(3)) == [0, 1, 2]
    assert open_log().append(entries(2, 3)) == [3, 4]
    log = open_log()
    assert [log.entry(number) for number in range(6)] == [*entries(5), None]
    report = check()
    assert (report.ok, report.size, report.entries_checked) == (True, 5, 5)


@pytest.mark.parametrize("steps", [[255, 1, 1], [300, 300]])
def test_tiles_stay_whole_over_their_borders(
    open_log: Callable[[], Log], check: Callable[[], LogReport], steps: list[int]
) -> None:
    for count in steps:
        open_log().append(entries(count, open_log().size))
        report = check()
        assert (report.problems, report.size) == ((), open_log().size)


def test_the_frontier_has_the_root_of_the_whole_tree() -> None:
    leaves = [b"%d" % number for number in range(65_537)]
    frontier, files = Frontier(), dict[str, bytes]()
    for count in (255, 256, 257, 65_535, 65_536, 65_537):
        growth = Growth(frontier)
        for leaf in leaves[frontier.size : count]:
            growth.add(leaf)
        frontier = growth.finish()
        files.update(growth.files)
        hashes = [tlog.leaf_hash(leaf) for leaf in leaves[:count]]
        assert frontier.root() == tlog.subtree_hash(hashes)
        nodes = tlog.node_reader(count, lambda tile: tlog.split_tile(files[tile.path]))
        assert tlog.root_hash(count, nodes) == frontier.root()


def test_proofs_lead_to_the_checkpoint(
    open_log: Callable[[], Log], log_key: Ed25519PrivateKey, tmp_path: Path
) -> None:
    log = open_log()
    log.append(entries(300))
    older = tlog.open_checkpoint(log.checkpoint(), ORIGIN, log_key.public_key())
    log.append(entries(301))
    newer = tlog.open_checkpoint(log.checkpoint(), ORIGIN, log_key.public_key())
    size, proof = log.consistency(300)
    tlog.verify_consistency(300, size, proof, (older.root, newer.root))
    size, proof = log.inclusion(299)
    bundle = tlog.unpack_entries((tmp_path / "log/tile/entries/001").read_bytes())
    tlog.verify_inclusion(
        tlog.leaf_hash(bundle[299 - 256]), 299, size, proof, newer.root
    )
    with pytest.raises(DataError):
        log.inclusion(601)


def test_a_log_has_to_continue_what_others_saw(
    open_log: Callable[[], Log], log_key: Ed25519PrivateKey, tmp_path: Path
) -> None:
    def problems(**seen: bytes) -> tuple[str, ...]:
        return verify(tmp_path / "log", log_key.public_key(), seen=seen).problems

    log = open_log()
    log.append(entries(300))
    older = log.checkpoint()
    log.append(entries(301))
    newer = log.checkpoint()
    assert problems(older=older, newer=newer) == ()
    other = tlog.Checkpoint(ORIGIN, 300, b"\x01" * 32)
    forked = tlog.sign_checkpoint(other, log_key)
    assert [one[:7] for one in problems(forked=forked, older=older)] == ["forked:"]
    ahead = tlog.Checkpoint(ORIGIN, 999, b"\x01" * 32)
    (problem,) = problems(ahead=tlog.sign_checkpoint(ahead, log_key))
    assert problem.endswith("has 601 entries and had 999: rolled back.")
    (problem,) = problems(torn=older[:-9])
    assert problem.startswith("torn:")


def test_tiles_tell_nothing_of_entries(
    open_log: Callable[[], Log], tmp_path: Path
) -> None:
    log = open_log()
    log.append([b"the same entry", b"the same entry"])
    leaves = tlog.unpack_entries((tmp_path / "log/tile/entries/000.p/2").read_bytes())
    assert leaves[0] != leaves[1]
    assert hashlib.sha256(b"the same entry").digest() not in leaves
    for file in (tmp_path / "log").rglob("*"):
        assert not file.is_file() or b"the same" not in file.read_bytes()


def test_threads_share_commits_and_get_their_own_numbers(
    open_log: Callable[[], Log], check: Callable[[], LogReport]
) -> None:
    log, got = open_log(), {}

    def run(name: int) -> None:
        for turn in range(5):
            entry = b"%d/%d" % (name, turn)
            got[entry] = log.append([entry])[0]

    threads = [threading.Thread(target=run, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got.values()) == list(range(40))
    assert all(log.entry(number) == entry for entry, number in got.items())
    assert check().ok


def _arm(monkeypatch: pytest.MonkeyPatch, at: int, error: type[BaseException]) -> None:
    """Let the process end before (even `at`) or after (odd) a durable step."""
    steps = iter(range(10**6))

    def step(real: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **named: Any) -> Any:
            number = next(steps)
            if 2 * number == at:
                raise error
            result = real(*args, **named)
            if 2 * number + 1 == at:
                raise error
            return result

        return run

    for name in ("_write_fresh", "_put"):
        monkeypatch.setattr(files, name, step(getattr(files, name)))
    for name in ("add", "set_head"):
        monkeypatch.setattr(EntryBook, name, step(getattr(EntryBook, name)))


@pytest.mark.parametrize("at", range(30))
def test_killed_at_every_step_nothing_answered_for_is_lost(
    open_log: Callable[[], Log],
    check: Callable[[], LogReport],
    monkeypatch: pytest.MonkeyPatch,
    at: int,
) -> None:
    log = open_log()
    answered = log.append(entries(254))
    with monkeypatch.context() as patch:
        _arm(patch, at, KilledError)
        with contextlib.suppress(KilledError):
            answered += log.append(entries(4, 254))
    log = open_log()
    assert all(log.entry(number) == b"entry %d" % number for number in answered)
    assert log.size in (len(answered), 258)
    start = log.size
    assert log.append(entries(2)) == [start, start + 1]
    report = check()
    assert (report.problems, report.entries_checked) == ((), start + 2)


@pytest.mark.parametrize("at", range(30))
def test_a_full_disk_is_refused_and_mended_without_a_restart(
    open_log: Callable[[], Log],
    check: Callable[[], LogReport],
    monkeypatch: pytest.MonkeyPatch,
    at: int,
) -> None:
    log = open_log()
    log.append(entries(254))
    with monkeypatch.context() as patch:
        _arm(patch, at, OSError)
        with contextlib.suppress(VaultError):
            log.append(entries(4, 254))
    numbers = log.append(entries(1))
    assert numbers[0] in (254, 258)
    assert check().ok


def test_a_rolled_back_folder_is_refused(
    open_log: Callable[[], Log], tmp_path: Path
) -> None:
    log = open_log()
    log.append(entries(3))
    shutil.copytree(tmp_path / "log", tmp_path / "backup")
    log.append(entries(3))
    shutil.rmtree(tmp_path / "log")
    with pytest.raises(VaultError, match="checkpoint is gone"):
        open_log()
    shutil.copytree(tmp_path / "backup", tmp_path / "log")
    with pytest.raises(VaultError, match="rolled back: 3 entries where 6"):
        open_log()


def test_a_forked_folder_is_refused(
    open_log: Callable[[], Log],
    tmp_path: Path,
    log_key: Ed25519PrivateKey,
    database: Database,
) -> None:
    open_log().append(entries(3))
    shutil.rmtree(tmp_path / "log")
    EntryBook(database, "x").cut(0)
    other = Log(tmp_path / "log", log_key, "other", database)
    other.append(entries(5))
    note = tlog.open_checkpoint(other.checkpoint(), "other", log_key.public_key())
    forged = tlog.sign_checkpoint(tlog.Checkpoint(ORIGIN, 5, note.root), log_key)
    (tmp_path / "log/checkpoint").write_bytes(forged)
    with pytest.raises(VaultError, match="forked: its first 3"):
        open_log()


def test_a_database_older_than_the_log_is_refused(
    open_log: Callable[[], Log], database: Database
) -> None:
    open_log().append(entries(3))
    EntryBook(database, ORIGIN).cut(2)
    with pytest.raises(VaultError, match="lacks entries"):
        open_log()


def test_anothers_checkpoint_is_refused(
    open_log: Callable[[], Log], tmp_path: Path, database: Database
) -> None:
    open_log().append(entries(3))
    with pytest.raises(SealError):
        Log(tmp_path / "log", Ed25519PrivateKey.generate(), ORIGIN, database)


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("tile/0/000", "tile/0/000 does not follow"),
        ("tile/0/001.p/44", "tile/0/001.p/44 does not follow"),
        ("tile/1/000.p/1", "tile/1/000.p/1 does not follow"),
        ("tile/entries/000", "ends within an entry"),
        ("checkpoint", ""),
    ],
)
def test_the_verifier_finds_every_flipped_byte(
    open_log: Callable[[], Log],
    check: Callable[[], LogReport],
    tmp_path: Path,
    path: str,
    said: str,
) -> None:
    open_log().append(entries(300))
    assert check().ok
    _flip(tmp_path / "log" / path)
    report = check()
    assert not report.ok
    assert said in " ".join(report.problems)


def test_the_verifier_finds_missing_files_changed_entries_and_foreign_ones(
    open_log: Callable[[], Log],
    check: Callable[[], LogReport],
    tmp_path: Path,
    log_key: Ed25519PrivateKey,
    database: Database,
) -> None:
    open_log().append(entries(300))
    public = log_key.public_key()
    number, salt, entry = next(EntryBook(database, ORIGIN).entries(7, 8))
    changed = [(number, salt, entry + b"!"), (300, salt, entry)]
    report = verify(tmp_path / "log", public, changed)
    assert report.problems == (
        "Entry 7 is not what its leaf commits to.",
        "Entry 300 is not covered by the checkpoint.",
    )
    (tmp_path / "log/tile/0/000").unlink()
    assert "lacks its file tile/0/000" in " ".join(check().problems)
    with pytest.raises(VaultError, match="holds no log"):
        verify(tmp_path, public)


def test_stray_files_of_a_crash_are_swept(
    open_log: Callable[[], Log], check: Callable[[], LogReport], tmp_path: Path
) -> None:
    open_log().append(entries(300))
    stray = [
        tmp_path / "log/tile/0/001.p/99",
        tmp_path / "log/tile/0/001",
        tmp_path / "log/tile/entries/.000.new",
        tmp_path / "log/tile/2/000.p/1",
    ]
    for path in stray:
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(b"torn")
    log = open_log()
    assert not any(path.exists() for path in stray)
    log.append(entries(1))
    assert check().ok
