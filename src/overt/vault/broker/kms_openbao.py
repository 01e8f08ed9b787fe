"""Epoch keys in the transit engine of OpenBao or HashiCorp Vault.

Stage: a key store under `roots.EpochRoots`. In: an epoch root; out: the same encrypted
by a key that the server marks not exportable. The token may use and delete keys below
one mount and needs no other right.

Source: https://openbao.org/api-docs/secret/transit/
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from overt.protocol.errors import NetworkError, SealError, UsageError, VaultError

if TYPE_CHECKING:
    from overt.protocol.canonical import Json

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_TIMEOUT_S = 30.0


class OpenBaoStore:
    """Keys below one mount of a transit engine.

    Args:
        address: Base URL of the server; https unless it is on this machine.
        token: What the server knows the broker by.
        mount: Path of the transit engine.

    Raises:
        UsageError: The address is elsewhere and not https.
    """

    destruction = (
        "Final when OpenBao has deleted the epoch's key, at once; snapshots of its"
        " storage that its owner made have to be destroyed too."
    )
    counting = (
        "OpenBao's audit device, where one is on, counts openings of epoch roots: one"
        " a start of the broker. Of single reads: unknown; only the broker's own book"
        " counts them."
    )

    def __init__(self, address: str, token: str, mount: str = "transit") -> None:
        place = urlsplit(address)
        if place.scheme != "https" and place.hostname not in _LOOPBACK:
            raise UsageError(
                "OpenBao on another machine is called by https only.",
                remedy="Give an address that begins with https:// .",
            )
        self._mount = mount.strip("/")
        self._client = httpx.Client(
            base_url=address,
            headers={"X-Vault-Token": token},
            timeout=_TIMEOUT_S,
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def make_key(self, name: str) -> str:
        """Make a key that cannot be exported but can be deleted."""
        self._post(f"keys/{name}", {"type": "aes256-gcm96", "exportable": False})
        self._post(f"keys/{name}/config", {"deletion_allowed": True})
        return name

    def wrap(self, key: str, root: bytes, context: bytes) -> bytes:
        """Return OpenBao's ciphertext of the root, the context as associated data."""
        body = {"plaintext": _text(root), "associated_data": _text(context)}
        return str(self._post(f"encrypt/{key}", body)["ciphertext"]).encode()

    def unwrap(self, key: str, wrapped: bytes, context: bytes) -> bytes:
        """Return the root.

        Raises:
            SealError: The server does not open it: no such key, or altered.
            VaultError: The server refuses for another reason.
            NetworkError: It is away.
        """
        body = {
            "ciphertext": wrapped.decode("ascii", "replace"),
            "associated_data": _text(context),
        }
        answer = self._call("POST", f"decrypt/{key}", body)
        if answer.status_code == 400:
            raise SealError("An epoch root does not open in OpenBao.")
        return base64.b64decode(str(_data(answer)["plaintext"]))

    def destroy(self, key: str) -> None:
        """Delete a key; one that is gone is gone."""
        answer = self._call("DELETE", f"keys/{key}")
        gone = answer.status_code == 400 and self._is_gone(key)
        if answer.status_code != 404 and not gone:
            _check(answer)

    def _is_gone(self, key: str) -> bool:
        return self._call("GET", f"keys/{key}").status_code == 404

    def _post(self, path: str, body: Json) -> dict[str, Any]:
        return _data(self._call("POST", path, body))

    def _call(self, method: str, path: str, body: Json | None = None) -> httpx.Response:
        try:
            target = f"/v1/{self._mount}/{path}"
            return self._client.request(method, target, json=body)
        except httpx.HTTPError as error:
            raise NetworkError(
                "OpenBao is away.", remedy="Start or unseal it; reading waits."
            ) from error


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _check(answer: httpx.Response) -> None:
    if answer.status_code not in {200, 204}:
        raise VaultError(
            f"OpenBao refuses ({answer.status_code}).",
            remedy="Check that it is unsealed and what the broker's token may do.",
        )


def _data(answer: httpx.Response) -> dict[str, Any]:
    _check(answer)
    found: dict[str, Any] = answer.json()["data"] if answer.content else {}
    return found
