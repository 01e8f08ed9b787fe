"""Orders to halt a programme and to lift a halt.

Any steward or representative halts alone; lifting takes two humans of these roles and
a written reason. An order is a document `halt.v1` signed by the members themselves.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from overt.protocol.errors import DataError, GovernError, SealError
from overt.protocol.forms import read_form
from overt.protocol.signing import (
    key_id,
    public_key,
    sign_document,
    trusted_keys,
    verify_document,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.canonical import Json
    from overt.protocol.programme import Programme


@dataclass(frozen=True, slots=True)
class HaltOrder:
    """An order about a programme's state.

    Attributes:
        programme: Programme id.
        state: The state from now on.
        reason: In the orderers' words; participants read it.
        given_utc: When, ISO 8601 with `Z`.
    """

    programme: str
    state: Literal["halted", "running"]
    reason: str
    given_utc: str


def sign_halt(order: HaltOrder, keys: Sequence[Ed25519PrivateKey]) -> Json:
    """Return the signed order: one key to halt, two people's to lift."""
    return sign_document("halt.v1", asdict(order), keys)


def verify_halt(envelope: Json, programme: Programme) -> HaltOrder:
    """Return an order that enough stewards or representatives have signed.

    Raises:
        GovernError: Too few humans sign it, or a reason is missing.
        SealError: No steward or representative signed it.
        DataError: The document is malformed.
    """
    members = {
        key_id(public_key(member.key)): member
        for member in (
            *programme.members("steward"),
            *programme.members("representative"),
        )
    }
    keys = trusted_keys([public_key(member.key) for member in members.values()])
    body = verify_document(envelope, "halt.v1", keys)
    order = read_form(HaltOrder, body, what="A halt order")
    if order.programme != programme.programme or not order.reason.strip():
        raise GovernError("A halt order needs this programme's id and a reason.")
    humans = {
        members[item["keyid"]].human
        for item in envelope["signatures"]
        if item["keyid"] in members and _holds(envelope, item["keyid"], programme)
    }
    if order.state == "running" and len(humans) < 2:
        raise GovernError("Lifting a halt takes two people.")
    return order


def _holds(envelope: Json, name: str, programme: Programme) -> bool:
    keys = [public_key(member.key) for member in programme.roster]
    trusted = {one: key for one, key in trusted_keys(keys).items() if one == name}
    try:
        verify_document(envelope, "halt.v1", trusted)
    except (DataError, SealError):
        return False
    return True
