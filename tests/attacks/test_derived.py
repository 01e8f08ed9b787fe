"""Attacks on what was made of recordings: datasets, checkpoints, evaluation logs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, update

from demo.canaries import search
from overt.protocol import routes
from overt.protocol.canonical import canonical_bytes, parse_json, unb64
from overt.protocol.derived import (
    Decision,
    Derived,
    Export,
    open_key,
    sign_decision,
    sign_derived,
    sign_export,
)
from overt.protocol.errors import SealError
from overt.protocol.forms import read_form
from overt.protocol.sealing import SealingKey, SealingPublicKey, open_blob, seal_blob
from overt.vault.broker import derived as openings
from overt.vault.broker.derived import Openings
from overt.vault.broker.picking import Judge
from overt.vault.govern import derived as registered
from overt.vault.store.rows import DerivedPersonRow, DerivedRow
from tests.attacks.rows import attack, instead, null_cipher, planted

if TYPE_CHECKING:
    from tests.fakes.stacks import Stack
    from tests.fakes.world import World


def nothing(*_: Any, **__: Any) -> None:
    """What a guard does once it is gone."""


def sealed(world: World, content: bytes) -> tuple[Derived, bytes]:
    """Return a dataset of everything, not registered yet, and its sealed bytes."""
    thing = world.derive(world.granted())
    made = world.call(
        "rob", "POST", routes.DERIVED_KEYS, {"request": thing.request}
    ).json()
    public = SealingPublicKey(unb64(made["public"], what="It"))
    blob = seal_blob(content, public, {"kind": "dataset"})
    return replace(thing, key=made["key"]), blob


def key_of(world: World, thing: Derived) -> SealingKey | None:
    answer = world.open(thing.derived)
    if answer.status_code != 200:
        return None
    blob = unb64(answer.json()["key"], what="It")
    return open_key(blob, thing.derived, world.job)


def counted(world: World) -> bool:
    return world.kms.unwraps == len(world.reads()) + len(world.openings())


@attack(instead(Openings, "_log", nothing))
def test_nothing_derived_is_read_without_an_entry_a_contributor(stack: Stack) -> None:
    world = stack.world()
    people = {world.participant(b"recorded").person for _ in range(2)}
    thing, blob = sealed(world, b"a dataset")
    assert key_of(world, thing) is None  # not registered: nobody would find it again
    assert world.register(thing).status_code == 200
    key = key_of(world, thing)
    assert key is not None
    assert open_blob(blob, key) == b"a dataset"
    assert {one["person"] for one in world.openings()} == people
    assert counted(world)


def _always_kept(*_: Any) -> Any:
    class Kept:
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    return Decision(Kept(), "kept", "", "")  # type: ignore[arg-type]


@attack(
    instead(Judge, "allows", lambda *_: True),
    instead(openings, "verify_decision", _always_kept),
)
def test_after_a_withdrawal_no_row_opens_what_held_the_data(stack: Stack) -> None:
    """The researcher has folder, keys and grant; an operator helps with every row."""
    world = stack.world()
    ana, _ = world.participant(b"of ana"), world.participant(b"of ben")
    thing, _ = sealed(world, b"a dataset")
    made = world.call("rob", "POST", routes.DERIVED_KEYS, {"request": thing.request})
    model = replace(
        thing, derived="model-a", kind="model", segments=(), release="",
        made_of=(thing.derived,), key=made.json()["key"],
    )  # fmt: skip
    for one in (thing, model):
        assert world.register(one).status_code == 200
    world.withdraw(ana)
    assert [key_of(world, one) for one in (thing, model)] == [None, None]
    with world.database.write() as session:
        session.execute(update(DerivedRow).values(state="held"))
    assert [key_of(world, one) for one in (thing, model)] == [None, None]
    forged = sign_decision(
        Decision("model-a", "kept", "Because.", world.iso()), [world.keys["otto"]]
    )
    with world.database.write() as session:
        decided = {"state": "kept", "decision": canonical_bytes(forged)}
        session.execute(update(DerivedRow).values(**decided))
    assert key_of(world, model) is None
    with world.database.write() as session:  # then nobody would be told
        session.execute(delete(DerivedPersonRow))
    assert key_of(world, model) is None
    assert world.openings() == []


@attack(instead(openings, "verify_derived", lambda envelope, _: _unsigned(envelope)))
def test_a_registration_that_an_operator_inserts_opens_nothing(stack: Stack) -> None:
    """It names fewer people than the thing holds: those who did not withdraw."""
    world = stack.world()
    ana, ben = world.participant(b"of ana"), world.participant(b"of ben")
    thing, _ = sealed(world, b"a dataset")
    assert world.register(thing).status_code == 200
    world.withdraw(ana)
    only_ben = replace(
        thing,
        segments=tuple(
            name
            for name, read in zip(thing.segments, world.reads()[-2:], strict=False)
            if read["person"] == ben.person
        ),
    )
    forged = canonical_bytes(sign_derived(only_ben, world.keys["otto"]))
    with world.database.write() as session:
        session.execute(update(DerivedRow).values(state="held", document=forged))
    assert key_of(world, thing) is None


def _unsigned(envelope: dict[str, Any]) -> Derived:
    body = parse_json(unb64(envelope["payload"], what="It"), what="It")
    return read_form(Derived, body, what="It")


@attack(null_cipher)
def test_a_stolen_folder_with_rows_and_the_jobs_key_is_ciphertext(
    stack: Stack,
) -> None:
    canaries, recordings = planted()
    world = stack.world()
    world.participant(*recordings)
    thing, blob = sealed(world, b"".join(recordings))
    assert world.register(thing).status_code == 200
    assert key_of(world, thing) is not None
    taken = stack.loot(stack.folder / "taken")
    (taken / "dataset.sealed").write_bytes(blob)
    with suppress(SealError):
        (taken / "opened").write_bytes(open_blob(blob, world.job))
    assert search(canaries, [taken]) == {}


@attack(instead(registered, "check_export", nothing))
def test_a_grant_to_read_is_none_to_export_in_clear(stack: Stack) -> None:
    world = stack.world()
    world.participant(b"recorded")
    thing, _ = sealed(world, b"a dataset")
    assert world.register(thing).status_code == 200
    wish = Export(thing.derived, thing.request, "Elsewhere Ltd", "rob", world.iso())
    signed = sign_export(wish, world.keys["rob"])
    answer = world.call("rob", "POST", routes.EXPORTS, signed)
    assert answer.status_code == 403
    assert world.entries("export") == 0
