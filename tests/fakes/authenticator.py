"""A WebAuthn authenticator in software: what a security key does, for tests alone."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from webauthn.helpers import encode_cbor

from overt.protocol.canonical import b64, canonical_bytes
from overt.protocol.passkeys import Passkey, challenge_of, passkey_envelope
from overt.protocol.signing import TYPE_PREFIX

if TYPE_CHECKING:
    from overt.protocol.canonical import Json

ORIGIN = "http://localhost:8000"
UP, UV, AT = 1, 4, 64


class Authenticator:
    """One credential on one origin.

    Args:
        origin: The pages that it was made on.
        seed: Makes the key, so that runs are alike.
    """

    def __init__(self, origin: str = ORIGIN, seed: str = "authenticator") -> None:
        secret = hashlib.sha256(seed.encode()).digest()
        self.key = Ed25519PrivateKey.from_private_bytes(secret)
        self.credential = hashlib.sha256(b"id" + secret).digest()[:20]
        # COSE_Key of type OKP, algorithm EdDSA, curve Ed25519 (RFC 9053)
        point = self.key.public_key().public_bytes_raw()
        self.cose = encode_cbor({1: 1, 3: -8, -1: 6, -2: point})
        self.passkey = Passkey(b64(self.credential), b64(self.cose), origin)

    def _client_data(self, kind: str, challenge: bytes, origin: str) -> bytes:
        body = {
            "type": kind,
            "challenge": b64(challenge),
            "origin": origin or self.passkey.origin,
            "crossOrigin": False,
        }
        return json.dumps(body).encode()

    def assertion(
        self,
        challenge: bytes,
        *,
        flags: int = UP | UV,
        origin: str = "",
        host: str = "",
        typed: str = "webauthn.get",
    ) -> Json:
        """Sign a challenge, as `navigator.credentials.get` returns it."""
        client = self._client_data(typed, challenge, origin)
        place = hashlib.sha256((host or self.passkey.host).encode()).digest()
        data = place + bytes([flags]) + (7).to_bytes(4, "big")
        signature = self.key.sign(data + hashlib.sha256(client).digest())
        return {
            "id": self.passkey.credential,
            "response": {
                "authenticatorData": b64(data),
                "clientDataJSON": b64(client),
                "signature": b64(signature),
            },
        }

    def sign(self, kind: str, body: Json, **odd: Any) -> Json:
        """Return the envelope of a document; `odd` goes to `assertion`."""
        payload = canonical_bytes(body)
        challenge = odd.pop("challenge", challenge_of(TYPE_PREFIX + kind, payload))
        return passkey_envelope(kind, payload, self.assertion(challenge, **odd))

    def registration(self, challenge: bytes, *, flags: int = UP | UV | AT) -> Json:
        """Make the credential, as `navigator.credentials.create` returns it."""
        client = self._client_data("webauthn.create", challenge, "")
        data = (
            hashlib.sha256(self.passkey.host.encode()).digest()
            + bytes([flags])
            + bytes(4 + 16)
            + len(self.credential).to_bytes(2, "big")
            + self.credential
            + self.cose
        )
        attested = {"fmt": "none", "attStmt": {}, "authData": data}
        return {
            "id": self.passkey.credential,
            "rawId": self.passkey.credential,
            "type": "public-key",
            "response": {
                "attestationObject": b64(encode_cbor(attested)),
                "clientDataJSON": b64(client),
            },
        }
