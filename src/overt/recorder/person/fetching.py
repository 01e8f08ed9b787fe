"""Fetching back: what was sent and is not here any more, from the vault to the spool.

Input: the vault's list of what it holds of this person, and its answers to own reads,
sealed to the participant's own key. Output: minutes in the spool, as sent; they play
and export like any other. Each is a read on the vault's log. What is here is not asked
for. Nothing is written in clear.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from overt.protocol.canonical import b64
from overt.protocol.errors import DataError, SealError
from overt.protocol.forms import read_form
from overt.protocol.ids import check_id, new_id
from overt.protocol.ownread import OwnRead, sign_own_read
from overt.protocol.release import open_parts, read_release
from overt.protocol.segment import encode_record, read_segment
from overt.protocol.signing import public_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from overt.protocol.release import Released
    from overt.recorder.person.enrol import Enrolment
    from overt.recorder.person.home import Home
    from overt.recorder.person.identity import Identity
    from overt.recorder.person.vault_client import VaultClient

_BATCH_BYTES = 16 << 20  # of one own read, where it is of more than one segment


@dataclass(frozen=True, slots=True)
class Held:
    """A segment that the vault holds of this person.

    Attributes:
        segment: Its id.
        device: The device that recorded it.
        day: UTC date on which it was sent.
        size_bytes: Its size, sealed.
    """

    segment: str
    device: str
    day: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Who fetches, with what, from where.

    Attributes:
        home: The participant's home.
        identity: The unlocked keys.
        enrolment: What the device has pinned.
        client: Calls to the vault.
    """

    home: Home
    identity: Identity
    enrolment: Enrolment
    client: VaultClient

    def missing(
        self, since: date | None = None, until: date | None = None
    ) -> list[Held]:
        """Return what this device sent and is not in the spool, in its order.

        Args:
            since: Sent on this day or later.
            until: Sent on this day or before.

        Raises:
            DataError: The vault's answer is malformed.
            NetworkError: The vault is away.
        """
        here = {entry.segment for entry in self.home.spool.entries()}
        return [
            one
            for one in self._held()
            if one.device == self.enrolment.device
            and one.segment not in here
            and (since is None or one.day >= since.isoformat())
            and (until is None or one.day <= until.isoformat())
        ]

    def _held(self) -> list[Held]:
        listed = self.client.own_segments().get("segments")
        if not isinstance(listed, list):
            raise DataError("The vault's list of what it holds is none.")
        held = [read_form(Held, one, what="What the vault holds") for one in listed]
        for one in held:
            check_id(one.segment, "seg")
        return held

    def fetch(self, wanted: Sequence[Held]) -> Iterator[str]:
        """Fetch segments into the spool; yield each id once it is there.

        Raises:
            GovernError: The vault refuses; it says why.
            SealError: What came does not open with the own key, or was not asked for.
            DataError: The answer broke off; what came before is kept.
            NetworkError: The vault is away.
            CaptureError: The disk is full.
        """
        for batch in _batches(wanted):
            names = tuple(one.segment for one in batch)
            here = self.enrolment
            read = self.asked(here.person, here.device, segments=names)
            answer = self.client.read_own(sign_own_read(read, self.identity.device))
            yield from self._kept(answer, read)

    def recover(self, person: str, recorded_by: str) -> Iterator[str]:
        """Fetch all that a lost device sent, by a recovery; yield each id.

        Args:
            person: The pseudonym on the lost device.
            recorded_by: Its id.

        Raises:
            GovernError: No recovery of this key opens it, or not yet.
            SealError, DataError, NetworkError, CaptureError: As of `fetch`.
        """
        after = ""
        while True:
            read = self.asked(person, recorded_by, after=after)
            answer = self.client.read_own(sign_own_read(read, self.identity.device))
            names = list(self._kept(answer, read))
            if not names or names[-1] == after:
                return
            yield from names
            after = names[-1]

    def _kept(self, answer: bytes, read: OwnRead) -> Iterator[str]:
        """Put what a release holds into the spool; yield each id."""
        _, parts = read_release(answer)
        told = [part.header for part in parts]
        names = tuple(one.segment for one in told)
        if read.segments and names != read.segments:
            raise SealError("The vault answers with other segments than asked for.")
        here = {entry.segment for entry in self.home.spool.entries()}
        opened = open_parts(answer, parts, self.identity.own)
        for header, data in zip(told, opened, strict=True):
            if header.segment not in here:
                self._keep(header, data, read.recorded_by)
            yield header.segment

    def asked(
        self,
        person: str,
        recorded_by: str,
        *,
        segments: tuple[str, ...] = (),
        after: str = "",
    ) -> OwnRead:
        """Return an own read of this device, not yet signed."""
        key, here = self.identity.device, self.enrolment
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return OwnRead(
            new_id("own"), here.anchor.programme, person, recorded_by,
            public_text(key.public_key()), b64(self.identity.own.public.raw),
            segments, after, now,
        )  # fmt: skip

    def _keep(self, told: Released, data: bytes, recorded_by: str) -> None:
        """Put an opened segment into the spool, under its own names again."""
        opened, here = read_segment(data), self.enrolment
        names = asdict(told) | {
            "device": recorded_by,
            "programme": here.anchor.programme,
        }
        header = replace(opened.header, **names)
        packed = [encode_record(record) for record in opened.records]
        self.home.spool.restore(header, self.identity.own.public, packed)


def _batches(wanted: Sequence[Held]) -> Iterator[list[Held]]:
    """Yield segments in their order, so many at a time as fit one answer."""
    batch: list[Held] = []
    size_bytes = 0
    for one in wanted:
        if batch and size_bytes + one.size_bytes > _BATCH_BYTES:
            yield batch
            batch, size_bytes = [], 0
        batch.append(one)
        size_bytes += one.size_bytes
    if batch:
        yield batch
