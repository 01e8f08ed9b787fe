"""Invitations, and the programme-signed half of a person's vault key.

An invitation carries the programme keys that a device pins; the vault does not serve
it. `person-key.v1` binds the public half of a vault key to a pseudonym. Specified in
docs/spec/programme.md. No I/O.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from overt.protocol.canonical import Json, b64, unb64
from overt.protocol.errors import DataError, SealError
from overt.protocol.forms import read_form
from overt.protocol.ids import check_id
from overt.protocol.programme import Anchor  # noqa: TC001 - read_form needs it
from overt.protocol.sealing import SealingPublicKey
from overt.protocol.signing import sign_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def sign_person_key(
    programme: str,
    person: str,
    public: SealingPublicKey,
    keys: Sequence[Ed25519PrivateKey],
) -> Json:
    """Return the programme-signed public half of a person's vault key."""
    body = {"programme": programme, "person": person, "public": b64(public.raw)}
    return sign_document("person-key.v1", body, keys)


def verify_person_key(anchor: Anchor, envelope: Json, person: str) -> SealingPublicKey:
    """Return a person's public vault key, checked up to the programme keys.

    Raises:
        SealError: Not signed by the programme keys, or another person's.
        DataError: The document is malformed.
    """
    body = anchor.verify(envelope, "person-key.v1")
    if (body.get("programme"), body.get("person")) != (anchor.programme, person):
        raise SealError("A person's vault key is signed for somebody else.")
    return SealingPublicKey(unb64(str(body.get("public")), what="A vault key"))


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the representative hands to somebody: the trust anchor and a code.

    Attributes:
        anchor: The programme keys to pin.
        server: Base URL of the vault.
        person: The pseudonym that the person will have.
        code: Random secret that admits one device; the vault knows its hash only.
        person_key: Signed document of the person's public vault key.
        expires_utc_s: Unix seconds until which it admits.
    """

    anchor: Anchor
    server: str
    person: str
    code: str
    person_key: Json
    expires_utc_s: int


def invitation_json(invitation: Invitation) -> Json:
    """Return an invitation as the JSON object of an invitation file."""
    return {"overt": "invitation.v1", **asdict(invitation)}


def parse_invitation(body: Json) -> Invitation:
    """Read an invitation file's JSON object.

    Raises:
        DataError: It is malformed, or its vault key is not signed by its own anchor.
        SealError: The person's vault key is not signed by the programme keys.
    """
    values = dict(body)
    if values.pop("overt", None) != "invitation.v1":
        raise DataError("The file is not an overt invitation.")
    invitation = read_form(Invitation, values, what="The invitation")
    check_id(invitation.anchor.programme, "prog")
    check_id(invitation.person, "part")
    verify_person_key(invitation.anchor, invitation.person_key, invitation.person)
    return invitation
