"""The policy: who may do what, decided by Cedar from files in this package.

Stage: asked by every route and before every read. In: a caller's roles, an action,
facts; out: allowed, or a raise. It fails closed: the schema is always passed, and any
diagnostic denies (Cedar itself passes over a policy that errs, `forbid` included).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import cedarpy

from overt.protocol.canonical import canonical_bytes, sha256_hex
from overt.protocol.errors import GovernError

if TYPE_CHECKING:
    from overt.protocol.canonical import Json
    from overt.protocol.programme import Programme
    from overt.vault.govern.callers import Caller


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """What the policy needs to know of a segment; each fact from signed documents.

    Attributes:
        segment: Segment id.
        erased: Whether its person is erased.
        withdrawn: Whether its consent is withdrawn.
        purposes: What its participant agrees to.
        covered: Whether the grant's cohort and fields cover it.
    """

    segment: str
    erased: bool
    withdrawn: bool
    purposes: tuple[str, ...]
    covered: bool


@cache
def sources() -> dict[str, str]:
    """Return the texts of policies and schema by file name, read once."""
    folder = resources.files("overt.vault.govern") / "policies"
    files = (file for file in folder.iterdir() if ".cedar" in file.name)
    return {file.name: file.read_text() for file in files}


def policies_digest() -> str:
    """Return the SHA-256 of policies and schema, as a programme signs it."""
    return sha256_hex(canonical_bytes(sources()))


def check_policies(programme: Programme) -> None:
    """Check that this server decides by the policies that the programme signs.

    Raises:
        GovernError: It has others, or the programme names none.
    """
    if programme.policies != policies_digest():
        raise GovernError(
            "The programme is signed for other access policies than this server has;"
            " nothing is allowed.",
            remedy="Sign the policies of this version: overt programme change.",
        )


@cache
def _parsed() -> tuple[Any, Any]:
    """Return policies and schema, parsed once and validated against each other."""
    files = sources()
    schema = files["overt.cedarschema"]
    names = sorted(name for name in files if name.endswith(".cedar"))
    text = "\n".join(files[name] for name in names)
    result = cedarpy.validate_policies(text, schema)
    if not result.validation_passed:
        raise GovernError("The policies do not fit their schema; nothing is allowed.")
    return cedarpy.PolicySet.from_str(text), cedarpy.Schema.from_str(schema)


def _uid(kind: str, name: str) -> Json:
    return {"__entity": {"type": kind, "id": name}}


def _decide(caller: Caller, action: str, resource: Json, context: Json) -> bool:
    policies, schema = _parsed()
    principal = {
        "uid": _uid("Caller", caller.name),
        "attrs": {},
        "parents": [_uid("Role", role) for role in caller.roles],
    }
    request = {
        "principal": f"Caller::{json.dumps(caller.name)}",
        "action": f"Action::{json.dumps(action)}",
        "resource": "{type}::{id}".format(
            type=resource["uid"]["__entity"]["type"],
            id=json.dumps(resource["uid"]["__entity"]["id"]),
        ),
        "context": context,
    }
    try:
        entities = json.dumps([principal, resource])
        result = cedarpy.is_authorized(request, policies, entities, schema)
    except Exception:  # noqa: BLE001 - whatever goes wrong in the engine denies
        return False
    return bool(result.allowed) and not result.diagnostics.errors


def check(caller: Caller, action: str, programme: str, *, halted: bool) -> None:
    """Check that a caller may take an action on a programme.

    Raises:
        GovernError: The policy denies it.
    """
    resource: Json = {"uid": _uid("Programme", programme), "attrs": {}, "parents": []}
    if not _decide(caller, action, resource, {"halted": halted}):
        raise GovernError(
            f"{caller.name} may not {action.replace('_', ' ')} in this programme"
            + (", which is halted." if halted else "."),
            remedy="The steward's roster says who may do what.",
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """The circumstances of a read.

    Attributes:
        halted: Whether the programme is halted.
        purpose: The grant's purpose.
        approvers: How many distinct humans approved.
        expires_s: Unix seconds at which the grant ends.
        now_s: Unix seconds now.
    """

    halted: bool
    purpose: str
    approvers: int
    expires_s: int
    now_s: int


def may_read(caller: Caller, facts: SegmentFacts, reading: Reading) -> bool:
    """Whether the policy lets a caller read one segment under a grant."""
    attributes = asdict(facts)
    name = attributes.pop("segment")
    resource: Json = {"uid": _uid("Segment", name), "attrs": attributes, "parents": []}
    return _decide(caller, "read", resource, asdict(reading))
