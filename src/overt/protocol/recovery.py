"""Recovery: a new key may read what a lost device recorded, after notice to its person.

`own-recovery.v1` is signed by the new device's key and by a representative of the
signed roster, who knows whom they hand invitations to. It opens nothing before the
broker's log has told of it for seven days; `own-objection.v1` of any older device of
that person stops it for good. Specified in docs/spec/access.md.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from overt.protocol.canonical import parse_json, unb64
from overt.protocol.errors import DataError, GovernError, SealError
from overt.protocol.forms import read_form
from overt.protocol.ids import check_id
from overt.protocol.sealing import SealingPublicKey
from overt.protocol.signing import (
    device_id,
    public_key,
    sign_document,
    trusted_keys,
    verify_document,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.canonical import Json
    from overt.protocol.programme import Member, Programme

NOTICE_S = 7 * 86400  # from the notice on the log until a recovery opens anything
_RECOVERY, _OBJECTION = "own-recovery.v1", "own-objection.v1"


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a participant asks for who has lost a device or its keys.

    Attributes:
        recovery: Its id.
        programme: Programme id.
        person: Pseudonym whose recordings they are.
        recorded_by: Id of the lost device, which names its key.
        key: The new device's signing key, base64url.
        own: The participant's new sealing public key, base64url.
        given_utc: When, ISO 8601 with `Z`.
    """

    recovery: str
    programme: str
    person: str
    recorded_by: str
    key: str
    own: str
    given_utc: str

    @property
    def device(self) -> str:
        """Id of the new device: that of its key."""
        return device_id(public_key(self.key))


@dataclass(frozen=True, slots=True)
class Objection:
    """A device's no to a recovery of what its person recorded.

    Attributes:
        recovery: Id of the recovery.
        programme: Programme id.
        key: The objecting device's signing key, base64url.
        given_utc: When, ISO 8601 with `Z`.
    """

    recovery: str
    programme: str
    key: str
    given_utc: str

    @property
    def device(self) -> str:
        """Id of the objecting device: that of its key."""
        return device_id(public_key(self.key))


def sign_recovery(recovery: Recovery, key: Ed25519PrivateKey) -> Json:
    """Return the document as the new device signs it; it lacks the representative."""
    return sign_document(_RECOVERY, asdict(recovery), [key])


def cosign_recovery(envelope: Json, key: Ed25519PrivateKey) -> Json:
    """Return the document with the representative's signature added.

    Raises:
        SealError: The new device has not signed it.
        DataError: It is malformed.
    """
    recovery = asked_recovery(envelope)
    added = sign_document(_RECOVERY, asdict(recovery), [key])
    return added | {"signatures": [*envelope["signatures"][:1], *added["signatures"]]}


def asked_recovery(envelope: Json) -> Recovery:
    """Return a recovery that the new device has signed, whoever else has.

    Raises:
        SealError: It is not signed by the key that it names.
        DataError: It is malformed.
    """
    body = _by_its_key(envelope, _RECOVERY)
    recovery = read_form(Recovery, body, what="A recovery")
    check_id(recovery.recovery, "rcv")
    check_id(recovery.person, "part")
    check_id(recovery.recorded_by, "dev")
    SealingPublicKey(unb64(recovery.own, what="An own key"))
    return recovery


def verify_recovery(envelope: Json, programme: Programme) -> tuple[Recovery, Member]:
    """Return a recovery, and the representative who signed it beside the new device.

    Raises:
        SealError: One of the two has not signed it.
        GovernError: It is another programme's, or the representative manages
            participants.
        DataError: It is malformed.
    """
    recovery = asked_recovery(envelope)
    if recovery.programme != programme.programme:
        raise GovernError("The recovery is of another programme.")
    for member in programme.members("representative"):
        try:
            verify_document(envelope, _RECOVERY, trusted_keys([public_key(member.key)]))
        except SealError:
            continue
        same = [one for one in programme.roster if one.human == member.human]
        if any(one.manages for one in same):
            raise GovernError(f"{member.name} manages participants; no co-signature.")
        return recovery, member
    raise SealError("No representative of this programme has signed the recovery.")


def sign_objection(objection: Objection, key: Ed25519PrivateKey) -> Json:
    """Return the device-signed objection."""
    return sign_document(_OBJECTION, asdict(objection), [key])


def verify_objection(envelope: Json, programme: str) -> Objection:
    """Return an objection that is signed by the key that it names.

    Raises:
        SealError: It is not.
        GovernError: It is another programme's.
        DataError: It is malformed.
    """
    body = _by_its_key(envelope, _OBJECTION)
    objection = read_form(Objection, body, what="An objection")
    check_id(objection.recovery, "rcv")
    if objection.programme != programme:
        raise GovernError("The objection is of another programme.")
    return objection


def _by_its_key(envelope: Json, kind: str) -> Json:
    """Verify a document by the key that it names itself."""
    payload = unb64(str(envelope.get("payload")), what=f"A {kind} payload")
    claimed = parse_json(payload, what=f"A {kind} document").get("key")
    if not isinstance(claimed, str):
        raise DataError(f"A {kind} document names no key.")
    return verify_document(envelope, kind, trusted_keys([public_key(claimed)]))
