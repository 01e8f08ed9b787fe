"""Enrolment, keys and the home."""

import json
import stat
import time
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.protocol import routes
from overt.protocol.errors import (
    ConsentError,
    GovernError,
    NetworkError,
    SealError,
    UsageError,
    VaultError,
)
from overt.protocol.sealing import SealingKey
from overt.protocol.signing import public_text
from overt.recorder.person.enrol import (
    enrol,
    keep_programme,
    load_enrolment,
    load_programme,
    read_invitation,
)
from overt.recorder.person.home import Home, home_folder
from overt.recorder.person.identity import public_halves, read_passphrase, unlock
from overt.recorder.person.vault_client import VaultClient, check_server

pytestmark = pytest.mark.loopback

NOW = int(time.time())
WORDS = "a long enough passphrase"


def _papers(home: Any) -> Any:
    return (
        sorted(p.name for p in home.root.rglob("*.json")) if home.root.exists() else []
    )


def test_enrolment_pins_keys_and_keeps_a_receipt(participant: Any, vault: Any) -> None:
    home = participant.home
    assert load_enrolment(home).anchor == vault.anchor
    assert load_programme(home, participant.enrolment) == vault.programme
    assert participant.enrolment.vault_key.raw == vault.person_key.public.raw
    halves = public_halves(home)
    assert public_text(halves.device) == public_text(
        participant.identity.device.public_key()
    )
    assert len(list(home.receipts.iterdir())) == 1
    assert not home.enrolling.exists()


def test_nothing_in_the_home_is_open_to_others_or_holds_a_private_key(
    participant: Any,
) -> None:
    raw = participant.identity.device.private_bytes_raw().hex()
    for path in participant.home.root.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600)
        assert path.is_dir() or raw not in path.read_bytes().hex()
    assert participant.home.problems() == []
    participant.home.root.chmod(0o755)
    participant.home.keys.chmod(0o644)
    assert len(participant.home.problems()) == 2


def test_a_wrong_passphrase_opens_nothing(participant: Any) -> None:
    with pytest.raises(SealError):
        unlock(participant.home, "another passphrase")


def test_an_altered_public_half_is_found(participant: Any) -> None:
    home = participant.home
    body = json.loads(home.keys.read_text())
    body["about"]["device"] = public_text(Ed25519PrivateKey.generate().public_key())
    home.keys.write_text(json.dumps(body))
    with pytest.raises(SealError):
        unlock(home, WORDS)


def test_an_expired_invitation_is_refused(vault: Any) -> None:
    with pytest.raises(GovernError, match="expired"):
        read_invitation(vault.invitation(expires_utc_s=NOW - 1), now_utc_s=NOW)


def test_a_swapped_vault_key_is_refused(vault: Any) -> None:
    body = vault.invitation()
    from overt.protocol.invitation import sign_person_key

    stranger = [Ed25519PrivateKey.generate() for _ in range(2)]
    body["person_key"] = sign_person_key(
        vault.programme.programme,
        vault.person,
        SealingKey.generate().public,
        stranger,
    )
    with pytest.raises(SealError):
        read_invitation(body, now_utc_s=NOW)


@pytest.mark.parametrize("trouble", ["keys", "code", "away", "short"])
def test_a_refused_enrolment_leaves_nothing(
    vault: Any, tmp_path: Any, trouble: Any
) -> None:
    home = Home(tmp_path / "home")
    changes = {"code": "wrong"} if trouble == "code" else {}
    invitation = read_invitation(vault.invitation(**changes), now_utc_s=NOW)
    if trouble == "keys":
        vault.programme_keys = [Ed25519PrivateKey.generate() for _ in range(2)]
    vault.away = trouble == "away"
    words = "short" if trouble == "short" else WORDS
    kind = {
        "keys": SealError, "code": GovernError, "away": NetworkError,
        "short": UsageError,
    }[trouble]  # fmt: skip
    with VaultClient(vault.url) as client, pytest.raises(kind):
        enrol(home, invitation, words, client)
    assert _papers(home) == []
    with pytest.raises(ConsentError):
        load_enrolment(home)


def test_an_enrolment_whose_answer_got_lost_goes_on(vault: Any, tmp_path: Any) -> None:
    home = Home(tmp_path / "home")
    invitation = read_invitation(vault.invitation(), now_utc_s=NOW)
    vault.overrides["POST", routes.ENROL] = (503, {"error": "away"})
    with VaultClient(vault.url) as client:
        with pytest.raises(NetworkError):
            enrol(home, invitation, WORDS, client)
        device = public_text(public_halves(home).device)
        vault.overrides.clear()
        enrol(home, invitation, WORDS, client)
    assert public_text(public_halves(home).device) == device


def test_a_device_is_enrolled_once(participant: Any, vault: Any) -> None:
    invitation = read_invitation(vault.invitation(), now_utc_s=NOW)
    with pytest.raises(UsageError, match="already"):
        enrol(participant.home, invitation, WORDS, participant.client)


def test_an_older_programme_is_refused_and_a_newer_kept(
    participant: Any, vault: Any
) -> None:
    old = participant.client.programme()
    vault.change(retention_days=10)
    newer = participant.client.programme()
    home, enrolment = participant.home, participant.enrolment
    assert keep_programme(home, enrolment, newer).retention_days == 10
    with pytest.raises(SealError, match="version"):
        keep_programme(home, enrolment, old)
    assert load_programme(home, enrolment).version == 2


def test_the_client_follows_no_redirect_and_names_the_servers_error(
    participant: Any, vault: Any
) -> None:
    vault.overrides["GET", routes.HEALTH] = (302, {})
    with pytest.raises(VaultError, match="elsewhere"):
        participant.client.health()
    vault.overrides["GET", routes.HEALTH] = (
        423,
        {"error": "Halted.", "remedy": "Wait.", "code": "GovernError"},
    )
    with pytest.raises(GovernError, match=r"Halted\. Wait"):
        participant.client.health()
    vault.overrides["GET", routes.HEALTH] = (500, b"<html>")
    with pytest.raises(VaultError, match="500"):
        participant.client.health()


@pytest.mark.parametrize("server", ["http://example.org", "ftp://x", "nonsense", ""])
def test_an_unsafe_server_is_refused(server: Any) -> None:
    with pytest.raises(UsageError):
        check_server(server)


def test_the_home_follows_the_environment() -> None:
    assert home_folder({"OVERT_HOME": "/a"}).as_posix() == "/a"
    assert home_folder({"XDG_DATA_HOME": "/b"}).as_posix() == "/b/overt"


def test_a_passphrase_file_must_be_private(tmp_path: Any) -> None:
    path = tmp_path / "words"
    path.write_text(WORDS + "\n")
    path.chmod(0o644)
    with pytest.raises(UsageError, match="open to others"):
        read_passphrase(path)
    path.chmod(0o600)
    assert read_passphrase(path) == WORDS


def test_an_older_server_is_told_from_one_that_refuses(
    consenting: SimpleNamespace, vault: Any
) -> None:
    vault.overrides["GET", routes.READERS] = (404, {"detail": "Not Found"})
    with pytest.raises(VaultError, match=r"older than this recorder.*needs overt \d"):
        consenting.client.readers()
