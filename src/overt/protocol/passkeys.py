"""Passkeys: a document signed by a WebAuthn authenticator instead of a key file.

Stage: under approvals. In: an envelope whose signature is an assertion, and the
passkeys that the signed roster gives its signer; out: its body, or a raise. The
challenge is the SHA-256 of the envelope's pre-auth encoding, so that the assertion is
over exactly this document and no other. It keeps no state: an assertion that is played
again says what it said.
Source: W3C Web Authentication Level 3, 7.2. Specified in docs/spec/access.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from overt.protocol.canonical import Json, b64, parse_json, unb64
from overt.protocol.errors import DataError, SealError
from overt.protocol.signing import TYPE_PREFIX, pre_auth

if TYPE_CHECKING:
    from collections.abc import Sequence

MARK = "passkey:"


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey of a member, as the programme keys have signed it.

    Attributes:
        credential: Credential id, base64url.
        public: COSE public key, base64url.
        origin: The pages where it signs: scheme, host and port, no path. Its host is
            the relying party's id.
    """

    credential: str
    public: str
    origin: str

    @property
    def host(self) -> str:
        """The relying party's id."""
        return urlsplit(self.origin).hostname or ""


def passkey_problems(passkey: Passkey) -> list[str]:
    """Return what is wrong with a passkey, as sentences."""
    problems = []
    place = urlsplit(passkey.origin)
    secure = place.scheme == "https" or passkey.host == "localhost"
    if not secure or passkey.origin != f"{place.scheme}://{place.netloc}":
        problems.append("A passkey's origin is https://HOST, or localhost.")
    try:
        unb64(passkey.credential, what="A credential id")
        unb64(passkey.public, what="A passkey's key")
    except DataError as error:
        problems.append(str(error))
    return problems


def challenge_of(payload_type: str, payload: bytes) -> bytes:
    """Return the 32 bytes that the authenticator signs for a document."""
    return hashlib.sha256(pre_auth(payload_type, payload)).digest()


def is_passkey_signed(envelope: Json) -> bool:
    """Whether an envelope's signature claims to be a passkey's."""
    try:
        return str(envelope["signatures"][0]["keyid"]).startswith(MARK)
    except (KeyError, IndexError, TypeError):
        return False


def passkey_envelope(kind: str, payload: bytes, credential: Json) -> Json:
    """Return the envelope of a document that an authenticator signed.

    Args:
        kind: The document's type without prefix.
        payload: The bytes that were signed over.
        credential: `PublicKeyCredential` as JSON, with an assertion.
    """
    response = credential["response"]
    return {
        "payloadType": TYPE_PREFIX + kind,
        "payload": b64(payload),
        "signatures": [
            {
                "keyid": MARK + str(credential["id"]),
                "sig": response["signature"],
                "authenticatorData": response["authenticatorData"],
                "clientDataJSON": response["clientDataJSON"],
            }
        ],
    }


def verify_passkey_document(
    envelope: Json, kind: str, passkeys: Sequence[Passkey]
) -> Json:
    """Return the body of an envelope that one of these passkeys has signed.

    The authenticator must have verified its user (PIN or biometrics): a key that
    somebody left plugged in signs nothing.

    Raises:
        DataError: The envelope is malformed or of another type.
        SealError: None of these passkeys signed exactly these bytes, here.
    """
    if envelope.get("payloadType") != TYPE_PREFIX + kind:
        raise DataError(f"A document is not of type {kind!r}.")
    payload = unb64(str(envelope.get("payload")), what=f"The payload of a {kind}")
    signature = _only_signature(envelope, kind)
    name = str(signature.get("keyid")).removeprefix(MARK)
    for passkey in passkeys:
        if passkey.credential == name:
            challenge = challenge_of(TYPE_PREFIX + kind, payload)
            _verify(passkey, signature, challenge, kind)
            return parse_json(payload, what=f"The payload of a {kind}")
    raise SealError(f"A {kind} document is signed by no passkey of its signer.")


def _only_signature(envelope: Json, kind: str) -> Json:
    signatures = envelope.get("signatures")
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise DataError(f"A {kind} document has not one passkey's signature.")
    signature = signatures[0]
    if not isinstance(signature, dict):
        raise DataError(f"A {kind} document's signature is malformed.")
    return signature


def _verify(passkey: Passkey, signature: Json, challenge: bytes, kind: str) -> None:
    # on first use: it takes half a second to load
    from webauthn import verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException

    names = ("authenticatorData", "clientDataJSON")
    response: dict[str, Any] = {name: str(signature.get(name)) for name in names}
    response["signature"] = str(signature.get("sig"))
    credential = {
        "id": passkey.credential,
        "rawId": passkey.credential,
        "type": "public-key",
        "response": response,
    }
    try:
        verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=passkey.host,
            expected_origin=passkey.origin,
            credential_public_key=unb64(passkey.public, what="A passkey's key"),
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError) as error:
        raise SealError(
            f"A {kind} document's passkey has not signed these bytes."
        ) from error
