"""The vault server's API: devices and members talk to it; it cannot decrypt.

Stage: the vault's border towards participants and members. In: signed calls and signed
documents; out: receipts, leases, facts. Routes are those of protocol/routes.py; each
declares who may call it.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.responses import StreamingResponse

from overt.protocol import routes
from overt.protocol.canonical import Json, canonical_bytes, parse_json
from overt.protocol.errors import VaultError
from overt.vault.govern import (
    acknowledged,
    consent,
    derived,
    enrolment,
    halt,
    reports,
    requests,
)
from overt.vault.govern.bodies import (
    Body,  # noqa: TC001 - FastAPI reads annotations at run time
)
from overt.vault.govern.callers import (
    Caller,  # noqa: TC001 - FastAPI reads annotations at run time
)
from overt.vault.govern.erasure import erase_person
from overt.vault.govern.gate import Allow, Anyone, ByInvitation, Gate
from overt.vault.govern.refusals import NotFoundError, answer_refusals
from overt.vault.govern.registry import KeyBroker, Registry
from overt.vault.govern.roster import Roster
from overt.vault.ingest.admission import Admission
from overt.vault.log.folder import WITNESSED, LogFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.programme import Anchor
    from overt.vault.store.database import Database
    from overt.vault.store.objects import Objects

_TILE = re.compile(r"tile/(entries|\d{1,2})/(x\d{3}/)*\d{3}(\.p/\d{1,3})?")
_JSON = "application/json"


@dataclass(frozen=True)
class Settings:
    """What the vault server is made of.

    Attributes:
        database: Rows, opened.
        objects: The object store, opened.
        anchor: The programme keys that the server was set up with.
        broker: The line to the key broker.
        log_folder: Where the broker writes the log; only read here.
        receipt_key: Signs receipts.
        lease_key: Signs leases.
        clock: Unix seconds now.
    """

    database: Database
    objects: Objects
    anchor: Anchor
    broker: KeyBroker
    log_folder: Path
    receipt_key: Ed25519PrivateKey
    lease_key: Ed25519PrivateKey
    clock: Callable[[], float] = time.time

    def registry(self) -> Registry:
        """Return the parts that the rules work with."""
        return Registry(
            self.database,
            Roster(self.database, self.anchor),
            self.broker,
            self.receipt_key,
            self.lease_key,
            self.clock,
        )


@dataclass(frozen=True)
class _Parts:
    registry: Registry
    admission: Admission
    log: LogFolder


def _parts(request: Request) -> _Parts:
    parts: _Parts = request.app.state.parts
    return parts


Parts = Annotated[_Parts, Depends(_parts)]
_ANYONE = [Depends(Anyone())]
public, devices, members = APIRouter(), APIRouter(), APIRouter()


def create_app(settings: Settings) -> FastAPI:
    """Return the vault server's API.

    Args:
        settings: What it is made of; the programme is installed by `Roster.install`.
    """
    registry = settings.registry()
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.gate = Gate(
        *(settings.database, registry.roster),
        clock=settings.clock,
        latest=settings.broker.latest,
    )
    admission = Admission(registry, settings.objects)
    app.state.parts = _Parts(registry, admission, LogFolder(settings.log_folder))
    for router in (public, devices, members):
        app.include_router(router)
    answer_refusals(app)
    return app


def _document(document: bytes) -> Response:
    return Response(document, media_type=_JSON)


@public.get(routes.HEALTH, dependencies=_ANYONE)
def health() -> Json:
    """Say that the server answers."""
    return {"ok": True}


@public.get(routes.READY, dependencies=_ANYONE)
def ready(parts: Parts) -> Json:
    """Say that the server can work: programme and log can be read.

    Raises:
        VaultError: One of them cannot.
    """
    parts.registry.roster.programme()
    if parts.log.read("checkpoint") is None:
        raise VaultError("The log has no checkpoint; the key broker never ran.")
    return {"ok": True}


@public.get(routes.PROGRAMME, dependencies=_ANYONE)
def programme(parts: Parts) -> Response:
    """Return the signed programme in force."""
    return _document(parts.registry.roster.document())


@members.post(routes.PROGRAMME, dependencies=[Depends(Allow("change_programme"))])
def change_programme(body: Body, parts: Parts) -> Json:
    """Put the next version of the programme into force."""
    envelope = parse_json(body, what="A programme")
    changed = parts.registry.roster.change(parts.registry, envelope)
    return {"version": changed.version}


@public.get(routes.PULSE, dependencies=_ANYONE)
def pulse(parts: Parts) -> Json:
    """Return a text that changes with the programme's state, so that devices ask."""
    return {"pulse": halt.pulse(parts.registry)}


