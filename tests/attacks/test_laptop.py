"""Attacks on a laptop: its disk is copied while recordings wait on it."""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest

from demo.canaries import search
from overt.protocol.errors import SealError
from overt.protocol.ids import new_id
from overt.protocol.records import ContextRecord
from overt.protocol.sealing import SealingKey
from overt.protocol.segment import SegmentHeader, encode_record
from overt.recorder.person.forgetting import forget
from overt.recorder.person.home import Home, write_paper
from overt.recorder.person.identity import lock, new_identity, unlock
from overt.recorder.spool import MINUTE_NS, Spool, SpoolState, writer
from tests.attacks.rows import planted

if TYPE_CHECKING:
    from pathlib import Path

PASSPHRASE = "a long enough passphrase"  # noqa: S105 - of a test alone
NOW_NS = time.time_ns() // MINUTE_NS * MINUTE_NS


class Laptop:
    """A home with keys and one recorded minute for each canary."""

    def __init__(self, folder: Path) -> None:
        self.home, self.identity = Home(folder), new_identity()
        self.home.prepare()
        write_paper(self.home.keys, lock(self.identity, PASSPHRASE))
        self.canaries, recordings = planted()
        self.segments = [
            self._record(number, data) for number, data in enumerate(recordings)
        ]

    def _record(self, number: int, data: bytes) -> str:
        header = SegmentHeader(
            new_id("seg"), "sess_" + "a" * 26, number, "part_a", "dev_a", "prog_a",
            "cons_a", "clear", 64, 64, NOW_NS + number * MINUTE_NS, 1,
        )  # fmt: skip
        made = self.home.spool.begin(header, self.identity.own.public)
        made.append(data)
        made.close()
        self.home.spool.set_state(header.segment, SpoolState.WAITING)
        return header.segment

    def stolen(self, folder: Path) -> Path:
        shutil.copytree(self.home.root, folder)
        return folder


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    return Laptop(tmp_path / "home")


def _opened(spool: Spool, own: SealingKey, folder: Path) -> Path:
    """Write what opens with a key into a folder, to be searched."""
    folder.mkdir()
    for entry in spool.entries():
        (folder / entry.segment).write_bytes(spool.read(entry.segment, own))
    return folder


def test_a_copied_spool_opens_with_nothing_that_lies_beside_it(
    laptop: Laptop, tmp_path: Path
) -> None:
    taken = Home(laptop.stolen(tmp_path / "taken"))
    assert search(laptop.canaries, [taken.root]) == {}
    with pytest.raises(SealError):
        unlock(taken, "another passphrase")
    about = json.loads(taken.keys.read_text())["about"]
    for guess in (SealingKey.generate(), SealingKey(bytes(96))):
        for segment in laptop.segments:
            with pytest.raises(SealError):
                taken.spool.read(segment, guess)
    assert {path.suffix for path in taken.root.rglob("*") if path.is_file()} <= {
        ".json", ".ovsp",
    }  # fmt: skip
    assert set(about) == {"kind", "device", "own"}  # public halves


def test_the_search_finds_every_canary_once_it_is_opened_by_its_owner(
    laptop: Laptop, tmp_path: Path
) -> None:
    own = unlock(laptop.home, PASSPHRASE).own
    folder = _opened(laptop.home.spool, own, tmp_path / "opened")
    assert search(laptop.canaries, [folder]).keys() == {
        one.name for one in laptop.canaries
    }


def test_with_a_null_cipher_the_copy_would_tell_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Nothing:
        def __init__(self, key: bytes) -> None:
            del key

        def encrypt(self, _nonce: bytes, data: bytes, _aad: None) -> bytes:
            return data

    monkeypatch.setattr(writer, "AESGCM", Nothing)
    laptop = Laptop(tmp_path / "home")
    found = search(laptop.canaries, [laptop.stolen(tmp_path / "taken")])
    assert found.keys() == {one.name for one in laptop.canaries}


def test_a_forgotten_range_is_in_no_byte_even_for_its_owners_key(
    laptop: Laptop, tmp_path: Path
) -> None:
    held = {  # whoever keeps the files open sees what is left of them
        segment: (laptop.home.spool.folder / f"{segment}.ovsp").open("rb")
        for segment in laptop.segments
    }
    gone = forget(laptop.home, NOW_NS + MINUTE_NS, NOW_NS + 4 * MINUTE_NS)
    assert gone == laptop.segments[1:4]
    own = unlock(laptop.home, PASSPHRASE).own
    left = search(laptop.canaries, [_opened(laptop.home.spool, own, tmp_path / "o")])
    assert {"text 1", "text 2", "text 3"}.isdisjoint(left)
    assert {"text 0", "text 4", "text 5"} <= set(left)
    for segment, file in held.items():
        with file:
            data = file.read()
        if segment in gone:
            remains = tmp_path / "remains"
            remains.mkdir(exist_ok=True)
            (remains / f"{segment}.ovsp").write_bytes(data)
            with pytest.raises(SealError):
                Spool(remains).read(segment, own)
    names = [path.name for path in laptop.home.root.rglob("*")]
    assert not [one for one in names if one.split(".")[0] in gone]


def test_without_the_keys_end_a_forgotten_file_would_open(
    laptop: Laptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "urandom", lambda _: b"")  # the box is not overwritten
    segment = laptop.segments[0]
    with (laptop.home.spool.folder / f"{segment}.ovsp").open("rb") as held:
        laptop.home.forget(segment)
        (tmp_path / f"{segment}.ovsp").write_bytes(held.read())
    assert Spool(tmp_path).read(segment, laptop.identity.own)


def test_a_minute_that_was_being_written_never_opens_again(
    laptop: Laptop, tmp_path: Path
) -> None:
    header: Any = SegmentHeader(
        new_id("seg"), "sess_" + "b" * 26, 0, "part_a", "dev_a", "prog_a", "cons_a",
        "clear", 64, 64, NOW_NS, 1,
    )  # fmt: skip
    made = laptop.home.spool.begin(header, laptop.identity.own.public)
    path = laptop.home.spool.folder / f"{header.segment}.ovsp"
    made.append(encode_record(ContextRecord(1, "window", {"title": "before"})))
    made.commit()
    with path.open("rb") as held:
        forget(laptop.home, NOW_NS, None)
        made.append(encode_record(ContextRecord(2, "window", {"title": "after"})))
        made.commit()
        (tmp_path / f"{header.segment}.ovsp").write_bytes(held.read())
    made.abandon()
    with pytest.raises(SealError):
        Spool(tmp_path).read(header.segment, laptop.identity.own)
