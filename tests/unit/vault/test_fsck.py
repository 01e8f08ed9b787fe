"""fsck names each difference between log, rows, objects and receipts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, select, update

from overt.protocol import routes
from overt.protocol.canonical import sha256_hex
from overt.protocol.derived import Decision, sign_decision
from overt.protocol.signing import public_text
from overt.vault.govern.fsck import Comparison, Vault, compare
from overt.vault.store.objects import new_object_name
from overt.vault.store.rows import (
    DerivedPersonRow,
    DerivedRow,
    DeviceRow,
    LogEntryRow,
    ReleaseRow,
    SegmentRow,
)
from tests.fakes.world import ok

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


def resign(world: Any) -> Ed25519PrivateKey:
    """Another key's signature, put there by somebody who writes rows and objects."""
    row = first(world)
    data = world.objects.get(row.object_name)
    stranger = Ed25519PrivateKey.generate()
    forged = data[:-64] + stranger.sign(data[:-64])
    name = new_object_name()
    world.objects.put(name, forged)
    values = {"object_name": name, "sha256": sha256_hex(forged)}
    change(world, update(SegmentRow).values(values))
    return stranger


def resign_with_row(world: Any) -> None:
    key = public_text(resign(world).public_key())
    change(world, update(DeviceRow).values(public_key=key))


SEALED_FAULTS: list[tuple[Callable[[Any], Any], str]] = [
    (resign, "what its device signed does not hold"),
    (resign_with_row, "is not the one that was enrolled"),
    (
        lambda world: change(world, update(SegmentRow).values(sequence=7)),
        "names another number than its row",
    ),
    (
        lambda world: change(world, update(SegmentRow).values(day=date(2020, 1, 1))),
        "names another day than its row",
    ),
]
DERIVED_FAULTS: list[tuple[list[Any], str]] = [
    ([delete(DerivedPersonRow)], "other people are on record than its segments'"),
    (
        [delete(DerivedPersonRow).where(DerivedPersonRow.derived_id == "model-a")],
        "other people are on record than its sources'",
    ),
    (
        [update(DerivedRow).where(DerivedRow.kind == "model").values(researcher="eve")],
        "says something else than its registration",
    ),
    (
        [update(DerivedRow).where(DerivedRow.kind == "model").values(document=b"{}")],
        "its registration is malformed",
    ),
    (
        [delete(LogEntryRow).where(LogEntryRow.kind == "derived")],
        "the log has no entry of this registration",
    ),
    (
        [update(DerivedRow).values(state="kept")],
        "is kept by its row and held by the log",
    ),
    ([update(DerivedRow).values(key_id=None)], "sealed to has no row"),
    (
        [
            delete(DerivedPersonRow).where(DerivedPersonRow.derived_id == "model-a"),
            delete(DerivedRow).where(DerivedRow.derived_id == "model-a"),
        ],
        "The log tells of model-a, which has no row",
    ),
    ([update(ReleaseRow).values(names_key=None)], "has no names"),
    (
        [update(LogEntryRow).where(LogEntryRow.kind == "opening").values(entry=b"{")],
        "A log entry",
    ),
]


def derive(world: Any) -> None:
    dataset = world.derive(world.granted())
    ok(world.register(dataset))
    asked = {"request": dataset.request}
    key = ok(world.call("rob", "POST", routes.DERIVED_KEYS, asked))["key"]
    model = replace(
        dataset, derived="model-a", kind="model", segments=(), release="",
        made_of=(dataset.derived,), key=key,
    )  # fmt: skip
    ok(world.register(model))
    assert world.open("model-a").status_code == 200


@pytest.mark.parametrize(("fault", "said"), SEALED_FAULTS)
def test_what_a_device_did_not_sign_is_named(
    world: Any, fault: Callable[[Any], Any], said: str
) -> None:
    world.participant(b"one")
    assert look(world).differences == ()
    fault(world)
    assert said in " ".join(look(world).differences)


@pytest.mark.parametrize(("fault", "said"), DERIVED_FAULTS)
def test_each_difference_of_what_is_derived_is_named(
    world: Any, fault: list[Any], said: str
) -> None:
    world.participant(b"one")
    derive(world)
    assert look(world).differences == ()
    for statement in fault:
        change(world, statement)
    assert said in " ".join(look(world).differences)


def test_what_fell_and_was_decided_on_agrees_with_the_log(world: Any) -> None:
    gone = world.participant(b"one")
    world.participant(b"two")
    derive(world)
    assert world.withdraw(gone, erase=True).status_code == 200
    assert look(world).differences == ()
    body = Decision("model-a", "kept", "A small part.", world.iso())
    signed = sign_decision(body, [world.keys["stella"], world.keys["rita"]])
    assert world.call("stella", "POST", routes.DERIVED_DECISIONS, signed).json()
    assert look(world).differences == ()
    change(world, update(DerivedRow).values(state="held"))
    said = " ".join(look(world).differences)
    assert "is held by its row and revoked by the log" in said
    assert "is held by its row and kept by the log" in said


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
