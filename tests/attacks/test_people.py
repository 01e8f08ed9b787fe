"""Attacks by people: colleagues, researchers, approvers, the operator of the server."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.routing import APIRoute
from sqlalchemy import delete, select, update

from overt.protocol import grants, routes
from overt.protocol.canonical import b64, canonical_bytes, parse_json, unb64
from overt.protocol.consent import document_digest, verify_lease
from overt.protocol.errors import GovernError, SealError
from overt.protocol.grants import Approval, sign_approval, sign_request
from overt.protocol.ids import new_id
from overt.protocol.invitation import Invitation, invitation_json, parse_invitation
from overt.protocol.programme import Anchor, parse_programme, sign_programme
from overt.protocol.release import Released, ReleaseNames, read_release
from overt.protocol.sealing import SealingKey
from overt.protocol.signing import public_text, sign_document
from overt.vault.broker import checked, picking, release
from overt.vault.broker.denials import Denials
from overt.vault.govern import gate, policy, requests, roster
from overt.vault.govern.callers import Caller
from overt.vault.store.rows import (
    AccessRequestRow,
    ApprovalRow,
    ConsentRow,
    DerivedRow,
    DeviceRow,
    HaltRow,
    PersonKeyRow,
    ProgrammeRow,
)
from tests.attacks.rows import attack, instead
from tests.fakes.authenticator import Authenticator

if TYPE_CHECKING:
    from overt.protocol.sealing import SealedHeader
    from tests.fakes.stacks import Stack
    from tests.fakes.world import World

STRANGER = Ed25519PrivateKey.from_private_bytes(b"\x55" * 32)
OPEN = {
    routes.HEALTH,
    routes.READY,
    routes.PROGRAMME,
    routes.PULSE,
    routes.LOG + "/{path:path}",
}

BY_TOKEN = {
    routes.APPENDS,
    routes.ERASURES,
    routes.LATEST,
    routes.OWN_READS,
    routes.OWN_RECOVERIES,
    routes.OWN_OBJECTIONS,
}


def nothing(*_: Any, **__: Any) -> None:
    """Check nothing."""


def walk(world: World) -> list[tuple[str, str]]:
    """Return method and address of every route of vault and broker but the open."""
    found = []
    for app in (world.vault_app, world.broker_app):
        for route in app.routes:
            inner = getattr(route, "original_router", None)
            for one in inner.routes if inner is not None else [route]:
                assert isinstance(one, APIRoute)
                for method in one.methods:
                    if method != "GET" or one.path not in OPEN:
                        address = one.path.replace("{segment}", new_id("seg"))
                        address = address.replace("{request_id}", new_id("req"))
                        found.append((method, address))
    return found


@attack(
    instead(gate, "check", nothing),
    instead(gate, "identify", lambda *_: _somebody()),
)
def test_a_curious_employee_walks_every_route(stack: Stack) -> None:
    """Somebody of the company with a key of their own, who is on no roster."""
    world = stack.world()
    device = world.participant(b"recorded")
    addresses = walk(world)
    assert len(addresses) > 15
    for method, address in addresses:
        to = world.broker if _of_broker(address) else world.vault
        answers = [to.request(method, address, content=b"{}")]
        if address not in BY_TOKEN:
            answers.append(world.call_with(STRANGER, method, address, {}))
        for answer in answers:
            assert answer.status_code in {400, 401, 403}, (method, address)
            assert b"recorded" not in answer.content
    # a participant is no member, and a member no participant
    for method, address in addresses:
        if address.startswith((routes.REQUESTS, routes.STATE, routes.RELEASES)):
            answer = world.call(device, method, address, {})
            assert answer.status_code == 403, (method, address)
    for who in ("otto", "audrey", "anna", "stella"):
        refused = world.call(who, "POST", routes.RELEASES, {"request": "x"})
        assert refused.status_code == 403, who


def _of_broker(address: str) -> bool:
    derived = (routes.DERIVED_KEYS, routes.OPENINGS)
    return address in {routes.PERSON_KEYS, routes.RELEASES, *derived, *BY_TOKEN}


def _somebody() -> Any:
    return Caller("rob", ("researcher", "steward", "approver"), "")


@attack(
    instead(requests, "request_problems", lambda *_: []),
    instead(grants, "request_problems", lambda *_: []),
)
def test_no_signature_grants_a_forbidden_purpose(stack: Stack) -> None:
    """Asked for at the route, and inserted into the database with every signature."""
    world = stack.world()
    world.participant(b"recorded")
    for purpose in ("discipline", "emotion-inference", "productivity-scoring"):
        asked = world.request(purpose=purpose)
        document = sign_request(asked, world.keys["rob"])
        answer = world.call("rob", "POST", routes.REQUESTS, document)
        assert answer.status_code == 403, purpose
        insert_grant(world, document, ("anna", "rita"))
        refused = world.release(asked.request)
        assert refused.status_code == 403
        assert "forbidden" in refused.json()["error"]


def insert_grant(world: World, document: Any, approvers: tuple[str, ...]) -> str:
    """Write request and approvals into the database, past every route."""
    body = parse_json(unb64(document["payload"], what="it"), what="it")
    digest = document_digest(document)
    with world.database.write() as session:
        session.merge(
            AccessRequestRow(
                request_id=body["request"], requester=body["requester"],
                sha256=digest, state="granted", document=canonical_bytes(document),
            )
        )  # fmt: skip
        session.flush()
        for name in approvers:
            given = Approval(digest, name, "approve", "", world.iso())
            signed = sign_approval(given, world.keys.get(name, STRANGER))
            session.merge(
                ApprovalRow(
                    request_id=body["request"], approver=name, request_sha256=digest,
                    decision="approve", document=canonical_bytes(signed),
                )
            )  # fmt: skip
    return str(body["request"])


@attack(instead(picking.Judge, "allows", lambda *_: True))
def test_a_researcher_past_purpose_cohort_fields_or_expiry(stack: Stack) -> None:
    world = stack.world()
    ana, ben = world.participant(b"of ana"), world.participant(b"of ben")
    granted = world.granted(cohort=(ana.person,))
    assert world.opened(granted) == [b"of ana"]
    other = world.granted(purpose="study")  # neither agreed to it
    assert world.release(other).status_code == 403
    narrow = world.granted(fields=("input",))  # their segments hold more
    assert world.release(narrow).status_code == 403
    world.withdraw(ben)
    assert world.opened(world.granted()) == [b"of ana"]
    world.now_s += 2 * 86400
    refused = world.release(granted)
    assert refused.status_code == 403
    assert "expired" in refused.json()["error"]


@attack(instead(grants, "cannot_approve", lambda *_: ""))
def test_nobody_approves_their_own_or_manages_those_recorded(stack: Stack) -> None:
    world = stack.world()
    world.participant(b"recorded")
    body = world.body(version=2)
    names = {"anna": {"manages": True}}
    people = [one | names.get(one["name"], {}) for one in body["roster"]]
    document = world.programme(version=2, roster=people)
    assert world.call("stella", "POST", routes.PROGRAMME, document).status_code == 200
    own = sign_request(world.request("amy"), world.keys["amy"])
    assert refusal(world, insert_grant(world, own, ("amy", "rita")), "amy")
    managed = sign_request(world.request(), world.keys["rob"])
    assert refusal(world, insert_grant(world, managed, ("anna", "rita")), "rob")
    assert world.reads() == []


def refusal(world: World, request: str, who: str) -> bool:
    answer = world.release(request, who)
    return answer.status_code == 403 and b"recorded" not in answer.content


def _by_name(approvers: list[Any], request: Any) -> None:
    """Count accounts, not humans."""
    if len({one.name for one in approvers}) < 2:
        raise GovernError(request.request)


def _accounts_count(patch: Any) -> None:
    """Broker and policy both count accounts."""
    patch.setattr(grants, "_check_approvers", _by_name)
    patch.setattr(picking, "may_read", lambda *_: True)


@attack(_accounts_count)
def test_one_human_with_two_accounts_is_one(stack: Stack) -> None:
    world = stack.world()
    world.participant(b"recorded")
    people = [
        one | ({"human": "rita"} if one["name"] == "anna" else {})
        for one in world.body()["roster"]
    ]
    document = world.programme(version=2, roster=people)
    assert world.call("stella", "POST", routes.PROGRAMME, document).status_code == 200
    assert refusal(world, world.granted(), "rob")


def forge_roster(world: World) -> Any:
    """Return the programme with the operator in every role, signed by the operator."""
    body = world.body(version=9, min_cohort=1)
    passkey = asdict(Authenticator(seed="operator").passkey)
    for number, roles in enumerate((["researcher"], ["approver"],
                                    ["approver", "representative"])):  # fmt: skip
        key = Ed25519PrivateKey.from_private_bytes(bytes([64 + number]) * 32)
        world.keys[f"eve{number}"] = key
        body["roster"].append(
            {
                "name": f"eve{number}", "roles": roles, "human": f"eve{number}",
                "key": public_text(key.public_key()),
                "passkeys": [passkey] if number == 1 else [],
            }
        )  # fmt: skip
    return sign_programme(parse_programme(body), [STRANGER, STRANGER])


def _trusting(_: Anchor, envelope: Any) -> Any:
    """Believe the row."""
    payload = unb64(envelope["payload"], what="it")
    return parse_programme(parse_json(payload, what="it"))


@attack(instead(Anchor, "programme_of", _trusting))
def test_rights_that_an_operator_inserts_are_none(stack: Stack) -> None:
    """Full rights on rows and identities: users, passkeys, roles, grants inserted."""
    world = stack.world()
    world.participant(b"recorded")
    with world.database.write() as session:
        session.add(
            ProgrammeRow(
                programme_id=world.programme_id, version=9,
                document=canonical_bytes(forge_roster(world)),
            )
        )  # fmt: skip
    asked = sign_request(world.request("eve0"), world.keys["eve0"])
    request = insert_grant(world, asked, ("eve1", "eve2"))
    assert world.release(request, "eve0").status_code in {401, 403}
    assert world.reads() == []


def _unverified(envelope: Any, _: Any) -> Approval:
    payload = unb64(envelope["payload"], what="it")
    return Approval(**parse_json(payload, what="it"))


def _noted(database: Any, request_id: str, programme: Any, *_: Any) -> Any:
    """Believe the row's state."""
    file = requests.request_file(database, request_id)
    asked = file.request(programme)
    return grants.Grant(asked, file.digest, ("anna", "rita"))


