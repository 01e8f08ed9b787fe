"""Key files open by their passphrase as what they say they are."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from overt.protocol import keyfile
from overt.protocol.errors import DataError, SealError


@pytest.fixture(scope="module")
def locked() -> Any:
    return keyfile.lock_secret(b"secret", "words", {"kind": "member"})


def test_a_key_file_opens_by_its_passphrase(locked: Any) -> None:
    assert keyfile.unlock_secret(locked, "words") == b"secret"
    assert "secret" not in str(locked)
    with pytest.raises(SealError, match="passphrase is wrong"):
        keyfile.unlock_secret(locked, "word")


def test_what_it_is_cannot_be_altered(locked: Any) -> None:
    with pytest.raises(SealError):
        keyfile.unlock_secret(locked | {"about": {"kind": "device"}}, "words")


@pytest.mark.parametrize("cost", [0, 1, 3, -4, 1 << 21, 1 << 60, 2.5, "x", None])
def test_a_cost_out_of_bounds_is_refused(locked: Any, cost: Any) -> None:
    changed = copy.deepcopy(locked)
    changed["kdf"]["n"] = cost
    with pytest.raises((DataError, SealError)):
        keyfile.unlock_secret(changed, "words")


@pytest.mark.parametrize("lanes", [0, -1, 17, 1 << 40, 1.5, True, "3", None])
def test_a_number_of_lanes_out_of_bounds_is_refused(locked: Any, lanes: Any) -> None:
    changed = copy.deepcopy(locked)
    changed["kdf"]["p"] = lanes
    with pytest.raises(DataError):
        keyfile.unlock_secret(changed, "words")


def test_bounds_hold_for_the_work_together(locked: Any) -> None:
    changed = copy.deepcopy(locked)
    changed["kdf"] |= {"n": 1 << 18, "p": 8}
    with pytest.raises(DataError, match="out of bounds"):
        keyfile.unlock_secret(changed, "words")


def test_the_cost_is_what_owasp_asks_for_at_least(locked: Any) -> None:
    assert (locked["kdf"]["n"], locked["kdf"]["p"]) == (1 << 15, 3)


@pytest.mark.parametrize(
    "change",
    [
        {"overt": "key.v2"}, {"kdf": None}, {"kdf": {"name": "none"}}, {"sealed": 5},
        {"sealed": ""}, {"sealed": "AAAA"}, {"about": {1, 2}},
    ],
    ids=repr,
)  # fmt: skip
def test_malformed_key_files_are_refused(locked: Any, change: Any) -> None:
    with pytest.raises((DataError, SealError)):
        keyfile.unlock_secret(locked | change, "words")
