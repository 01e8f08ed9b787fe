"""A small programme, its members' keys, and a vault in memory behind ConsoleData."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from overt.console.app import PREFIX, create_console
from overt.console.data import LogLine, RequestBook, RequestFacts, SystemState
from overt.console.login import Login, sign_login
from overt.protocol.canonical import b64
from overt.protocol.consent import document_digest
from overt.protocol.errors import GovernError, VaultError
from overt.protocol.grants import (
    AccessRequest,
    Approval,
    sign_approval,
    sign_request,
    verify_approval,
    verify_request,
)
from overt.protocol.halt import verify_halt
from overt.protocol.ids import new_id
from overt.protocol.programme import (
    AllowRule,
    Dpia,
    Member,
    Notice,
    Programme,
    Purpose,
)
from overt.protocol.records import Level
from overt.protocol.sealing import SealingKey
from overt.protocol.signing import public_text
from overt.vault.govern.policy import policies_digest

with warnings.catch_warnings():
    # starlette's client is moving from httpx to another package; ours stays
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from overt.protocol.canonical import Json

NOW_S = 1_795_449_600  # 2026-11-23 16:00 UTC
ORIGIN = "http://127.0.0.1:8000"
JOB = b64(SealingKey.generate().public.raw)
ROSTER = {
    "Ines Albers": ("steward",),
    "Tomas Berg": ("approver",),
    "Ruth Calder": ("approver", "representative"),
    "Noor Dahl": ("researcher",),
    "Ada Eriksen": ("auditor",),
    "Per Falk": ("operator",),
    "Mia Gruber": ("representative",),
    "Jo Hale": ("approver", "researcher"),
}


@dataclass
class Vault:
    """ConsoleData in memory, with the protocol's own checks."""

    facts: Programme
    halted: str = ""
    consents: int | None = 14
    documents: dict[str, Json] = field(default_factory=dict)
    decisions: dict[str, list[Approval]] = field(default_factory=dict)
    lines: list[LogLine] = field(default_factory=list)
    note: str = ""
    nonces: set[str] = field(default_factory=set)
    broken: bool = False
    segments: int = 1_284
    unsound: int = 0

    def programme(self) -> Programme:
        return self.facts

    def state(self) -> SystemState:
        if self.broken:
            raise VaultError("The database cannot be read.", remedy="Check its disk.")
        state = "halted" if self.halted else "running"
        size = self.segments * 71_000
        return SystemState(
            state, self.halted, 15, self.consents, self.segments, size, 37
        )

    def requests(self) -> RequestBook:
        found = [self.request(name) for name in reversed(self.documents)]
        return RequestBook(tuple(found), self.unsound)

    def request(self, request_id: str) -> RequestFacts:
        if request_id not in self.documents:
            raise GovernError("There is no such request.", remedy="Open the list.")
        document = self.documents[request_id]
        asked = verify_request(document, self.facts)
        given = tuple(self.decisions.get(request_id, ()))
        yes = [item for item in given if item.decision == "approve"]
        state = "refused" if len(yes) < len(given) else "open"
        return RequestFacts(
            asked,
            document_digest(document),
            "granted" if len(yes) > 1 else state,
            given,
        )

    def submit_approval(self, member: Member, request_id: str, document: Json) -> str:
        approval = verify_approval(document, self.facts)
        assert approval.approver == member.name
        if approval.request_digest != self.request(request_id).digest:
            raise GovernError("The approval is for another request.")
        self.decisions.setdefault(request_id, []).append(approval)
        return self.request(request_id).state

    def submit_halt(self, member: Member, document: Json) -> str:
        assert set(member.roles) & {"steward", "representative"}
        order = verify_halt(document, self.facts)
        self.halted = order.reason if order.state == "halted" else ""
        return order.state

    def log_entries(self, limit: int) -> list[LogLine]:
        return self.lines[::-1][:limit]

    def checkpoint(self) -> str:
        return self.note

    def use_nonce(self, nonce: str, expires_utc_s: int) -> None:
        assert expires_utc_s > NOW_S
        if nonce in self.nonces:
            raise GovernError("This login was used before.")
        self.nonces.add(nonce)


