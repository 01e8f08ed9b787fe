"""Sending: approved segments, sealed to the person's vault key, one receipt each.

Input: approved segments of the spool. Output: their receipts; the state `sent`. A
segment is sealed once into the outbox and uploaded from there, so that an upload that
broke off is repeated with the same bytes and counts once. What was not approved never
leaves, and nothing is sent after a withdrawal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from overt.protocol.consent import Receipt, verify_receipt
from overt.protocol.errors import (
    ConsentError,
    DataError,
    NetworkError,
    OvertError,
    SealError,
)
from overt.protocol.sealing import (
    SealedHeader,
    parse_sealed,
    seal_segment,
    sealed_digest,
    verify_sealed,
)
from overt.protocol.segment import end_segment, nameless, read_segment
from overt.recorder.person.consenting import standing
from overt.recorder.person.enrol import keep_receipt
from overt.recorder.spool import SpoolState, write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from overt.protocol.programme import Programme
    from overt.recorder.person.enrol import Enrolment
    from overt.recorder.person.home import Home
    from overt.recorder.person.identity import Identity
    from overt.recorder.person.vault_client import VaultClient


BLOCK_BYTES = 64 << 10  # what leaves is padded to whole blocks of this size


@dataclass(frozen=True, slots=True)
class Sent:
    """One segment that the vault has taken in."""

    segment: str
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends, with what, whereto.

    Attributes:
        home: The participant's home.
        identity: The unlocked keys.
        enrolment: What the device has pinned.
        programme: The programme in force.
        client: Calls to the vault.
    """

    home: Home
    identity: Identity
    enrolment: Enrolment
    programme: Programme
    client: VaultClient

    def approved(self) -> list[str]:
        """Return the segments that may leave."""
        entries = self.home.spool.entries()
        return [one.segment for one in entries if one.state is SpoolState.APPROVED]

    def send(self, only: Collection[str] | None = None) -> Iterator[Sent]:
        """Send what is approved, oldest first; yield each as its receipt comes.

        Args:
            only: Of what is approved these alone; None for all.

        A segment that is refused waits and does not hold up the others.

        Raises:
            ConsentError: The participant has withdrawn, or never consented.
            NetworkError: The server is away; what was not sent waits.
            SealError: A receipt is not the vault's, or a vault key not the person's.
            OvertError: The first refusal, after all others have been sent.
        """
        now = standing(self.home, self.identity.device.public_key())
        if now.withdrawn or now.consent is None:
            raise ConsentError("Nothing is sent without consent.")
        refusal: OvertError | None = None
        for segment in self.approved():
            if only is not None and segment not in only:
                continue
            try:
                yield self._send_one(segment)
            except NetworkError:
                raise
            except OvertError as error:
                refusal = refusal or error
        if refusal is not None:
            raise refusal

    def _send_one(self, segment: str) -> Sent:
        path = self.home.outbox / f"{segment}.ovsl"
        sealed = self._waiting(path)
        if sealed is None:
            sealed = self._sealed(segment)
            write_private(path, sealed)
        answer = self.client.put_segment(segment, sealed)
        receipt = verify_receipt(answer, self.programme, digest=sealed_digest(sealed))
        if (receipt.kind, receipt.subject) != ("segment", segment):
            raise SealError(f"Receipt {receipt.receipt} is for something else.")
        keep_receipt(self.home, answer)
        self.home.spool.set_state(segment, SpoolState.SENT, answer)
        path.unlink()
        return Sent(segment, receipt)

    def _waiting(self, path: Path) -> bytes | None:
        """Return what was sealed before, if it is whole and this device's."""
        try:
            data = path.read_bytes()
            verify_sealed(parse_sealed(data), self.identity.device.public_key())
        except (FileNotFoundError, DataError, SealError):
            return None
        return data

    def _sealed(self, segment: str) -> bytes:
        data = self.home.spool.read(segment, self.identity.own)
        parsed = read_segment(data, recover=True)
        if not parsed.complete:  # as after a crash: it ends with its last commit
            data += end_segment(len(parsed.records))
            read_segment(data)
        head = parsed.header
        header = SealedHeader(
            segment, head.session, head.sequence, head.person, head.device,
            head.programme, head.consent, datetime.now(UTC).date().isoformat(),
        )  # fmt: skip
        key, device = self.enrolment.vault_key, self.identity.device
        return seal_segment(
            nameless(data), header, key, device, block_bytes=BLOCK_BYTES
        )


def send_all(sender: Sender, told: Callable[[Sent], None]) -> int:
    """Send what is approved and tell of each; return how many."""
    count = 0
    for sent in sender.send():
        told(sent)
        count += 1
    return count
