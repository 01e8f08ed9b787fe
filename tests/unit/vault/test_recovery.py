"""A new key reads what a lost device sent: co-signed, noticed, after seven days.

The clock is the world's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.protocol import routes
from overt.protocol.ids import new_id
from overt.protocol.recovery import NOTICE_S, cosign_recovery, sign_recovery
from overt.protocol.signing import public_text
from overt.vault.broker.picking import BATCH
from overt.vault.broker.recoveries import FOLDER
from overt.vault.store.rows import LogEntryRow
from tests.fakes.world import Device, ok

if TYPE_CHECKING:
    from tests.fakes.world import World

DAY_S = 86400


@pytest.fixture
def lost(world: World) -> Device:
    return world.participant(b"one", b"two")


@pytest.fixture
def new(world: World) -> Device:
    """The same human, enrolled anew: another pseudonym, another key."""
    return world.participant()


def said(answer: Any) -> str:
    return str(answer.json()["error"])


def of(lost: Device) -> dict[str, Any]:
    return {"person": lost.person, "recorded_by": lost.id}


def test_after_seven_days_a_cosigned_key_reads_and_the_log_shows_it(
    world: World, lost: Device, new: Device
) -> None:
    answer = ok(world.recover(new, lost))
    assert answer["opens_utc"] == "2026-11-30T00:00:00Z"
    world.now_s += NOTICE_S
    assert world.own_opened(new, **of(lost)) == [b"one", b"two"]
    reads = world.reads()
    assert len(reads) == world.kms.unwraps == 2
    assert {one["requester"] for one in reads} == {new.id}
    assert {one["person"] for one in reads} == {lost.person}
    assert world.own_opened(lost) == [b"one", b"two"]  # nothing taken from it


def test_on_the_sixth_day_and_a_second_before_nothing_opens(
    world: World, lost: Device, new: Device
) -> None:
    ok(world.recover(new, lost))
    for wait_s in (6 * DAY_S, DAY_S - 1):
        world.now_s += wait_s
        refused = world.ask_own(new, **of(lost))
        assert (refused.status_code, "opens at 2026-11-30" in said(refused)) == (
            403, True
        )  # fmt: skip
    assert world.reads() == []
    world.now_s += 1
    assert world.ask_own(new, **of(lost)).status_code == 200


def test_sent_again_a_recovery_neither_hastens_nor_waits_anew(
    world: World, lost: Device, new: Device
) -> None:
    document = world.recovery(new, lost)
    first = ok(world.call("rita", "POST", routes.RECOVERIES, document))
    world.now_s += 3 * DAY_S
    assert ok(world.call("rita", "POST", routes.RECOVERIES, document)) == first
    assert world.entries("own-recovery") == 1


@pytest.mark.parametrize("who", ["stella", "anna", "rob"])
def test_only_a_representative_cosigns(
    world: World, lost: Device, new: Device, who: str
) -> None:
    document = world.recovery(new, lost, who=who)
    refused = world.call("rita", "POST", routes.RECOVERIES, document)
    assert (refused.status_code, "No representative" in said(refused)) == (403, True)
    assert world.call(who, "POST", routes.RECOVERIES, document).status_code == 403
    alone = sign_recovery(world.wish(new, lost), new.key)
    assert world.call("rita", "POST", routes.RECOVERIES, alone).status_code == 403
    world.now_s += NOTICE_S
    assert world.ask_own(new, **of(lost)).status_code == 403
    assert world.entries("own-recovery") == 0


def test_a_representative_alone_recovers_nothing(
    world: World, lost: Device, new: Device
) -> None:
    wish = world.wish(new, lost)
    forged = sign_recovery(wish, world.keys["rita"])
    refused = world.call("rita", "POST", routes.RECOVERIES, forged)
    assert refused.status_code == 403


def test_a_representative_who_manages_participants_cosigns_nothing(
    world: World, lost: Device, new: Device
) -> None:
    body = world.body(version=2)
    people = [
        one | ({"manages": True} if one["name"] == "rita" else {})
        for one in body["roster"]
    ]
    document = world.programme(version=2, roster=people)
    ok(world.call("stella", "POST", routes.PROGRAMME, document))
    refused = world.recover(new, lost)
    assert (refused.status_code, "manages" in said(refused)) == (403, True)


def test_who_cosigned_has_to_be_representative_still(
    world: World, lost: Device, new: Device
) -> None:
    ok(world.recover(new, lost))
    ron = world.keys["ron"] = Ed25519PrivateKey.generate()
    people = [
        one | ({"roles": ["approver"]} if one["name"] == "rita" else {})
        for one in world.body()["roster"]
    ]
    people.append(
        next(one for one in people if one["name"] == "stan")
        | {"name": "ron", "human": "ron", "roles": ["representative"]}
        | {"key": public_text(ron.public_key())}
    )
    document = world.programme(version=2, roster=people)
    ok(world.call("stella", "POST", routes.PROGRAMME, document))
    world.now_s += NOTICE_S
    assert world.ask_own(new, **of(lost)).status_code == 403
    # the new representative's word opens it in its turn, whatever the old one signed
    again = world.recovery(new, lost, who="ron")
    ok(world.call("ron", "POST", routes.RECOVERIES, again))
    assert world.ask_own(new, **of(lost)).status_code == 403
    world.now_s += NOTICE_S
    assert world.ask_own(new, **of(lost)).status_code == 200


def test_an_objection_of_the_old_device_stops_it_for_good(
    world: World, lost: Device, new: Device
) -> None:
    document = world.recovery(new, lost)
    name = ok(world.call("rita", "POST", routes.RECOVERIES, document))["recovery"]
    ok(world.object(lost, name))
    ok(world.object(lost, name))
    world.now_s += NOTICE_S
    refused = world.ask_own(new, **of(lost))
    assert (refused.status_code, "objected" in said(refused)) == (403, True)
    again = world.call("rita", "POST", routes.RECOVERIES, document)
    assert (again.status_code, "objected" in said(again)) == (403, True)
    assert world.reads() == []


def test_it_can_be_objected_to_late_and_while_the_programme_is_halted(
    world: World, lost: Device, new: Device
) -> None:
    name = ok(world.recover(new, lost))["recovery"]
    world.now_s += NOTICE_S
    assert world.own_opened(new, **of(lost)) == [b"one", b"two"]
    ok(world.halt("rita"))
    ok(world.object(lost, name))
    assert world.recover(new, lost).status_code == 423
    world.now_s += 1
    ok(world.halt("rita", "stella", state="running", reason="Over."))
    assert world.ask_own(new, **of(lost)).status_code == 403


def test_nobody_else_objects(world: World, lost: Device, new: Device) -> None:
    name = ok(world.recover(new, lost))["recovery"]
    assert world.object(new, name).status_code == 403
    assert world.object(world.participant(), name).status_code == 403
    assert world.object(lost, new_id("rcv")).status_code == 404
    world.now_s += NOTICE_S
    assert world.ask_own(new, **of(lost)).status_code == 200


def test_a_recovery_is_for_one_key_one_device_one_person(
    world: World, lost: Device, new: Device
) -> None:
    other, third = world.participant(b"of another"), world.participant()
    ok(world.recover(new, lost))
    world.now_s += NOTICE_S
    for device, changes in (
        (new, of(other)),
        (third, of(lost)),
        (new, of(lost) | {"person": new.person}),
        (new, of(lost) | {"own": world.own_read(third).own}),
    ):
        assert world.ask_own(device, **changes).status_code == 403
    assert world.reads() == []


def test_a_recovery_for_a_device_that_is_not_that_persons_opens_nothing(
    world: World, lost: Device, new: Device
) -> None:
    """The notice would go to somebody else."""
    accomplice = world.participant()
    wish = world.wish(new, lost, person=accomplice.person)
    document = cosign_recovery(sign_recovery(wish, new.key), world.keys["rita"])
    ok(world.call("rita", "POST", routes.RECOVERIES, document))
    world.now_s += NOTICE_S
    for person in (accomplice.person, lost.person):
        changes = {"person": person, "recorded_by": lost.id}
        assert world.ask_own(new, **changes).status_code == 403
    assert world.reads() == []


def test_an_old_or_a_changed_recovery_is_refused(
    world: World, lost: Device, new: Device
) -> None:
    document = world.recovery(new, lost)
    world.now_s += NOTICE_S + 1
    late = world.call("rita", "POST", routes.RECOVERIES, document)
    assert (late.status_code, "time is off" in said(late)) == (403, True)
    wish = world.wish(new, lost)
    ok(world.recover(new, lost, recovery=wish.recovery))
    other = world.participant()
    taken = world.recover(other, lost, recovery=wish.recovery)
    assert (taken.status_code, "Another recovery" in said(taken)) == (403, True)


def test_a_notice_that_is_off_the_log_opens_nothing(
    world: World, lost: Device, new: Device
) -> None:
    number = ok(world.recover(new, lost))["log_index"]
    with world.database.write() as session:
        session.get_one(LogEntryRow, number).entry = None
    world.now_s += NOTICE_S
    refused = world.ask_own(new, **of(lost))
    assert (refused.status_code, "log" in said(refused)) == (403, True)


def test_its_devices_see_the_notice_on_the_log(
    world: World, lost: Device, new: Device
) -> None:
    name = ok(world.recover(new, lost))["recovery"]
    page = ok(world.call(lost, "GET", f"{routes.ENTRIES}?start=0"))["entries"]
    assert any(name in one["entry"] for one in page)


def test_recoveries_outlive_the_broker(world: World, lost: Device, new: Device) -> None:
    ok(world.recover(new, lost))
    assert list((world.folder / "log" / FOLDER).glob("rcv_*.json"))
    world.stop()
    world.start()
    world.now_s += NOTICE_S
    assert world.own_opened(new, **of(lost)) == [b"one", b"two"]


def test_all_of_a_device_comes_batch_by_batch(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from overt.vault.broker import picking

    assert BATCH > 2
    monkeypatch.setattr(picking, "BATCH", 2)
    device = world.enrol()
    world.consent(device)
    sent = [world.send(device, data) for data in (b"one", b"two", b"three")]
    assert world.own_opened(device) == [b"one", b"two"]
    assert world.own_opened(device, after=sent[1]) == [b"three"]
    assert world.own_opened(device, after=sent[2]) == []
    assert world.ask_own(device, after=new_id("seg")).status_code == 403
