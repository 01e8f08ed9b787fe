"""Halting, lifting, and the leases by which devices learn of it.

Stage: between stewards' orders and everything that records or reads. In: signed
orders; out: the state, and leases. It fails closed: where the newest order on record
does not verify, the programme counts as halted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

from sqlalchemy import bindparam, select

from overt.protocol.canonical import canonical_bytes, parse_json, sha256_hex
from overt.protocol.consent import Lease, document_digest, sign_lease
from overt.protocol.errors import DataError, GovernError, NetworkError, OvertError
from overt.protocol.halt import HaltOrder, verify_halt
from overt.vault.govern.known import Known
from overt.vault.govern.refusals import HaltedError
from overt.vault.store.rows import HaltRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from overt.protocol.canonical import Json
    from overt.protocol.programme import Programme
    from overt.vault.govern.registry import Registry
    from overt.vault.store.database import Database

ORDER_AGE_S = 24 * 3600
CLOCK_SKEW_S = 120


_KNOWN: Known[HaltOrder] = Known()
_DOCUMENTS = (
    select(HaltRow.document)
    .where(HaltRow.programme_id == bindparam("id"))
    .order_by(HaltRow.number)
)


@dataclass(frozen=True, slots=True)
class State:
    """Whether the programme runs, and why not."""

    state: Literal["running", "halted"]
    reason: str = ""

    @property
    def halted(self) -> bool:
        """Whether it is halted."""
        return self.state == "halted"


class Latest(NamedTuple):
    """The newest that the broker knows of; rows without it were set back.

    Attributes:
        order: SHA-256 of the last halt order; empty before the first.
        version: The newest version of the programme that was put into force by a
            change; 0 before the first.
    """

    order: str = ""
    version: int = 0


_NOTHING = Latest()


def current_state(
    database: Database, programme: Programme, latest: Latest = _NOTHING
) -> State:
    """Return the state by the newest order whose signatures hold.

    An order that somebody puts back after a newer one changes nothing: the time that
    was signed decides, and at the same time the halt.

    Args:
        database: Rows.
        programme: The programme in force.
        latest: Where that order or version is not on record any more, the programme
            counts as halted.
    """
    if programme.version < latest.version:
        return State(
            "halted",
            f"Version {latest.version} of the programme was put into force, and version"
            f" {programme.version} is on record.",
        )
    with database.look() as connection:
        rows = connection.execute(_DOCUMENTS, {"id": programme.programme}).all()
    order = latest.order
    if order and all(sha256_hex(row.document) != order for row in rows):
        return State("halted", "The last order is not on record any more.")
    orders = [_order(row.document, programme) for row in rows]
    if orders and orders[-1] is None:
        return State("halted", "The newest order on record does not verify.")
    newest = _newest(orders)
    if newest is None:
        return State("running")
    return State(newest.state, newest.reason if newest.state == "halted" else "")


def state_or_halted(registry: Registry) -> State:
    """Return the state; where the broker does not answer it counts as halted."""
    try:
        return _state(registry, registry.roster.programme())
    except NetworkError:
        return State("halted", "The key broker does not answer: start it.")


def _state(registry: Registry, programme: Programme) -> State:
    return current_state(registry.database, programme, registry.broker.latest())


def _rows(database: Database, programme: Programme) -> list[HaltRow]:
    with database.read() as session:
        query = select(HaltRow).where(HaltRow.programme_id == programme.programme)
        return list(session.scalars(query.order_by(HaltRow.number)))


def _newest(orders: Sequence[HaltOrder | None]) -> HaltOrder | None:
    sound = [order for order in orders if order is not None]
    return max(
        sound, key=lambda one: (given_s(one), one.state == "halted"), default=None
    )


def halt_in_force(
    database: Database, programme: Programme
) -> tuple[HaltRow, HaltOrder] | None:
    """Return the halt that is in force, with its row; none while it runs."""
    rows = _rows(database, programme)
    orders = [_order(row.document, programme) for row in rows]
    newest = _newest(orders)
    if newest is None or newest.state != "halted":
        return None
    return next(
        row for row, order in zip(rows, orders, strict=True) if order is newest
    ), newest


def order_in_force(registry: Registry) -> Json | None:
    """Return the signed halt order in force, as participants verify it themselves."""
    found = halt_in_force(registry.database, registry.roster.programme())
    return found and parse_json(found[0].document, what="A halt order")


def pulse(registry: Registry) -> str:
    """Return a text that changes whenever devices should ask for a lease."""
    programme = registry.roster.programme()
    rows = _rows(registry.database, programme)
    newest = rows[-1].document if rows else b""
    return sha256_hex(newest + registry.roster.document())[:16]


def _order(document: bytes, programme: Programme) -> HaltOrder | None:
    known = _KNOWN.find((document,), programme)
    if known is not None:
        return known
    try:
        order = verify_halt(parse_json(document, what="A halt order"), programme)
        given_s(order)
    except OvertError:
        return None
    _KNOWN.keep((document,), programme, order)
    return order


def given_s(order: HaltOrder) -> float:
    """Return when an order was given, Unix seconds.

    Raises:
        DataError: The time is not ISO 8601 with a time zone.
    """
    try:
        given = datetime.fromisoformat(order.given_utc)
    except ValueError as error:
        raise DataError("A halt order's time is not ISO 8601.") from error
    if given.tzinfo is None:
        raise DataError("A halt order's time names no time zone.")
    return given.timestamp()


def accept_order(registry: Registry, envelope: Json) -> State:
    """Put an order into force at once, then on the log; again, it changes nothing.

    Raises:
        GovernError: Too few humans, no reason, or an order that is not newer.
        SealError: No steward or representative signed it.
        VaultError: In force, but the log refuses; send it again.
        NetworkError: In force, but the log is away; send it again.
    """
    programme = registry.roster.programme()
    order = verify_halt(envelope, programme)
    document = canonical_bytes(envelope)
    with registry.database.write() as session:
        rows = list(session.scalars(select(HaltRow).order_by(HaltRow.number)))
        if all(row.document != document for row in rows):
            earlier = [_order(row.document, programme) for row in rows]
            _check_new(order, earlier, registry.now_s)
            _check_afresh(order, earlier, programme)
            session.add(
                HaltRow(
                    programme_id=programme.programme,
                    halted=order.state == "halted",
                    at_s=registry.now_s,
                    document=document,
                )
            )
    registry.record("halt", document_digest(envelope), state=order.state)
    return current_state(registry.database, programme)


def _check_new(order: HaltOrder, earlier: list[HaltOrder | None], now_s: int) -> None:
    """Refuse an order that is stale or would not decide the state."""
    given = given_s(order)
    if not now_s - ORDER_AGE_S <= given <= now_s + CLOCK_SKEW_S:
        raise GovernError("The order's time is off; give a fresh one.")
    newest = max((given_s(one) for one in earlier if one is not None), default=0.0)
    if given < newest or (given == newest and order.state == "running"):
        raise GovernError("A newer order is in force; give a fresh one.")


def _check_afresh(
    order: HaltOrder, earlier: list[HaltOrder | None], programme: Programme
) -> None:
    """Refuse to go on after an exposure under the notice that people agreed to then."""
    exposed = {
        one.notice for one in earlier if one is not None and one.cause == "exposure"
    }
    if order.state == "running" and programme.notice.version in exposed:
        raise GovernError(
            "After an exposure everybody is asked for consent afresh.",
            remedy="Put a programme into force whose notice has a new version and"
            " tells of the exposure; then lift the halt.",
        )


def lease(registry: Registry, nonce: str) -> Json:
    """Return the programme's state for a short time, signed, for one nonce.

    Raises:
        DataError: The nonce has not between 16 and 128 characters.
        NetworkError: The broker is away, so that no state is certain.
    """
    if not 16 <= len(nonce) <= 128:
        raise DataError("A lease needs a nonce of 16 to 128 characters.")
    programme = registry.roster.programme()
    state = _state(registry, programme)
    body = Lease(
        programme.programme,
        programme.version,
        state.state,
        state.reason,
        nonce,
        programme.lease_s,
    )
    return sign_lease(body, registry.lease_key)


def check_running(registry: Registry) -> Programme:
    """Return the programme if it runs.

    Raises:
        HaltedError: It is halted.
        NetworkError: The broker is away.
    """
    programme = registry.roster.programme()
    state = _state(registry, programme)
    if state.halted:
        raise HaltedError(
            f"The programme is halted: {state.reason}",
            remedy="What is recorded waits; send it when the halt is lifted.",
        )
    return programme
