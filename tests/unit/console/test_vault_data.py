"""The console over a real vault: rows, rules, policy, log; and its roles agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.console import policy
from overt.console.app import create_console
from overt.console.vaultdata import VaultData
from overt.protocol.canonical import canonical_bytes
from overt.protocol.errors import GovernError, VaultError
from overt.protocol.halt import HaltOrder, sign_halt
from overt.protocol.programme import Anchor, Role, sign_programme
from overt.protocol.signing import public_text
from overt.vault.govern import requests
from overt.vault.govern.callers import Caller
from overt.vault.govern.halt import Latest
from overt.vault.govern.policy import check
from overt.vault.govern.registry import Registry
from overt.vault.govern.roster import Roster
from overt.vault.ingest.app import Settings, create_app
from overt.vault.log.log import Log
from overt.vault.store.database import Database
from overt.vault.store.objects import open_objects
from overt.vault.store.rows import AccessRequestRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from conftest import World

    from overt.protocol.canonical import Json


class NearBroker:
    """The broker's log in this process; it destroys nothing."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def append(self, entries: Sequence[Json]) -> list[int]:
        return self.log.append([canonical_bytes(entry) for entry in entries])

    def latest(self) -> Latest:
        return Latest()

    def erase(self, person: str) -> Json:
        raise AssertionError(person)


@pytest.fixture
def registry(world: World, tmp_path: Path) -> Iterator[Registry]:
    """Return the parts of an empty vault with the world's programme in force."""
    database = Database(f"sqlite:///{tmp_path / 'vault.db'}")
    holders = [Ed25519PrivateKey.generate() for _ in range(2)]
    publics = tuple(public_text(one.public_key()) for one in holders)
    programme = world.vault.facts
    roster = Roster(database, Anchor(programme.programme, publics, 2))
    roster.install(sign_programme(programme, holders))
    key = Ed25519PrivateKey.generate()
    log = Log(tmp_path / "log", key, "claims.example/log", database)
    broker = NearBroker(log)
    yield Registry(database, roster, broker, key, key, lambda: world.clock[0])
    database.close()


@pytest.fixture
def real(world: World, registry: Registry, tmp_path: Path) -> World:
    """Return the world with its console over the real vault."""
    data = VaultData(registry, tmp_path / "log")
    world.app = create_console(data, clock=lambda: world.clock[0])
    return world


def put_request(world: World, registry: Registry) -> str:
    name = world.ask()
    member = world.vault.facts.member("Noor Dahl")
    caller = Caller(member.name, member.roles, member.key)
    requests.submit(registry, caller, world.vault.documents[name])
    return name


def test_a_request_goes_through_to_a_grant(
    real: World, registry: Registry, tmp_path: Path
) -> None:
    name = put_request(real, registry)
    data = VaultData(registry, tmp_path / "log")
    assert data.request(name).state == "open"
    for approver in ("Tomas Berg", "Ruth Calder"):
        member = real.vault.facts.member(approver)
        state = data.submit_approval(member, name, real.approval(name, approver))
    assert state == "granted"
    assert [one.decision for one in data.request(name).approvals] == ["approve"] * 2
    assert [line.kind for line in data.log_entries(9)] == [
        "approval", "approval", "request",
    ]  # fmt: skip
    assert data.checkpoint().splitlines()[:2] == ["claims.example/log", "3"]


def test_only_ones_own_decision_is_taken(
    real: World, registry: Registry, tmp_path: Path
) -> None:
    name = put_request(real, registry)
    data = VaultData(registry, tmp_path / "log")
    for wrong in ("Tomas Berg", "Ines Albers"):
        with pytest.raises(GovernError):
            data.submit_approval(
                real.vault.facts.member(wrong), name, real.approval(name, "Ruth Calder")
            )
    assert data.request(name).approvals == ()


