"""A small programme with everybody in it, made of fixed keys."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.protocol import consent as consents
from overt.protocol import grants, halt
from overt.protocol import programme as programmes
from overt.protocol.canonical import b64
from overt.protocol.sealing import SealedHeader, SealingKey
from overt.protocol.signing import public_text

if TYPE_CHECKING:
    from overt.protocol.canonical import Json

NOW_UTC_S = 1_800_000_000
TOML = """
title = "Office work"
controller = "Example Ltd, privacy@example.org"
regions = ["EU"]
retention_days = 30

[[purposes]]
id = "train-agents"
title = "Train agents"
text = "Recordings train agents that do such tasks."

[notice]
version = "1"
language = "en"
text = "What is recorded, and why."

[dpia]
reference = "DPIA-7"
author = "dpo"
date = 2026-11-01

[[allow]]
app = "chromium*"
level = "clear"
url = "http://127.0.0.1:8000/pages/"
"""
PEOPLE = {
    "sam": (["steward"], "sam"),
    "rep": (["representative", "approver"], "rep"),
    "exp": (["exposure"], "exp"),
    "ana": (["approver"], "ana"),
    "ben": (["approver"], "ben"),
    "ben2": (["approver"], "ben"),
    "res": (["researcher", "approver"], "res"),
    "res2": (["approver"], "res"),
    "aud": (["auditor"], "aud"),
}


def an_id(kind: str, number: int = 1) -> str:
    return f"{kind}_{'abcdefgh'[number] * 26}"


def signing_key(name: str) -> Ed25519PrivateKey:
    seed = hashlib.sha256(f"test {name}".encode()).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)


def sealing_key(name: str) -> SealingKey:
    return SealingKey(hashlib.shake_256(f"test {name}".encode()).digest(96))


def roster_toml() -> str:
    tables = [
        f'[[roster]]\nname = "{name}"\nroles = {roles!r}\nhuman = "{human}"\n'
        f'key = "{public_text(signing_key(name).public_key())}"\n'
        for name, (roles, human) in PEOPLE.items()
    ]
    return "\n".join(tables)


@dataclass
class World:
    """Everybody's keys and documents; tests replace what they want to be wrong."""

    programme: programmes.Programme
    programme_keys: list[Ed25519PrivateKey]
    anchor: programmes.Anchor
    device: Ed25519PrivateKey
    person: SealingKey
    header: SealedHeader
    toml: str
    services: dict[str, str]
    now_utc_s: int = NOW_UTC_S

    def key(self, name: str) -> Ed25519PrivateKey:
        return signing_key(name)

    def sealing_key(self, name: str) -> SealingKey:
        return sealing_key(name)

    def changed(self, **changes: Any) -> programmes.Programme:
        return replace(self.programme, **changes)

    def toml_programme(self, text: str) -> programmes.Programme:
        return programmes.programme_from_toml(
            text, programme=an_id("prog"), services=self.services
        )

    def consent(self, **changes: Any) -> consents.ConsentRecord:
        record = consents.ConsentRecord(
            record=an_id("cons"),
            schema=consents.SCHEMA,
            programme=self.programme.programme,
            programme_version=self.programme.version,
            controller=self.programme.controller,
            person=an_id("part"),
            device=an_id("dev"),
            notice_version="1",
            notice_digest=self.programme.notice.digest,
            purposes={"train-agents": True},
            data_types={"input": True, "screen": True, "context": False},
            retention_days=30,
            given_utc="2026-11-23T10:00:00Z",
        )
        return replace(record, **changes)

    def lease(self, **changes: Any) -> consents.Lease:
        lease = consents.Lease(
            programme=self.programme.programme,
            version=self.programme.version,
            state="running",
            reason="",
            nonce="n" * 22,
            duration_s=60,
        )
        return replace(lease, **changes)

    def request(self, **changes: Any) -> grants.AccessRequest:
        request = grants.AccessRequest(
            request=an_id("req"),
            programme=self.programme.programme,
            requester="res",
            purpose="train-agents",
            reason="a first agent",
            cohort=(),
            fields=("input", "screen"),
            level="clear",
            region="EU",
            expires_utc_s=NOW_UTC_S + 3600,
            job=b64(sealing_key("job").public.raw),
        )
        return replace(request, **changes)

    def signed_request(self, **changes: Any) -> Json:
        request = self.request(**changes)
        return grants.sign_request(request, signing_key(request.requester))

    def approval(
        self, document: Json, name: str, *, key: str = "", **changes: Any
    ) -> Json:
        approval = grants.Approval(
            request_digest=consents.document_digest(document),
            approver=name,
            decision="approve",
            reason="",
            given_utc="2026-11-23T10:00:00Z",
        )
        return grants.sign_approval(
            replace(approval, **changes), signing_key(key or name)
        )

    def halt(self, *names: str, **changes: Any) -> Json:
        order = halt.HaltOrder(
            programme=self.programme.programme,
            state="halted",
            reason="a wrong permission",
            given_utc="2026-11-23T10:00:00Z",
        )
        return halt.sign_halt(
            replace(order, **changes), [signing_key(name) for name in names]
        )

    def body(self, record: Any, **changes: Any) -> Json:
        return asdict(record) | changes


@pytest.fixture
def world() -> World:
    keys = [signing_key("programme 1"), signing_key("programme 2")]
    services = {
        name: public_text(signing_key(name).public_key())
        for name in programmes.SERVICES
    }
    toml = TOML + roster_toml()
    programme = programmes.programme_from_toml(
        toml, programme=an_id("prog"), services=services
    )
    return World(
        programme=programme,
        programme_keys=keys,
        anchor=programmes.Anchor(
            programme.programme,
            tuple(public_text(key.public_key()) for key in keys),
            2,
        ),
        device=signing_key("device"),
        person=sealing_key("person"),
        header=SealedHeader(
            segment=an_id("seg"),
            session=an_id("sess"),
            sequence=0,
            person=an_id("part"),
            device=an_id("dev"),
            programme=programme.programme,
            consent=an_id("cons"),
            day="2026-11-23",
        ),
        toml=toml,
        services=services,
    )
