"""The keyring: one that keeps secrets by the log-in, or none."""

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from overt.protocol.errors import UsageError
from overt.recorder.person import keychain


def backend(module: str, **facts: Any) -> Any:
    made = type("Keyring", (), {"__module__": module})()
    for name, value in facts.items():
        setattr(made, name, value)
    return made


SECRET_SERVICE = backend("keyring.backends.SecretService")
PLAINTEXT = backend("keyrings.alt.file")
CHAINER = "keyring.backends.chainer"


@pytest.mark.parametrize(
    ("one", "trusted"),
    [
        (SECRET_SERVICE, True),
        (backend("keyring.backends.kwallet"), True),
        (PLAINTEXT, False),
        (backend("keyring.backends.fail"), False),
        (backend("keyring.backends.null"), False),
        (backend("evil.SecretService"), False),
        (backend(CHAINER, backends=[SECRET_SERVICE]), True),
        (backend(CHAINER, backends=[SECRET_SERVICE, PLAINTEXT]), False),
        (backend(CHAINER, backends=[]), False),
    ],
)  # fmt: skip
def test_only_keyrings_that_the_log_in_opens_are_trusted(
    one: Any, *, trusted: bool
) -> None:
    assert keychain.is_trusted(one) is trusted


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], str]:
    """A trusted keyring in memory."""
    held: dict[tuple[str, str], str] = {}
    fake: Any = ModuleType("keyring")
    fake.errors = SimpleNamespace(KeyringError=RuntimeError)
    fake.get_keyring = lambda: SECRET_SERVICE
    fake.get_password = lambda *name: held.get(name)
    fake.set_password = lambda service, user, value: held.update(
        {(service, user): value}
    )
    fake.delete_password = lambda *name: held.pop(name)
    monkeypatch.setitem(__import__("sys").modules, "keyring", fake)
    monkeypatch.setitem(__import__("sys").modules, "keyring.errors", fake.errors)
    return held


def test_it_keeps_and_drops(kept: dict[tuple[str, str], str]) -> None:
    assert keychain.kept_passphrase("dev_a") is None
    keychain.keep_passphrase("dev_a", "words")
    assert keychain.kept_passphrase("dev_a") == "words"
    assert keychain.kept_passphrase("dev_b") is None
    assert keychain.drop_passphrase("dev_a")
    assert not keychain.drop_passphrase("dev_a")
    assert kept == {}


def test_a_keyring_in_clear_is_refused(
    kept: dict[tuple[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keyring.get_keyring", lambda: PLAINTEXT)
    with pytest.raises(UsageError, match="does not keep secrets"):
        keychain.keep_passphrase("dev_a", "words")
    assert keychain.kept_passphrase("dev_a") is None
    assert kept == {}