@attack(
    instead(grants, "verify_approval", _unverified),
    instead(release, "grant_for", _noted),
)
def test_a_grant_that_an_operator_inserts_is_none(stack: Stack) -> None:
    """A request by a real researcher; approvals in real names, signed by nobody."""
    world = stack.world()
    world.participant(b"recorded")
    asked = sign_request(world.request(), world.keys["rob"])
    world.keys |= dict.fromkeys(("anna", "rita"), STRANGER)
    request = insert_grant(world, asked, ("anna", "rita"))
    assert refusal(world, request, "rob")
    assert world.reads() == []


def _open_policies() -> dict[str, str]:
    everything = '@id("x") permit (principal, action, resource);'
    return policy_sources() | {"zz.cedar": everything}


policy_sources = policy.sources


@attack(instead(roster, "check_policies", nothing))
def test_a_policy_that_an_operator_inserts_stops_the_server(stack: Stack) -> None:
    world = stack.world()
    world.participant(b"recorded")
    request = world.granted()
    policy._parsed.cache_clear()
    sources, policy.sources = policy.sources, _open_policies  # type: ignore[assignment]
    try:
        world.stop()
        world.start()
        for who in ("otto", "rob"):
            answer = world.release(request, who)
            assert answer.status_code == 403
            assert "other access policies" in answer.json()["error"]
        assert world.reads() == []
    finally:
        policy.sources = sources  # type: ignore[assignment]
        policy._parsed.cache_clear()


