"""Halt, roles, declared policies, erasure, what may be told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import delete

from overt.protocol import routes
from overt.protocol.canonical import canonical_bytes
from overt.protocol.consent import verify_lease
from overt.protocol.errors import GovernError, NetworkError, VaultError
from overt.protocol.halt import HaltOrder, sign_halt
from overt.vault.broker.keyring import count_unwraps
from overt.vault.govern import policy
from overt.vault.govern.callers import Caller
from overt.vault.govern.policy import Reading, SegmentFacts, check, may_read
from overt.vault.govern.reports import log_lines
from overt.vault.ingest import broker_client
from overt.vault.ingest.broker_client import BrokerClient
from overt.vault.store.rows import HaltRow, PersonKeyRow


def test_every_route_declares_who_may_call_it(world: Any) -> None:
    declared = {}
    for app in (world.vault_app, world.broker_app):
        for route in _routes(app):
            assert isinstance(route, APIRoute)
            found = [
                one.call.policy
                for one in route.dependant.dependencies
                if hasattr(one.call, "policy")
            ]
            assert len(found) == 1, f"{route.path} declares no policy, or several"
            (method,) = route.methods
            declared[method, route.path] = found[0]
    assert declared["POST", routes.ENROL] == "invitation"
    assert declared["POST", routes.APPENDS] == "service token"
    assert {route for route, who in declared.items() if who == "anyone"} == {
        ("GET", routes.HEALTH),
        ("GET", routes.READY),
        ("GET", routes.PROGRAMME),
        ("GET", routes.PULSE),
        ("GET", routes.LOG + "/{path:path}"),
    }


def _routes(app: Any) -> list[Any]:
    """Return an app's routes, those of included routers as well."""
    found = []
    for route in app.routes:
        inner = getattr(route, "original_router", None)
        found += inner.routes if inner is not None else [route]
    return found


ROUTES = [
    ("POST", routes.LEASE, set()),
    ("POST", routes.CONSENTS, set()),
    ("POST", routes.WITHDRAWALS, set()),
    ("PUT", routes.SEGMENTS + "/seg_x", set()),
    ("GET", routes.READERS, set()),
    ("GET", routes.ENTRIES, set()),
    ("GET", routes.WORD, set()),
    ("POST", routes.INVITATIONS, {"stella", "stan"}),
    ("POST", routes.REQUESTS, {"rob", "amy"}),
    ("POST", routes.REQUESTS + "/req_x/approvals", {"anna", "rita", "amy"}),
    ("POST", routes.HALTS, {"stella", "stan", "rita", "exa"}),
    ("GET", routes.STATE, {"stella", "stan", "rita", "otto", "audrey"}),
    ("POST", routes.PERSON_KEYS, {"stella", "stan"}),
    ("POST", routes.RELEASES, {"rob", "amy"}),
    ("POST", routes.DERIVED_KEYS, {"rob", "amy"}),
    ("POST", routes.OPENINGS, {"rob", "amy"}),
]


@pytest.mark.parametrize(("method", "path", "admitted"), ROUTES)
def test_a_curious_employee_on_every_route(
    world: Any, method: str, path: str, admitted: set[str]
) -> None:
    for who in world.keys:
        answer = world.call(who, method, path, {})
        refused = " may not " in answer.text
        assert refused == (who not in admitted), (who, answer.text)
        assert not refused or answer.status_code == 403
    device = world.enrol()
    if admitted:
        assert " may not " in world.call(device, method, path, {}).text