@public.get(routes.LOG + "/{path:path}", dependencies=_ANYONE)
def log_file(path: str, parts: Parts) -> Response:
    """Return the log's checkpoint or one of its tiles (C2SP tlog-tiles)."""
    head = path in {"checkpoint", WITNESSED}
    data = parts.log.read(path) if head or _TILE.fullmatch(path) else None
    if data is None:
        raise NotFoundError("The log has no such file.")
    kind = "text/plain" if head else "application/octet-stream"
    return Response(data, media_type=kind)


@devices.post(routes.ENROL, dependencies=[Depends(ByInvitation())])
def enrol(body: Body, parts: Parts) -> Response:
    """Take a device in by its invitation's code."""
    envelope = parse_json(body, what="An enrolment")
    return _document(enrolment.enrol(parts.registry, envelope))


@devices.post(routes.LEASE)
def lease(
    body: Body, parts: Parts, caller: Annotated[Caller, Depends(Allow("record"))]
) -> Response:
    """State the programme's state for a short time; a halted one is acknowledged."""
    nonce = parse_json(body, what="A lease request").get("nonce")
    signed = halt.lease(parts.registry, str(nonce))
    acknowledged.note(parts.registry, caller.device)
    return _document(canonical_bytes(signed))


@devices.get(routes.WORD, dependencies=[Depends(Allow("see_readers"))])
def word(parts: Parts) -> Json:
    """Return the halt order in force: what happened, and who could read."""
    return {"order": halt.order_in_force(parts.registry)}


@devices.post(routes.CONSENTS)
def give_consent(
    body: Body, parts: Parts, caller: Annotated[Caller, Depends(Allow("consent"))]
) -> Response:
    """Put a consent record on record."""
    envelope = parse_json(body, what="A consent document")
    return _document(consent.give(parts.registry, caller, envelope))


@devices.post(routes.WITHDRAWALS)
def withdraw(
    body: Body, parts: Parts, caller: Annotated[Caller, Depends(Allow("withdraw"))]
) -> Response:
    """End a person's consents; erase what they sent where they say so."""
    envelope = parse_json(body, what="A withdrawal")
    withdrawal = consent.withdraw(parts.registry, caller, envelope)
    derived.revoke(parts.registry, caller.person)
    final = ""
    if withdrawal.erase:
        final = erase_person(parts.registry, parts.admission.objects, caller.person)
    return _document(
        consent.withdrawal_receipt(parts.registry, caller, envelope, final=final)
    )


@devices.put(routes.SEGMENTS + "/{segment}")
def put_segment(
    segment: str,
    body: Body,
    parts: Parts,
    caller: Annotated[Caller, Depends(Allow("send"))],
) -> Response:
    """Admit a sealed segment."""
    return _document(parts.admission.admit(caller, segment, body))


@devices.get(routes.READERS)
def readers(
    parts: Parts, caller: Annotated[Caller, Depends(Allow("see_readers"))]
) -> Json:
    """Tell a participant who read what of theirs."""
    checkpoint = parts.log.read("checkpoint") or b""
    return {
        "reads": reports.readers(parts.registry.database, caller.person),
        "derived": derived.of_person(parts.registry.database, caller.person),
        "checkpoint": checkpoint.decode(),
    }


@devices.get(routes.OWN)
def own_segments(
    parts: Parts, caller: Annotated[Caller, Depends(Allow("see_readers"))]
) -> Json:
    """Tell a participant which segments the vault holds of them."""
    return {"segments": reports.held_of(parts.registry.database, caller.person)}


@devices.post(routes.OWN, dependencies=[Depends(Allow("read_own"))])
def read_own(body: Body, parts: Parts) -> Response:
    """Pass a participant's own read on to the broker, and its answer back."""
    return _passed_on(parts, routes.OWN_READS, body)


@members.post(routes.RECOVERIES, dependencies=[Depends(Allow("cosign_recovery"))])
def recover(body: Body, parts: Parts) -> Response:
    """Have the notice of a recovery put on the log."""
    return _passed_on(parts, routes.OWN_RECOVERIES, body)