def _any_key(_: Anchor, envelope: Any, kind: str) -> Any:
    assert kind
    payload = unb64(envelope["payload"], what="it")
    return parse_json(payload, what="it")


@attack(instead(Anchor, "verify", _any_key))
def test_a_sealing_key_that_the_server_swaps_is_refused(stack: Stack) -> None:
    """The database gives the server's own key for a person's; the device looks."""
    world = stack.world()
    device = world.invite()
    own = SealingKey.generate()
    with world.database.write() as session:
        session.get_one(PersonKeyRow, device.person).public_half = b64(own.public.raw)
    body = {
        "programme": world.programme_id, "person": device.person,
        "public": b64(own.public.raw),
    }  # fmt: skip
    swapped = sign_document("person-key.v1", body, [STRANGER, STRANGER])
    invitation = Invitation(
        world.anchor, "http://vault.test", device.person, device.code, swapped,
        world.now_s + 60,
    )  # fmt: skip
    try:
        parse_invitation(invitation_json(invitation))
    except SealError:
        return
    raise AssertionError("the device would seal to the server's key")


def _rows_count(patch: Any) -> None:
    """Consents and segments are believed without their device's signature."""
    patch.setattr(checked, "verify_sealed", nothing)
    patch.setattr(picking.Judge, "allows", lambda *_: True)


