"""Which signed documents there are, and what one says before anybody trusts it.

Stage: for reports and `inspect`; decisions use the `verify_` functions. In: a DSSE
envelope; out: its kind, its body in the form that its kind must have, and the key ids
under it. It checks no signature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from overt.protocol.canonical import parse_json, unb64
from overt.protocol.consent import ConsentRecord, Lease, Receipt, Withdrawal
from overt.protocol.derived import Decision, Derived, Export
from overt.protocol.errors import DataError
from overt.protocol.forms import read_form
from overt.protocol.grants import AccessRequest, Approval
from overt.protocol.halt import HaltOrder
from overt.protocol.ownread import OwnRead
from overt.protocol.programme import Programme
from overt.protocol.recovery import Objection, Recovery
from overt.protocol.signing import TYPE_PREFIX

if TYPE_CHECKING:
    from overt.protocol.canonical import Json

# forms by kind; None: specified where it is used, not read by others
KINDS: dict[str, type[Any] | None] = {
    "programme.v1": Programme,
    "person-key.v1": None,
    "enrolment.v1": None,
    "consent.v1": ConsentRecord,
    "withdrawal.v1": Withdrawal,
    "receipt.v1": Receipt,
    "lease.v1": Lease,
    "access-request.v1": AccessRequest,
    "approval.v1": Approval,
    "halt.v1": HaltOrder,
    "derived.v1": Derived,
    "derived-decision.v1": Decision,
    "export.v1": Export,
    "own-read.v1": OwnRead,
    "own-recovery.v1": Recovery,
    "own-objection.v1": Objection,
    "exposure-agreed.v1": None,
    "console-login.v1": None,
}


def read_unverified(envelope: Json) -> tuple[str, Json, list[str]]:
    """Return kind, body and key ids of a signed document; nothing is verified.

    Raises:
        DataError: It is no envelope of a known kind, or its body has another form.
    """
    try:
        payload_type, text = str(envelope["payloadType"]), envelope["payload"]
        signers = [str(item["keyid"]) for item in envelope["signatures"]]
    except (KeyError, TypeError) as error:
        raise DataError("A signed document is not a DSSE envelope.") from error
    kind = payload_type.removeprefix(TYPE_PREFIX)
    if kind not in KINDS or not payload_type.startswith(TYPE_PREFIX):
        raise DataError(f"A document is of an unknown type {payload_type!r:.80}.")
    payload = unb64(text, what=f"The payload of a {kind} document")
    body = parse_json(payload, what=f"The payload of a {kind} document")
    form = KINDS[kind]
    if form is not None:
        read_form(form, body, what=f"A {kind} document")
    return kind, body, signers
