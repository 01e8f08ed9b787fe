"""The way of a recording through the vault, and every way that must not exist."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, update

from overt.protocol import routes
from overt.protocol.canonical import canonical_bytes, parse_json, unb64
from overt.protocol.consent import document_digest, sign_consent
from overt.protocol.errors import DataError
from overt.protocol.grants import Approval, sign_approval, sign_request
from overt.protocol.release import ReleaseNames, read_release
from overt.protocol.sealing import sealed_digest
from overt.protocol.signing import public_text
from overt.vault.broker import picking
from overt.vault.broker import release as broker_release
from overt.vault.log.log import Log
from overt.vault.log.verify import verify
from overt.vault.store.rows import (
    AccessRequestRow,
    ApprovalRow,
    ConsentRow,
    DeviceRow,
    PersonKeyRow,
    ProgrammeRow,
    ReleaseRow,
    SegmentRow,
)


def test_what_was_sent_is_released_to_the_job_and_every_read_is_logged(
    world: Any,
) -> None:
    first = world.participant(b"one", b"two", *[b"more"] * 10)
    second = world.participant(b"three")
    request = world.granted()
    assert sorted(world.opened(request)) == sorted(
        [b"one", b"two", b"three", *[b"more"] * 10]
    )
    reads = world.reads()
    assert len(reads) == world.kms.unwraps == 13
    assert {read["person"] for read in reads} == {first.person, second.person}
    assert {read["purpose"] for read in reads} == {"agents"}
    report = verify(world.folder / "log", world.services["log"].public_key())
    assert report.ok
    answer = world.call(first, "GET", routes.READERS).json()
    assert len(answer["reads"]) == 12
    assert answer["reads"][0]["requester"] == "rob"
    assert answer["checkpoint"].startswith(f"overt/{world.programme_id}\n")


def test_a_client_of_another_version_is_told_so_and_nothing_is_read(
    world: Any,
) -> None:
    world.participant(b"one")
    request = world.granted()
    for asked in ({}, {"version": 2}, {"version": 4}, {"version": "3"}):
        answer = world.call(
            "rob", "POST", routes.RELEASES, {"request": request} | asked
        )
        assert (answer.status_code, "in version 3" in answer.text) == (400, True)
    assert (world.reads(), world.kms.unwraps) == ([], 0)


def test_a_signature_verified_once_says_nothing_of_other_bytes_or_keys(
    world: Any,
) -> None:
    device = world.participant(b"one")
    request = world.granted()
    for _ in range(2):
        assert world.opened(request) == [b"one"]
    with world.database.read() as session:
        row = session.query(SegmentRow).one()
    path = world.folder / "objects" / row.object_name
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    forged = sealed_digest(path.read_bytes())
    with world.database.write() as session:
        session.execute(update(SegmentRow).values(sha256=forged))
    with pytest.raises(DataError, match="interrupted"):
        read_release(world.release(request).content)
    path.write_bytes(content)
    mine = Ed25519PrivateKey.generate()
    record = world.record(device, record=device.consent_id)
    with world.database.write() as session:
        session.execute(update(SegmentRow).values(sha256=sealed_digest(content)))
        session.execute(
            update(DeviceRow).values(public_key=public_text(mine.public_key()))
        )
        row = session.get_one(ConsentRow, device.consent_id)
        row.document = canonical_bytes(sign_consent(record, mine))
    with pytest.raises(DataError, match="interrupted"):
        read_release(world.release(request).content)
    assert len(world.reads()) == world.kms.unwraps == 2


def test_what_was_verified_once_is_not_believed_of_other_documents(
    world: Any,
) -> None:
    device = world.participant(b"one")
    request = world.granted()
    assert world.opened(request) == [b"one"]  # now grant and consent are known
    stranger = Ed25519PrivateKey.generate()
    record = world.record(device, record=device.consent_id)
    for table, name in ((ApprovalRow, (request, "rita")), (ConsentRow, record.record)):
        with world.database.write() as session:
            row = session.get_one(table, name)
            kept = row.document
            forged = (
                sign_consent(record, stranger)
                if table is ConsentRow
                else sign_approval(_approval(kept), stranger)
            )
            row.document = canonical_bytes(forged)
        assert world.release(request).status_code == 403
        with world.database.write() as session:
            session.get_one(table, name).document = kept
    assert world.opened(request) == [b"one"]
    assert len(world.reads()) == world.kms.unwraps == 2


def _approval(document: bytes) -> Approval:
    body = parse_json(document, what="It")["payload"]
    return Approval(**parse_json(unb64(body, what="It"), what="It"))


def test_a_roster_without_an_approver_ends_what_they_granted(world: Any) -> None:
    world.participant(b"one")
    request = world.granted()
    assert world.opened(request) == [b"one"]
    roster = asdict(world.in_force())["roster"]
    left = [member for member in roster if member["name"] != "anna"]
    broker_roster = world.broker_app.state.gate.roster
    broker_roster.install(world.programme(version=2, roster=left))
    assert world.release(request).status_code == 403
    assert len(world.reads()) == world.kms.unwraps == 1


def test_a_withdrawal_during_a_stream_counts_from_the_next_batch(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = world.participant(b"one", b"two", b"three")
    request, real = world.granted(), broker_release.open_box

    def withdrawn(*args: Any) -> bytes:
        world.withdraw(device)
        return real(*args)

    monkeypatch.setattr(picking, "BATCH", 1)
    monkeypatch.setattr(broker_release, "open_box", withdrawn)
    with pytest.raises(DataError, match="interrupted"):
        read_release(world.release(request).content)
    assert len(world.reads()) == world.kms.unwraps == 1


def test_nothing_of_a_recording_is_in_any_byte_of_the_vault(world: Any) -> None:
    canary = b"canary text that nobody may find 0123456789"
    world.participant(canary)
    assert world.opened(world.granted()) == [canary]
    for file in world.folder.rglob("*"):
        assert not file.is_file() or canary not in file.read_bytes()


@pytest.mark.parametrize(
    ("approvers", "said"),
    [
        ((), "two people"),
        (("anna",), "two people"),
        (("anna", "amy"), "representative"),
    ],
)
def test_too_few_or_the_wrong_approvals_release_nothing(
    world: Any, approvers: tuple[str, ...], said: str
) -> None:
    world.participant(b"one")
    asked = world.ask()
    for who in approvers:
        world.approve(asked, who)
    answer = world.release(asked["id"])
    assert (answer.status_code, said in answer.json()["error"]) == (403, True)
    assert world.kms.unwraps == 0


def test_nobody_approves_their_own_request_or_reads_anothers(world: Any) -> None:
    world.participant(b"one")
    asked = world.ask(who="amy")
    answer = world.approve(asked, "amy")
    assert (answer.status_code, "own request" in answer.text) == (403, True)
    request = world.granted(who="amy")
    answer = world.release(request, who="rob")
    assert (answer.status_code, "somebody else" in answer.text) == (403, True)
    assert world.release(request, who="amy").status_code == 200


def test_a_refusal_stands(world: Any) -> None:
    world.participant(b"one")
    asked = world.ask()
    world.approve(asked, "rita")
    assert world.approve(asked, "anna", "refuse").json() == {"state": "refused"}
    assert world.release(asked["id"]).status_code == 403


def test_a_changed_request_loses_its_approvals(world: Any) -> None:
    world.participant(b"one")
    request = world.granted()
    changed = world.request(request=request, expires_utc_s=world.now_s + 999_999)
    document = sign_request(changed, world.keys["rob"])
    world.call("rob", "POST", routes.REQUESTS, document)
    assert world.release(request).status_code == 403
    old = {"id": request, "digest": "0" * 64}
    assert world.approve(old, "anna").status_code == 403


def test_a_grant_ends_with_its_time(world: Any) -> None:
    world.participant(b"one")
    request = world.granted()
    world.now_s += 86400
    answer = world.release(request)
    assert (answer.status_code, "expired" in answer.text) == (403, True)


def _insert_grant(world: Any, key: Ed25519PrivateKey) -> str:
    """Play an operator who writes a request and its approvals into the database."""
    request = world.request()
    document = sign_request(request, key)
    digest = document_digest(document)
    with world.database.write() as session:
        session.add(
            AccessRequestRow(
                request_id=request.request,
                requester="rob",
                sha256=digest,
                state="granted",
                document=canonical_bytes(document),
            )
        )
        session.flush()
        for who in ("anna", "rita"):
            approval = Approval(digest, who, "approve", "", world.iso())
            session.add(
                ApprovalRow(
                    request_id=request.request,
                    approver=who,
                    request_sha256=digest,
                    decision="approve",
                    document=canonical_bytes(sign_approval(approval, key)),
                )
            )
    return str(request.request)


def test_inserted_rows_grant_nothing(world: Any) -> None:
    world.participant(b"one")
    forged = _insert_grant(world, Ed25519PrivateKey.generate())
    assert world.release(forged).status_code == 403
    # the researcher's real request with forged approvals
    own = _insert_grant(world, world.keys["rob"])
    assert world.release(own).status_code == 403
    listed = world.call("stella", "GET", routes.REQUESTS).json()["requests"]
    assert {one["state"] for one in listed} == {"invalid", "open"}
    assert world.kms.unwraps == 0


def test_a_roster_in_the_database_is_not_trusted(world: Any) -> None:
    world.participant(b"one")
    request = world.granted()
    mine = [Ed25519PrivateKey.generate() for _ in range(2)]
    world.programme_keys = mine
    forged = canonical_bytes(world.programme(version=2))
    with world.database.write() as session:
        session.execute(update(ProgrammeRow).values(document=forged))
    assert world.release(request).status_code == 403


def test_another_persons_wrapped_key_opens_nothing(world: Any) -> None:
    one, other = world.participant(b"one"), world.participant(b"other")
    request = world.granted(cohort=(one.person,))
    with world.database.write() as session:
        stolen = session.get_one(PersonKeyRow, other.person).wrapped
        session.get_one(PersonKeyRow, one.person).wrapped = stolen
    answer = world.release(request)
    with pytest.raises(DataError, match="interrupted"):
        read_release(answer.content)
    assert (len(world.reads()), world.kms.unwraps) == (1, 0)


def test_altered_or_exchanged_objects_are_not_released(world: Any) -> None:
    device = world.participant(b"one", b"two")
    request = world.granted()
    with world.database.read() as session:
        rows = session.query(SegmentRow).order_by(SegmentRow.sequence).all()
    paths = [world.folder / "objects" / row.object_name for row in rows]
    first, second = (path.read_bytes() for path in paths)
    paths[0].write_bytes(second)
    assert device.sent == 2
    flipped = first[:-70] + bytes([first[-70] ^ 1]) + first[-69:]
    for content in (second, flipped, first[:100]):
        paths[0].write_bytes(content)
        answer = world.release(request)
        with pytest.raises(DataError, match="interrupted"):
            read_release(answer.content)
    assert (world.reads(), world.kms.unwraps) == ([], 0)


def test_consent_decides_purpose_and_data_types(world: Any) -> None:
    world.participant(b"agrees to agents only")
    answer = world.release(world.granted(purpose="study"))
    assert (answer.status_code, "no segment" in answer.text) == (403, True)
    # a segment may hold all data types: asking for less does not cover it
    answer = world.release(world.granted(fields=("input",)))
    assert answer.status_code == 403
    assert "level clear" in world.release(world.granted(level="masked")).text


def test_narrowing_consent_narrows_it_for_what_was_sent(world: Any) -> None:
    device = world.participant(b"one")
    request = world.granted()
    world.now_s += 60
    world.consent(device, purposes={"agents": False, "study": True})
    assert world.release(request).status_code == 403


def test_withdrawn_is_not_released(world: Any) -> None:
    device, other = world.participant(b"gone"), world.participant(b"stays")
    request = world.granted()
    assert world.withdraw(device).status_code == 200
    assert world.opened(request) == [b"stays"]
    world.now_s += 60
    world.consent(device)
    assert world.opened(request) == [b"stays"]
    assert world.withdraw(other).status_code == 200
    assert world.release(request).status_code == 403


def test_a_consent_of_another_device_key_does_not_count(world: Any) -> None:
    device = world.participant(b"one")
    request = world.granted(purpose="study")
    record = world.record(
        device, record=device.consent_id, purposes={"study": True, "agents": True}
    )
    mine = Ed25519PrivateKey.generate()
    with world.database.write() as session:
        row = session.get_one(ConsentRow, device.consent_id)
        row.document = canonical_bytes(sign_consent(record, mine))
    assert world.release(request).status_code == 403
    with world.database.write() as session:
        session.execute(
            update(DeviceRow).values(public_key=public_text(mine.public_key()))
        )
    answer = world.release(request)
    with pytest.raises(DataError, match="interrupted"):
        read_release(answer.content)
    assert world.kms.unwraps == 0


def test_small_cohorts_are_refused_as_the_programme_says(world: Any) -> None:
    device = world.participant(b"one")
    document = world.programme(version=2, min_cohort=2)
    broker_roster = world.broker_app.state.gate.roster
    broker_roster.install(document)
    request = world.granted()
    answer = world.release(request)
    assert (answer.status_code, "fewer than 2 people" in answer.text) == (403, True)
    named = world.request(cohort=(device.person,))
    signed = sign_request(named, world.keys["rob"])
    answer = world.call("rob", "POST", routes.REQUESTS, signed)
    assert (answer.status_code, "smaller than 2" in answer.text) == (403, True)


@pytest.mark.parametrize(
    "purpose", ["performance-review", "emotion-inference", "no-such-purpose"]
)
def test_forbidden_and_foreign_purposes_cannot_be_asked_for(
    world: Any, purpose: str
) -> None:
    signed = sign_request(world.request(purpose=purpose), world.keys["rob"])
    assert world.call("rob", "POST", routes.REQUESTS, signed).status_code == 403


def test_what_is_past_retention_is_not_released(world: Any) -> None:
    world.participant(b"one")
    world.now_s += 31 * 86400
    assert world.release(world.granted()).status_code == 403


def test_a_date_moved_in_the_row_does_not_lengthen_retention(world: Any) -> None:
    world.participant(b"one")
    world.now_s += 31 * 86400
    moved = datetime.fromtimestamp(world.now_s, UTC).date()
    with world.database.write() as session:
        session.execute(update(SegmentRow).values(day=moved))
    answer = world.release(world.granted())
    with pytest.raises(DataError, match="interrupted"):
        read_release(answer.content)
    assert world.kms.unwraps == 0


def test_a_full_log_disk_means_no_read(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.participant(b"one")
    request = world.granted()

    def full(*_: Any) -> int:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(Log, "_commit", full)
        answer = world.release(request)
    with pytest.raises(DataError, match="interrupted"):
        read_release(answer.content)
    assert (world.reads(), world.kms.unwraps) == ([], 0)
    assert world.opened(request) == [b"one"]


def test_a_halt_during_a_stream_ends_it(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.participant(*[b"%d" % number for number in range(5)])
    request = world.granted()
    opened, real = [], broker_release.open_box

    def counted(*args: Any) -> bytes:
        opened.append(args)
        if len(opened) == 2:
            assert world.halt("stella").status_code == 200
        return real(*args)

    monkeypatch.setattr(broker_release, "open_box", counted)
    monkeypatch.setattr(broker_release, "HALT_LOOK_S", 0)
    answer = world.release(request)
    with pytest.raises(DataError, match="interrupted"):
        read_release(answer.content)
    assert len(opened) == 2
    assert len(world.reads()) == world.kms.unwraps == 5  # what the batch announced
    assert world.release(request).status_code == 423


def test_a_stolen_copy_of_the_database_misses_nothing_but_the_key_store(
    world: Any,
) -> None:
    world.participant(b"one")
    world.kms.close()
    (world.folder / "kms/keyring.json").unlink()
    world.key_file.write_bytes(bytes(31) + b"\1")
    world.start()
    request = world.granted()
    with pytest.raises(DataError, match="interrupted"):
        read_release(world.release(request).content)


def test_approvals_are_listed_with_their_documents(world: Any) -> None:
    request = world.granted()
    for who in ("stella", "rob", "anna", "audrey", "rita"):
        listed = world.call(who, "GET", routes.REQUESTS).json()["requests"]
        assert [(one["request"], one["state"]) for one in listed] == [
            (request, "granted")
        ]
        assert len(listed[0]["approvals"]) == 2
    with world.database.write() as session:
        session.execute(delete(ApprovalRow).where(ApprovalRow.approver == "rita"))
    listed = world.call("rob", "GET", routes.REQUESTS).json()["requests"]
    assert listed[0]["state"] == "open"
    assert json.dumps(listed[0]["document"])


def test_each_release_has_names_of_its_own_and_the_vault_finds_back(
    world: Any,
) -> None:
    people = [world.participant(b"one", b"two"), world.participant(b"three")]
    request = world.granted()
    told = []
    for _ in range(2):
        header, parts = read_release(world.release(request).content)
        with world.database.read() as session:
            row = session.get_one(ReleaseRow, header.release)
        names = ReleaseNames(row.names_key or b"")
        for part in parts:
            found = session.get(SegmentRow, names.resolve(part.header.segment))
            assert found is not None
            for name, kept in (
                (part.header.person, found.person),
                (part.header.consent, found.consent_id),
                (part.header.session, found.session_id),
            ):
                assert names.resolve(name) == kept
        told.append({part.header.person for part in parts})
        assert len(told[-1]) == len(people)
        assert len({part.header.consent for part in parts}) == len(people)
        assert sorted(part.header.sequence for part in parts) == [0, 0, 1]
    assert not told[0] & told[1]
