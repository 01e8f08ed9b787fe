"""What is made of released segments: registered, revoked, decided on, exported.

A researcher signs what a job has made (`derived.v1`): a dataset names its segments, a
model or report what it was made of, so that a withdrawal finds every one. It is sealed
to a key of its own whose private half the broker keeps: to open it is to ask. What a
steward and the representative decide on one that is tainted is signed
(`derived-decision.v1`), and so is a wish to export in clear (`export.v1`), which needs
a grant that names the recipient. Specified in docs/spec/access.md.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from overt.protocol.errors import DataError, GovernError
from overt.protocol.forms import read_form
from overt.protocol.sealing import SealingKey, blob_context, open_blob, seal_blob
from overt.protocol.signing import (
    public_key,
    sign_document,
    trusted_keys,
    verify_document,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.canonical import Json
    from overt.protocol.grants import Grant
    from overt.protocol.programme import Programme, Role
    from overt.protocol.sealing import SealingPublicKey

DerivedKind = Literal["dataset", "model", "evaluation", "report"]
DerivedState = Literal["held", "revoked", "tainted", "kept", "retired"]


@dataclass(frozen=True, slots=True)
class Derived:
    """Something that a job has made, sealed to a key of its own.

    Attributes:
        derived: Its id (`ds_...`, `ckpt_...`) or, for others, a digest's first digits.
        kind: What it is.
        request: The access request under which it was made.
        grant: `Grant.digest`.
        researcher: Member name of whoever made it.
        sha256: Of the sealed bytes; of a dataset, of its sealed manifest.
        key: Id of the key that it is sealed to.
        segments: Segments in it, of a dataset, as its release names them; else empty.
        made_of: Ids of what it was made of; of a dataset empty.
        release: Of a dataset, the release whose names its segments bear; else empty.
    """

    derived: str
    kind: DerivedKind
    request: str
    grant: str
    researcher: str
    sha256: str
    key: str
    segments: tuple[str, ...] = ()
    made_of: tuple[str, ...] = ()
    release: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What two people decide on something that held data since withdrawn.

    Attributes:
        derived: Its id.
        decision: `kept`: it may be used on; `retired`: it may not.
        reason: In their words; contributors read it.
        given_utc: When, ISO 8601 with `Z`.
    """

    derived: str
    decision: Literal["kept", "retired"]
    reason: str
    given_utc: str


@dataclass(frozen=True, slots=True)
class Export:
    """A wish to write something derived in clear.

    Attributes:
        derived: Its id.
        request: The access request for this export, which names the recipient.
        recipient: To whom it goes.
        researcher: Member name of whoever exports.
        given_utc: When, ISO 8601 with `Z`.
    """

    derived: str
    request: str
    recipient: str
    researcher: str
    given_utc: str


def sign_derived(derived: Derived, key: Ed25519PrivateKey) -> Json:
    """Return the researcher-signed registration."""
    return sign_document("derived.v1", asdict(derived), [key])


def verify_derived(envelope: Json, programme: Programme) -> Derived:
    """Return a registration signed by the researcher that it names.

    Raises:
        GovernError: They are on no roster or no researcher.
        SealError: Somebody else signed it.
        DataError: It is malformed, or names neither segments and their release nor
            sources.
    """
    body = _by(envelope, "derived.v1", programme, "researcher", "researcher")
    derived = read_form(Derived, body, what="A registration")
    of_segments = bool(derived.segments), bool(derived.release)
    if of_segments != (derived.kind == "dataset",) * 2:
        raise DataError("A dataset, and it alone, names its segments and release.")
    if derived.kind != "dataset" and not derived.made_of:
        raise DataError(f"{derived.derived:.60} does not say what it was made of.")
    return derived


def seal_key(key: SealingKey, derived: str, job: SealingPublicKey) -> bytes:
    """Return the key of something derived, sealed to a job: a sealed file."""
    return seal_blob(key.raw, job, _key_context(derived))


def open_key(blob: bytes, derived: str, job: SealingKey) -> SealingKey:
    """Return the key of something derived, as the broker sealed it to a job.

    Raises:
        SealError: Another job's, or altered.
        DataError: It is malformed, or another thing's.
    """
    if blob_context(blob) != _key_context(derived):
        raise DataError(f"The broker's answer is not the key of {derived:.60}.")
    return SealingKey(open_blob(blob, job))


def _key_context(derived: str) -> Json:
    return {"kind": "derived-key", "derived": derived}


def sign_export(export: Export, key: Ed25519PrivateKey) -> Json:
    """Return the researcher-signed wish to export."""
    return sign_document("export.v1", asdict(export), [key])


def verify_export(envelope: Json, programme: Programme) -> Export:
    """Return a wish to export, signed by the researcher that it names.

    Raises:
        GovernError: They are on no roster or no researcher.
        SealError: Somebody else signed it.
        DataError: It is malformed.
    """
    body = _by(envelope, "export.v1", programme, "researcher", "researcher")
    return read_form(Export, body, what="An export")


def check_export(export: Export, grant: Grant) -> None:
    """Check that a grant lets this researcher export to this recipient.

    Raises:
        GovernError: Another researcher's grant, or one that does not name what goes
            out, or names another recipient.
    """
    asked = grant.request
    if (asked.request, asked.requester) != (export.request, export.researcher):
        raise GovernError("The grant is another request's or another researcher's.")
    if export.derived not in asked.derived:
        raise GovernError(
            f"Request {asked.request} grants no export of {export.derived:.60}.",
            remedy="Ask for one that names it and the recipient: overt access request.",
        )
    if asked.export != export.recipient:
        raise GovernError(
            f"Request {asked.request} grants an export to another recipient."
        )


def sign_decision(decision: Decision, keys: list[Ed25519PrivateKey]) -> Json:
    """Return a decision signed by those who take it."""
    return sign_document("derived-decision.v1", asdict(decision), keys)


def verify_decision(envelope: Json, programme: Programme) -> Decision:
    """Return a decision that a steward and the representative have signed.

    Raises:
        SealError: One of the two has not signed it.
        GovernError: One human signed as both, or no reason is given.
        DataError: It is malformed.
    """
    kind = "derived-decision.v1"
    for role in ("steward", "representative"):
        body = verify_document(envelope, kind, _keys(programme, role))  # type: ignore[arg-type] # one of two roles
    decision = read_form(Decision, body, what="A decision")
    if not decision.reason.strip():
        raise GovernError("A decision needs a reason.")
    signed = {str(item.get("keyid")) for item in envelope["signatures"]}
    humans = {
        one.human
        for one in programme.roster
        if set(trusted_keys([public_key(one.key)])) & signed
    }
    if len(humans) < 2:
        raise GovernError("A decision takes two people.")
    return decision


def _keys(programme: Programme, role: Role) -> dict[str, object]:
    return trusted_keys([public_key(one.key) for one in programme.members(role)])  # type: ignore[return-value]


def _by(
    envelope: Json, kind: str, programme: Programme, field: str, role: Role
) -> Json:
    """Verify a document by the key of the member that it names itself."""
    members = {member.name: member for member in programme.members(role)}
    keys = [public_key(member.key) for member in members.values()]
    name = verify_document(envelope, kind, trusted_keys(keys)).get(field)
    if name not in members:
        raise GovernError(f"{name!r:.60} is no {role} of this programme.")
    own = trusted_keys([public_key(members[str(name)].key)])
    return verify_document(envelope, kind, own)
