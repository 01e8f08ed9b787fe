"""One suite over every key management: keyring file, PKCS#11, OpenBao, AWS KMS."""

from __future__ import annotations

import contextlib
import shutil
import stat
from typing import TYPE_CHECKING

import httpx
import pytest

from overt.protocol.errors import NetworkError, SealError, UsageError, VaultError
from overt.vault.broker.keyring import KeyringFile, count_unwraps
from overt.vault.broker.opening import open_kms
from tests.fakes.servers import PIN, Bao, free_port, soft_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from overt.vault.broker.kms import Kms
    from tests.fakes.servers import Aws

pytestmark = pytest.mark.loopback
CORRECT, WRONG = "correct horse", "wrong horse"
SECRET = b"the private half of a person's key"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "root.key"
    path.touch(mode=0o600)
    path.write_bytes(bytes(range(32)))
    return path


@pytest.fixture(scope="module")
def bao() -> Iterator[Bao]:
    with Bao() as server:
        yield server


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> str:
    return soft_token(tmp_path_factory.mktemp("softhsm"), "vault")


@pytest.fixture(params=["key file", "passphrase", "pkcs11", "openbao", "aws-kms"])
def reopen(
    request: pytest.FixtureRequest, tmp_path: Path, key_file: Path
) -> Callable[[], Kms]:
    """What opens the same key management anew."""
    folder, kind = tmp_path / "kms", request.param
    if kind == "key file":
        return lambda: KeyringFile(folder, key_file=key_file)
    if kind == "passphrase":
        return lambda: open_kms("keyring:", folder, CORRECT)
    if kind == "pkcs11":
        place = request.getfixturevalue("token")
        return lambda: open_kms(place, folder, PIN)
    if kind == "openbao":
        address = f"openbao:{request.getfixturevalue('bao').url}"
        return lambda: open_kms(address, folder, Bao.token)
    aws: Aws = request.getfixturevalue("aws")
    environment = request.getfixturevalue("monkeypatch")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        environment.setenv(name, "root")
    return lambda: open_kms(f"aws-kms:us-east-1?endpoint={aws.url}", folder, "")


@pytest.fixture
def kms(reopen: Callable[[], Kms]) -> Iterator[Kms]:
    with reopen() as opened:
        yield opened


def test_a_secret_comes_back_and_every_unwrap_is_counted(kms: Kms) -> None:
    assert (kms.current_epoch, kms.unwraps) == (0, 0)
    epoch = kms.new_epoch()
    assert epoch == kms.current_epoch == 1
    wrapped = kms.wrap(epoch, SECRET, b"person a")
    assert SECRET not in wrapped
    assert kms.unwrap(epoch, wrapped, b"person a") == SECRET
    assert kms.unwrap(epoch, wrapped, b"person a") == SECRET
    assert kms.unwraps == 2
    assert kms.unwrap(epoch, wrapped, b"person a", reads=64) == SECRET
    assert kms.unwraps == 66


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


def test_a_backend_states_when_destruction_is_final_and_who_counts(kms: Kms) -> None:
    assert kms.destruction.startswith("Final ")
    assert "own book" in kms.counting
    is_keyring = isinstance(kms, KeyringFile)
    assert is_keyring != ("nknown" in kms.counting)


def test_roots_and_count_survive_a_restart(
    reopen: Callable[[], Kms], tmp_path: Path
) -> None:
    with reopen() as kms:
        wrapped = kms.wrap(kms.new_epoch(), SECRET, b"a")
        kms.unwrap(1, wrapped, b"a")
        with pytest.raises(VaultError, match="in use"):
            reopen()
    with reopen() as kms:
        assert (kms.current_epoch, kms.epochs) == (1, (1,))
        assert kms.unwrap(1, wrapped, b"a") == SECRET
        assert kms.unwraps == 2
    assert count_unwraps(tmp_path / "kms") == 2
    for path in (tmp_path / "kms").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("reopen", ["pkcs11", "openbao", "aws-kms"], indirect=True)
def test_wrapped_roots_from_before_a_destruction_open_nothing(
    reopen: Callable[[], Kms], tmp_path: Path
) -> None:
    with reopen() as kms:
        old, new = kms.new_epoch(), kms.new_epoch()
        before, after = (kms.wrap(one, SECRET, b"a") for one in (old, new))
        shutil.copytree(tmp_path / "kms", tmp_path / "copy")
        kms.destroy_epoch(old)
    shutil.rmtree(tmp_path / "kms")
    shutil.copytree(tmp_path / "copy", tmp_path / "kms")
    with reopen() as kms:
        assert kms.epochs == (old, new)  # the copy says so; the store knows better
        assert kms.unwrap(new, after, b"a") == SECRET
        with pytest.raises((VaultError, SealError)):
            kms.unwrap(old, before, b"a")
        kms.destroy_epoch(old)
        assert (kms.epochs, kms.unwraps) == ((new,), 1)


@pytest.mark.parametrize("reopen", ["pkcs11"], indirect=True)
def test_a_token_gives_no_key_out(reopen: Callable[[], Kms], token: str) -> None:
    import pkcs11

    with reopen() as kms:
        kms.new_epoch()
    module, _, label = token.removeprefix("pkcs11:").partition("?token=")
    found = pkcs11.lib(module).get_token(token_label=label)
    with found.open(user_pin=PIN) as session:
        keys = list(session.get_objects())
        for key in keys:
            with pytest.raises(pkcs11.PKCS11Error):
                key[pkcs11.Attribute.VALUE]
    assert keys


@pytest.mark.parametrize("reopen", ["openbao"], indirect=True)
def test_openbao_gives_no_key_out(reopen: Callable[[], Kms], bao: Bao) -> None:
    with reopen() as kms:
        kms.new_epoch()
    names = bao.call("LIST", "transit/keys").json()["data"]["keys"]
    for name in names:
        path = f"transit/export/encryption-key/{name}"
        assert bao.call("GET", path).status_code == 400
    assert names


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("nothing:", "none that is known"),
        ("pkcs11:/lib/module.so", "none that is known"),
        ("pkcs11:/no/such.so?token=vault", "cannot be opened"),
        ("openbao:http://vault.example/transit", "https only"),
    ],
)
def test_places_that_cannot_be_used_are_refused(
    tmp_path: Path, place: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        open_kms(place, tmp_path / "kms", "")


def test_a_key_store_that_is_away_opens_nothing(tmp_path: Path, bao: Bao) -> None:
    with open_kms(f"openbao:{bao.url}", tmp_path / "kms", Bao.token) as kms:
        wrapped = kms.wrap(kms.new_epoch(), SECRET, b"a")
    away = f"openbao:http://127.0.0.1:{free_port()}"
    with open_kms(away, tmp_path / "kms", Bao.token) as kms:
        with pytest.raises(NetworkError):
            kms.unwrap(1, wrapped, b"a")
        with pytest.raises(NetworkError):
            kms.new_epoch()
    with open_kms(f"openbao:{bao.url}", tmp_path / "kms", WRONG) as kms:
        with pytest.raises(VaultError, match="403"):
            kms.unwrap(1, wrapped, b"a")
        assert (kms.epochs, kms.unwraps) == ((1,), 0)
    assert httpx.get(f"{bao.url}/v1/sys/health").status_code == 200


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
