"""Attacks on what lies still: open buckets, stolen copies, old backups."""

from __future__ import annotations

import base64
import json
import re
from itertools import count
from typing import TYPE_CHECKING

import pytest

from demo.canaries import search
from overt.protocol import sealing
from overt.protocol.sealing import NONCE_BYTES, TAG_BYTES, padded_size, parse_sealed
from overt.vault.broker.keyring import KeyringFile
from overt.vault.ingest import admission
from tests.attacks.rows import attack, instead, null_cipher, planted

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.stacks import Stack

_RANDOM = re.compile(r"([0-9a-f]{2})_\1[0-9a-f]{30}")
_numbers = count()
_padded_size = padded_size  # the sound one, whatever a broken build does


def sizes_that_tell(files: list[Path]) -> list[str]:
    """Return the files whose size is none of the few that padding leaves."""
    told = []
    for path in files:
        data = path.read_bytes()
        sealed = parse_sealed(data[data.find(sealing.MAGIC) :])
        size = len(sealed.ciphertext) - NONCE_BYTES - TAG_BYTES
        if size != _padded_size(size):
            told.append(path.name)
    return told


@attack(
    null_cipher,
    instead(sealing, "padded_size", lambda size_bytes: size_bytes),
    instead(admission, "new_object_name", lambda: f"ad/ada-{next(_numbers)}"),
)
def test_an_open_bucket_gives_ciphertext_alone(stack: Stack) -> None:
    canaries, recordings = planted()
    stack.world().participant(*recordings)
    stack.publish()
    taken = stack.folder / "taken"
    assert stack.anonymous(taken) == len(recordings)
    files = sorted(taken.iterdir())
    assert search(canaries, [taken]) == {}
    assert [path.name for path in files if not _RANDOM.fullmatch(path.name)] == []
    assert sizes_that_tell(files) == []


@attack(null_cipher)
def test_rows_and_objects_without_the_key_store_open_nothing(stack: Stack) -> None:
    canaries, recordings = planted()
    world = stack.world()
    world.participant(*recordings)
    assert len(world.opened(world.granted())) == len(recordings)
    taken = stack.loot(stack.folder / "taken")
    assert search(canaries, [taken]) == {}


@pytest.mark.loopback
def test_with_a_null_cipher_the_search_finds_every_canary(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    null_cipher(monkeypatch)
    canaries, recordings = planted()
    stack.world().participant(*recordings)
    taken = stack.loot(stack.folder / "taken")
    assert search(canaries, [taken]).keys() == {one.name for one in canaries}


def read_receipt(document: dict[str, str]) -> dict[str, str]:
    """Return what a receipt says."""
    payload = document["payload"]
    padded = payload + "=" * (-len(payload) % 4)
    body: dict[str, str] = json.loads(base64.urlsafe_b64decode(padded))
    return body


def _without_destruction(_: KeyringFile, __: int) -> None:
    """Leave an epoch's root where it is."""


@attack(instead(KeyringFile, "destroy_epoch", _without_destruction))
def test_a_backup_from_before_an_erasure_opens_for_nobody_erased(stack: Stack) -> None:
    world = stack.world()
    world.participant(b"stays")
    leaves = world.participant(b"is erased")
    request = world.granted()
    assert len(world.opened(request)) == 2
    stack.keep(stack.folder / "backup")
    receipt = read_receipt(world.withdraw(leaves, erase=True).json())
    assert receipt["final"] == KeyringFile.destruction
    assert world.opened(request) == [b"stays"]
    stack.bring_back(stack.folder / "backup")
    world.broker_app.state.parts.denials.ended.clear()  # the key alone has to hold
    assert b"is erased" not in world.opened_anyway(request)