@devices.post(routes.OBJECTIONS, dependencies=[Depends(Allow("object_recovery"))])
def object_recovery(body: Body, parts: Parts) -> Response:
    """Have a recovery stopped."""
    return _passed_on(parts, routes.OWN_OBJECTIONS, body)


def _passed_on(parts: _Parts, route: str, body: bytes) -> Response:
    """Return the broker's answer to a signed document."""
    envelope = parse_json(body, what="A signed document")
    status, stream = parts.registry.broker.pass_on(route, envelope)
    streams = status == HTTPStatus.OK and route == routes.OWN_READS
    kind = "application/octet-stream" if streams else _JSON
    return StreamingResponse(stream, status, media_type=kind)


@devices.get(routes.ENTRIES)
def entries(
    parts: Parts,
    caller: Annotated[Caller, Depends(Allow("see_readers"))],
    start: Annotated[int, Query(ge=0, le=2**53)] = 0,
) -> Json:
    """Return a page of the log's entries about a participant, with their salts."""
    return reports.entries_about(parts.registry, caller.person, start)


@members.post(routes.INVITATIONS, dependencies=[Depends(Allow("invite"))])
def invite(body: Body, parts: Parts) -> Json:
    """Take the hash of an invitation's code in."""
    enrolment.invite(parts.registry, parse_json(body, what="An invitation"))
    return {}


@members.post(routes.REQUESTS)
def submit_request(
    body: Body, parts: Parts, caller: Annotated[Caller, Depends(Allow("request"))]
) -> Json:
    """Put an access request on record."""
    envelope = parse_json(body, what="An access request")
    return requests.submit(parts.registry, caller, envelope)


@members.get(routes.REQUESTS)
def list_requests(
    parts: Parts, caller: Annotated[Caller, Depends(Allow("see_requests"))]
) -> Json:
    """Return the access requests that a member may see, with their decisions."""
    registry = parts.registry
    in_force, now_s = registry.roster.programme(), registry.now_s
    return {
        "requests": [
            {
                "request": request_id,
                "document": file.document,
                "digest": file.digest,
                "state": file.state(in_force, now_s),
                "approvals": list(file.approvals),
            }
            for request_id, file in requests.request_files(registry.database)
            if requests.may_see(caller, file, in_force)
        ]
    }


@members.post(routes.REQUESTS + "/{request_id}/approvals")
def decide_request(
    request_id: str,
    body: Body,
    parts: Parts,
    caller: Annotated[Caller, Depends(Allow("approve"))],
) -> Json:
    """Put an approver's decision on record."""
    envelope = parse_json(body, what="An approval")
    return {"state": requests.decide(parts.registry, caller, request_id, envelope)}


@members.post(routes.DERIVED)
def register_derived(
    body: Body, parts: Parts, caller: Annotated[Caller, Depends(Allow("register"))]
) -> Json:
    """Put something that a job made on record."""
    envelope = parse_json(body, what="A registration")
    return derived.register(parts.registry, caller, envelope)


@members.get(routes.DERIVED)
def list_derived(
    parts: Parts, caller: Annotated[Caller, Depends(Allow("see_derived"))]
) -> Json:
    """Return what was made of recordings, with its state."""
    return {"derived": derived.seen_by(parts.registry, caller)}


@members.post(routes.DERIVED_DECISIONS, dependencies=[Depends(Allow("decide_derived"))])
def decide_derived(body: Body, parts: Parts) -> Json:
    """Put a decision about something tainted on record."""
    envelope = parse_json(body, what="A decision")
    return derived.decide(parts.registry, envelope)


@members.post(routes.EXPORTS)
def export_derived(
    body: Body, parts: Parts, caller: Annotated[Caller, Depends(Allow("export"))]
) -> Json:
    """Log an export in clear, before it is written."""
    envelope = parse_json(body, what="An export")
    return derived.export(parts.registry, caller, envelope)


@members.post(routes.HALTS, dependencies=[Depends(Allow("halt"))])
def order_halt(body: Body, parts: Parts) -> Json:
    """Halt the programme, or lift a halt."""
    envelope = parse_json(body, what="A halt order")
    return {"state": halt.accept_order(parts.registry, envelope).state}


@members.get(routes.STATE, dependencies=[Depends(Allow("see_state"))])
def state(parts: Parts) -> Json:
    """Return state and counts."""
    return reports.state_report(parts.registry)
