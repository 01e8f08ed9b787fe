"""The key broker's API: the one process that unwraps keys and writes the log.

Stage: beside the vault server, a process of its own. In: signed calls of stewards and
researchers, the vault server's log entries, own reads that it passes on; out: public
halves, releases, numbers. Each route declares who may call it. It never gives out a
private half.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.responses import StreamingResponse

from overt.protocol import routes
from overt.protocol.canonical import Json, canonical_bytes, parse_json
from overt.protocol.errors import DataError, VaultError
from overt.protocol.release import VERSION
from overt.vault.broker.denials import Denials
from overt.vault.broker.derived import Openings
from overt.vault.broker.own import OwnReads
from overt.vault.broker.people import People, public_digest
from overt.vault.broker.recoveries import Recoveries
from overt.vault.broker.release import Releases
from overt.vault.govern.bodies import (
    Body,  # noqa: TC001 - FastAPI reads annotations at run time
)
from overt.vault.govern.callers import (
    Caller,  # noqa: TC001 - FastAPI reads annotations at run time
)
from overt.vault.govern.gate import Allow, Anyone, ByToken, Gate
from overt.vault.govern.refusals import answer_refusals
from overt.vault.govern.registry import day_of
from overt.vault.govern.roster import Roster
from overt.vault.log.log import Log
from overt.vault.log.witnessed import Witnessed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.programme import Anchor
    from overt.vault.broker.kms import Kms
    from overt.vault.store.database import Database
    from overt.vault.store.objects import Objects

# what the vault server may put on the log; reads come from the broker alone
SERVER_KINDS = frozenset(
    {
        "enrolment",
        "consent",
        "withdrawal",
        "segment",
        "request",
        "approval",
        "halt",
        "erasure",
        "programme",
        "derived",
        "revoked",
        "tainted",
        "derived-decision",
        "export",
    }
)
_BY_TOKEN = [Depends(ByToken())]


@dataclass(frozen=True)
class Settings:
    """What the broker is made of.

    Attributes:
        database: Rows, opened; the same database as the vault server's.
        objects: The object store, opened; the same as the vault server's.
        anchor: The programme keys that the server was set up with.
        kms: Keeps the epoch roots.
        log_folder: Where the log lies; no other process writes it.
        log_key: Signs checkpoints.
        service_token: What the vault server shows.
        denials: The file of what was ended; it lies with the keys.
        origin: The log's name; made from the programme's id where empty.
        clock: Unix seconds now.
    """

    database: Database
    objects: Objects
    anchor: Anchor
    kms: Kms
    log_folder: Path
    log_key: Ed25519PrivateKey
    service_token: str
    denials: Path
    origin: str = ""
    clock: Callable[[], float] = time.time


@dataclass(frozen=True)
class _Parts:
    people: People
    releases: Releases
    openings: Openings
    log: Log
    denials: Denials
    clock: Callable[[], float]


def _parts(request: Request) -> _Parts:
    parts: _Parts = request.app.state.parts
    return parts


Parts = Annotated[_Parts, Depends(_parts)]


def create_app(settings: Settings) -> FastAPI:
    """Return the broker's API; the log is recovered and rotations are finished first.

    Raises:
        VaultError: Log, database or keyring do not agree, or what was ended cannot be
            read; nothing is served.
    """
    roster = Roster(settings.database, settings.anchor)
    origin = settings.origin or f"overt/{settings.anchor.programme}"
    log = Log(settings.log_folder, settings.log_key, origin, settings.database)
    witnessed = Witnessed(log.folder, origin, log.public, clock=settings.clock)
    denials = Denials(settings.denials, log, settings.database)
    people = People(settings.database, settings.kms, settings.anchor.programme)
    releases = Releases(
        settings.database,
        settings.objects,
        roster,
        people,
        log,
        witnessed,
        denials,
        settings.clock,
    )
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.gate = Gate(
        settings.database,
        roster,
        settings.service_token,
        settings.clock,
        lambda: denials.latest,
    )
    app.state.parts = _Parts(
        people, releases, Openings(releases), log, denials, settings.clock
    )
    _add_routes(app)
    answer_refusals(app)
    return app


def _add_routes(app: FastAPI) -> None:
    app.get(routes.HEALTH, dependencies=[Depends(Anyone())])(health)
    app.get(routes.READY, dependencies=[Depends(Anyone())])(ready)
    app.post(routes.PERSON_KEYS, dependencies=[Depends(Allow("make_person_key"))])(
        make_person_key
    )
    app.post(routes.RELEASES)(release)
    app.post(routes.DERIVED_KEYS)(make_derived_key)
    app.post(routes.OPENINGS)(open_derived)
    app.post(routes.APPENDS, dependencies=_BY_TOKEN)(append)
    app.post(routes.LATEST, dependencies=_BY_TOKEN)(latest)
    app.post(routes.OWN_READS, dependencies=_BY_TOKEN)(read_own)
    app.post(routes.OWN_RECOVERIES, dependencies=_BY_TOKEN)(recover)
    app.post(routes.OWN_OBJECTIONS, dependencies=_BY_TOKEN)(object_recovery)
    app.post(routes.ERASURES, dependencies=_BY_TOKEN)(erase)


def health() -> Json:
    """Say that the broker answers."""
    return {"ok": True}


def ready(parts: Parts) -> Json:
    """Say that the broker can work: programme, log and epoch root are there.

    Raises:
        VaultError: One of them is not.
    """
    parts.releases.roster.programme()
    if not parts.log.checkpoint() or not parts.people.epoch:
        raise VaultError("The log or the epoch's root cannot be read.")
    return {"ok": True}


def make_person_key(parts: Parts) -> Json:
    """Make a pseudonym with a vault pair; the programme keys sign the public half."""
    made = parts.people.make()
    entry: Json = {
        "kind": "person-key",
        "subject": made["person"],
        "person": made["person"],
        "digest": public_digest(made),
        "day": day_of(parts.clock()).isoformat(),
    }
    parts.log.append([canonical_bytes(entry)])
    return made


def release(
    body: Body, parts: Parts, caller: Annotated[Caller, Depends(Allow("release"))]
) -> StreamingResponse:
    """Stream the segments that a grant covers, their keys sealed to the job.

    Raises:
        DataError: The caller reads another version of releases; nothing is read.
    """
    asked = parse_json(body, what="A release")
    if asked.get("version") != VERSION:
        raise DataError(
            f"This vault releases in version {VERSION}; the caller reads another.",
            remedy="Use the version of overt that the vault runs; release again.",
        )
    stream = parts.releases.begin(caller, str(asked.get("request")))
    return StreamingResponse(stream, media_type="application/octet-stream")


def make_derived_key(
    body: Body, parts: Parts, caller: Annotated[Caller, Depends(Allow("release"))]
) -> Json:
    """Make the key of something that is derived under the caller's grant."""
    asked = parse_json(body, what="A key's making")
    return parts.openings.make(caller, str(asked.get("request")))


