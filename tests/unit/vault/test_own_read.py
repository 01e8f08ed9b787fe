"""A participant reads what is theirs: no grant, one entry a segment, one key alone."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.protocol import routes
from overt.protocol.canonical import b64, canonical_bytes
from overt.protocol.errors import SealError
from overt.protocol.ids import new_id
from overt.protocol.ownread import sign_own_read
from overt.protocol.release import open_release, read_release
from overt.protocol.signing import device_id, public_text, sign_document
from overt.vault.exposure.audit import _readers
from overt.vault.govern.passes import make_pass
from overt.vault.govern.reports import log_lines
from overt.vault.store.rows import DeviceRow
from tests.fakes.world import TOKEN, ok

if TYPE_CHECKING:
    from tests.fakes.world import World


def said(answer: Any) -> str:
    return str(answer.json()["error"])


def test_a_device_reads_back_what_it_sent_and_each_read_is_logged(world: World) -> None:
    device = world.participant(b"one", b"two")
    world.participant(b"of somebody else")
    before = world.kms.unwraps
    assert world.own_opened(device) == [b"one", b"two"]
    reads = world.reads()
    assert len(reads) == world.kms.unwraps - before == 2
    assert {(one["purpose"], one["requester"]) for one in reads} == {("own", device.id)}
    assert {one["person"] for one in reads} == {device.person}


def test_members_are_not_told_who_reads_their_own(world: World) -> None:
    device = world.participant(b"one")
    world.own_opened(device)
    lines = log_lines(world.database, 1)
    assert [(one["purpose"], one["requester"], one["request"]) for one in lines] == [
        ("own", "a participant", "")
    ]
    assert _readers(world.database).read == {"participants, of their own": 1}


def test_the_answer_names_segments_as_their_person_knows_them(world: World) -> None:
    device = world.enrol()
    world.consent(device)
    sent = [world.send(device, data) for data in (b"one", b"two")]
    held = ok(world.call(device, "GET", routes.OWN))["segments"]
    assert [(one["segment"], one["device"]) for one in held] == [
        (name, device.id) for name in sent
    ]
    answer = world.ask_own(device, segments=(sent[1],))
    header, parts = read_release(answer.content)
    assert [part.header.segment for part in parts] == [sent[1]]
    assert [part.header.person for part in parts] == [device.person]
    assert list(open_release(answer.content, device.own)) == [b"two"]
    assert header.expires_utc_s == 0
    with pytest.raises(SealError):
        list(open_release(answer.content, world.job))


def test_withdrawal_takes_nothing_from_its_person_and_erasure_does(
    world: World,
) -> None:
    device = world.participant(b"one")
    ok(world.withdraw(device))
    assert world.own_opened(device) == [b"one"]
    ok(world.withdraw(device, erase=True))
    refused = world.ask_own(device)
    assert refused.status_code == 403
    assert len(world.reads()) == world.kms.unwraps == 1


def test_no_retention_bars_its_person_from_what_is_still_held(world: World) -> None:
    device = world.participant(b"one")
    world.now_s += 90 * 86400  # three times the programme's retention
    assert world.own_opened(device) == [b"one"]


def test_a_halt_closes_own_reads_until_it_is_lifted(world: World) -> None:
    device = world.participant(b"one")
    ok(world.halt("rita"))
    assert world.ask_own(device).status_code == 423
    document = sign_own_read(world.own_read(device), device.key)
    body = canonical_bytes(document)
    proof = make_pass(TOKEN, routes.OWN_READS, body, world.now_s)
    past_server = world.broker.post(
        routes.OWN_READS, content=body, headers={"Authorization": proof}
    )
    assert past_server.status_code == 423
    assert world.reads() == []


def test_an_own_read_is_answered_once_and_while_it_is_fresh(world: World) -> None:
    device = world.participant(b"one")
    document = sign_own_read(world.own_read(device), device.key)
    assert world.call(device, "POST", routes.OWN, document).status_code == 200
    again = world.call(device, "POST", routes.OWN, document)
    assert (again.status_code, "before" in said(again)) == (409, True)
    document = sign_own_read(world.own_read(device), device.key)
    world.now_s += 121
    late = world.call(device, "POST", routes.OWN, document)
    assert (late.status_code, "time is off" in said(late)) == (403, True)
    assert len(world.reads()) == 1


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"recorded_by": new_id("dev")}, 403, "Another device"),
        ({"programme": new_id("prog")}, 403, "another programme"),
        ({"person": new_id("part")}, 403, "may not read own"),
        ({"segments": (new_id("seg"),)}, 403, "not held"),
        ({"segments": ("x",)}, 400, "is not an id"),
        ({"read": "x"}, 400, "is not an id"),
        ({"own": b64(b"short")}, 400, "sealing public key"),
        ({"given_utc": "2026-11-23T00:00:00"}, 400, "no time zone"),
        ({"given_utc": "soon"}, 400, "not ISO 8601"),
    ],
)
def test_what_does_not_hold_is_refused_before_anything_is_read(
    world: World, changes: dict[str, Any], status: int, words: str
) -> None:
    device = world.participant(b"one")
    refused = world.ask_own(device, **changes)
    assert (refused.status_code, words in said(refused)) == (status, True)
    assert world.reads() == []
    assert world.kms.unwraps == 0


def test_nobody_reads_for_another_device(world: World) -> None:
    victim, thief = world.participant(b"one"), world.participant(b"two")
    for changes in (
        {"recorded_by": victim.id, "person": victim.person},
        {"key": public_text(victim.key.public_key()), "recorded_by": victim.id},
    ):
        body = asdict(world.own_read(thief, **changes))
        document = sign_document("own-read.v1", body, [thief.key])
        assert world.call(thief, "POST", routes.OWN, document).status_code == 403
    assert world.reads() == []


def test_a_row_that_names_another_key_for_a_device_opens_nothing(world: World) -> None:
    device = world.participant(b"one")
    stranger = Ed25519PrivateKey.generate()
    with world.database.write() as session:
        row = session.get_one(DeviceRow, device.id)
        row.public_key = public_text(stranger.public_key())
    document = sign_own_read(world.own_read(device), device.key)
    body = canonical_bytes(document)
    proof = make_pass(TOKEN, routes.OWN_READS, body, world.now_s)
    refused = world.broker.post(
        routes.OWN_READS, content=body, headers={"Authorization": proof}
    )
    assert (refused.status_code, "not that of its key" in said(refused)) == (403, True)
    assert world.reads() == []


def test_a_device_is_taken_in_under_the_id_of_its_key_alone(world: World) -> None:
    device = world.invite()
    document = world.enrolment(device, device=new_id("dev"))
    refused = world.vault.post(routes.ENROL, content=json.dumps(document))
    assert (refused.status_code, "not that of its key" in said(refused)) == (403, True)
    assert device.id == device_id(device.key.public_key())
