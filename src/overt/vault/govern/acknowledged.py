"""Which devices have heard of a halt: counted, never listed.

Stage: beside leases. In: a device that was told that the programme is halted; out: how
many have heard and how many are silent. Kept for a day, without times: a row says that
a device asked once during the halt, not when. Counts below 5 are hidden.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from overt.vault.govern.halt import halt_in_force
from overt.vault.store.rows import ConsentRow, HaltAckRow, HaltRow

if TYPE_CHECKING:
    from overt.protocol.canonical import Json
    from overt.vault.govern.registry import Registry

KEPT_S = 24 * 3600
LEAST_SHOWN = 5


def shown(count: int) -> int | None:
    """Return a count of people, or nothing where it is below 5."""
    return count if count >= LEAST_SHOWN else None


def note(registry: Registry, device: str) -> None:
    """Note that a device was told of the halt in force, if one is."""
    found = halt_in_force(registry.database, registry.roster.programme())
    if found is None or registry.now_s - found[0].at_s > KEPT_S:
        return
    number = found[0].number
    with registry.database.read() as session:
        if session.get(HaltAckRow, (number, device)) is not None:
            return
    with registry.database.write() as session:
        session.merge(HaltAckRow(halt=number, device_id=device))
        old = select(HaltRow.number).where(HaltRow.at_s < registry.now_s - KEPT_S)
        session.execute(delete(HaltAckRow).where(HaltAckRow.halt.in_(old)))


def counts(registry: Registry) -> Json:
    """Return `acknowledged` and `silent` of the halt in force; null: fewer than 5.

    Silent are devices under a consent in force that have not asked since; after a day
    both are null.
    """
    found = halt_in_force(registry.database, registry.roster.programme())
    if found is None or registry.now_s - found[0].at_s > KEPT_S:
        return {"acknowledged": None, "silent": None}
    heard = select(HaltAckRow.device_id).where(HaltAckRow.halt == found[0].number)
    consented = select(func.count(ConsentRow.device_id.distinct())).where(
        ConsentRow.state == "given"
    )
    with registry.database.read() as session:
        told = session.scalar(select(func.count()).select_from(heard.subquery())) or 0
        silent = session.scalar(consented.where(ConsentRow.device_id.not_in(heard)))
    return {"acknowledged": shown(told), "silent": shown(silent or 0)}