def open_derived(
    body: Body, parts: Parts, caller: Annotated[Caller, Depends(Allow("release"))]
) -> Json:
    """Open something derived for its job; each contributor's read is on the log."""
    asked = parse_json(body, what="An opening")
    return parts.openings.open(caller, str(asked.get("derived")))


def read_own(body: Body, parts: Parts) -> StreamingResponse:
    """Stream a participant's own segments, their keys sealed to their own key.

    The vault server passes the document on; what it says is its signer's alone.
    """
    envelope = parse_json(body, what="An own read")
    stream = OwnReads(parts.releases).begin(envelope)
    return StreamingResponse(stream, media_type="application/octet-stream")


def recover(body: Body, parts: Parts) -> Json:
    """Put a recovery's notice on the log; it opens nothing for seven days."""
    envelope = parse_json(body, what="A recovery")
    return Recoveries(parts.releases).notice(envelope)


def object_recovery(body: Body, parts: Parts) -> Json:
    """Stop a recovery, in the name of a device of its person."""
    envelope = parse_json(body, what="An objection")
    return Recoveries(parts.releases).object(envelope)


def append(body: Body, parts: Parts) -> Json:
    """Put the vault server's entries on the log.

    Raises:
        DataError: An entry is no object or of a kind that is not the server's.
    """
    entries = parse_json(body, what="Log entries").get("entries")
    if not isinstance(entries, list) or not entries:
        raise DataError("Log entries are no list, or an empty one.")
    for entry in entries:
        if not isinstance(entry, dict) or entry.get("kind") not in SERVER_KINDS:
            raise DataError("A log entry is of a kind that the server may not write.")
    return {"indices": parts.denials.append(entries)}


def latest(parts: Parts) -> Json:
    """Tell the vault server the last halt order and the newest version."""
    return parts.denials.latest._asdict()


def erase(body: Body, parts: Parts) -> Json:
    """Destroy a person's key."""
    person = parse_json(body, what="An erasure").get("person")
    return parts.people.erase(str(person))
