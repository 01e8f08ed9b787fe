"""Which key management a broker uses: one place, one `Kms`.

Stage: between the broker's start and its backends. In: a place; out: an open `Kms`.

| place | secret | roots lie |
|---|---|---|
| `keyring:` | passphrase of the keyring | in the keyring file |
| `pkcs11:MODULE?token=LABEL` | PIN of the token | wrapped by the token's keys |
| `openbao:https://HOST:PORT/MOUNT` | OpenBao's token | wrapped by transit keys |
| `aws-kms:REGION` | none: the AWS environment's | wrapped by AWS KMS keys |
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from overt.protocol.errors import UsageError
from overt.vault.broker.keyring import KeyringFile
from overt.vault.broker.roots import EpochRoots

if TYPE_CHECKING:
    from pathlib import Path

    from overt.vault.broker.kms import KeyStore, Kms

KEYRING = "keyring:"
KINDS = ("keyring", "pkcs11", "openbao", "aws-kms")


def needs_secret(place: str) -> bool:
    """Whether a place is opened by a secret that a person or a file gives."""
    return not place.startswith("aws-kms:")


def open_kms(place: str, folder: Path, secret: str) -> Kms:
    """Open the key management at a place.

    Args:
        place: One of the table above.
        folder: The broker's own folder for it: keyring or wrapped roots, book, lock.
        secret: What opens it; unused where the place needs none.

    Raises:
        UsageError: The place is none, or cannot be used.
        SealError: The secret does not open it.
        VaultError: Another process holds the folder, or the store refuses.
    """
    kind, _, rest = place.partition(":")
    if kind == "keyring" and not rest:
        return KeyringFile(folder, passphrase=secret)
    return EpochRoots(folder, lambda: _store(kind, rest, secret))


def _store(kind: str, rest: str, secret: str) -> KeyStore:
    place = urlsplit(rest)
    if kind == "pkcs11" and (token := parse_qs(place.query).get("token")):
        from overt.vault.broker.kms_pkcs11 import Pkcs11Store

        return Pkcs11Store(place.path, token[0], secret)
    if kind == "openbao" and place.netloc:
        from overt.vault.broker.kms_openbao import OpenBaoStore

        address = f"{place.scheme}://{place.netloc}"
        return OpenBaoStore(address, secret, place.path.strip("/") or "transit")
    if kind == "aws-kms" and (place.path or place.netloc):
        from overt.vault.broker.kms_aws import AwsStore

        endpoint = parse_qs(place.query).get("endpoint", [""])[0]
        return AwsStore(place.path.strip("/"), endpoint)
    raise UsageError(
        "The key management's place is none that is known.",
        remedy="Give keyring: , pkcs11:MODULE?token=LABEL , openbao:https://HOST/MOUNT"
        " or aws-kms:REGION .",
    )
