"""Attacks on what people may read of their own: log-ins, rows, replays."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.protocol import ownread, routes
from overt.protocol.canonical import canonical_bytes
from overt.protocol.errors import GovernError
from overt.protocol.ids import new_id
from overt.protocol.ownread import sign_own_read
from overt.protocol.recovery import (
    NOTICE_S,
    asked_recovery,
    cosign_recovery,
    sign_recovery,
)
from overt.protocol.release import open_parts, read_parts
from overt.protocol.sealing import parse_sealed, sealed_digest
from overt.protocol.signing import key_id, public_text, sign_document
from overt.vault.broker import own, recoveries
from overt.vault.broker.recoveries import Recoveries
from overt.vault.log.book import EntryBook
from overt.vault.store.objects import new_object_name
from overt.vault.store.rows import DeviceRow, InvitationRow, LogEntryRow, SegmentRow
from tests.attacks.rows import attack, instead

if TYPE_CHECKING:
    import httpx
    import pytest

    from tests.fakes.stacks import Stack
    from tests.fakes.world import Device, World

CANARY = b"canary of somebody's own recording"
STRANGER = Ed25519PrivateKey.from_private_bytes(b"\x56" * 32)


def nothing(*_: Any, **__: Any) -> None:
    """Check nothing."""


def opened(answer: httpx.Response, thief: Device) -> list[bytes]:
    """Open whatever there is in an answer with the thief's key."""
    if answer.status_code != 200:
        return []
    size = int.from_bytes(answer.content[8:12], "little")
    parts = list(read_parts(answer.content, 12 + size))
    return list(open_parts(answer.content, parts, thief.own))


@attack(instead(own, "check_recorder", nothing))
def test_a_login_alone_opens_nothing(stack: Stack) -> None:
    """Members by their keys, and a device that was enrolled for the same person."""
    world = stack.world()
    victim, thief = world.participant(CANARY), world.invite()
    thief.person = victim.person
    with world.database.write() as session:  # as the operator would
        code = session.query(InvitationRow).filter_by(state="open").one()
        code.person = victim.person
    world.enrol(thief)
    asked = {"recorded_by": victim.id, "person": victim.person}
    assert opened(world.ask_own(thief, **asked), thief) == []
    for who in world.keys:
        thief.key = world.keys[who]
        document = sign_own_read(world.own_read(thief, **asked), thief.key)
        answer = world.call(who, "POST", routes.OWN, document)
        assert answer.status_code == 403, who
    assert world.reads() == []
    assert world.kms.unwraps == 0


CLAIMED = [""]


def _ids_name_no_key(patch: pytest.MonkeyPatch) -> None:
    """A device's id is a random word, and its key is what the row says."""
    for module in (ownread, own):
        patch.setattr(module, "device_id", lambda _key: CLAIMED[0])


@attack(_ids_name_no_key)
def test_an_operator_who_signs_a_recording_anew_opens_nothing(stack: Stack) -> None:
    """Full rights on rows and objects: the device's key and every signature replaced.

    A signature alone proves nothing here: it can be cut off and made again.
    """
    world = stack.world()
    victim = world.participant(CANARY)
    CLAIMED[0] = victim.id
    with world.database.write() as session:
        device = session.get_one(DeviceRow, victim.id)
        device.public_key = public_text(STRANGER.public_key())
        device.key_id = key_id(STRANGER.public_key())
        row = session.query(SegmentRow).one()
        sealed = parse_sealed(world.objects.get(row.object_name))
        data = sealed.signed + STRANGER.sign(sealed.signed)
        row.object_name, row.sha256 = new_object_name(), sealed_digest(data)
        world.objects.put(row.object_name, data)
    victim.key = STRANGER
    assert opened(world.ask_own(victim), victim) == []
    assert world.reads() == []
    assert world.kms.unwraps == 0


@attack(instead(own, "once", nothing))
def test_an_own_read_that_was_caught_is_not_answered_again(stack: Stack) -> None:
    world = stack.world()
    device = world.participant(CANARY)
    document = sign_own_read(world.own_read(device), device.key)
    assert world.call(device, "POST", routes.OWN, document).status_code == 200
    assert world.call(device, "POST", routes.OWN, document).status_code == 409
    assert len(world.reads()) == world.kms.unwraps == 1


def _any_signature(envelope: Any, kind: str, *_: Any, **__: Any) -> Any:
    from overt.protocol.canonical import parse_json, unb64

    assert kind
    return parse_json(unb64(envelope["payload"], what="it"), what="it")