def test_a_forged_row_is_counted_not_shown(
    real: World, registry: Registry, tmp_path: Path
) -> None:
    put_request(real, registry)
    with registry.database.write() as session:
        row = AccessRequestRow(
            request_id="req_" + "a" * 26,
            requester="Noor Dahl",
            sha256="",
            document=b'{"payloadType":"x","payload":"","signatures":[]}',
        )
        session.add(row)
    book = VaultData(registry, tmp_path / "log").requests()
    assert (len(book.requests), book.unsound) == (1, 1)
    text = real.enter("Ada Eriksen").get("/console/requests").text
    assert "1 row of the database is no request" in text


def test_halt_reaches_the_banner(
    real: World, registry: Registry, tmp_path: Path
) -> None:
    order = HaltOrder(
        real.vault.facts.programme, "halted", "A bucket.", "2026-11-23T16:00:00Z"
    )
    document = sign_halt(order, [real.keys["Mia Gruber"]])
    data = VaultData(registry, tmp_path / "log")
    with pytest.raises(GovernError):
        data.submit_halt(real.vault.facts.member("Tomas Berg"), document)
    assert data.submit_halt(real.vault.facts.member("Mia Gruber"), document) == "halted"
    text = real.enter("Ada Eriksen").get("/console/log").text
    assert "The programme is halted" in text
    assert "A bucket." in text


def test_every_page_over_an_empty_vault(real: World) -> None:
    client = real.enter("Ines Albers")
    for path in ("", "requests", "programme", "log", "stored", "halt"):
        assert client.get(f"/console/{path}").status_code == 200
    assert "fewer than 5" in client.get("/console/stored").text
    unknown = client.get("/console/requests/req_unknown")
    assert unknown.status_code == 404


def test_console_stands_beside_the_api(
    real: World, registry: Registry, tmp_path: Path
) -> None:
    server = create_app(
        Settings(
            registry.database,
            open_objects("memory:"),
            registry.roster.anchor,
            registry.broker,
            tmp_path / "log",
            registry.receipt_key,
            registry.lease_key,
        )
    )
    client = real.client(server=server)
    assert client.get("/v1/health").json() == {"ok": True}
    assert client.get("/v1/state").json()["code"] == "UnsignedError"
    assert client.get("/console").status_code == 401
    refused = client.get("/console/log")
    assert "What to do:" in refused.text
    assert "no-store" in refused.headers["cache-control"]


def test_login_nonce_holds_across_restarts(
    real: World, registry: Registry, tmp_path: Path
) -> None:
    document = real.login_document("Tomas Berg")
    client = real.client()
    assert client.post("/console/login", json=document).status_code == 200
    again = VaultData(registry, tmp_path / "log")
    real.app = create_console(again, clock=lambda: real.clock[0])
    answer = real.client().post("/console/login", json=document)
    assert answer.status_code == 409
    assert answer.json()["code"] == "ReplayError"


def test_no_programme_says_how_to_make_one(tmp_path: Path, world: World) -> None:
    database = Database(f"sqlite:///{tmp_path / 'bare.db'}")
    key = Ed25519PrivateKey.generate()
    roster = Roster(database, Anchor(world.vault.facts.programme, (), 1))
    parts = Registry(database, roster, NearBroker(None), key, key)  # type: ignore[arg-type]
    world.app = create_console(VaultData(parts, tmp_path / "log"))
    with pytest.raises(VaultError):
        roster.programme()
    answer = world.client().post(
        "/console/login", json=world.login_document("Per Falk")
    )
    assert answer.status_code == 503
    assert "overt programme create" in answer.json()["remedy"]
    assert "counts as halted" in world.client().get("/console/enter").text
    database.close()


@pytest.mark.parametrize(
    ("action", "roles"),
    [
        ("see_requests", policy.READ_REQUESTS),
        ("see_state", policy.READ_COUNTS),
        ("approve", policy.DECIDE_REQUESTS),
        ("halt", policy.ORDER_HALT),
    ],
)
def test_pages_and_policy_name_the_same_roles(
    action: str, roles: tuple[Role, ...]
) -> None:
    def allowed(role: Role) -> bool:
        try:
            check(Caller("x", (role,), ""), action, "prog_x", halted=False)
        except GovernError:
            return False
        return True

    assert {role for role in get_args(Role) if allowed(role)} == set(roles)
