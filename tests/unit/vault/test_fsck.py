"""fsck names each difference between log, rows, objects and receipts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, select, update

from overt.vault.govern.fsck import Comparison, Vault, compare
from overt.vault.store.rows import LogEntryRow, SegmentRow

if TYPE_CHECKING:
    from collections.abc import Callable


def look(world: Any) -> Comparison:
    return compare(
        Vault(world.in_force(), world.database, world.objects, world.folder / "log")
    )


def first(world: Any) -> SegmentRow:
    with world.database.read() as session:
        row = session.scalars(select(SegmentRow)).first()
    assert row is not None
    return row


def change(world: Any, statement: Any) -> None:
    with world.database.write() as session:
        session.execute(statement)


def swap_bytes(world: Any) -> None:
    name = first(world).object_name
    data = world.objects.get(name)
    world.objects.delete(name)
    world.objects.put(name, data[:-1] + bytes([data[-1] ^ 1]))


def swap_receipts(world: Any) -> None:
    with world.database.write() as session:
        one, two = session.scalars(select(SegmentRow)).all()
        one.receipt, two.receipt = two.receipt, one.receipt


FAULTS: list[tuple[Callable[[Any], Any], str]] = [
    (lambda world: world.objects.delete(first(world).object_name), "is missing"),
    (swap_bytes, "other bytes than were admitted"),
    (lambda world: world.objects.put("aa/" + "a" * 32, b"x"), "belongs to no segment"),
    (swap_receipts, "its receipt does not hold"),
    (
        lambda world: change(world, update(SegmentRow).values(receipt=None)),
        "no receipt",
    ),
    (lambda world: change(world, delete(SegmentRow)), "which has no row"),
    (
        lambda world: change(world, delete(LogEntryRow).where(LogEntryRow.number == 1)),
        "entries and",
    ),
    (
        lambda world: change(
            world,
            update(LogEntryRow)
            .where(LogEntryRow.kind == "segment")
            .values(entry=b'{"kind":"segment"}'),
        ),
        "is not what its leaf commits to",
    ),
    (
        lambda world: (world.folder / "log/checkpoint").write_bytes(b"x"),
        "not a signed note",
    ),
]


def test_a_sound_vault_has_no_differences(world: Any) -> None:
    world.participant(b"one", b"two")
    world.opened(world.granted())
    gone = world.participant(b"gone")
    assert world.withdraw(gone, erase=True).status_code == 200
    found = look(world)
    assert found.differences == ()
    assert (found.segments, found.entries > 10) == (2, True)


@pytest.mark.parametrize(("fault", "said"), FAULTS)
def test_each_difference_is_named(
    world: Any, fault: Callable[[Any], Any], said: str
) -> None:
    world.participant(b"one", b"two")
    assert look(world).differences == ()
    fault(world)
    assert said in " ".join(look(world).differences)