@attack(instead(ownread, "verify_document", _any_signature))
def test_an_own_read_in_somebody_elses_name_opens_nothing(stack: Stack) -> None:
    """Passed on by a server that was broken into, sealed to the thief's key."""
    world = stack.world()
    victim, thief = world.participant(CANARY), world.participant()
    body = asdict(world.own_read(victim, own=world.own_read(thief).own))
    document = sign_document("own-read.v1", body, [thief.key])
    answer = _passed_on(world, document)
    assert opened(answer, thief) == []
    assert world.reads() == []


def _passed_on(
    world: World, document: Any, route: str = routes.OWN_READS
) -> httpx.Response:
    """Ask the broker as the vault server does, with its token."""
    from overt.vault.govern.passes import make_pass
    from tests.fakes.world import TOKEN

    body = canonical_bytes(document)
    proof = make_pass(TOKEN, route, body, world.now_s)
    headers = {"Authorization": proof}
    return world.broker.post(route, content=body, headers=headers)


def _rows_count(self: Any, read: Any, _: Any) -> None:
    """Believe the log's rows."""
    rows = EntryBook(self.parts.database, "").find("own-recovery", person=read.person)
    if not any(read.device.encode() in entry for _, _, entry in rows):
        raise GovernError(read.read)


@attack(instead(Recoveries, "check", _rows_count))
def test_a_recovery_that_an_operator_inserts_opens_nothing(stack: Stack) -> None:
    """A notice of last month, with its entry, its salt, and a device of the thief's."""
    world = stack.world()
    victim, thief = world.participant(CANARY), world.participant()
    entry = {
        "kind": "own-recovery", "subject": new_id("rcv"), "person": victim.person,
        "day": "2026-10-01", "recorded_by": victim.id, "device": thief.id,
        "representative": "rita", "opens_utc": "2026-10-08T00:00:00Z",
    }  # fmt: skip
    with world.database.write() as session:
        session.add(
            LogEntryRow(
                number=10_000, kind="own-recovery", person=victim.person,
                subject=entry["subject"], salt=bytes(32), entry=canonical_bytes(entry),
            )
        )  # fmt: skip
    assert opened(world.ask_own(thief, **_of(victim)), thief) == []
    assert world.reads() == []


def _of(lost: Device) -> dict[str, Any]:
    return {"person": lost.person, "recorded_by": lost.id}


def _no_cosignature(envelope: Any, programme: Any) -> Any:
    return asked_recovery(envelope), programme.member("rita")


@attack(instead(recoveries, "verify_recovery", _no_cosignature))
def test_without_the_representative_no_recovery_begins(stack: Stack) -> None:
    """Passed on by a server that was broken into; then the thief waits."""
    world = stack.world()
    victim, thief = world.participant(CANARY), world.participant()
    alone = sign_recovery(world.wish(thief, victim), thief.key)
    stewards = cosign_recovery(alone, world.keys["stella"])
    for document in (alone, stewards):
        _passed_on(world, document, routes.OWN_RECOVERIES)
        world.now_s += NOTICE_S
    assert opened(world.ask_own(thief, **_of(victim)), thief) == []
    assert world.entries("own-recovery") == 0


@attack(instead(recoveries, "NOTICE_S", 0))
def test_a_thief_with_the_representative_has_to_wait_in_the_open(stack: Stack) -> None:
    """Rows of the log set back by the operator do not hasten it."""
    world = stack.world()
    victim, thief = world.participant(CANARY), world.participant()
    assert world.recover(thief, victim).status_code == 200
    told = world.call(victim, "GET", f"{routes.ENTRIES}?start=0").json()["entries"]
    assert any(thief.id in one["entry"] for one in told)
    world.now_s += 6 * 86400
    assert opened(world.ask_own(thief, **_of(victim)), thief) == []
    assert world.reads() == []


def _rows_object(self: Any, recovery: str) -> bool:
    """Believe that what the log's rows do not say was not said."""
    return bool(
        EntryBook(self.parts.database, "").find("own-objection", subject=recovery)
    )


@attack(instead(Recoveries, "_objected", _rows_object))
def test_an_objection_outlives_its_rows(stack: Stack) -> None:
    """The operator deletes it from the database."""
    world = stack.world()
    victim, thief = world.participant(CANARY), world.participant()
    name = world.recover(thief, victim).json()["recovery"]
    assert world.object(victim, name).status_code == 200
    with world.database.write() as session:
        session.query(LogEntryRow).filter_by(kind="own-objection").delete()
    world.now_s += NOTICE_S
    assert opened(world.ask_own(thief, **_of(victim)), thief) == []
    assert world.reads() == []
