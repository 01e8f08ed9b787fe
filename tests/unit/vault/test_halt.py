"""Halts as devices and participants hear of them; consent afresh after an exposure."""

from __future__ import annotations

from typing import Any

import pytest

from overt.protocol import routes
from overt.protocol.halt import verify_halt
from overt.vault.govern.acknowledged import KEPT_S
from overt.vault.govern.roster import Roster
from overt.vault.store.rows import HaltAckRow

EXPOSURE = {"cause": "exposure", "could_read": "anyone: a bucket", "notice": "1"}


def pulse(world: Any) -> str:
    return str(world.vault.get(routes.PULSE).json()["pulse"])


def ask(world: Any, device: Any) -> None:
    answer = world.call(device, "POST", routes.LEASE, {"nonce": "n" * 32})
    assert answer.status_code == 200, answer.text


def counts(world: Any) -> Any:
    return world.call("audrey", "GET", routes.STATE).json()["halt"]


def test_the_pulse_changes_with_a_halt_a_lifting_and_a_new_programme(
    world: Any,
) -> None:
    seen = [pulse(world)]
    assert pulse(world) == seen[0]
    world.halt("stella")
    seen.append(pulse(world))
    world.now_s += 60
    world.halt("stella", "rita", state="running", reason="Mended.")
    seen.append(pulse(world))
    Roster(world.database, world.anchor).install(world.programme(version=2))
    seen.append(pulse(world))
    assert len(set(seen)) == 4


def test_participants_are_told_by_the_signed_order_itself(world: Any) -> None:
    device = world.participant()
    assert world.call(device, "GET", routes.WORD).json() == {"order": None}
    said = EXPOSURE | {"next_word_utc": "2026-11-24T10:00:00Z"}
    assert world.halt("exa", reason="A bucket was open.", **said).status_code == 200
    order = world.call(device, "GET", routes.WORD).json()["order"]
    read = verify_halt(order, world.in_force())
    assert (read.reason, read.could_read) == ("A bucket was open.", "anyone: a bucket")
    assert read.next_word_utc == "2026-11-24T10:00:00Z"


def test_after_an_exposure_consent_is_asked_afresh(world: Any) -> None:
    device = world.participant(b"one")
    world.halt("exa", **EXPOSURE)
    world.now_s += 60
    two = ("stella", "rita")
    refused = world.halt(*two, state="running", reason="Mended.")
    assert (refused.status_code, "afresh" in refused.text) == (403, True)
    told = {"version": "2", "language": "en", "text": "A bucket was open. We record."}
    changed = world.programme(version=2, notice=told)
    Roster(world.database, world.anchor).install(changed)
    assert world.halt(*two, state="running", reason="Mended.").status_code == 200
    header, sealed = world.segment(device)
    assert world.put(device, header, sealed).status_code == 403
    world.consent(device)
    header, sealed = world.segment(device)
    assert world.put(device, header, sealed).status_code == 200


def test_an_exposures_halt_is_not_made_harmless_by_a_later_one(world: Any) -> None:
    world.halt("exa", **EXPOSURE)
    world.now_s += 60
    assert world.halt("stella", reason="Another reason.").status_code == 200
    world.now_s += 60
    refused = world.halt("stella", "rita", state="running", reason="Mended.")
    assert (refused.status_code, "afresh" in refused.text) == (403, True)


def test_who_has_heard_is_counted_and_few_are_hidden(world: Any) -> None:
    devices = [world.participant() for _ in range(11)]
    world.halt("stella")
    for device in devices[:4]:
        ask(world, device)
    assert counts(world) == {"acknowledged": None, "silent": 7}
    for device in devices[:5]:
        ask(world, device)
    assert counts(world) == {"acknowledged": 5, "silent": 6}
    ask(world, devices[5])
    assert counts(world) == {"acknowledged": 6, "silent": 5}
    ask(world, devices[6])
    assert counts(world) == {"acknowledged": 7, "silent": None}


def test_who_has_heard_is_kept_for_a_day(world: Any) -> None:
    device = world.participant()
    world.halt("stella")
    ask(world, device)
    with world.database.read() as session:
        assert session.query(HaltAckRow).count() == 1
    world.now_s += KEPT_S + 1
    assert counts(world) == {"acknowledged": None, "silent": None}
    world.halt("stan")
    ask(world, device)
    with world.database.read() as session:
        rows = session.query(HaltAckRow).all()
    assert [row.halt for row in rows] == [2]


@pytest.mark.parametrize("who", ["rob", "otto", "audrey", "anna"])
def test_other_members_do_not_halt(world: Any, who: str) -> None:
    assert world.halt(who).status_code == 403
