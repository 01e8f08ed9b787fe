"""Enrolment, consent, sending: accepted once, whole, from the right device."""

from __future__ import annotations

import json
import secrets
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.protocol import routes
from overt.protocol.calls import sign_call
from overt.protocol.consent import (
    document_digest,
    sign_consent,
    verify_lease,
    verify_receipt,
)
from overt.protocol.errors import NetworkError, VaultError
from overt.protocol.ids import new_id
from overt.protocol.invitation import sign_person_key
from overt.protocol.programme import Anchor
from overt.protocol.sealing import SealingKey, sealed_digest
from overt.protocol.signing import device_id, public_text
from overt.vault.govern.roster import Roster
from overt.vault.ingest.broker_client import BrokerClient
from overt.vault.log.book import EntryBook


def enrol(world: Any, document: dict[str, Any]) -> httpx.Response:
    answer: httpx.Response = world.vault.post(
        routes.ENROL, content=json.dumps(document)
    )
    return answer


def test_the_programme_that_is_served_verifies_by_the_pinned_keys(world: Any) -> None:
    served = world.vault.get(routes.PROGRAMME).json()
    assert world.anchor.programme_of(served) == world.in_force()
    assert world.vault.get(routes.HEALTH).json() == {"ok": True}


def test_enrolment_gives_the_same_receipt_again(world: Any) -> None:
    device = world.invite()
    document = world.enrolment(device)
    first, again = enrol(world, document), enrol(world, document)
    assert first.content == again.content
    receipt = verify_receipt(
        first.json(), world.in_force(), digest=document_digest(document)
    )
    assert (receipt.kind, receipt.subject) == ("enrolment", device.id)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"code": "guessed"}, "not known"),
        ({"person": new_id("part")}, "not known"),
        ({"programme": new_id("prog")}, "another programme"),
    ],
)
def test_enrolment_needs_its_own_invitation(
    world: Any, changes: dict[str, str], said: str
) -> None:
    answer = enrol(world, world.enrolment(world.invite(), **changes))
    assert (answer.status_code, said in answer.json()["error"]) == (403, True)
    assert answer.json()["remedy"].startswith("Ask the representative")


def test_invitations_are_used_once_and_expire(world: Any) -> None:
    device = world.enrol()
    device.key = Ed25519PrivateKey.generate()
    device.id = device_id(device.key.public_key())
    answer = enrol(world, world.enrolment(device))
    assert (answer.status_code, "used" in answer.text) == (403, True)
    late = world.invite()
    world.now_s += 3600
    answer = enrol(world, world.enrolment(late))
    assert (answer.status_code, "expired" in answer.text) == (403, True)


def test_enrolment_is_signed_by_the_key_that_it_names(world: Any) -> None:
    device = world.invite()
    foreign = public_text(Ed25519PrivateKey.generate().public_key())
    assert enrol(world, world.enrolment(device, key=foreign)).status_code == 403
    for body in ({}, {"payload": "!"}, {"payload": "e30"}):
        assert enrol(world, body).status_code == 400
    assert world.vault.post(routes.ENROL, content=b"no json").status_code == 400


def test_an_invitation_carries_a_vault_key_of_the_programme_keys(world: Any) -> None:
    device = world.invite()
    swapped = SealingKey.generate().public
    body = {"person": device.person, "code_sha256": "0" * 64, "expires_utc_s": 2**40}

    def invite(keys: list[Ed25519PrivateKey]) -> httpx.Response:
        document = sign_person_key(world.programme_id, device.person, swapped, keys)
        sent = body | {"person_key": document}
        answer: httpx.Response = world.call("stella", "POST", routes.INVITATIONS, sent)
        return answer

    forged = invite([Ed25519PrivateKey.generate() for _ in range(2)])
    assert (forged.status_code, forged.json()["code"]) == (403, "SealError")
    # even the programme keys cannot bind a key that the broker has not made
    foreign = invite(world.programme_keys)
    assert (foreign.status_code, foreign.json()["code"]) == (403, "GovernError")