@attack(_rows_count)
def test_a_device_that_an_operator_inserts_speaks_for_nobody(stack: Stack) -> None:
    """Its key in the place of the real device's: signatures no longer hold."""
    world = stack.world()
    device = world.participant(b"recorded")
    request = world.granted()
    with world.database.write() as session:
        row = session.get_one(DeviceRow, device.id)
        row.public_key = public_text(STRANGER.public_key())
    assert world.release(request).status_code == 403
    assert world.reads() == []


class _Unchanged:
    def __init__(self, _key: bytes) -> None:
        pass

    def of(self, header: SealedHeader) -> Released:
        told = (header.segment, header.session, header.sequence)
        return Released(*told, header.person, header.consent)


def _same_each_time(_key: bytes) -> ReleaseNames:
    return ReleaseNames(bytes(32))


@attack(
    instead(release, "ReleaseNames", _Unchanged),
    instead(release, "ReleaseNames", _same_each_time),
)
def test_two_releases_do_not_match_up_by_any_name(stack: Stack) -> None:
    world = stack.world()
    devices = [world.participant(b"one", b"two") for _ in range(2)]
    taken, told = [], []
    for _ in range(2):  # two grants of two researchers who meet
        taken.append(world.release(world.granted()).content)
        _, parts = read_release(taken[-1])
        names = {name for part in parts for name in asdict(part.header).values()}
        told.append({name for name in names if isinstance(name, str)})
    assert told[0] & told[1] == set()
    called = [
        name.encode()
        for one in devices
        for name in (one.person, one.id, one.session, one.consent_id)
    ]
    assert [name for name in called if any(name in data for data in taken)] == []


def other_bytes(document: bytes) -> bytes:
    """Return the same document, its signatures as good, in other bytes."""
    return json.dumps(json.loads(document), indent=1).encode()


def _deaf(*_: Any) -> None:
    """Note nothing of what is ended."""


