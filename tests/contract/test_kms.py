"""One suite over every key management backend; so far the keyring file."""

from __future__ import annotations

import contextlib
import stat
from typing import TYPE_CHECKING

import pytest

from overt.protocol.errors import SealError, UsageError, VaultError
from overt.vault.broker.keyring import KeyringFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from overt.vault.broker.kms import Kms

CORRECT, WRONG = "correct horse", "wrong horse"
SECRET = b"the private half of a person's key"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "root.key"
    path.touch(mode=0o600)
    path.write_bytes(bytes(range(32)))
    return path


@pytest.fixture(params=["key file", "passphrase"])
def kms(
    request: pytest.FixtureRequest, tmp_path: Path, key_file: Path
) -> Iterator[Kms]:
    if request.param == "key file":
        keyring = KeyringFile(tmp_path / "kms", key_file=key_file)
    else:
        keyring = KeyringFile(tmp_path / "kms", passphrase=CORRECT)
    with keyring:
        yield keyring


def test_a_secret_comes_back_and_every_unwrap_is_counted(kms: Kms) -> None:
    assert (kms.current_epoch, kms.unwraps) == (0, 0)
    epoch = kms.new_epoch()
    assert epoch == kms.current_epoch == 1
    wrapped = kms.wrap(epoch, SECRET, b"person a")
    assert SECRET not in wrapped
    assert kms.unwrap(epoch, wrapped, b"person a") == SECRET
    assert kms.unwrap(epoch, wrapped, b"person a") == SECRET
    assert kms.unwraps == 2


def test_another_context_or_altered_bytes_open_nothing(kms: Kms) -> None:
    epoch = kms.new_epoch()
    wrapped = kms.wrap(epoch, SECRET, b"person a")
    altered = wrapped[:-1] + bytes([wrapped[-1] ^ 1])
    for blob, context in ((wrapped, b"person b"), (altered, b"person a"), (b"", b"")):
        with pytest.raises(SealError):
            kms.unwrap(epoch, blob, context)
    assert kms.unwraps == 0


def test_rotation_moves_secrets_without_an_unwrap(kms: Kms) -> None:
    old = kms.new_epoch()
    before = kms.wrap(old, SECRET, b"person a")
    new = kms.new_epoch()
    after = kms.rewrap(old, new, before, b"person a")
    kms.destroy_epoch(old)
    kms.destroy_epoch(old)
    assert kms.unwraps == 0
    assert kms.unwrap(new, after, b"person a") == SECRET
    # a restored backup of the rows brings nothing back
    with pytest.raises(VaultError, match="destroyed"):
        kms.unwrap(old, before, b"person a")
    with pytest.raises(VaultError, match="destroyed"):
        kms.wrap(old, SECRET, b"person a")
    with pytest.raises(SealError):
        kms.unwrap(new, before, b"person a")
    assert kms.unwraps == 1


def test_a_backend_states_when_destruction_is_final(kms: Kms) -> None:
    assert "inal" in kms.destruction


def test_keyring_survives_a_restart_with_its_count(
    tmp_path: Path, key_file: Path
) -> None:
    with KeyringFile(tmp_path / "kms", key_file=key_file) as keyring:
        wrapped = keyring.wrap(keyring.new_epoch(), SECRET, b"a")
        keyring.unwrap(1, wrapped, b"a")
    with (tmp_path / "kms/unwraps").open("ab") as books:
        books.write(b"torn")
    with KeyringFile(tmp_path / "kms", key_file=key_file) as keyring:
        assert keyring.unwrap(1, wrapped, b"a") == SECRET
        assert keyring.unwraps == 2


def test_a_destroyed_root_is_in_no_byte_of_the_folder(
    tmp_path: Path, key_file: Path
) -> None:
    with KeyringFile(tmp_path / "kms", key_file=key_file) as keyring:
        keyring.new_epoch()
        old = (tmp_path / "kms/keyring.json").read_bytes()
        keyring.new_epoch()
        keyring.destroy_epoch(1)
    files = [path for path in (tmp_path / "kms").rglob("*") if path.is_file()]
    assert all(old[60:] not in path.read_bytes() for path in files)
    with KeyringFile(tmp_path / "kms", key_file=key_file) as keyring:
        assert keyring.current_epoch == 2
        with pytest.raises(VaultError):
            keyring.wrap(1, SECRET, b"")


def test_no_count_no_key(tmp_path: Path, key_file: Path) -> None:
    with KeyringFile(tmp_path / "kms", key_file=key_file) as keyring:
        wrapped = keyring.wrap(keyring.new_epoch(), SECRET, b"a")
        (tmp_path / "kms/unwraps").mkdir()  # the books cannot be written
        with pytest.raises(VaultError, match="no key was given out"):
            keyring.unwrap(1, wrapped, b"a")


def test_files_are_private_and_one_process_holds_them(
    tmp_path: Path, key_file: Path
) -> None:
    with KeyringFile(tmp_path / "kms", key_file=key_file) as keyring:
        keyring.unwrap(1, keyring.wrap(keyring.new_epoch(), SECRET, b""), b"")
        for path in (tmp_path / "kms").iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "kms").stat().st_mode) == 0o700
        with pytest.raises(VaultError, match="in use"):
            KeyringFile(tmp_path / "kms", key_file=key_file)


def test_wrong_keys_are_refused(tmp_path: Path, key_file: Path) -> None:
    with KeyringFile(tmp_path / "kms", passphrase=CORRECT) as keyring:
        keyring.new_epoch()
    with pytest.raises(SealError, match="does not open"):
        KeyringFile(tmp_path / "kms", passphrase=WRONG)
    with pytest.raises(UsageError, match="passphrase or by a key file"):
        KeyringFile(tmp_path / "kms")
    key_file.write_bytes(b"short")
    with pytest.raises(UsageError, match="32 bytes"):
        KeyringFile(tmp_path / "kms", key_file=key_file)
    key_file.chmod(0o644)
    with pytest.raises(UsageError, match="open to others"):
        KeyringFile(tmp_path / "kms", key_file=key_file)
    with pytest.raises(UsageError, match="cannot be read"):
        KeyringFile(tmp_path / "kms", key_file=tmp_path / "none")
    with contextlib.closing(KeyringFile(tmp_path / "kms", passphrase=CORRECT)) as ring:
        assert ring.current_epoch == 1