@pytest.mark.parametrize("path", [routes.APPENDS, routes.ERASURES, routes.LATEST])
def test_service_routes_need_the_token(world: Any, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer"}):
        answer = world.broker.post(path, content=b"{}", headers=headers)
        assert answer.status_code == 401


def test_the_server_cannot_write_reads_or_nonsense(world: Any) -> None:
    token = world.broker_app.state.gate.service_token
    client = BrokerClient(world.broker, token, lambda: world.now_s)
    for entries in ([{"kind": "read"}], [{"kind": "opening"}], [{}], ["text"], []):
        with pytest.raises(VaultError, match="refused"):
            client.append(entries)  # type: ignore[arg-type]


def test_one_steward_halts_and_two_people_lift(world: Any) -> None:
    device = world.participant(b"one")
    request = world.granted()
    assert world.halt("stella").json() == {"state": "halted"}
    answer = world.call(device, "POST", routes.LEASE, {"nonce": "n" * 32})
    lease = verify_lease(answer.json(), world.in_force(), nonce="n" * 32)
    assert (lease.state, lease.reason) == ("halted", "Exposure.")
    assert world.release(request).status_code == 423
    header, sealed = world.segment(device)
    assert world.put(device, header, sealed).status_code == 423
    world.now_s += 60
    assert world.halt("stella", state="running").status_code == 403
    assert world.halt("stella", "stella", state="running").status_code == 403
    assert world.halt("stella", "rita", state="running", reason=" ").status_code == 403
    lifted = world.halt("stella", "rita", state="running", reason="Mended.")
    assert lifted.json() == {"state": "running"}
    assert world.opened(request) == [b"one"]
    assert world.put(device, header, sealed).status_code == 200


def test_a_halt_survives_a_restart(world: Any) -> None:
    world.participant(b"one")
    request = world.granted()
    world.halt("rita")
    world.stop()
    world.start()
    assert world.release(request).status_code == 423
    state = world.call("audrey", "GET", routes.STATE).json()
    assert (state["state"], state["reason"]) == ("halted", "Exposure.")


def test_halt_rows_count_by_their_signatures(world: Any) -> None:
    world.halt("stella")
    world.now_s += 60
    world.halt("stella", "rita", state="running", reason="Mended.")
    with world.database.read() as session:
        lifted = session.query(HaltRow).order_by(HaltRow.number).all()[-1].document
    world.now_s += 60
    world.halt("stan")

    def state() -> str:
        return str(world.call("audrey", "GET", routes.STATE).json()["state"])

    def insert(document: bytes) -> None:
        with world.database.write() as session:
            session.add(
                HaltRow(
                    programme_id=world.programme_id,
                    halted=False,
                    at_s=world.now_s,
                    document=document,
                )
            )

    insert(lifted)  # an old order put back
    assert state() == "halted"
    order = HaltOrder(world.programme_id, "running", "Forged.", world.iso())
    insert(canonical_bytes(sign_halt(order, [world.keys["otto"]])))
    assert state() == "halted"
    with world.database.write() as session:
        session.execute(delete(HaltRow))
    insert(b"garbage")
    assert state() == "halted"


def test_stale_orders_are_refused(world: Any) -> None:
    order = HaltOrder(world.programme_id, "halted", "Old.", world.iso())
    document = sign_halt(order, [world.keys["stella"]])
    world.now_s += 25 * 3600
    answer = world.call("stella", "POST", routes.HALTS, document)
    assert (answer.status_code, "fresh" in answer.text) == (403, True)
    bad = HaltOrder(world.programme_id, "halted", "Bad.", "yesterday")
    document = sign_halt(bad, [world.keys["stella"]])
    assert world.call("stella", "POST", routes.HALTS, document).status_code == 400
    assert world.halt("stella").status_code == 200
    assert world.halt("stella").status_code == 200  # sent again


def test_a_halt_takes_effect_without_the_broker(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise VaultError("The key broker refused.")

    with monkeypatch.context() as patch:
        patch.setattr(BrokerClient, "append", away)
        assert world.halt("stella").status_code == 503
    assert world.call("stella", "GET", routes.STATE).json()["state"] == "halted"
    assert world.halt("stella").json() == {"state": "halted"}


def test_what_is_latest_is_not_asked_for_each_upload(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = world.participant(b"one")
    asked, post = [], BrokerClient._post

    def counted(self: BrokerClient, route: str, body: Any) -> Any:
        asked.append(route)
        return post(self, route, body)

    monkeypatch.setattr(BrokerClient, "_post", counted)
    monkeypatch.setattr(broker_client, "LATEST_AGE_S", 3600.0)
    for _ in range(3):
        world.send(device)
    assert asked.count(routes.LATEST) <= 1
    world.halt("stella")
    assert world.put(device, *world.segment(device)).status_code == 423
    assert asked[-1] == routes.LATEST


def test_without_the_broker_nothing_is_certain_but_a_no(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = world.participant(b"one")

    def away(*_: Any) -> None:
        raise NetworkError("The key broker is away.")

    monkeypatch.setattr(BrokerClient, "latest", away)
    lease = world.call(device, "POST", routes.LEASE, {"nonce": "n" * 32})
    assert lease.status_code == 503
    assert world.put(device, *world.segment(device)).status_code == 503
    shown = world.call("stella", "GET", routes.STATE).json()
    assert (shown["state"], "broker" in shown["reason"]) == ("halted", True)
    assert world.halt("stella").json() == {"state": "halted"}
    assert world.withdraw(device).status_code == 200


def test_erased_stays_erased_when_backups_come_back(world: Any) -> None:
    gone, stays = world.participant(b"gone"), world.participant(b"stays")
    request = world.granted()
    with world.database.read() as session:
        backup = session.get_one(PersonKeyRow, gone.person)
        assert backup.wrapped  # loaded only where it is asked for
    objects = {name: world.objects.get(name) for name in world.objects.names()}
    old_keyring = (world.folder / "kms/keyring.json").read_bytes()
    first = world.withdraw(gone, erase=True)
    assert first.status_code == 200, first.text
    assert world.withdraw(gone, erase=True).content == first.content
    assert len(list(world.objects.names())) == 1
    assert world.opened(request) == [b"stays"]
    assert world.kms.epochs == (world.kms.current_epoch,)
    with world.database.write() as session:  # rows and objects restored
        session.merge(
            PersonKeyRow(
                person=backup.person,
                public_half=backup.public_half,
                epoch=backup.epoch,
                wrapped=backup.wrapped,
            )
        )
    for name in set(objects) - set(world.objects.names()):
        world.objects.put(name, objects[name])
    people = world.broker_app.state.parts.people
    with pytest.raises(VaultError, match="destroyed"):
        people.open(gone.person)
    for file in world.folder.rglob("*"):
        assert not file.is_file() or old_keyring[80:] not in file.read_bytes()
    assert people.open(stays.person).public.raw == stays.vault_key.raw


def test_an_erased_device_sees_its_readers_but_sends_nothing(world: Any) -> None:
    device = world.participant(b"one")
    assert world.opened(world.granted()) == [b"one"]
    assert world.withdraw(device, erase=True).status_code == 200
    reads = world.call(device, "GET", routes.READERS).json()["reads"]
    assert len(reads) == 1
    answer = world.call(device, "POST", routes.LEASE, {"nonce": "n" * 32})
    assert answer.status_code == 403


def test_a_rotation_cut_short_is_finished_at_the_start(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, other = world.participant(b"one"), world.participant(b"two")
    people = world.broker_app.state.parts.people
    with monkeypatch.context() as patch:
        patch.setattr(type(people), "_finish_rotation", lambda _: None)
        people.erase(device.person)
    assert len(world.kms.epochs) == 2
    world.stop()
    world.start()
    assert len(world.kms.epochs) == 1
    assert world.broker_app.state.parts.people.open(other.person)
    with pytest.raises(GovernError, match="destroyed"):
        world.broker_app.state.parts.people.open(device.person)


def test_the_state_hides_small_counts_of_people(world: Any) -> None:
    for _ in range(4):
        world.participant(b"one")
    state = world.call("stella", "GET", routes.STATE).json()
    assert (state["devices"], state["consents"], state["segments"]) == (None, None, 4)
    world.participant()
    world.opened(world.granted())
    state = world.call("stella", "GET", routes.STATE).json()
    assert (state["devices"], state["consents"], state["reads"]) == (5, 5, 4)
    assert count_unwraps(world.folder / "kms") == 4
    with pytest.raises(VaultError, match="no keyring"):
        count_unwraps(world.folder)


def test_log_lines_name_no_participant(world: Any) -> None:
    device = world.participant(b"one")
    world.opened(world.granted())
    lines = log_lines(world.database, 3)
    assert [line["kind"] for line in lines] == ["read", "approval", "approval"]
    assert device.person not in json.dumps(log_lines(world.database, 99))


ROB = Caller("rob", ("researcher",), "")
FACTS = SegmentFacts(
    "seg_a", erased=False, withdrawn=False, purposes=("agents",), covered=True
)
READING = Reading(halted=False, purpose="agents", approvers=2, expires_s=10, now_s=9)


@pytest.mark.parametrize(
    ("who", "facts", "reading", "allowed"),
    [
        ({}, {}, {}, True),
        ({"roles": ("steward", "auditor", "operator")}, {}, {}, False),
        ({"roles": ()}, {}, {}, False),
        ({}, {"erased": True}, {}, False),
        ({}, {"withdrawn": True}, {}, False),
        ({}, {"covered": False}, {}, False),
        ({}, {"purposes": ("study",)}, {}, False),
        ({}, {}, {"halted": True}, False),
        ({}, {}, {"approvers": 1}, False),
        ({}, {}, {"now_s": 10}, False),
        ({}, {"purposes": ("discipline",)}, {"purpose": "discipline"}, False),
        ({}, {}, {"approvers": "two"}, False),
        ({}, {}, {"halted": None}, False),
        ({"name": '"] || true; //'}, {}, {}, True),
    ],
)
def test_a_read_is_allowed_under_every_condition_only(
    who: dict[str, Any],
    facts: dict[str, Any],
    reading: dict[str, Any],
    *,
    allowed: bool,
) -> None:

    asked = may_read(
        replace(ROB, **who), replace(FACTS, **facts), replace(READING, **reading)
    )
    assert asked == allowed


def test_an_action_that_no_policy_knows_is_denied() -> None:
    with pytest.raises(GovernError, match="may not read everything"):
        check(ROB, "read_everything", "prog_a", halted=False)


def test_an_engine_that_fails_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(policy.cedarpy, "is_authorized", fail)
    assert not may_read(ROB, FACTS, READING)
