"""Who calls: a device or a member, proved by the signature over the call itself.

Stage: before every route that is not public. In: the Authorization header and the
call; out: a caller with roles. Members' keys come from the signed roster alone;
devices' keys from enrolment, which reads nothing. A call is accepted once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, insert, select

from overt.protocol.calls import MAX_SKEW_S, parse_call, verify_call
from overt.protocol.signing import public_key
from overt.vault.govern.refusals import ReplayError, UnsignedError
from overt.vault.govern.roster import member_of_key
from overt.vault.store.rows import DeviceRow, PersonRow, SeenRequestRow

if TYPE_CHECKING:
    from overt.protocol.programme import Programme
    from overt.vault.store.database import Database

_DEVICE = (
    select(DeviceRow.device_id, DeviceRow.public_key, DeviceRow.person, PersonRow.state)
    .join(PersonRow, PersonRow.person == DeviceRow.person)
    .where(DeviceRow.key_id == bindparam("key_id"))
)
_FORGET = delete(SeenRequestRow).where(SeenRequestRow.expires_s < bindparam("now_s"))
_SEEN = select(SeenRequestRow.nonce).where(SeenRequestRow.nonce == bindparam("nonce"))
_REMEMBER = insert(SeenRequestRow)


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller who has proved a key.

    Attributes:
        name: Member name, or device id.
        roles: Roles of the roster; a device has `participant`, and
            `former` once its person is erased.
        key: The caller's public key, base64url.
        device: Device id; empty for members.
        person: The device's pseudonym; empty for members.
        body_digest: SHA-256 of the body of the call that the key signed, as hex; empty
            where there was no call.
    """

    name: str
    roles: tuple[str, ...]
    key: str
    device: str = ""
    person: str = ""
    body_digest: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it came in.

    Attributes:
        header: The Authorization header; empty where there is none.
        method: HTTP method.
        target: Path with query.
        body: The body's bytes.
        now_s: Unix seconds now.
    """

    header: str
    method: str
    target: str
    body: bytes
    now_s: int


def identify(database: Database, programme: Programme, call: Call) -> Caller:
    """Return who made a call, and remember that it was made.

    Raises:
        UnsignedError: No signature, or by a key that is neither on the roster nor
            enrolled.
        ReplayError: The same call was made before.
        GovernError: The signature does not hold, or the time is off.
        DataError: The header is malformed.
    """
    if not call.header:
        raise UnsignedError("The call is not signed.")
    proof = parse_call(call.header)
    caller = _known(database, programme, proof.key_id)
    digest = verify_call(
        proof,
        public_key(caller.key),
        method=call.method,
        target=call.target,
        body=call.body,
        now_utc_s=call.now_s,
    )
    expires_s = proof.utc_s + MAX_SKEW_S + 1
    once(database, f"{proof.key_id}:{proof.nonce}", expires_s, call.now_s)
    return replace(caller, body_digest=digest)


def _known(database: Database, programme: Programme, name: str) -> Caller:
    if member := member_of_key(programme, name):
        return Caller(member.name, member.roles, member.key)
    with database.look() as connection:
        found = connection.execute(_DEVICE, {"key_id": name}).first()
    if found is None:
        raise UnsignedError(
            "The key that signed the call is not known here.",
            remedy="Enrol the device, or ask the steward for the roster.",
        )
    role = "participant" if found.state == "active" else "former"
    device = found.device_id
    return Caller(device, (role,), found.public_key, device, found.person)


def once(database: Database, nonce: str, expires_s: int, now_s: int) -> None:
    """Remember a call by its nonce until it is too old to be taken anyway.

    Args:
        database: Where nonces lie.
        nonce: Names the call.
        expires_s: Unix seconds from which it is refused for its time.
        now_s: Unix seconds now.

    Raises:
        ReplayError: It was made before.
    """
    made = {"nonce": nonce, "expires_s": expires_s}
    with database.write() as session:
        connection = session.connection()
        connection.execute(_FORGET, {"now_s": now_s})
        if connection.execute(_SEEN, made).first() is not None:
            raise ReplayError("The same call was made before; sign a fresh one.")
        connection.execute(_REMEMBER, made)
