"""A whole vault in one process, with everybody who calls it."""

from __future__ import annotations

import asyncio
import json
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.protocol import routes
from overt.protocol.calls import sign_call
from overt.protocol.canonical import b64, sha256_hex, unb64
from overt.protocol.consent import (
    SCHEMA,
    ConsentRecord,
    Withdrawal,
    document_digest,
    sign_consent,
    sign_withdrawal,
    verify_receipt,
)
from overt.protocol.derived import Derived, sign_derived
from overt.protocol.grants import AccessRequest, Approval, sign_approval, sign_request
from overt.protocol.halt import HaltOrder, sign_halt
from overt.protocol.ids import new_id
from overt.protocol.invitation import sign_person_key
from overt.protocol.ownread import OwnRead, sign_own_read
from overt.protocol.programme import (
    SERVICES,
    Anchor,
    Programme,
    parse_programme,
    sign_programme,
)
from overt.protocol.recovery import (
    Objection,
    Recovery,
    cosign_recovery,
    sign_objection,
    sign_recovery,
)
from overt.protocol.release import (
    VERSION,
    open_parts,
    open_release,
    read_parts,
    read_release,
)
from overt.protocol.sealing import (
    SealedHeader,
    SealingKey,
    SealingPublicKey,
    seal_segment,
)
from overt.protocol.signing import device_id, public_text, sign_document
from overt.vault.broker.app import Settings as BrokerSettings
from overt.vault.broker.app import create_app as create_broker
from overt.vault.broker.keyring import KeyringFile
from overt.vault.govern.policy import policies_digest
from overt.vault.govern.roster import Roster
from overt.vault.ingest.app import Settings as VaultSettings
from overt.vault.ingest.app import create_app as create_vault
from overt.vault.ingest.broker_client import BrokerClient
from overt.vault.log.book import EntryBook
from overt.vault.store.objects import open_objects

if TYPE_CHECKING:
    from pathlib import Path

    from overt.vault.store.database import Database
    from overt.vault.store.objects import Objects


NOW_S = 1_795_392_000  # 2026-11-23T00:00:00Z
TOKEN = "token-of-the-vault-server"  # noqa: S105 - made up for the tests
ROLES = {
    "stella": ("steward",),
    "stan": ("steward",),
    "anna": ("approver",),
    "rita": ("approver", "representative"),
    "rob": ("researcher",),
    "amy": ("researcher", "approver"),
    "otto": ("operator",),
    "audrey": ("auditor",),
    "exa": ("exposure",),
}


class InProcess(httpx.BaseTransport):
    """Calls an ASGI app without a socket, also from within another one's thread."""

    def __init__(self, app: Any) -> None:
        self._transport = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()

        async def call() -> httpx.Response:
            answer = await self._transport.handle_async_request(request)
            body = await answer.aread()
            return httpx.Response(
                answer.status_code, headers=answer.headers, content=body
            )

        return asyncio.run(call())


def client_of(app: Any) -> httpx.Client:
    return httpx.Client(transport=InProcess(app), base_url="http://vault.test")


class Device:
    """A participant's device, with the keys that only it has."""

    def __init__(self, invitation: dict[str, Any]) -> None:
        self.person: str = invitation["person"]
        self.code: str = invitation["code"]
        self.vault_key = SealingPublicKey(invitation["public"])
        self.key, self.session = Ed25519PrivateKey.generate(), new_id("sess")
        self.id = device_id(self.key.public_key())
        self.own = SealingKey.generate()
        self.consent_id = ""
        self.sent = 0