def test_a_lease_answers_its_nonce(world: Any) -> None:
    device = world.enrol()
    nonce = secrets.token_hex(16)
    answer = world.call(device, "POST", routes.LEASE, {"nonce": nonce})
    lease = verify_lease(answer.json(), world.in_force(), nonce=nonce)
    assert (lease.state, lease.duration_s, lease.version) == ("running", 60, 1)
    short = world.call(device, "POST", routes.LEASE, {"nonce": "x"})
    assert short.status_code == 400


def test_consent_is_given_once_and_by_its_own_device(world: Any) -> None:
    device, other = world.enrol(), world.enrol()
    document = sign_consent(world.record(device), device.key)
    first = world.call(device, "POST", routes.CONSENTS, document)
    again = world.call(device, "POST", routes.CONSENTS, document)
    assert (first.status_code, first.content) == (200, again.content)
    stolen = sign_consent(world.record(device), other.key)
    assert world.call(other, "POST", routes.CONSENTS, stolen).status_code == 403
    assert world.call(device, "POST", routes.CONSENTS, stolen).status_code == 403
    assert EntryBook(world.database, "").count_of("consent") == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"notice_digest": "0" * 64},
        {"purposes": {"discipline": True}},
        {"data_types": {"audio": True}},
        {"programme": "prog_another"},
    ],
)
def test_consent_fits_the_programme(world: Any, changes: dict[str, Any]) -> None:
    device = world.enrol()
    document = sign_consent(world.record(device, **changes), device.key)
    answer = world.call(device, "POST", routes.CONSENTS, document)
    assert (answer.status_code, answer.json()["code"]) == (403, "ConsentError")


def test_a_withdrawn_consent_does_not_come_back(world: Any) -> None:
    device = world.enrol()
    record = world.record(device)
    document = sign_consent(record, device.key)
    world.call(device, "POST", routes.CONSENTS, document)
    device.consent_id = record.record
    first = world.withdraw(device)
    assert first.status_code == 200
    assert world.withdraw(device).content == first.content
    assert world.call(device, "POST", routes.CONSENTS, document).status_code == 403
    header, sealed = world.segment(device)
    assert world.put(device, header, sealed).json()["code"] == "ConsentError"


def test_a_segment_is_admitted_once_with_the_same_receipt(world: Any) -> None:
    device = world.participant()
    header, sealed = world.segment(device)
    first, again = (
        world.put(device, header, sealed),
        world.put(device, header, sealed),
    )
    assert (first.status_code, first.content) == (200, again.content)
    receipt = verify_receipt(
        first.json(), world.in_force(), digest=sealed_digest(sealed)
    )
    entry = EntryBook(world.database, "").entry(receipt.log_index)
    assert entry is not None
    assert json.loads(entry[2])["subject"] == header.segment
    assert len(list(world.objects.names())) == 1


def test_other_bytes_in_the_same_place_are_a_conflict(world: Any) -> None:
    device = world.participant()
    header, sealed = world.segment(device)
    assert world.put(device, header, sealed).status_code == 200
    # the same id with fresh encryption; another id with the same number
    _, other = world.segment(device, segment=header.segment)
    assert world.put(device, header, other).status_code == 409
    header, other = world.segment(device)
    assert world.put(device, header, other).status_code == 409
    assert len(list(world.objects.names())) == 1


def test_a_segment_of_another_is_refused(world: Any) -> None:
    device, other = world.participant(), world.participant()
    for changes in (
        {"person": other.person},
        {"device": other.id},
        {"programme": new_id("prog")},
        {"consent": other.consent_id},
        {"consent": new_id("cons")},
    ):
        header, sealed = world.segment(device, **changes)
        assert world.put(device, header, sealed).status_code == 403
    header, sealed = world.segment(other)
    assert world.put(device, header, sealed).status_code == 403
    assert list(world.objects.names()) == []


