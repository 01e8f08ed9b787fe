"""Own reads: a participant's device asks the vault for what it has sent.

`own-read.v1` is signed by the device's key and names the participant's own key, to
which the answer is sealed. No grant stands behind it: the device's id names its key
(`device_id`), and each segment's key was sealed under a header with that id.
Specified in docs/spec/access.md.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from overt.protocol.canonical import parse_json, unb64
from overt.protocol.errors import DataError, GovernError
from overt.protocol.forms import read_form
from overt.protocol.ids import check_id
from overt.protocol.sealing import SealingPublicKey
from overt.protocol.signing import (
    device_id,
    public_key,
    public_text,
    sign_document,
    trusted_keys,
    verify_document,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from overt.protocol.canonical import Json

FRESH_S = 120  # how far the time of an own read may be from the broker's
_KIND = "own-read.v1"


@dataclass(frozen=True, slots=True)
class OwnRead:
    """What a participant's device asks for.

    Attributes:
        read: Id of this read; it is answered once.
        programme: Programme id.
        person: Pseudonym whose segments are asked for.
        recorded_by: Id of the device that recorded and signed them.
        key: The asking device's signing key, base64url.
        own: The participant's sealing public key, base64url: the answer's recipient.
        segments: Which segments; empty for all, of which a batch is answered.
        after: The segment after which a batch of all begins; empty for the first.
        given_utc: When, ISO 8601 with `Z`.
    """

    read: str
    programme: str
    person: str
    recorded_by: str
    key: str
    own: str
    segments: tuple[str, ...]
    after: str
    given_utc: str

    @property
    def device(self) -> str:
        """Id of the asking device: that of its key."""
        return device_id(public_key(self.key))

    @property
    def sealed_to(self) -> SealingPublicKey:
        """The key to which the answer is sealed.

        Raises:
            DataError: It is none.
        """
        return SealingPublicKey(unb64(self.own, what="An own key"))


def sign_own_read(read: OwnRead, key: Ed25519PrivateKey) -> Json:
    """Return the signed document.

    Raises:
        DataError: The read names another key than the one that signs.
    """
    if read.key != public_text(key.public_key()):
        raise DataError("An own read names another key than the one that signs it.")
    return sign_document(_KIND, asdict(read), [key])


def verify_own_read(envelope: Json, programme: str, *, now_utc_s: float) -> OwnRead:
    """Return an own read that is signed by the key that it names, and fresh.

    Args:
        envelope: The document.
        programme: The programme's id.
        now_utc_s: Unix seconds now.

    Raises:
        SealError: It is not signed by that key.
        GovernError: It is another programme's, or its time is off.
        DataError: It is malformed.
    """
    payload = unb64(str(envelope.get("payload")), what="An own read's payload")
    claimed = parse_json(payload, what="An own read").get("key")
    key = public_key(str(claimed))
    body = verify_document(envelope, _KIND, trusted_keys([key]))
    read = read_form(OwnRead, body, what="An own read")
    check_id(read.read, "own")
    check_id(read.person, "part")
    check_id(read.recorded_by, "dev")
    for segment in read.segments:
        check_id(segment, "seg")
    if read.after:
        check_id(read.after, "seg")
    _ = read.sealed_to
    if read.programme != programme:
        raise GovernError("The own read is for another programme.")
    if abs(utc_s(read.given_utc) - now_utc_s) > FRESH_S:
        raise GovernError("The own read's time is off; ask afresh.")
    return read


def utc_s(text: str) -> float:
    """Return a time in ISO 8601 with a time zone as Unix seconds.

    Raises:
        DataError: It is none.
    """
    try:
        given = datetime.fromisoformat(text)
    except ValueError as error:
        raise DataError("A signed document's time is not ISO 8601.") from error
    if given.tzinfo is None:
        raise DataError("A signed document's time names no time zone.")
    return given.timestamp()
