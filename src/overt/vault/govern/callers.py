"""Who calls: a device or a member, proved by the signature over the call itself.

Stage: before every route that is not public. In: the Authorization header and the
call; out: a caller with roles. Members' keys come from the signed roster alone;
devices' keys from enrolment, which reads nothing. A call is accepted once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from overt.protocol.calls import MAX_SKEW_S, parse_call, verify_call
from overt.protocol.signing import public_key
from overt.vault.govern.refusals import ReplayError, UnsignedError
from overt.vault.govern.roster import member_of_key
from overt.vault.store.rows import DeviceRow, PersonRow, SeenRequestRow

if TYPE_CHECKING:
    from overt.protocol.programme import Programme
    from overt.vault.store.database import Database


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
    """

    name: str
    roles: tuple[str, ...]
    key: str
    device: str = ""
    person: str = ""


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
    verify_call(
        proof,
        public_key(caller.key),
        method=call.method,
        target=call.target,
        body=call.body,
        now_utc_s=call.now_s,
    )
    expires_s = proof.utc_s + MAX_SKEW_S + 1
    once(database, f"{proof.key_id}:{proof.nonce}", expires_s, call.now_s)
    return caller


def _known(database: Database, programme: Programme, name: str) -> Caller:
    if member := member_of_key(programme, name):
        return Caller(member.name, member.roles, member.key)
    with database.read() as session:
        device = session.scalar(select(DeviceRow).where(DeviceRow.key_id == name))
        if device is None:
            raise UnsignedError(
                "The key that signed the call is not known here.",
                remedy="Enrol the device, or ask the steward for the roster.",
            )
        person = session.get_one(PersonRow, device.person)
    role = "participant" if person.state == "active" else "former"
    return Caller(
        device.device_id,
        (role,),
        device.public_key,
        device.device_id,
        device.person,
    )


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
    with database.write() as session:
        session.execute(delete(SeenRequestRow).where(SeenRequestRow.expires_s < now_s))
        if session.get(SeenRequestRow, nonce) is not None:
            raise ReplayError("The same call was made before; sign a fresh one.")
        session.add(SeenRequestRow(nonce=nonce, expires_s=expires_s))