@dataclass
class World:
    """A programme with keys, and the vault and console over it."""

    keys: dict[str, Ed25519PrivateKey]
    vault: Vault
    app: FastAPI
    clock: list[int]

    def client(
        self, address: str = "127.0.0.1", server: FastAPI | None = None
    ) -> TestClient:
        """Return a browser on an address; nobody is logged in."""
        server = server or FastAPI()
        server.mount(PREFIX, self.app)
        return TestClient(
            server,
            base_url=ORIGIN,
            client=(address, 50_000),
            headers={"origin": ORIGIN},
            raise_server_exceptions=False,
        )

    def login_document(self, name: str, *, nonce: str = "", utc_s: int = 0) -> Json:
        login = Login(
            self.vault.facts.programme,
            name,
            nonce or new_id("inv"),
            utc_s or self.clock[0],
        )
        return sign_login(login, self.keys[name])

    def enter(self, name: str) -> TestClient:
        """Return a browser in which a member is logged in."""
        client = self.client()
        answer = client.post(f"{PREFIX}/login", json=self.login_document(name)).json()
        page = client.post(f"{PREFIX}/enter", data={"code": answer["token"]})
        assert page.status_code == 200
        return client

    def ask(self, requester: str = "Noor Dahl", **changes: object) -> str:
        """Put a signed request into the vault and return its id."""
        asked = AccessRequest(
            request=new_id("req"),
            programme=self.vault.facts.programme,
            requester=requester,
            purpose="form-agents",
            reason="Train the second form-filling agent on masked screens.",
            cohort=(),
            fields=("input", "screen"),
            level="masked",
            region="EU",
            expires_utc_s=NOW_S + 14 * 86_400,
            job=JOB,
        )
        asked = replace(asked, **changes)
        self.vault.documents[asked.request] = sign_request(asked, self.keys[requester])
        return asked.request

    def approval(self, request: str, name: str, decision: str = "approve") -> Json:
        digest = self.vault.request(request).digest
        reason = "" if decision == "approve" else "The cohort is not justified."
        given = "2026-11-23T15:12:00Z"
        approval = Approval(digest, name, decision, reason, given)
        return sign_approval(approval, self.keys[name])

    def decide(self, request: str, name: str, decision: str = "approve") -> None:
        """Put a signed decision into the vault."""
        member = self.vault.facts.member(name)
        document = self.approval(request, name, decision)
        self.vault.submit_approval(member, request, document)


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert found
    return found.group(1)


def make_programme(keys: dict[str, Ed25519PrivateKey]) -> Programme:
    draft = Programme(
        programme=new_id("prog"),
        version=3,
        title="Claims desk pilot",
        controller="Example Insurance AG, privacy@insurance.example",
        purposes=(
            Purpose("form-agents", "Agents that fill in forms", "Train and test."),
            Purpose("interface-research", "Better forms", "See where forms slow work."),
        ),
        notice=Notice(
            "2026-11",
            "en",
            "We record how claims are entered, only in the claims app.\n\nYou can"
            " pause, forget, review before anything leaves, and withdraw in one step.",
        ),
        dpia=Dpia("DPIA-2026-07", "Dr L. Moreau", "2026-11-02"),
        allow=(
            AllowRule("chromium", Level.MASKED, url="https://claims.example/app"),
            AllowRule("gimp*", Level.WORDS, title=".* - tutorial"),
        ),
        data_types=("input", "screen", "context"),
        retention_days=180,
        regions=("EU",),
        min_cohort=5,
        lease_s=60,
        threshold=2,
        roster=tuple(
            Member(name, roles, public_text(keys[name].public_key()), name)
            for name, roles in ROSTER.items()
        ),
        services={
            name: public_text(Ed25519PrivateKey.generate().public_key())
            for name in ("lease", "receipt", "log")
        },
        policies=policies_digest(),
    )
    covers = draft.configuration_digest
    return replace(draft, dpia=replace(draft.dpia, covers=covers))


@pytest.fixture
def world() -> World:
    """Return an empty vault with a console over it."""
    keys = {name: Ed25519PrivateKey.generate() for name in ROSTER}
    vault = Vault(make_programme(keys))
    clock = [NOW_S]
    app = create_console(vault, clock=lambda: clock[0])
    return World(keys, vault, app, clock)


@pytest.fixture
def busy(world: World) -> World:
    """Return a vault with requests, decisions and a log."""
    world.ask(expires_utc_s=NOW_S - 60)
    granted = world.ask()
    for name in ("Tomas Berg", "Ruth Calder"):
        world.decide(granted, name)
    refused = world.ask("Jo Hale", purpose="interface-research")
    world.decide(refused, "Ruth Calder", "refuse")
    waiting = world.ask(cohort=tuple(new_id("part") for _ in range(9)))
    world.decide(waiting, "Tomas Berg")
    kinds = ("enrolment", "consent", "segment", "segment", "grant")
    world.vault.lines = [
        LogLine(number, kind, "2026-11-20") for number, kind in enumerate(kinds)
    ]
    world.vault.lines += [
        LogLine(n, "read", "2026-11-23", "form-agents", "Noor Dahl", granted)
        for n in range(5, 30)
    ]
    root = "3bPzq1cBhV1rSgm0mXo2ZBbEsbd8Jcn4SAr8Kiyk0aE="
    world.vault.note = f"claims.example/log\n30\n{root}\n\n— claims.example/log o9Ck\n"
    return world


@pytest.fixture
def csrf() -> Callable[[str], str]:
    """Return the function that reads a page's form token."""
    return csrf_of
