"""Epoch keys in a PKCS#11 token: a hardware security module, or SoftHSM 2.

Stage: a key store under `roots.EpochRoots`. In: an epoch root; out: the same encrypted
by a key that the token marks sensitive and not extractable. It asks the token for
nothing else, and keeps the PIN in memory alone.

Source: PKCS#11 v3.1, CKM_AES_GCM.
"""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING, Any

from overt.protocol.errors import SealError, UsageError, VaultError
from overt.vault.broker.wrapping import NONCE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

_INSTALL = "Install the extra: pip install 'overt[pkcs11]'."


class Pkcs11Store:
    """Keys in one token.

    Args:
        library: Path of the token's PKCS#11 module.
        token: The token's label.
        pin: The user PIN.

    Raises:
        UsageError: Module, token or PIN cannot be used.
    """

    destruction = (
        "Final when the token has destroyed the epoch's key, at once; copies of the"
        " token that its owner made have to destroy it too."
    )
    counting = (
        "Unknown: a token keeps no count. Only the broker's own book counts reads."
    )

    def __init__(self, library: str, token: str, pin: str) -> None:
        try:
            import pkcs11
        except ImportError as error:
            raise UsageError("PKCS#11 is not installed.", remedy=_INSTALL) from error
        self._api: Any = pkcs11
        self._mutex = threading.Lock()  # a session serves one call at a time
        try:
            found = pkcs11.lib(library).get_token(token_label=token)
            self._session = found.open(user_pin=pin, rw=True)
        except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
            raise UsageError(
                f"Token {token!r:.60} cannot be opened ({type(error).__name__}).",
                remedy="Check the module's path, the token's label and the PIN.",
            ) from error

    def close(self) -> None:
        """Log out."""
        self._session.close()

    def make_key(self, name: str) -> str:
        """Make an AES-256 key that is stored in the token and never leaves it."""
        attribute = self._api.Attribute
        template = {
            attribute.SENSITIVE: True,
            attribute.EXTRACTABLE: False,
            attribute.PRIVATE: True,
            attribute.ENCRYPT: True,
            attribute.DECRYPT: True,
            attribute.WRAP: False,
            attribute.UNWRAP: False,
        }
        self._ask(
            lambda: self._session.generate_key(
                self._api.KeyType.AES, 256, label=name, store=True, template=template
            )
        )
        return name

    def wrap(self, key: str, root: bytes, context: bytes) -> bytes:
        """Return nonce and AES-256-GCM of the root, made in the token."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        how = self._gcm(nonce, context)
        return nonce + bytes(self._ask(lambda: self._key(key).encrypt(root, **how)))

    def unwrap(self, key: str, wrapped: bytes, context: bytes) -> bytes:
        """Return the root.

        Raises:
            SealError: Another key, another context, or altered bytes.
            VaultError: The token has no such key, or refuses.
        """
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        found = self._ask(lambda: self._key(key))
        try:
            how = self._gcm(nonce, context)
            return bytes(self._ask(lambda: found.decrypt(sealed, **how)))
        except VaultError as error:
            raise SealError("An epoch root does not open in the token.") from error

    def destroy(self, key: str) -> None:
        """Destroy a key; one that is gone is gone."""
        self._ask(lambda: [found.destroy() for found in self._found(key)])

    def _gcm(self, nonce: bytes, context: bytes) -> dict[str, Any]:
        parameters = self._api.GCMParams(nonce, context)
        return {
            "mechanism": self._api.Mechanism.AES_GCM,
            "mechanism_param": parameters,
        }

    def _found(self, name: str) -> list[Any]:
        attribute = self._api.Attribute
        sought = {
            attribute.LABEL: name,
            attribute.CLASS: self._api.ObjectClass.SECRET_KEY,
        }
        return list(self._session.get_objects(sought))

    def _key(self, name: str) -> Any:
        found = self._found(name)
        if len(found) != 1:
            raise VaultError(f"The token has no key {name!r:.60}, or several.")
        return found[0]

    def _ask(self, call: Callable[[], Any]) -> Any:
        try:
            with self._mutex:
                return call()
        except self._api.PKCS11Error as error:
            raise VaultError(
                f"The token refuses ({type(error).__name__}).",
                remedy="Check that it is connected and not full.",
            ) from error
