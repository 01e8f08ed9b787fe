"""The participant's passphrase in the keyring of their desktop, if they want it there.

Input: a device id. Output: a passphrase that the desktop's own keyring keeps and opens
at log-in (Secret Service, KWallet, macOS Keychain, Windows Credential Locker). Keyrings
that write in clear, or beside the spool, are refused. Nothing is kept unless its owner
asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from overt.protocol.errors import UsageError

if TYPE_CHECKING:
    from types import ModuleType

_SERVICE = "overt"
# backends of the library `keyring` that keep secrets encrypted by the log-in
_TRUSTED = ("SecretService", "kwallet", "macOS", "Windows", "libsecret")


def kept_passphrase(device: str) -> str | None:
    """Return the passphrase that the keyring keeps; None where it keeps none."""
    try:
        keyring = _keyring()
    except UsageError:
        return None
    try:
        return keyring.get_password(_SERVICE, device) or None
    except keyring.errors.KeyringError:
        return None


def keep_passphrase(device: str, passphrase: str) -> None:
    """Put the passphrase into the keyring.

    Raises:
        UsageError: There is no keyring that may be trusted, or it refuses.
    """
    keyring = _keyring()
    try:
        keyring.set_password(_SERVICE, device, passphrase)
    except keyring.errors.KeyringError as error:
        raise UsageError("The keyring does not take the passphrase.") from error


def drop_passphrase(device: str) -> bool:
    """Take the passphrase out of the keyring; whether it was there."""
    if kept_passphrase(device) is None:
        return False
    _keyring().delete_password(_SERVICE, device)
    return True


def _keyring() -> ModuleType:
    """Return the library, with a backend that may be trusted.

    Raises:
        UsageError: There is none here.
    """
    try:
        import keyring
        import keyring.errors
    except ImportError as error:
        raise UsageError(
            "The library for keyrings is not installed.",
            remedy="Install it: pip install 'overt[keyring]'",
        ) from error
    backend = keyring.get_keyring()
    if not is_trusted(backend):
        raise UsageError(
            f"The keyring here ({type(backend).__module__}) does not keep secrets"
            " encrypted by your log-in.",
            remedy="Use your passphrase, or start the keyring of your desktop.",
        )
    return keyring


def is_trusted(backend: Any) -> bool:
    """Whether a backend, and each that it chains, keeps secrets by the log-in."""
    chained = getattr(backend, "backends", None)
    if chained is not None:
        return bool(chained) and all(is_trusted(one) for one in chained)
    module = type(backend).__module__
    return module.startswith("keyring.backends.") and module.endswith(_TRUSTED)