def test_altered_torn_and_misnamed_segments_are_refused(world: Any) -> None:
    device = world.participant()
    header, sealed = world.segment(device)
    altered = sealed[:-100] + bytes([sealed[-100] ^ 1]) + sealed[-99:]
    assert world.put(device, header, altered).status_code == 403
    assert world.put(device, header, sealed[:-1]).status_code == 400
    assert world.put(device, header, b"").status_code == 400
    target = f"{routes.SEGMENTS}/{new_id('seg')}"
    assert world.call(device, "PUT", target, sealed).status_code == 400
    for day in ("2026-10-01", "2026-12-24", "yesterday"):
        header, sealed = world.segment(device, day=day)
        assert world.put(device, header, sealed).status_code == 400


def test_a_body_beyond_the_limit_is_refused(world: Any) -> None:
    device = world.participant()
    answer = world.call(device, "POST", routes.CONSENTS, bytes((1 << 20) + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "TooLargeError")


def test_a_call_is_accepted_once_and_for_its_own_route(world: Any) -> None:
    device = world.enrol()
    body = json.dumps({"nonce": "n" * 32}).encode()
    signed = {
        "method": "POST",
        "target": routes.LEASE,
        "body": body,
        "utc_s": world.now_s,
        "nonce": "once-and-no-more",
    }
    headers = {"Authorization": sign_call(device.key, **signed)}
    first = world.vault.post(routes.LEASE, content=body, headers=headers)
    again = world.vault.post(routes.LEASE, content=body, headers=headers)
    assert (first.status_code, again.status_code) == (200, 409)
    other = world.vault.post(routes.CONSENTS, content=body, headers=headers)
    assert other.status_code == 403
    signed |= {"nonce": "late-by-a-second", "utc_s": world.now_s - 121}
    headers = {"Authorization": sign_call(device.key, **signed)}
    late = world.vault.post(routes.LEASE, content=body, headers=headers)
    assert (late.status_code, "clock" in late.text) == (403, True)
    for value in ("", "Basic abc", "Overt a,b,c,d"):
        answer = world.vault.post(routes.LEASE, headers={"Authorization": value})
        assert answer.status_code in (400, 401)


def test_a_broker_that_is_away_loses_nothing(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = world.participant()
    header, sealed = world.segment(device)

    def away(*_: Any) -> None:
        raise NetworkError("The key broker is away.")

    with monkeypatch.context() as patch:
        patch.setattr(BrokerClient, "append", away)
        assert world.put(device, header, sealed).status_code == 503
        # a withdrawal takes effect all the same
    assert world.put(device, header, sealed).status_code == 200
    request = world.granted()
    with monkeypatch.context() as patch:
        patch.setattr(BrokerClient, "append", away)
        assert world.withdraw(device).status_code == 503
    assert world.release(request).status_code == 403
    assert world.withdraw(device).status_code == 200
    assert EntryBook(world.database, "").count_of("segment") == 1


def test_a_broker_client_says_what_is_wrong() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        return httpx.Response(503)

    def fail(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    for handler, error in ((refuse, VaultError), (fail, NetworkError)):
        client = httpx.Client(
            transport=httpx.MockTransport(handler), base_url="http://broker.test"
        )
        with pytest.raises(error, match="key broker"):
            BrokerClient(client, "token").append([{}])


def test_the_log_is_served_file_by_file_and_nothing_else(world: Any) -> None:
    world.participant(b"one")
    answer = world.vault.get(f"{routes.LOG}/checkpoint")
    assert answer.text.startswith(f"overt/{world.programme_id}\n")
    size = int(answer.text.splitlines()[1])
    assert world.vault.get(f"{routes.LOG}/tile/0/000.p/{size}").status_code == 200
    for path in ("tile/0/001", "../vault.db", "%2e%2e/vault.db"):
        assert world.vault.get(f"{routes.LOG}/{path}").status_code == 404


def test_a_programme_is_replaced_by_a_higher_version_alone(world: Any) -> None:
    roster = Roster(world.database, world.anchor)
    assert roster.install(world.programme()).version == 1
    assert roster.install(world.programme(version=2, title="New")).title == "New"
    for document in (world.programme(version=2), world.programme(version=1)):
        with pytest.raises(Exception, match="Version 2"):
            roster.install(document)
    empty = Roster(world.database, Anchor(new_id("prog"), world.anchor.keys, 2))
    with pytest.raises(VaultError, match="no programme yet"):
        empty.programme()