@attack(instead(Denials, "_take", _deaf))
def test_a_withdrawal_that_the_database_takes_back(stack: Stack) -> None:
    world = stack.world()
    ana = world.participant(b"of ana")
    world.participant(b"of ben")
    request = world.granted()
    thing = world.derive(request)
    assert world.register(thing).status_code == 200
    assert sorted(world.opened(request)) == [b"of ana", b"of ben"]
    world.withdraw(ana)
    assert world.opened(request) == [b"of ben"]
    with world.database.write() as session:
        given = {"state": "given", "withdrawal": None, "withdrawal_receipt": None}
        session.execute(update(ConsentRow).values(given))
        for row in session.scalars(select(ConsentRow)):
            row.document = other_bytes(row.document)
        session.execute(update(DerivedRow).values(state="open"))
    assert world.opened(request) == [b"of ben"]
    assert world.open(thing.derived).status_code == 403
    world.start_again()  # nor is it forgotten by a restart
    assert world.opened(request) == [b"of ben"]
    world.consent(ana)  # who consents afresh is read again, for what is sent then
    world.send(ana, b"later of ana")
    assert sorted(world.opened(request)) == [b"later of ana", b"of ben"]


@attack(instead(Denials, "_take", _deaf))
def test_an_approval_that_the_database_puts_back(stack: Stack) -> None:
    world = stack.world()
    world.participant(b"recorded")
    asked = world.ask()
    for who in ("anna", "rita"):
        assert world.approve(asked, who).status_code == 200
    request, row = asked["id"], (asked["id"], "rita")
    assert world.opened(request) == [b"recorded"]
    with world.database.read() as session:
        approval = session.get_one(ApprovalRow, row).document
    assert world.approve(asked, "rita", decision="refuse").status_code == 200
    assert refusal(world, request, "rob")
    with world.database.write() as session:
        held = session.get_one(ApprovalRow, row)
        held.document, held.decision = other_bytes(approval), "approve"
    assert refusal(world, request, "rob")
    world.start_again()
    assert refusal(world, request, "rob")
    world.now_s += 1
    assert world.approve(asked, "rita").status_code == 200  # who approves anew, does
    assert world.opened(request) == [b"recorded"]


def halted_for(world: World, device: Any) -> bool:
    """Return whether a device neither gets a lease nor gets rid of a segment."""
    answer = world.call(device, "POST", routes.LEASE, {"nonce": "n" * 32})
    lease = verify_lease(answer.json(), world.in_force(), nonce="n" * 32)
    refused = world.put(device, *world.segment(device)).status_code == 423
    return lease.state == "halted" and refused


@attack(instead(Denials, "_take", _deaf))
def test_a_halt_that_the_database_takes_away(stack: Stack) -> None:
    world = stack.world()
    device = world.participant(b"recorded")
    request = world.granted()
    assert world.halt("stella").status_code == 200
    with world.database.write() as session:
        session.execute(delete(HaltRow))
    for _ in range(2):
        assert halted_for(world, device)
        answer = world.release(request)
        assert answer.status_code == 423
        assert b"recorded" not in answer.content
        world.start_again()
    world.now_s += 60
    assert world.halt("stella", "stan", state="running").status_code == 200
    assert world.opened(request) == [b"recorded"]


@attack(instead(Denials, "_take", _deaf))
def test_an_older_programme_that_the_database_puts_back(stack: Stack) -> None:
    world = stack.world()
    device = world.participant(b"recorded")
    request = world.granted()
    kept = [one for one in world.body()["roster"] if one["name"] != "anna"]
    document = world.programme(version=2, roster=kept)
    assert world.call("stella", "POST", routes.PROGRAMME, document).status_code == 200
    assert refusal(world, request, "rob")  # anna approved it
    with world.database.write() as session:
        session.execute(delete(ProgrammeRow).where(ProgrammeRow.version == 2))
    for _ in range(2):
        assert halted_for(world, device)
        answer = world.release(request)
        assert answer.status_code == 423
        assert b"recorded" not in answer.content
        world.start_again()