class World:
    """A vault server and a broker in one process, and everybody who calls them."""

    def __init__(
        self, folder: Path, database: Database, objects: Objects | None = None
    ) -> None:
        self.folder, self.database, self.now_s = folder, database, NOW_S
        self.programme_keys = [Ed25519PrivateKey.generate() for _ in range(3)]
        self.keys = {name: Ed25519PrivateKey.generate() for name in ROLES}
        self.services = {name: Ed25519PrivateKey.generate() for name in SERVICES}
        self.programme_id = new_id("prog")
        publics = [public_text(key.public_key()) for key in self.programme_keys]
        self.anchor = Anchor(self.programme_id, tuple(publics), 2)
        self.objects = objects or open_objects(f"file://{folder}/objects")
        self.key_file = folder / "root.key"
        self.key_file.touch(mode=0o600)
        self.key_file.write_bytes(bytes(32))
        self.job = SealingKey.generate()
        Roster(database, self.anchor).install(self.programme())
        self.start()

    def start(self) -> None:
        self.kms = KeyringFile(self.folder / "kms", key_file=self.key_file)
        clock = lambda: float(self.now_s)  # noqa: E731
        self.broker_app = create_broker(
            BrokerSettings(
                self.database,
                self.objects,
                self.anchor,
                self.kms,
                self.folder / "log",
                self.services["log"],
                TOKEN,
                self.folder / "kms" / "denials",
                clock=clock,
            )
        )
        self.broker = client_of(self.broker_app)
        self.vault_app = create_vault(
            VaultSettings(
                self.database,
                self.objects,
                self.anchor,
                BrokerClient(self.broker, TOKEN, clock),
                self.folder / "log",
                self.services["receipt"],
                self.services["lease"],
                clock=clock,
            )
        )

        self.vault = client_of(self.vault_app)

    def stop(self) -> None:
        self.kms.close()

    def start_again(self) -> None:
        self.stop()
        self.start()

    def body(self, **changes: Any) -> dict[str, Any]:
        roster = [
            {
                "name": name,
                "roles": list(roles),
                "key": public_text(self.keys[name].public_key()),
                "human": name,
            }
            for name, roles in ROLES.items()
        ]
        return {
            "programme": self.programme_id,
            "version": 1,
            "title": "Test",
            "controller": "Test controller",
            "purposes": [
                {"id": "agents", "title": "Agents", "text": "Train agents."},
                {"id": "study", "title": "Study", "text": "Study."},
            ],
            "notice": {"version": "1", "language": "en", "text": "We record."},
            "dpia": {"reference": "D1", "author": "stella", "date": "2026-11-02"},
            "allow": [{"app": "chromium", "level": "clear"}],
            "data_types": ["input", "screen", "context"],
            "retention_days": 30,
            "regions": ["EU"],
            "min_cohort": 1,
            "lease_s": 60,
            "threshold": 2,
            "roster": roster,
            "policies": policies_digest(),
            "services": {
                name: public_text(key.public_key())
                for name, key in self.services.items()
            },
            **changes,
        }

    def programme(self, **changes: Any) -> dict[str, Any]:
        parsed = parse_programme(self.body(**changes))
        return sign_programme(parsed, self.programme_keys[:2])

    def in_force(self) -> Programme:
        return Roster(self.database, self.anchor).programme()

    def call(
        self, who: str | Device, method: str, target: str, body: Any = b""
    ) -> httpx.Response:
        key = self.keys[who] if isinstance(who, str) else who.key
        return self.call_with(key, method, target, body)

    def call_with(
        self, key: Ed25519PrivateKey, method: str, target: str, body: Any = b""
    ) -> httpx.Response:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        header = sign_call(
            key,
            method=method,
            target=target,
            body=data,
            utc_s=self.now_s,
            nonce=secrets.token_hex(16),
        )
        to_broker = target in {
            *(routes.PERSON_KEYS, routes.RELEASES),
            *(routes.DERIVED_KEYS, routes.OPENINGS),
        }
        client = self.broker if to_broker else self.vault
        headers = {"Authorization": header}
        return client.request(method, target, content=data, headers=headers)

    def invite(self) -> Device:
        made = ok(self.call("stella", "POST", routes.PERSON_KEYS, {}))
        public = SealingPublicKey(unb64(made["public"], what="key"))
        document = sign_person_key(
            self.programme_id, made["person"], public, self.programme_keys[:2]
        )
        code = secrets.token_urlsafe(16)
        body = {
            "person": made["person"],
            "code_sha256": sha256_hex(code.encode()),
            "person_key": document,
            "expires_utc_s": self.now_s + 3600,
        }
        ok(self.call("stella", "POST", routes.INVITATIONS, body))
        return Device({"person": made["person"], "code": code, "public": public.raw})

    def enrolment(self, device: Device, /, **changes: Any) -> dict[str, Any]:
        body = {
            "programme": self.programme_id,
            "code": device.code,
            "person": device.person,
            "device": device.id,
            "key": public_text(device.key.public_key()),
            **changes,
        }
        return sign_document("enrolment.v1", body, [device.key])

    def enrol(self, device: Device | None = None) -> Device:
        device = device or self.invite()
        document = self.enrolment(device)
        ok(self.vault.post(routes.ENROL, content=json.dumps(document)))
        return device

    def record(self, device: Device, /, **changes: Any) -> ConsentRecord:
        programme = self.in_force()
        fields: dict[str, Any] = {
            "record": new_id("cons"),
            "schema": SCHEMA,
            "programme": programme.programme,
            "programme_version": programme.version,
            "controller": programme.controller,
            "person": device.person,
            "device": device.id,
            "notice_version": programme.notice.version,
            "notice_digest": programme.notice.digest,
            "purposes": {"agents": True, "study": False},
            "data_types": {"input": True, "screen": True, "context": True},
            "retention_days": programme.retention_days,
            "given_utc": self.iso(),
        }
        return ConsentRecord(**fields | changes)

    def iso(self) -> str:
        moment = datetime.fromtimestamp(self.now_s, UTC)
        return moment.isoformat().replace("+00:00", "Z")

    def consent(self, device: Device, **changes: Any) -> dict[str, Any]:
        record = self.record(device, **changes)
        document = sign_consent(record, device.key)
        receipt = ok(self.call(device, "POST", routes.CONSENTS, document))
        device.consent_id = record.record
        verify_receipt(receipt, self.in_force(), digest=document_digest(document))
        return receipt

    def withdraw(self, device: Device, *, erase: bool = False) -> httpx.Response:
        body = Withdrawal(
            device.consent_id, device.person, device.id, erase, self.iso()
        )
        document = sign_withdrawal(body, device.key)
        return self.call(device, "POST", routes.WITHDRAWALS, document)

    def segment(
        self, device: Device, /, data: bytes = b"recorded", **changes: Any
    ) -> tuple[SealedHeader, bytes]:
        fields = {
            "segment": new_id("seg"),
            "session": device.session,
            "sequence": device.sent,
            "person": device.person,
            "device": device.id,
            "programme": self.programme_id,
            "consent": device.consent_id,
            "day": self.iso()[:10],
        }
        header = SealedHeader(**fields | changes)
        return header, seal_segment(data, header, device.vault_key, device.key)

    def put(self, device: Device, header: SealedHeader, data: bytes) -> httpx.Response:
        return self.call(device, "PUT", f"{routes.SEGMENTS}/{header.segment}", data)

    def send(self, device: Device, data: bytes = b"recorded", **changes: Any) -> str:
        header, sealed = self.segment(device, data, **changes)
        ok(self.put(device, header, sealed))
        device.sent += 1
        return header.segment

    def participant(self, *contents: bytes) -> Device:
        device = self.enrol()
        self.consent(device)
        for content in contents:
            self.send(device, content)
        return device

    def request(self, who: str = "rob", **changes: Any) -> AccessRequest:
        fields: dict[str, Any] = {
            "request": new_id("req"),
            "programme": self.programme_id,
            "requester": who,
            "purpose": "agents",
            "reason": "An agent that files forms.",
            "cohort": (),
            "fields": ("input", "screen", "context"),
            "level": "clear",
            "region": "EU",
            "expires_utc_s": self.now_s + 86400,
            "job": b64(self.job.public.raw),
        }
        return AccessRequest(**fields | changes)

    def ask(self, **changes: Any) -> dict[str, Any]:
        request = self.request(**changes)
        document = sign_request(request, self.keys[request.requester])
        ok(self.call(request.requester, "POST", routes.REQUESTS, document))
        return {"id": request.request, "digest": document_digest(document)}

    def approve(
        self, asked: dict[str, Any], who: str, decision: str = "approve"
    ) -> httpx.Response:
        approval = Approval(asked["digest"], who, decision, "Because.", self.iso())  # type: ignore[arg-type]
        document = sign_approval(approval, self.keys[who])
        target = f"{routes.REQUESTS}/{asked['id']}/approvals"
        return self.call(who, "POST", target, document)

    def granted(self, **changes: Any) -> str:
        asked = self.ask(**changes)
        for who in ("anna", "rita"):
            ok(self.approve(asked, who))
        return asked["id"]

    def release(self, request: str, who: str = "rob") -> httpx.Response:
        body = {"request": request, "version": VERSION}
        return self.call(who, "POST", routes.RELEASES, body)

    def opened(self, request: str) -> list[bytes]:
        answer = self.release(request)
        assert answer.status_code == 200, answer.text
        return list(open_release(answer.content, self.job))

    def own_read(self, device: Device, /, **changes: Any) -> OwnRead:
        fields: dict[str, Any] = {
            "read": new_id("own"),
            "programme": self.programme_id,
            "person": device.person,
            "recorded_by": device.id,
            "key": public_text(device.key.public_key()),
            "own": b64(device.own.public.raw),
            "segments": (),
            "after": "",
            "given_utc": self.iso(),
        }
        return OwnRead(**fields | changes)

    def ask_own(self, device: Device, /, **changes: Any) -> httpx.Response:
        document = sign_own_read(self.own_read(device, **changes), device.key)
        return self.call(device, "POST", routes.OWN, document)

    def own_opened(self, device: Device, /, **changes: Any) -> list[bytes]:
        answer = self.ask_own(device, **changes)
        assert answer.status_code == 200, answer.text
        return list(open_release(answer.content, device.own))

    def wish(self, new: Device, lost: Device, **changes: Any) -> Recovery:
        fields: dict[str, Any] = {
            "recovery": new_id("rcv"),
            "programme": self.programme_id,
            "person": lost.person,
            "recorded_by": lost.id,
            "key": public_text(new.key.public_key()),
            "own": b64(new.own.public.raw),
            "given_utc": self.iso(),
        }
        return Recovery(**fields | changes)

    def recovery(
        self, new: Device, lost: Device, who: str = "rita", **changes: Any
    ) -> dict[str, Any]:
        asked = sign_recovery(self.wish(new, lost, **changes), new.key)
        return cosign_recovery(asked, self.keys[who])

    def recover(self, new: Device, lost: Device, **changes: Any) -> httpx.Response:
        document = self.recovery(new, lost, **changes)
        return self.call("rita", "POST", routes.RECOVERIES, document)

    def object(self, device: Device, recovery: str) -> httpx.Response:
        key = public_text(device.key.public_key())
        objection = Objection(recovery, self.programme_id, key, self.iso())
        document = sign_objection(objection, device.key)
        return self.call(device, "POST", routes.OBJECTIONS, document)

    def opened_anyway(self, request: str) -> list[bytes]:
        """Open whatever there is in a release, also in one that was cut short."""
        answer = self.release(request)
        if answer.status_code != 200:
            return []
        size = int.from_bytes(answer.content[8:12], "little")
        parts = list(read_parts(answer.content, 12 + size))
        return list(open_parts(answer.content, parts, self.job))

    def derive(self, request: str, who: str = "rob") -> Derived:
        """Release, and return a dataset of all that came, under a fresh key."""
        header, parts = read_release(self.release(request, who).content)
        made = self.call(who, "POST", routes.DERIVED_KEYS, {"request": request})
        return Derived(
            new_id("ds"), "dataset", request, header.grant, who, "00" * 32,
            ok(made)["key"], tuple(part.header.segment for part in parts), (),
            header.release,
        )  # fmt: skip

    def register(self, derived: Derived, who: str = "rob") -> httpx.Response:
        document = sign_derived(derived, self.keys[who])
        return self.call(who, "POST", routes.DERIVED, document)

    def open(self, derived: str, who: str = "rob") -> httpx.Response:
        return self.call(who, "POST", routes.OPENINGS, {"derived": derived})

    def openings(self) -> list[dict[str, Any]]:
        book = EntryBook(self.database, "")
        return [json.loads(entry) for _, _, entry in book.find("opening")]

    def halt(
        self,
        *who: str,
        state: str = "halted",
        reason: str = "Exposure.",
        **changes: Any,
    ) -> httpx.Response:
        order = HaltOrder(self.programme_id, state, reason, self.iso(), **changes)  # type: ignore[arg-type]
        document = sign_halt(order, [self.keys[name] for name in who])
        return self.call(who[0], "POST", routes.HALTS, document)

    def entries(self, kind: str) -> int:
        return EntryBook(self.database, "").count_of(kind)

    def reads(self) -> list[dict[str, Any]]:
        book = EntryBook(self.database, "")
        return [json.loads(entry) for _, _, entry in book.find("read")]


def ok(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
