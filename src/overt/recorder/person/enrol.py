"""Enrolment: from an invitation file to a device that knows whom to trust.

Input: an invitation, a passphrase, the vault's answers. Output: the home with keys,
the pinned programme keys, the verified programme and the receipt. The enrolment file
is written last: without it the device is not enrolled. Nothing here gives consent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from overt.protocol.consent import document_digest, verify_receipt
from overt.protocol.errors import (
    ConsentError,
    DataError,
    GovernError,
    NetworkError,
    OvertError,
    SealError,
    UsageError,
)
from overt.protocol.invitation import Invitation, parse_invitation, verify_person_key
from overt.protocol.programme import Anchor, Programme
from overt.protocol.signing import device_id, public_text, sign_document
from overt.recorder.person.home import Home, read_paper, write_paper
from overt.recorder.person.identity import Identity, lock, new_identity, unlock

if TYPE_CHECKING:
    from overt.protocol.canonical import Json
    from overt.protocol.sealing import SealingPublicKey
    from overt.recorder.person.vault_client import VaultClient


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a device has pinned.

    Attributes:
        anchor: The programme keys.
        server: Base URL of the vault.
        person: Pseudonym.
        device: Device id.
        person_key: Signed document of the person's public vault key.
    """

    anchor: Anchor
    server: str
    person: str
    device: str
    person_key: Json

    @property
    def vault_key(self) -> SealingPublicKey:
        """The person's public vault key, checked up to the programme keys."""
        return verify_person_key(self.anchor, self.person_key, self.person)


def read_invitation(body: Json, *, now_utc_s: int) -> Invitation:
    """Return an invitation that still admits.

    Raises:
        DataError: It is malformed.
        SealError: The vault key in it is not signed by its programme keys.
        GovernError: It has expired.
    """
    invitation = parse_invitation(body)
    if type(invitation.expires_utc_s) is not int:
        raise DataError("The invitation lacks something or is altered.")
    if now_utc_s >= invitation.expires_utc_s:
        raise GovernError(
            "The invitation has expired.", remedy="Ask for a new one where you got it."
        )
    return invitation


def enrol(
    home: Home, invitation: Invitation, passphrase: str, client: VaultClient
) -> Enrolment:
    """Enrol this device; nothing half-written stays when it is refused.

    If the server went away before its answer came, the papers that were sent are
    kept, and the same call again goes on from there.

    Args:
        home: Where the papers go.
        invitation: As `read_invitation` returned it.
        passphrase: Will open the keys.
        client: Calls to the invitation's server.

    Raises:
        UsageError: The device is enrolled already, or the passphrase is too short.
        SealError: The programme or the receipt is not signed by whom it should.
        NetworkError: The server is away.
    """
    if home.enrolment.exists():
        raise UsageError(
            "This device is enrolled already.",
            remedy="Set OVERT_HOME to another folder to enrol once more.",
        )
    envelope = client.programme()
    programme = _pinned(invitation, envelope)
    document, device = _register(home, invitation, passphrase)
    try:
        receipt = client.enrol(document)
        verify_receipt(receipt, programme, digest=document_digest(document))
    except NetworkError:
        raise
    except OvertError:
        home.enrolling.unlink(missing_ok=True)
        home.keys.unlink(missing_ok=True)
        raise
    write_paper(home.programme, envelope)
    keep_receipt(home, receipt, document)
    write_paper(home.enrolment, _enrolment_body(invitation, device))
    home.enrolling.unlink(missing_ok=True)
    return load_enrolment(home)


def _pinned(invitation: Invitation, envelope: Json) -> Programme:
    """Return the server's programme, if it is the one that the invitation pins.

    Raises:
        SealError: It is another.
    """
    try:
        return invitation.anchor.programme_of(envelope)
    except SealError as error:
        raise SealError(
            f"The server {invitation.server} shows another programme than the"
            f" invitation pins. {error}",
            remedy="Ask where you got the invitation; nothing was sent or kept.",
        ) from error


def _register(home: Home, invitation: Invitation, passphrase: str) -> tuple[Json, str]:
    """Return the document that registers the device, made now or sent before."""
    home.prepare()
    kept = read_paper(home.enrolling)
    if kept is not None and kept.get("code") == invitation.code:
        unlock(home, passphrase)
        return kept["document"], kept["device"]
    identity = new_identity()
    device = device_id(identity.device.public_key())
    document = _enrolment_document(invitation, identity, device)
    write_paper(home.keys, lock(identity, passphrase))
    body = {"code": invitation.code, "device": device, "document": document}
    write_paper(home.enrolling, body)
    return document, device


def _enrolment_document(
    invitation: Invitation, identity: Identity, device: str
) -> Json:
    body = {
        "programme": invitation.anchor.programme,
        "code": invitation.code,
        "person": invitation.person,
        "device": device,
        "key": public_text(identity.device.public_key()),
    }
    return sign_document("enrolment.v1", body, [identity.device])


def _enrolment_body(invitation: Invitation, device: str) -> Json:
    anchor = invitation.anchor
    return {
        "overt": "enrolled.v1",
        "anchor": {
            "programme": anchor.programme,
            "keys": list(anchor.keys),
            "threshold": anchor.threshold,
        },
        "server": invitation.server,
        "person": invitation.person,
        "device": device,
        "person_key": invitation.person_key,
    }


def load_enrolment(home: Home) -> Enrolment:
    """Return what this device has pinned.

    Raises:
        ConsentError: The device is not enrolled.
        DataError: The file is malformed.
    """
    body = read_paper(home.enrolment)
    if body is None:
        raise ConsentError(
            "This device is not enrolled.", remedy="Run: overt enrol INVITATION"
        )
    try:
        pinned = body["anchor"]
        anchor = Anchor(pinned["programme"], tuple(pinned["keys"]), pinned["threshold"])
        names = ("server", "person", "device", "person_key")
        return Enrolment(anchor, *(body[name] for name in names))
    except (KeyError, TypeError) as error:
        raise DataError("The enrolment file is malformed.") from error


def load_programme(home: Home, enrolment: Enrolment) -> Programme:
    """Return the newest programme seen, verified up to the pinned keys.

    Raises:
        ConsentError: None has been kept.
        SealError: It is not signed by the pinned keys.
    """
    envelope = read_paper(home.programme)
    if envelope is None:
        raise ConsentError("There is no programme here.", remedy="Enrol again.")
    return enrolment.anchor.programme_of(envelope)


def keep_programme(home: Home, enrolment: Enrolment, envelope: Json) -> Programme:
    """Verify a programme document and keep it if it is newer.

    Raises:
        SealError: Not signed by the pinned keys, or older than one seen before.
    """
    programme = enrolment.anchor.programme_of(envelope)
    seen = load_programme(home, enrolment)
    if programme.version < seen.version:
        raise SealError(
            f"The server shows version {programme.version} of the programme; this"
            f" device has seen version {seen.version}."
        )
    if programme.version > seen.version:
        write_paper(home.programme, envelope)
    return programme


def keep_receipt(home: Home, receipt: Json, document: Json | None = None) -> None:
    """Keep a verified receipt, with the document that it answers."""
    name = document_digest(receipt)[:32]
    write_paper(
        home.receipts / f"{name}.json", {"receipt": receipt, "document": document}
    )
