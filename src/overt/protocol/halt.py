"""Orders to halt a programme and to lift a halt.

Any steward or representative halts alone, and so does the exposure audit with a key of
its own; lifting takes two humans of the first two roles and a written reason. An order
is a document `halt.v1` signed by the members themselves. It is also what participants
are told: what happened, who could read, when they hear more.
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
    from overt.protocol.programme import Programme, Role


ORDERERS: tuple[Role, ...] = ("steward", "representative", "exposure")


@dataclass(frozen=True, slots=True)
class HaltOrder:
    """An order about a programme's state.

    Attributes:
        programme: Programme id.
        state: The state from now on.
        reason: In the orderers' words; participants read it.
        given_utc: When, ISO 8601 with `Z`.
        cause: `exposure` where somebody could read who must not: consent is then
            asked afresh before recording goes on.
        could_read: After an exposure, who could read what, in words.
        next_word_utc: When participants hear more, ISO 8601 with `Z`; may be empty.
        notice: After an exposure, the version of the notice that no longer counts.
    """

    programme: str
    state: Literal["halted", "running"]
    reason: str
    given_utc: str
    cause: Literal["order", "exposure"] = "order"
    could_read: str = ""
    next_word_utc: str = ""
    notice: str = ""


def sign_halt(order: HaltOrder, keys: Sequence[Ed25519PrivateKey]) -> Json:
    """Return the signed order: one key to halt, two people's to lift."""
    return sign_document("halt.v1", asdict(order), keys)


def verify_halt(envelope: Json, programme: Programme) -> HaltOrder:
    """Return an order that enough of those who may order it have signed.

    Raises:
        GovernError: Too few humans sign it, a reason is missing, the exposure audit
            would lift a halt, or an exposure does not say who could read.
        SealError: Nobody signed it who may.
        DataError: The document is malformed.
    """
    members = {
        key_id(public_key(member.key)): member
        for role in ORDERERS
        for member in programme.members(role)
    }
    keys = trusted_keys([public_key(member.key) for member in members.values()])
    body = verify_document(envelope, "halt.v1", keys)
    order = read_form(HaltOrder, body, what="A halt order")
    if order.programme != programme.programme or not order.reason.strip():
        raise GovernError("A halt order needs this programme's id and a reason.")
    if order.cause == "exposure" and not (order.could_read and order.notice):
        raise GovernError("An exposure's order says who could read, and the notice.")
    humans = {
        members[item["keyid"]].human
        for item in envelope["signatures"]
        if item["keyid"] in members
        and "exposure" not in members[item["keyid"]].roles
        and _holds(envelope, item["keyid"], programme)
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
