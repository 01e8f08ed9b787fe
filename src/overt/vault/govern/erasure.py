"""Withdrawal with erasure: the key first, then the bytes, then the rows' state.

Stage: after a withdrawal is in force. In: a pseudonym; out: what was destroyed. Every
step may be repeated, so that an erasure cut short is finished by sending it again. It
never claims to reach a copy that was released before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from overt.vault.store.rows import PersonRow, SegmentRow

if TYPE_CHECKING:
    from overt.vault.govern.registry import Registry
    from overt.vault.store.objects import Objects


def erase_person(registry: Registry, objects: Objects, person: str) -> str:
    """Destroy a person's vault key and erase what they sent; say when that is final.

    Raises:
        VaultError: The broker, the log or the object store refuses; send it again.
        NetworkError: The broker is away; send it again.
    """
    final = str(registry.broker.erase(person)["final"])
    with registry.database.read() as session:
        mine = select(SegmentRow.object_name).where(SegmentRow.person == person)
        names = list(session.scalars(mine))
    for name in names:
        objects.delete(name)
    with registry.database.write() as session:
        rows = session.scalars(select(SegmentRow).where(SegmentRow.person == person))
        for row in rows:
            row.state = "erased"
        session.get_one(PersonRow, person).state = "erased"
    registry.record("erasure", person, person=person, final=final)
    registry.database.scrub()
    return final
